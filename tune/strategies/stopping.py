"""Forecasts of what the rest of the money would gain, from the standings alone.

During the search, more money buys new points. Of n + k points in any order, the best is among the
last k with probability k / (n + k). Where qualities thin out towards the top as those of an
exponential tail do, the best of n + k points lies `spread * (H(n + k) - H(n))` above the best of n.
H are the harmonic numbers, and `spread` is how far the best few lie above the next on average (Hill
1975, on qualities instead of their logarithms). Bounded qualities thin out faster, so this errs on
the side of going on. The spread is at least the best point's standard error: qualities that nobody
knows well are no plateau.

During the final comparison, another finalist may turn out better. The mean difference that all
tuning examples and more draws would show is normal around the one seen, with the part of its
variance that they would remove. Expected gain and chance are those of a decision that may still
change (Raiffa and Schlaifer 1961). Nothing is forecast while a finalist may be better with more
answers than were drawn.

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
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from tune.readout import Reading
from tune.stats.intervals import Interval
from tune.strategies.cheapest import (
    baseline_reading,
    cheapest_good_enough,
    interval_and_threshold,
    open_readings,
)
from tune.strategies.frontier import cost_limits, under_limit
from tune.strategies.paired import adjusted_means, paired_difference, quality_table
from tune.strategies.problem import STRICT_ERRORS, Array, Problem, Standing, cost_key
from tune.strategies.race import Race, rung_sizes

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Prospect:
    """The expected result of spending more money.

    Attributes:
        gain: expected rise of the choice's quality, as a share of the metric's range. For the goal
            "frontier" it is the mean over limits on cost; for the goal "cheapest" it is the saving,
            as a share of the choice's cost. It is inf where it is unknown.
        chance: probability that the choice (for "frontier": any choice on it) becomes another.
    """

    gain: float
    chance: float


UNKNOWN = Prospect(math.inf, 1.0)

_NOTHING = Prospect(0.0, 0.0)


def search_prospect(
    problem: Problem,
    standings: Mapping[int, Standing],
    dollars: float,
) -> Prospect:
    """Return what new points would gain, if the dollars were spent on their first blocks.

    The money begins more points than it can finish, so the gain is rather too large than too small.
    """
    # Failed trials say nothing about the quality of those to come.
    live = _live(problem, standings)
    n, k = len(live), _points_for(problem, standings, dollars)
    if k <= 0:
        return _NOTHING
    if n < problem.settings.stopping.least_trials:
        return UNKNOWN
    if problem.goal == "cheapest":
        return _cheaper(problem, [standing for standing, _ in live], k)
    if problem.goal == "frontier":
        return _rise(problem, standings, k)
    return _better(problem, [reading for _, reading in live], k)


def final_comparison_prospect(
    problem: Problem,
    standings: Mapping[int, Standing],
    dollars: float,
) -> Prospect:
    """Return what telling the finalists apart would gain, if the dollars were spent on it."""
    if problem.goal == "cheapest":
        return _proven(problem, list(standings.values()))
    if problem.goal == "frontier":
        held = _by_limit(problem, standings)
        return _mean([_turned(problem, one, standings, dollars) for one in held])
    return _turned(problem, standings, standings, dollars)


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
    return 1.0 - math.prod((1.0 - search.chance, 1.0 - final.chance))


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
    error = paired_difference(rows[leader], np.zeros(rows.shape[1])).standard_error
    own = 0.0
    if n >= problem.settings.stopping.least_trials:
        own = _spread(np.sort(means)[::-1], problem.settings.stopping.top)
    # Nothing can be better than 1; the error is added, as the best may be overrated.
    headroom = max(0.0, 1.0 - float(means[leader]) + error)
    # log((n + k + 0.5) / (n + 0.5)) is H(n + k) - H(n), to within a percent.
    rise = max(own, scale, error) * math.log((n + k + 0.5) / (n + 0.5))
    return Prospect(min(headroom, rise), k / (n + k))


def _rise(
    problem: Problem,
    standings: Mapping[int, Standing],
    k: float,
) -> Prospect:
    """Return how far new points would lift the frontier."""
    whole = [reading for _, reading in _live(problem, standings)]
    n = len(whole)
    spread = float(np.std(adjusted_means(quality_table(problem, whole))))
    scale = problem.settings.stopping.of_two * spread
    found: list[Prospect] = []
    for held in _by_limit(problem, standings):
        cheap = [reading for _, reading in _live(problem, held)]
        # Some points are beyond this limit, and so will be as large a part of the new ones.
        if len(cheap) < n:
            found.append(_better(problem, cheap, k * len(cheap) / (n + 1), scale))
        else:
            found.append(_better(problem, cheap, k, 0.0))
    mean, cheaper_than_all = _mean(found), k / (n + k)
    return replace(mean, chance=1.0 - (1.0 - mean.chance) * (1.0 - cheaper_than_all))


def _by_limit(
    problem: Problem, standings: Mapping[int, Standing]
) -> list[dict[int, Standing]]:
    """Return, for each limit on cost, the trials with those of their readings that keep it."""
    found: list[dict[int, Standing]] = []
    for limit in cost_limits(
        Race(problem, 0.0, standings), problem.settings.frontier.limits
    ):
        held: dict[int, Standing] = {}
        for number, standing in standings.items():
            cheap = under_limit(standing, limit)
            if cheap.readings:
                held[number] = cheap
        found.append(held)
    return found


def _mean(found: Sequence[Prospect]) -> Prospect:
    """Return the mean gain, and the chance of any change."""
    if not found or UNKNOWN in found:
        return UNKNOWN
    gain = sum(prospect.gain for prospect in found) / len(found)
    return Prospect(gain, _any_change(found))


def _any_change(found: Sequence[Prospect]) -> float:
    """Return the chance of any change, as if all were independent."""
    return 1.0 - math.prod(1.0 - prospect.chance for prospect in found)


def _turned(
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
    live = _live(problem, held)
    if not live:
        return UNKNOWN
    rows = quality_table(problem, [reading for _, reading in live])
    means = adjusted_means(rows)
    first = int(np.argmax(means))
    near = _near_the_first(rows, first)
    if _may_grow(problem, standings, [live[i][0].trial for i in near]):
        return UNKNOWN
    price = _price_of_all(problem, [standing for standing, _ in live], first)
    share = 1.0 if price <= 0 else min(1.0, dollars / price)
    # All pairs with the leader are counted.
    gain, chance = 0.0, 0.0
    for i in near:
        if i != first:
            ahead = float(means[first] - means[i])
            pair = live[first][1], live[i][1]
            turn = _turn(problem, ahead, rows[first], rows[i], pair, share)
            # The gains are not exclusive, so their sum is too large rather than too small.
            gain += turn.gain
            chance = max(chance, turn.chance)
    return Prospect(min(1.0, gain), chance)


def _near_the_first(rows: Array, first: int) -> list[int]:
    """Return the rows that are not clearly worse than the first, by number."""
    near: list[int] = []
    for number, row in enumerate(rows):
        if not paired_difference(row, rows[first]).clearly_worse:
            near.append(number)
    return near


def _cheaper(
    problem: Problem,
    live: Sequence[Standing],
    k: float,
) -> Prospect:
    """Return what new points would save on the cheapest that is known to be good enough."""
    settings = problem.settings.stopping
    # The saving is measured against this one.
    known, n = cheapest_good_enough(problem, live), len(live)
    least_costs = [min(map(cost_key, standing.whole())) for standing in live]
    costs = sorted(cost for cost in least_costs if 0 < cost < math.inf)
    if known is None or len(costs) < settings.least_trials:
        return UNKNOWN
    # Logarithms, because costs differ by factors.
    spread = max(_spread(-np.log(costs), settings.top), settings.least_spread)
    least = costs[0] * ((n + 0.5) / (n + k + 0.5)) ** spread
    saving = 1.0 - least / cost_key(known) if cost_key(known) > least else 0.0
    return Prospect(k / (n + k) * saving, k / (n + k))


def _proven(problem: Problem, standings: Sequence[Standing]) -> Prospect:
    """Return the saving if all cheaper undecided configs meet all examples, at any cost."""
    known, baseline = (
        cheapest_good_enough(problem, standings),
        baseline_reading(problem, standings),
    )
    if known is None:
        return UNKNOWN
    found: dict[int, Prospect] = {}
    for reading in open_readings(problem, standings):
        interval, threshold = interval_and_threshold(problem, reading, baseline)
        if interval is None:
            return UNKNOWN
        chance = _turns_out(interval, threshold, interval.n / problem.examples)
        one = Prospect(chance * (1.0 - cost_key(reading) / cost_key(known)), chance)
        other = found.get(reading.trial, one)
        found[reading.trial] = max(one, other, key=lambda prospect: prospect.gain)
    gain = min(1.0, sum(prospect.gain for prospect in found.values()))
    return Prospect(gain, _any_change(list(found.values())))


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
    ahead = interval.mean - reach * math.sqrt(met) - threshold
    return _NORMAL.cdf(ahead / wanders) if wanders > 0 else float(ahead > 0)


def _may_grow(
    problem: Problem,
    standings: Mapping[int, Standing],
    trials: Sequence[int],
) -> bool:
    """Return whether one of these may be better with more answers than were ever drawn for it."""
    race = Race(problem, 0.0, standings)
    states = [race.states[trial] for trial in trials]
    return any(race.more_draws(state) > state.draws for state in states)


def _live(
    problem: Problem, standings: Mapping[int, Standing]
) -> list[tuple[Standing, Reading]]:
    """Return the trials that have scores and keep the limits, each with its best reading."""
    found: list[tuple[Standing, Reading]] = []
    for standing in standings.values():
        reading = standing.best(problem)
        if reading is not None and np.isfinite(reading.scores).any():
            found.append((standing, reading))
    return found


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
    costs = [one.spent_per_draw for one in standings.values() if one.spent_per_draw > 0]
    # A small space has few points left, however much money there is.
    fresh = max(0, problem.space.size(problem.free) - len(standings))
    block = (
        rung_sizes(problem.examples)[0] * (sum(costs) / len(costs)) if costs else 0.0
    )
    return min(fresh, dollars / block) if block > 0 else fresh


def _price_of_all(
    problem: Problem,
    standings: Sequence[Standing],
    first: int,
) -> float:
    """Return about the dollars of bringing two finalists to all examples."""
    others = [standing.spent_per_draw for standing in standings]
    return (others[first] + sum(others) / len(others)) * problem.examples


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
        mean, error = gap.mean, gap.standard_error
    else:
        fewest = min(len(reading.examples) for reading in readings)
        # No shared example: the largest standard deviation of a score is half the range.
        mean, error = ahead, 0.5 / math.sqrt(max(1, fewest))
    met = gap.examples / problem.examples
    repeats = sum(_draw_variance(problem, reading) for reading in readings)
    turned = math.sqrt(share * (error**2 * (1.0 - met) + repeats))
    if turned <= 0:
        return _NOTHING
    z = mean / turned
    return Prospect(turned * _NORMAL.pdf(z) - mean * _NORMAL.cdf(-z), _NORMAL.cdf(-z))


def _draw_variance(problem: Problem, reading: Reading) -> float:
    """Return the part of a mean quality's variance that more draws of its examples remove."""
    known = reading.variances[np.isfinite(reading.variances)]
    if not len(known):
        return 0.0
    return (
        float(known.mean()) / len(reading.examples) / (problem.high - problem.low) ** 2
    )
