"""Confidence intervals for means and paired differences that cover at small n.

Scores are bounded, few and often piled up at a bound. There the usual t interval fails: with 20
examples and one score of 0 in twenty, it covers 62 % of the time. The intervals here come from
Dirichlet weights: each example weighs as much as a standard exponential variable, one more atom
sits at the bound, and the limit is the quantile of the weighted mean. With an atom of weight 1 that
is the bound of Gaffke (2005) and of Learned-Miller and Thomas (2019, arXiv 1905.06208), which for
0/1 scores is Clopper's and Pearson's; smaller weights relate to it as mid-P does. The quantile is
found by a saddlepoint approximation (Lugannani and Rice 1980; Barndorff-Nielsen's r*), which needs
no random numbers and agrees with simulation to about 0.001.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from tune.stats.clusters import Clusters, largest_of_each
from tune.stats.student_t import t_quantile

Array: TypeAlias = npt.NDArray[np.float64]
Numbers: TypeAlias = Sequence[float] | Array
Verdict: TypeAlias = Literal["better", "worse", "not distinguishable"]

# The weight of the atom at the bound, chosen by measured coverage: the smallest of 1/4, 1/2, 3/4
# and 1 at which a
# 95 % interval covers at least 93 % of the time from 10 examples on, for 0/1 scores whose mean lies
# between 0.02 and
# 0.98, and for differences of such scores. Those have room on both sides of nearly every truth and
# need less.
_ATOM_MEAN = 0.75
_ATOM_DIFFERENCE = 0.5

# Differences of graded scores are often far smaller than any bound. An atom at the bound is then
# all of the width: at scores around 0.95 to 0.99 it made intervals 4 to 19 times as wide as those
# of a paired t, which covers there. From `_PAIRS` pairs on, the atom is beyond the largest
# difference instead, by as much as that one is beyond the next ones, and the lighter the nearer it
# is. What this cannot cover is a failure that has not happened yet (see `seen`).
_PAIRS = 20
_ATOM_NEAR = 0.25

# Where there is no bound, the weight of the atom beyond the largest value is so many times the cube
# of the values' deviation on the log scale, as skewness grows, over the root of their number, and
# at most 1. So large that the mean of 20 lognormal values of deviation 1 is covered about 94 % of
# the time, and no larger, since values that spread less pay with width. The more values there are,
# the more of the tail is among them.
_HEAVY = 21.0

_FEW = 10
"""Of fewer values nobody tells which side is the long one."""

_TOGETHER = 8
"""How many clusters' weight the belief has that the rows of a cluster are copies, in intervals of
differences. At 5 some worlds are covered less than 93 % of the time; for means, which have less
room, that belief is never given up.
"""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and the limits between which the truth lies, at the stated confidence.

    Attributes:
        mean: the mean of what was scored.
        low: the lower limit.
        high: the upper limit.
        n: examples that went into it; those without a score are not counted.
    """

    mean: float
    low: float
    high: float
    n: int

    def clears(self, value: float) -> bool:
        """Tell whether the whole interval lies above `value`."""
        return self.low > value


def mean_interval(
    scores: Numbers,
    *,
    low: float = 0.0,
    high: float = 1.0,
    confidence: float = 0.95,
    clusters: Sequence[Hashable] | None = None,
    weights: Numbers | None = None,
    heaviest: float = 1.0,
) -> Interval:
    """Return the interval for the mean of bounded scores, one per example (average repeats first).

    Between finite bounds it never has zero width: equal scores may be chance. Costs and seconds
    have no upper bound (`high=math.inf`); there equal values give no width, and one value alone
    says nothing.

    Args:
        scores: one number per example; NaN means "not scored" and is left out.
        low: the smallest possible score; -inf if there is none.
        high: the largest possible score; inf if there is none.
        confidence: the wanted coverage, 0 to 1.
        clusters: one label per score: rows of one customer, repeats of one question. Clusters are
            then
            the independent units, not rows.
        weights: the weight of each score in the mean, above 0; all count the same by default.
        heaviest: the largest possible weight, also of a score that is not among these.

    Raises:
        ValueError: there is no score, or one is outside the bounds.
    """
    values, labels, sizes = _known(
        np.asarray(scores, dtype=float), clusters, weights, confidence
    )
    values = _within(values, low, high)
    atom = _Atom(low, high, _ATOM_MEAN, heaviest)
    return _interval(values, labels, sizes, atom, confidence, math.inf)


def difference_interval(
    scores: Numbers,
    others: Numbers,
    *,
    low: float = 0.0,
    high: float = 1.0,
    confidence: float = 0.95,
    clusters: Sequence[Hashable] | None = None,
    weights: Numbers | None = None,
    heaviest: float = 1.0,
    seen: Numbers = (),
) -> Interval:
    """Return the interval for the mean of `scores - others`, paired by position.

    It covers if unseen differences are like the seen ones, or 0 and 1. If scores are within a few
    points of each other, and one of them fails completely in 1 to 6 % of cases that these examples
    do not show, it covers no better than a paired t does.

    Args:
        scores: one number per example.
        others: the scores that they are compared with. If either is NaN, the pair is left out.
        low: the smallest possible score; a difference is at least `low - high`.
        high: the largest possible score.
        confidence: the wanted coverage, 0 to 1.
        clusters: one label per pair.
        weights: the weight of each pair in the mean, above 0; all count the same by default.
        heaviest: the largest possible weight, also of a pair that is not among these.
        seen: scores of the same two on other examples. They say only how far apart two scores can
            be: a failure among them makes the interval as wide as failures do.

    Raises:
        ValueError: the lists differ in length, there is no pair, or a score is outside the bounds.
    """
    first, second = np.asarray(scores, dtype=float), np.asarray(others, dtype=float)
    if first.shape != second.shape:
        raise ValueError(
            f"paired scores come in equal numbers, but got {first.size} and {second.size}"
        )
    values, labels, sizes = _known(first - second, clusters, weights, confidence)
    span = high - low
    values = _within(values, -span, span)
    reach = min(span, max(_reach(values, span, labels), _range(seen)))
    atom = _Atom(-reach, reach, _near(reach, span), heaviest)
    return _interval(values, labels, sizes, atom, confidence, _TOGETHER)


def cost_interval(
    costs: Numbers,
    most: float,
    *,
    confidence: float = 0.95,
    clusters: Sequence[Hashable] | None = None,
) -> Interval:
    """Return the interval for the mean of costs that seldom reach the largest possible cost.

    A model seldom runs on until the cap, and then costs many times as much as usual. Samples
    without that case look the same whether it happens in one case of twenty or never. So the upper
    limit has an atom at the largest cost of a request. If no cost comes near that, the limit is at
    least that of values without a bound.

    Args:
        costs: one number per example, 0 or more; NaN is left out.
        most: the largest possible cost of a request.
        confidence: the wanted coverage, 0 to 1.
        clusters: one label per cost.

    Raises:
        ValueError: there is no cost, or one is below 0 or above the most.
    """
    usual = mean_interval(
        costs, low=0.0, high=math.inf, confidence=confidence, clusters=clusters
    )
    bounded = mean_interval(
        costs, low=0.0, high=most, confidence=confidence, clusters=clusters
    )
    near = np.nanmax(np.asarray(costs, dtype=float)) >= most / 2
    return replace(
        usual, high=bounded.high if near else max(bounded.high, min(most, usual.high))
    )


def _range(seen: Numbers) -> float:
    """Return how far apart two of these scores are; 0 without any."""
    values = np.asarray(seen, dtype=float)
    values = values[~np.isnan(values)]
    return float(np.ptp(values)) if values.size else 0.0


def _reach(
    differences: Array, span: float, labels: Sequence[Hashable] | None = None
) -> float:
    """Return the largest plausible difference, by the largest one of each cluster."""
    sizes = np.sort(largest_of_each(np.abs(differences), labels))
    count = sizes.size
    if (
        count < _PAIRS or np.ptp(differences) <= 1e-12 * span
    ):  # equal ones say nothing of how they spread
        return span
    before = sizes[-1 - max(2, count // 10) : -1]
    return min(span, float(2 * sizes[-1] - before.mean()))


def _near(reach: float, span: float) -> float:
    """Return the weight of the atom at this distance."""
    return _ATOM_NEAR + (_ATOM_DIFFERENCE - _ATOM_NEAR) * reach / span


def lower_limit(differences: Array, *, span: float, confidence: float) -> float:
    """Return the lower limit of `difference_interval` alone: half the work.

    Args:
        differences: one number per pair, each within `span` of 0.
        span: the largest possible difference.
        confidence: of the whole interval, 0 to 1.
    """
    reach = _reach(differences, span)
    ones = np.ones(len(differences))
    return -_upper(-differences, ones, reach, _near(reach, span), 1.0, confidence)


def verdict(difference: Interval, *, larger_is_better: bool = True) -> Verdict:
    """Return the verdict on a difference: "better" or "worse" only if its interval excludes 0."""
    if difference.low <= 0 <= difference.high:
        return "not distinguishable"
    return "better" if (difference.low > 0) == larger_is_better else "worse"


def percentile(values: Numbers, q: float) -> float:
    """Return the q-th percentile (0 to 100), linear between neighbours; NaN values are left out.

    Raises:
        ValueError: there is no value, or q is not a percentage.
    """
    known = np.asarray(values, dtype=float)
    known = known[~np.isnan(known)]
    if not known.size:
        raise ValueError("a percentile needs at least one value, but got none")
    return float(np.percentile(known, q))


class _Atom(NamedTuple):
    """Unseen values: the smallest and the largest possible one, and the weight of either.

    If scores have different weights, each atom is of the heaviest kind. With an atom of average
    weight, intervals covered 81 % where one label of two had a tenth of the rows.
    """

    low: float
    high: float
    weight: float
    rows: float


def _known(
    scores: Array,
    clusters: Sequence[Hashable] | None,
    weights: Numbers | None,
    confidence: float,
) -> tuple[Array, Sequence[Hashable] | None, Array | None]:
    """Return the scores that are there, each with its label and its weight."""
    if clusters is not None and len(clusters) != scores.size:
        raise ValueError(
            f"one cluster label per score is wanted, but got {len(clusters)} for {scores.size}"
        )
    if not 0 < confidence < 1:
        raise ValueError(f"`0 < confidence < 1` must hold, but got {confidence}")
    known = ~np.isnan(scores)
    if not known.any():
        raise ValueError("an interval needs at least one score, but got none")
    sizes = None if weights is None else np.asarray(weights, dtype=float)[known]
    if clusters is None:
        return scores[known], None, sizes
    labels = [label for label, there in zip(clusters, known, strict=True) if there]
    return scores[known], labels, sizes


def _within(values: Array, low: float, high: float) -> Array:
    """Return the values cut to their bounds, beyond which rounding alone may have put them."""
    largest = max(abs(bound) for bound in (low, high, 1.0) if math.isfinite(bound))
    slack = 1e-9 * largest
    if values.min() < low - slack or values.max() > high + slack:
        raise ValueError(
            f"scores lie between {low} and {high}, but got {values.min()} to {values.max()}"
        )
    return np.clip(values, low, high)


def _interval(
    values: Array,
    labels: Sequence[Hashable] | None,
    weights: Array | None,
    atom: _Atom,
    confidence: float,
    belief: float,
) -> Interval:
    """Return the interval; `belief` weighs, in clusters, the prior that rows are copies."""
    found = Clusters.of(values, labels, weights)
    sums, sizes = found.sums, found.sizes
    mean = float(np.average(values, weights=weights))
    if math.isinf(atom.low) or math.isinf(atom.high):
        lower, upper = _unbounded(found, confidence)
    else:
        size = max(found.rows_together(belief), atom.rows)
        upper = _upper(sums, sizes, atom.high, atom.weight, size, confidence)
        lower = -_upper(-sums, sizes, -atom.low, atom.weight, size, confidence)
    return Interval(
        mean,
        float(max(atom.low, min(lower, mean))),
        float(min(atom.high, max(upper, mean))),
        values.size,
    )


def _upper(
    sums: Array, sizes: Array, bound: float, atom: float, size: float, confidence: float
) -> float:
    """Return the upper limit of the mean of clusters; the atom counts as `size` rows."""
    mean = float(sums.sum() / sizes.sum())
    if mean >= bound:
        return bound
    weights = np.append(np.ones(len(sums)), atom)
    rates, sizes = np.append(sums / sizes, bound), np.append(sizes, size)
    return _weighted(
        rates, sizes, weights, mean, _normal_quantile(0.5 + confidence / 2)
    )


def _weighted(
    rates: Array, sizes: Array, weights: Array, mean: float, wanted: float
) -> float:
    """Return the limit that a Dirichlet-weighted mean exceeds with a wanted probability.

    It is at least the mean. A cluster's distance is its size times that of its rate. With its sum
    instead, `sum - rate * size` is not quite 0 at the largest rate (as for three times 1.1), and
    then no limit is found.
    """

    def excess(t: float) -> float:
        return _tail(sizes * (rates - t), weights) - wanted

    largest = float(rates.max())
    if mean >= largest or excess(mean) >= 0:  # the latter with hardly any confidence
        return mean
    return root(excess, mean, largest)


def _unbounded(found: Clusters, confidence: float) -> tuple[float, float]:
    """Both limits where nothing bounds what was not seen, as with seconds."""
    sums, sizes = found.sums, found.sizes
    mean = float(sums.sum() / sizes.sum())
    distances = sums - mean * sizes
    if len(sums) > 1 and not np.abs(distances).max() > 1e-12 * np.abs(sums).max():
        return mean, mean
    skew, most = float((distances**3).sum()), float((np.abs(distances) ** 3).sum())
    skew = (
        0.0 if abs(skew) <= 1e-9 * most else skew
    )  # sums that cancel leave a sign that is rounding
    freedom = max(1, math.floor(found.count + 1e-9) - 1)
    lower = -_upper_unbounded(-sums, sizes, -skew, confidence, freedom)
    return lower, _upper_unbounded(sums, sizes, skew, confidence, freedom)


def _upper_unbounded(
    sums: Array, sizes: Array, skew: float, confidence: float, freedom: int
) -> float:
    """Return the upper limit; `skew` is above 0 if larger values lie farther from the mean.

    The t limit misses the long side of skewed values, and lies too far on the short one. Dirichlet
    weights (here with a t quantile and the usual deviation) do better on both, but do not reach
    beyond the largest value. So on the long side the farther of the two is the limit, and one more
    atom stands as far beyond the largest value as that is beyond those before it. On the short side
    the weighted limit is taken, unless the values are too few to tell the sides.
    """
    count, mean = len(sums), float(sums.sum() / sizes.sum())
    if count == 1:
        return math.inf
    rates, weights = sums / sizes, np.ones(count)
    ordered = np.sort(rates)
    atom = _heaviness(ordered) if skew > 0 else 0.0
    distances = sums - mean * sizes
    error = math.sqrt(count / (count - 1) * float(distances @ distances)) / float(
        sizes.sum()
    )
    quantile = t_quantile(0.5 + confidence / 2, freedom)
    wanted = quantile * math.sqrt((count + 1) / (count - 1))
    if atom:
        largest, before = float(ordered[-1]), ordered[-1 - max(2, count // 10) : -1]
        beyond = 2 * largest - float(before.mean())
        rates, sizes, weights = (
            np.append(rates, beyond),
            np.append(sizes, sizes.mean()),
            np.append(weights, atom),
        )
    weighted = _weighted(rates, sizes, weights, mean, wanted)
    if skew < 0 and count >= _FEW:
        return weighted
    return max(mean + quantile * error, weighted)


def _heaviness(rates: Array) -> float:
    """The weight of the atom beyond the largest value, by how the values spread on the log scale.

    Few values of a heavy tail do not show it: they look skewed only where one of the rare large
    ones is among them. The spread of their logarithms shows it sooner. Nothing is said of values
    that may be negative.
    """
    mean = float(rates.mean())
    if rates[0] < 0:
        return 0.0
    spread = float(np.log(np.maximum(rates, mean / 100)).std(ddof=1))
    return min(1.0, _HEAVY * spread**3 / math.sqrt(len(rates)))


def _tail(distances: Array, weights: Array) -> float:
    """Return the normal quantile of P(sum of Gamma(weight) x distance <= 0), by a saddlepoint."""
    least, largest = float(distances.min()), float(distances.max())
    if largest <= 0:
        return math.inf
    if least >= 0:
        return -math.inf
    scale = max(largest, -least)
    distances, least, largest = distances / scale, least / scale, largest / scale
    left, right, s = 1 / least, 1 / largest, 0.0
    for _ in range(100):
        ratio = distances / (1 - s * distances)
        slope, curvature = float(weights @ ratio), float(weights @ ratio**2)
        left, right = (left, s) if slope > 0 else (s, right)
        step = s - slope / curvature
        step = step if left < step < right else (left + right) / 2
        if abs(step - s) <= 1e-12 * abs(right - left) or step == s:
            break
        s = step
    signed = math.copysign(
        math.sqrt(max(0.0, 2 * float(weights @ np.log1p(-s * distances)))), s
    )
    if abs(signed) < 1e-4:  # at the centre the correction is 0/0, and small
        return signed
    return signed + math.log(s * math.sqrt(curvature) / signed) / signed


def root(
    f: Callable[[float], float], low: float, high: float, *, share: float = 1e-10
) -> float:
    """Return the zero of a monotone f between the ends: bisection with secant steps.

    `share` of the distance between the ends is near enough.

    Raises:
        ArithmeticError: f has one sign at both ends. An end is not an answer then: a limit would
            fall
            onto the mean.
    """
    tolerance = share * (high - low)
    start, end = f(low), f(high)
    if start == 0 or end == 0:
        return low if start == 0 else high
    if (start > 0) == (end > 0):
        raise ArithmeticError(
            f"no root between {low} and {high}: the values there are {start} and {end}"
        )
    rising, side = start < 0, 0
    for _ in range(200):
        guess = (low + high) / 2
        if math.isfinite(start) and math.isfinite(end):
            secant = (low * end - high * start) / (end - start)
            guess = secant if low < secant < high else guess
        value = f(guess)
        if value == 0 or high - low <= tolerance:
            return guess
        if (value < 0) == rising:
            low, start = guess, value
            end = (
                end / 2 if side == -1 else end
            )  # Illinois: the end that stays put counts for less
            side = -1
        else:
            high, end = guess, value
            start = start / 2 if side == 1 else start
            side = 1
    return (low + high) / 2


def _normal_quantile(p: float) -> float:
    return NormalDist().inv_cdf(p)
