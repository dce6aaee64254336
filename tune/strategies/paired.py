"""Paired comparisons: configs are compared on the same examples, so that easy ones favour none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tune.readout import Reading
from tune.strategies.problem import Array, Problem

SHRINKAGE = 4.0
"""Examples at which a trial's own scores weigh as much as the mean of all trials."""

_ROUNDS = 30
"""Alternations between row and column effects; they have converged long before."""

_CLEAR_ERRORS = 2.0
"""Standard errors between two readings from which one is clearly worse."""

_SMALL_SAMPLE = 6.0
"""Standard errors that are added on one example; on k examples, so many divided by k."""


class PairedDifference(NamedTuple):
    """The mean difference of two readings on the examples that both have.

    Attributes:
        mean: first minus second, as a share of the metric's range.
        standard_error: of the mean. Two made-up examples on which they differ by half the range are
            added, so that a few equal scores are no certainty.
        examples: number of examples that both have.
    """

    mean: float
    standard_error: float
    examples: int

    @property
    def clearly_worse(self) -> bool:
        """Whether the first is worse by two standard errors, by more where examples are few."""
        return self.worse_by(_CLEAR_ERRORS)

    def worse_by(self, errors: float) -> bool:
        """Return whether the first is worse by so many standard errors, more on few examples."""
        if self.examples == 0:
            return False
        return (
            self.mean < -(errors + _SMALL_SAMPLE / self.examples) * self.standard_error
        )


def quality_table(problem: Problem, readings: Sequence[Reading]) -> Array:
    """Return qualities, readings x examples; NaN where there is no score."""
    values = np.full((len(readings), problem.examples), np.nan)
    for row, reading in zip(values, readings, strict=True):
        # Readings hold the examples that they have; the table has a column for every example.
        row[np.asarray(reading.examples, dtype=int)] = problem.quality(reading.scores)
    return values


def paired_difference(one: Array, other: Array) -> PairedDifference:
    """Compare two rows of a quality table on the examples that both have."""
    gaps = one - other
    gaps = gaps[~np.isnan(gaps)]
    count = len(gaps)
    if count == 0:
        return PairedDifference(0.0, math.inf, 0)
    mean = float(gaps.mean())
    # Two made-up differences of half the range: a variance of 0.25 each.
    variance = (float(((gaps - mean) ** 2).sum()) + 2 * 0.25) / (count + 1)
    return PairedDifference(mean, math.sqrt(variance / count), count)


def adjusted_means(values: Array) -> Array:
    """Return the quality of every row as if it had met all examples.

    Fits an additive model, row effect + example effect, with both effects shrunk to their mean
    (ridge regression, by alternation). So a row that met the easy examples gains nothing by it, and
    one that met few examples stays near the rest.

    Args:
        values: a quality table, NaN where there is no score.

    Returns:
        One number for each row; NaN where a row has no score at all.
    """
    there = ~np.isnan(values)
    filled = np.where(there, values, 0.0)
    row_counts, example_counts = there.sum(axis=1), there.sum(axis=0)
    known = row_counts > 0
    if not known.any():
        return np.full(len(values), np.nan)
    means = np.divide(
        filled.sum(axis=1), row_counts, out=np.zeros(len(values)), where=known
    )
    centre = means[known].mean()
    for _ in range(_ROUNDS):
        # The 1 in the denominator is the shrinkage of example effects: one made-up trial at 0.
        effects = (filled - means[:, None] * there).sum(axis=0) / (example_counts + 1.0)
        sums = filled.sum(axis=1) - there @ effects
        means = (sums + SHRINKAGE * centre) / (row_counts + SHRINKAGE)
        centre = means[known].mean()
    return np.where(known, means, np.nan)
