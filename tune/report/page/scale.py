"""Scales of a chart: from numbers to places, with round numbers to write beside them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

MOST_TICKS = 7
"""Numbers beside one axis."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Numbers from `low` to `high` on a line from `start` to `end`.

    Attributes:
        low: the number at the start.
        high: the number at the end.
        start: the place of `low`; it may be larger than `end`.
        end: the place of `high`.
        ticks: the round numbers to write beside it.
        log: True if equal ratios, and not equal differences, are equally far apart.
    """

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]
    log: bool = False

    def place(self, value: float) -> float:
        """Return the place of a number; a number beyond an end is put at that end."""
        value = min(max(value, self.low), self.high)
        if self.log:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def shown(self, value: float) -> str:
        """Format a tick with the decimals that tell it from the next."""
        steps = [after - before for before, after in pairwise(self.ticks)]
        # A hair more, because the logarithm of 0.001 is a hair below -3.
        power = math.floor(math.log10(min(steps, default=1.0)) + 1e-9)
        decimals = max(0, -power)
        return f"{value:,.{decimals}f}"


def linear(values: Sequence[float], start: float, end: float) -> Scale:
    """Return a scale over finite values that begins and ends with a round number."""
    low, high = min(values), max(values)
    # One value: some room around it.
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        room = abs(low) / 10 or 0.5
        low, high = low - room, high + room
    step = _round_step((high - low) / (MOST_TICKS - 2))
    # A value that is a round number up to rounding needs no further tick.
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(k * step for k in range(first, last + 1))
    return Scale(ticks[0], ticks[-1], start, end, ticks)


def logarithmic(values: Sequence[float], start: float, end: float) -> Scale:
    """Return a scale over the positive values, with a quarter of room at each end.

    Ticks are 1, 2 and 5 times each power of ten, or only the powers where there are many.
    """
    known = [value for value in values if value > 0]
    low, high = min(known) / 1.25, max(known) * 1.25
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    whole = [10.0**power for power in powers]
    ticks = []
    for power in whole:
        ticks += [tick for tick in (power, 2 * power, 5 * power) if low <= tick <= high]
    if len(ticks) > MOST_TICKS:
        ticks = [power for power in whole if low <= power <= high]
        # Costs over more powers than that: every second or third.
        ticks = ticks[:: math.ceil(len(ticks) / MOST_TICKS)]
    return Scale(low, high, start, end, tuple(ticks), log=True)


def _round_step(least: float) -> float:
    """Return the smallest of 1, 2, 5, 10 times a power of ten that is at least this large."""
    power = 10.0 ** math.floor(math.log10(least))
    for step in (1, 2, 5):
        # A hair less: 0.2 is good enough for 0.2 and a rounding error.
        if step * power >= least * (1 - 1e-9):
            return step * power
    return 10 * power
