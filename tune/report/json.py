"""Results for programs: `best.json`, and the one object that `--json` prints."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

from tune.report.error_analysis import failing_record
from tune.report.headline import answer
from tune.report.records import PromptText, Report, ReportConfig, plain_config
from tune.report.wrong_answers import wrong_record
from tune.stats.intervals import Interval

T = TypeVar("T")

FORMAT = 1
"""The version of `best.json`'s shape; it rises when a field changes its meaning."""


def best_json(report: Report) -> dict[str, Any]:
    """Return the content of `best.json`: the winner, its prompt, its numbers and their provenance.

    All values are plain JSON: no NaN, no infinity. It holds no API key.
    """
    winner = report.winner
    # Programs read the settings at the top, without looking for a row.
    config = None
    if winner is not None:
        config = plain_config(winner.config)
    baseline = None
    if report.baseline is not None:
        baseline = _config_record(report.baseline) | _given(report)
    runners_up = []
    for row in report.runners_up:
        runners_up.append(_config_record(row) | _tuning_difference(report, row))
    versions = {"versions": dict(report.provenance.versions)}
    record = {
        "format": FORMAT,
        "answer": " ".join(answer(report)),
        "config": config,
        "prompt": _if_there(report.template, _prompt_record),
        "answer_rule": report.answer,
        "deployment": dict(report.deployment_record) or None,
        "keeps_limit": report.keeps_limit,
        "winner": _if_there(winner, _config_record),
        "baseline": baseline,
        "runners_up": runners_up,
        "difference": difference_record(report),
        "detectable": report.detectable,
        "look": report.look,
        "confidence": report.confidence,
        "majority_class_score": report.majority_score,
        "agents": _if_there(report.deployable, _config_record),
        "agents_note": report.deployable_note,
        "larger_is_better": report.larger_is_better,
        "money": asdict(report.money),
        "draws": {"bought": report.draws_bought, "reused": report.draws_reused},
        "prices": list(map(asdict, report.prices)),
        "provenance": asdict(report.provenance) | versions,
        "stopped": report.stopped,
        "interrupted": report.interrupted,
        "why_wrong": wrong_record(report),
        "failing": failing_record(report.failing),
        "unanswerable": dict(report.unanswerable),
        "notices": list(report.notices),
        "pass_at_k": _pass_at_k(report),
        "repeated_splits": _if_there(report.repeats, asdict),
    }
    return {name: _finite(value) for name, value in record.items()}


def result_json(report: Report, *, results: str) -> dict[str, Any]:
    """Return the object that `--json` prints.

    Args:
        report: the records of the study.
        results: the folder that holds the files.
    """
    winner = report.winner
    # Without a winner the keys are there all the same, so that scripts find them.
    best: dict[str, Any] = dict.fromkeys(
        ("best", "quality", "cost_per_request", "seconds", "seconds_per_request")
    )
    if winner is not None:
        best = {
            "best": plain_config(winner.config),
            "quality": interval_record(winner.quality),
            "cost_per_request": _cost_record(winner.cost),
            "seconds": _seconds(winner),
            "seconds_per_request": _cost_record(winner.service),
        }
    baseline = None
    if report.baseline is not None:
        baseline = _summary(report.baseline) | _given(report)
    runners_up = []
    for row in report.runners_up:
        runners_up.append(_summary(row) | _tuning_difference(report, row))
    record = {
        "best": best["best"],
        "quality": best["quality"],
        "cost_per_request": best["cost_per_request"],
        "keeps_limit": report.keeps_limit,
        "seconds": best["seconds"],
        "seconds_per_request": best["seconds_per_request"],
        "seconds_taken": report.money.seconds,
        "baseline": baseline,
        "runners_up": runners_up,
        "difference": difference_record(report),
        "detectable": report.detectable,
        "confidence": report.confidence,
        "why_wrong": wrong_record(report),
        "failing": failing_record(report.failing),
        "unanswerable": dict(report.unanswerable),
        "notices": list(report.notices),
        "prices": list(map(asdict, report.prices)),
        "pass_at_k": _pass_at_k(report),
        "repeated_splits": _if_there(report.repeats, asdict),
        "spent": report.money.spent,
        "spent_now": report.money.spent_now,
        "uncertain": report.money.uncertain,
        "uncertain_reasons": list(map(asdict, report.money.reasons)),
        "budget": report.money.budget,
        "left": report.money.left,
        "left_reason": report.money.left_reason,
        "trials": len(report.trials),
        "draws": {"bought": report.draws_bought, "reused": report.draws_reused},
        "stopped": report.stopped,
        "results": results,
    }
    return {name: _finite(value) for name, value in record.items()}


def _if_there(value: T | None, read: Callable[[T], Any]) -> Any:
    """Return the record of a value; None if there is no value."""
    if value is None:
        return None
    return read(value)


def _prompt_record(template: PromptText) -> dict[str, Any]:
    messages = []
    for message in template.messages:
        messages.append({"role": message.role, "content": message.content})
    return {
        "name": template.name,
        "template": template.text,
        "system_message": template.system_message,
        "messages": messages,
    }


def _pass_at_k(report: Report) -> list[dict[str, Any]]:
    """Return the expected best score of k answers, for each k."""
    found = []
    for oracle in report.pass_at_k:
        quality = interval_record(oracle.quality) or {}
        found.append({"k": oracle.k} | quality)
    return found


def _given(report: Report) -> dict[str, Any]:
    """Return a mark that says if the user named the baseline."""
    return {"given": report.baseline_given}


def interval_record(interval: Interval | None) -> dict[str, Any] | None:
    """Return an interval with its number of examples."""
    if interval is None:
        return None
    return {
        "mean": interval.mean,
        "low": interval.low,
        "high": interval.high,
        "examples": interval.n,
    }


def difference_record(report: Report) -> dict[str, Any] | None:
    """Return the difference between winner and baseline, with its verdict."""
    known = _compared(report, report.difference)
    if known is None:
        return None
    # Only the goal "cheapest" asks for non-inferiority.
    if report.margin is not None:
        known |= {"margin": report.margin, "non_inferior": report.non_inferior}
    return known


def _compared(report: Report, difference: Interval | None) -> dict[str, Any] | None:
    known = interval_record(difference)
    if known is None:
        return None
    return known | {"verdict": report.verdict_of(difference)}


def _tuning_difference(report: Report, row: ReportConfig) -> dict[str, Any]:
    """Return a runner-up's difference from the baseline, on tuning examples."""
    return {"tuning_difference": _compared(report, row.tuning_difference)}


def _seconds(row: ReportConfig) -> dict[str, Any]:
    return {"median": row.seconds_median, "p95": row.seconds_p95}


def _cost_record(cost: Interval | None) -> dict[str, Any] | None:
    if cost is None:
        return None
    return {"mean": cost.mean, "low": cost.low, "high": cost.high}


def _summary(row: ReportConfig) -> dict[str, Any]:
    # The quality comes from one side alone, and a reader must know which.
    on = "tuning"
    if row.holdout is not None:
        on = "holdout"
    return {
        "config": plain_config(row.config),
        "quality": interval_record(row.quality),
        "cost_per_request": _cost_record(row.cost),
        "seconds": _seconds(row),
        "seconds_per_request": _cost_record(row.service),
        "on": on,
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
    """Return the value with null for NaN and infinity, which JSON does not have."""
    if isinstance(value, dict):
        return {str(name): _finite(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return list(map(_finite, value))
    # JSON has no NaN and no infinity; many readers refuse Python's spelling of them.
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
