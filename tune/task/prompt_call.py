"""Prompts that a user's function makes of an example's inputs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tune.completion import Message
from tune.errors import SpaceError
from tune.task.callables import (
    fingerprint,
    import_object,
    import_path,
    is_async,
    reraise_as,
)

ROLES = ("system", "developer", "user", "assistant")
"""The roles that a message may have."""

MOST_SHOWN = 100
"""Characters of a wrong value that a message shows."""


@dataclass(frozen=True, slots=True)
class PromptCall:
    """A user's function from the inputs of an example to a prompt.

    Attributes:
        function: takes the inputs by name; returns a text or a list of `{role, content}`.
        path: its "module:qualified name", for people.
        identity: changes with its name, source, defaults and closure.
    """

    function: Callable[[dict[str, str]], Any] = field(compare=False)
    path: str
    identity: str

    @classmethod
    def read(cls, given: Any, what: str) -> PromptCall:
        """Return a function, given itself or as "module:attribute".

        Args:
            given: the function or its name.
            what: the purpose of the function; begins the message.

        Raises:
            SpaceError: it cannot be loaded, is async, or is not a callable.
            InputError: only a file of somebody else names it.
        """
        found = given
        if isinstance(given, str):
            found = import_object(given, what)
        if not callable(found):
            raise SpaceError(
                f"{what}: a function or 'module:attribute' is wanted, but got {_shown(found)}"
            )
        named: Any = found
        # A partial has no name of its own.
        while isinstance(named, functools.partial):
            named = named.func
        path = import_path(named)
        if is_async(named):
            raise SpaceError(f"{what}: {path} is async, and a plain function is wanted")
        return cls(found, path, fingerprint(found))

    def render(
        self, inputs: Mapping[str, str], *, prompt: str, example: str, raw: bool
    ) -> str | tuple[Message, ...]:
        """Return the prompt for one example: a text where it is raw, else chat messages.

        Args:
            inputs: the texts of the input columns, by name.
            prompt: its name in the space, for messages.
            example: the example's id, for messages; "" where it has none.
            raw: the model continues the text directly.

        Raises:
            SpaceError: the function raised, or returned something else.
        """
        about = f"prompt {prompt!r}: {self.path}"
        place = f" on example {example!r}" if example else ""
        with reraise_as(
            SpaceError, f"{about} raised{place} with the inputs {list(inputs)}"
        ):
            # A copy: what the function does to it must not change the example.
            made = self.function(dict(inputs))
        try:
            if isinstance(made, str):
                _check_text(made)
                return made if raw else (Message("user", made),)
            if raw:
                raise SpaceError(
                    f"a text is wanted, as the prompt is raw, but got {_shown(made)}"
                )
            check_messages(made)
            for message in made:
                _check_text(message["content"])
        except SpaceError as error:
            raise SpaceError(f"{about} returned no prompt{place}: {error}") from None
        return tuple(Message(message["role"], message["content"]) for message in made)


def check_messages(messages: Any) -> None:
    """Check that something is a list of messages, each with a known role and a content.

    Raises:
        SpaceError: it is not.
    """
    if not isinstance(messages, list | tuple) or not messages:
        raise SpaceError(
            f"a chat is a list of messages with role and content, but got {_shown(messages)}"
        )
    # All forms before the first content: the message names the grossest error.
    for message in messages:
        if not isinstance(message, Mapping) or set(message) != {"role", "content"}:
            raise SpaceError(
                "a message has a role and a content and nothing more, "
                f"but got {_shown(message)}"
            )
        if message["role"] not in ROLES:
            raise SpaceError(
                f"a role is one of {', '.join(ROLES)}, but got {message['role']!r}"
            )


def _check_text(text: Any) -> None:
    if not isinstance(text, str) or not text.strip():
        raise SpaceError(
            f"a text with something in it is wanted, but got {_shown(text)}"
        )
    try:
        text.encode()
    except UnicodeEncodeError as error:
        # No request can carry it.
        raise SpaceError(
            f"half a character (a lone surrogate) stands at position {error.start}"
        ) from None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."
