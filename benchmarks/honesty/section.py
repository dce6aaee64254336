"""A part of the page that `benchmarks/honesty/` writes: its claims, each kept or not, and the
tables behind them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from tune.stats.roots import root
from tune.stats.student_t import t_quantile

Z = NormalDist().inv_cdf(0.975)


class Claim(NamedTuple):
    """A sentence with its number, and whether that number is as promised."""

    text: str
    holds: bool


class Section(NamedTuple):
    """Claims for the top of the page, Markdown for its body, and what is to be said beneath the
    claims, if anything.
    """

    claims: tuple[Claim, ...]
    text: str
    beneath: str = ""


class Biases(list[tuple[float, float]]):
    """Errors of reported scores: for each study a pair, on the holdout and on tuning examples."""

    @property
    def off(self) -> tuple[float, float]:
        """The mean on the holdout in points, and its standard error."""
        points = 100 * np.array(self)[:, 0]
        return float(points.mean()), float(points.std() / math.sqrt(len(points)))

    @property
    def beyond_error(self) -> float:
        """The size of that mean, less two standard errors of the simulation."""
        mean, error = self.off
        return max(0.0, abs(mean) - 2 * error)

    def cells(self) -> list[str]:
        """In a row of a table: on the holdout, then on the tuning examples."""
        mean, error = self.off
        return [
            f"{mean:+.2f} ± {error:.2f}",
            f"{100 * np.array(self)[:, 1].mean():+.2f}",
        ]


def tabled(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def sampling_error(share: float, runs: int) -> float:
    """Return three standard errors of a share that was counted in so many runs."""
    return 3 * math.sqrt(share * (1 - share) / runs)


def student(values: np.ndarray, low: float, high: float) -> tuple[float, float]:
    """Student's 95 % interval of a mean, within the bounds."""
    n, mean = len(values), float(values.mean())
    half = t_quantile(0.975, n - 1) * float(values.std(ddof=1)) / math.sqrt(n)
    return max(low, mean - half), min(high, mean + half)


def wilson(scores: np.ndarray) -> tuple[float, float]:
    """Wilson's 95 % interval of the mean of 0/1 scores."""
    n, mean = len(scores), float(scores.mean())
    middle, half = (
        mean + Z * Z / (2 * n),
        Z * math.sqrt(mean * (1 - mean) / n + Z * Z / (4 * n * n)),
    )
    return (middle - half) / (1 + Z * Z / n), (middle + half) / (1 + Z * Z / n)


def tango(differences: np.ndarray) -> tuple[float, float]:
    """Tango's (1998) 95 % score interval of the mean of paired differences of 0/1 scores: Wilson's
    for pairs.
    """
    n = len(differences)
    wins, losses = float((differences == 1).sum()), float((differences == -1).sum())

    def score(difference: float) -> float:
        """Return how many standard errors lie between the differences and this mean."""
        b = (2 * n - wins + losses) * difference - wins - losses
        c = -losses * difference * (1 - difference)
        losing = (math.sqrt(max(0.0, b * b - 8 * n * c)) - b) / (4 * n)
        variance = n * (2 * losing + difference * (1 - difference))
        return (wins - losses - n * difference) / math.sqrt(max(variance, 1e-12))

    mean = (wins - losses) / n
    low = -1.0 if score(-1.0) <= Z else root(lambda d: score(d) - Z, -1.0, mean)
    high = 1.0 if score(1.0) >= -Z else root(lambda d: score(d) + Z, mean, 1.0)
    return low, high


def fixed(values: np.ndarray, low: float, high: float) -> tuple[float, float]:
    """The 95 % interval that one would give a sample of fixed size: for 0/1 scores Wilson's or
    Tango's, else t.
    """
    seen = set(np.unique(values))
    if (low, high) == (0, 1) and seen <= {0.0, 1.0}:
        return wilson(values)
    if (low, high) == (-1, 1) and seen <= {-1.0, 0.0, 1.0}:
        return tango(values)
    return student(values, low, high)
