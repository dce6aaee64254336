"""The first section of the page: winner against baseline, with intervals, dollars and warnings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tune.pricing.amounts import dollars
from tune.report.amount import amount_of
from tune.report.headline import answer, detectable_sentence, shown_rows
from tune.report.page.bars import Bar, interval_chart
from tune.report.records import Report, ReportConfig
from tune.report.text import describe_config, number, seconds, with_limits
from tune.report.warnings import warning_sentences
from tune.report.wrong_answers import NAMES
from tune.stats.intervals import Interval

VERDICTS = {
    "better": ("better", "Better than the baseline"),
    "worse": ("worse", "Worse than the baseline"),
    "not distinguishable": ("unclear", "Not distinguishable from the baseline"),
}
"""The class and the words of a verdict on the difference."""


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """One number at the top of the page.

    Attributes:
        name: its name, which tests and scripts find it by.
        title: the words above it.
        value: the number as it is shown.
        note: the words below it.
    """

    name: str
    title: str
    value: str
    note: str


def overview(report: Report) -> dict[str, Any]:
    """Return the answer, its numbers, and the rows that were compared."""
    sentences = answer(report)
    return {
        "verdict": _verdict(report),
        "lead": sentences[0],
        "sentences": sentences[1:],
        "facts": _facts(report),
        "chart": _chart(report),
        "rows": [_row(report, row) for row in shown_rows(report)],
        "amount": amount_of(report),
        "majority": _majority(report),
        "detectable": detectable_sentence(report),
        "warnings": warning_sentences(report),
    }


def _verdict(report: Report) -> tuple[str, str] | None:
    if report.unread_stop:
        return "worse", "The answers are not read rightly"
    if report.winner is None:
        return "unclear", "No winner"
    if report.keeps_limit is False:
        return "worse", f"Nothing keeps {report.limit}"
    if report.winner_is_baseline:
        return "unclear", "The baseline stays"
    # Without a comparison nothing is claimed.
    if report.verdict is None:
        return "unclear", "Not compared with the baseline"
    if report.non_inferior:
        return "better", "Not worse than the baseline by more than the margin"
    return VERDICTS[report.verdict]


def _facts(report: Report) -> list[KeyFigure]:
    facts = []
    winner = report.winner
    if winner is not None:
        facts += _facts_of_winner(report, winner)
    money = report.money
    if money.seconds is None:
        share = money.spent / money.budget if money.budget else 0.0
        note = f"of {dollars(money.budget)} ({share:.0%})"
        if money.uncertain > 0:
            note += f", {dollars(money.uncertain)} of it uncertain"
        facts.append(KeyFigure("spent", "Spent", dollars(money.spent), note))
    return facts


def _facts_of_winner(report: Report, winner: ReportConfig) -> list[KeyFigure]:
    facts = []
    quality, amount = winner.quality, amount_of(report)
    if quality is not None:
        side = "tuning (flatters)"
        if winner.holdout is not None:
            side = "holdout"
        note = f"95 %: {_span(quality)}, {quality.n:,} {side} examples"
        facts.append(
            KeyFigure("score", report.provenance.metric, number(quality.mean), note)
        )
    difference = report.difference
    if difference is not None:
        sign = "+" if difference.mean > 0 else ""
        note = f"95 %: {_span(difference)}, on the same examples"
        value = f"{sign}{number(difference.mean)}"
        facts.append(KeyFigure("difference", "Against the baseline", value, note))
    cost = amount.of(winner)
    if cost is not None:
        facts.append(_cost(report, cost))
    outcomes = winner.outcomes
    if outcomes.answers:
        facts.append(_wrong(winner))
    return facts


def _cost(report: Report, cost: Interval) -> KeyFigure:
    """Return the winner's cost, and how it compares with the baseline's."""
    amount, note = amount_of(report), "at list price"
    if amount.timed:
        note = "of all its calls"
    baseline = report.baseline and amount.of(report.baseline)
    if baseline and cost.mean > 0 and not report.winner_is_baseline:
        note = f"the baseline takes {amount.said(baseline.mean)}"
    title = amount.per_request.capitalize()
    return KeyFigure("cost", title, amount.said(cost.mean), note)


def _wrong(winner: ReportConfig) -> KeyFigure:
    """Return the share of the winner's answers that are under any heading of wrong answers."""
    outcomes = winner.outcomes
    shares = {kind: outcomes.share(kind) for kind in NAMES}
    # The heading with the most answers says what to look at first.
    most = max(shares, key=shares.__getitem__)
    note = f"of {outcomes.answers:,} answers"
    if shares[most] > 0:
        note += f"; {shares[most]:.0%} {NAMES[most]}"
    return KeyFigure("wrong", "Not right", f"{sum(shares.values()):.0%}", note)


def _span(interval: Interval) -> str:
    return f"{number(interval.low)} to {number(interval.high)}"


def _chart(report: Report) -> dict[str, Any] | None:
    """Return the qualities of the compared rows with their intervals."""
    bars = []
    for row in shown_rows(report):
        kind = _kind(report, row)
        if row.holdout is not None:
            bars.append(Bar(row.name, "on holdout", kind, row.holdout, filled=True))
        if row.tuning is not None:
            bars.append(Bar(row.name, "on tuning examples", kind, row.tuning))
    title = f"{report.provenance.metric} of the configurations, with 95 % intervals"
    return interval_chart("overview", title, bars, marked=report.majority_score)


def _kind(report: Report, row: ReportConfig) -> str:
    """Return the class of a row in the style sheet."""
    if row is report.winner:
        return "winner"
    return "baseline" if row is report.baseline else "other"


def _row(report: Report, row: ReportConfig) -> dict[str, Any]:
    """Return one row of the table, its cells as text."""
    amount, difference, verdict = amount_of(report), row.tuning_difference, "-"
    known = with_limits(difference)
    if difference is not None:
        known += " (tuning)"
        verdict = f"{report.verdict_of(difference)} (tuning)"
    if row is report.winner and not report.winner_is_baseline:
        known = with_limits(report.difference)
        verdict = report.verdict or "not compared"
    return {
        "name": row.name,
        "config": describe_config(row.config),
        "holdout": with_limits(row.holdout),
        "tuning": with_limits(row.tuning) + (" ≈" if row.approximate else ""),
        "difference": known,
        "verdict": verdict,
        "cost": with_limits(amount.of(row), amount.said),
        "median": seconds(row.seconds_median),
        "p95": seconds(row.seconds_p95),
    }


def _majority(report: Report) -> dict[str, str] | None:
    if report.majority_score is None:
        return None
    name = "always the majority class"
    if report.majority_class:
        name += f" ({report.majority_class})"
    return {"name": name, "score": number(report.majority_score)}
