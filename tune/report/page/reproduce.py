"""The last section of the page: all that it takes to get the same numbers again."""

from __future__ import annotations

from typing import Any

from tune.report.money_section import prices_section
from tune.report.provenance_section import provenance_section
from tune.report.records import Report


def reproduce(report: Report) -> dict[str, Any]:
    """Return the facts, the command and the prices."""
    return {"facts": provenance_section(report), "prices": prices_section(report)}
