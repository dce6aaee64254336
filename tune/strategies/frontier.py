"""The goal "frontier": the best at every cost, by a sweep over limits on cost.

For each of several limits, the best config that costs no more is searched (the epsilon-constraint
method, Haimes et al. 1971). Together they are the frontier of quality and cost. All limits share
every draw. They take turns: the best under every limit goes on, then the second best under every
limit, and so on.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import replace
from itertools import zip_longest

import numpy as np

from tune.readout import Reading
from tune.readout.trial import Reason, Step
from tune.strategies.cheapest import next_examples
from tune.strategies.paired import adjusted_means, paired_difference, quality_table
from tune.strategies.problem import Outcome, Standing, cost_key, preference
from tune.strategies.race import Race, TrialState
from tune.strategies.wave_plan import WavePlan

_TRACE = Reason(purpose="to tell those near the frontier apart")


def frontier_trials(
    race: Race,
    states: Sequence[TrialState],
    count: int,
) -> list[TrialState]:
    """Return the trials among these that should go on, by turns over limits on cost.

    Under each limit the best come first. Trials that are clearly behind the best under it are left
    out.

    Args:
        race: all trials.
        states: those that may go on.
        count: how many go on, at most.
    """
    numbers = {state.trial for state in states}
    # With few places, few limits: each limit should get its second best too.
    most = min(1 + count // 2, race.problem.settings.frontier.limits)
    # One column for each limit; taking turns reads the columns row by row.
    columns: list[list[TrialState]] = []
    for limit in cost_limits(race, most):
        near = contenders(race, limit)
        columns.append([state for state in near if state.trial in numbers])
    taken: dict[int, TrialState] = {}
    for turn in zip_longest(*columns):
        for state in turn:
            # A column that is shorter than others ends in None.
            if state is not None:
                taken.setdefault(state.trial, state)
    return list(taken.values())[:count]


def trace_frontier(race: Race) -> Generator[list[Step], Outcome, None]:
    """Give more examples, then more draws, to trials that are on the frontier or near it.

    It ends when there is nothing more to learn, or the money does not pay for the next block.
    """
    most = race.problem.settings.frontier.most_at_once
    while not race.over:
        near = frontier_trials(race, list(race.states.values()), most)
        unfinished = [state for state in near if state.examples < race.problem.examples]
        wave = next_examples(race, unfinished, _TRACE) or _more_draws(race, near)
        if not wave:
            return
        race.update((yield wave))


def cost_limits(race: Race, count: int) -> list[float]:
    """Return limits on the cost per request, the most expensive first.

    The first is inf: no limit above the cost of the best is worth anything. The others are spaced
    by equal factors, down to the cheapest config of all.
    """
    ranking = _ranking(race, math.inf)
    if not ranking:
        return []
    _, best = ranking[0]
    most = cost_key(best)
    least = most
    for standing in race.standings.values():
        for cost in map(cost_key, standing.whole()):
            # Free configs have no place on a logarithmic scale.
            if 0 < cost < least:
                least = cost
    if least >= most or count < 2:
        return [math.inf]
    factor = least / most
    limits = [math.inf]
    for place in range(1, count):
        limits.append(least * factor ** (place / (count - 1) - 1))
    return limits


def contenders(race: Race, limit: float) -> list[TrialState]:
    """Return trials that are not clearly behind the best under a limit on cost, best first."""
    ranked = _ranking(race, limit)
    readings = [reading for _, reading in ranked]
    rows = quality_table(race.problem, readings)
    found: list[TrialState] = []
    for (state, _), row in zip(ranked, rows, strict=True):
        if not paired_difference(row, rows[0]).clearly_worse:
            found.append(state)
    return found


def under_limit(standing: Standing, limit: float) -> Standing:
    """Return a trial with those of its readings that cost no more than a limit."""
    readings = standing.whole()
    cheap = tuple(reading for reading in readings if cost_key(reading) <= limit)
    return replace(standing, readings=cheap)


def _ranking(race: Race, limit: float) -> list[tuple[TrialState, Reading]]:
    """Return every trial with its best reading under a limit on cost, best first."""
    problem = race.problem
    states: list[TrialState] = []
    readings: list[Reading] = []
    for number, standing in race.standings.items():
        best = under_limit(standing, limit).best(problem)
        if best is not None and number in race.states:
            states.append(race.states[number])
            readings.append(best)
    # Rounded, so that another order of summation on another machine decides nothing.
    rows = quality_table(problem, readings)
    means = np.round(adjusted_means(rows), 9)

    def best_first(place: int) -> tuple[float, tuple[object, ...]]:
        return -means[place], preference(problem, readings[place])

    order = sorted(range(len(states)), key=best_first)
    return [(states[place], readings[place]) for place in order]


def _more_draws(race: Race, states: Sequence[TrialState]) -> list[Step]:
    """Return more draws, where a larger n may be better still."""
    wave = WavePlan(race, race.left)
    for state in states:
        draws = race.more_draws(state)
        if draws > state.draws:
            wave.add(state, state.examples, draws, _TRACE)
    return wave.steps
