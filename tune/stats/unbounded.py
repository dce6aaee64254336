"""Limits of a mean where the scores have no bound, as with costs and seconds."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import numpy as np

from tune.stats.arrays import Array
from tune.stats.clusters import Clusters
from tune.stats.dirichlet import weighted_upper
from tune.stats.student_t import t_quantile

# The weight of the atom beyond the largest value is this times the cube of the values' deviation
# on the log scale, as skewness grows, over the root of their number, and at most 1. It is so large
# that the mean of 20 lognormal values of deviation 1 is covered about 94 % of the time. It is no
# larger, since values that spread less pay with width. The more values there are, the more of the
# tail is among them.
_HEAVY = 21.0

# With fewer values it is not clear which side is the long one.
_FEW = 10


Side: TypeAlias = Literal["low", "high"]
"""One limit of an interval."""


def unbounded_limits(
    found: Clusters, confidence: float, only: Side | None = None
) -> tuple[float, float]:
    """Return the lower and the upper limit of the mean of clusters.

    Equal values give no width. One cluster alone gives an infinite upper limit. If only one limit
    is wanted, the other one is infinite.
    """
    sums = found.sums
    sizes = found.sizes
    mean = float(sums.sum() / sizes.sum())
    distances = sums - mean * sizes
    # Rounding leaves tiny distances between equal values.
    rounding = 1e-12 * np.abs(sums).max()
    if len(sums) > 1 and not np.abs(distances).max() > rounding:
        return mean, mean
    cubes = distances**3
    skew = float(cubes.sum())
    most = float(np.abs(cubes).sum())
    # Cubes that cancel leave a sign that is rounding.
    if abs(skew) <= 1e-9 * most:
        skew = 0.0
    # One cluster with many of the rows leaves fewer degrees of freedom than there are clusters.
    freedom = max(1, math.floor(found.count + 1e-9) - 1)
    lower, upper = -math.inf, math.inf
    if only != "low":
        upper = _upper(sums, sizes, skew, confidence, freedom)
    if only != "high":
        # The upper one of the values turned upside down.
        lower = -_upper(-sums, sizes, -skew, confidence, freedom)
    return lower, upper


def _upper(
    sums: Array,
    sizes: Array,
    skew: float,
    confidence: float,
    freedom: int,
) -> float:
    """Return the upper limit; `skew` is above 0 if larger values lie farther from the mean.

    The t limit misses the long side of skewed values, and lies too far on the short one. Dirichlet
    weights (here with a t quantile and the usual deviation) do better on both, but do not reach
    beyond the largest value. So on the long side the farther of the two is the limit, and one more
    atom stands as far beyond the largest value as that is beyond those before it. On the short side
    the weighted limit is taken, unless the values are too few to tell the sides.
    """
    count = len(sums)
    mean = float(sums.sum() / sizes.sum())
    if count == 1:
        return math.inf
    rates = sums / sizes
    weights = np.ones(count)
    ordered = np.sort(rates)
    atom = 0.0
    if skew > 0:
        atom = _heaviness(ordered)
    distances = sums - mean * sizes
    variance = count / (count - 1) * float(distances @ distances)
    error = math.sqrt(variance) / float(sizes.sum())
    quantile = t_quantile(0.5 + confidence / 2, freedom)
    # Dirichlet weights spread less than a t distribution does; this makes up for it.
    narrow = math.sqrt((count + 1) / (count - 1))
    wanted = quantile * narrow
    if atom:
        rates = np.append(rates, _beyond(ordered))
        sizes = np.append(sizes, sizes.mean())
        weights = np.append(weights, atom)
    weighted = weighted_upper(rates, sizes, weights, mean, wanted)
    if skew < 0 and count >= _FEW:
        return weighted
    return max(mean + quantile * error, weighted)


def _beyond(ordered: Array) -> float:
    """Return the place of the atom: as far beyond the largest value as that is beyond others.

    These are the tenth of the values before it, and at least two.
    """
    largest = float(ordered[-1])
    others = max(2, len(ordered) // 10)
    before = ordered[-1 - others : -1]
    return 2 * largest - float(before.mean())


def _heaviness(rates: Array) -> float:
    """Return the weight of the atom beyond the largest value.

    It depends on the spread of the values on the log scale. A few values from a heavy tail do not
    show the tail: they look skewed only if one of the rare large ones is among them. The spread of
    their logarithms shows it sooner. The weight is 0 for values that can be negative.
    """
    mean = float(rates.mean())
    if rates[0] < 0:
        return 0.0
    # Values near 0 have logarithms that would decide the spread alone.
    logarithms = np.log(np.maximum(rates, mean / 100))
    spread = float(logarithms.std(ddof=1))
    weight = _HEAVY * spread**3 / math.sqrt(len(rates))
    return min(1.0, weight)
