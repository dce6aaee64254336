"""The table of the main configurations, as `comparison.csv` and `comparison.tex`."""

from __future__ import annotations

import csv
import io
import math

from tune.pricing.amounts import dollars
from tune.report.amount import Amount, amount_of
from tune.report.headline import shown_rows
from tune.report.records import Report, ReportConfig
from tune.report.text import csv_cell, describe_config
from tune.safety.escape import visible
from tune.stats.intervals import Interval

COLUMNS = (
    "configuration",
    "settings",
    "on",
    "examples",
    "quality",
    "quality_low",
    "quality_high",
    "cost_per_request",
    "cost_low",
    "cost_high",
    "difference",
    "difference_low",
    "difference_high",
    "seconds_per_request",
    "seconds_low",
    "seconds_high",
)
"""Columns of `comparison.csv`: the metric's own scale, dollars per request, 95 % intervals; seconds
per request if every price is 0.
"""

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}


def comparison_csv(report: Report) -> str:
    """Return the winner, the baseline, the runners-up and pass@k, one row each."""
    out = io.StringIO()
    # One kind of line end on every system, so that files can be compared.
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in shown_rows(report):
        on, examples = "tuning", 0
        if row.holdout is not None:
            on = "holdout"
        if row.quality is not None:
            examples = row.quality.n
        cells = [
            row.name,
            describe_config(row.config),
            on,
            examples,
            *_limits(row.quality),
            *_limits(row.cost),
            *_limits(_difference(report, row)),
            *_limits(row.service),
        ]
        writer.writerow(list(map(csv_cell, cells)))
    for oracle in report.pass_at_k:
        # An oracle has no cost and no difference, because it cannot be deployed.
        name, quality = f"pass@{oracle.k} (oracle)", oracle.quality
        cells = [name, "", "tuning", quality.n, *_limits(quality), *[None] * 9]
        writer.writerow(list(map(csv_cell, cells)))
    return out.getvalue()


def comparison_tex(report: Report) -> str:
    """Return the same as a LaTeX table; it needs the package booktabs."""
    # Papers have narrow columns, so cost is a mean without its interval.
    rows, amount = [], amount_of(report)
    for row in shown_rows(report):
        cells = [
            latex(row.name),
            _score(row.quality),
            _amount(amount, amount.of(row)),
            _score(_difference(report, row)),
        ]
        rows.append(" & ".join(cells) + r" \\")
    for oracle in report.pass_at_k:
        cells = [f"pass@{oracle.k} (oracle)", _score(oracle.quality), "--", "--"]
        rows.append(" & ".join(cells) + r" \\")
    metric = latex(report.provenance.metric)
    names = ("configuration", metric, amount.per_request, "difference to the baseline")
    head = " & ".join(names) + r" \\"
    lines = [
        "% Intervals are 95 %. Settings of each row are in comparison.csv.",
        r"\begin{tabular}{lrrr}",
        r"\toprule",
        head,
        r"\midrule",
        *rows,
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def latex(text: str) -> str:
    """Escape text for LaTeX."""
    return "".join(_LATEX.get(character, character) for character in visible(text))


def _difference(report: Report, row: ReportConfig) -> Interval | None:
    # The winner met the holdout; a runner-up has only its tuning examples.
    if row is report.winner and not report.winner_is_baseline:
        return report.difference
    return row.tuning_difference


def _limits(
    interval: Interval | None,
) -> tuple[float | None, float | None, float | None]:
    if interval is None:
        return None, None, None
    return interval.mean, interval.low, interval.high


def _score(interval: Interval | None) -> str:
    if interval is None or not math.isfinite(interval.mean):
        return "--"
    return f"{interval.mean:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def _amount(amount: Amount, interval: Interval | None) -> str:
    if interval is None or not math.isfinite(interval.mean):
        return "--"
    if amount.timed:
        return rf"{interval.mean:.3g}\,s"
    return rf"\{dollars(interval.mean)}"
