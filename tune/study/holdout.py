"""The holdout of a run: money that is kept for it, and the final test on its examples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tune.plan.plan import Plan
from tune.readout import Reading
from tune.readout.shared_draws import shares_draws
from tune.readout.trial import Step, Trial
from tune.space import Choice, Config, Space
from tune.strategies import Selection, Standing
from tune.strategies.select import may_extrapolate, select_config
from tune.study.budget import StudyBudget
from tune.study.evaluate import Evaluator
from tune.study.selector import Selector
from tune.study.standings import Standings
from tune.study.trial_reader import TrialReader
from tune.study.wave import Wave

HOLDOUT_BLOCK = 4
"""Holdout examples that are bought together for every configuration of the test.

If the money ends early, the configurations have still met the same examples.
"""

FIRST_PORTION = 512
"""Answers of the holdout that are ordered together at first, of all configurations.

Enough to keep 256 calls in flight. A holdout of 500 rows is one portion.
"""


class HoldoutReserve:
    """Keeps the money that the holdout will take out of the reach of the search.

    Args:
        selector: says what would be selected now.
        standings: the trials with their readings.
        budget: of the study.
    """

    def __init__(
        self,
        selector: Selector,
        standings: Standings,
        budget: StudyBudget,
    ) -> None:
        self._selector = selector
        self._standings = standings
        self._budget = budget
        self._kept_for: dict[int, Standing] | None = None

    def update(self) -> None:
        """Keep enough for what would be selected now, and for whatever else is in the lead."""
        # The time limit is that of the search: it does not cut the holdout short.
        if self._budget.clock is not None:
            return
        standings = self._standings.current()
        # Called before and after each wave: a selection takes longer than this comparison.
        if standings == self._kept_for:
            return
        self._kept_for = standings
        extrapolated = None
        problem = self._selector.problem()
        # A selection takes most of the time between two waves, and seldom says anything new.
        if may_extrapolate(problem, standings):
            selection = select_config(problem, standings)
            extrapolated = selection.extrapolated if selection else None
        self._budget.reserve_holdout(self._standings.readings(), extrapolated)


@dataclass(frozen=True, slots=True)
class HoldoutTest:
    """The final test of some configurations on the holdout.

    Attributes:
        readings: of each configuration that has one.
        trials: of each configuration.
        shared: readings of other configurations off the draws of each.
    """

    readings: Mapping[Config, Reading]
    trials: Mapping[Config, Trial]
    shared: Mapping[Config, Sequence[Reading]] = field(default_factory=dict)

    def has_failed(self, config: Config) -> bool:
        """Return True if a configuration failed, and not by its answers."""
        return self.trials[config].state == "failed"


NOT_MET = HoldoutTest({}, {})
"""The result of a holdout that was not met."""


def with_taken_cap(plan: Plan, space: Space) -> Plan:
    """Return the plan with a baseline whose max_tokens its model takes.

    A baseline without a max_tokens of its own was given the largest one of the space. If the model
    refused that in the search, the baseline would fail on every example, and no one uses it so.

    Args:
        plan: of the study.
        space: what is left of the space after the search.
    """
    baseline = plan.baseline
    if plan.baseline_cap_given:
        return plan
    taken = space.conditions.within_caps(baseline.model, Choice((baseline.max_tokens,)))
    assert taken is not None
    (cap,) = taken.values
    if cap == baseline.max_tokens:
        return plan
    return replace(plan, baseline=Config({**baseline, "max_tokens": cap}))


def holdout_configs(
    plan: Plan, selection: Selection, single_answer: Reading | None
) -> list[Config]:
    """Return the configurations that meet the holdout, the selected one first.

    Args:
        plan: of the study.
        selection: the selected configuration.
        single_answer: the best reading of one answer alone, or None.
    """
    configs = [selection.shown.config, plan.baseline]
    if single_answer is not None:
        configs.append(single_answer.config)
    # The selected configuration may be the baseline itself.
    return list(dict.fromkeys(configs))


def select_again(
    selector: Selector,
    selection: Selection,
    single_answer: Reading | None,
    test: HoldoutTest,
) -> tuple[Selection, Reading | None]:
    """Return what is selected after a test in which its configurations may have failed.

    The selected configuration stays if only the single answer failed: it was tested already.

    Args:
        selector: selects without what their models refuse, and without lost models.
        selection: that was tested.
        single_answer: that was tested, or None.
        test: the result.
    """
    if test.has_failed(selection.shown.config):
        selection = selector.select() or selection
    elif single_answer is None or not test.has_failed(single_answer.config):
        return selection, single_answer
    return selection, selector.single_answer(selection)


def plan_holdout(
    plan: Plan, configs: Sequence[Config]
) -> tuple[list[Step], dict[int, Trial]]:
    """Return the steps of the test and the trials that they buy for.

    Each configuration is bought with its own n, max_tokens and stop, block by block beside the
    others.

    Args:
        plan: of the study.
        configs: all different, the selected one first.
    """
    trials: dict[int, Trial] = {}
    for number, config in enumerate(configs):
        # The point is the whole configuration: nothing else is read off these draws.
        trials[number] = Trial(number, config, config.max_tokens)
    steps: list[Step] = []
    for block in _blocks(plan):
        positions = tuple(block)
        # Block by block: all configurations meet the same examples, however early the money ends.
        for number, config in enumerate(configs):
            step = Step(number, config, positions, config.n, config.max_tokens)
            steps.append(step)
    return steps, trials


async def buy_holdout(
    evaluator: Evaluator, steps: Sequence[Step], trials: dict[int, Trial]
) -> tuple[list[Step], Wave]:
    """Buy the steps of the test, portion by portion, until the money ends.

    Of a holdout of thousands of examples, the money often pays for a part. Each order behind that
    part would be looked up in the store and refused by the ledger, one by one. So no portion is
    ordered after the one in which the money ended.

    Returns:
        The steps that were ordered, and their outcome.
    """
    ordered: list[Step] = []
    whole = Wave()
    for portion in _portions(steps, len(trials)):
        wave = await evaluator.run(portion, trials, in_order=True)
        ordered += portion
        whole.include(wave)
        if not wave.complete:
            break
    return ordered, whole


def _portions(steps: Sequence[Step], configs: int) -> Iterator[Sequence[Step]]:
    """Yield the steps in portions, each twice as large as the one before.

    Each portion ends with a wait for its last calls, so there should be few. And the money should
    not end early in a large one. With doubling, fewer orders are refused than were bought.

    Args:
        steps: block by block, one step of each configuration in every block.
        configs: number of configurations.
    """
    # All configurations of a block stay together.
    blocks = max(1, FIRST_PORTION // (HOLDOUT_BLOCK * configs))
    start = 0
    while start < len(steps):
        end = start + blocks * configs
        yield steps[start:end]
        start = end
        blocks *= 2


def read_holdout_test(
    reader: TrialReader, trials: Iterable[Trial], searched: Iterable[Reading] = ()
) -> HoldoutTest:
    """Read trials of the holdout; the point of each is the whole configuration.

    Args:
        reader: reads the draws.
        trials: of the holdout.
        searched: of the search; their configurations are read too where they share the draws.
    """
    others = dict.fromkeys(reading.config for reading in searched)
    by_config: dict[Config, Trial] = {}
    readings: dict[Config, Reading] = {}
    shared: dict[Config, Sequence[Reading]] = {}
    for trial in trials:
        config = Config(trial.point)
        by_config[config] = trial
        alike = [one for one in others if one != config and shares_draws(config, one)]
        # Together: the texts are read once.
        found = reader.read(trial, [config, *alike])
        # Unanswered is not the same as wrong, so there is no reading then, and no score of 0.
        own = [reading for reading in found if reading.config == config]
        if own:
            readings[config] = own[0]
        shared[config] = [reading for reading in found if reading.config != config]
    return HoldoutTest(readings, by_config, shared)


def _blocks(plan: Plan) -> list[range]:
    """Return the positions of the holdout examples, in blocks."""
    # The examples are in the study's order: the tuning examples first, then the holdout.
    first = len(plan.split.tuning)
    end = len(plan.examples)
    starts = range(first, end, HOLDOUT_BLOCK)
    return [range(start, min(start + HOLDOUT_BLOCK, end)) for start in starts]
