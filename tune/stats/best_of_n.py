"""Order statistics of random subsets: the best of n draws, and the slowest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from tune.stats.arrays import Array
from tune.stats.estimate import SubsetEstimate, mean_of_one


@lru_cache(maxsize=1024)
def top_weights(draws: int, n: int) -> Array:
    """Return the chance that the i-th smallest of `draws` values is the largest of a subset of n.

    It is C(i-1, n-1) / C(m, n).
    """
    total = math.comb(draws, n)
    return np.array([math.comb(i, n - 1) / total for i in range(draws)])


@lru_cache(maxsize=1024)
def _top_spread(draws: int, n: int) -> Array:
    """Return the matrix Q for which s'Qs is the variance, for scores s in order of their verdicts.

    If the m draws were the whole distribution, two subsets of n of m fresh draws would share c of
    them with hypergeometric probability. Given c, the largest of one stays below i and that of the
    other below j with probability (min(i, j) / m)^n (max(i, j) / m)^(n - c). That variance is too
    small, by up to a half at n = m. So it is scaled to be unbiased if verdicts say nothing about
    scores; for n = 1 that is the usual m / (m - 1).
    """
    shared = np.arange(max(0, 2 * n - draws), n + 1)
    total = math.comb(draws, n)
    odds = np.array(
        [
            math.comb(n, int(c)) * math.comb(draws - n, n - int(c)) / total
            for c in shared
        ]
    )
    level = np.arange(draws + 1) / draws
    both = level**n
    own = np.tensordot(odds, level[None, :] ** (n - shared)[:, None], axes=1)
    places = range(draws + 1)
    below, above = np.minimum.outer(places, places), np.maximum.outer(places, places)
    joint = np.diff(np.diff(both[below] * own[above], axis=0), axis=1)
    single = np.diff(both)
    spread = joint - np.outer(single, single)
    return np.asarray(spread * (top_weights(draws, n) ** 2).sum() / np.trace(spread))


def mean_of_largest(values: Array, ns: Sequence[int]) -> Array:
    """Return the expected largest of n values of each row, a column for each n; NaN if too few."""
    ascending = np.sort(values, axis=1)
    return _columns(ascending, ns)


def mean_of_best(scores: Array, verdicts: Array, ns: Sequence[int]) -> SubsetEstimate:
    """Estimate the score of the draw with the largest verdict among n; ties go to the first drawn.

    If verdict and score are the same, this is pass@n: for scores of 0 and 1 the mean is
    1 - C(m-c, n) / C(m, n) (Chen et al. 2021, arXiv 2107.03374).

    Args:
        scores: one row for each example, one column for each draw.
        verdicts: the numbers that the choice goes by, in the same shape.
        ns: sizes of the subsets.
    """
    draws = scores.shape[1]
    order = np.argsort(verdicts, axis=1, kind="stable")
    ascending = np.take_along_axis(verdicts, order, axis=1)
    ordered = np.take_along_axis(scores, order, axis=1)
    # Draws with equal verdicts are equally likely to be the first drawn of them, so each stands for
    # their mean.
    first = np.ones(scores.shape, dtype=bool)
    first[:, 1:] = ascending[:, 1:] != ascending[:, :-1]
    tie = np.cumsum(first.ravel()) - 1
    size = np.bincount(tie)
    level = np.bincount(tie, weights=ordered.ravel()) / size
    ordered_level = level[tie].reshape(scores.shape)
    within = np.bincount(
        tie, weights=(ordered - ordered_level).ravel() ** 2
    ) / np.maximum(size - 1, 1)
    means = _columns(ordered_level, ns)
    variances = np.full_like(means, np.nan)
    for column, n in enumerate(ns):
        if n == 1:
            variances[:, column] = mean_of_one(scores).variances[:, 0]
        elif n <= draws:
            # Which of the equal draws comes first is chance too: their mean has a variance of its
            # own.
            chance = np.bincount(
                tie, weights=np.tile(top_weights(draws, n), len(scores))
            )
            own = (chance**2 * within / size)[tie].reshape(scores.shape) / size[
                tie
            ].reshape(scores.shape)
            between = np.einsum(
                "ei,ij,ej->e",
                ordered_level,
                _top_spread(draws, n),
                ordered_level,
                optimize=True,
            )
            variances[:, column] = np.maximum(between, 0.0) + own.sum(axis=1)
    return SubsetEstimate(means, variances)


def _columns(ascending: Array, ns: Sequence[int]) -> Array:
    draws = ascending.shape[1]
    found = np.full((len(ascending), len(ns)), np.nan)
    for column, n in enumerate(ns):
        if n <= draws:
            found[:, column] = ascending @ top_weights(draws, n)
    return found
