"""Every proposed point on every example: what searches do that know nothing of money."""

from __future__ import annotations

from collections.abc import Generator

from tune.readout.trial import Step
from tune.search.history import Searcher
from tune.strategies.problem import Outcome, Problem
from tune.strategies.race import Proposals, Race, TrialState, WavePlan

PROBE = 8
"""Examples that the first trial meets at most, before the rest, as long as nobody knows what it
costs.
"""

PATIENCE = 16
"""Proposals in a row that the money left does not pay for, after which the search ends."""


def full(problem: Problem, searcher: Searcher, left: float) -> Generator[list[Step], Outcome, None]:
    """One trial after the other on all tuning examples, with as many draws as the largest n takes.

    The yardstick: published EcoOptiGen and users of Optuna search like this. Only the first trial
    meets a few examples before the rest, so that what calls cost is known. A point that the money
    left clearly cannot pay for is not begun, and the searcher is told that nothing came of it.

    Args:
        problem: what is searched.
        searcher: proposes one point after the other.
        left: dollars that the search may spend.
    """
    race = Race(problem, left)
    proposals = Proposals(race, searcher)
    refused = 0
    while refused < PATIENCE and not race.over and (point := proposals.next()) is not None:
        state = race.add(point)
        wave = WavePlan(race, race.left)
        if wave.add(state, _first_block(race, state), state.ladder[-1]):
            refused = 0
            race.update((yield wave.steps))
            rest = WavePlan(race, race.left)
            if not race.over and rest.add(state, problem.examples, state.draws) and rest.steps:
                race.update((yield rest.steps))
            race.tell_searcher([state])
        else:
            refused += 1
            race.tell_searcher([state])
            race.remove(state)


def _first_block(race: Race, state: TrialState) -> int:
    """All examples, but a few where what they cost is not known yet."""
    if race.standings:
        return race.problem.examples
    price = race.expected_price(state, state.ladder[-1])
    affordable = int(race.left / price) if price > 0 else PROBE
    return max(1, min(PROBE, race.problem.examples, affordable))
