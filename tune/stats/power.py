"""Power of a paired comparison: the difference that n examples detect, and the n that one needs.

It uses the same interval as `tune.stats.intervals` reports. Differences are laid out at the
quantiles of the normal distribution, shifted down by the bad luck that the power allows for, and
the interval has to exclude 0.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from statistics import NormalDist

import numpy as np

from tune.stats.arrays import Numbers
from tune.stats.intervals import lower_limit
from tune.stats.roots import root

SPREAD = 0.5
"""The assumed standard deviation of a paired difference, as a share of the metric's range: 0/1
scores that differ on one example in four have it.
"""

MOST_EXAMPLES = 100_000
"""Beyond these nobody counts."""


def detectable_difference(
    n: int,
    spread: float | Numbers,
    *,
    power: float = 0.8,
    low: float = 0.0,
    high: float = 1.0,
    confidence: float = 0.95,
    clusters: Sequence[Hashable] | None = None,
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
        A difference in the scores' own scale; inf if even the largest possible one would not be
        seen.

    Raises:
        ValueError: n is less than 1, a bound is infinite, or fewer than two differences are given
            to learn from.
    """
    if n < 1:
        raise ValueError(f"`n >= 1` must hold, but got {n}")
    span = high - low
    if math.isinf(span):
        raise ValueError(
            f"what can be seen depends on the bounds, which must be finite, but got {low} and "
            f"{high}"
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

    return root(lower, 0.0, span, share=1e-6) if lower(span) > 0 else math.inf


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
        least, most = (least, middle) if shows(middle) else (middle, most)
    return most


def _typical(count: int) -> np.ndarray:
    """Return evenly spaced quantiles of a normal distribution, of mean 0 and deviation 1."""
    normal = NormalDist()
    values = np.array([normal.inv_cdf((i + 0.5) / count) for i in range(count)])
    return values / max(float(values.std()), 1e-12)


def _deviation(
    spread: float | Numbers, clusters: Sequence[Hashable] | None
) -> tuple[float, float]:
    """The standard deviation of what is independent, and how many examples each of it has."""
    if isinstance(spread, int | float):
        return float(spread), 1.0
    seen = np.asarray(spread, dtype=float)
    labels = range(seen.size) if clusters is None else clusters
    if len(labels) != seen.size:
        raise ValueError(
            f"one cluster label per difference is wanted, but got {len(labels)} for {seen.size}"
        )
    known = [
        (label, value)
        for label, value in zip(labels, seen, strict=True)
        if not math.isnan(value)
    ]
    if len(known) < 2:
        raise ValueError(
            f"a spread is learned from at least two differences, but got {len(known)}"
        )
    mean = sum(value for _, value in known) / len(known)
    # Deviations of one cluster add up, because they are not independent.
    sums: dict[Hashable, float] = {}
    for label, value in known:
        sums[label] = sums.get(label, 0.0) + value - mean
    size = len(known) / len(sums)
    if (
        len(sums) == 1
    ):  # what one cluster is by luck, nobody can tell: at least what its rows differ by
        return float(np.std([value for _, value in known], ddof=1)), size
    return math.sqrt(
        sum(total**2 for total in sums.values()) / (len(sums) - 1)
    ) / size, size
