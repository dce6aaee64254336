"""The section of the page on quality against cost."""

from __future__ import annotations

from typing import Any

from tune.report.chart import chart
from tune.report.records import Report
from tune.report.search_section import frontier_section


def quality(report: Report) -> dict[str, Any] | None:
    """Return the chart and the frontier; None where no configuration has a cost."""
    from markupsafe import Markup

    drawn, frontier = chart(report), frontier_section(report)
    if not drawn and not frontier:
        return None
    return {"drawn": Markup(drawn), "frontier": frontier}
