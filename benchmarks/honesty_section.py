"""A part of the page that `benchmarks/honesty.py` writes: its claims, each kept or not, and the tables behind them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from tune.stats import t_quantile


class Claim(NamedTuple):
    """A sentence with its number, and whether that number is as promised."""

    text: str
    holds: bool


class Section(NamedTuple):
    """Claims for the top of the page, and Markdown for its body."""

    claims: tuple[Claim, ...]
    text: str


class Biases(list[tuple[float, float]]):
    """What studies reported less the truth, a pair for each: on the holdout, and on the tuning examples."""

    @property
    def off(self) -> tuple[float, float]:
        """The mean on the holdout in points, and its standard error."""
        points = 100 * np.array(self)[:, 0]
        return float(points.mean()), float(points.std() / math.sqrt(len(points)))

    @property
    def beyond_luck(self) -> float:
        """The size of that mean, less two standard errors of the simulation."""
        mean, error = self.off
        return max(0.0, abs(mean) - 2 * error)

    def cells(self) -> list[str]:
        """In a row of a table: on the holdout, then on the tuning examples."""
        mean, error = self.off
        return [f"{mean:+.2f} ± {error:.2f}", f"{100 * np.array(self)[:, 1].mean():+.2f}"]


def tabled(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def luck(share: float, runs: int) -> float:
    """Three standard errors of a share that was counted in so many runs: what the simulation's luck may be."""
    return 3 * math.sqrt(share * (1 - share) / runs)


def plain_width(scores: np.ndarray, low: float, high: float) -> float:
    """Width of the interval that one would give a sample of fixed size: Wilson's for 0/1 scores, else Student's t."""
    n, z = len(scores), NormalDist().inv_cdf(0.975)
    if (low, high) == (0, 1) and set(np.unique(scores)) <= {0.0, 1.0}:
        p = scores.mean()
        return float(2 * z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n))
    half = t_quantile(0.975, n - 1) * scores.std(ddof=1) / math.sqrt(n)
    return float(min(high, scores.mean() + half) - max(low, scores.mean() - half))
