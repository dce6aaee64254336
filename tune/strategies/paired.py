"""Paired comparisons: configs are compared on the same examples, so that easy ones favour none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

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
        """True if the first is worse by two standard errors, by more where examples are few."""
        return self.worse_by(_CLEAR_ERRORS)

    def worse_by(self, errors: float) -> bool:
        """Return whether the first is worse by so many standard errors, more on few examples."""
        if self.examples == 0:
            return False
        needed = errors + _SMALL_SAMPLE / self.examples
        return self.mean < -needed * self.standard_error


class ScoreList(NamedTuple):
    """Qualities of readings in one list, without the gaps that a table has.

    Most readings have met few of the examples.

    Attributes:
        row: number of the reading of each score, ascending.
        example: position of its example, ascending for each reading.
        quality: the score as a share of the metric's range.
        rows: number of readings.
    """

    row: npt.NDArray[np.int64]
    example: npt.NDArray[np.int64]
    quality: Array
    rows: int


def score_list(problem: Problem, readings: Sequence[Reading]) -> ScoreList:
    """Return the qualities of readings, reading by reading.

    Args:
        problem: the metric's range.
        readings: one for each row.
    """
    found = _with_gaps(problem, readings)
    row, example, quality, rows = found
    scored = ~np.isnan(quality)
    # As a rule all are scored, and to choose among thousands takes a while.
    if scored.all():
        return found
    return ScoreList(row[scored], example[scored], quality[scored], rows)


def _with_gaps(problem: Problem, readings: Sequence[Reading]) -> ScoreList:
    """Return the qualities of readings as `score_list` does; NaN where there is no score."""
    if not readings:
        none = np.zeros(0, dtype=int)
        return ScoreList(none, none, np.zeros(0), 0)
    counts = [len(reading.examples) for reading in readings]
    example = np.concatenate([reading.positions for reading in readings])
    scores = np.concatenate([reading.scores for reading in readings])
    row = np.repeat(np.arange(len(readings)), counts)
    return ScoreList(row, example, problem.quality(scores), len(readings))


def quality_table(
    problem: Problem,
    readings: Sequence[Reading],
    width: int | None = None,
) -> Array:
    """Return qualities, readings x examples; NaN where there is no score.

    Args:
        problem: the metric's range.
        readings: one for each row.
        width: number of columns; by default up to the last example that any of them met.
    """
    # All at once: one by one, hundreds of readings take several times as long.
    row, example, quality, rows = _with_gaps(problem, readings)
    if width is None:
        # A data set may have far more examples than any reading has met.
        width = int(example.max(initial=-1)) + 1
    values = np.full((rows, width), np.nan)
    values[row, example] = quality
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
    squares = float(((gaps - mean) ** 2).sum())
    variance = (squares + 2 * 0.25) / (count + 1)
    error = math.sqrt(variance / count)
    return PairedDifference(mean, error, count)


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
    row_counts = there.sum(axis=1)
    example_counts = there.sum(axis=0)
    known = row_counts > 0
    if not known.any():
        return np.full(len(values), np.nan)
    sums = filled.sum(axis=1)
    means = np.divide(sums, row_counts, out=np.zeros(len(values)), where=known)
    centre = means[known].mean()
    # An example's effect is the mean of what its rows have above their own means. The 1 in the
    # denominator is the shrinkage of example effects: one made-up trial at 0. So the sum of the
    # effects that a row met is linear in the rows' means, and is worked out once for all rounds.
    blocks, first = _blocks(there)
    weights = np.add.reduceat(1.0 / (example_counts + 1.0), first)
    above = np.add.reduceat(filled.sum(axis=0) / (example_counts + 1.0), first)
    without_means = blocks @ above
    # The total weight of the examples that two rows both met.
    by_means = (blocks * weights) @ blocks.T
    for _ in range(_ROUNDS):
        effects = without_means - by_means @ means
        means = (sums - effects + SHRINKAGE * centre) / (row_counts + SHRINKAGE)
        centre = means[known].mean()
    return np.where(known, means, np.nan)


def _blocks(there: npt.NDArray[np.bool_]) -> tuple[Array, npt.NDArray[np.int64]]:
    """Return columns of which each stands for a block of examples, and the first of each block.

    Rows meet examples in blocks, so many columns are like the one before.

    Args:
        there: whether a row met an example, rows x examples.
    """
    changes = (there[:, 1:] != there[:, :-1]).any(axis=0)
    first = np.append(0, np.flatnonzero(changes) + 1)
    return there[:, first].astype(float), first
