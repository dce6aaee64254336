"""What the rivals of `benchmarks/rivals.py` have in common: trials that are begun, brought to
examples, and judged.

Money is counted as `tune` itself counts it (`tune.strategies.race`): a wave is planned with what
draws have cost so far, and with their ceilings as long as nobody knows. What is planned with the
money is each method's own affair.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

import numpy as np

from tune.readout import Reading
from tune.readout.trial import Step
from tune.search.history import Searcher, Telling
from tune.strategies import Outcome, Problem, Standing
from tune.strategies.problem import Array, preference
from tune.strategies.race import Entrant, Field, Proposals, Wave

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
        problem: what is searched. searcher: proposes points. left: dollars. most: whether a trial
        gets as many draws of an example as the largest n takes, or as few as the least.

    Attributes:
        field: the trials and the money.
        examples: tuning examples.
    """

    def __init__(self, problem: Problem, searcher: Searcher, left: float, *, most: bool) -> None:
        self.field = Field(problem, left)
        self.examples = problem.examples
        self._problem, self._most = problem, most
        self._proposals = Proposals(self.field, searcher)
        self._read: dict[int, tuple[Standing, Reading | None]] = {}

    # --- trials
    # ---------------------------------------------------------------------------------------------------

    def enter(self) -> Entrant | None:
        """The next proposal as a trial, None where there is no other."""
        point = None if self.field.over else self._proposals.next()
        return None if point is None else self.field.enter(point)

    def drop(self, entrant: Entrant) -> None:
        """Have done with a trial; if the money did not pay for it, as if it had never been entered."""
        self.tell([entrant])
        if not entrant.examples:
            self.field.withdraw(entrant)

    def draws(self, entrant: Entrant) -> int:
        """Draws of each example that a trial gets."""
        return entrant.ladder[-1 if self._most else 0]

    def bring(
        self,
        entrants: Sequence[Entrant],
        examples: int,
        *,
        draws: int | None = None,
        money: float = float("inf"),
    ) -> Generator[list[Step], Outcome, list[Entrant]]:
        """Bring trials to so many examples in one wave, those that come first first, as far as a
        sum of money goes.

        Returns:
            Those that it paid for.
        """
        if not self.field.standings and entrants:
            yield from self._probe(entrants[0], examples, draws)
        wave = Wave(self.field, min(money, self.field.left))
        there = [
            e
            for e in entrants
            if not self.field.over and wave.add(e, examples, draws or self.draws(e))
        ]
        if wave.steps:
            self.field.take((yield wave.steps))
        return there

    def _probe(self, entrant: Entrant, examples: int, draws: int | None) -> Waves:
        """A few examples of the very first trial, as far as their ceilings go."""
        draws = draws or self.draws(entrant)
        price = self.field.price(entrant, draws)
        affordable = int(self.field.left / price) if price > 0 else PROBE
        count = min(PROBE, examples, affordable)
        if count:
            self.field.take((yield self.field.order(entrant, count, draws)))

    def begin(self, examples: int, money: float) -> Generator[list[Step], Outcome, list[Entrant]]:
        """Begin as many fresh trials as a sum of money pays for, on so many examples each."""
        begun: list[Entrant] = []
        goal = self.field.left - money
        while not self.field.over and self.field.left - goal > 0.1 * money:
            wave, refused, fresh = Wave(self.field, self.field.left - goal), 0, list[Entrant]()
            first = not self.field.standings
            while refused < PATIENCE and (entrant := self.enter()) is not None:
                if first and not fresh:
                    yield from self._probe(entrant, examples, None)
                    if self.field.over:
                        return [entrant]
                    wave, first = Wave(self.field, self.field.left - goal), False
                if wave.add(entrant, examples, self.draws(entrant)):
                    fresh.append(entrant)
                elif wave.steps and not entrant.examples:
                    self._proposals.put_back(self.field.withdraw(entrant))
                    break
                else:
                    refused += 1
                    self.drop(entrant)
            if not fresh:
                break
            begun += fresh
            if wave.steps:
                self.field.take((yield wave.steps))
        return begun

    # --- judgements
    # -----------------------------------------------------------------------------------------------

    def reading(self, entrant: Entrant) -> Reading | None:
        """The reading that stands for a trial."""
        standing = self.field.standings.get(entrant.trial)
        if standing is None:
            return None
        known = self._read.get(entrant.trial)
        if known is None or known[0] is not standing:
            known = self._read[entrant.trial] = (standing, best_reading(self._problem, standing))
        return known[1]

    def mean(self, entrant: Entrant) -> float:
        """A trial's mean score, divided by how many times over the limits it is; 0 where nothing
        was scored.
        """
        reading = self.reading(entrant)
        return 0.0 if reading is None else worth(self._problem, reading)

    def row(self, entrant: Entrant) -> Array:
        """The scores of a trial by example, NaN where there is none."""
        found = np.full(self.examples, np.nan)
        reading = self.reading(entrant)
        if reading is not None:
            found[list(reading.examples)] = self._problem.quality(reading.scores)
        return found

    def ranked(self, entrants: Sequence[Entrant]) -> list[Entrant]:
        """The trials, the best mean first, the earlier first of equal ones."""
        return sorted(entrants, key=lambda entrant: (-round(self.mean(entrant), 9), entrant.trial))

    def tell(self, entrants: Sequence[Entrant]) -> None:
        """Tell the searcher the means of these trials, once each, and nothing where nothing was
        scored.
        """
        for entrant in entrants:
            if entrant.told:
                continue
            entrant.told = True
            reading = self.reading(entrant)
            if reading is None:
                self.field.tellings.append(Telling(entrant.point, float("nan"), float("nan")))
            else:
                self.field.tellings.append(Telling(entrant.point, self.mean(entrant), reading.cost))


def best_reading(problem: Problem, standing: Standing) -> Reading | None:
    """The reading with the best mean of those whose mean cost keeps the limit, else the one that is
    closest to it.
    """
    readings = standing.whole()
    kept = [reading for reading in readings if problem.excess(reading) <= 1.0]
    if kept:
        return min(kept, key=lambda reading: preference(problem, reading))
    return min(readings, key=problem.excess, default=None)


def worth(problem: Problem, reading: Reading) -> float:
    """A reading's mean score, divided by how many times over the limits it is."""
    return float(np.mean(problem.quality(reading.scores))) / max(1.0, problem.excess(reading))


def best_of_most(problem: Problem, standings: Mapping[int, Standing]) -> Reading | None:
    """The best mean of the trials that met the most examples: the highest fidelity, or the
    incumbent.
    """
    most = max((standing.examples for standing in standings.values()), default=0)
    return best_of_all(
        problem, {k: standing for k, standing in standings.items() if standing.examples == most}
    )


def best_of_all(problem: Problem, standings: Mapping[int, Standing]) -> Reading | None:
    """The best mean of all trials, however few examples they met."""
    found = [
        reading
        for standing in standings.values()
        if (reading := best_reading(problem, standing)) is not None
    ]
    kept = [reading for reading in found if problem.excess(reading) <= 1.0]
    if kept:
        return min(kept, key=lambda reading: preference(problem, reading))
    return min(found, key=problem.excess, default=None)
