"""The configuration that agents can use, and whether the selection keeps its limits."""

from __future__ import annotations

from tune.export import (
    CapName,
    Deployment,
    not_deployable_note,
    single_answer_note,
    usual_cap,
)
from tune.plan.plan import Plan
from tune.providers.base_url import public_url
from tune.providers.entries import LISTED_KEY
from tune.readout import Reading
from tune.report import Report, ReportConfig
from tune.space import Config
from tune.study.record import RunRecord


def deploy(record: RunRecord, report: Report) -> Deployment | None:
    """Return the configuration that agents can use; None if none keeps the limits."""
    if record.single_answer is None or report.keeps_limit is False:
        return None
    config = record.single_answer.config
    entry = record.plan.entries[config.model]
    prompt = record.plan.prompts[config.prompt]
    return Deployment(
        config=config,
        model=entry.model,
        price=record.plan.prices[config.model],
        base_url=public_url(entry.base_url),
        # A key in a config list stays in memory, so an export names a variable to put it into.
        key_env=entry.key_variable or (LISTED_KEY if entry.api_key else ""),
        key_named=bool(entry.key_env or entry.api_key),
        system_message=prompt.system_message,
        template=prompt.template,
        raw=prompt.raw,
        made_by=prompt.made_by,
        local=entry.local,
        cap=cap_name(record, config),
        headers=entry.headers,
        query=entry.query,
        values=record.plan.space.named.of_config(config),
    )


def cap_name(record: RunRecord, config: Config) -> CapName:
    """Return the name under which a configuration's model takes its cap, as the run learned it."""
    entry = record.plan.entries[config.model]
    refused = set()
    for event in record.events:
        is_refusal = event["event"] == "fact" and event["kind"] == "refuses"
        if is_refusal and event["model"] == entry.model:
            refused.add(event["name"])
    usual = usual_cap(entry.model, raw=record.plan.prompts[config.prompt].raw)
    if usual in refused:
        return "max_tokens" if usual != "max_tokens" else "max_completion_tokens"
    return usual


def keeps_limit(plan: Plan, choice: Reading, row: ReportConfig) -> bool | None:
    """Return True if the selection keeps the limits on cost and seconds; None without limits.

    It keeps them if its means on tuning examples do, and if the holdout does not show the opposite:
    there, the whole interval of the cost would lie above the limit.
    """
    if plan.max_cost is None and plan.max_seconds is None:
        return None
    if plan.max_cost is not None:
        if choice.cost > plan.max_cost:
            return False
        # A holdout mean a little above the limit may be luck. Its whole interval is not.
        if row.cost is not None and row.cost.low > plan.max_cost:
            return False
    # Where no time is known it is NaN, which is above no limit.
    return plan.max_seconds is None or not choice.mean_seconds > plan.max_seconds


def deployable_note(
    plan: Plan,
    winner: ReportConfig,
    single: ReportConfig | None,
    carried: Reading | None,
) -> str:
    """Return what agents lose against the winner, or why they can use no configuration.

    It is "" if agents can use the winner.

    Args:
        plan: of the study.
        winner: the row of the selected configuration.
        single: the row of the configuration for agents, if that is another one.
        carried: the reading of the configuration for agents, or None if they can use none.
    """
    prompt = plan.prompts[winner.config.prompt]
    if single is not None:
        return single_answer_note(
            winner, single, raw=prompt.raw, made_by=prompt.made_by
        )
    if carried is not None:
        return ""
    why = not_deployable_note(winner.config, raw=prompt.raw, made_by=prompt.made_by)
    if not why:
        return ""
    return f"{why} There is no other configuration for agents."
