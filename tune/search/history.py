"""What a searcher is told and what it answers: the seam between strategies and searchers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from tune.space import Point


class Observation(NamedTuple):
    """What became of one paid point, as a searcher is told it: once for each point, and never
    corrected.

    Attributes:
        point: the paid point, whether the searcher proposed it or not. score: from 0, the worst
        that the metric can give, to 1, the best; NaN where nothing was scored
            (the trial failed): no judgement, but the point is taken.
        cost: dollars per request.
    """

    point: Point
    score: float
    cost: float


Searcher: TypeAlias = Callable[[Sequence[Observation]], Point | None]
"""A function from all tellings so far to a new paid point, or None when the space holds no other.

The tellings are append-only: every call is given those of the call before, and perhaps more behind
them. A searcher may keep what it has been fed, but a fresh one fed the same tellings proposes the
same points. Asked several times with the same tellings, it gives the first proposal, the second,
and so on: a batch. No point is proposed twice, and none that has been told. A proposal that is
never told stays taken, but a fresh searcher cannot know of it: so whoever asks tells of every
proposal, also of one that came to nothing.
"""
