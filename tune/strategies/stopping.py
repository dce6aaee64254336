"""Forecasts of what the rest of the money would gain, from the standings alone.

During the search, more money buys new points. Of n + k points in any order, the best is among the
last k with probability k / (n + k). Where qualities thin out towards the top as those of an
exponential tail do, the best of n + k points lies `spread * (H(n + k) - H(n))` above the best of n.
H are the harmonic numbers, and `spread` is how far the best few lie above the next on average (Hill
1975, on qualities instead of their logarithms). Bounded qualities thin out faster, so this errs on
the side of going on. The spread is at least the best point's standard error: qualities that nobody
knows well are no plateau.

During the final comparison, another finalist may turn out better; see
`tune.strategies.finalist_prospect`.

For the goal "cheapest", the gain is the saving, as a share of the cost of the cheapest config that
is known to be good enough. A new point is the cheapest of n + k good ones with probability
k / (n + k). It costs at least what the cheapest of n + k points is expected to cost, good or not:
the same expectation, on logarithms of costs. In the final comparison, each cheaper undecided config
may turn out to be good enough: its interval narrows around a mean that is normal around the one
seen. Nothing is forecast while none is known to be good enough.

For the goal "frontier", all of this is computed under each of several limits on cost, and the gain
is the mean: how far the frontier is expected to rise. New points keep a limit as often as the
points so far. At the cheap end there are too few points to tell how their qualities thin out, so
those are assumed to spread as all points do, and no less. A point cheaper than all others extends
the frontier; that counts as a chance of a change, not as a gain. The limits are counted as if they
were independent and each had all the money. Both err on the side of going on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import NormalDist

import numpy as np

from tune.readout import Reading
from tune.stats.intervals import Interval
from tune.strategies.blocks import rung_sizes
from tune.strategies.cheapest import (
    baseline_reading,
    cheapest_good_enough,
    interval_and_threshold,
    open_readings,
)
from tune.strategies.finalist_prospect import finalist_prospect, scored_readings
from tune.strategies.frontier import cost_limits, under_limit
from tune.strategies.paired import adjusted_means, paired_difference, quality_table
from tune.strategies.problem import STRICT_ERRORS, Array, Problem, Standing, cost_key
from tune.strategies.prospect import (
    NOTHING,
    UNKNOWN,
    Prospect,
    any_change,
    mean_prospect,
)
from tune.strategies.race import Race

_NORMAL = NormalDist()


def search_prospect(
    problem: Problem,
    standings: Mapping[int, Standing],
    dollars: float,
) -> Prospect:
    """Return what new points would gain, if the dollars were spent on their first blocks.

    The money begins more points than it can finish, so the gain is rather too large than too small.
    """
    # Failed trials say nothing about the quality of those to come.
    readings = scored_readings(problem, standings)
    k = _points_for(problem, standings, dollars)
    if k <= 0:
        return NOTHING
    if len(readings) < problem.settings.stopping.least_trials:
        return UNKNOWN
    if problem.goal == "cheapest":
        live = [standings[reading.trial] for reading in readings]
        return _cheaper(problem, live, k)
    if problem.goal == "frontier":
        return _rise(problem, standings, k)
    return _better(problem, readings, k)


def final_comparison_prospect(
    problem: Problem,
    standings: Mapping[int, Standing],
    dollars: float,
) -> Prospect:
    """Return what telling the finalists apart would gain, if the dollars were spent on it."""
    if problem.goal == "cheapest":
        return _proven(problem, list(standings.values()))
    if problem.goal == "frontier":
        found: list[Prospect] = []
        for held in _by_limit(problem, standings):
            found.append(finalist_prospect(problem, held, standings, dollars))
        return mean_prospect(found)
    return finalist_prospect(problem, standings, standings, dollars)


def chance_of_change(
    problem: Problem,
    standings: Mapping[int, Standing],
    dollars: float,
) -> float | None:
    """Return the probability that more dollars would change the choice; None where unknown."""
    search = search_prospect(problem, standings, dollars)
    final = final_comparison_prospect(problem, standings, dollars)
    if UNKNOWN in (search, final):
        return None
    return any_change([search, final])


def _better(
    problem: Problem,
    readings: Sequence[Reading],
    k: float,
    scale: float = 0.0,
) -> Prospect:
    """Return what new points would gain on the best of these.

    Args:
        problem: what is searched.
        readings: of the points so far, one each.
        k: number of new points.
        scale: the least spread of qualities.
    """
    n = len(readings)
    rows = quality_table(problem, readings)
    means = adjusted_means(rows)
    leader = int(np.argmax(means))
    # As a difference to 0, because that error adds two made-up examples: a few equal scores are no
    # certainty.
    nothing = np.zeros(rows.shape[1])
    error = paired_difference(rows[leader], nothing).standard_error
    own = 0.0
    if n >= problem.settings.stopping.least_trials:
        own = _spread(np.sort(means)[::-1], problem.settings.stopping.top)
    # Nothing can be better than 1; the error is added, as the best may be overrated.
    headroom = max(0.0, 1.0 - float(means[leader]) + error)
    # log((n + k + 0.5) / (n + 0.5)) is H(n + k) - H(n), to within a percent.
    growth = math.log((n + k + 0.5) / (n + 0.5))
    rise = max(own, scale, error) * growth
    return Prospect(min(headroom, rise), k / (n + k))


def _rise(
    problem: Problem,
    standings: Mapping[int, Standing],
    k: float,
) -> Prospect:
    """Return how far new points would lift the frontier."""
    whole = scored_readings(problem, standings)
    n = len(whole)
    means = adjusted_means(quality_table(problem, whole))
    scale = problem.settings.stopping.of_two * float(np.std(means))
    found: list[Prospect] = []
    for held in _by_limit(problem, standings):
        cheap = scored_readings(problem, held)
        # Some points are beyond this limit, and so will be as large a part of the new ones.
        if len(cheap) < n:
            new = k * len(cheap) / (n + 1)
            found.append(_better(problem, cheap, new, scale))
        else:
            found.append(_better(problem, cheap, k, 0.0))
    mean = mean_prospect(found)
    # A point that is cheaper than all others extends the frontier.
    cheaper_than_all = k / (n + k)
    chance = 1.0 - (1.0 - mean.chance) * (1.0 - cheaper_than_all)
    return replace(mean, chance=chance)


def _by_limit(
    problem: Problem, standings: Mapping[int, Standing]
) -> list[dict[int, Standing]]:
    """Return, for each limit on cost, the trials with those of their readings that keep it."""
    race = Race(problem, 0.0, standings)
    found: list[dict[int, Standing]] = []
    for limit in cost_limits(race, problem.settings.frontier.limits):
        held: dict[int, Standing] = {}
        for number, standing in standings.items():
            cheap = under_limit(standing, limit)
            if cheap.readings:
                held[number] = cheap
        found.append(held)
    return found


def _cheaper(
    problem: Problem,
    live: Sequence[Standing],
    k: float,
) -> Prospect:
    """Return what new points would save on the cheapest that is known to be good enough."""
    settings = problem.settings.stopping
    # The saving is measured against this one.
    known = cheapest_good_enough(problem, live)
    costs: list[float] = []
    for standing in live:
        least_cost = min(map(cost_key, standing.whole()))
        # Free configurations and unknown costs have no logarithm.
        if 0 < least_cost < math.inf:
            costs.append(least_cost)
    if known is None or len(costs) < settings.least_trials:
        return UNKNOWN
    costs.sort()
    # Logarithms, because costs differ by factors.
    spread = max(_spread(-np.log(costs), settings.top), settings.least_spread)
    n = len(live)
    share = (n + 0.5) / (n + k + 0.5)
    least = costs[0] * share**spread
    chance = k / (n + k)
    saving = 0.0
    if cost_key(known) > least:
        saving = 1.0 - least / cost_key(known)
    return Prospect(chance * saving, chance)


def _proven(problem: Problem, standings: Sequence[Standing]) -> Prospect:
    """Return the saving if all cheaper undecided configs meet all examples, at any cost."""
    known = cheapest_good_enough(problem, standings)
    baseline = baseline_reading(problem, standings)
    if known is None:
        return UNKNOWN
    by_trial: dict[int, Prospect] = {}
    for reading in open_readings(problem, standings):
        interval, threshold = interval_and_threshold(problem, reading, baseline)
        if interval is None:
            return UNKNOWN
        chance = _turns_out(interval, threshold, interval.n / problem.examples)
        saving = 1.0 - cost_key(reading) / cost_key(known)
        one = Prospect(chance * saving, chance)
        # Readings of one trial share their draws, so only one of them counts.
        other = by_trial.get(reading.trial, one)
        by_trial[reading.trial] = max(one, other, key=_gain)
    found = list(by_trial.values())
    gain = sum(prospect.gain for prospect in found)
    return Prospect(min(1.0, gain), any_change(found))


def _gain(prospect: Prospect) -> float:
    return prospect.gain


def _turns_out(
    interval: Interval,
    threshold: float,
    met: float,
) -> float:
    """Return the chance that the lower limit is above the threshold once all examples are met.

    Args:
        interval: on the examples met so far.
        threshold: what it must be above.
        met: share of all examples that were met.
    """
    # A one-sided interval: its lower half is the reach.
    reach = interval.mean - interval.low
    # The standard error of what is left to learn: of the share of examples not yet met.
    wanders = reach / STRICT_ERRORS * math.sqrt(max(0.0, 1.0 - met))
    # The reach shrinks with the root of the number of examples.
    ahead = interval.mean - reach * math.sqrt(met) - threshold
    if wanders <= 0:
        return float(ahead > 0)
    return _NORMAL.cdf(ahead / wanders)


def _spread(falling: Array, top: float) -> float:
    """Return how far the best few lie above the next one, on average.

    Args:
        falling: values from the largest to the smallest.
        top: share of them that are the best few.
    """
    # At least two: the spread of one value is unknown.
    few = max(2, math.ceil(top * len(falling)))
    return float(falling[:few].mean() - falling[few])


def _points_for(
    problem: Problem,
    standings: Mapping[int, Standing],
    dollars: float,
) -> float:
    """Return the number of new points whose first block the money pays for.

    A draw is assumed to cost the mean of those so far.
    """
    costs: list[float] = []
    for standing in standings.values():
        if standing.spent_per_draw > 0:
            costs.append(standing.spent_per_draw)
    # A small space has few points left, however much money there is.
    fresh = max(0, problem.space.size(problem.free) - len(standings))
    # Where all models are free, money is no limit.
    if not costs:
        return fresh
    draw = sum(costs) / len(costs)
    block = rung_sizes(problem.examples)[0] * draw
    return min(fresh, dollars / block)
