"""The first table of `report.md`: winner, baseline and runners-up side by side."""

from __future__ import annotations

from tune.report.amount import amount_of
from tune.report.headline import detectable_sentence, shown_rows
from tune.report.records import Report, ReportConfig
from tune.report.text import (
    describe_config,
    inline,
    number,
    seconds,
    table,
    with_limits,
)


def comparison_section(report: Report) -> str:
    """Return the table with the settings of its rows and its notes; "" where nothing is known."""
    named = shown_rows(report)
    rows = [_comparison_row(report, row) for row in named]
    if report.majority_score is not None:
        rows.append(_majority_row(report, report.majority_score))
    if not rows:
        return ""
    # Settings are too long for a column of the table.
    settings = []
    for row in named:
        settings.append(f"- {inline(row.name)}: {inline(describe_config(row.config))}")
    notes = []
    if report.detectable is not None:
        notes.append(detectable_sentence(report))
    if report.runners_up:
        notes.append(
            "Runners-up never met the holdout: they are compared on the tuning examples by which "
            "they were picked, for display only."
        )
    parts = [
        table(_header(report), rows),
        "\n".join(settings),
        inline(" ".join(notes), limit=1000),
    ]
    return "\n\n".join(filter(None, parts))


def _header(report: Report) -> list[str]:
    direction = ""
    if not report.larger_is_better:
        direction = ", lower is better"
    return [
        "configuration",
        f"{inline(report.provenance.metric)} on holdout (95 %{direction})",
        "on tuning examples (flatters)",
        "difference to the baseline",
        "verdict",
        amount_of(report).per_request,
        "seconds, median / 95th percentile",
    ]


def _majority_row(report: Report, score: float) -> list[str]:
    name = "always the majority class"
    if report.majority_class:
        name += f" ({report.majority_class})"
    # This row is not a configuration: it has no cost, no time and no interval.
    return [inline(name), number(score), *["-"] * 5]


def _comparison_row(report: Report, row: ReportConfig) -> list[str]:
    is_winner, amount = row is report.winner, amount_of(report)
    name = inline(row.name)
    if is_winner:
        name = f"**{name}**"
    difference, verdict = with_limits(report.difference), _verdict(report)
    if not is_winner or report.winner_is_baseline:
        difference, verdict = _tuning_difference(report, row)
    tuning = with_limits(row.tuning)
    if row.approximate:
        tuning += " ≈"
    times = "-"
    if row.seconds_median is not None:
        times = f"{seconds(row.seconds_median)} / {seconds(row.seconds_p95)}"
    return [
        name,
        with_limits(row.holdout),
        tuning,
        difference,
        verdict,
        with_limits(amount.of(row), amount.said),
        times,
    ]


def _tuning_difference(report: Report, row: ReportConfig) -> tuple[str, str]:
    """Return the difference of a runner-up to the baseline, and its verdict."""
    difference = row.tuning_difference
    if difference is None:
        return "-", "-"
    # Tuning examples selected the row, so the reader must see where this comes from.
    return (
        f"{with_limits(difference)} (tuning)",
        f"{report.verdict_of(difference)} (tuning)",
    )


def _verdict(report: Report) -> str:
    verdict = report.verdict or "not compared"
    # Only the goal "cheapest" asks for non-inferiority.
    if report.non_inferior is None or report.margin is None:
        return verdict
    shown = "not shown"
    if report.non_inferior:
        shown = "shown"
    return f"{verdict}; non-inferiority by {number(report.margin)} {shown}"
