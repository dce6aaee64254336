"""The cost that quality is compared with: dollars, or seconds where every price is 0."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tune.pricing.amounts import dollars
from tune.report.records import Report, ReportConfig
from tune.report.text import exact_seconds
from tune.stats.intervals import Interval


@dataclass(frozen=True, slots=True)
class Amount:
    """A unit of cost per request, and how it is written.

    Attributes:
        name: its name in one word.
        unit: its unit in one word.
        per_request: the head of its column in a table.
        timed: True for seconds.
        said: formats a value.
    """

    name: str
    unit: str
    per_request: str
    timed: bool
    said: Callable[[float], str]

    def of(self, row: ReportConfig) -> Interval | None:
        """Return what a configuration takes per request; None if that is unknown."""
        if self.timed:
            return row.service
        return row.cost


DOLLARS = Amount("cost", "dollars", "cost per request", timed=False, said=dollars)
SECONDS = Amount(
    "seconds", "seconds", "seconds per request", timed=True, said=exact_seconds
)


def amount_of(report: Report) -> Amount:
    """Return what counts in a report."""
    # A study records its seconds only if every price is 0.
    if report.money.seconds is not None:
        return SECONDS
    return DOLLARS
