"""Quantiles of Student's t distribution, with a relative error below 1e-12 down to p = 1e-50."""

from __future__ import annotations

import math
from statistics import NormalDist

# With more degrees of freedom the expansion is exact enough, and continued fractions are slow.
_MANY = 10_000

# If the share beyond the quantile is at most this, the equation is solved for it. The other share
# loses digits there.
_TAIL = 0.25

# The most Newton steps. Five are enough nearly everywhere.
_STEPS = 100


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
    if p < 0.5:
        return -found
    return found


def _quantile(
    beyond: float,
    within: float,
    freedom: int,
) -> float:
    """Return the t above 0 with one share beyond it and the other between 0 and it."""
    tail = beyond <= _TAIL
    if freedom == 1:
        return _cauchy(beyond, within)
    # With two degrees of freedom the quantile has a closed form.
    if freedom == 2:
        return 2 * within * math.sqrt(0.5 / (beyond * (1 - beyond)))
    normal = -NormalDist().inv_cdf(beyond)
    t = _expansion(normal, freedom)
    if freedom > _MANY:
        return t
    for _ in range(_STEPS):
        if tail:
            share = _beyond(t, freedom)
            step = math.log(share / beyond)
        else:
            share = _within(t, freedom)
            step = -math.log(share / within)
        step /= t * _density(t, freedom) / share
        t *= math.exp(step)
        if abs(step) < 1e-14:
            break
    return t


def _cauchy(beyond: float, within: float) -> float:
    """Return the quantile for one degree of freedom; the expansion is no start for it far out."""
    if beyond <= _TAIL:
        return 1 / math.tan(math.pi * beyond)
    return math.tan(math.pi * within)


def _expansion(z: float, freedom: int) -> float:
    """Return the quantile by that of the normal distribution, corrected four times."""
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    correction = 0.0
    for power, term in enumerate(terms, start=1):
        correction += term / float(freedom) ** power
    return z + correction


def _density(t: float, freedom: int) -> float:
    """Return the density of the distribution at t."""
    share = t * t / freedom
    exponent = -(freedom + 1) / 2
    kernel = math.exp(exponent * math.log1p(share))
    return kernel * _gammas(freedom) / math.sqrt(freedom)


def _beyond(t: float, freedom: int) -> float:
    """Return P(T > t)."""
    # The continued fraction of the other share is the faster one here.
    if t * t < 3:
        return 0.5 - _within(t, freedom)
    share = t * t / freedom
    fraction = _fraction(freedom / 2, 0.5, 1 / (1 + share))
    return _front(t, freedom) / (freedom * fraction)


def _within(t: float, freedom: int) -> float:
    """Return P(0 < T < t)."""
    if t * t >= 3:
        return 0.5 - _beyond(t, freedom)
    share = t * t / freedom
    fraction = _fraction(0.5, freedom / 2, share / (1 + share))
    return _front(t, freedom) / fraction


def _front(t: float, freedom: int) -> float:
    """Return the factor before both continued fractions (DLMF 8.17.22)."""
    share = t * t / freedom
    power = math.exp(-freedom / 2 * math.log1p(share))
    root = math.sqrt(share / (1 + share))
    return power * root * _gammas(freedom)


def _gammas(freedom: int) -> float:
    """Return Gamma(f/2 + 1/2) / (Gamma(f/2) sqrt(pi)); by its series if digits would cancel."""
    x = freedom / 2
    if freedom < 24:
        ratio = math.gamma(x + 0.5) / math.gamma(x)
        return ratio / math.sqrt(math.pi)
    y = 1 / x
    # The difference of two series of log Gamma (DLMF 5.11.8).
    terms = (-1 / 8, 1 / 192, -1 / 640, 17 / 14336, -31 / 18432, 691 / 180224)
    series = 0.0
    for k, term in enumerate(terms):
        series += term * y ** (2 * k + 1)
    return math.sqrt(x / math.pi) * math.exp(series)


def _fraction(
    a: float,
    b: float,
    x: float,
) -> float:
    """Return the incomplete beta's continued fraction (Lentz's method, DLMF 8.17.22)."""
    # Used in place of 0 in the divisions.
    least = 1e-300
    value = 1.0
    c = 1.0
    d = 0.0
    for m in range(1, 10_000):
        k = m // 2
        even = a + 2 * k
        if m % 2:
            part = -(a + k) * (a + b + k) * x / (even * (even + 1))
        else:
            part = k * (b - k) * x / ((even - 1) * even)
        d = 1 / (1 + part * d or least)
        c = 1 + part / c or least
        value *= c * d
        if abs(c * d - 1) < 1e-16:
            break
    return value
