"""Fresh points for a search: proposed by a searcher, each begun once."""

from __future__ import annotations

from tune.search.history import Searcher
from tune.space import Point
from tune.strategies.race import Race

REPEATS = 100
"""Proposals of points that were begun already, after which a searcher counts as exhausted."""


class Proposals:
    """Fresh points from a searcher, the baseline first.

    A point that there was no money for can be put back and comes again.

    Attributes:
        exhausted: whether the searcher had no other point.
    """

    exhausted = False

    def __init__(
        self,
        race: Race,
        searcher: Searcher,
    ) -> None:
        self._race = race
        self._searcher = searcher
        self._again: list[Point] = []
        # The baseline comes first: each later point is compared with it.
        if race.problem.baseline is not None:
            self._again.append(race.problem.baseline)
        self._begun: set[Point | None] = set(self._again)

    def next(self) -> Point | None:
        """Return the next point, or None when there is no other."""
        if self._again:
            return self._again.pop()
        # A searcher that was not told of a point may propose it again.
        for _ in range(REPEATS):
            point = self._searcher(self._race.history)
            if point is None or point not in self._begun:
                self._begun.add(point)
                self.exhausted = point is None
                return point
        self.exhausted = True
        return None

    def put_back(self, point: Point) -> None:
        """Have a point that was not begun come next."""
        self._again.append(point)
