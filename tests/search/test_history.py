"""The history that searchers are told: the same history gives the same proposals."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.searching import (
    SPACES,
    USABLE,
    plain,
    play,
    price,
    tiny,
    told,
)
from tune.search import SEARCHERS, Observation
from tune.space import FREE, Point


@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(
    batches=st.lists(st.integers(1, 5), min_size=1, max_size=6),
    seed=st.integers(0, 5),
    scores=st.lists(
        st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0, math.nan]), min_size=30, max_size=30
    ),
)
@pytest.mark.parametrize("where", ["plain", "conditional", "all paid"])
@pytest.mark.parametrize("name", USABLE)
def test_a_fresh_searcher_fed_the_history_proposes_what_the_old_one_does(
    name: str, where: str, batches: list[int], seed: int, scores: list[float]
) -> None:
    make, free = SPACES[where]
    old = SEARCHERS[name](make(), free, seed)
    history = [
        told(
            Point(
                {
                    "model": "small",
                    "prompt": "long",
                    "temperature": 0.5,
                    "n": 1,
                    "max_tokens": 64,
                }
            )
        )
    ]
    for batch in batches:
        points = [old(history) for _ in range(batch)]
        for point in points:
            if point is not None:
                history = [
                    *history,
                    Observation(point, scores[len(history) - 1], price(point)),
                ]
    fresh = SEARCHERS[name](make(), free, seed)
    assert [fresh(history) for _ in range(3)] == [old(history) for _ in range(3)]


@pytest.mark.parametrize("name", USABLE)
def test_a_history_fed_in_pieces_is_as_good_as_fed_at_once(name: str) -> None:
    history = play(SEARCHERS[name](plain(), FREE, 7), 24)
    at_once, piecewise = (SEARCHERS[name](plain(), FREE, 7) for _ in range(2))
    for cut in (5, 6, 13):
        piecewise(history[:cut])
    # What it was asked on the way was in the history, so it is not taken twice.
    assert piecewise(history) == at_once(history)


@pytest.mark.parametrize("name", USABLE)
def test_several_asks_before_a_telling_give_a_batch_of_different_points(
    name: str,
) -> None:
    searcher = SEARCHERS[name](plain(), FREE, 2)
    history = play(searcher, 14)
    batch = [searcher(history) for _ in range(8)]
    assert None not in batch
    assert len({*batch, *(telling.point for telling in history)}) == 22


@pytest.mark.parametrize("name", USABLE)
def test_what_was_proposed_stays_taken_until_it_is_told(name: str) -> None:
    searcher = SEARCHERS[name](tiny(), FREE, 0)
    first, second = searcher([]), searcher([])
    assert first is not None
    later = [searcher([told(first)]) for _ in range(3)]
    assert second not in later
    assert Counter(p is None for p in later) == {False: 2, True: 1}


@pytest.mark.parametrize("name", USABLE)
def test_points_that_nobody_proposed_are_taken_in_and_never_proposed(name: str) -> None:
    space = tiny()
    strangers = [
        Point(
            {"model": "small", "prompt": "plain", "temperature": 0.5}
        ),  # a point of the space
        Point(
            {"model": "small", "prompt": "plain"}
        ),  # at the provider's default temperature
        Point(
            {"model": "small", "prompt": "plain", "temperature": 0.33}
        ),  # off the grid
        Point(
            {"model": "small", "prompt": "gone", "temperature": 0.5}
        ),  # no such prompt
        Point({"model": "gone", "prompt": "plain"}),  # no such model
    ]
    history = [Observation(point, 0.9, 1e-3) for point in strangers]
    searcher = SEARCHERS[name](space, FREE, 0)
    found = []
    while (point := searcher(history)) is not None:
        found.append(point)
        history.append(told(point))
    assert len(found) == 3
    assert strangers[0] not in found
