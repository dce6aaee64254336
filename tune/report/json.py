"""Results for programs: `best.json`, and the one object that `--json` prints."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from tune.report.error_analysis import failing_record
from tune.report.headline import answer
from tune.report.records import Report, ReportConfig, plain_config
from tune.report.wrong_answers import wrong_record
from tune.stats.intervals import Interval

FORMAT = 1
"""The version of `best.json`'s shape; it rises when a field changes its meaning."""


def best_json(report: Report) -> dict[str, Any]:
    """Return the content of `best.json`: the winner, its prompt, its numbers and their provenance.

    All values are plain JSON: no NaN, no infinity. It holds no API key.
    """
    winner, template = report.winner, report.template
    prompt = None
    if template is not None:
        prompt = {
            "name": template.name,
            "template": template.text,
            "system_message": template.system_message,
            "messages": [
                {"role": m.role, "content": m.content} for m in template.messages
            ],
        }
    record = {
        "format": FORMAT,
        "answer": " ".join(answer(report)),
        "config": None if winner is None else plain_config(winner.config),
        "prompt": prompt,
        "answer_rule": report.answer,
        "deployment": dict(report.deployment_record) or None,
        "keeps_limit": report.keeps_limit,
        "winner": None if winner is None else _config_record(winner),
        "baseline": None
        if report.baseline is None
        else _config_record(report.baseline) | _given(report),
        "runners_up": [
            _config_record(row) | _tuning_difference(report, row)
            for row in report.runners_up
        ],
        "difference": difference_record(report),
        "detectable": report.detectable,
        "look": report.look,
        "confidence": report.confidence,
        "majority_class_score": report.majority_score,
        "agents": None
        if report.deployable is None
        else _config_record(report.deployable),
        "agents_note": report.deployable_note,
        "larger_is_better": report.larger_is_better,
        "money": asdict(report.money),
        "draws": {"bought": report.draws_bought, "reused": report.draws_reused},
        "prices": [asdict(price) for price in report.prices],
        "provenance": asdict(report.provenance)
        | {"versions": dict(report.provenance.versions)},
        "stopped": report.stopped,
        "interrupted": report.interrupted,
        "why_wrong": wrong_record(report),
        "failing": failing_record(report.failing),
        "unanswerable": dict(report.unanswerable),
        "notices": list(report.notices),
        "pass_at_k": [
            {"k": oracle.k} | (interval_record(oracle.quality) or {})
            for oracle in report.pass_at_k
        ],
        "repeated_splits": None if report.repeats is None else asdict(report.repeats),
    }
    return {name: _finite(value) for name, value in record.items()}


def result_json(report: Report, *, results: str) -> dict[str, Any]:
    """The object that `--json` prints.

    Args:
        report: what is known.
        results: the folder that holds the files.
    """
    winner = report.winner
    record = {
        "best": None if winner is None else plain_config(winner.config),
        "quality": None if winner is None else interval_record(winner.quality),
        "cost_per_request": None if winner is None else _cost_record(winner.cost),
        "keeps_limit": report.keeps_limit,
        "seconds": None if winner is None else _seconds(winner),
        "seconds_per_request": None if winner is None else _cost_record(winner.service),
        "seconds_taken": report.money.seconds,
        "baseline": None
        if report.baseline is None
        else _summary(report.baseline) | _given(report),
        "runners_up": [
            _summary(row) | _tuning_difference(report, row) for row in report.runners_up
        ],
        "difference": difference_record(report),
        "detectable": report.detectable,
        "confidence": report.confidence,
        "why_wrong": wrong_record(report),
        "failing": failing_record(report.failing),
        "unanswerable": dict(report.unanswerable),
        "notices": list(report.notices),
        "prices": [asdict(price) for price in report.prices],
        "pass_at_k": [
            {"k": oracle.k} | (interval_record(oracle.quality) or {})
            for oracle in report.pass_at_k
        ],
        "repeated_splits": None if report.repeats is None else asdict(report.repeats),
        "spent": report.money.spent,
        "spent_now": report.money.spent_now,
        "uncertain": report.money.uncertain,
        "uncertain_reasons": [asdict(each) for each in report.money.reasons],
        "budget": report.money.budget,
        "left": report.money.left,
        "left_reason": report.money.left_reason,
        "trials": len(report.trials),
        "draws": {"bought": report.draws_bought, "reused": report.draws_reused},
        "stopped": report.stopped,
        "results": results,
    }
    return {name: _finite(value) for name, value in record.items()}


def _given(report: Report) -> dict[str, Any]:
    """Return whether the user named the baseline."""
    return {"given": report.baseline_given}


def interval_record(interval: Interval | None) -> dict[str, Any] | None:
    """An interval with the number of examples it rests on."""
    if interval is None:
        return None
    return {
        "mean": interval.mean,
        "low": interval.low,
        "high": interval.high,
        "examples": interval.n,
    }


def difference_record(report: Report) -> dict[str, Any] | None:
    """The difference between winner and baseline, and what it carries."""
    known = _compared(report, report.difference)
    if known is None:
        return None
    return known | (
        {}
        if report.margin is None
        else {"margin": report.margin, "non_inferior": report.non_inferior}
    )


def _compared(report: Report, difference: Interval | None) -> dict[str, Any] | None:
    known = interval_record(difference)
    return None if known is None else known | {"verdict": report.verdict_of(difference)}


def _tuning_difference(report: Report, row: ReportConfig) -> dict[str, Any]:
    """A runner-up's difference to the baseline, by a name that says what it rests on."""
    return {"tuning_difference": _compared(report, row.tuning_difference)}


def _seconds(row: ReportConfig) -> dict[str, Any]:
    return {"median": row.seconds_median, "p95": row.seconds_p95}


def _cost_record(cost: Interval | None) -> dict[str, Any] | None:
    return (
        None
        if cost is None
        else {"mean": cost.mean, "low": cost.low, "high": cost.high}
    )


def _summary(row: ReportConfig) -> dict[str, Any]:
    return {
        "config": plain_config(row.config),
        "quality": interval_record(row.quality),
        "cost_per_request": _cost_record(row.cost),
        "seconds": _seconds(row),
        "seconds_per_request": _cost_record(row.service),
        "on": "holdout" if row.holdout is not None else "tuning",
    }


def _config_record(row: ReportConfig) -> dict[str, Any]:
    return {
        "config": plain_config(row.config),
        "holdout": interval_record(row.holdout),
        "tuning": interval_record(row.tuning),
        "cost_per_request": _cost_record(row.cost),
        "seconds": _seconds(row),
        "seconds_per_request": _cost_record(row.service),
        "trial": row.trial,
        "approximate": row.approximate,
    }


def _finite(value: Any) -> Any:
    """The value with null for what JSON has no word for."""
    if isinstance(value, dict):
        return {str(name): _finite(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
