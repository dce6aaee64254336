"""Root of a monotone function."""

from __future__ import annotations

import math
from collections.abc import Callable

# The most steps. About ten are enough for the functions of this package.
_STEPS = 200


def root(
    f: Callable[[float], float],
    low: float,
    high: float,
    *,
    share: float = 1e-10,
    start: float | None = None,
) -> float:
    """Return the zero of a monotone function between two ends.

    The method is the Illinois variant of the false position method (Dowell and Jarratt 1971):
    secant steps, with a bisection step where a secant is not possible.

    Args:
        f: rises or falls from one end to the other.
        low: the lower end.
        high: the upper end.
        share: the accepted error, as a share of the distance between the ends.
        start: f at the lower end, where it is known.

    Raises:
        ArithmeticError: f has the same sign at both ends. An end is not an answer then: a limit
            would fall onto the mean.
    """
    tolerance = share * (high - low)
    if start is None:
        start = f(low)
    end = f(high)
    if start == 0:
        return low
    if end == 0:
        return high
    if (start > 0) == (end > 0):
        raise ArithmeticError(
            f"no root between {low} and {high}: the values there are {start} and {end}"
        )
    rising = start < 0
    side = 0
    for _ in range(_STEPS):
        guess = _secant(low, high, start, end)
        value = f(guess)
        if value == 0 or high - low <= tolerance:
            return guess
        # The value at an end that stays twice is halved. Else secant steps approach the root from
        # one side only, and slowly.
        if (value < 0) == rising:
            low = guess
            start = value
            if side == -1:
                end = end / 2
            side = -1
        else:
            high = guess
            end = value
            if side == 1:
                start = start / 2
            side = 1
    return (low + high) / 2


def _secant(
    low: float,
    high: float,
    start: float,
    end: float,
) -> float:
    """Return the zero of the line through both ends, or the middle if there is none between."""
    middle = (low + high) / 2
    # A tail probability can be infinite at an end.
    if not (math.isfinite(start) and math.isfinite(end)):
        return middle
    secant = (low * end - high * start) / (end - start)
    if low < secant < high:
        return secant
    return middle
