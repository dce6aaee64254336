"""Power of a paired comparison: the difference that n examples detect, and the n that one needs.

It uses the same interval as `tune.stats.intervals` reports. Typical differences stand at the
quantiles of a normal distribution. They are shifted down by the bad luck that the power allows for,
and their interval has to exclude 0.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable
from statistics import NormalDist

import numpy as np

from tune.stats.arrays import Labels, Numbers
from tune.stats.intervals import lower_limit
from tune.stats.roots import root

SPREAD = 0.5
"""Assumed standard deviation of a paired difference, as a share of the metric's range.

0/1 scores that differ on one example in four have it.
"""

MOST_EXAMPLES = 100_000
"""The search for the needed number of examples ends here."""


def detectable_difference(
    n: int,
    spread: float | Numbers,
    *,
    power: float = 0.8,
    low: float = 0.0,
    high: float = 1.0,
    confidence: float = 0.95,
    clusters: Labels | None = None,
) -> float:
    """Return the smallest true mean difference that n pairs show with probability `power`.

    Args:
        n: paired examples.
        spread: the standard deviation of a paired difference, or differences seen so far.
        power: the probability of detecting it, 0 to 1.
        low: the smallest possible score.
        high: the largest possible score.
        confidence: of the interval that has to exclude 0.
        clusters: one label for each difference in `spread`; the n examples are assumed to come in
            clusters of the same average size. Clusters are then the independent units.

    Returns:
        A difference in the scores' own scale; inf if even the largest possible one is not detected.

    Raises:
        ValueError: n is less than 1, a bound is infinite, or `spread` has fewer than two
            differences.
    """
    if n < 1:
        raise ValueError(f"`n >= 1` must hold, but got {n}")
    span = high - low
    if math.isinf(span):
        raise ValueError(
            "the detectable difference depends on the bounds, which must be finite, but got "
            f"{low} and {high}"
        )
    deviation, size = _deviation(spread, clusters)
    # Clusters are the independent units.
    count = max(1, round(n / size))
    typical = deviation * _typical(count)
    # With probability `power`, the observed mean is no worse than this.
    unlucky = NormalDist().inv_cdf(power) * deviation / math.sqrt(count)

    def lower(difference: float) -> float:
        values = np.clip(difference - unlucky + typical, -span, span)
        return lower_limit(values, span=span, confidence=confidence)

    if lower(span) <= 0:
        return math.inf
    return root(lower, 0.0, span, share=1e-6)


def examples_needed(
    difference: float,
    spread: float,
    *,
    power: float = 0.8,
    low: float = 0.0,
    high: float = 1.0,
    confidence: float = 0.95,
) -> int | None:
    """Return the fewest paired examples that show a true mean difference with probability `power`.

    Args:
        difference: the true mean difference, above 0, in the scores' own scale.
        spread: the standard deviation of a paired difference.
        power: the probability of detecting it, 0 to 1.
        low: the smallest possible score.
        high: the largest possible score.
        confidence: of the interval that has to exclude 0.

    Returns:
        None if 100,000 examples do not show it.

    Raises:
        ValueError: the difference is not above 0, or a bound is infinite.
    """
    if not difference > 0:
        raise ValueError(f"`difference > 0` must hold, but got {difference}")

    def shows(n: int) -> bool:
        seen = detectable_difference(
            n, spread, power=power, low=low, high=high, confidence=confidence
        )
        return seen <= difference

    # Doubling, then halving the gap: a few dozen intervals instead of thousands.
    most = 1
    while not shows(most):
        most *= 2
        if most > MOST_EXAMPLES:
            return None
    least = most // 2
    while most - least > 1:
        middle = (least + most) // 2
        if shows(middle):
            most = middle
        else:
            least = middle
    return most


def _typical(count: int) -> np.ndarray:
    """Return evenly spaced quantiles of a normal distribution, of mean 0 and deviation 1."""
    normal = NormalDist()
    values = np.array([normal.inv_cdf((i + 0.5) / count) for i in range(count)])
    return values / max(float(values.std()), 1e-12)


def _deviation(spread: float | Numbers, clusters: Labels | None) -> tuple[float, float]:
    """Return the standard deviation of independent units, and the mean number of examples of one.

    If differences have labels, the clusters are the independent units.
    """
    if isinstance(spread, int | float):
        return float(spread), 1.0
    differences = np.asarray(spread, dtype=float)
    labels: Labels = range(differences.size)
    if clusters is not None:
        labels = clusters
    if len(labels) != differences.size:
        raise ValueError(
            f"one cluster label per difference is wanted, but got {len(labels)} for "
            f"{differences.size}"
        )
    known = ~np.isnan(differences)
    values = differences[known].tolist()
    if len(values) < 2:
        raise ValueError(
            f"a spread is learned from at least two differences, but got {len(values)}"
        )
    mean = sum(values) / len(values)
    # Deviations of one cluster add up, because they are not independent.
    sums: dict[Hashable, float] = {}
    for label, value in zip(itertools.compress(labels, known), values, strict=True):
        sums[label] = sums.get(label, 0.0) + value - mean
    size = len(values) / len(sums)
    # The spread between clusters is unknown with a single one. It is at least that of its rows.
    if len(sums) == 1:
        return float(np.std(values, ddof=1)), size
    variance = sum(total**2 for total in sums.values()) / (len(sums) - 1)
    return math.sqrt(variance) / size, size
