"""SMAC3 itself (package `smac`) as a rival: its forest, its race and its records, asked and told at
our meter.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks.rivals.contest import PATIENCE, Contest, Waves
from tune.readout.trial import Step
from tune.search.history import Searcher
from tune.search.lattice import MODEL, Axis, Lattice
from tune.search.searcher import propose_in_order
from tune.space import Point, Space
from tune.strategies import Outcome, Problem
from tune.strategies.race import TrialState
from tune.strategies.wave_plan import WavePlan

if TYPE_CHECKING:
    from ConfigSpace import Configuration, ConfigurationSpace
    from ConfigSpace.hyperparameters import Hyperparameter
    from smac.acquisition.maximizer import LocalSearch
    from smac.runhistory import TrialInfo

BLOCK = 8
"""Examples of an instance, at most: one example each would take thousands of asks, and SMAC needs
seconds for a hundred of them.
"""


def smac(problem: Problem, searcher: Searcher, left: float, *, most: bool) -> Waves:
    """SMAC3 (Lindauer et al., JMLR 2022): its facade for algorithm configuration, set as its
    authors set it.

    An instance is a block of examples. SMAC says which point meets which block next: new points,
    half of them at random and the others by expected improvement under its random forest, meet ever
    twice as many of the blocks that its incumbent has met, until they are worse. It is told 1 - the
    mean quality on that block of the reading that then stands for the point, and nothing else:
    instances have no features, and costs in dollars are none of its affair. A block that the money
    left does not pay for is never answered, so that SMAC goes on with other points. When it has no
    other, it ends.
    """
    contest = Contest(problem, searcher, left, most=most)
    asked = Asked(problem)
    blocks = [
        part.tolist()
        for part in np.array_split(np.arange(contest.examples), asked.instances)
    ]
    states: dict[Point, TrialState] = {}
    met: set[tuple[Point, int]] = set()
    refused = 0
    while (
        refused < PATIENCE
        and not contest.race.over
        and (ask := asked.ask()) is not None
    ):
        if ask.point not in states:
            states[ask.point] = contest.race.add(ask.point)
        state, block = states[ask.point], blocks[ask.instance]
        # Two of SMAC's points may be one of ours: with one answer, it is all the same how many
        # become one.
        if (ask.point, ask.instance) not in met and not (
            yield from _meet(contest, state, block)
        ):
            refused += 1
            continue
        met.add((ask.point, ask.instance))
        refused = 0
        asked.tell(ask, 1 - _quality(contest, state, block))


def _meet(
    contest: Contest, state: TrialState, block: Sequence[int]
) -> Generator[list[Step], Outcome, bool]:
    """Have a trial meet a block; False where the money does not pay for it."""
    race, draws = contest.race, contest.draws(state)
    while block:
        count, price = len(block), race.expected_price(state, draws)
        # As long as nobody knows what calls cost, as many as their ceilings leave, and then the
        # rest.
        if not race.standings and price > 0:
            count = min(count, int(race.left / price))
        if (
            race.over
            or not count
            or not WavePlan(race, race.left).affords(
                state, state.examples + count, draws
            )
        ):
            return False
        state.examples, state.draws = state.examples + count, draws
        race.update(
            (
                yield [
                    Step(
                        state.trial, state.point, tuple(block[:count]), draws, state.cap
                    )
                ]
            )
        )
        block = block[count:]
    return True


def _quality(contest: Contest, state: TrialState, block: Sequence[int]) -> float:
    """The mean quality of a trial on a block, divided by how many times over the limits it is; 0
    for nothing.
    """
    reading, row = contest.reading(state), contest.row(state)[list(block)]
    known = row[~np.isnan(row)]
    if reading is None or not len(known):
        return 0.0
    return float(known.mean()) / max(1.0, contest.race.problem.limit_use(reading))


def nothing(space: Space, free: Sequence[str], seed: int) -> Searcher:
    """Proposes nothing: SMAC asks for its points itself. Loads the package, so that no step is
    charged for that.
    """
    del space, free, seed
    with _quiet():
        import smac  # noqa: F401
    return propose_in_order(())


class Ask(NamedTuple):
    """A request of SMAC for one evaluation.

    Attributes:
        point: the point to evaluate.
        instance: the block of examples.
        trial: SMAC's own record of it.
    """

    point: Point
    instance: int
    trial: TrialInfo


class Asked:
    """SMAC behind two calls: what it asks is a function of the problem, of its seed and of what it
    is told.

    Attributes:
        instances: how many blocks the examples make.
    """

    def __init__(self, problem: Problem) -> None:
        self.instances = math.ceil(problem.examples / BLOCK)
        self._lattice = Lattice(problem.space, problem.free)
        with _quiet(), TemporaryDirectory() as folder:
            from smac import AlgorithmConfigurationFacade, Scenario

            scenario = Scenario(
                config_space(self._lattice),
                output_directory=Path(folder),
                deterministic=True,
                seed=problem.seed,
                instances=[str(number) for number in range(self.instances)],
            )
            search = AlgorithmConfigurationFacade.get_acquisition_maximizer(scenario)
            _steady(search._local_search)
            # Its files are written here and, if it is asked to, when it is told; never later.
            self._facade = AlgorithmConfigurationFacade(
                scenario, acquisition_maximizer=search, logging_level=False
            )

    def ask(self) -> Ask | None:
        """The next question, or None where it has no other."""
        from smac.main.exceptions import ConfigurationSpaceExhaustedException

        with _quiet():
            try:
                trial = self._facade.ask()
            except (StopIteration, ConfigurationSpaceExhaustedException):
                return None
        point = self._lattice.point(
            {key: int(number) for key, number in dict(trial.config).items()}
        )
        return Ask(point, int(str(trial.instance)), trial)

    def tell(self, ask: Ask, cost: float) -> None:
        """The answer: the smaller, the better."""
        from smac.runhistory import TrialValue

        with _quiet():
            self._facade.tell(ask.trial, TrialValue(cost=cost), save=False)


def _steady(search: LocalSearch) -> None:
    """Have a local search begin at its points in one order: they come out of a set of what hashes
    as text, so that SMAC's own order, and with it all that follows, would be another in each
    process.
    """
    found = search._get_initial_points

    def ordered(*given: Any, **named: Any) -> list[Configuration]:
        return sorted(found(*given, **named), key=repr)

    search._get_initial_points = ordered


def config_space(lattice: Lattice) -> ConfigurationSpace:
    """A lattice in SMAC's words: the axes that not every model has are asked for with those models
    only.
    """
    from ConfigSpace import ConfigurationSpace, InCondition

    made = ConfigurationSpace()
    own = {key: _parameter(axis) for key, axis in lattice.keys.items()}
    made.add(list(own.values()))
    for key, parameter in own.items():
        having = [
            i
            for i, model in enumerate(lattice.models)
            if any(axis.key == key for axis in lattice.axes[model])
        ]
        if key != MODEL and len(having) < len(lattice.models):
            made.add(InCondition(parameter, own[MODEL], having))
    return made


def _parameter(axis: Axis) -> Hyperparameter:
    from ConfigSpace import CategoricalHyperparameter, UniformIntegerHyperparameter

    last = len(axis.values) - 1
    if axis.ordered:
        return UniformIntegerHyperparameter(axis.key, 0, last)
    return CategoricalHyperparameter(axis.key, list(range(last + 1)))


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what SMAC and its libraries log and warn about, and in one thread."""
    from joblib import parallel_config

    logger = logging.getLogger("smac")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), parallel_config(backend="sequential"):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
