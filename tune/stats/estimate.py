"""Result of an estimator over draws, and the simplest estimator: the mean of single draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tune.stats.arrays import Array


class SubsetEstimate(NamedTuple):
    """Estimates for many examples (rows) and several n (columns); NaN if n is too large.

    Attributes:
        means: the expected score of an answer made of n draws.
        variances: the variance of `means` that more draws of the same example would take away.
    """

    means: Array
    variances: Array


def side_by_side(estimates: Sequence[SubsetEstimate]) -> SubsetEstimate:
    """Return the columns of several estimates for the same examples as one estimate."""
    means = np.hstack([estimate.means for estimate in estimates])
    variances = np.hstack([estimate.variances for estimate in estimates])
    return SubsetEstimate(means, variances)


def mean_of_one(scores: Array) -> SubsetEstimate:
    """Return the score of a single draw: the mean over the draws of each row, and s^2 / m."""
    draws = scores.shape[1]
    means = scores.mean(axis=1, keepdims=True)
    # The variance of a single draw is unknown.
    if draws == 1:
        return SubsetEstimate(means, np.full_like(means, np.nan))
    variances = scores.var(axis=1, ddof=1, keepdims=True)
    return SubsetEstimate(means, variances / draws)
