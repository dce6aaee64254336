"""The question that a caller has: inputs for the template, a conversation, or both."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tune.completion import Message
from tune.errors import InputError
from tune.task.example import Example, to_text
from tune.task.prompt import Prompt

PASSED = ("tools", "tool_choice", "parallel_tool_calls", "response_format")
"""Fields of a body that go to the model as they are."""

SETTINGS = frozenset(
    {
        "extra_body",
        "function_call",
        "functions",
        "max_completion_tokens",
        "max_tokens",
        "model",
        "n",
        "reasoning_effort",
        "seed",
        "stop",
        "stream",
        "temperature",
        "timeout",
        "top_p",
    }
)
"""Keywords of other clients. An answer is asked for as it was tuned, so they are refused."""

_OWN = ("messages", *PASSED)
_SYSTEM = ("system", "developer")


@dataclass(frozen=True, slots=True)
class Ask:
    """One question.

    Attributes:
        inputs: a value for each field of the template, and further columns for a verifier; None
            where the template is not wanted.
        messages: a conversation in the form of chat completions; empty where there is none.
        passed: fields that go to the model as they are, by name.
        by_name: True if the inputs are the keywords of a call.
    """

    inputs: Mapping[str, Any] | None = None
    messages: Sequence[Mapping[str, Any]] = ()
    passed: Mapping[str, Any] = field(default_factory=dict)
    by_name: bool = False

    def example(self, columns: Collection[str]) -> Example:
        """Return the question as a row without a target, as prompts and verifiers take it.

        Args:
            columns: those that were inputs of the study. They are texts; all others stay as given.
        """
        inputs: dict[str, str] = {}
        others: dict[str, Any] = {}
        for name, value in (self.inputs or {}).items():
            if name in columns:
                inputs[name] = to_text(value)
            else:
                others[name] = value
        return Example(id="", inputs=inputs, target=None, metadata=others)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A question as it is sent.

    Attributes:
        prompt: a text to continue, or the role and the text of each message.
        passed: what goes with it, as `tune.completion.Request.passed` has it.
    """

    prompt: str | tuple[Message, ...]
    passed: str = ""


def read_ask(inputs: Mapping[str, Any] | None, named: Mapping[str, Any]) -> Ask:
    """Return the question in the arguments of a call.

    Args:
        inputs: the inputs as a mapping; None where they are given by name.
        named: `messages`, the names in `PASSED`, and else an input by its own name.

    Raises:
        InputError: inputs are given in both ways, nothing is asked, or a message has no role.
    """
    own = {name: value for name, value in named.items() if name not in _OWN}
    if inputs is not None and not isinstance(inputs, Mapping):
        raise InputError(
            f"inputs are given by name or as a mapping, but got {type(inputs).__name__}"
        )
    if inputs is not None and own:
        raise InputError(
            f"inputs are given by name or as a mapping, not both: got {sorted(own)} as well"
        )
    given = named.get("messages") or ()
    if not isinstance(given, list | tuple):
        raise InputError(
            f"messages are a list, each a mapping with a role and a content, but got {given!r}"
        )
    messages = [_as_plain(message) for message in given]
    if not messages and inputs is None and not own:
        raise InputError(
            "nothing is asked: give the inputs of the template by name, or messages="
        )
    for message in messages:
        if not isinstance(message, Mapping) or "role" not in message:
            raise InputError(
                f"a message is a mapping with a role and a content, but got {message!r}"
            )
    # Services refuse an empty list of tools, which frameworks send for an agent without any.
    passed = {
        name: named[name] for name in PASSED if named.get(name) not in (None, [], ())
    }
    if inputs is not None:
        return Ask(inputs, messages, passed)
    return Ask(own or None, messages, passed, by_name=True)


def render(ask: Ask, prompt: Prompt) -> Rendered:
    """Return a question as it is sent.

    Without a conversation it is the filled template. Without inputs it is the conversation alone.
    With both, the template's last message follows the conversation, and its other messages stand
    before it. A system message of the caller is never replaced.

    Raises:
        InputError: an input is missing, the prompt is no chat, or a keyword is a setting.
    """
    settings = sorted(SETTINGS & (ask.inputs or {}).keys() - prompt.fields)
    if ask.by_name and settings:
        raise InputError(
            f"{settings[0]!r} is no input of the template {prompt.name!r}: the settings are those "
            "that were tuned, so leave it out (or give the inputs as a mapping, where it is a "
            "column)"
        )
    if prompt.raw and (ask.messages or ask.passed):
        raise InputError(
            f"the prompt {prompt.name!r} is a text that the model continues, not a chat: "
            "it takes no messages and no tools"
        )
    filled: str | tuple[Message, ...] = ()
    if ask.inputs is not None:
        filled = _filled(ask, prompt)
    if isinstance(filled, str):
        return Rendered(filled)
    if not ask.messages:
        return Rendered(filled, _dump(ask.passed))
    return _joined(ask, filled)


def _filled(ask: Ask, prompt: Prompt) -> str | tuple[Message, ...]:
    assert ask.inputs is not None
    missing = sorted(prompt.fields - ask.inputs.keys())
    if missing:
        hint = ""
        if set(missing) & set(_OWN):
            hint = "; give inputs of this name in a mapping: tuned({...})"
        what = "prompt" if prompt.made_by else "template"
        raise InputError(
            f"the {what} {prompt.name!r} needs the inputs {sorted(prompt.fields)} "
            f"(missing: {missing}; given: {sorted(ask.inputs)}){hint}"
        )
    return prompt.render(ask.example(prompt.fields))


def _joined(ask: Ask, filled: Sequence[Message]) -> Rendered:
    """Return a conversation with the messages of a template around it."""
    theirs = [dict(message) for message in ask.messages]
    before, after = list(filled[:-1]), list(filled[-1:])
    if any(message["role"] in _SYSTEM for message in theirs):
        before = [message for message in before if message.role not in _SYSTEM]
    # The caller's first system messages stay in front of the template's examples.
    leading = 0
    while leading < len(theirs) and theirs[leading]["role"] in _SYSTEM:
        leading += 1
    whole = [
        *theirs[:leading],
        *map(_as_mapping, before),
        *theirs[leading:],
        *map(_as_mapping, after),
    ]
    plain = tuple(Message(str(one["role"]), _text(one.get("content"))) for one in whole)
    passed = dict(ask.passed)
    if not all(map(_is_plain, whole)):
        # Names, calls of tools and parts of a content have no place in plain messages.
        passed["messages"] = whole
    return Rendered(plain, _dump(passed))


def _as_plain(message: Any) -> Any:
    """Return a message as plain data; clients of services return objects."""
    dump = getattr(message, "model_dump", None)
    return message if dump is None else dump(exclude_none=True)


def _as_mapping(message: Message) -> dict[str, Any]:
    return {"role": message.role, "content": message.content}


def _is_plain(message: Mapping[str, Any]) -> bool:
    return set(message) == {"role", "content"} and isinstance(message["content"], str)


def _text(content: Any) -> str:
    """Return the text of a content, whose parts may be others than texts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list | tuple):
        return ""
    texts = []
    for part in content:
        if isinstance(part, Mapping) and isinstance(part.get("text"), str):
            texts.append(part["text"])
    return "".join(texts)


def _dump(passed: Mapping[str, Any]) -> str:
    """Return fields as canonical JSON; "" where there are none."""
    if not passed:
        return ""
    try:
        return json.dumps(
            passed, sort_keys=True, ensure_ascii=False, separators=(",", ":")
        )
    except (TypeError, ValueError) as error:
        raise InputError(
            f"messages and tools are plain data, as JSON has it: {error}"
        ) from None
