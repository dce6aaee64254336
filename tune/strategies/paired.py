"""Comparisons on the same examples: some examples are harder than others, and the luck of having
met them cancels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tune.readout import Reading
from tune.strategies.problem import Array, Problem

SHRINKAGE = 4.0
"""Examples that a trial must be scored on before its own scores weigh as much as the mean of all
trials.
"""

_ROUNDS = 30


class PairedDifference(NamedTuple):
    """How much better one reading is than another on the examples that both have.

    Attributes:
        mean: as a share of the metric's range. standard_error: of the mean. Two examples on which
        they differ by half the range are made up, so that a few
            equal scores are no certainty.
        examples: how many both have.
    """

    mean: float
    standard_error: float
    examples: int

    @property
    def clearly_worse(self) -> bool:
        """Whether the one is clearly worse: two standard errors below the other, more on few
        examples.
        """
        return self.worse_by(2.0)

    def worse_by(self, errors: float) -> bool:
        """Whether the one is so many standard errors below the other, more on few examples."""
        return (
            self.examples > 0 and self.mean < -(errors + 6.0 / self.examples) * self.standard_error
        )


def quality_table(problem: Problem, readings: Sequence[Reading]) -> Array:
    """Qualities by reading and example, NaN where there is none."""
    values = np.full((len(readings), problem.examples), np.nan)
    for row, reading in zip(values, readings, strict=True):
        row[np.asarray(reading.examples, dtype=int)] = problem.quality(reading.scores)
    return values


def paired_difference(one: Array, other: Array) -> PairedDifference:
    """Compare two rows of a table on the examples that both have."""
    gaps = one - other
    gaps = gaps[~np.isnan(gaps)]
    count = len(gaps)
    if count == 0:
        return PairedDifference(0.0, math.inf, 0)
    mean = float(gaps.mean())
    variance = (float(((gaps - mean) ** 2).sum()) + 2 * 0.25) / (count + 1)
    return PairedDifference(mean, math.sqrt(variance / count), count)


def adjusted_means(values: Array) -> Array:
    """The quality of every row on one scale, as if each had met all examples.

    Fits row + example effects, both drawn to their mean (ridge regression, by alternating between
    the two): a row that met the easy examples is not the better for it, and one that met few is not
    far from the rest.

    Args:
        values: a table of qualities, NaN where there is none.

    Returns:
        One number per row; NaN where a row has no value at all.
    """
    there = ~np.isnan(values)
    filled = np.where(there, values, 0.0)
    counts, meetings = there.sum(axis=1), there.sum(axis=0)
    known = counts > 0
    if not known.any():
        return np.full(len(values), np.nan)
    level = np.divide(filled.sum(axis=1), counts, out=np.zeros(len(values)), where=known)
    centre = level[known].mean()
    for _ in range(_ROUNDS):
        ease = (filled - level[:, None] * there).sum(axis=0) / (meetings + 1.0)
        level = (filled.sum(axis=1) - there @ ease + SHRINKAGE * centre) / (counts + SHRINKAGE)
        centre = level[known].mean()
    return np.where(known, level, np.nan)
