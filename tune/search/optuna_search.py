"""Optuna's samplers as searchers: TPE, NSGA-II and a Gaussian process."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

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
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import Trial

STARTUP = 10
"""Points that are spread over the space before TPE and the Gaussian process are asked."""

POPULATION = 12
"""Points in a generation of NSGA-II. A search for money sees tens of points, not thousands."""


def tpe(
    space: Space,
    free: Sequence[str],
    seed: int,
) -> Searcher:
    """Search with the tree-structured Parzen estimator (Bergstra et al. 2011).

    It is multivariate, and a model's own dimensions are a group of their own.

    Raises:
        InputError: optuna is not installed.
    """

    def sampler(seed: int) -> BaseSampler:
        from optuna.samplers import TPESampler

        return TPESampler(seed=seed, n_startup_trials=1, multivariate=True, group=True)

    return _searcher(
        "tpe", space, free, seed, sampler, startup=STARTUP, conditional=True
    )


def nsga2(
    space: Space,
    free: Sequence[str],
    seed: int,
) -> Searcher:
    """Search with NSGA-II (Deb et al. 2002) for two goals, the score and the cost per request.

    It searches the whole frontier.

    Raises:
        InputError: optuna is not installed.
    """

    def sampler(seed: int) -> BaseSampler:
        from optuna.samplers import NSGAIISampler

        return NSGAIISampler(seed=seed, population_size=POPULATION)

    return _searcher(
        "nsga2", space, free, seed, sampler, startup=POPULATION, costs=True
    )


def gp(
    space: Space,
    free: Sequence[str],
    seed: int,
) -> Searcher:
    """Search by expected improvement under a Gaussian process that allows for noisy scores.

    Raises:
        InputError: optuna, or torch or scipy, which its Gaussian process is made of, is not
        installed.
    """
    for package in ("torch", "scipy"):
        try:
            __import__(package)
        except ImportError:
            raise missing_package("gp", package) from None

    def sampler(seed: int) -> BaseSampler:
        from optuna.samplers import GPSampler

        return GPSampler(seed=seed, n_startup_trials=1, deterministic_objective=False)

    return _searcher("gp", space, free, seed, sampler, startup=STARTUP)


def _searcher(
    name: str,
    space: Space,
    free: Sequence[str],
    seed: int,
    sampler: Callable[[int], BaseSampler],
    *,
    startup: int,
    conditional: bool = False,
    costs: bool = False,
) -> Searcher:
    try:
        import optuna  # noqa: F401
    except ImportError:
        raise missing_package(name, "optuna") from None

    def make(lattice: Lattice) -> Searcher:
        apart = conditional and len(set(lattice.axes.values())) > 1
        proposer = _OptunaProposer(
            lattice, seed, sampler, conditional=apart, costs=costs
        )
        return UniqueSearcher(
            proposer, lattice, spread_points(lattice, seed), seed=seed, startup=startup
        )

    return follow_space(space, free, make)


class _OptunaProposer:
    """An Optuna study that is a function of the history.

    Observations go in as finished trials, in their order. Proposals that were not observed yet stay
    as running trials, and samplers that can keep away from them. Each proposal has a sampler of its
    own, whose seed follows from the numbers of observations and proposals. So no hidden state of a
    sampler outlives its proposal.

    Args:
        lattice: the points.
        seed: of all samplers' seeds.
        sampler: makes a sampler from a seed.
        conditional: whether only the dimensions of the model that was drawn first are asked for.
            Else every axis is, and those that the model does not have count as 0.
        costs: whether the cost per request is a second goal.
    """

    def __init__(
        self,
        lattice: Lattice,
        seed: int,
        sampler: Callable[[int], BaseSampler],
        *,
        conditional: bool,
        costs: bool,
    ) -> None:
        import optuna

        self._lattice = lattice
        self._seed = seed
        self._sampler = sampler
        self._conditional = conditional
        self._costs = costs
        self._distributions = {
            key: _distribution(axis) for key, axis in lattice.keys.items()
        }
        self._running: dict[Point, Trial] = {}
        self._observed: set[Point] = set()
        self._finished = 0
        with quiet():
            self._study = optuna.create_study(
                directions=["maximize", "minimize"] if costs else ["maximize"]
            )

    def learn(self, observation: Observation) -> None:
        from optuna.trial import TrialState

        self._observed.add(observation.point)
        # A running trial cannot take a result that its sampler did not see, so it ends as failed,
        # and the result enters as a trial of its own below.
        running = self._running.pop(observation.point, None)
        if running is not None:
            self._study.tell(running, state=TrialState.FAIL)
        indexes = self._lattice.indexes(observation.point)
        if indexes is None or not is_scored(observation):
            return
        self._add_trial(observation, indexes)
        self._finished += 1
        if self._costs and self._finished % POPULATION == 0:
            self._choose_parents()

    def _add_trial(self, observation: Observation, indexes: Mapping[str, int]) -> None:
        """Add a finished trial to the study."""
        from optuna.trial import create_trial

        params: dict[str, int] = {}
        distributions: dict[str, BaseDistribution] = {}
        for key, distribution in self._distributions.items():
            # A sampler that does not know conditions needs a value on every axis.
            if key in indexes or not self._conditional:
                params[key] = indexes.get(key, 0)
                distributions[key] = distribution
        values = [observation.score]
        attributes = dict[str, int]()
        if self._costs:
            values.append(observation.cost)
            # NSGA-II reads a trial's generation off this attribute and knows none without it.
            attributes["NSGAIISampler:generation"] = self._finished // POPULATION
        self._study.add_trial(
            create_trial(
                values=values,
                params=params,
                distributions=distributions,
                system_attrs=attributes,
            )
        )

    def _choose_parents(self) -> None:
        """Have the next generation's parents chosen now, by a trial for nothing.

        Optuna chooses them at the first ask of a generation, and has them in another order then
        than when it reads them back later. Proposals would depend on when it was asked before.
        """
        from optuna.trial import TrialState

        # Any seed will do: the proposal is thrown away.
        self._study.sampler = self._sampler(0)
        self._study.tell(self._study.ask(self._distributions), state=TrialState.FAIL)

    def propose(self, asked: int) -> Point | None:
        from optuna.trial import TrialState

        # The seed depends on the place in the history alone, so that a resumed search proposes the
        # same.
        moment = f"{self._seed}/{len(self._observed)}/{asked}"
        # Python's hash of a string differs between processes; a checksum does not.
        self._study.sampler = self._sampler(zlib.crc32(moment.encode()))
        trial = self._study.ask(None if self._conditional else self._distributions)
        if self._conditional:
            _suggest(trial, self._lattice)
        point = self._lattice.point(trial.params)
        # Samplers repeat points in small spaces.
        if point in self._running or point in self._observed:
            self._study.tell(trial, state=TrialState.FAIL)
        else:
            self._running[point] = trial
        return point


def _suggest(trial: Trial, lattice: Lattice) -> None:
    """Have a trial draw the model, and then a value on each axis that the model has."""
    model = 0
    # An axis with one value is no axis of the lattice.
    if MODEL in lattice.keys:
        model = trial.suggest_categorical(MODEL, range(len(lattice.models)))
    for axis in lattice.axes[lattice.models[model]]:
        last = len(axis.values) - 1
        if axis.key not in lattice.keys:
            continue
        if axis.ordered:
            trial.suggest_int(axis.key, 0, last)
        else:
            trial.suggest_categorical(axis.key, range(last + 1))


def _distribution(axis: Axis) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, IntDistribution

    last = len(axis.values) - 1
    if axis.ordered:
        return IntDistribution(0, last)
    return CategoricalDistribution(range(last + 1))
