"""The section of the page on all configurations: a table, prompts, and details to copy."""

from __future__ import annotations

import json
from typing import Any

from tune.pricing.amounts import dollars
from tune.report.amount import Amount, amount_of
from tune.report.page.quality import reading_of
from tune.report.records import PromptText, Report, ReportConfig, TrialRow, plain_config
from tune.report.search_section import free_part
from tune.report.text import describe_config, exact_seconds, number, with_limits
from tune.report.wrong_answers import NAMES


def configs(report: Report) -> dict[str, Any] | None:
    """Return the trials with their best readings; None without a trial."""
    if not report.trials:
        return None
    amount = amount_of(report)
    rows = [_row(report, trial, amount) for trial in report.trials]
    return {
        "rows": sorted(rows, key=lambda row: row["order"]),
        "amount": amount,
        "prompts": report.prompts,
        "left_out": report.search.left_out,
        "data": search_data(report),
    }


def _row(report: Report, trial: TrialRow, amount: Amount) -> dict[str, Any]:
    """Return one row of the table, with the numbers that it is sorted by."""
    quality, cost = trial.quality, trial.cost
    if amount.timed:
        cost = trial.service_per_request
    state = str(trial.state)
    if trial.reason:
        state = f"{state}: {trial.reason}"
    order = (1, 0.0, trial.number)
    if quality is not None:
        sign = -1.0 if report.larger_is_better else 1.0
        order = (0, sign * quality.mean, trial.number)
    return {
        "trial": trial,
        "order": order,
        "point": describe_config(trial.point),
        "free": free_part(trial),
        "quality": with_limits(quality),
        "mean": None if quality is None else quality.mean,
        "cost": "-" if cost is None else amount.said(cost),
        "cost_value": cost,
        "spent": exact_seconds(trial.service or 0.0)
        if amount.timed
        else dollars(trial.spent),
        "spent_value": (trial.service or 0.0) if amount.timed else trial.spent,
        "state": state,
    }


def search_data(report: Report) -> dict[str, Any]:
    """Return what the script shows of a configuration, and copies."""
    agents = {one.trial: one.llm_config for one in report.search.agents}
    trials = []
    for trial in report.trials:
        trials.append(_trial_data(report, trial, agents.get(trial.number)))
    return {
        "metric": report.provenance.metric,
        "trials": trials,
        "readings": [_reading_data(reading) for reading in report.search.readings],
        "prompts": {prompt.name: _prompt_data(prompt) for prompt in report.prompts},
    }


def _trial_data(report: Report, trial: TrialRow, agent: Any) -> dict[str, Any]:
    best = None
    if trial.best is not None:
        best = reading_of(report, ReportConfig("best", trial.best, trial.number))
    wrong = []
    for kind, name in NAMES.items():
        if trial.outcomes.count(kind):
            wrong.append(f"{trial.outcomes.count(kind):,} {name}")
    state = str(trial.state)
    if trial.reason:
        state = f"{state}: {trial.reason}"
    return {
        "number": trial.number,
        "point": plain_config(trial.point),
        "name": describe_config(trial.point),
        "state": state,
        "draws": f"{trial.draws:,}",
        "examples": f"{trial.examples:,}",
        "spent": dollars(trial.spent),
        "quality": with_limits(trial.quality),
        "wrong": ", ".join(wrong),
        "best": best,
        "agent": agent,
    }


def _reading_data(reading: Any) -> list[Any]:
    """Return a reading as a short list: numbers with the digits that are shown."""
    return [
        reading.trial,
        reading.n,
        reading.aggregate,
        reading.max_tokens,
        json.loads(reading.stop),
        number(reading.quality),
        reading.examples,
        None if reading.cost is None else dollars(reading.cost),
        None if reading.seconds is None else exact_seconds(reading.seconds),
        int(reading.approximate),
    ]


def _prompt_data(prompt: PromptText) -> dict[str, Any]:
    messages = []
    for message in prompt.messages:
        messages.append({"role": message.role, "content": message.content})
    return {"text": prompt.text, "messages": messages}
