"""Dollars as people read them, never with an exponent."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, Context, Decimal

# The largest float has 309 digits before the point, and cents have 2 behind it.
_ALL_DIGITS = Context(prec=311)


def dollars(value: float) -> str:
    """Format dollars: to the cent from a dollar on, with three digits below it.

    NaN is "unknown", and infinity "no limit".
    """
    if math.isnan(value):
        return "unknown"
    if math.isinf(value):
        return "no limit"
    shown = _amount(abs(value))
    if value < 0 and shown != "0":
        return f"-${shown}"
    return f"${shown}"


def stated_dollars(value: float) -> str:
    """Format dollars that somebody stated: with two decimals, or as many as they have."""
    if not math.isfinite(value):
        return f"${value}"
    # Decimal keeps the digits that `repr` shows; a float's own format would add an exponent.
    whole, _, decimals = f"{Decimal(repr(float(value))):,f}".partition(".")
    return f"${whole}.{decimals.rstrip('0'):0<2}"


def least_dollars(value: float) -> str:
    """Format dollars of which no less is enough: as `dollars`, and rounded up."""
    exact = Decimal(repr(float(value)))
    if not exact.is_finite() or exact <= 0:
        return dollars(value)
    # The place of the third digit below a dollar, and of the cent from a dollar on.
    last = min(-2, exact.adjusted() - 2)
    place = Decimal(1).scaleb(last)
    return dollars(float(exact.quantize(place, ROUND_CEILING, _ALL_DIGITS)))


def _amount(size: float) -> str:
    # Three digits of 0.9996 would be 1.00.
    if size >= 0.9995:
        return f"{size:,.2f}"
    # Below a picodollar's thousandth it is a rounding error.
    if size < 1e-15:
        return "0"
    places = 2 - math.floor(math.log10(size))
    whole, _, decimals = f"{size:.{places}f}".partition(".")
    # Cents have two digits even if the second is 0.
    return f"{whole}.{decimals.rstrip('0'):0<2}"
