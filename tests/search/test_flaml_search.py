"""FLAML's searchers."""

from __future__ import annotations

import sys

import pytest

from tests.support.searching import (
    plain,
    play,
    tiny,
    told,
)
from tune.errors import InputError
from tune.search import SEARCHERS
from tune.search.flaml_search import blendsearch, cfo
from tune.space import FREE


def test_blendsearch_without_optuna_says_so_and_cfo_does_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # FLAML remembers whether Optuna was there when it was first imported.
    assert SEARCHERS["blendsearch"](tiny(), FREE, 0)([]) is not None
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(InputError, match="'blendsearch' needs the package optuna"):
        SEARCHERS["blendsearch"](tiny(), FREE, 0)
    assert SEARCHERS["cfo"](tiny(), FREE, 0)([]) is not None


def test_it_begins_with_the_same_settings_on_every_model() -> None:
    """As EcoOptiGen does; what differs is the model alone."""
    points = [
        observation.point for observation in play(blendsearch(plain(), FREE, 3), 2)
    ]
    assert {point["model"] for point in points} == {"small", "large"}
    rest = [
        {name: v for name, v in point.items() if name != "model"} for point in points
    ]
    assert rest[0] == rest[1]


def test_a_batch_comes_from_a_copy_and_leaves_the_search_as_it_was() -> None:
    """The search itself is asked once between two results, however many are proposed."""
    one, many = cfo(plain(), FREE, 0), cfo(plain(), FREE, 0)
    first = one([])
    batch = [many([]) for _ in range(3)]
    assert batch[0] == first
    assert len(set(batch)) == 3
    assert first is not None
    assert one([told(first)]) is not None
