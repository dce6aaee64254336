"""Recognise stored requests that a prompt of the plan made, also from rows that are not in the
data.

A rendered prompt is held against the literal text of each template. Few-shot examples may be others
than today's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tune.plan.plan import Plan
from tune.task.prompt import Prompt
from tune.task.template import Template

LEAST_LITERAL = 8
"""Characters of a template's own text, spaces left out, by which it is known: fewer stand in any
text.
"""

LOOKED_AT = 2000
"""Examples by whose prompts draws in the store are recognised where a template has too little text
of its own.
"""

KINDS = ("reasoning_effort", "verbosity")
"""Settings that change how long answers are, several times over: others of them than the space's
are another kind.
"""

Messages = Sequence[Sequence[str]]
"""Role and content of each message, as stored requests have them; a raw prompt is one with the role
"".
"""


class PromptMatcher:
    """Tells which prompt of a plan made a stored request.

    Args:
        plan: holds the prompts and the examples.
    """

    def __init__(self, plan: Plan) -> None:
        self._prompts = plan.prompts
        self._rows: dict[str, str] = {}
        for name, prompt in plan.prompts.items():
            if _own_text(prompt) < LEAST_LITERAL:
                for example in plan.examples[:LOOKED_AT]:
                    said = prompt.render(example)
                    parts = (
                        [["", said]]
                        if isinstance(said, str)
                        else [[m.role, m.content] for m in said]
                    )
                    self._rows[json.dumps(parts)] = name

    def prompt_of(self, record: Mapping[str, Any]) -> str | None:
        """Return the name of the prompt that made a request, of several the one with the most text
        of its own.

        Args:
            record: the request as the store keeps it.
        """
        said = messages_of(record)
        fitting = [name for name, prompt in self._prompts.items() if may_be_from(prompt, said)]
        if fitting:
            return max(fitting, key=lambda name: _own_text(self._prompts[name]))
        return self._rows.get(json.dumps(said))


def messages_of(record: Mapping[str, Any]) -> list[list[str]]:
    """Return the messages of a stored request."""
    if "text" in record:
        return [["", str(record["text"])]]
    return [[str(role), str(content)] for role, content in record.get("messages", ())]


def is_same_kind(plan: Plan, model: str, record: Mapping[str, Any]) -> bool:
    """Return whether a stored request has efforts that the space has too."""
    settings = record.get("settings", {})
    for name in KINDS:
        domain = plan.space.domain(name, model)
        allowed = (None,) if domain is None else domain.values
        if settings.get(name) not in allowed:
            return False
    return True


def may_be_from(prompt: Prompt, said: Messages) -> bool:
    """Return whether messages may be a prompt filled with some row, by the prompt's own text."""
    if _own_text(prompt) < LEAST_LITERAL:
        return False
    turns = prompt.open_turns or prompt.turns
    if prompt.raw:
        return len(said) == 1 and said[0][0] == "" and _fits(turns[0][1], said[0][1])
    has_shots = len(prompt.turns) > len(turns)
    if len(said) != len(prompt.turns) if not has_shots else len(said) < len(turns):
        return False
    last = (
        max((i for i, (role, _) in enumerate(turns) if role == "user"), default=0)
        if has_shots
        else 0
    )
    kept = [*said[:last], *said[len(said) - len(turns) + last :]]
    return all(
        role == there and _fits(template, text)
        for (role, template), (there, text) in zip(turns, kept, strict=True)
    )


def _own_text(prompt: Prompt) -> int:
    """Return how many characters of a prompt stand in it whatever the row, spaces left out."""
    turns = prompt.open_turns or prompt.turns
    return sum(
        len("".join(literal.split())) for _, template in turns for literal in template.literals
    )


def _fits(template: Template, text: str) -> bool:
    """Return whether a text may be this template, filled."""
    first, *between = template.literals
    if not between:
        return text == first
    *middle, last = between
    if len(text) < len(first) + len(last) or not (text.startswith(first) and text.endswith(last)):
        return False
    place, end = len(first), len(text) - len(last)
    for literal in middle:
        place = text.find(literal, place, end)
        if place < 0:
            return False
        place += len(literal)
    return True
