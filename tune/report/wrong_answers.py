"""Reasons why answers are wrong: counts by heading, and advice for those that are frequent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from tune.readout.outcomes import KINDS, OFTEN, Outcomes
from tune.report.records import Report, ReportConfig
from tune.report.text import count, inline, table
from tune.report.unread_text import unread_sentences

NAMES: Mapping[str, str] = {
    "wrong": "wrong",
    "no_answer": "without an answer that the answer rule finds",
    "empty": "empty",
    "cut": "cut at max_tokens",
    "refused": "refused by a content filter",
    "too_long": "too long for the model's context",
    "failed": "not answered by the service",
}
"""The headings in a sentence."""

HEADER = ("wrong", "no answer found", "empty", "cut", "refused", "too long", "failed")
"""The headings in a table, in the order of `KINDS`."""

_ADVICE: Mapping[str, str] = {
    "no_answer": "look at the answer rule and at what the prompts ask for",
    "cut": "raise max_tokens, or ask for shorter answers",
    "refused": "the metric's worst score stands for them: leave such rows out, or change the "
    "filter or the model",
    "too_long": "shorten prompt or inputs, lower max_tokens, or take a model with a larger context",
    "failed": "such examples count as the service's fault and are not scored: try again later",
}


def wrong_sentences(report: Report) -> list[str]:
    """Return sentences on the winner and on all answers, if a heading has more than 5 %."""
    found = []
    winner, bought = report.winner, report.bought
    if winner is not None and winner.outcomes.often:
        number_of = count(winner.outcomes.answers, "answer")
        answers = f"the winner's {number_of} to {_examples(winner)} examples"
        found.append(_sentence(report, answers, winner.outcomes, {}))
    # A search tries poor configurations too, so wrong answers alone are to be expected.
    if any(kind != "wrong" for kind in bought.outcomes.often):
        answers = f"the {count(bought.outcomes.answers, 'answer')} that the search bought or reused"
        found.append(_sentence(report, answers, bought.outcomes, bought.shares))
    return found


def _sentence(
    report: Report, answers: str, outcomes: Outcomes, shares: Mapping[str, float]
) -> str:
    parts = []
    # A dict keeps the order, and each piece of advice once.
    advice: dict[str, None] = {}
    for kind in outcomes.often:
        share = f"{outcomes.share(kind):.0%}"
        if shares.get(kind, 0.0) > OFTEN:
            share += f", with {shares[kind]:.0%} of the money"
        parts.append(f"{outcomes.count(kind):,} ({share}) are {NAMES[kind]}")
        if kind != "wrong":
            advice[_advice(report, kind)] = None
    said = f"Of {answers}, {', '.join(parts)}"
    if not advice:
        return f"{said}."
    return f"{said}: {'; '.join(advice)}."


def _advice(report: Report, kind: str) -> str:
    if kind != "empty":
        return _ADVICE[kind]
    # Reasoning tokens count against max_tokens, and an empty text is how they show.
    if report.bought.hidden or report.bought.outcomes.count("empty") > 0:
        return (
            "a model that reasons in secret uses up its tokens before it says anything: raise "
            f"max_tokens (at most {report.bought.cap} were allowed) or lower reasoning_effort"
        )
    return "look at the stop strings and at the prompt"


def wrong_section(report: Report) -> str:
    """Return the section of `report.md`; "" where nothing was counted."""
    named = (report.winner, report.baseline, report.deployable, *report.runners_up)
    rows = []
    for row in named:
        if row is not None and row.outcomes.answers:
            rows.append([inline(row.name), _examples(row), *_cells(row.outcomes)])
    # Configurations that never became a row had answers too.
    bought = report.bought.outcomes
    if bought.answers:
        rows.append(["all answers of the search", "tuning", *_cells(bought)])
    if not rows:
        return ""
    sentences = wrong_sentences(report)
    # A run that stopped for unread answers says so in its headline.
    if not report.unread_stop:
        sentences = [*unread_sentences(report), *sentences]
    said = " ".join(sentences)
    note = (
        "Each answer is under one heading: an answer that is cut or empty is not counted as wrong "
        "too. Answers under no heading score more than the metric's worst."
    )
    parts = ["## Why answers are wrong", inline(said, limit=5000), note]
    parts.append(table(["configuration", "examples", "answers", *HEADER], rows))
    return "\n\n".join(filter(None, parts))


def _examples(row: ReportConfig) -> str:
    if row.holdout is None:
        return "tuning"
    return "holdout"


def _cells(outcomes: Outcomes) -> list[str]:
    cells = [f"{outcomes.answers:,}"]
    for kind in KINDS:
        cells.append(f"{outcomes.count(kind):,} ({outcomes.share(kind):.0%})")
    return cells


def outcomes_record(outcomes: Outcomes) -> dict[str, Any]:
    """Return the counts for programs."""
    counts = {kind: outcomes.count(kind) for kind in KINDS}
    return {"answers": outcomes.answers, **counts}


def wrong_record(report: Report) -> dict[str, Any]:
    """Return the counts of the winner, the baseline and all answers, and the advice."""
    best = baseline = None
    if report.winner is not None:
        best = outcomes_record(report.winner.outcomes)
    if report.baseline is not None:
        baseline = outcomes_record(report.baseline.outcomes)
    return {
        "best": best,
        "baseline": baseline,
        "bought": outcomes_record(report.bought.outcomes),
        "share_of_money": dict(report.bought.shares),
        "said": [*unread_sentences(report), *wrong_sentences(report)],
        "unread": list(map(asdict, report.unread)),
    }
