"""Order statistics of random subsets: the best of n draws, and the slowest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from tune.stats.arrays import Array, IntArray
from tune.stats.estimate import SubsetEstimate, mean_of_one


@lru_cache(maxsize=1024)
def top_weights(draws: int, n: int) -> Array:
    """Return the chance that the i-th smallest of `draws` values is the largest of a subset of n.

    It is C(i-1, n-1) / C(m, n).
    """
    total = math.comb(draws, n)
    chances = [math.comb(i, n - 1) / total for i in range(draws)]
    return np.array(chances)


def mean_of_largest(values: Array, ns: Sequence[int]) -> Array:
    """Return the expected largest of n values of each row, a column for each n; NaN if too few."""
    ascending = np.sort(values, axis=1)
    return _columns(ascending, ns)


def mean_of_best(
    scores: Array,
    verdicts: Array,
    ns: Sequence[int],
) -> SubsetEstimate:
    """Estimate the score of the draw with the largest verdict among n; ties go to the first drawn.

    If verdict and score are the same, this is pass@n: for scores of 0 and 1 the mean is
    1 - C(m-c, n) / C(m, n) (Chen et al. 2021, arXiv 2107.03374).

    Args:
        scores: one row for each example, one column for each draw.
        verdicts: the numbers by which a draw is selected, in the same shape.
        ns: sizes of the subsets.
    """
    draws = scores.shape[1]
    ties = _Ties.of(scores, verdicts)
    means = _columns(ties.levels, ns)
    variances = np.full_like(means, np.nan)
    for column, n in enumerate(ns):
        if n == 1:
            variances[:, column] = mean_of_one(scores).variances[:, 0]
        elif n <= draws:
            variances[:, column] = ties.variances(n)
    return SubsetEstimate(means, variances)


class _Ties(NamedTuple):
    """Draws of each example in order of their verdicts, with those of equal verdicts tied.

    Attributes:
        tie: the number of each draw's tie, counted over all examples.
        sizes: the number of draws of each tie.
        levels: the mean score of each draw's tie. Draws with equal verdicts are equally likely to
            be the first drawn, so each stands for their mean.
        within: the variance of the scores of each tie.
    """

    tie: IntArray
    sizes: IntArray
    levels: Array
    within: Array

    @classmethod
    def of(cls, scores: Array, verdicts: Array) -> _Ties:
        """Return the ties of these verdicts."""
        order = np.argsort(verdicts, axis=1, kind="stable")
        ascending = np.take_along_axis(verdicts, order, axis=1)
        ordered = np.take_along_axis(scores, order, axis=1)
        first = np.ones(scores.shape, dtype=bool)
        first[:, 1:] = ascending[:, 1:] != ascending[:, :-1]
        tie = np.cumsum(first) - 1
        sizes = np.bincount(tie)
        sums = np.bincount(tie, weights=ordered.ravel())
        levels = (sums / sizes)[tie].reshape(scores.shape)
        distances = ordered - levels
        squares = np.bincount(tie, weights=distances.ravel() ** 2)
        within = squares / np.maximum(sizes - 1, 1)
        return cls(tie, sizes, levels, within)

    def variances(self, n: int) -> Array:
        """Return the variance of the mean of the best of n, for each example."""
        shape = self.levels.shape
        examples, draws = shape
        weights = top_weights(draws, n)
        # Chance also decides which of the equal draws comes first: the mean of a tie has a variance
        # of its own.
        chance = np.bincount(self.tie, weights=np.tile(weights, examples))
        of_ties = chance**2 * self.within / self.sizes
        of_draws = of_ties[self.tie] / self.sizes[self.tie]
        own = of_draws.reshape(shape).sum(axis=1)
        between = np.einsum(
            "ei,ij,ej->e",
            self.levels,
            _top_spread(draws, n),
            self.levels,
            optimize=True,
        )
        total: Array = np.maximum(between, 0.0) + own
        return total


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
    odds = np.array([_ways_to_share(draws, n, int(c)) / total for c in shared])
    level = np.arange(draws + 1) / draws
    both = level**n
    alone = n - shared
    powers = level ** alone[:, None]
    own = odds @ powers
    places = range(draws + 1)
    below = np.minimum.outer(places, places)
    above = np.maximum.outer(places, places)
    # The joint probabilities are differences of the distribution function in both directions.
    distribution = both[below] * own[above]
    rows = np.diff(distribution, axis=0)
    joint = np.diff(rows, axis=1)
    single = np.diff(both)
    spread = joint - np.outer(single, single)
    weights = top_weights(draws, n)
    unbiased = (weights**2).sum()
    return np.asarray(spread * unbiased / np.trace(spread))


def _ways_to_share(
    draws: int,
    n: int,
    shared: int,
) -> int:
    """Return the number of subsets of n draws that share so many with a given one."""
    others = math.comb(draws - n, n - shared)
    return math.comb(n, shared) * others


def _columns(ascending: Array, ns: Sequence[int]) -> Array:
    """Return the expected last of n, for values in order; a column for each n, NaN if too few."""
    draws = ascending.shape[1]
    shape = (len(ascending), len(ns))
    found = np.full(shape, np.nan)
    for column, n in enumerate(ns):
        if n <= draws:
            found[:, column] = ascending @ top_weights(draws, n)
    return found
