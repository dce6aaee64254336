"""The trials of a search: what was ordered for each, what more would cost, and how they stand."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from tune.readout import Reading
from tune.readout.trial import NO_REASON, Reason, Step
from tune.search.history import Observation
from tune.space import Point
from tune.strategies.max_tokens import cap_to_buy, cap_to_go_on
from tune.strategies.paired import adjusted_means, quality_table
from tune.strategies.problem import Array, Outcome, Problem, Standing, cost_key


@dataclass(slots=True)
class TrialState:
    """The orders of one trial.

    Attributes:
        trial: its number.
        point: its paid point.
        first_cap: max_tokens that its first draws are bought with.
        ladder: the numbers of draws at which a reading with a larger n appears, smallest first.
        examples: it was ordered on positions 0 to this.
        draws: number of draws ordered for each of them.
        told: whether the searcher knows its result.
        cap: max_tokens that its next draws are bought with.
    """

    trial: int
    point: Point
    first_cap: int
    ladder: tuple[int, ...]
    examples: int = 0
    draws: int = 0
    told: bool = False
    cap: int = field(init=False)

    def __post_init__(self) -> None:
        self.cap = self.first_cap


class CostShares(NamedTuple):
    """Costs of calls as shares of their ceilings.

    Attributes:
        once: of what is paid once for each call.
        each: of what is paid for each draw.
    """

    once: float
    each: float


def _share(spent: float, ceiling: float) -> float:
    return min(1.0, max(0.0, spent / ceiling)) if ceiling > 0 else 1.0


class RankedTrial(NamedTuple):
    """A trial and its place among all others.

    Attributes:
        state: the trial.
        level: its adjusted mean; see `tune.strategies.paired.adjusted_means`.
        row: the qualities of its best reading, by example.
    """

    state: TrialState
    level: float
    row: Array


class Race:
    """All trials that were begun, and the money.

    Args:
        problem: what is searched.
        left: dollars that are left.
        standings: trials that an earlier race bought, by number.
        kept: dollars of them that this race may not spend.

    Attributes:
        left: dollars that may still be spent.
        over: whether a part of a wave was refused, so that no other may follow.
        standings: what is known of the trials, by number.
        states: what was ordered for them, by number.
        history: everything that the searcher was told, in order.
        leaders: numbers of the trials that lead, best first, as far as a strategy has said. Only
            the reasons of steps name them.
    """

    def __init__(
        self,
        problem: Problem,
        left: float,
        standings: Mapping[int, Standing] | None = None,
        kept: float = 0.0,
    ) -> None:
        self.problem = problem
        self.left = left - kept
        self._kept = kept
        self.over = False
        self.standings: dict[int, Standing] = dict(standings or {})
        self.states: dict[int, TrialState] = {}
        self.history: list[Observation] = []
        self.leaders: Sequence[int] = ()
        self._ceilings: dict[tuple[Point, int, int], float] = {}
        self._parts: dict[tuple[str, int], tuple[float, float]] = {}
        self._prices: dict[tuple[int, str, int], tuple[float, float]] = {}
        self._ladders: dict[str, tuple[int, ...]] = {}
        self._caps: dict[tuple[object, object], int] = {}
        # Readings are compared often, and a standing never changes: each is judged once.
        self._best: dict[int, tuple[Standing, Reading | None]] = {}
        for standing in self.standings.values():
            self._restore(standing)
        self._lower_caps()
        self._shares = self._learn_shares()

    def _restore(self, standing: Standing) -> None:
        """Add a trial that an earlier race bought."""
        cap = standing.cap or self.problem.space.cap(standing.point)
        state = self.add(standing.point, standing.trial, cap)
        for reading in standing.readings:
            if len(reading.examples):
                # Every race orders from the first example on, so the last one is the count.
                state.examples = max(state.examples, max(reading.examples) + 1)
        numbers = [reading.config.n for reading in standing.whole()]
        state.draws = max(numbers, default=state.ladder[0])

    def add(
        self,
        point: Point,
        trial: int | None = None,
        cap: int | None = None,
    ) -> TrialState:
        """Add a trial for which nothing is ordered yet.

        Args:
            point: its paid point.
            trial: its number; the next one where it is None.
            cap: its max_tokens; as much as trials of its model and prompt needed where it is None.
        """
        number = len(self.states) if trial is None else trial
        cap = self._cap(point) if cap is None else cap
        self.states[number] = TrialState(number, point, cap, self.ladder(point))
        return self.states[number]

    def unlisted(self, point: Point) -> TrialState:
        """Return the state that a trial would have if it were added: to ask for its price."""
        return TrialState(-1, point, self._cap(point), self.ladder(point))

    def ladder(self, point: Point) -> tuple[int, ...]:
        """Return the numbers of draws at which a reading with a larger n appears."""
        # By its key: a point takes longer to look up, and hundreds are.
        if point.key not in self._ladders:
            configs = self.problem.space.configs_of(point, self.problem.free)
            numbers = {config.n for config in configs}
            self._ladders[point.key] = tuple(sorted(numbers))
        return self._ladders[point.key]

    def _cap(self, point: Point) -> int:
        """Return the max_tokens to buy a fresh trial with."""
        if "max_tokens" not in self.problem.free:
            return self.problem.space.cap(point)
        key = point["model"], point["prompt"]
        if key not in self._caps:
            self._caps[key] = cap_to_buy(self.problem, point, self.standings.values())
        return self._caps[key]

    def _lower_caps(self) -> None:
        """Let the trials go on with the smallest max_tokens that their answers leave room for."""
        alike: dict[tuple[object, object], list[Standing]] = {}
        for standing in self.standings.values():
            pair = standing.point["model"], standing.point["prompt"]
            alike.setdefault(pair, []).append(standing)
        for standings in alike.values():
            going_on = [one for one in standings if one.trial in self.states]
            if not going_on:
                continue
            cap = cap_to_go_on(self.problem, going_on[0].point, standings)
            for standing in going_on:
                state = self.states[standing.trial]
                own = standing.cap or state.cap
                state.cap = min(own, cap or own)

    def remove(self, state: TrialState) -> Point:
        """Remove the trial that was added last and for which nothing was ordered."""
        return self.states.pop(state.trial).point

    def update(self, outcome: Outcome) -> None:
        """Take over the outcome of a wave."""
        self.standings.update(outcome.standings)
        # New answers may show that a smaller max_tokens is enough.
        self._caps.clear()
        self._lower_caps()
        self.left = outcome.left - self._kept
        self.over = not outcome.complete
        self._shares = self._learn_shares()
        self._prices.clear()

    # --- money

    def ceiling(
        self,
        state: TrialState,
        draws: int,
    ) -> float:
        """Return the most dollars that one example of a trial can cost."""
        return self._ceiling(state.point, draws, state.cap)

    def _ceiling(self, point: Point, draws: int, cap: int) -> float:
        key = (point, draws, cap)
        if key not in self._ceilings:
            self._ceilings[key] = self.problem.ceiling(point, draws, cap)
        return self._ceilings[key]

    def _ceiling_parts(self, point: Point, cap: int) -> tuple[float, float]:
        """Return the parts of a ceiling that are paid once for a call, and for each draw."""
        key = (point.key, cap)
        found = self._parts.get(key)
        if found is None:
            # Ceilings are linear in the draws of one call: two of them give both parts.
            one = self._ceiling(point, 1, cap)
            two = self._ceiling(point, 2, cap)
            found = self._parts[key] = (2 * one - two, two - one)
        return found

    def _learn_shares(self) -> dict[object, CostShares]:
        """Return what calls cost as shares of their ceilings.

        The ceilings are those of the first max_tokens of a trial: a smaller one makes no answer
        cheaper that is shorter anyway. The keys are trials, models with prompts, models, and None
        for all. Each has the highest share of its trials.
        """
        found: dict[object, CostShares] = {}
        for trial, standing in self.standings.items():
            state = self.states.get(trial)
            if state is None or not standing.spent_per_draw:
                continue
            once, each = self._ceiling_parts(state.point, state.first_cap)
            # What a draw cost holds its part of the prompt, which the draws of a call share.
            spent = standing.spent_per_draw - standing.prompt_cost / state.draws
            share = CostShares(
                once=_share(standing.prompt_cost, once),
                each=_share(spent, each),
            )
            found[trial] = share
            model = str(standing.point["model"])
            for key in ((model, standing.point["prompt"]), model, None):
                # The highest share: an estimate that is too low would overrun the money of a wave.
                known = found.setdefault(key, share)
                # Few are higher than those before, so most need no new record.
                if share.once > known.once or share.each > known.each:
                    found[key] = CostShares(
                        once=max(share.once, known.once),
                        each=max(share.each, known.each),
                    )
        return found

    def expected_price(
        self,
        state: TrialState,
        draws: int,
    ) -> float:
        """Return the expected dollars of one example with so many new draws.

        It follows the trial's own draws, else the highest of its model and prompt, of its model, or
        of any; before anything was bought it is the ceiling.
        """
        if draws <= 0:
            return 0.0
        # Many blocks of a trial are compared, and their prices have the same two parts.
        key = state.trial, state.point.key, state.cap
        found = self._prices.get(key)
        if found is None:
            found = self._prices[key] = self._price_parts(state)
        once, each = found
        return once + each * draws

    def _price_parts(self, state: TrialState) -> tuple[float, float]:
        """Return the expected dollars of one example that are paid once, and for each draw."""
        model = str(state.point["model"])
        # The most specific knowledge comes first.
        share = CostShares(1.0, 1.0)
        for key in (state.trial, (model, state.point["prompt"]), model, None):
            if key in self._shares:
                share = self._shares[key]
                break
        once, each = self._ceiling_parts(state.point, state.first_cap)
        _, most = self._ceiling_parts(state.point, state.cap)
        return share.once * once, min(share.each * each, most)

    def expected_cost(
        self,
        state: TrialState,
        examples: int,
        draws: int,
    ) -> float:
        """Return the expected dollars of bringing a trial to so many examples and draws."""
        old = min(state.examples, examples)
        cost = (examples - old) * self.expected_price(state, draws)
        if old and draws > state.draws:
            cost += old * self.expected_price(state, draws - state.draws)
        return cost

    # --- orders

    def order(
        self,
        state: TrialState,
        examples: int,
        draws: int,
        reason: Reason = NO_REASON,
    ) -> list[Step]:
        """Return the step that brings a trial to so many examples with so many draws each.

        There is none where it is there already.
        """
        draws = max(draws, state.draws)
        examples = max(examples, state.examples)
        # More draws are bought for the old examples too, so that all have as many.
        first = 0 if draws > state.draws else state.examples
        state.examples = examples
        state.draws = draws
        positions = tuple(range(first, examples))
        if not positions:
            return []
        reason = replace(reason, place=self._place(state.trial))
        return [Step(state.trial, state.point, positions, draws, state.cap, reason)]

    def _place(self, trial: int) -> int:
        """Return 1 for the leader, 2 for its closest rival, and 0 for any other trial."""
        nearest = self.leaders[:2]
        return nearest.index(trial) + 1 if trial in nearest else 0

    # --- ranking

    def best(self, state: TrialState) -> Reading | None:
        """Return the best reading of a trial that may keep the limits."""
        standing = self.standings.get(state.trial)
        if standing is None:
            return None
        known = self._best.get(state.trial)
        if known is None or known[0] is not standing:
            known = (standing, standing.best(self.problem))
            self._best[state.trial] = known
        return known[1]

    def ranking(self) -> list[RankedTrial]:
        """Return every trial with a reading, the best first; of equal ones the cheaper."""
        found: list[tuple[float, RankedTrial]] = []
        for ranked, reading in self._levels():
            found.append((cost_key(reading), ranked))
        found.sort(key=lambda one: (-one[1].level, one[0], one[1].state.trial))
        return [ranked for _, ranked in found]

    def _levels(self) -> list[tuple[RankedTrial, Reading]]:
        """Return every trial with a reading, in the order in which they were begun."""
        states: list[TrialState] = []
        readings: list[Reading] = []
        for state in self.states.values():
            reading = self.best(state)
            if reading is not None:
                states.append(state)
                readings.append(reading)
        rows = quality_table(self.problem, readings)
        # Rounded, so that another order of summation on another machine decides nothing.
        means = np.round(adjusted_means(rows), 9).tolist()
        ranked = map(RankedTrial, states, means, rows)
        return list(zip(ranked, readings, strict=True))

    def more_draws(self, state: TrialState) -> int:
        """Return the number of draws that could show a larger n to be better.

        More are worth it while n = 1 is all that was seen, or the largest n so far is the best.
        Otherwise it is the number that there is.
        """
        top = state.ladder[-1]
        best = self.best(state)
        if best is None or state.draws >= top:
            return state.draws
        if state.draws > state.ladder[0] and best.config.n < state.draws:
            return state.draws
        return min((n for n in state.ladder if n > 2 * state.draws), default=top)

    # --- the searcher

    def tell_searcher(self, states: Sequence[TrialState]) -> None:
        """Add the results of these trials to the history, once each.

        The score is the adjusted mean, or NaN where nothing was scored. Where no reading keeps the
        limits, it is the quality of the reading that is closest to them, divided by how many times
        over the limit it is. That leads a search back to where the limits are kept.
        """
        untold = [state for state in states if not state.told]
        if not untold:
            # The means of all trials take longer than most other parts of a step.
            return
        means = {ranked.state.trial: ranked.level for ranked, _ in self._levels()}
        for state in untold:
            state.told = True
            self.history.append(self._observation(state, means))

    def _observation(
        self,
        state: TrialState,
        means: Mapping[int, float],
    ) -> Observation:
        reading = self.best(state) or self._closest_to_limits(state)
        if reading is None:
            return Observation(state.point, float("nan"), float("nan"))
        if state.trial in means:
            score = means[state.trial]
        else:
            quality = float(np.mean(self.problem.quality(reading.scores)))
            score = quality / max(1.0, self.problem.limit_use(reading))
        cost = reading.cost
        # Where every answer failed, the cost is unknown, but a searcher takes only numbers.
        if not math.isfinite(cost):
            cost = self.ceiling(state, reading.config.n)
        return Observation(state.point, min(1.0, max(0.0, score)), cost)

    def _closest_to_limits(self, state: TrialState) -> Reading | None:
        """Return the reading of a trial that is least over the limits; None where it has none."""
        standing = self.standings.get(state.trial)
        if standing is None:
            return None
        return min(standing.whole(), key=self.problem.limit_use, default=None)
