"""The section of the page on wrong answers: reasons, labels, and slices of the data."""

from __future__ import annotations

from typing import Any

from tune.report.error_analysis import failing_section
from tune.report.records import Report
from tune.report.spread import pass_at_k_section, repeats_section
from tune.report.wrong_answers import wrong_section


def wrong(report: Report) -> dict[str, Any] | None:
    """Return why answers are wrong and where the winner fails; None where nothing is known."""
    parts = {
        "reasons": wrong_section(report),
        "failing": failing_section(report.failing),
        "pass_at_k": pass_at_k_section(report.pass_at_k),
        "repeats": repeats_section(report.repeats),
    }
    if not any(parts.values()):
        return None
    return parts
