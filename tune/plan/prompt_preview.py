"""What will be sent: the columns that prompts show, and one prompt as a model gets it."""

from __future__ import annotations

from typing import Any

from tune.plan.plan import Plan
from tune.task.columns import template_names

MOST_SHOWN = 1200
"""Characters of the prompt that are shown."""


def sent_lines(plan: Plan) -> list[str]:
    """The columns that are sent, those that are not, and one rendered prompt, for a terminal."""
    record = sent_record(plan)
    kept = f"; not sent: {', '.join(record['not_sent'])}" if record["not_sent"] else ""
    lines = [f"Columns in the prompts: {', '.join(record['columns'])}{kept}."]
    lines.append(f"Prompt {record['prompt']!r} as it is sent for example {record['example']}:")
    text = record["text"]
    if len(text) > MOST_SHOWN:
        text = f"{text[:MOST_SHOWN]} ... ({len(text) - MOST_SHOWN:,} more characters)"
    return [*lines, *(f"  | {line}" for line in text.splitlines())]


def sent_record(plan: Plan) -> dict[str, Any]:
    """The same for programs."""
    columns = sorted(
        {name for prompt in plan.prompts.values() for name in prompt.fields},
        key=plan.data.columns.index,
    )
    name, prompt = next(iter(plan.prompts.items()))
    example = plan.split.tuning[0]
    rendered = prompt.render(example)
    if not isinstance(rendered, str) and len(rendered) == 1 and rendered[0].role == "user":
        rendered = rendered[0].content
    elif not isinstance(rendered, str):
        rendered = "\n\n".join(f"{message.role}: {message.content}" for message in rendered)
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
        "text": rendered,
        "notes": list(plan.notes),
    }
