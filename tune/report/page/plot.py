"""The frame of a chart: two axes with their numbers. Places are in per cent of its area.

So a chart fits every screen, and its letters keep their size. `templates/plot.html` draws it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tune.report.page.scale import Scale, linear, logarithmic

NARROW = 36
"""Characters below the area of a chart on a telephone."""

LOG_FROM = 10.0
"""The ratio of the largest to the smallest value from which an axis is logarithmic."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A chart's area.

    Attributes:
        name: of the chart on its page.
        title: the words above it.
        across: the horizontal scale.
        up: the vertical one.
        across_title: the words below the area.
        up_title: the words above its left edge.
        across_ticks: places and numbers.
        narrow_step: a narrow screen shows every so many of them.
        up_ticks: places and numbers.
    """

    name: str
    title: str
    across: Scale
    up: Scale
    across_title: str
    up_title: str
    across_ticks: tuple[tuple[float, str], ...]
    up_ticks: tuple[tuple[float, str], ...]
    narrow_step: int

    def x(self, value: float) -> float:
        """Return the place of a value from the left, in per cent."""
        return round(self.across.place(value), 3)

    def y(self, value: float) -> float:
        """Return the place of a value from the top, in per cent."""
        return round(self.up.place(value), 3)

    def line(self, points: Sequence[tuple[float, float]]) -> str:
        """Return the corners of a line, for an area of 100 by 100 units."""
        return " ".join(f"{self.x(across)},{self.y(up)}" for across, up in points)

    def steps(self, points: Sequence[tuple[float, float]]) -> str:
        """Return the corners of a line that keeps its height until the next point."""
        corners: list[tuple[float, float]] = []
        for across, up in points:
            if corners:
                corners.append((across, corners[-1][1]))
            corners.append((across, up))
        return self.line(corners)


def frame(
    name: str,
    title: str,
    across: Sequence[float],
    up: Sequence[float],
    *,
    across_title: str,
    up_title: str,
    said: Callable[[float], str] | None = None,
    up_said: Callable[[float], str] | None = None,
    log: bool = False,
    ticks: Sequence[float] = (),
) -> Frame:
    """Return a frame that holds all values.

    Args:
        name: of the chart on its page.
        title: the words above it.
        across: horizontal values.
        up: vertical values; infinite ones are cut at the edge.
        across_title: the words below the area.
        up_title: the words above its left edge.
        said: formats the numbers below the area.
        up_said: formats the numbers beside it.
        log: True if the horizontal axis may be logarithmic, where that helps.
        ticks: the numbers below the area, where round ones between them would mean nothing.
    """
    positive = [value for value in across if value > 0]
    # Amounts that may be told apart by their ratios begin at zero.
    horizontal = linear([*across, 0.0] if log else list(across), 0.0, 100.0)
    if log and positive and max(positive) >= LOG_FROM * min(positive):
        horizontal = logarithmic(positive, 0.0, 100.0)
        across_title += ", logarithmic scale"
    vertical = linear(list(filter(math.isfinite, up)), 100.0, 0.0)
    if ticks:
        horizontal = replace(horizontal, ticks=tuple(sorted(set(ticks))))
    said = said or horizontal.shown
    up_said = up_said or vertical.shown
    below = tuple((horizontal.place(t), said(t)) for t in horizontal.ticks)
    # Two blanks keep two numbers apart.
    longest = 2 + max((len(number) for _, number in below), default=0)
    return Frame(
        name=name,
        title=title,
        across=horizontal,
        up=vertical,
        across_title=across_title,
        up_title=up_title,
        across_ticks=below,
        up_ticks=tuple((vertical.place(t), up_said(t)) for t in vertical.ticks),
        narrow_step=math.ceil(longest * len(below) / NARROW),
    )
