"""The section of the page on the course of the run: money, and the estimate beside it."""

from __future__ import annotations

from typing import Any

from tune.report.money_section import estimate_section, money_section
from tune.report.records import Report


def course(report: Report) -> dict[str, Any]:
    """Return where the money went, and what the estimate had said."""
    return {"money": money_section(report), "estimate": estimate_section(report)}
