"""Prompts: what they render, show, and are told apart by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tune.completion import Message
from tune.errors import SpaceError
from tune.task.example import Example
from tune.task.load import load_data
from tune.task.prompt import Prompt
from tune.task.prompt_spec import parse_prompt

FILM = Example(
    "7",
    {"text": "A {fine} film", "genre": "drama"},
    "positive",
    {"reason": "fine", "year": 1999},
)


SHOTS = tuple(
    Example(
        f"s{i}",
        {"text": f"review {i} {{text}}", "genre": "war"},
        label,
        {"reason": f"because {i}", "year": None},
    )
    for i, label in enumerate(["positive", "negative", "neutral"])
)


def render(spec: Any, example: Example = FILM, **options: Any) -> Any:
    return parse_prompt("p", spec, **options).render(example)


TURN = [{"role": "user", "content": "{text}"}]


def test_a_prompt_is_checked_against_the_data() -> None:
    data = load_data(
        [
            {"text": "a", "label": "x", "note": 1},
            {"text": "b", "label": "y", "note": 2},
        ],
        inputs=["text"],
    )
    parse_prompt("p", "{text}").check(data)
    for text, message in (
        ("{note}", r"prompt 'p' names {note}, but the inputs are \['text'\]"),
        ("{label}", "prompt 'p' names {label}, the target column"),
        ("{txt}", r"prompt 'p' names {txt}, but the inputs are"),
        ("Label this.", r"prompt 'p' names no column, .* as {text}"),
    ):
        with pytest.raises(SpaceError, match=message):
            parse_prompt("p", text).check(data)


def test_an_example_without_an_input_is_refused_by_its_id() -> None:
    with pytest.raises(
        SpaceError,
        match=r"prompt 'p' names {film}, but example '7' has \['text', 'genre'\]",
    ):
        render("{film}")


def test_the_system_message_is_the_leading_one() -> None:
    system = {"role": "system", "content": "You know {genre}."}
    assert parse_prompt("p", [system, *TURN]).system_message == "You know {genre}."
    assert (
        parse_prompt("p", [{**system, "role": "developer"}, *TURN]).system_message
        == "You know {genre}."
    )
    assert parse_prompt("p", [*TURN, system]).system_message is None
    assert parse_prompt("p", "{text}").system_message is None


def test_the_template_is_shown_with_its_shots_in_place_and_its_fields_open() -> None:
    few = {
        "text": "{shots}{text} ->",
        "shots": 1,
        "shot": "{text} -> {target}\n",
        "raw": True,
    }
    prompt = parse_prompt("p", few, shots=SHOTS)
    assert prompt.template == prompt.source == "review 0 {text} -> positive\n{text} ->"
    chat = parse_prompt("p", [{"role": "system", "content": "Label."}, *TURN])
    assert chat.template == "system: Label.\n\nuser: {text}"
    assert chat.source == (Message("system", "Label."), Message("user", "{text}"))
    assert parse_prompt("p", "Label: {text}").template == "Label: {text}"


def identity(spec: Any, **options: Any) -> str:
    return parse_prompt("p", spec, **options).identity


def test_the_identity_is_what_would_be_sent(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Label: {text}\n")
    same = [
        identity("Label: {text}"),
        identity({"text": "Label: {text}", "raw": False}),
        identity({"file": "a.txt"}, base=tmp_path),
        identity([{"role": "user", "content": "Label: {text}"}]),
        parse_prompt("another name", "Label: {text}").identity,
    ]
    assert len(set(same)) == 1
    few = {"text": "{shots}{text}", "shots": 1, "shot": "{text} "}
    others = [
        identity("Label: {text} "),
        identity("Label: {genre}"),
        identity({"text": "Label: {text}", "raw": True}),
        identity([{"role": "system", "content": "Label: {text}"}]),
        identity(few, shots=SHOTS),
        identity(few, shots=SHOTS[1:]),
        identity({**few, "shots": 2}, shots=SHOTS),
    ]
    assert len({same[0], *others}) == len(others) + 1
    (tmp_path / "a.txt").write_text("Label it: {text}\n")
    assert identity({"file": "a.txt"}, base=tmp_path) != same[0]


def test_braces_of_a_shot_are_not_mistaken_for_a_field_in_the_identity() -> None:
    shot = Example("s", {"text": "{text}"}, "x", {})
    fixed = parse_prompt(
        "p", {"text": "{shots}{text}", "shots": 1, "shot": "{text}"}, shots=[shot]
    )
    open_twice = parse_prompt("p", "{text}{text}")
    assert fixed.template == open_twice.template
    assert fixed.identity != open_twice.identity


def test_a_prompt_is_a_value() -> None:
    first, second = (parse_prompt("p", {"text": "Label: {text}"}) for _ in range(2))
    assert first == second
    assert hash(first) == hash(second)
    assert isinstance(first, Prompt)
    assert json.loads(json.dumps(first.spec)) == {"text": "Label: {text}"}
