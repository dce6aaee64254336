"""Confidence interval for the mean cost of a request, where the largest possible cost is known.

A model seldom runs on until the cap, and then costs many times as much as usual. Samples without
that case look the same whether it happens in one case of twenty or never. So the upper limit
allows for a request at the cap that was not seen.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np

from tune.stats.arrays import Numbers
from tune.stats.intervals import Interval, mean_interval

# Shares of the error rate that the lower and the upper limit may have. The cost of rare requests at
# the cap is all above the mean, so the upper limit is nearly all of the width. A tenth below and
# the rest above makes the interval about 12 % narrower than equal parts do, at 1 % of such requests
# among 15. The number of such requests is whole, so coverage moves in steps as their share grows.
# With 0.85 above it is at least 93 % for each share from 0.03 to 99.9 %, with 10 to 320 requests;
# with 0.87 it is not.
_BELOW = 0.1
_ABOVE = 0.85


def cost_interval(
    costs: Numbers,
    most: float,
    *,
    confidence: float = 0.95,
    clusters: Sequence[Hashable] | None = None,
) -> Interval:
    """Return the interval for the mean of costs that seldom reach the largest possible cost.

    The upper limit has an atom at the largest cost. If no cost comes near that, the limit is at
    least that of values without a bound. If most of them cost about as much, a cheap one that was
    not seen lowers the lower limit in the same way.

    Args:
        costs: one number per example, 0 or more; NaN is left out.
        most: the largest possible cost of a request.
        confidence: the wanted coverage, 0.5 to 1. Nearly all of the error is above.
        clusters: one label per cost.

    Raises:
        ValueError: there is no cost, or one is below 0 or above the most.
    """

    def interval(high: float, error: float) -> Interval:
        # An interval with this error at each of its limits.
        return mean_interval(
            costs, low=0.0, high=high, confidence=1 - 2 * error, clusters=clusters
        )

    error = 1 - confidence
    usual = interval(math.inf, error / 2)
    lower = interval(math.inf, _BELOW * error).low
    upper = interval(most, _ABOVE * error).high
    if usual.mean >= most / 2:
        lower = min(lower, interval(most, _BELOW * error).low)
    near = np.nanmax(np.asarray(costs, dtype=float)) >= most / 2
    if not near:
        upper = max(upper, min(most, usual.high))
    return replace(usual, low=lower, high=upper)
