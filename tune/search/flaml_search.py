"""FLAML's searchers: BlendSearch, which EcoOptiGen was built on, and the local search CFO."""

from __future__ import annotations

import copy
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from tune.search.history import Observation, Searcher
from tune.search.lattice import MODEL, Axis, Lattice
from tune.search.random_search import spread_points
from tune.search.searcher import (
    UniqueSearcher,
    follow_space,
    is_scored,
    missing_package,
    quiet,
)
from tune.space import Point, Space

if TYPE_CHECKING:
    from flaml.tune.searcher.blendsearch import BlendSearch

_TRIES = 4
"""Times that FLAML is asked for one proposal.

It answers None whenever it meets a point that it has seen. In small spaces that is most of the
time, and each try leaves a trial behind in Optuna's study.
"""

_MICRODOLLARS = 1e6
"""FLAML takes every cost below 1 for 1, so dollars per request would all look alike to it."""


def blendsearch(
    space: Space,
    free: Sequence[str],
    seed: int,
) -> Searcher:
    """Search with BlendSearch (Wang et al., ICLR 2021): TPE proposes a start, FLOW2 walks from it.

    Raises:
        InputError: flaml or optuna is not installed.
    """
    return _searcher(
        "blendsearch", "BlendSearch", space, free, seed, needs=("flaml", "optuna")
    )


def cfo(
    space: Space,
    free: Sequence[str],
    seed: int,
) -> Searcher:
    """Search with CFO (Wu et al., AAAI 2021): the local search FLOW2, restarted when converged.

    Raises:
        InputError: flaml is not installed.
    """
    return _searcher("cfo", "CFO", space, free, seed, needs=("flaml",))


def _searcher(
    name: str,
    kind: str,
    space: Space,
    free: Sequence[str],
    seed: int,
    *,
    needs: tuple[str, ...],
) -> Searcher:
    for package in needs:
        try:
            with quiet():
                # FLAML warns on import that its AutoML part is not installed; only its searchers
                # are wanted.
                __import__(package)
        except ImportError:
            raise missing_package(name, package) from None
    from flaml.tune.searcher import blendsearch as module

    def make(lattice: Lattice) -> Searcher:
        search = _begin(getattr(module, kind), lattice, seed)
        return UniqueSearcher(
            _FlamlProposer(lattice, search),
            lattice,
            spread_points(lattice, seed),
            seed=seed,
        )

    return follow_space(space, free, make)


def _begin(
    kind: type[BlendSearch],
    lattice: Lattice,
    seed: int,
) -> BlendSearch:
    """Return a search that begins with the same settings on every model, as EcoOptiGen does."""
    # FLAML's own start is the middle of the space; a random one depends on the seed.
    rng = random.Random(f"flaml/{seed}")
    # One random start for all models, so that they differ in the model alone at first.
    first = {key: rng.randrange(len(axis.values)) for key, axis in lattice.keys.items()}
    starts = [first]
    if MODEL in lattice.keys:
        # FLAML would otherwise spend its first walk on whichever model it draws.
        starts = [first | {MODEL: number} for number in range(len(lattice.models))]
    rng.shuffle(starts)
    with quiet():
        return kind(
            metric="score",
            mode="max",
            space={key: _domain(axis) for key, axis in lattice.keys.items()},
            points_to_evaluate=starts,
            cost_attr="cost",
            seed=seed,
        )


def _domain(axis: Axis) -> Any:
    from flaml import tune

    if axis.ordered:
        return tune.randint(0, len(axis.values))
    return tune.choice(list(range(len(axis.values))), order=False)


class _Proposal(NamedTuple):
    name: str
    config: dict[str, int]
    point: Point


class _FlamlProposer:
    """A FLAML search that is a function of the history.

    The search itself has one proposal out at a time, and is told its result before it makes the
    next, as it was built to be used. The rest of a batch comes from a copy of it, in which the
    earlier proposals are still running. Their results, and those of points that it did not propose,
    reach the search as finds of its global part, from which it may start a new local search.
    """

    def __init__(
        self,
        lattice: Lattice,
        search: BlendSearch,
    ) -> None:
        self._lattice = lattice
        self._search = search
        self._observed: dict[Point, Observation] = {}
        self._out: _Proposal | None = None
        self._asked = False
        self._ahead: BlendSearch | None = None
        self._dry = False
        self._names = 0

    def learn(self, observation: Observation) -> None:
        out = self._next()
        # The copy is out of date as soon as the history grows.
        self._ahead = None
        self._dry = False
        if out is not None and out.point == observation.point:
            _complete(self._search, out, observation)
            self._out = None
        # A failed trial of a foreign point teaches FLAML nothing.
        elif is_scored(observation):
            indexes = self._lattice.indexes(observation.point)
            if indexes is not None:
                config = {key: indexes.get(key, 0) for key in self._lattice.keys}
                _complete(
                    self._search,
                    _Proposal(self._name(), config, observation.point),
                    observation,
                )
        self._observed[observation.point] = observation
        self._asked = self._out is not None

    def propose(self, asked: int) -> Point | None:
        if asked == 0:
            out = self._next()
            return out.point if out else None
        if self._ahead is None:
            # A copy, because FLAML cannot take back a proposal.
            self._ahead = copy.deepcopy(self._search)
        # Once the copy has nothing new, it will have nothing for the rest of the batch either.
        proposal = None if self._dry else self._ask(self._ahead, 1)
        self._dry = proposal is None
        return proposal.point if proposal else None

    def _next(self) -> _Proposal | None:
        """Return the proposal that is out.

        The search is asked for one only once between two observations.
        """
        if not self._asked:
            self._asked = True
            self._out = self._ask(self._search, _TRIES)
        return self._out

    def _ask(
        self,
        search: BlendSearch,
        tries: int,
    ) -> _Proposal | None:
        """Return the next proposal that was not observed yet, or None.

        Of one that was, the search is told the result again at once.
        """
        for _ in range(tries):
            name = self._name()
            config = search.suggest(name)
            if config is None:
                continue
            proposal = _Proposal(
                name,
                config,
                self._lattice.point({key: int(i) for key, i in config.items()}),
            )
            if proposal.point not in self._observed:
                return proposal
            _complete(search, proposal, self._observed[proposal.point])
        return None

    def _name(self) -> str:
        self._names += 1
        return f"{self._names}"


def _complete(
    search: BlendSearch,
    proposal: _Proposal,
    observation: Observation,
) -> None:
    result = None
    if is_scored(observation):
        config = {f"config/{key}": value for key, value in proposal.config.items()}
        # FLAML reads the config back from the result under these names.
        result = {
            "score": observation.score,
            "cost": observation.cost * _MICRODOLLARS,
            **config,
        }
    search.on_trial_complete(proposal.name, result, error=result is None)
