"""Garbage is looked for less often while calls are in flight, and as before afterwards."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from tune.study.collector import rare_collections


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    yield
    gc.set_threshold(*before)


def test_blocks_side_by_side_share_the_setting_and_the_last_one_takes_it_back() -> None:
    first, second = rare_collections(), rare_collections()
    with first:
        second.__enter__()
        assert gc.get_threshold()[0] > 700
    assert gc.get_threshold()[0] > 700
    second.__exit__(None, None, None)
    assert gc.get_threshold() == (700, 10, 10)


def test_the_setting_comes_back_after_a_fault() -> None:
    with pytest.raises(ZeroDivisionError), rare_collections():
        raise ZeroDivisionError
    assert gc.get_threshold() == (700, 10, 10)


@pytest.mark.parametrize("young", [0, 10**6])
def test_a_setting_that_is_rarer_or_off_stays(young: int) -> None:
    gc.set_threshold(young, 10, 10)
    with rare_collections():
        assert gc.get_threshold() == (young, 10, 10)
