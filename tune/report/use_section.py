"""The section of `report.md` on using the winner: its settings, its prompt, and agents."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

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
    return "\n\n".join([*parts, *_program(report), *agent_paragraphs(report)])


def can_be_used(report: Report) -> bool:
    """Return True if a program may use the winner: it keeps the limits, and is no oracle."""
    if report.winner is None or report.keeps_limit is False:
        return False
    return report.winner.config.aggregate != "any"


def agent_paragraphs(report: Report) -> list[str]:
    """Return paragraphs on what an agent can use: the winner, another configuration, or none."""
    # An agent must not be given a configuration that breaks the limit.
    if report.keeps_limit is False:
        nothing = (
            f"Nothing is exported for agents, as no configuration keeps {report.limit}. "
            "`best.json` holds the one that came closest, with `keeps_limit: false`."
        )
        return [nothing]
    if not can_be_used(report):
        return [
            "The winner takes the right answer out of several, which only somebody who knows it "
            "can do. So nothing can use it: `best.json` holds it as a record."
        ]
    return _agents(report)


def _program(report: Report) -> list[str]:
    """Return the lines that answer as it was tuned, whatever was tuned."""
    if not can_be_used(report):
        return []
    inputs = []
    for name in prompt_inputs(report):
        inputs.append(f'"{name}": "..."')
    source = (
        "import tune\n\n"
        f"tuned = {load_call(report)}\n"
        f"answer = tuned({{{', '.join(inputs)}}})\n"
        "print(answer.answer)"
    )
    return [
        "In Python, from this folder. It fills the prompt, asks as often as it was tuned, and "
        "reads the answers as the search did:",
        fence(source, "python"),
    ]


def load_call(report: Report) -> str:
    """Return the call that loads the winner; a function that makes its prompt is named."""
    call = _prompt_call(report)
    if call is None:
        return 'tune.load("best.json")'
    # Without a module that another process finds, the user has to hand the function over.
    if call["spec"] is None:
        named = call["name"].rpartition(":")[2]
        # A lambda has no name that could be written there.
        function = named if named.isidentifier() else "your_function"
        return f'tune.load("best.json", prompt={function})'
    return f'tune.load("best.json", prompt="{call["spec"]}")'


def _prompt_call(report: Report) -> Mapping[str, Any] | None:
    """Return the record of the function that makes the winner's prompt; None for a template."""
    prompt = report.deployment_record.get("prompt") or {}
    found: Mapping[str, Any] | None = prompt.get("call")
    return found


def prompt_inputs(report: Report) -> list[str]:
    """Return the inputs that the winner's prompt names, in order; all where a function makes it."""
    if _prompt_call(report) is not None:
        return list(report.deployment_record["inputs"])
    prompt = report.deployment_record.get("prompt") or {}
    found: dict[str, None] = {}
    for turn in prompt.get("turns", ()):
        for part in turn["parts"]:
            if not isinstance(part, str):
                found[part["field"]] = None
    return list(found)


def _is_continued(report: Report) -> bool:
    """Return True if the winner's prompt is a text that the model continues, not a chat."""
    prompt = report.deployment_record.get("prompt") or {}
    return bool(prompt.get("raw"))


def _agents(report: Report) -> list[str]:
    """Return what an agent can use, which may be another configuration."""
    continued = _is_continued(report)
    call = _prompt_call(report)
    if call is not None:
        parts = [
            f"No export takes the winner, as its prompt is made by {inline(call['name'])}, and a "
            "file for another framework needs a template. `tune.load` uses it in any program, as "
            "above."
        ]
    elif continued:
        parts = [
            "As a file that needs nothing of tune but the `openai` package. Agent frameworks chat, "
            "and the winner's prompt is a text that the model continues, so no other export takes "
            "it:",
            fence("tune export best.json --to openai", "sh"),
        ]
    else:
        parts = [
            "For an agent framework, as a file that needs nothing of tune (`tune export --help` "
            "lists the frameworks):",
            fence("tune export best.json --to autogen", "sh"),
        ]
    # The file is there only if some configuration asks for one answer of a chat.
    if not report.has_deployable:
        where = inline(report.deployable_note, limit=1000)
    elif continued:
        where = (
            "For AutoGen and AG2 classic, `study.best.llm_config()` in Python and the file "
            "`OAI_CONFIG_LIST` beside this one hold another configuration, which chats."
        )
    elif call is not None:
        where = (
            "For AutoGen and AG2 classic, `study.best.llm_config()` in Python and the file "
            "`OAI_CONFIG_LIST` beside this one hold another configuration, whose prompt is a "
            "template."
        )
    else:
        where = (
            "For AutoGen and AG2 classic there is also `study.best.llm_config()` in Python, and "
            "the file `OAI_CONFIG_LIST` beside this one."
        )
    parts.append(f"{where} `best.json` holds all of it. No file holds a key.")
    # An agent's `llm_config` cannot ask for several answers, or continue a text.
    if report.deployable is not None:
        parts.append(_single_answer(report, report.deployable))
    return parts


def _single_answer(report: Report, single: ReportConfig) -> str:
    """Return the score of the configuration for agents, and what they lose by it."""
    named = inline(describe_config(single.config))
    said = f"What they carry is {named}: {with_limits(single.quality)}"
    if single.holdout is None:
        said += " on tuning examples"
    said += "."
    if report.deployable_note:
        said += f" {inline(report.deployable_note, limit=1000)}"
    return said
