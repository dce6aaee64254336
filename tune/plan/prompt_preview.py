"""A preview of what is sent: the columns in the prompts, and one prompt as a model gets it."""

from __future__ import annotations

from typing import Any

from tune.plan.plan import Plan
from tune.task.columns import template_names
from tune.task.example import Example
from tune.task.prompt import Prompt

MOST_SHOWN = 1200
"""Characters of the prompt that are shown."""


def sent_lines(plan: Plan) -> list[str]:
    """Return lines for a terminal: the columns that are sent or not, and one rendered prompt."""
    record = sent_record(plan)
    kept = ""
    if record["not_sent"]:
        kept = f"; not sent: {', '.join(record['not_sent'])}"
    lines = [f"Columns in the prompts: {', '.join(record['columns'])}{kept}."]
    lines.append(
        f"Prompt {record['prompt']!r} as it is sent for example {record['example']}:"
    )
    text = record["text"]
    if len(text) > MOST_SHOWN:
        text = f"{text[:MOST_SHOWN]} ... ({len(text) - MOST_SHOWN:,} more characters)"
    return [*lines, *(f"  | {line}" for line in text.splitlines())]


def sent_record(plan: Plan) -> dict[str, Any]:
    """Return the same in JSON's types, with the whole prompt."""
    named: set[str] = set()
    for prompt in plan.prompts.values():
        named.update(prompt.fields)
    # In the order of the data, so that two runs show the same line.
    columns = sorted(named, key=plan.data.columns.index)
    name, prompt = next(iter(plan.prompts.items()))
    example = plan.split.tuning[0]
    # A template names a column with spaces by another name.
    renamed = template_names(plan.data.columns)
    left = [
        column
        for column in plan.data.columns
        if column not in columns and renamed.get(column) not in columns
    ]
    return {
        "columns": columns,
        "not_sent": left,
        "prompt": name,
        "example": example.id,
        "text": _prompt_text(prompt, example),
        "notes": list(plan.notes),
    }


def _prompt_text(prompt: Prompt, example: Example) -> str:
    rendered = prompt.render(example)
    if isinstance(rendered, str):
        return rendered
    if len(rendered) == 1 and rendered[0].role == "user":
        return rendered[0].content
    return "\n\n".join(f"{message.role}: {message.content}" for message in rendered)
