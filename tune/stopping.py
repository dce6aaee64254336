"""Whether the rest of the money is worth spending: what it is expected to gain, from the standings alone.

While the search is on, what can be gained is a new point that is better than all so far. Of n + k points in any order
the best is among the last k with probability k / (n + k); and where qualities thin out towards the top as they do for
exponential tails (bounded ones thin out faster, so this errs on the side of going on), the best of n + k is expected
to lie `spread * (H(n + k) - H(n))` above the best of n, H being the harmonic numbers and `spread` how far the best
few lie above those next to them on average (Hill 1975, on the qualities instead of their logarithms). Qualities that
nobody knows well are no plateau: the spread is taken to be at least the best point's standard error.

While finalists are told apart, what can be gained is that another turns out better. The mean difference that all
tuning examples and more draws would show is normal around the one seen, with the part of its variance that they
would take away: expected gain and chance are those of a decision that may still be turned (Raiffa and Schlaifer 1961).
Nothing is said while a finalist may be better with more answers than were drawn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from tune.racing import Problem, Standing
from tune.racing.field import Field, rung_sizes
from tune.racing.pairing import difference, levels, table
from tune.racing.problem import Array
from tune.readout import Reading

LEAST_TRIALS = 8
"""Points that must have been scored before anything is said of those to come."""

TOP = 0.25
"""The share of the points that count as the best few."""

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Prospect:
    """What more money is expected to do.

    Attributes:
        gain: expected rise of the choice's quality, as a share of the metric's range; inf where nobody can say.
        chance: the probability that the choice becomes another.
    """

    gain: float
    chance: float


UNKNOWN = Prospect(math.inf, 1.0)


def search_prospect(problem: Problem, standings: Mapping[int, Standing], dollars: float) -> Prospect:
    """What new points would gain, if so many dollars were spent on their first block of examples.

    That is more points than the money brings to an end, so the gain is rather too large than too small.
    """
    live = _live(problem, standings)
    n, k = len(live), _points_for(problem, standings, dollars)
    if k <= 0:
        return Prospect(0.0, 0.0)
    if problem.goal != "quality" or n < LEAST_TRIALS:
        return UNKNOWN
    rows = table(problem, [reading for _, reading in live])
    level = levels(rows)
    leader = int(np.argmax(level))
    error = difference(rows[leader], np.zeros(problem.examples)).standard_error
    spread = max(_spread(np.sort(level)[::-1]), error)
    headroom = max(0.0, 1.0 - float(level[leader]) + error)
    return Prospect(min(headroom, spread * math.log((n + k + 0.5) / (n + 0.5))), k / (n + k))


def endgame_prospect(problem: Problem, standings: Mapping[int, Standing], dollars: float) -> Prospect:
    """What telling the finalists apart would gain, if so many dollars were spent on it."""
    live = _live(problem, standings)
    if problem.goal != "quality" or not live:
        return UNKNOWN
    rows = table(problem, [reading for _, reading in live])
    level = levels(rows)
    first = int(np.argmax(level))
    near = [i for i in range(len(live)) if not difference(rows[i], rows[first]).behind]
    if _may_grow(problem, standings, [live[i][0].trial for i in near]):
        return UNKNOWN
    price = _price_of_all(problem, [standing for standing, _ in live], first)
    share = 1.0 if price <= 0 else min(1.0, dollars / price)
    found = [
        _turn(problem, float(level[first] - level[i]), rows[first], rows[i], (live[first][1], live[i][1]), share)
        for i in near
        if i != first
    ]
    gain = min(1.0, sum(prospect.gain for prospect in found))
    return Prospect(gain, max((prospect.chance for prospect in found), default=0.0))


def chance_of_change(problem: Problem, standings: Mapping[int, Standing], dollars: float) -> float | None:
    """The probability that so many more dollars would change the choice, by new points or by more examples.

    None where nobody can say.
    """
    found = [expect(problem, standings, dollars) for expect in (search_prospect, endgame_prospect)]
    return None if UNKNOWN in found else 1.0 - math.prod(1.0 - prospect.chance for prospect in found)


def _may_grow(problem: Problem, standings: Mapping[int, Standing], trials: Sequence[int]) -> bool:
    """Whether one of these may be better with more answers than were drawn: nobody has seen any of that yet."""
    field = Field(problem, 0.0, standings)
    entrants = [field.entrants[trial] for trial in trials]
    return any(field.more_draws(entrant) > entrant.draws for entrant in entrants)


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
    problem: Problem, ahead: float, leader: Array, other: Array, readings: tuple[Reading, Reading], share: float
) -> Prospect:
    """The chance that one overtakes the other, and what that is expected to gain."""
    gap = difference(leader, other)
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
    """The part of the variance of a mean quality that more draws of the same examples would take away."""
    known = reading.variances[np.isfinite(reading.variances)]
    if not len(known):
        return 0.0
    return float(known.mean()) / len(reading.examples) / (problem.high - problem.low) ** 2
