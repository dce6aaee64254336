"""The configurations of the frontier as rows of a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tune.report.records import ReportConfig
from tune.stats.intervals import Interval


def frontier_rows(frontier: Iterable[ReportConfig]) -> list[dict[str, Any]]:
    """Return one row for each configuration, all with the same columns for their numbers."""
    return [_frontier_row(row) for row in frontier]


def _frontier_row(row: ReportConfig) -> dict[str, Any]:
    return {
        **row.config,
        **_interval("quality", row.tuning),
        **_interval("holdout", row.holdout),
        **_interval("cost_per_request", row.cost),
        **_interval("seconds_per_request", row.service),
        "examples": 0 if row.tuning is None else row.tuning.n,
        "few": row.few,
        "seconds_median": row.seconds_median,
    }


def _interval(name: str, interval: Interval | None) -> dict[str, float | None]:
    # The columns are there in every row, because a frame has the same ones for all.
    if interval is None:
        return dict.fromkeys((name, f"{name}_low", f"{name}_high"))
    return {
        name: interval.mean,
        f"{name}_low": interval.low,
        f"{name}_high": interval.high,
    }
