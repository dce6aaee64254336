"""The prospect of telling finalists apart: another than the leader may turn out to be better.

The mean difference that all tuning examples and more draws would show is normal around the one
seen, with the part of its variance that they would remove. Expected gain and chance are those of a
decision that may still change (Raiffa and Schlaifer 1961). Nothing is forecast while a finalist may
be better with more answers than were drawn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist

import numpy as np

from tune.readout import Reading
from tune.strategies.paired import adjusted_means, paired_difference, quality_table
from tune.strategies.problem import Array, Problem, Standing
from tune.strategies.prospect import NOTHING, UNKNOWN, Prospect
from tune.strategies.race import Race

_NORMAL = NormalDist()


def finalist_prospect(
    problem: Problem,
    held: Mapping[int, Standing],
    standings: Mapping[int, Standing],
    dollars: float,
) -> Prospect:
    """Return what telling the best of these apart would gain.

    Args:
        problem: what is searched.
        held: the trials with those of their readings that may be selected.
        standings: the trials with all of them.
        dollars: to be spent on it.
    """
    # A failed trial cannot be selected.
    readings = scored_readings(problem, held)
    if not readings:
        return UNKNOWN
    rows = quality_table(problem, readings)
    means = adjusted_means(rows)
    first = int(np.argmax(means))
    near = _near_the_first(rows, first)
    if _may_grow(problem, standings, [readings[i].trial for i in near]):
        return UNKNOWN
    costs = [held[reading.trial].spent_per_draw for reading in readings]
    price = _price_of_all(problem, costs, first)
    # Free finalists can always meet all examples.
    share = 1.0
    if price > 0:
        share = min(1.0, dollars / price)
    gain = 0.0
    chance = 0.0
    for i in near:
        if i != first:
            ahead = float(means[first] - means[i])
            pair = readings[first], readings[i]
            turn = _turn(problem, ahead, rows[first], rows[i], pair, share)
            # The gains are not exclusive, so their sum is too large rather than too small.
            gain += turn.gain
            chance = max(chance, turn.chance)
    return Prospect(min(1.0, gain), chance)


def scored_readings(
    problem: Problem, standings: Mapping[int, Standing]
) -> list[Reading]:
    """Return the best reading of each trial that has scores and keeps the limits."""
    found: list[Reading] = []
    for standing in standings.values():
        reading = standing.best(problem)
        if reading is not None and np.isfinite(reading.scores).any():
            found.append(reading)
    return found


def _near_the_first(rows: Array, first: int) -> list[int]:
    """Return the rows that are not clearly worse than the first, by number."""
    near: list[int] = []
    for number, row in enumerate(rows):
        if not paired_difference(row, rows[first]).clearly_worse:
            near.append(number)
    return near


def _may_grow(
    problem: Problem,
    standings: Mapping[int, Standing],
    trials: Sequence[int],
) -> bool:
    """Return whether one of these may be better with more answers than were ever drawn for it."""
    race = Race(problem, 0.0, standings)
    for trial in trials:
        state = race.states[trial]
        if race.more_draws(state) > state.draws:
            return True
    return False


def _price_of_all(
    problem: Problem,
    costs: Sequence[float],
    first: int,
) -> float:
    """Return about the dollars of bringing two finalists to all examples.

    Args:
        problem: what is searched.
        costs: dollars of a draw, by trial.
        first: number of the leader among these.
    """
    # The leader and one other, of which nobody knows yet which it will be.
    pair = costs[first] + sum(costs) / len(costs)
    return pair * problem.examples


def _turn(
    problem: Problem,
    ahead: float,
    leader: Array,
    other: Array,
    readings: tuple[Reading, Reading],
    share: float,
) -> Prospect:
    """Return the chance that one overtakes the other, and the expected gain.

    Args:
        problem: what is searched.
        ahead: adjusted mean of the leader less that of the other, for when they share no example.
        leader: qualities by example.
        other: of the other, by example.
        readings: of both.
        share: share of what is left to learn that the money pays for.
    """
    gap = paired_difference(leader, other)
    if gap.examples:
        mean = gap.mean
        error = gap.standard_error
    else:
        # No shared example: the largest standard deviation of a score is half the range.
        fewest = min(len(reading.examples) for reading in readings)
        mean = ahead
        error = 0.5 / math.sqrt(max(1, fewest))
    met = gap.examples / problem.examples
    # More examples remove the part of the variance that is due to those not met yet; more draws of
    # the same examples remove the part that is due to the draws.
    examples = error**2 * (1.0 - met)
    draws = sum(_draw_variance(problem, reading) for reading in readings)
    turned = math.sqrt(share * (examples + draws))
    if turned <= 0:
        return NOTHING
    z = mean / turned
    chance = _NORMAL.cdf(-z)
    # E[max(-X, 0)] of a difference X that is normal with this mean and deviation.
    gain = turned * _NORMAL.pdf(z) - mean * chance
    return Prospect(gain, chance)


def _draw_variance(problem: Problem, reading: Reading) -> float:
    """Return the part of a mean quality's variance that more draws of its examples remove."""
    # At temperature 0, and where only one draw was bought, the variance of draws is not known.
    known = reading.variances[np.isfinite(reading.variances)]
    if not len(known):
        return 0.0
    of_mean = float(known.mean()) / len(reading.examples)
    # Variances are in the metric's scale, qualities are shares of its range.
    return of_mean / (problem.high - problem.low) ** 2
