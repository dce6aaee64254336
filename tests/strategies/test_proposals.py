"""Proposals: the baseline first, each point begun once, and points that come again."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from tune.fakes.race import World, problem
from tune.search import Observation
from tune.space import Point
from tune.strategies.proposals import REPEATS, Proposals
from tune.strategies.race import Race

COLD = Point({"model": "m", "prompt": "p", "temperature": 0.0})
HOT = Point({"model": "m", "prompt": "p", "temperature": 1.0})


class Replaying:
    """A searcher that proposes given points in turn, and counts how often it is asked."""

    def __init__(self, points: Iterator[Point | None]) -> None:
        self._points = points
        self.asked = 0

    def __call__(self, history: Sequence[Observation]) -> Point | None:
        self.asked += 1
        return next(self._points, None)


def proposals(searcher: Replaying, baseline: Point | None = None) -> Proposals:
    return Proposals(Race(problem(baseline=baseline), 1.0), searcher)


def test_the_baseline_comes_first_and_is_not_proposed_again() -> None:
    searcher = Replaying(iter([COLD, HOT]))
    fresh = proposals(searcher, baseline=COLD)
    assert fresh.next() == COLD
    assert searcher.asked == 0
    assert fresh.next() == HOT
    assert fresh.next() is None


def test_a_point_that_was_put_back_comes_next() -> None:
    fresh = proposals(Replaying(iter([COLD, HOT])))
    first = fresh.next()
    assert first == COLD
    fresh.put_back(first)
    assert [fresh.next(), fresh.next(), fresh.next()] == [COLD, HOT, None]


def test_a_searcher_that_repeats_itself_counts_as_exhausted() -> None:
    searcher = Replaying(itertools.repeat(COLD))
    fresh = proposals(searcher)
    assert fresh.next() == COLD
    assert fresh.next() is None
    assert searcher.asked == 1 + REPEATS


def test_a_searcher_that_has_nothing_left_is_asked_no_more_than_once_a_time() -> None:
    asked: list[int] = []

    def exhausted(history: Sequence[Observation]) -> None:
        asked.append(len(history))

    world = World()
    proposals = Proposals(Race(world.problem(), 1.0), exhausted)
    assert proposals.next() is not None or asked == [
        0
    ]  # the baseline, where there is one
    before = len(asked)
    assert [proposals.next() for _ in range(5)] == [None] * 5
    assert len(asked) == before + 5
