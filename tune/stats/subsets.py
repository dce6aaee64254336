"""A choice among n draws that can only be called."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np

SUBSETS = 256
"""Number of random subsets that stand for all of them if these are too many to enumerate."""


def mean_of_choice(
    score: Callable[[Sequence[int]], float],
    draws: int,
    n: int,
    seed: int,
) -> tuple[float, float]:
    """Return mean and variance of the score of a choice among n draws.

    The mean is over every subset of n in the order drawn, or over `SUBSETS` random ones if there
    are more. The variance is at most n/m of that of one choice, which is taken from draws put back
    (Hoeffding 1948); if the subsets were random, their own chance is added.

    Args:
        score: the score of the choice from the draws with these numbers.
        draws: m.
        n: the size of a subset, at most m.
        seed: the subsets are the same for the same seed, m and n.
    """
    rng = np.random.default_rng([seed, draws, n])
    every = math.comb(draws, n) <= SUBSETS
    if every:
        subsets = list(itertools.combinations(range(draws), n))
    else:
        subsets = [tuple(rng.permutation(draws)[:n].tolist()) for _ in range(SUBSETS)]
    scores = np.array([score(subset) for subset in subsets])
    mean = float(scores.mean())
    # One draw says nothing about the spread of others.
    if draws == 1:
        return mean, math.nan
    if n == 1:
        return mean, float(scores.var(ddof=1) / draws)
    # Draws put back, since subsets of the same draws overlap and are too much alike.
    again = [rng.integers(draws, size=n).tolist() for _ in range(SUBSETS // 2)]
    fresh = np.array(list(map(score, again)))
    variance = n / draws * float(fresh.var(ddof=1))
    if every:
        return mean, variance
    return mean, variance + float(scores.var()) / SUBSETS
