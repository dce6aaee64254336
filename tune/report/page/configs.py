"""The section of the page on all configurations."""

from __future__ import annotations

from typing import Any

from tune.report.records import Report
from tune.report.search_section import trials_section


def configs(report: Report) -> dict[str, Any] | None:
    """Return the trials with their best readings; None without a trial."""
    if not report.trials:
        return None
    return {"trials": trials_section(report)}
