"""The common part of the rivals in `benchmarks/rivals/methods.py`.

Trials start, get examples and are judged. Money is counted as `tune` itself counts it
(`tune.strategies.race`): a wave is planned with the cost of draws so far, and with their ceilings
until a cost is known. Each method decides for itself what to plan.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

import numpy as np

from tune.readout import Reading
from tune.readout.trial import Step
from tune.search.history import Observation, Searcher
from tune.strategies import Outcome, Problem, Standing
from tune.strategies.problem import Array, cost_key, preference
from tune.strategies.proposals import Proposals
from tune.strategies.race import Race, TrialState
from tune.strategies.wave_plan import WavePlan

PATIENCE = 16
"""Proposals in a row that the money left does not pay for, after which a search ends."""

PROBE = 8
"""Examples that the first trial meets at most before the rest, as long as nobody knows what calls
cost.
"""

Waves = Generator[list[Step], Outcome, Any]


class Contest:
    """The trials of one search.

    Args:
        problem: what is searched.
        searcher: proposes points.
        left: dollars.
        most: whether a trial gets as many draws of an example as the largest n takes, or as few as
            the least.

    Attributes:
        race: the trials and the money.
        examples: tuning examples.
    """

    def __init__(
        self, problem: Problem, searcher: Searcher, left: float, *, most: bool
    ) -> None:
        self.race = Race(problem, left)
        self.examples = problem.examples
        self._problem, self._most = problem, most
        self._proposals = Proposals(self.race, searcher)
        self._read: dict[int, tuple[Standing, Reading | None]] = {}

    # --- trials

    def enter(self) -> TrialState | None:
        """The next proposal as a trial, None where there is no other."""
        point = None if self.race.over else self._proposals.next()
        return None if point is None else self.race.add(point)

    def drop(self, state: TrialState) -> None:
        """Have done with a trial; if the money did not pay for it, as if it had never been entered."""
        self.tell([state])
        if not state.examples:
            self.race.remove(state)

    def draws(self, state: TrialState) -> int:
        """Draws of each example that a trial gets."""
        return state.ladder[-1 if self._most else 0]

    def bring(
        self,
        states: Sequence[TrialState],
        examples: int,
        *,
        draws: int | None = None,
        money: float = float("inf"),
    ) -> Generator[list[Step], Outcome, list[TrialState]]:
        """Bring trials to so many examples in one wave, those that come first first, as far as a
        sum of money goes.

        Returns:
            Those that it paid for.
        """
        if not self.race.standings and states:
            yield from self._probe(states[0], examples, draws)
        wave = WavePlan(self.race, min(money, self.race.left))
        there = [
            e
            for e in states
            if not self.race.over and wave.add(e, examples, draws or self.draws(e))
        ]
        if wave.steps:
            self.race.update((yield wave.steps))
        return there

    def _probe(self, state: TrialState, examples: int, draws: int | None) -> Waves:
        """A few examples of the very first trial, as far as their ceilings go."""
        draws = draws or self.draws(state)
        price = self.race.expected_price(state, draws)
        affordable = int(self.race.left / price) if price > 0 else PROBE
        count = min(PROBE, examples, affordable)
        if count:
            self.race.update((yield self.race.order(state, count, draws)))

    def begin(
        self, examples: int, money: float
    ) -> Generator[list[Step], Outcome, list[TrialState]]:
        """Begin as many fresh trials as a sum of money pays for, on so many examples each."""
        begun: list[TrialState] = []
        goal = self.race.left - money
        while not self.race.over and self.race.left - goal > 0.1 * money:
            wave, refused, fresh = (
                WavePlan(self.race, self.race.left - goal),
                0,
                list[TrialState](),
            )
            first = not self.race.standings
            while refused < PATIENCE and (state := self.enter()) is not None:
                if first and not fresh:
                    yield from self._probe(state, examples, None)
                    if self.race.over:
                        return [state]
                    wave, first = WavePlan(self.race, self.race.left - goal), False
                if wave.add(state, examples, self.draws(state)):
                    fresh.append(state)
                elif wave.steps and not state.examples:
                    self._proposals.put_back(self.race.remove(state))
                    break
                else:
                    refused += 1
                    self.drop(state)
            if not fresh:
                break
            begun += fresh
            if wave.steps:
                self.race.update((yield wave.steps))
        return begun

    # --- judgements

    def reading(self, state: TrialState) -> Reading | None:
        """The reading that stands for a trial."""
        standing = self.race.standings.get(state.trial)
        if standing is None:
            return None
        known = self._read.get(state.trial)
        if known is None or known[0] is not standing:
            known = self._read[state.trial] = (
                standing,
                best_reading(self._problem, standing),
            )
        return known[1]

    def mean(self, state: TrialState) -> float:
        """A trial's mean score, divided by how many times over the limits it is; 0 where nothing
        was scored.
        """
        reading = self.reading(state)
        return 0.0 if reading is None else worth(self._problem, reading)

    def row(self, state: TrialState) -> Array:
        """The scores of a trial by example, NaN where there is none."""
        found = np.full(self.examples, np.nan)
        reading = self.reading(state)
        if reading is not None:
            found[list(reading.examples)] = self._problem.quality(reading.scores)
        return found

    def ranked(self, states: Sequence[TrialState]) -> list[TrialState]:
        """The trials, the best mean first, the earlier first of equal ones."""
        return sorted(
            states, key=lambda state: (-round(self.mean(state), 9), state.trial)
        )

    def tell(self, states: Sequence[TrialState]) -> None:
        """Tell the searcher the means of these trials, once each, and nothing where nothing was
        scored.
        """
        for state in states:
            if state.told:
                continue
            state.told = True
            reading = self.reading(state)
            if reading is None:
                self.race.history.append(
                    Observation(state.point, float("nan"), float("nan"))
                )
            else:
                self.race.history.append(
                    Observation(state.point, self.mean(state), reading.cost)
                )


def best_reading(problem: Problem, standing: Standing) -> Reading | None:
    """The reading with the best mean of those whose mean cost keeps the limit, else the one that is
    closest to it.
    """
    readings = standing.whole()
    kept = [reading for reading in readings if problem.limit_use(reading) <= 1.0]
    if kept:
        return min(kept, key=lambda reading: preference(problem, reading))
    return min(readings, key=problem.limit_use, default=None)


def worth(problem: Problem, reading: Reading) -> float:
    """A reading's mean score, divided by how many times over the limits it is."""
    return float(np.mean(problem.quality(reading.scores))) / max(
        1.0, problem.limit_use(reading)
    )


def best_of_most(problem: Problem, standings: Mapping[int, Standing]) -> Reading | None:
    """The best mean of the trials that met the most examples: the highest fidelity, or the
    incumbent.
    """
    most = max((standing.examples for standing in standings.values()), default=0)
    return best_of_all(
        problem,
        {k: standing for k, standing in standings.items() if standing.examples == most},
    )


def best_of_all(problem: Problem, standings: Mapping[int, Standing]) -> Reading | None:
    """The best mean of all trials, however few examples they met.

    For the goal "cheapest" it is the cheapest of those whose mean is good enough, if there are any.
    """
    enough = _good_enough(problem, standings)
    if enough:
        return min(enough, key=lambda one: (cost_key(one), preference(problem, one)))
    found = [
        reading
        for standing in standings.values()
        if (reading := best_reading(problem, standing)) is not None
    ]
    kept = [reading for reading in found if problem.limit_use(reading) <= 1.0]
    if kept:
        return min(kept, key=lambda reading: preference(problem, reading))
    return min(found, key=problem.limit_use, default=None)


def _good_enough(problem: Problem, standings: Mapping[int, Standing]) -> list[Reading]:
    """Return the readings whose means are good enough, for the goal "cheapest"."""
    if problem.goal != "cheapest" or problem.min_quality is None:
        return []
    least = float(problem.quality(problem.min_quality))
    readings = [one for standing in standings.values() for one in standing.whole()]
    return [one for one in readings if problem.quality(one.scores).mean() >= least]
