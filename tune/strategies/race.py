"""The trials in a race: what was ordered for each, what it will cost to go on, and how they stand."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tune.readout import Reading
from tune.readout.trial import Step
from tune.search.history import Observation, Searcher
from tune.space import Point
from tune.strategies.max_tokens import cap_to_buy
from tune.strategies.paired import adjusted_means, quality_table
from tune.strategies.problem import Array, Outcome, Problem, Standing, cost_key


@dataclass(slots=True)
class TrialState:
    """A trial in the race.

    Attributes:
        trial: its number. point: its paid point. cap: max_tokens that its draws are bought with.
        ladder: the numbers of draws at which a reading with a larger n appears, from the fewest
        that make one. examples: it was ordered on positions 0 to this. draws: ordered for each of
        them. told: whether the searcher knows of it.
    """

    trial: int
    point: Point
    cap: int
    ladder: tuple[int, ...]
    examples: int = 0
    draws: int = 0
    told: bool = False


class CostShares(NamedTuple):
    """What calls cost, as shares of their ceilings: what is paid once for each call, and for each
    of its draws.
    """

    once: float
    each: float


def _of(spent: float, most: float) -> float:
    return min(1.0, max(0.0, spent / most)) if most > 0 else 1.0


class RankedTrial(NamedTuple):
    """Where a trial stands.

    Attributes:
        state: the trial.
        level: its quality, on one scale with all others; see `tune.strategies.paired.adjusted_means`.
        row: the qualities of its best reading, by example.
    """

    state: TrialState
    level: float
    row: Array


def rung_sizes(examples: int) -> list[int]:
    """How many examples each rung has: a small block, growing with the data, then ever twice as
    many, then all.
    """
    size = min(examples, max(8, min(12, math.ceil(examples / 32))))
    sizes = [size]
    while size < examples:
        size = min(examples, 2 * size)
        sizes.append(size)
    return sizes


REPEATS = 100
"""Points in a row that were begun already, after which a searcher is taken to have no others."""


class Race:
    """Everything that was begun.

    Attributes:
        left: dollars that may still be spent.
        over: whether a wave was refused in part, so that no other shall follow.
        states: by trial number.
        history: what the searcher was told, in order.
    """

    def __init__(
        self, problem: Problem, left: float, standings: Mapping[int, Standing] | None = None
    ) -> None:
        self.problem, self.left, self.over = problem, left, False
        self.standings: dict[int, Standing] = dict(standings or {})
        self.states: dict[int, TrialState] = {}
        self.history: list[Observation] = []
        self._ceilings: dict[tuple[Point, int, int], float] = {}
        self._ladders: dict[Point, tuple[int, ...]] = {}
        self._caps: dict[tuple[object, object], int] = {}
        self._best: dict[int, tuple[Standing, Reading | None]] = {}
        for standing in self.standings.values():
            state = self.add(
                standing.point, standing.trial, standing.cap or problem.space.cap(standing.point)
            )
            state.examples = max(
                (max(r.examples) + 1 for r in standing.readings if len(r.examples)), default=0
            )
            state.draws = _draws_seen(standing, state)
        self._shares = self._learn_shares()

    def add(self, point: Point, trial: int | None = None, cap: int | None = None) -> TrialState:
        """A trial, the next where no number is given; nothing is ordered for it yet.

        Where no cap is given, it is as much as trials of this model and prompt were seen to need.
        """
        number = len(self.states) if trial is None else trial
        cap = self._cap(point) if cap is None else cap
        self.states[number] = TrialState(number, point, cap, self.ladder(point))
        return self.states[number]

    def unlisted(self, point: Point) -> TrialState:
        """What a trial would be if it were entered: to ask for its price."""
        return TrialState(-1, point, self._cap(point), self.ladder(point))

    def ladder(self, point: Point) -> tuple[int, ...]:
        """The numbers of draws at which a reading with a larger n appears."""
        if point not in self._ladders:
            configs = self.problem.space.configs_of(point, self.problem.free)
            self._ladders[point] = tuple(sorted({config.n for config in configs}))
        return self._ladders[point]

    def _cap(self, point: Point) -> int:
        """The cap to buy a fresh trial with."""
        if "max_tokens" not in self.problem.free:
            return self.problem.space.cap(point)
        key = point["model"], point["prompt"]
        if key not in self._caps:
            self._caps[key] = cap_to_buy(self.problem, point, self.standings.values())
        return self._caps[key]

    def remove(self, state: TrialState) -> Point:
        """Take back the trial that was entered last and for which nothing was ordered."""
        return self.states.pop(state.trial).point

    def update(self, outcome: Outcome) -> None:
        """Take in what became of a wave."""
        self.standings.update(outcome.standings)
        self._caps.clear()
        self.left, self.over = outcome.left, not outcome.complete
        self._shares = self._learn_shares()

    # --- money
    # ----------------------------------------------------------------------------------------------------

    def ceiling(self, state: TrialState, draws: int) -> float:
        """Dollars that one example can cost at most."""
        key = (state.point, draws, state.cap)
        if key not in self._ceilings:
            self._ceilings[key] = self.problem.ceiling(state.point, draws, state.cap)
        return self._ceilings[key]

    def _parts(self, state: TrialState) -> tuple[float, float]:
        """Dollars that one example can cost at most: once for each call, and for each of its draws."""
        one, two = self.ceiling(state, 1), self.ceiling(state, 2)
        return 2 * one - two, two - one

    def _learn_shares(self) -> dict[object, CostShares]:
        """What calls cost as shares of their ceilings: by trial, by model and prompt, and by model,
        the highest.
        """
        found: dict[object, CostShares] = {}
        for trial, standing in self.standings.items():
            state = self.states.get(trial)
            if state is None or not standing.spent_per_draw:
                continue
            once, each = self._parts(state)
            spent = standing.spent_per_draw - standing.prompt_cost / state.draws
            share = CostShares(_of(standing.prompt_cost, once), _of(spent, each))
            model = str(standing.point["model"])
            found[trial] = share
            for key in ((model, standing.point["prompt"]), model, None):
                found[key] = CostShares(*map(max, share, found.get(key, share)))
        return found

    def expected_price(self, state: TrialState, draws: int) -> float:
        """Dollars that one example with so many new draws is expected to cost.

        As the trial's own draws have cost, else at most as those of its model and prompt, of its
        model or of any, else the ceiling.
        """
        if draws <= 0:
            return 0.0
        model = str(state.point["model"])
        keys = (state.trial, (model, state.point["prompt"]), model, None)
        share = next(
            (self._shares[key] for key in keys if key in self._shares), CostShares(1.0, 1.0)
        )
        once, each = self._parts(state)
        return share.once * once + share.each * each * draws

    def expected_cost(self, state: TrialState, examples: int, draws: int) -> float:
        """Dollars that it is expected to cost to bring a trial to so many examples and draws."""
        old = min(state.examples, examples)
        return old * self.expected_price(state, draws - state.draws) + (
            examples - old
        ) * self.expected_price(state, draws)

    # --- orders
    # ---------------------------------------------------------------------------------------------------

    def order(self, state: TrialState, examples: int, draws: int) -> list[Step]:
        """The step that brings a trial to so many examples with so many draws each; none where it
        is there.
        """
        draws, examples = max(draws, state.draws), max(examples, state.examples)
        first = 0 if draws > state.draws else state.examples
        state.examples, state.draws = examples, draws
        positions = tuple(range(first, examples))
        return [Step(state.trial, state.point, positions, draws, state.cap)] if positions else []

    # --- how they stand
    # -------------------------------------------------------------------------------------------

    def best(self, state: TrialState) -> Reading | None:
        """The best reading of a trial that may keep the limits."""
        standing = self.standings.get(state.trial)
        if standing is None:
            return None
        known = self._best.get(state.trial)
        if known is None or known[0] is not standing:
            known = self._best[state.trial] = (standing, standing.best(self.problem))
        return known[1]

    def ranking(self) -> list[RankedTrial]:
        """Every trial with a reading, the best first; of equal ones the cheaper."""
        read = [(state, r) for state in self.states.values() if (r := self.best(state)) is not None]
        rows = quality_table(self.problem, [reading for _, reading in read])
        # Rounded, so that sums in another order on another machine decide nothing.
        level = np.round(adjusted_means(rows), 9).tolist()
        order = sorted(
            range(len(read)), key=lambda i: (-level[i], cost_key(read[i][1]), read[i][0].trial)
        )
        return [RankedTrial(read[i][0], level[i], rows[i]) for i in order]

    def more_draws(self, state: TrialState) -> int:
        """The draws that could show a larger n to be better, or those that there are.

        More are worth it as long as n = 1 is all that was seen, or the largest n so far is the
        best.
        """
        top = state.ladder[-1]
        best = self.best(state)
        if (
            best is None
            or state.draws >= top
            or (state.draws > state.ladder[0] and best.config.n < state.draws)
        ):
            return state.draws
        return min((n for n in state.ladder if n > 2 * state.draws), default=top)

    # --- what the searcher is told
    # --------------------------------------------------------------------------------

    def tell_searcher(self, states: Sequence[TrialState]) -> None:
        """Tell the searcher of these trials, once each: levels, and nothing where nothing was
        scored.

        A trial none of whose readings keeps the limits is told the quality of the one that is
        closest to them, divided by how many times over it is, so that a search is led back to where
        they are kept.
        """
        level = {rank.state.trial: rank.level for rank in self.ranking()}
        for state in states:
            if state.told:
                continue
            state.told = True
            standing = self.standings.get(state.trial)
            readings = standing.whole() if standing else []
            reading = self.best(state) or min(readings, key=self.problem.limit_use, default=None)
            if reading is None:
                self.history.append(Observation(state.point, float("nan"), float("nan")))
                continue
            beyond = float(np.mean(self.problem.quality(reading.scores))) / max(
                1.0, self.problem.limit_use(reading)
            )
            score = min(1.0, max(0.0, level.get(state.trial, beyond)))
            cost = (
                reading.cost
                if math.isfinite(reading.cost)
                else self.ceiling(state, reading.config.n)
            )
            self.history.append(Observation(state.point, score, cost))


class WavePlan:
    """Steps that are bought together, as far as a sum of money is expected to pay for them.

    Attributes:
        steps: what was added.
        money: dollars that are not planned for yet.
    """

    def __init__(self, race: Race, money: float) -> None:
        self._race, self.steps, self.money = race, list[Step](), money
        self._beyond = race.left - money

    def affords(self, state: TrialState, examples: int, draws: int) -> bool:
        """Whether the money pays for so many examples and draws of a trial.

        A call is let through only while its ceiling fits into what is left, so of all that is left
        the ceiling of one call stays unplanned.
        """
        cost = self._race.expected_cost(state, examples, draws)
        last = self._race.ceiling(state, draws) - self._race.expected_price(state, draws)
        return cost <= self.money and cost + last <= self.money + self._beyond

    def add(self, state: TrialState, examples: int, draws: int) -> bool:
        """Bring a trial to so many examples and draws, if the money pays for it."""
        if not self.affords(state, examples, draws):
            return False
        self.money -= self._race.expected_cost(state, examples, draws)
        self.steps += self._race.order(state, examples, draws)
        return True


class Proposals:
    """Fresh points, the baseline first; one that there was no money for comes again."""

    def __init__(self, race: Race, searcher: Searcher) -> None:
        self._race, self._searcher = race, searcher
        baseline = race.problem.baseline
        self._again: list[Point] = [] if baseline is None else [baseline]
        self._begun: set[Point | None] = {*self._again}

    def next(self) -> Point | None:
        """The next point, or None when there is no other."""
        if self._again:
            return self._again.pop()
        for _ in range(REPEATS):
            point = self._searcher(self._race.history)
            if point is None or point not in self._begun:
                self._begun.add(point)
                return point
        return None

    def put_back(self, point: Point) -> None:
        """Have a point that was not begun come next."""
        self._again.append(point)


def _draws_seen(standing: Standing, state: TrialState) -> int:
    """How many draws a trial has on nearly all of its examples, as far as its readings show it."""
    return max((reading.config.n for reading in standing.whole()), default=state.ladder[0])
