"""Parts that all searchers share: they remember what is taken, and ask again for what is new."""

from __future__ import annotations

import logging
import math
import random
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Protocol

from tune.errors import InputError, install_command
from tune.search.history import Observation, Searcher
from tune.search.lattice import Lattice
from tune.space import Point, Space


class Proposer(Protocol):
    """A search library behind two calls. Its proposals need not be new."""

    def learn(self, observation: Observation) -> None:
        """Take in one observation; `is_scored` says whether it carries a judgement."""
        ...

    def propose(self, asked: int) -> Point | None:
        """Propose a point, or None where the library has none to give.

        Args:
            asked: number of proposals since the last observation.
        """
        ...


class LimitedSearcher:
    """A searcher that proposes at most so many points in all.

    Args:
        searcher: makes the proposals.
        most: how many; None is no limit.

    Attributes:
        refused: whether it was asked for more.
    """

    def __init__(
        self,
        searcher: Searcher,
        most: int | None,
    ) -> None:
        self._searcher = searcher
        self._most = most
        self._asked = 0
        self.refused = False

    def __call__(self, history: Sequence[Observation]) -> Point | None:
        """Return the searcher's proposal, or None once there were enough."""
        # Remembered, so that the report can say that the limit on trials ended the search.
        if self._most is not None and self._asked >= self._most:
            self.refused = True
            return None
        self._asked += 1
        return self._searcher(history)


def is_scored(observation: Observation) -> bool:
    """Return whether an observation carries a judgement: a failed trial's does not."""
    return math.isfinite(observation.score) and math.isfinite(observation.cost)


def missing_package(searcher: str, package: str) -> InputError:
    """Return the error for a searcher whose package is not installed."""
    command = f"run `pip install {package}`"
    if package in ("flaml", "optuna"):
        command = install_command("search")
    return InputError(
        f"the searcher {searcher!r} needs the package {package}, which is not installed: {command}"
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Silence what the libraries log and warn about: studies made, features called experimental.

    Levels are restored afterwards, for users of the same libraries in the same process.
    """
    with warnings.catch_warnings(), ExitStack() as stack:
        warnings.simplefilter("ignore")
        for name in ("optuna", "flaml.tune"):
            logger = logging.getLogger(name)
            # The user's own level comes back even if the search raises.
            stack.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.ERROR)
        yield


def follow_space(
    space: Space,
    free: Sequence[str],
    make: Callable[[Lattice], Searcher],
) -> Searcher:
    """Return a searcher that is made again whenever the space has changed.

    Spaces change while they are searched: a model that refuses a setting loses that dimension, or
    values of it.

    Args:
        space: what is searched.
        free: names of the free dimensions.
        make: makes a searcher of the space's lattice.
    """
    state: object = None
    shape: object = None
    searcher: Searcher
    proposed: set[Point] = set()

    def ask(history: Sequence[Observation]) -> Point | None:
        nonlocal state, shape, searcher
        # Compared by value: the space object is the same, and changes in place.
        before, state = state, space.state()
        if state != before:
            now = [list(space.paid(model, free).items()) for model in space.models]
            # A change of a free dimension changes no point.
            if now != shape:
                shape = now
                searcher = make(Lattice(space, free))
        point = searcher(history)
        # The new searcher does not know what was proposed before the change and not observed yet.
        while point in proposed:
            point = searcher(history)
        if point is not None:
            proposed.add(point)
        return point

    return ask


def propose_in_order(points: Iterable[Point]) -> Searcher:
    """Return a searcher that proposes these points in their order, each once."""
    ahead = iter(points)
    taken: set[Point] = set()
    fed = 0

    def ask(history: Sequence[Observation]) -> Point | None:
        nonlocal fed
        # Only the new part: histories grow, and searchers are asked often.
        taken.update(observation.point for observation in history[fed:])
        fed = len(history)
        for point in ahead:
            if point not in taken:
                taken.add(point)
                return point
        return None

    return ask


class UniqueSearcher:
    """A searcher made of a proposer: its first proposals cover the space, and none comes twice.

    Proposals are a function of the seed, of the history and of how many were asked for since it
    last grew, as long as every proposal is observed in the end. Where the proposer wants a point
    that is taken, a neighbour that is not is proposed. Where there is none, it is the next of
    `spread`.

    Args:
        proposer: the library.
        lattice: its points.
        spread: every point of the space once, evenly dealt; see
            `tune.search.random_search.spread_points`.
        seed: of the choice between neighbours.
        startup: number of points that come from `spread` before the proposer is asked at all.
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
            for observation in history[self._fed :]:
                self._taken.add(observation.point)
                self._proposer.learn(observation)
                self._asked = 0
            self._fed = len(history)
            point = self._propose()
        if point is not None:
            self._taken.add(point)
            self._asked += 1
        return point

    def _propose(self) -> Point | None:
        point = None
        # A lattice without axes has one point; libraries refuse an empty space.
        if self._fed + self._asked >= self._startup and self._lattice.keys:
            point = self._proposer.propose(self._asked)
        if point in self._taken:
            point = self._neighbour(point)
        return point or self._next_of_spread()

    def _next_of_spread(self) -> Point | None:
        for point in self._spread:
            if point not in self._taken:
                return point
        return None

    def _neighbour(self, point: Point) -> Point | None:
        """Return a neighbour that is not taken, or None."""
        # The lattice may have a point as a neighbour in two ways.
        near = []
        # dict.fromkeys keeps the order, so that the choice below depends on the seed alone.
        for neighbour in dict.fromkeys(self._lattice.neighbours(point)):
            if neighbour not in self._taken:
                near.append(neighbour)
        if not near:
            return None
        return random.Random(f"{self._seed}/{self._fed}/{self._asked}").choice(near)
