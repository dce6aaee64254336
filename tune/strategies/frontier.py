"""The goal "frontier": the best at every cost, by a sweep over limits on cost.

For each of several limits, the best that costs no more is looked for (the epsilon-constraint
method, Haimes et al. 1971): together they are the frontier of quality and cost. All of them share
every draw, and what goes on is found by taking turns: the best under every limit, then the second
best under every limit, and so on.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import replace
from itertools import zip_longest

import numpy as np

from tune.readout import Reading
from tune.readout.trial import Step
from tune.strategies.cheapest import next_examples
from tune.strategies.paired import adjusted_means, paired_difference, quality_table
from tune.strategies.problem import Outcome, cost_key, preference
from tune.strategies.race import Race, TrialState, WavePlan

LIMITS = 6
"""Limits on cost that are looked at, at most."""

MOST_AT_ONCE = 8
"""Trials that get more examples side by side."""


def frontier_trials(race: Race, states: Sequence[TrialState], count: int) -> list[TrialState]:
    """The so many of these trials that should go on, by turns over limits on cost.

    Under each limit the best come first, and who is clearly behind the best of all trials under it
    is no candidate.
    """
    numbers = {state.trial for state in states}
    columns = [
        [e for e in contenders(race, limit) if e.trial in numbers]
        for limit in cost_limits(race, min(1 + count // 2, LIMITS))
    ]
    turns = (state for row in zip_longest(*columns) for state in row if state is not None)
    return list({state.trial: state for state in turns}.values())[:count]


def trace_frontier(race: Race) -> Generator[list[Step], Outcome, None]:
    """Give more examples, then more draws, to the trials that are on the frontier or not clearly
    behind it.

    It ends when there is nothing more to learn, or the money does not pay for the next block.
    """
    while not race.over:
        contenders = frontier_trials(race, list(race.states.values()), MOST_AT_ONCE)
        wave = next_examples(race, [e for e in contenders if e.examples < race.problem.examples])
        wave = wave or _more_draws(race, contenders)
        if not wave:
            return
        race.update((yield wave))


def cost_limits(race: Race, count: int) -> list[float]:
    """So many costs per request, the dearest first: none is worth a limit above that of the best,
    which has inf.

    The others are spaced by equal factors, down to the cheapest of all.
    """
    first = next(iter(_ranking(race, math.inf)), None)
    if first is None:
        return []
    costs = [
        cost
        for s in race.standings.values()
        for r in s.whole()
        if 0 < (cost := cost_key(r)) < cost_key(first[1])
    ]
    if not costs or count < 2:
        return [math.inf]
    factor = min(costs) / cost_key(first[1])
    return [math.inf, *(min(costs) * factor ** (i / (count - 1) - 1) for i in range(1, count))]


def contenders(race: Race, limit: float) -> list[TrialState]:
    """The trials that are not clearly behind the best that costs no more than a limit, the best
    first.
    """
    ranked = _ranking(race, limit)
    rows = quality_table(race.problem, [reading for _, reading in ranked])
    return [
        state
        for (state, _), row in zip(ranked, rows, strict=True)
        if not paired_difference(row, rows[0]).clearly_worse
    ]


def _ranking(race: Race, limit: float) -> list[tuple[TrialState, Reading]]:
    """Every trial with its best reading that costs no more than a limit, those of the highest level
    first.
    """
    problem = race.problem
    found = []
    for number, standing in race.standings.items():
        cheap = tuple(reading for reading in standing.whole() if cost_key(reading) <= limit)
        best = replace(standing, readings=cheap).best(problem)
        if best is not None and number in race.states:
            found.append((race.states[number], best))
    level = np.round(adjusted_means(quality_table(problem, [reading for _, reading in found])), 9)
    order = sorted(range(len(found)), key=lambda i: (-level[i], preference(problem, found[i][1])))
    return [found[i] for i in order]


def _more_draws(race: Race, states: Sequence[TrialState]) -> list[Step]:
    """More draws, where a larger n may be better still."""
    wave = WavePlan(race, race.left)
    for state in states:
        draws = race.more_draws(state)
        if draws > state.draws:
            wave.add(state, state.examples, draws)
    return wave.steps
