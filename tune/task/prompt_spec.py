"""Prompts as users write them: text, chat messages, files, few-shot and functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tune.errors import DataError, SpaceError
from tune.safety.untrusted import TooMuch, read_file
from tune.task.example import Example, to_text
from tune.task.prompt import Prompt, Turn, refuse_target
from tune.task.prompt_call import PromptCall, check_messages
from tune.task.template import Template

SHOTS = "shots"
"""The field of a few-shot text that the rendered shots take."""

_BODIES = ("text", "messages", "file", "call")
_KEYS = (*_BODIES, "raw", "shots", "shot")


@dataclass(frozen=True, slots=True)
class _Form:
    """A spec as read, its shots not yet in place.

    Attributes:
        raw: True where the model continues the text directly.
        turns: the messages.
        shots: the number of shots.
        shot: the messages of one shot.
        inline: True where the shots fill a field of the text; else they are messages.
        call: the user's function or its "module:attribute", in place of messages; or None.
    """

    raw: bool
    turns: tuple[Turn, ...]
    shots: int = 0
    shot: tuple[Turn, ...] = ()
    inline: bool = False
    call: Any = None

    @property
    def fields(self) -> frozenset[str]:
        named = set[str]()
        for _, template in self.turns:
            named.update(template.names)
        if self.inline:
            # It is filled before the prompt meets an example.
            named.discard(SHOTS)
        return frozenset(named)


def parse_prompt(
    name: str,
    spec: Any,
    *,
    shots: Sequence[Example] = (),
    base: Path | None = None,
    target: str | None = None,
    inputs: Sequence[str] = (),
) -> Prompt:
    """Read one prompt and put its shots in place.

    Args:
        name: its name in the space.
        spec: one of

            - a text, sent as one user message;
            - a list of `{role, content}`, a chat;
            - `{"file": path}` or `{"text": text}`, with `"raw": true` for a text that the model
              continues directly;
            - `{"messages": [...]}`;
            - for few-shot, one of these tables with `"shots": count` and `"shot"`, the template of
              one. For a text it is a text, and all shots together fill the field `{shots}`. For a
              chat it is a list of messages, and the shots go before the last user message. A shot
              may name every column, the target too (also as `{target}`);
            - a function, or `{"call": "module:attribute"}`: it takes a dict of the input columns
              and returns a text or a list of `{role, content}`. With `"raw": true` the model
              continues its text directly.
        shots: the examples reserved for shots; the first are used, as many as the prompt needs.
        base: the folder that files are relative to; the working directory by default.
        target: the target column, which only a shot may name.
        inputs: the input columns, all of which a function may read.

    Raises:
        SpaceError: the prompt has another form, needs more shots, or would tell the answer; or its
            function cannot be loaded.
        InputError: only a file of somebody else names the function.
    """
    try:
        form = _read(spec, base)
        turns = _with_shots(form, shots, target)
    except SpaceError as error:
        raise SpaceError(f"{_about(name)}{error}") from None
    if form.call is not None:
        return Prompt(
            name=name,
            raw=form.raw,
            fields=frozenset(inputs),
            turns=(),
            spec=spec,
            call=PromptCall.read(form.call, f"prompt {name!r}"),
        )
    # Only the fields of the question: a shot shows the target on purpose.
    for field_name in form.fields:
        refuse_target(name, field_name, target)
    return Prompt(
        name=name,
        raw=form.raw,
        fields=form.fields,
        turns=turns,
        spec=spec,
        open_turns=form.turns,
    )


def shots_needed(spec: Any, *, name: str = "") -> int:
    """Return the number of shots that a prompt takes, 0 unless it is few-shot.

    Raises:
        SpaceError: the count is not a whole number of at least 1.
    """
    if not isinstance(spec, Mapping) or "shots" not in spec:
        return 0
    count = spec["shots"]
    # In Python True is an int.
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise SpaceError(
            f"{_about(name)}`shots >= 1` must hold, a whole number, but got shots={count!r}"
        )
    return count


def prompt_fields(
    spec: Any,
    base: Path | None = None,
    *,
    name: str = "",
) -> frozenset[str]:
    """Return the columns that a prompt names, those of its shots left out; a function names none.

    Raises:
        SpaceError: the prompt has a form that `parse_prompt` does not read.
    """
    try:
        return _read(spec, base).fields
    except SpaceError as error:
        raise SpaceError(f"{_about(name)}{error}") from None


def _about(name: str) -> str:
    return f"prompt {name!r}: " if name else ""


# --- the forms


def _read(spec: Any, base: Path | None) -> _Form:
    if isinstance(spec, str):
        return _Form(raw=False, turns=_user_turn(spec))
    if isinstance(spec, list | tuple):
        return _Form(raw=False, turns=_turns(spec))
    if callable(spec):
        return _Form(raw=False, turns=(), call=spec)
    if not isinstance(spec, Mapping):
        raise SpaceError(
            "a prompt is a text, a list of messages, a table or a function, "
            f"but got {spec!r}"
        )
    _check_keys(spec)
    raw = spec.get("raw", False)
    if not isinstance(raw, bool):
        raise SpaceError(f"raw is true or false, but got {raw!r}")
    if "call" in spec:
        return _read_call(spec, raw=raw)
    form = _read_messages(spec, base, raw=raw)
    if SHOTS in spec or "shot" in spec:
        return _read_shots(form, spec)
    return form


def _read_messages(spec: Mapping[str, Any], base: Path | None, *, raw: bool) -> _Form:
    """Return the messages of a table, without shots."""
    if "messages" in spec:
        if raw:
            raise SpaceError(
                "messages cannot be raw: give a text, which the model continues directly"
            )
        return _Form(raw=False, turns=_turns(spec["messages"]))
    if "text" in spec:
        return _Form(raw=raw, turns=_user_turn(spec["text"]))
    return _Form(raw=raw, turns=_user_turn(_read_file(spec["file"], base)))


def _check_keys(spec: Mapping[str, Any]) -> None:
    unknown = [key for key in spec if key not in _KEYS]
    bodies = [key for key in _BODIES if key in spec]
    if unknown or len(bodies) != 1:
        raise SpaceError(
            "a prompt's table has one of text, messages, file or call, "
            f"and perhaps raw, shots and shot, but got {list(spec)}"
        )


def _read_call(spec: Mapping[str, Any], *, raw: bool) -> _Form:
    if SHOTS in spec or "shot" in spec:
        raise SpaceError(
            "a function writes its few-shot examples itself: leave out shots and shot"
        )
    given = spec["call"]
    if not (isinstance(given, str) or callable(given)):
        raise SpaceError(f"call is a function or 'module:attribute', but got {given!r}")
    return _Form(raw=raw, turns=(), call=given)


def _user_turn(text: Any) -> tuple[Turn, ...]:
    return (("user", Template.parse(text)),)


def _turns(messages: Any) -> tuple[Turn, ...]:
    check_messages(messages)
    return tuple(
        (message["role"], Template.parse(message["content"])) for message in messages
    )


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
        raise SpaceError(
            f"the file {str(whole)!r} is more than is read: {error}"
        ) from None
    # Editors put a line end at the end of every file; it is not part of the prompt.
    return text.removesuffix("\n")


# --- few-shot


def _read_shots(form: _Form, spec: Mapping[str, Any]) -> _Form:
    if not (SHOTS in spec and "shot" in spec):
        raise SpaceError(
            "a few-shot prompt has both shots (how many) and shot (the template of one), "
            f"but got {spec}"
        )
    count = shots_needed(spec)
    if "messages" in spec:
        if all(role != "user" for role, _ in form.turns):
            raise SpaceError(
                "the shots of a chat go before its last user message, but it has none"
            )
        return replace(form, shots=count, shot=_turns(spec["shot"]))
    if SHOTS not in form.turns[0][1].names:
        raise SpaceError(
            "the text of a few-shot prompt says where the shots go, as {shots}, but it does not"
        )
    if not isinstance(spec["shot"], str):
        raise SpaceError(f"the shot of a text is a text, but got {spec['shot']!r}")
    return replace(
        form,
        shots=count,
        shot=_user_turn(spec["shot"]),
        inline=True,
    )


def _with_shots(
    form: _Form,
    shots: Sequence[Example],
    target: str | None,
) -> tuple[Turn, ...]:
    """Return the messages of a prompt with the first shots in place."""
    if len(shots) < form.shots:
        raise SpaceError(f"it needs {form.shots} shots, but {len(shots)} are reserved")
    if not form.shots:
        return form.turns
    filled: list[tuple[str, str]] = []
    for example in shots[: form.shots]:
        cells = _cells(example, target)
        for role, template in form.shot:
            filled.append((role, _fill_shot(template, example, cells)))
    if form.inline:
        together = "".join(text for _, text in filled)
        return (("user", form.turns[0][1].fix(SHOTS, together)),)
    # Literal templates: a brace in the data is not a field.
    literal = [(role, Template((text,), ())) for role, text in filled]
    last = max(i for i, (role, _) in enumerate(form.turns) if role == "user")
    return (*form.turns[:last], *literal, *form.turns[last:])


def _cells(example: Example, target: str | None) -> dict[str, Any]:
    """Return the cells that a shot may show; the target also as `target`."""
    cells: dict[str, Any] = {**example.metadata, **example.inputs}
    if example.target is None:
        return cells
    # A column that is itself named "target" is shown rather than the target column.
    cells = {"target": example.target, **cells}
    if target:
        cells[target] = example.target
    return cells


def _fill_shot(
    template: Template,
    example: Example,
    cells: Mapping[str, Any],
) -> str:
    for name in template.names:
        if name not in cells:
            raise SpaceError(
                f"its shot names {{{name}}}, but there are {sorted(cells)}"
            )
        if cells[name] is None:
            raise SpaceError(
                f"its shot names {{{name}}}, but example {example.id!r} has nothing there"
            )
    try:
        return template.fill({name: to_text(cells[name]) for name in template.names})
    except DataError as error:
        raise SpaceError(
            f"its shot cannot show example {example.id!r}: {error}"
        ) from None
