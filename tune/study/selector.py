"""The selection of a study: the problem that its strategies see, and what is chosen in the end."""

from __future__ import annotations

from dataclasses import replace

from tune.export import is_deployable
from tune.plan.plan import Plan
from tune.readout import Reading
from tune.space import Config
from tune.strategies import Problem, Selection, Standing
from tune.strategies.measured_truncation import select_measured
from tune.study.budget import LEAST_BLOCK, StudyBudget
from tune.study.standings import Standings
from tune.study.unbilled import in_dollars


class Selector:
    """Selects the configuration of a study, and the best one for agents that take one answer.

    Args:
        plan: what is asked for.
        budget: what a draw can cost at most.
        standings: the trials with their readings.
    """

    def __init__(
        self,
        plan: Plan,
        budget: StudyBudget,
        standings: Standings,
    ) -> None:
        self.plan = plan
        self._budget = budget
        self._standings = standings

    def problem(self) -> Problem:
        """Return the study as a strategy sees it."""
        plan = self.plan
        max_cost = plan.max_cost
        if plan.unbilled:
            # $0 keeps every limit, while seconds take the place of dollars in a problem.
            max_cost = None
        return Problem(
            space=plan.space,
            free=plan.free,
            examples=len(plan.split.tuning),
            seed=plan.seed,
            low=plan.metric.low,
            high=plan.metric.high,
            larger_is_better=plan.metric.larger_is_better,
            max_cost=max_cost,
            max_seconds=plan.max_seconds,
            ceiling=self._budget.ceiling,
            baseline=plan.baseline_point,
            goal=plan.goal,
            min_quality=plan.min_quality,
            margin=plan.margin,
            baseline_config=plan.baseline,
            max_extrapolated_cost=self._budget.max_extrapolated_cost,
        )

    def select(self) -> Selection | None:
        """Select the final configuration; None where nothing was scored."""
        return self._shown(select_measured(self.problem(), self._standings.weighed()))

    def single_answer(self, selection: Selection | None) -> Reading | None:
        """Return the best reading for agents that take one answer of a chat.

        It is the selected configuration where that is one answer. Else it is what would have been
        selected if there were no others; None where that breaks a limit.
        """
        if selection is None:
            return None
        if self.is_single_answer(selection.shown.config):
            return selection.reading
        problem = replace(self.problem(), max_extrapolated_cost=0.0)
        best = self._shown(select_measured(problem, self.single_answer_standings()))
        if best is None or not self.is_within_limits(best.reading):
            return None
        return best.reading

    def single_answer_standings(self) -> dict[int, Standing]:
        """Return every trial with only the readings that are one answer of a chat."""
        standings = self._standings.weighed().items()
        return {number: self._single_answers(one) for number, one in standings}

    def is_single_answer(self, config: Config) -> bool:
        """Return True if an agent that takes one answer of a chat can be given a configuration."""
        prompt = self.plan.prompts[config.prompt]
        return is_deployable(config, raw=prompt.raw, made_by=prompt.made_by)

    def is_within_limits(self, reading: Reading) -> bool:
        """Return True if the means of a reading keep the limits on cost and seconds."""
        # Written so that NaN (not known) keeps no limit.
        plan = self.plan
        if plan.max_cost is not None and not reading.cost <= plan.max_cost:
            return False
        return plan.max_seconds is None or reading.mean_seconds <= plan.max_seconds

    def best_of(self, trial: int) -> Reading | None:
        """Return the best reading of a trial, whatever it costs; None where it has none."""
        for standing in self._standings.known():
            if standing.trial == trial:
                return max(standing.whole(), key=self._preference, default=None)
        return None

    def leader(self) -> Reading | None:
        """Return the best reading so far on at least a block of examples, for the progress."""
        found: list[Reading] = []
        for standing in self._standings.known():
            for reading in standing.readings:
                # The first answers of a configuration are often all right or all wrong.
                if reading.n_examples >= LEAST_BLOCK and self.is_within_limits(reading):
                    found.append(reading)
        return max(found, key=self._preference, default=None)

    def _preference(self, reading: Reading) -> tuple[float, float]:
        """Return a sort key, the best last: the mean as a share of the range, then cost."""
        metric = self.plan.metric
        share = (reading.mean - metric.low) / (metric.high - metric.low)
        if not metric.larger_is_better:
            share = 1.0 - share
        return share, -reading.cost

    def _single_answers(self, standing: Standing) -> Standing:
        kept = tuple(r for r in standing.readings if self.is_single_answer(r.config))
        return replace(standing, readings=kept)

    def _shown(self, selection: Selection | None) -> Selection | None:
        """Return a selection with its costs in dollars, as they are shown."""
        if selection is None or not self.plan.unbilled:
            return selection
        return in_dollars(selection)
