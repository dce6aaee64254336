"""What all searchers do alike: remember what is taken, and ask again for what is new."""

from __future__ import annotations

import logging
import math
import random
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Protocol

from tune.errors import InputError
from tune.search.history import Observation, Searcher
from tune.search.lattice import Lattice
from tune.space import Point, Space


class Proposer(Protocol):
    """A search library behind two calls. Its proposals need not be new."""

    def learn(self, telling: Observation) -> None:
        """Take in one telling; `known` says whether it carries a judgement."""
        ...

    def propose(self, asked: int) -> Point | None:
        """Propose a point, or None where the library has none to give.

        Args:
            asked: proposals already given since the last telling.
        """
        ...


class LimitedSearcher:
    """A searcher that proposes at most so many points in all; `refused` says whether it was asked
    for more.

    Args:
        searcher: whose proposals they are.
        most: how many; None is no limit.
    """

    def __init__(self, searcher: Searcher, most: int | None) -> None:
        self._searcher, self._most, self._asked = searcher, most, 0
        self.refused = False

    def __call__(self, tellings: Sequence[Observation]) -> Point | None:
        """What the searcher proposes, or None once there were enough."""
        if self._most is not None and self._asked >= self._most:
            self.refused = True
            return None
        self._asked += 1
        return self._searcher(tellings)


def is_scored(telling: Observation) -> bool:
    """Whether a telling carries a judgement: a failed trial's does not."""
    return math.isfinite(telling.score) and math.isfinite(telling.cost)


def missing_package(searcher: str, package: str) -> InputError:
    """The error for a searcher whose package is not installed."""
    extra = (
        "pip install 'tune-llm[search]'"
        if package in ("flaml", "optuna")
        else f"pip install {package}"
    )
    return InputError(
        f"the searcher {searcher!r} needs the package {package}, which is not installed: {extra}"
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Without what the libraries log and warn about on their way: studies made, features called
    experimental.

    Levels are put back afterwards, for users of the same libraries in the same process.
    """
    with warnings.catch_warnings(), ExitStack() as stack:
        warnings.simplefilter("ignore")
        for name in ("optuna", "flaml.tune"):
            logger = logging.getLogger(name)
            stack.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.ERROR)
        yield


def follow_space(
    space: Space, free: Sequence[str], make: Callable[[Lattice], Searcher]
) -> Searcher:
    """The searcher that `make` makes of the space's lattice, and makes anew when the space has
    changed.

    Spaces change while they are searched: a model that refuses a setting loses that dimension, or
    values of it.
    """
    shape: object = None
    searcher: Searcher
    proposed: set[Point] = set()

    def ask(history: Sequence[Observation]) -> Point | None:
        nonlocal shape, searcher
        now = [list(space.paid(model, free).items()) for model in space.models]
        if now != shape:
            shape, searcher = now, make(Lattice(space, free))
        point = searcher(history)
        while point in proposed:
            # Proposed before the space changed, and not told yet.
            point = searcher(history)
        if point is not None:
            proposed.add(point)
        return point

    return ask


def propose_in_order(points: Iterable[Point]) -> Searcher:
    """The searcher that proposes these points in their order, each once, whatever it is told."""
    ahead = iter(points)
    taken: set[Point] = set()
    fed = 0

    def ask(history: Sequence[Observation]) -> Point | None:
        nonlocal fed
        taken.update(telling.point for telling in history[fed:])
        fed = len(history)
        for point in ahead:
            if point not in taken:
                taken.add(point)
                return point
        return None

    return ask


class UniqueSearcher:
    """A searcher made of a proposer: its first proposals spread over the space, and none comes
    twice.

    Proposals are a function of the seed, of the history and of how many were asked for since it
    last grew, as long as every proposal is told in the end. Where the proposer wants a point that
    is taken, a neighbour that is not is proposed; where there is none, the next of `spread`.

    Args:
        proposer: the library.
        lattice: its points.
        spread: every point of the space once, evenly dealt; see `tune.search.random_search.spread_points`.
        seed: of the choice between neighbours.
        startup: how many points come from `spread` before the proposer is asked at all.
    """

    def __init__(
        self,
        proposer: Proposer,
        lattice: Lattice,
        spread: Iterable[Point],
        *,
        seed: int,
        startup: int = 0,
    ) -> None:
        self._proposer = proposer
        self._lattice = lattice
        self._spread = iter(spread)
        self._seed = seed
        self._startup = startup
        self._taken: set[Point] = set()
        self._fed = 0
        self._asked = 0

    def __call__(self, history: Sequence[Observation]) -> Point | None:
        """Propose a point that is new; see `tune.search.history.Searcher`."""
        with quiet():
            for telling in history[self._fed :]:
                self._taken.add(telling.point)
                self._proposer.learn(telling)
                self._asked = 0
            self._fed = len(history)
            point = self._propose()
        if point is not None:
            self._taken.add(point)
            self._asked += 1
        return point

    def _propose(self) -> Point | None:
        point = None
        if self._fed + self._asked >= self._startup and self._lattice.keys:
            point = self._proposer.propose(self._asked)
        if point in self._taken:
            point = self._neighbour(point)
        return point or next((p for p in self._spread if p not in self._taken), None)

    def _neighbour(self, point: Point) -> Point | None:
        near = [p for p in dict.fromkeys(self._lattice.neighbours(point)) if p not in self._taken]
        return (
            random.Random(f"{self._seed}/{self._fed}/{self._asked}").choice(near) if near else None
        )
