"""A prompt in the space: messages or a raw text, with the example's inputs filled in."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tune.completion import Message
from tune.errors import SpaceError
from tune.task.example import Data, Example
from tune.task.template import Template

Turn: TypeAlias = tuple[str, Template]
"""The role and the template of one message."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A named template with its shots in place, ready to be filled.

    Attributes:
        name: its name in the space.
        raw: True where the model continues the text directly, without a chat around it.
        fields: the input columns that it names.
        turns: the role and the template of each message; a raw prompt has one.
        spec: the prompt as the user wrote it.
        open_turns: its messages before the shots are put in place. Shots in a text are a field of
            it; shots in a chat will stand before its last user message.
    """

    name: str
    raw: bool
    fields: frozenset[str]
    turns: tuple[Turn, ...]
    spec: Any = field(compare=False)
    open_turns: tuple[Turn, ...] = field(default=(), compare=False)

    def render(self, example: Example) -> str | tuple[Message, ...]:
        """Return the prompt for one example: a text where it is raw, else chat messages.

        Raises:
            SpaceError: the example lacks an input that the prompt names.
        """
        for name in self.fields:
            if name not in example.inputs:
                raise SpaceError(
                    f"prompt {self.name!r} names {{{name}}}, "
                    f"but example {example.id!r} has {list(example.inputs)}"
                )
        if self.raw:
            return self.turns[0][1].fill(example.inputs)
        return tuple(
            Message(role, template.fill(example.inputs))
            for role, template in self.turns
        )

    def check(self, data: Data) -> None:
        """Check that every example of a data set can fill the prompt.

        Raises:
            SpaceError: the prompt names no column, the target, or a column that is not an input.
        """
        if not self.fields:
            raise SpaceError(
                f"prompt {self.name!r} names no column, so every example would be asked the same; "
                f"the inputs are {list(data.inputs)}, and are named in braces, "
                f"as {{{data.inputs[0]}}}"
            )
        for name in sorted(self.fields):
            refuse_target(self.name, name, data.target)
            if name not in data.inputs:
                raise SpaceError(
                    f"prompt {self.name!r} names {{{name}}}, but the inputs are {list(data.inputs)}"
                )

    @property
    def source(self) -> str | tuple[Message, ...]:
        """The result of `render` with the fields still open, as `{name}`."""
        if self.raw:
            return self.turns[0][1].source
        return tuple(Message(role, template.source) for role, template in self.turns)

    @property
    def template(self) -> str:
        """The prompt for people to read.

        A lone user message is its text; else each message has its role before it.
        """
        # The role of a lone user message would say nothing.
        if len(self.turns) == 1 and self.turns[0][0] == "user":
            return self.turns[0][1].source
        return "\n\n".join(
            f"{role}: {template.source}" for role, template in self.turns
        )

    @property
    def system_message(self) -> str | None:
        """The leading system message, fields still open, or None where there is none."""
        role, template = self.turns[0]
        # OpenAI's newer models call the role "developer".
        return template.source if role in ("system", "developer") else None

    @property
    def identity(self) -> str:
        """12 hexadecimal digits that change with the text to send; the name does not count."""
        turns = [
            [role, template.literals, template.names] for role, template in self.turns
        ]
        return hashlib.sha256(json.dumps([self.raw, turns]).encode()).hexdigest()[:12]


def refuse_target(prompt: str, name: str, target: str | None) -> None:
    """Refuse a field that is the target column.

    Raises:
        SpaceError: it is.
    """
    if name == target:
        raise SpaceError(
            f"prompt {prompt!r} names {{{name}}}, the target column: "
            "the answer would stand in the question"
        )
