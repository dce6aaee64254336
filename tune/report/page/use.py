"""The section of the page on using the winner: its settings, its prompt, and agents."""

from __future__ import annotations

from typing import Any

from tune.report.records import Report
from tune.report.use_section import use_section


def use(report: Report) -> dict[str, Any] | None:
    """Return what a user copies into a program; None without a winner."""
    if report.winner is None:
        return None
    return {"text": use_section(report)}
