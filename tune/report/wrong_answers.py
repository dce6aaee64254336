"""Why answers are wrong, in words: counts by heading, and what to do about those that are many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from tune.readout.outcomes import KINDS, OFTEN, Outcomes
from tune.report.records import Report
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
    if report.winner is not None and report.winner.outcomes.often:
        kind = "tuning" if report.winner.holdout is None else "holdout"
        said = count(report.winner.outcomes.answers, "answer")
        answers = f"the winner's {said} to {kind} examples"
        found.append(_sentence(report, answers, report.winner.outcomes, {}))
    bought = report.bought
    if any(kind != "wrong" for kind in bought.outcomes.often):
        answers = f"the {count(bought.outcomes.answers, 'answer')} that the search bought or reused"
        found.append(_sentence(report, answers, bought.outcomes, bought.shares))
    return found


def _sentence(
    report: Report, answers: str, outcomes: Outcomes, shares: Mapping[str, float]
) -> str:
    parts = []
    for kind in outcomes.often:
        money = (
            f", with {shares[kind]:.0%} of the money"
            if shares.get(kind, 0.0) > OFTEN
            else ""
        )
        parts.append(
            f"{outcomes.count(kind):,} ({outcomes.share(kind):.0%}{money}) are {NAMES[kind]}"
        )
    advice = [_advice(report, kind) for kind in outcomes.often if kind != "wrong"]
    said = f"Of {answers}, {', '.join(parts)}"
    return f"{said}: {'; '.join(dict.fromkeys(advice))}." if advice else f"{said}."


def _advice(report: Report, kind: str) -> str:
    if kind != "empty":
        return _ADVICE[kind]
    if report.bought.hidden or report.bought.outcomes.count("empty") > 0:
        return (
            "a model that reasons in secret uses up its tokens before it says anything: raise "
            f"max_tokens (at most {report.bought.cap} were allowed) or lower reasoning_effort"
        )
    return "look at the stop strings and at the prompt"


def wrong_section(report: Report) -> str:
    """The section of `report.md`; "" where nothing was counted."""
    named = [
        row
        for row in (
            report.winner,
            report.baseline,
            report.deployable,
            *report.runners_up,
        )
        if row is not None
    ]
    rows = []
    for row in named:
        if row.outcomes.answers:
            on = "tuning" if row.holdout is None else "holdout"
            rows.append([inline(row.name), on, *_cells(row.outcomes)])
    if report.bought.outcomes.answers:
        rows.append(
            ["all answers of the search", "tuning", *_cells(report.bought.outcomes)]
        )
    if not rows:
        return ""
    unread = [] if report.unread_stop else unread_sentences(report)
    said = " ".join([*unread, *wrong_sentences(report)])
    note = (
        "Each answer is under one heading; an answer that is cut or empty is not counted as wrong "
        "too. Those that are left score more than the metric's worst."
    )
    parts = ["## Why answers are wrong", inline(said, limit=5000), note]
    parts.append(table(["configuration", "examples", "answers", *HEADER], rows))
    return "\n\n".join(part for part in parts if part)


def _cells(outcomes: Outcomes) -> list[str]:
    shown = [f"{outcomes.count(kind):,} ({outcomes.share(kind):.0%})" for kind in KINDS]
    return [f"{outcomes.answers:,}", *shown]


def outcomes_record(outcomes: Outcomes) -> dict[str, Any]:
    """The counts for programs."""
    return {
        "answers": outcomes.answers,
        **{kind: outcomes.count(kind) for kind in KINDS},
    }


def wrong_record(report: Report) -> dict[str, Any]:
    """Return the counts of the winner, the baseline and all answers, and the advice."""
    return {
        "best": None
        if report.winner is None
        else outcomes_record(report.winner.outcomes),
        "baseline": None
        if report.baseline is None
        else outcomes_record(report.baseline.outcomes),
        "bought": outcomes_record(report.bought.outcomes),
        "share_of_money": dict(report.bought.shares),
        "said": [*unread_sentences(report), *wrong_sentences(report)],
        "unread": list(map(asdict, report.unread)),
    }
