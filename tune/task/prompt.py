"""Prompt templates: text, chat messages, files and few-shot, filled with an example's inputs.

A template can name a column and do nothing else: `{identifier}` is a field; what begins like one
and reaches further (`{text.x}`, `{text[0]}`, `{0}`, `{text!r}`, `{text:>10}`) is refused; every
other brace is literal, so JSON in a prompt needs no escaping. What is filled in is never read
again, whatever braces the data holds.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

from tune.completion import Message
from tune.errors import DataError, SpaceError
from tune.safety.untrusted import TooMuch, read_file
from tune.task.example import Data, Example, to_text

SHOTS = "shots"
"""The field of a few-shot text that the rendered shots take."""

_ROLES = ("system", "developer", "user", "assistant")
_KEYS = ("text", "messages", "file", "raw", "shots", "shot")
_FIELD = re.compile(r"\{([^\W\d]\w*)\}")
_REACHING = re.compile(r"\{(?:[^\W\d]\w*[.\[!:]|\d+[.\[!:}])")


@dataclass(frozen=True, slots=True)
class Template:
    """A text with fields.

    Attributes:
        literals: the texts before, between and behind the fields, one more than there are fields.
        names: the fields, in order.
    """

    literals: tuple[str, ...]
    names: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Template:
        """Read a template as users write it.

        Raises:
            SpaceError: something begins like a field and reaches further, or there is no text at
            all.
        """
        if not isinstance(text, str) or not text.strip():
            raise SpaceError(f"a template is a text with something in it, but got {text!r}")
        reaching = _REACHING.search(text)
        if reaching:
            seen = text[reaching.start() :].partition("\n")[0][:30]
            raise SpaceError(
                f"a field is a column's name in braces and nothing more, as {{text}}, but got {seen!r}; "
                f"where the brace is meant as it stands, put a space behind it"
            )
        pieces = _FIELD.split(text)
        return cls(tuple(pieces[::2]), tuple(pieces[1::2]))

    @property
    def source(self) -> str:
        """The template as it was written."""
        return self.fill({name: f"{{{name}}}" for name in self.names})

    def fill(self, values: Mapping[str, str]) -> str:
        """The text with every field filled.

        Raises:
            KeyError: a field has no value.
        """
        filled = [
            literal + values[name] for literal, name in zip(self.literals, self.names, strict=False)
        ]
        return "".join(filled) + self.literals[-1]

    def fix(self, name: str, value: str) -> Template:
        """The template with one field turned into literal text."""
        literals, names = [self.literals[0]], list[str]()
        for found, literal in zip(self.names, self.literals[1:], strict=True):
            if found == name:
                literals[-1] += value + literal
            else:
                names.append(found)
                literals.append(literal)
        return Template(tuple(literals), tuple(names))


Turn: TypeAlias = tuple[str, Template]


@dataclass(frozen=True, slots=True)
class Prompt:
    """A named template with its shots in place, ready to be filled.

    Attributes:
        name: the name that it has in the space. raw: whether the model continues the text as it
        stands, without a chat around it. fields: the input columns that it names. turns: role and
        template of each message; a raw prompt has one. spec: the prompt as the user wrote it.
        open_turns: its messages before shots are put in place; shots in a text are a field of it,
        and shots in a chat
            would stand before its last user message.
    """

    name: str
    raw: bool
    fields: frozenset[str]
    turns: tuple[Turn, ...]
    spec: Any = field(compare=False)
    open_turns: tuple[Turn, ...] = field(default=(), compare=False)

    def render(self, example: Example) -> str | tuple[Message, ...]:
        """The prompt for one example: a text where it is raw, else chat messages.

        Raises:
            SpaceError: the example lacks an input that the prompt names.
        """
        for name in self.fields:
            if name not in example.inputs:
                raise SpaceError(
                    f"prompt {self.name!r} names {{{name}}}, but example {example.id!r} has {list(example.inputs)}"
                )
        if self.raw:
            return self.turns[0][1].fill(example.inputs)
        return tuple(Message(role, template.fill(example.inputs)) for role, template in self.turns)

    def check(self, data: Data) -> None:
        """Whether every example of a data set can fill the prompt.

        Raises:
            SpaceError: the prompt names no column, one that is no input, or the target.
        """
        if not self.fields:
            raise SpaceError(
                f"prompt {self.name!r} names no column, so every example would be asked the same; "
                f"the inputs are {list(data.inputs)}, and are named in braces, as {{{data.inputs[0]}}}"
            )
        for name in sorted(self.fields):
            _check_target(self.name, name, data.target)
            if name not in data.inputs:
                raise SpaceError(
                    f"prompt {self.name!r} names {{{name}}}, but the inputs are {list(data.inputs)}"
                )

    @property
    def source(self) -> str | tuple[Message, ...]:
        """What `render` gives, with the fields still open, as `{name}`."""
        if self.raw:
            return self.turns[0][1].source
        return tuple(Message(role, template.source) for role, template in self.turns)

    @property
    def template(self) -> str:
        """The prompt for people to read: a lone user message as its text, else each message with
        its role.
        """
        if len(self.turns) == 1 and self.turns[0][0] == "user":
            return self.turns[0][1].source
        return "\n\n".join(f"{role}: {template.source}" for role, template in self.turns)

    @property
    def system_message(self) -> str | None:
        """The leading system message, fields still open, or None where there is none."""
        role, template = self.turns[0]
        return template.source if role in ("system", "developer") else None

    @property
    def identity(self) -> str:
        """12 hexadecimal digits that change with whatever the prompt would send; its name does not
        count.
        """
        turns = [[role, template.literals, template.names] for role, template in self.turns]
        return hashlib.sha256(json.dumps([self.raw, turns]).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class _Form:
    """A spec as read, shots not yet in place; they fill a field where they are `inline`, else they
    are messages.
    """

    raw: bool
    turns: tuple[Turn, ...]
    shots: int = 0
    shot: tuple[Turn, ...] = ()
    inline: bool = False

    @property
    def fields(self) -> frozenset[str]:
        named = {name for _, template in self.turns for name in template.names}
        return frozenset(named - {SHOTS} if self.inline else named)


def parse_prompt(
    name: str,
    spec: Any,
    *,
    shots: Sequence[Example] = (),
    base: Path | None = None,
    target: str | None = None,
) -> Prompt:
    """Read one prompt and put its shots in place.

    Args:
        name: the name that it has in the space.
        spec: one of
            a text, sent as one user message; a list of `{role, content}`, a chat; `{"file": path}`
            or `{"text": text}`, with `"raw": true` for a text that the model continues as it
            stands; `{"messages": [...]}`; for few-shot, either of these with `"shots": count` and
            `"shot"`, the template of one: for a text it is a text, and all of them together fill
            its field `{shots}`; for a chat it is a list of messages, and they go before the last
            user message. A shot may name every column, the target too (also as `{target}`).
        shots: the examples set aside; the first are used, as many as the prompt has shots.
        base: the folder that files are relative to; the working directory by default.
        target: the target column, which only a shot may name.

    Raises:
        SpaceError: the prompt has another form, needs more shots, or would tell the answer.
    """
    try:
        form = _read(spec, base)
        turns = _with_shots(form, shots, target)
    except SpaceError as error:
        raise SpaceError(f"{_about(name)}{error}") from None
    for field_name in form.fields:
        _check_target(name, field_name, target)
    return Prompt(name, form.raw, form.fields, turns, spec, form.turns)


def shots_needed(spec: Any, *, name: str = "") -> int:
    """How many shots a prompt takes, 0 unless it is few-shot.

    Raises:
        SpaceError: the count is no whole number of at least 1.
    """
    if not isinstance(spec, Mapping) or "shots" not in spec:
        return 0
    count = spec["shots"]
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise SpaceError(
            f"{_about(name)}`shots >= 1` must hold, a whole number, but got shots={count!r}"
        )
    return count


def prompt_fields(spec: Any, base: Path | None = None, *, name: str = "") -> frozenset[str]:
    """The columns that a prompt names, those of its shots left out.

    Raises:
        SpaceError: the prompt has a form that `parse_prompt` does not read.
    """
    try:
        return _read(spec, base).fields
    except SpaceError as error:
        raise SpaceError(f"{_about(name)}{error}") from None


def _about(name: str) -> str:
    return f"prompt {name!r}: " if name else ""


def _check_target(prompt: str, name: str, target: str | None) -> None:
    if name == target:
        raise SpaceError(
            f"prompt {prompt!r} names {{{name}}}, the target column: the answer would stand in the question"
        )


def _read(spec: Any, base: Path | None) -> _Form:
    if isinstance(spec, str):
        return _Form(False, (("user", Template.parse(spec)),))
    if isinstance(spec, list | tuple):
        return _Form(False, _turns(spec))
    if not isinstance(spec, Mapping):
        raise SpaceError(f"a prompt is a text, a list of messages or a table, but got {spec!r}")
    unknown = [key for key in spec if key not in _KEYS]
    bodies = [key for key in ("text", "messages", "file") if key in spec]
    if unknown or len(bodies) != 1:
        raise SpaceError(
            f"a prompt's table has one of text, messages or file, and perhaps raw, shots and shot, but got {list(spec)}"
        )
    raw = spec.get("raw", False)
    if not isinstance(raw, bool):
        raise SpaceError(f"raw is true or false, but got {raw!r}")
    if "messages" in spec:
        if raw:
            raise SpaceError(
                "messages cannot be raw: give a text, which the model continues as it stands"
            )
        form = _Form(False, _turns(spec["messages"]))
    else:
        text = spec["text"] if "text" in spec else _read_file(spec["file"], base)
        form = _Form(raw, (("user", Template.parse(text)),))
    return _read_shots(form, spec) if SHOTS in spec or "shot" in spec else form


def _read_file(path: Any, base: Path | None) -> str:
    if not isinstance(path, str | Path):
        raise SpaceError(f"file is a path, but got {path!r}")
    whole = (base or Path()) / path
    try:
        text = read_file(whole).decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        raise SpaceError(
            f"the file {str(whole)!r} cannot be read: {error.strerror or error}"
        ) from None
    except UnicodeDecodeError as error:
        raise SpaceError(
            f"the file {str(whole)!r} is not UTF-8: {error.reason} at position {error.start}"
        ) from None
    except TooMuch as error:
        raise SpaceError(f"the file {str(whole)!r} is more than is read: {error}") from None
    return text.removesuffix("\n")  # the one that editors put at the end of every file


def _turns(messages: Any) -> tuple[Turn, ...]:
    if not isinstance(messages, list | tuple) or not messages:
        raise SpaceError(
            f"a chat is a list of messages with role and content, but got {messages!r}"
        )
    for message in messages:
        if not isinstance(message, Mapping) or set(message) != {"role", "content"}:
            raise SpaceError(
                f"a message has a role and a content and nothing more, but got {message!r}"
            )
        if message["role"] not in _ROLES:
            raise SpaceError(f"a role is one of {', '.join(_ROLES)}, but got {message['role']!r}")
    return tuple((message["role"], Template.parse(message["content"])) for message in messages)


def _read_shots(form: _Form, spec: Mapping[str, Any]) -> _Form:
    if not (SHOTS in spec and "shot" in spec):
        raise SpaceError(
            f"a few-shot prompt has both shots (how many) and shot (the template of one), but got {spec}"
        )
    count = shots_needed(spec)
    if "messages" in spec:
        if all(role != "user" for role, _ in form.turns):
            raise SpaceError("the shots of a chat go before its last user message, but it has none")
        return replace(form, shots=count, shot=_turns(spec["shot"]))
    if SHOTS not in form.turns[0][1].names:
        raise SpaceError(
            "the text of a few-shot prompt says where the shots go, as {shots}, but it does not"
        )
    if not isinstance(spec["shot"], str):
        raise SpaceError(f"the shot of a text is a text, but got {spec['shot']!r}")
    return replace(form, shots=count, shot=(("user", Template.parse(spec["shot"])),), inline=True)


def _with_shots(form: _Form, shots: Sequence[Example], target: str | None) -> tuple[Turn, ...]:
    if len(shots) < form.shots:
        raise SpaceError(f"it needs {form.shots} shots, but {len(shots)} are set aside")
    if not form.shots:
        return form.turns
    filled = [
        (role, _fill_shot(template, example, target))
        for example in shots[: form.shots]
        for role, template in form.shot
    ]
    if form.inline:
        return (("user", form.turns[0][1].fix(SHOTS, "".join(text for _, text in filled))),)
    last = max(i for i, (role, _) in enumerate(form.turns) if role == "user")
    return (
        *form.turns[:last],
        *((role, Template((text,), ())) for role, text in filled),
        *form.turns[last:],
    )


def _fill_shot(template: Template, example: Example, target: str | None) -> str:
    cells: dict[str, Any] = {**example.metadata, **example.inputs}
    if example.target is not None:
        cells = {"target": example.target, **cells, **({target: example.target} if target else {})}
    for name in template.names:
        if name not in cells:
            raise SpaceError(f"its shot names {{{name}}}, but there are {sorted(cells)}")
        if cells[name] is None:
            raise SpaceError(
                f"its shot names {{{name}}}, but example {example.id!r} has nothing there"
            )
    try:
        return template.fill({name: to_text(cells[name]) for name in template.names})
    except DataError as error:
        raise SpaceError(f"its shot cannot show example {example.id!r}: {error}") from None
