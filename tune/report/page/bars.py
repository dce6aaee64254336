"""A chart of estimates with their intervals: one line for each, on a common axis.

Places are in per cent of the width, so that the chart fits every screen without small letters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tune.report.page.scale import Scale, linear
from tune.report.text import number
from tune.stats.intervals import Interval

MOST_NUMBERS = 5
"""Numbers below the chart: it may be narrow."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of the chart.

    Attributes:
        name: the words before it.
        note: more words, on the evidence.
        kind: "winner", "baseline" or another class of the style sheet.
        interval: the estimate with its limits.
        filled: True for what was measured on holdout examples.
    """

    name: str
    note: str
    kind: str
    interval: Interval
    filled: bool = False


def interval_chart(
    name: str, title: str, bars: Sequence[Bar], *, marked: float | None = None
) -> dict[str, Any] | None:
    """Return the values of the template `bars.html`; None without an estimate.

    Args:
        name: of the chart on its page.
        title: the words for screen readers, and above the chart.
        bars: its lines.
        marked: a value with a vertical line of its own, such as that of a trivial answer.
    """
    known = [bar for bar in bars if math.isfinite(bar.interval.mean)]
    if not known:
        return None
    values: list[float] = []
    for bar in known:
        interval = bar.interval
        limits = (interval.mean, interval.low, interval.high)
        values += filter(math.isfinite, limits)
    if marked is not None:
        values.append(marked)
    scale = linear(values, 0.0, 100.0)
    return {
        "name": name,
        "title": title,
        "ticks": _ticks(scale),
        "bars": [_placed(bar, scale) for bar in known],
        "marked": None if marked is None else scale.place(marked),
        "marked_value": marked,
    }


def _ticks(scale: Scale) -> list[tuple[float, str]]:
    """Return the places of the grid with their numbers, every second one where they are many."""
    found = []
    for place, tick in enumerate(scale.ticks):
        shown = scale.shown(tick)
        if len(scale.ticks) > MOST_NUMBERS and place % 2:
            shown = ""
        found.append((scale.place(tick), shown))
    return found


def _placed(bar: Bar, scale: Scale) -> dict[str, Any]:
    """Return a bar with its places."""
    interval = bar.interval
    said = number(interval.mean)
    # The reference of a comparison is exact.
    if interval.low < interval.high:
        said += f" ({number(interval.low)} to {number(interval.high)})"
    return {
        "bar": bar,
        "x": scale.place(interval.mean),
        # An infinite limit is cut at the edge.
        "low": scale.place(interval.low),
        "high": scale.place(interval.high),
        "said": said,
    }
