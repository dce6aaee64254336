"""The lines that end a run in a terminal."""

from __future__ import annotations

from tune.escape import visible
from tune.report.answer import answer, detectable_sentence, money_sentence, shown_rows
from tune.report.records import Report, ReportConfig
from tune.report.writing import dollars, seconds, with_limits

HEADER = ("", "score (95 %)", "examples", "cost per request", "median / 95th percentile", "to the baseline")

MOST_RUNNERS_UP = 2
"""Runners-up in a terminal, where a report has all of them."""


def summary_lines(report: Report) -> list[str]:
    """The answer, what is known of each config side by side, the money, and what must not be missed."""
    lines = [*answer(report), *_side_by_side(report)]
    if report.verdict != "not distinguishable":  # else the answer has said it
        lines += [sentence for sentence in [detectable_sentence(report)] if sentence]
    if report.carriable is not None and report.carriable_note:
        lines.append(report.carriable_note)
    lines.append(money_sentence(report))
    lines += report.notices
    return [visible(line) for line in lines]


def _side_by_side(report: Report) -> list[str]:
    """A table in columns of equal width."""
    shown = [row for row in shown_rows(report) if row not in report.runners_up[MOST_RUNNERS_UP:]]
    rows = [HEADER, *(_row(report, row) for row in shown)]
    if len(rows) == 1:
        return []
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _row(report: Report, row: ReportConfig) -> tuple[str, ...]:
    times = f"{seconds(row.seconds_median)} / {seconds(row.seconds_p95)}"
    return (
        row.name,
        with_limits(row.quality),
        "-" if row.quality is None else f"{row.quality.n:,} {'holdout' if row.holdout is not None else 'tuning'}",
        with_limits(row.cost, dollars),
        times if row.seconds_median is not None else "-",
        _against_baseline(report, row),
    )


def _against_baseline(report: Report, row: ReportConfig) -> str:
    difference = row.tuning_difference
    if row is report.winner and not report.winner_is_baseline:
        difference = report.difference
    return "-" if difference is None else f"{with_limits(difference)} {report.verdict_of(difference)}"
