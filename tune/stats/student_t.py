"""Quantiles of Student's t distribution, with a relative error below 1e-12 down to p = 1e-50."""

from __future__ import annotations

import math
from statistics import NormalDist

_MANY = 10_000
"""Beyond so many degrees of freedom the expansion is exact enough, and the continued fraction is
slow.
"""

_TAIL = 0.25
"""Where the share beyond the quantile is at most this, it is what is solved for: the other one
loses digits there.
"""

_STEPS = 100
"""Newton steps at most; five are enough nearly everywhere."""


def t_quantile(p: float, freedom: int) -> float:
    """Return the p-quantile of Student's t with a whole number of degrees of freedom.

    The distribution is an incomplete beta function. It is solved by Newton steps between the
    logarithm of the quantile and that of the share, which is concave: whatever the start, all steps
    but the first go one way. Beyond 10,000 degrees it is the Cornish-Fisher expansion 26.7.5 of
    Abramowitz and Stegun with its four terms.

    Raises:
        ValueError: p is not between 0 and 1, or there is no degree of freedom.
    """
    if not 0 < p < 1 or freedom < 1:
        raise ValueError(
            f"`0 < p < 1` and `freedom >= 1` must hold, but got p={p}, freedom={freedom}"
        )
    if p == 0.5:
        return 0.0
    beyond = min(p, 1 - p)
    found = _quantile(beyond, abs(p - 0.5), freedom)
    return found if p > 0.5 else -found


def _quantile(beyond: float, within: float, freedom: int) -> float:
    """Return the t above 0 with one share beyond it and the other between 0 and it."""
    tail = beyond <= _TAIL
    if freedom == 1:  # far out, the expansion is no start for it
        return 1 / math.tan(math.pi * beyond) if tail else math.tan(math.pi * within)
    if freedom == 2:
        return 2 * within * math.sqrt(0.5 / (beyond * (1 - beyond)))
    t = _expansion(-NormalDist().inv_cdf(beyond), freedom)
    if freedom > _MANY:
        return t
    for _ in range(_STEPS):
        share = _beyond(t, freedom) if tail else _within(t, freedom)
        wanted = beyond if tail else within
        slope = t * _density(t, freedom) / share
        step = math.log(share / wanted) / slope
        t *= math.exp(step if tail else -step)
        if abs(step) < 1e-14:
            break
    return t


def _expansion(z: float, freedom: int) -> float:
    """Return the quantile by that of the normal distribution, corrected four times."""
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(
        term / float(freedom) ** power for power, term in enumerate(terms, start=1)
    )


def _density(t: float, freedom: int) -> float:
    return (
        math.exp(-(freedom + 1) / 2 * math.log1p(t * t / freedom))
        * _gammas(freedom)
        / math.sqrt(freedom)
    )


def _beyond(t: float, freedom: int) -> float:
    """Return P(T > t)."""
    if t * t < 3:  # here the fraction of the other share is the fast one
        return 0.5 - _within(t, freedom)
    return _front(t, freedom) / (
        freedom * _fraction(freedom / 2, 0.5, 1 / (1 + t * t / freedom))
    )


def _within(t: float, freedom: int) -> float:
    """Return P(0 < T < t)."""
    if t * t >= 3:
        return 0.5 - _beyond(t, freedom)
    share = t * t / freedom
    return _front(t, freedom) / _fraction(0.5, freedom / 2, share / (1 + share))


def _front(t: float, freedom: int) -> float:
    """Return what both continued fractions divide."""
    share = t * t / freedom
    return (
        math.exp(-freedom / 2 * math.log1p(share))
        * math.sqrt(share / (1 + share))
        * _gammas(freedom)
    )


def _gammas(freedom: int) -> float:
    """Return Gamma(f/2 + 1/2) / (Gamma(f/2) sqrt(pi)); by its series if digits would cancel."""
    x = freedom / 2
    if freedom < 24:
        return math.gamma(x + 0.5) / math.gamma(x) / math.sqrt(math.pi)
    y = 1 / x
    terms = (-1 / 8, 1 / 192, -1 / 640, 17 / 14336, -31 / 18432, 691 / 180224)
    series = sum(term * y ** (2 * k + 1) for k, term in enumerate(terms))
    return math.sqrt(x / math.pi) * math.exp(series)


def _fraction(a: float, b: float, x: float) -> float:
    """Return the incomplete beta's continued fraction (Lentz's method, DLMF 8.17.22)."""
    least = 1e-300
    value, c, d = 1.0, 1.0, 0.0
    for m in range(1, 10_000):
        k = m // 2
        if m % 2:
            part = -(a + k) * (a + b + k) * x / ((a + 2 * k) * (a + 2 * k + 1))
        else:
            part = k * (b - k) * x / ((a + 2 * k - 1) * (a + 2 * k))
        d = 1 / (1 + part * d or least)
        c = 1 + part / c or least
        value *= c * d
        if abs(c * d - 1) < 1e-16:
            break
    return value
