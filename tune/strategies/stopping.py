"""Whether the rest of the money is worth spending: what it is expected to gain, from the standings
alone.

While the search is on, what can be gained is a new point that is better than all so far. Of n + k
points in any order the best is among the last k with probability k / (n + k); and where qualities
thin out towards the top as they do for exponential tails (bounded ones thin out faster, so this
errs on the side of going on), the best of n + k is expected to lie `spread * (H(n + k) - H(n))`
above the best of n, H being the harmonic numbers and `spread` how far the best few lie above those
next to them on average (Hill 1975, on the qualities instead of their logarithms). Qualities that
nobody knows well are no plateau: the spread is taken to be at least the best point's standard
error.

While finalists are told apart, what can be gained is that another turns out better. The mean
difference that all tuning examples and more draws would show is normal around the one seen, with
the part of its variance that they would take away: expected gain and chance are those of a decision
that may still be turned (Raiffa and Schlaifer 1961). Nothing is said while a finalist may be better
with more answers than were drawn.

Where the goal is the cheapest that is good enough, the gain is what is saved, as a share of what
the cheapest costs that is known to be. A new point is the cheapest of n + k good ones with
probability k / (n + k), and costs at least what the cheapest of n + k points is expected to cost,
good or not: the same expectation, on logarithms of costs. While it is shown what is good enough,
whoever is cheaper and undecided may turn out to be: by then its interval is narrower, around a mean
that is normal around the one seen. Nothing is said as long as none is known to be good enough.

Where the goal is the frontier, all of this is asked under each of several limits on cost, and the
gain is the mean of the gains there: how far the frontier is expected to rise. Of new points so many
cost no more than a limit as of those that are there, which cost no more than it. At its cheap end
lie few points: too few to tell how their qualities thin out, so those are taken to spread there as
all points do, and no less. Points cheaper than all others would prolong the frontier; that is in
the chance of a change, and in no gain. The limits hang together, and are counted as if they did
not, and each as if it had all the money: both err on the side of going on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from tune.readout import Reading
from tune.stats.intervals import Interval
from tune.strategies import Problem, Standing
from tune.strategies.cheapest import (
    baseline_reading,
    cheapest_good_enough,
    interval_and_threshold,
    open_readings,
)
from tune.strategies.frontier import LIMITS, cost_limits
from tune.strategies.paired import adjusted_means, paired_difference, quality_table
from tune.strategies.problem import STRICT_ERRORS, Array, cost_key
from tune.strategies.race import Race, rung_sizes

LEAST_TRIALS = 8
"""Points that must have been scored before anything is said of those to come."""

LEAST_SPREAD = 1e-6
"""By how much, as a share, costs are taken to differ at least: nobody knows them better."""

TOP = 0.25
"""The share of the points that count as the best few."""

OF_TWO = 2 / math.sqrt(3)
"""The larger of two from one distribution lies at most 1 / sqrt(3) standard deviations above its
mean (Hartley and David 1954); with exponential tails it is half a standard deviation. So much more
is taken where few are known.
"""

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Prospect:
    """What more money is expected to do.

    Attributes:
        gain: expected rise of the choice's quality, as a share of the metric's range (where the
        goal is the frontier,
            the mean over limits on cost), or, where the goal is the cheapest that is good enough,
            what it would cost less, as a share of its cost; inf where nobody can say.
        chance: the probability that the choice becomes another, or, for the frontier, that any on
        it does.
    """

    gain: float
    chance: float


UNKNOWN = Prospect(math.inf, 1.0)


def search_prospect(
    problem: Problem, standings: Mapping[int, Standing], dollars: float
) -> Prospect:
    """What new points would gain, if so many dollars were spent on their first block of examples.

    That is more points than the money brings to an end, so the gain is rather too large than too
    small.
    """
    live = _live(problem, standings)
    n, k = len(live), _points_for(problem, standings, dollars)
    if k <= 0:
        return Prospect(0.0, 0.0)
    if n < LEAST_TRIALS:
        return UNKNOWN
    if problem.goal == "cheapest":
        return _cheaper(problem, [standing for standing, _ in live], k)
    if problem.goal == "frontier":
        return _rise(problem, standings, k)
    return _better(problem, [reading for _, reading in live], k)


def final_comparison_prospect(
    problem: Problem, standings: Mapping[int, Standing], dollars: float
) -> Prospect:
    """What telling the finalists apart would gain, if so many dollars were spent on it."""
    if problem.goal == "cheapest":
        return _proven(problem, list(standings.values()))
    if problem.goal == "frontier":
        return _mean(
            [_turned(problem, held, standings, dollars) for held in _by_limit(problem, standings)]
        )
    return _turned(problem, standings, standings, dollars)


def chance_of_change(
    problem: Problem, standings: Mapping[int, Standing], dollars: float
) -> float | None:
    """The probability that so many more dollars would change the choice, by new points or by more
    examples.

    None where nobody can say.
    """
    found = [
        expect(problem, standings, dollars)
        for expect in (search_prospect, final_comparison_prospect)
    ]
    return (
        None if UNKNOWN in found else 1.0 - math.prod(1.0 - prospect.chance for prospect in found)
    )


def _better(
    problem: Problem, readings: Sequence[Reading], k: float, scale: float = 0.0
) -> Prospect:
    """What so many new points would gain on the best of these.

    Args:
        problem: what is searched.
        readings: of the points so far, one each.
        k: how many new ones there will be.
        scale: how far qualities spread at least; at least as far as nobody knows them.
    """
    n = len(readings)
    rows = quality_table(problem, readings)
    level = adjusted_means(rows)
    leader = int(np.argmax(level))
    error = paired_difference(rows[leader], np.zeros(problem.examples)).standard_error
    own = _spread(np.sort(level)[::-1]) if n >= LEAST_TRIALS else 0.0
    headroom = max(0.0, 1.0 - float(level[leader]) + error)
    return Prospect(
        min(headroom, max(own, scale, error) * math.log((n + k + 0.5) / (n + 0.5))), k / (n + k)
    )


def _rise(problem: Problem, standings: Mapping[int, Standing], k: float) -> Prospect:
    """How far so many new points would lift the frontier."""
    whole = [reading for _, reading in _live(problem, standings)]
    n, scale, found = (
        len(whole),
        OF_TWO * float(np.std(adjusted_means(quality_table(problem, whole)))),
        [],
    )
    for held in _by_limit(problem, standings):
        cheap = [reading for _, reading in _live(problem, held)]
        below = len(cheap) < n
        found.append(
            _better(
                problem, cheap, k * len(cheap) / (n + 1) if below else k, scale if below else 0.0
            )
        )
    mean, cheaper_than_all = _mean(found), k / (n + k)
    return replace(mean, chance=1.0 - (1.0 - mean.chance) * (1.0 - cheaper_than_all))


def _by_limit(problem: Problem, standings: Mapping[int, Standing]) -> list[dict[int, Standing]]:
    """The trials under each limit on cost, with those of their readings that keep it."""
    return [
        {
            number: replace(standing, readings=cheap)
            for number, standing in standings.items()
            if (
                cheap := tuple(
                    reading for reading in standing.whole() if cost_key(reading) <= limit
                )
            )
        }
        for limit in cost_limits(Race(problem, 0.0, standings), LIMITS)
    ]


def _mean(found: Sequence[Prospect]) -> Prospect:
    """The mean gain, and the chance of any change."""
    if not found or UNKNOWN in found:
        return UNKNOWN
    gain = sum(prospect.gain for prospect in found) / len(found)
    return Prospect(gain, 1.0 - math.prod(1.0 - prospect.chance for prospect in found))


def _turned(
    problem: Problem,
    held: Mapping[int, Standing],
    standings: Mapping[int, Standing],
    dollars: float,
) -> Prospect:
    """What telling the best of these apart would gain.

    Args:
        problem: what is searched.
        held: the trials with those of their readings that may be chosen.
        standings: the trials with all of them.
        dollars: to be spent on it.
    """
    live = _live(problem, held)
    if not live:
        return UNKNOWN
    rows = quality_table(problem, [reading for _, reading in live])
    level = adjusted_means(rows)
    first = int(np.argmax(level))
    near = [
        i for i in range(len(live)) if not paired_difference(rows[i], rows[first]).clearly_worse
    ]
    if _may_grow(problem, standings, [live[i][0].trial for i in near]):
        return UNKNOWN
    price = _price_of_all(problem, [standing for standing, _ in live], first)
    share = 1.0 if price <= 0 else min(1.0, dollars / price)
    found = [
        _turn(
            problem,
            float(level[first] - level[i]),
            rows[first],
            rows[i],
            (live[first][1], live[i][1]),
            share,
        )
        for i in near
        if i != first
    ]
    gain = min(1.0, sum(prospect.gain for prospect in found))
    return Prospect(gain, max((prospect.chance for prospect in found), default=0.0))


def _cheaper(problem: Problem, live: Sequence[Standing], k: float) -> Prospect:
    """What so many new points would save on the cheapest that is known to be good enough."""
    known, n = cheapest_good_enough(problem, live), len(live)
    costs = sorted(cost for s in live if 0 < (cost := min(map(cost_key, s.whole()))) < math.inf)
    if known is None or len(costs) < LEAST_TRIALS:
        return UNKNOWN
    spread = max(_spread(-np.log(costs)), LEAST_SPREAD)
    least = costs[0] * ((n + 0.5) / (n + k + 0.5)) ** spread
    saving = 1.0 - least / cost_key(known) if cost_key(known) > least else 0.0
    return Prospect(k / (n + k) * saving, k / (n + k))


def _proven(problem: Problem, standings: Sequence[Standing]) -> Prospect:
    """What is saved if the cheaper ones that are undecided meet all examples, whatever that takes."""
    known, baseline = cheapest_good_enough(problem, standings), baseline_reading(problem, standings)
    if known is None:
        return UNKNOWN
    found: dict[int, Prospect] = {}
    for reading in open_readings(problem, standings):
        interval, least = interval_and_threshold(problem, reading, baseline)
        if interval is None:
            return UNKNOWN
        chance = _turns_out(interval, least, interval.n / problem.examples)
        one = Prospect(chance * (1.0 - cost_key(reading) / cost_key(known)), chance)
        found[reading.trial] = max(
            one, found.get(reading.trial, one), key=lambda prospect: prospect.gain
        )
    return Prospect(
        min(1.0, sum(prospect.gain for prospect in found.values())),
        1.0 - math.prod(1.0 - prospect.chance for prospect in found.values()),
    )


def _turns_out(interval: Interval, least: float, met: float) -> float:
    """The chance that the lower limit lies above the least, once all examples are met instead of a
    share of them.
    """
    reach = interval.mean - interval.low
    wanders = reach / STRICT_ERRORS * math.sqrt(max(0.0, 1.0 - met))
    ahead = interval.mean - reach * math.sqrt(met) - least
    return _NORMAL.cdf(ahead / wanders) if wanders > 0 else float(ahead > 0)


def _may_grow(problem: Problem, standings: Mapping[int, Standing], trials: Sequence[int]) -> bool:
    """Whether one of these may be better with more answers than were drawn: nobody has seen any of
    that yet.
    """
    race = Race(problem, 0.0, standings)
    states = [race.states[trial] for trial in trials]
    return any(race.more_draws(state) > state.draws for state in states)


def _live(problem: Problem, standings: Mapping[int, Standing]) -> list[tuple[Standing, Reading]]:
    bests = ((standing, standing.best(problem)) for standing in standings.values())
    return [(s, r) for s, r in bests if r is not None and np.isfinite(r.scores).any()]


def _spread(falling: Array) -> float:
    """How far the best few lie above the next one, on average."""
    few = max(2, math.ceil(TOP * len(falling)))
    return float(falling[:few].mean() - falling[few])


def _points_for(problem: Problem, standings: Mapping[int, Standing], dollars: float) -> float:
    """New points that the money pays a first block for, at what draws have cost on average."""
    costs = [s.spent_per_draw for s in standings.values() if s.spent_per_draw > 0]
    fresh = max(0, problem.space.size(problem.free) - len(standings))
    block = rung_sizes(problem.examples)[0] * (sum(costs) / len(costs)) if costs else 0.0
    return min(fresh, dollars / block) if block > 0 else fresh


def _price_of_all(problem: Problem, standings: Sequence[Standing], first: int) -> float:
    """Dollars of bringing two finalists to all examples, about."""
    others = [s.spent_per_draw for s in standings]
    return (others[first] + sum(others) / len(others)) * problem.examples


def _turn(
    problem: Problem,
    ahead: float,
    leader: Array,
    other: Array,
    readings: tuple[Reading, Reading],
    share: float,
) -> Prospect:
    """The chance that one overtakes the other, and what that is expected to gain."""
    gap = paired_difference(leader, other)
    if gap.examples:
        mean, error = gap.mean, gap.standard_error
    else:
        fewest = min(len(reading.examples) for reading in readings)
        mean, error = ahead, 0.5 / math.sqrt(max(1, fewest))
    met = gap.examples / problem.examples
    repeats = sum(_draw_variance(problem, reading) for reading in readings)
    turned = math.sqrt(share * (error**2 * (1.0 - met) + repeats))
    if turned <= 0:
        return Prospect(0.0, 0.0)
    z = mean / turned
    return Prospect(turned * _NORMAL.pdf(z) - mean * _NORMAL.cdf(-z), _NORMAL.cdf(-z))


def _draw_variance(problem: Problem, reading: Reading) -> float:
    """The part of the variance of a mean quality that more draws of the same examples would take
    away.
    """
    known = reading.variances[np.isfinite(reading.variances)]
    if not len(known):
        return 0.0
    return float(known.mean()) / len(reading.examples) / (problem.high - problem.low) ** 2
