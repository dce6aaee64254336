"""A prompt in the space: messages or a raw text, made of an example's inputs."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tune.completion import Message
from tune.errors import SpaceError
from tune.task.example import Data, Example
from tune.task.prompt_call import PromptCall
from tune.task.template import Template

Turn: TypeAlias = tuple[str, Template]
"""The role and the template of one message."""

ASKED_TWICE = 3
"""Rows that a function is asked about twice, to see if it makes the same prompt again."""

_IMPORT_PATH = re.compile(r"\s*[A-Za-z_][\w.]*:[A-Za-z_][\w.]*\s*")


@dataclass(frozen=True, slots=True)
class Prompt:
    """A named template with its shots in place, ready to be filled; or a function in its place.

    Attributes:
        name: its name in the space.
        raw: True where the model continues the text directly, without a chat around it.
        fields: the input columns that it names; all input columns where it is a function.
        turns: the role and the template of each message; a raw prompt has one, a function none.
        spec: the prompt as the user wrote it.
        open_turns: its messages before the shots are put in place. Shots in a text are a field of
            it; shots in a chat will stand before its last user message.
        call: the user's function that makes the prompt, or None.
    """

    name: str
    raw: bool
    fields: frozenset[str]
    turns: tuple[Turn, ...]
    spec: Any = field(compare=False)
    open_turns: tuple[Turn, ...] = field(default=(), compare=False)
    call: PromptCall | None = None

    def render(self, example: Example) -> str | tuple[Message, ...]:
        """Return the prompt for one example: a text where it is raw, else chat messages.

        Raises:
            SpaceError: the example lacks an input that the prompt names, or the user's function
                fails.
        """
        if self.call is not None:
            return self.call.render(
                example.inputs, prompt=self.name, example=example.id, raw=self.raw
            )
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
            SpaceError: the prompt names no column, the target, or a column that is not an input;
                or the user's function fails for a row.
        """
        if self.call is not None:
            self._try_call(data)
            return
        if not self.fields:
            hint = ""
            if _IMPORT_PATH.fullmatch(self.template):
                hint = f"; if it is a function, give {{call = {self.template!r}}}"
            raise SpaceError(
                f"prompt {self.name!r} names no column, so every example would be asked the same; "
                f"the inputs are {list(data.inputs)}, and are named in braces, "
                f"as {{{data.inputs[0]}}}{hint}"
            )
        for name in sorted(self.fields):
            refuse_target(self.name, name, data.target)
            if name not in data.inputs:
                raise SpaceError(
                    f"prompt {self.name!r} names {{{name}}}, but the inputs are {list(data.inputs)}"
                )

    def _try_call(self, data: Data) -> None:
        """Make the prompt of every row, so that the function fails before the first dollar."""
        first = data.examples[0]
        made = self.render(first)
        is_constant = True
        for position, example in enumerate(data.examples):
            rendered = self.render(example)
            if position < ASKED_TWICE and rendered != self.render(example):
                raise SpaceError(
                    f"prompt {self.name!r}: {self.made_by} made two different prompts of example "
                    f"{example.id!r}: let it depend on the row alone, so that no answer is bought "
                    "twice"
                )
            is_same = rendered == made or example.inputs == first.inputs
            is_constant = is_constant and is_same
        inputs = [dict(example.inputs) for example in data.examples]
        if is_constant and any(row != inputs[0] for row in inputs):
            raise SpaceError(
                f"prompt {self.name!r}: {self.made_by} makes the same prompt of every row, so "
                "every example would be asked the same; the inputs are "
                f"{list(data.inputs)}"
            )

    @property
    def made_by(self) -> str:
        """The user's function that makes it, as "module:name"; "" where it is a template."""
        return "" if self.call is None else self.call.path

    @property
    def source(self) -> str | tuple[Message, ...]:
        """The result of `render` with the fields still open, as `{name}`.

        A function has no fields: of it, a text says what it is.
        """
        if self.call is not None:
            return self.template
        if self.raw:
            return self.turns[0][1].source
        return tuple(Message(role, template.source) for role, template in self.turns)

    @property
    def template(self) -> str:
        """The prompt for people to read.

        A lone user message is its text; else each message has its role before it. Of a function, it
        is the name.
        """
        if self.call is not None:
            return f"made of each row by {self.made_by}"
        sources = [(role, template.source) for role, template in self.turns]
        return _readable(sources)

    def filled(self, example: Example) -> str:
        """Return the prompt for one example, for people to read."""
        rendered = self.render(example)
        if isinstance(rendered, str):
            return rendered
        return _readable([(message.role, message.content) for message in rendered])

    @property
    def system_message(self) -> str | None:
        """The leading system message, fields still open, or None where there is none."""
        if self.call is not None:
            return None
        role, template = self.turns[0]
        # OpenAI's newer models call the role "developer".
        return template.source if role in ("system", "developer") else None

    @property
    def identity(self) -> str:
        """12 hexadecimal digits that change with the text to send; the name does not count.

        Of a function, its name and digits that change with its source.
        """
        if self.call is not None:
            return f"raw {self.call.identity}" if self.raw else self.call.identity
        turns = [
            [role, template.literals, template.names] for role, template in self.turns
        ]
        return hashlib.sha256(json.dumps([self.raw, turns]).encode()).hexdigest()[:12]


def _readable(messages: Sequence[tuple[str, str]]) -> str:
    """Return messages for people to read."""
    # The role of a lone user message would say nothing.
    if len(messages) == 1 and messages[0][0] == "user":
        return messages[0][1]
    return "\n\n".join(f"{role}: {text}" for role, text in messages)


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
