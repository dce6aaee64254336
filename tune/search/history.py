"""The seam between strategies and searchers: what a searcher is told, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from tune.space import Point


class Observation(NamedTuple):
    """The result of one paid point, as a searcher is told it: once, and never corrected.

    Attributes:
        point: the paid point, whether the searcher proposed it or not.
        score: from 0, the worst that the metric can give, to 1, the best. NaN where nothing was
            scored (the trial failed): no judgement, but the point is taken.
        cost: dollars per request.
    """

    point: Point
    score: float
    cost: float


Searcher: TypeAlias = Callable[[Sequence[Observation]], Point | None]
"""A function from all observations so far to a new paid point, or None when there is no other.

The history is append-only: every call is given the observations of the call before, and perhaps
more behind them. A searcher may keep what it has been told, but a fresh one with the same history
proposes the same points. Asked several times with the same history, it gives the first proposal,
the second, and so on: a batch. No point is proposed twice, and none that has been observed.

A proposal that is never observed stays taken, but a fresh searcher cannot know of it. So the caller
adds an observation for every proposal, also for one that came to nothing.
"""
