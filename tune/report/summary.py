"""The lines that end a run in a terminal."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Sequence

from tune.report.amount import amount_of
from tune.report.error_analysis import failing_sentences
from tune.report.headline import answer, detectable_sentence, money_sentence, shown_rows
from tune.report.records import Report, ReportConfig
from tune.report.text import seconds, with_limits
from tune.report.unread_text import unread_sentences
from tune.report.wrong_answers import wrong_sentences
from tune.safety.escape import visible

SHORTER = {
    "baseline (assumed)": "assumed",
    " to ": ", ",
    "not distinguishable": "unclear",
}
"""Words of the wide table, and what stands for them in the narrow one."""

MOST_RUNNERS_UP = 2
"""Runners-up in a terminal, where a report has all of them."""

LEAST_COLUMNS = 2
"""Columns that every terminal shows: names and scores."""

GAP = 2
"""Spaces between two columns."""

ON_TUNING = "* on tuning examples, which flatter"
"""The line below a table where `*` marks scores."""


def summary_lines(report: Report, width: int | None = None) -> list[str]:
    """Return the answer, the configs side by side, the money, and what must not be missed.

    Args:
        report: what a study found.
        width: characters in a line of the terminal. Longer sentences are broken between words, and
            a table that is wider gets fewer columns. None breaks nothing.
    """
    sentences = list(answer(report))
    table = _side_by_side(report, width)
    rest = _rest(report, sentences)
    return [*_wrapped(sentences, width), *map(visible, table), *_wrapped(rest, width)]


def summary_html(report: Report) -> str:
    """Return the same as HTML: paragraphs and a table."""
    rows = "".join(map(_table_row, _table(report)))
    table = ""
    if rows:
        table = f"<table>{rows}</table>"
    said = answer(report)
    return f"{_paragraphs(said)}{table}{_paragraphs(_rest(report, said))}"


def _rest(report: Report, said: Sequence[str]) -> list[str]:
    """Return the sentences below the table.

    Args:
        report: what a study found.
        said: the sentences of the answer; none of them is said again.
    """
    rest: list[str] = []
    # Otherwise the answer has said it.
    if report.verdict != "not distinguishable" and report.detectable is not None:
        rest.append(detectable_sentence(report))
    if report.deployable_note:
        rest.append(report.deployable_note)
    rest += [*wrong_sentences(report), *failing_sentences(report.failing)]
    return [*rest, *_of_money(report, said), *report.notices]


def _of_money(report: Report, said: Sequence[str]) -> list[str]:
    """Return what the answer has not said yet: unread answers, and the money."""
    # The headline of such a run has said it.
    if report.unread_stop:
        return []
    found = unread_sentences(report)
    # Where no majority class is known, the answer ends with the money.
    money = money_sentence(report)
    if money not in said:
        found.append(money)
    return found


def _paragraphs(sentences: Sequence[str]) -> str:
    return "".join(f"<p>{html.escape(visible(sentence))}</p>" for sentence in sentences)


def _table_row(row: Sequence[str]) -> str:
    cells = [f"<td>{html.escape(visible(cell))}</td>" for cell in row]
    return f"<tr>{''.join(cells)}</tr>"


def _wrapped(sentences: Sequence[str], width: int | None) -> list[str]:
    """Break sentences between words; a word that is longer than a line stays whole."""
    # Before wrapping: control characters would count as letters.
    shown = list(map(visible, sentences))
    if width is None:
        return shown
    lines: list[str] = []
    for sentence in shown:
        lines += textwrap.wrap(
            sentence, width, break_long_words=False, break_on_hyphens=False
        )
    return lines


def _side_by_side(report: Report, width: int | None) -> list[str]:
    """Return a table in columns of equal width."""
    lines = _aligned(_table(report))
    if width is None or _longest(lines) <= width:
        return lines
    # A table that is broken over lines cannot be read.
    rows = _narrow_table(report)
    lines = _aligned(rows)
    while rows and len(rows[0]) > LEAST_COLUMNS and _longest(lines) > width:
        # The last column is the one that the sentences have said.
        rows = [row[:-1] for row in rows]
        lines = _aligned(rows)
    if any(row.holdout is None for row in _shown(report)):
        lines.append(ON_TUNING)
    return lines


def _longest(lines: Sequence[str]) -> int:
    return max(map(len, lines), default=0)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    columns = list(zip(*rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    lines = []
    for row in rows:
        padded = map(str.ljust, row, widths)
        lines.append((" " * GAP).join(padded).rstrip())
    return lines


def _table(report: Report) -> list[tuple[str, ...]]:
    """Return every column of the configs that a terminal shows; nothing where there are none."""
    shown = _shown(report)
    if not shown:
        return []
    header = (
        "",
        "score (95 %)",
        "examples",
        amount_of(report).per_request,
        "median / 95th percentile",
        "to the baseline",
    )
    rows = [_row(report, row) for row in shown]
    return [header, *rows]


def _narrow_table(report: Report) -> list[tuple[str, ...]]:
    """Return the columns for a terminal that has no room for all: they fit 80 characters."""
    amount = amount_of(report)
    rows: list[tuple[str, ...]] = [("", "score (95 %)", amount.name, "to the baseline")]
    for row in _shown(report):
        known, cost = amount.of(row), "-"
        # Its interval has no room here.
        if known is not None:
            cost = amount.said(known.mean)
        quality, against = with_limits(row.quality), _against_baseline(report, row)
        # The wide table has a column that says so.
        if row.holdout is None:
            quality += "*"
        rows.append((_shorter(row.name), _shorter(quality), cost, _shorter(against)))
    return rows


def _shorter(cell: str) -> str:
    for long, short in SHORTER.items():
        cell = cell.replace(long, short)
    return cell


def _shown(report: Report) -> list[ReportConfig]:
    left_out = report.runners_up[MOST_RUNNERS_UP:]
    # A terminal has few lines. The report has all runners-up.
    return [row for row in shown_rows(report) if row not in left_out]


def _row(report: Report, row: ReportConfig) -> tuple[str, ...]:
    amount = amount_of(report)
    times, examples = "-", "-"
    if row.seconds_median is not None:
        times = f"{seconds(row.seconds_median)} / {seconds(row.seconds_p95)}"
    if row.tuning is not None:
        examples = f"{row.tuning.n:,} tuning"
    if row.holdout is not None:
        examples = f"{row.holdout.n:,} holdout"
    return (
        row.name,
        with_limits(row.quality),
        examples,
        with_limits(amount.of(row), amount.said),
        times,
        _against_baseline(report, row),
    )


def _against_baseline(report: Report, row: ReportConfig) -> str:
    difference = row.tuning_difference
    if row is report.winner and not report.winner_is_baseline:
        difference = report.difference
    if difference is None:
        return "-"
    return f"{with_limits(difference)} {report.verdict_of(difference)}"
