"""Tests of a fixed size, which `tune check` is held against: their power, and how many examples
they need.

A part of `benchmarks/honesty/`. Nothing is drawn here: chances are added up.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from tune.stats.roots import root

GRID = 100
"""Steps from 0 to 1 into which scores are sorted for sums of them."""

LARGEST = 1 << 14
"""Examples of the largest test that is tried."""

SURE = 0.95
"""How sure an upper limit is."""


def exact_power(n: int, null: float, truth: float, error: float) -> float:
    """Return the power of the binomial test that refutes "at most null"."""
    k = np.arange(n + 1)
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])
    ways = logs[n] - logs[k] - logs[n - k]
    tails = [
        np.exp(ways + k * math.log(p) + (n - k) * math.log(1 - p))[::-1].cumsum()[::-1]
        for p in (null, truth)
    ]
    allowed = tails[0] <= error
    return float(tails[1][allowed.argmax()]) if allowed.any() else 0.0


def binomial_size(null: float, truth: float, error: float, power: float) -> int:
    """Examples that the binomial test of "at most null" needs for this power at the truth."""
    z = NormalDist().inv_cdf
    spread = z(1 - error) * math.sqrt(null * (1 - null)) + z(power) * math.sqrt(
        truth * (1 - truth)
    )
    about = int((spread / (truth - null)) ** 2)
    return next(
        n
        for n in range(int(0.7 * about), 2 * about + 50)
        if exact_power(n, null, truth, error) >= power
    )


class Spread(NamedTuple):
    """The distribution of scores with a known mean.

    Attributes:
        chances: the probability of each score from 0 to 1 in steps of `1 / GRID`.
        mean: their mean.
    """

    chances: np.ndarray
    mean: float

    @classmethod
    def of(cls, scores: np.ndarray, mean: float) -> Spread:
        """Return the distribution of many draws whose mean is known.

        Each draw is divided between the two steps beside it, which keeps the mean.
        """
        below = np.minimum((GRID * scores).astype(int), GRID - 1)
        share = GRID * scores - below
        counted = np.bincount(below, 1 - share, GRID + 1) + np.bincount(
            below + 1, share, GRID + 1
        )
        steps, chances = np.arange(GRID + 1) / GRID, counted / len(scores)
        drawn = float(chances @ steps)
        chances = chances * (
            1 + (mean - drawn) / float(chances @ (steps - drawn) ** 2) * (steps - drawn)
        )
        return cls(chances, mean)

    @property
    def mirrored(self) -> Spread:
        """Return the distribution of 1 minus each score."""
        return Spread(self.chances[::-1], 1 - self.mean)

    @property
    def variance(self) -> float:
        """Return the variance of a score."""
        return float(self.chances @ (np.arange(GRID + 1) / GRID - self.mean) ** 2)

    def tails(self, n: int) -> np.ndarray:
        """The chance that so many scores come to at least 0, 1, 2, ... steps together."""
        length = 1 << (n * GRID + 1).bit_length()
        sums = np.fft.irfft(np.fft.rfft(self.chances, length) ** n, length)[
            : n * GRID + 1
        ]
        return np.maximum(sums, 0.0)[::-1].cumsum()[::-1]


def mean_power(n: int, null: Spread, truth: Spread, error: float) -> float:
    """Return the power of an oracle: a test by the mean of n scores that knows their distribution.

    The oracle knows how scores spread on the line. Its threshold has exactly the allowed error
    there. No real test can know that.
    """
    allowed = null.tails(n) <= error
    return float(truth.tails(n)[allowed.argmax()]) if allowed.any() else 0.0


def mean_size(null: Spread, truth: Spread, error: float, power: float) -> int:
    """Examples that this oracle needs for this power."""
    least, most = 1, 2
    while most < LARGEST and mean_power(most, null, truth, error) < power:
        least, most = most, 2 * most
    while least < most:
        middle = (least + most) // 2
        least, most = (
            (least, middle)
            if mean_power(middle, null, truth, error) >= power
            else (middle + 1, most)
        )
    return least


def z_error(n: int, null: Spread, error: float) -> float:
    """Return the error rate of the z test of n scores on the line.

    The test knows the variance there, but not the shape of the distribution.
    """
    threshold = null.mean + NormalDist().inv_cdf(1 - error) * math.sqrt(
        null.variance / n
    )
    tails, least = null.tails(n), math.ceil(threshold * n * GRID)
    return float(tails[least]) if least < len(tails) else 0.0


def upper_limit(count: int, runs: int) -> float:
    """The largest share of which so few of so many runs would still be seen in 5 % of cases
    (Clopper and Pearson).
    """
    if count >= runs:
        return 1.0
    ways = [
        math.lgamma(runs + 1) - math.lgamma(k + 1) - math.lgamma(runs - k + 1)
        for k in range(count + 1)
    ]

    def so_few(share: float) -> float:
        logs = (
            way + k * math.log(share) + (runs - k) * math.log1p(-share)
            for k, way in enumerate(ways)
        )
        return sum(map(math.exp, logs))

    return root(lambda share: so_few(share) - (1 - SURE), 1e-9, 1 - 1e-9)
