"""The section of `report.md` on using the winner: its settings, its prompt, and agents."""

from __future__ import annotations

import json

from tune.report.records import Report, ReportConfig, plain_config
from tune.report.text import describe_config, fence, inline, with_limits


def use_section(report: Report) -> str:
    """Return what a user copies into a program; "" without a winner."""
    if report.winner is None:
        return ""
    config = report.winner.config
    settings = json.dumps(plain_config(config), indent=2, ensure_ascii=False)
    parts = [
        "## How to use it",
        f"Settings of the winner, {inline(describe_config(config))}:",
        fence(settings, "json"),
    ]
    if report.template is not None:
        parts += [
            f"Its prompt, {inline(report.template.name)}:",
            fence(report.template.text, "text"),
        ]
    if report.answer:
        parts.append(
            f"The answer is taken out of the text so: {inline(report.answer)}."
        )
    return "\n\n".join([*parts, *agent_paragraphs(report)])


def agent_paragraphs(report: Report) -> list[str]:
    """Return paragraphs on what an agent can use: the winner, another configuration, or none."""
    # An agent must not be given a configuration that breaks the limit.
    if report.keeps_limit is False:
        nothing = (
            f"Nothing is exported for agents, as no configuration keeps {report.limit}. "
            "`best.json` holds the one that came closest, with `keeps_limit: false`."
        )
        return [nothing]
    where = (
        "For AutoGen and AG2 agents: `study.best.llm_config()` in Python, or the file "
        "`OAI_CONFIG_LIST` beside this one."
    )
    if not report.has_deployable:
        where = inline(report.deployable_note, limit=1000)
    parts = [f"{where} `best.json` holds all of it. No file holds a key."]
    # The winner asks for several answers, which an agent's `llm_config` cannot do.
    if report.deployable is not None:
        parts.append(_single_answer(report, report.deployable))
    return parts


def _single_answer(report: Report, single: ReportConfig) -> str:
    """Return the score of the configuration for agents, and what they lose by it."""
    named = inline(describe_config(single.config))
    said = f"What such an agent carries is {named}: {with_limits(single.quality)}"
    if single.holdout is None:
        said += " on tuning examples"
    said += "."
    if report.deployable_note:
        said += f" {inline(report.deployable_note, limit=1000)}"
    return said
