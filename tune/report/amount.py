"""The amount that quality is held against: dollars per request, or seconds where nobody is billed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tune.report.records import Report, ReportConfig
from tune.report.text import dollars, exact_seconds
from tune.stats.intervals import Interval


@dataclass(frozen=True, slots=True)
class Amount:
    """What a configuration takes of each request, and the words for it.

    Attributes:
        name: in one word.
        unit: in one word.
        per_request: as the head of a column.
        timed: whether it is seconds.
        said: a value in words.
    """

    name: str
    unit: str
    per_request: str
    timed: bool
    said: Callable[[float], str]

    def of(self, row: ReportConfig) -> Interval | None:
        """What a configuration takes; None where nobody knows."""
        return row.service if self.timed else row.cost


DOLLARS = Amount("cost", "dollars", "cost per request", timed=False, said=dollars)
SECONDS = Amount("seconds", "seconds", "seconds per request", timed=True, said=exact_seconds)


def amount_of(report: Report) -> Amount:
    """Return what counts in a report."""
    return DOLLARS if report.money.seconds is None else SECONDS
