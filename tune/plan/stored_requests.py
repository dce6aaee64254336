"""Matching stored requests with the prompts of a plan, also for rows that are not in the data.

A stored prompt is compared with the literal text of each template. Few-shot examples may be others
than those of today.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tune.completion import Message
from tune.plan.plan import Plan
from tune.task.prompt import Prompt
from tune.task.template import Template

LEAST_LITERAL = 8
"""Characters of its own text (without spaces) that a template needs to be recognised by it.

Fewer characters stand in any text.
"""

MOST_RENDERED = 2000
"""Examples that are rendered to recognise a prompt with too little text of its own."""

KINDS = ("reasoning_effort", "verbosity")
"""Settings that change the length of answers several times over.

A stored request with a value that the space does not have says nothing about its lengths.
"""

Messages = Sequence[Sequence[str]]
"""Role and content of each message, as stored requests have them; a raw prompt has the role ""."""


class PromptMatcher:
    """Finds the prompt of a plan that made a stored request.

    Args:
        plan: holds the prompts and the examples.
    """

    def __init__(self, plan: Plan) -> None:
        self._prompts = plan.prompts
        self._rendered: dict[str, str] = {}
        for name, prompt in plan.prompts.items():
            if _own_text(prompt) < LEAST_LITERAL:
                # A template like "{text}" has no text of its own. Its requests are found by
                # rendering the rows.
                for example in plan.examples[:MOST_RENDERED]:
                    self._rendered[json.dumps(_as_messages(prompt.render(example)))] = (
                        name
                    )

    def prompt_of(self, record: Mapping[str, Any]) -> str | None:
        """Return the name of the prompt that made a request, or None.

        Where several fit, it is the one with the most text that is the same in every row.

        Args:
            record: the request as the store keeps it.
        """
        messages = messages_of(record)
        fitting = [
            name
            for name, prompt in self._prompts.items()
            if may_be_from(prompt, messages)
        ]
        if fitting:
            # A longer template may contain a shorter one.
            return max(fitting, key=lambda name: _own_text(self._prompts[name]))
        return self._rendered.get(json.dumps(messages))


def messages_of(record: Mapping[str, Any]) -> list[list[str]]:
    """Return the messages of a stored request."""
    if "text" in record:
        return [["", str(record["text"])]]
    return [[str(role), str(content)] for role, content in record.get("messages", ())]


def is_same_kind(plan: Plan, model: str, record: Mapping[str, Any]) -> bool:
    """Return whether a stored request has only efforts that the space has too."""
    settings = record.get("settings", {})
    for name in KINDS:
        domain = plan.space.domain(name, model)
        # A setting that the space does not have must be absent from the request too.
        allowed = (None,) if domain is None else domain.values
        if settings.get(name) not in allowed:
            return False
    return True


def may_be_from(prompt: Prompt, messages: Messages) -> bool:
    """Return whether messages may be a prompt filled with some row, by the prompt's own text."""
    if _own_text(prompt) < LEAST_LITERAL:
        return False
    turns = prompt.open_turns or prompt.turns
    if prompt.raw:
        is_raw = len(messages) == 1 and messages[0][0] == ""
        return is_raw and _fits(turns[0][1], messages[0][1])
    kept = _without_shots(prompt, messages)
    if kept is None:
        return False
    for (role, template), (stored_role, text) in zip(turns, kept, strict=True):
        if role != stored_role or not _fits(template, text):
            return False
    return True


def _without_shots(prompt: Prompt, messages: Messages) -> Messages | None:
    """Return the messages without few-shot examples; None where their number cannot be right."""
    turns = prompt.open_turns or prompt.turns
    if len(prompt.turns) == len(turns):
        return messages if len(messages) == len(turns) else None
    if len(messages) < len(turns):
        return None
    # Few-shot examples stand before the last turn of the user.
    last = max((i for i, (role, _) in enumerate(turns) if role == "user"), default=0)
    return [*messages[:last], *messages[len(messages) - len(turns) + last :]]


def _as_messages(rendered: str | Sequence[Message]) -> list[list[str]]:
    if isinstance(rendered, str):
        return [["", rendered]]
    return [[message.role, message.content] for message in rendered]


def _own_text(prompt: Prompt) -> int:
    """Count the characters of a prompt that stand in it for every row, without spaces."""
    total = 0
    for _, template in prompt.open_turns or prompt.turns:
        total += sum(len("".join(literal.split())) for literal in template.literals)
    return total


def _fits(template: Template, text: str) -> bool:
    """Return whether a text may be this template, filled."""
    # A template is literal text with gaps: literal, gap, literal, gap, ..., literal.
    first, *between = template.literals
    if not between:
        return text == first
    *middle, last = between
    if len(text) < len(first) + len(last):
        return False
    if not (text.startswith(first) and text.endswith(last)):
        return False
    place, end = len(first), len(text) - len(last)
    for literal in middle:
        # The literals must follow each other. What is between them may be anything.
        place = text.find(literal, place, end)
        if place < 0:
            return False
        place += len(literal)
    return True
