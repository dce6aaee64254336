"""The plane of the chart: configurations as marks, and the places where they stand."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tune.report.amount import Amount
from tune.report.chart_scale import Scale
from tune.report.headline import evidence
from tune.report.records import ReportConfig
from tune.report.text import describe_config
from tune.stats.intervals import Interval

WIDTH, HEIGHT = 640, 380
LEFT, RIGHT, TOP, BOTTOM = 56, 600, 34, 324
"""The page's units, and where the plot ends on each side."""

Box = tuple[float, float, float, float]
"""Left, top, right and bottom."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One configuration in the chart.

    Attributes:
        name: "winner", "baseline", "baseline (assumed)" or "winner and baseline"; or "frontier",
            which has no label.
        row: the configuration and what is known of it.
        quality: the quality that is drawn, in the metric's own scale.
        cost: dollars per request, or seconds.
        amount: the unit of the cost.
    """

    name: str
    row: ReportConfig
    quality: Interval
    cost: Interval
    amount: Amount

    @property
    def on_holdout(self) -> bool:
        """True if the quality was measured on holdout examples."""
        return self.quality is self.row.holdout

    @property
    def kind(self) -> str:
        """The first word of its name. The page's style uses it."""
        return self.name.split()[0]

    @property
    def said(self) -> str:
        """All of it in words, not escaped."""
        known = evidence(self.quality, holdout=self.on_holdout)
        if self.row.few:
            known += " (few)"
        return (
            f"{self.name}: {describe_config(self.row.config)}; {known}, at "
            f"{self.amount.said(self.cost.mean)} per request"
        )


def mark(
    amount: Amount, name: str, row: ReportConfig | None, quality: Interval | None
) -> Mark | None:
    """Return the mark of a row; None unless its quality and cost can be drawn."""
    if row is None or quality is None:
        return None
    cost = amount.of(row)
    if cost is None:
        return None
    # An infinite bar is cut at the edge; an infinite mean has no place, and NaN cannot be drawn.
    limits = (quality.low, quality.high, cost.low, cost.high)
    if any(map(math.isnan, limits)):
        return None
    if not math.isfinite(quality.mean) or not math.isfinite(cost.mean):
        return None
    return Mark(name, row, quality, cost, amount)


@dataclass(frozen=True, slots=True)
class Plane:
    """The two axes of the chart.

    Attributes:
        across: the cost.
        up: the quality.
    """

    across: Scale
    up: Scale

    def centre(self, mark: Mark) -> tuple[float, float]:
        """Return the place of a mark."""
        return self.across.place(mark.cost.mean), self.up.place(mark.quality.mean)

    def reach(self, mark: Mark) -> Box:
        """Return the box that the bars of a mark span."""
        # Larger qualities are higher up, where y is smaller.
        return (
            self.across.place(mark.cost.low),
            self.up.place(mark.quality.high),
            self.across.place(mark.cost.high),
            self.up.place(mark.quality.low),
        )
