"""A preview of what is sent: the columns in the prompts, and one prompt as a model gets it."""

from __future__ import annotations

from typing import Any

from tune.plan.plan import Plan
from tune.task.columns import template_names

MOST_SHOWN = 1200
"""Characters of the prompt that are shown."""


def sent_lines(plan: Plan) -> list[str]:
    """Return lines for a terminal: the columns that are sent or not, and one rendered prompt."""
    record = sent_record(plan)
    kept = ""
    if record["not_sent"]:
        kept = f"; not sent: {', '.join(record['not_sent'])}"
    columns = ", ".join(record["columns"])
    lines = [f"Columns in the prompts: {columns}{kept}."]
    if record["made_by"]:
        # What a function shows of them is its own affair.
        lines = [f"Columns that the prompts may show: {columns}{kept}."]
    for prompt, function in record["made_by"].items():
        lines.append(
            f"Prompt {prompt!r} is made by {function}, which reads all input columns."
        )
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
    made_by: dict[str, str] = {}
    for prompt in plan.prompts.values():
        named.update(prompt.fields)
        if prompt.made_by:
            made_by[prompt.name] = prompt.made_by
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
        "text": prompt.filled(example),
        "made_by": made_by,
        "notes": list(plan.notes),
    }
