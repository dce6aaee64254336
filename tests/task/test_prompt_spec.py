"""Prompts as users write them: every form is read, and every bad one is one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tune.completion import Message
from tune.errors import SpaceError
from tune.task.example import Example
from tune.task.prompt_spec import parse_prompt, prompt_fields, shots_needed

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


def test_a_text_is_one_user_message() -> None:
    assert render("Label: {text} ({genre})") == (
        Message("user", "Label: A {fine} film (drama)"),
    )
    assert render({"text": "Label: {text}"}) == (
        Message("user", "Label: A {fine} film"),
    )


def test_messages_are_a_chat() -> None:
    chat = [
        {"role": "system", "content": "You label {genre}."},
        {"role": "user", "content": "{text}"},
    ]
    expected = (Message("system", "You label drama."), Message("user", "A {fine} film"))
    assert render(chat) == render(tuple(chat)) == render({"messages": chat}) == expected


def test_a_raw_text_is_continued_as_it_stands() -> None:
    assert (
        render({"text": "Review: {text}\nLabel:", "raw": True})
        == "Review: A {fine} film\nLabel:"
    )
    assert render({"text": "{text}", "raw": False}) == (
        Message("user", "A {fine} film"),
    )


def test_a_file_is_relative_to_its_base_and_loses_its_last_line_end(
    tmp_path: Path,
) -> None:
    (tmp_path / "ask.txt").write_bytes("\ufeffÜber {text}\r\nLabel:\r\n\r\n".encode())
    assert render({"file": "ask.txt"}, base=tmp_path) == (
        Message("user", "Über A {fine} film\nLabel:\n"),
    )
    assert (
        render({"file": str(tmp_path / "ask.txt"), "raw": True})
        == "Über A {fine} film\nLabel:\n"
    )
    assert prompt_fields({"file": "ask.txt"}, tmp_path) == {"text"}


def test_the_shots_of_a_text_fill_its_field() -> None:
    spec = {
        "text": "Label.\n{shots}{text} ->",
        "shots": 2,
        "shot": "{text} -> {label}\n",
        "raw": True,
    }
    expected = "Label.\nreview 0 {text} -> positive\nreview 1 {text} -> negative\nA {fine} film ->"
    assert render(spec, shots=SHOTS, target="label") == expected
    assert render({**spec, "raw": False}, shots=SHOTS, target="label") == (
        Message("user", expected),
    )


def test_the_shots_of_a_chat_go_before_its_last_user_message() -> None:
    turn = [
        {"role": "user", "content": "{text}"},
        {"role": "assistant", "content": "{target}"},
    ]
    spec = {
        "messages": [{"role": "system", "content": "Label."}, turn[0]],
        "shots": 2,
        "shot": turn,
    }
    assert render(spec, shots=SHOTS) == (
        Message("system", "Label."),
        Message("user", "review 0 {text}"),
        Message("assistant", "positive"),
        Message("user", "review 1 {text}"),
        Message("assistant", "negative"),
        Message("user", "A {fine} film"),
    )
    begun = {**spec, "messages": [turn[0], {"role": "assistant", "content": "Label:"}]}
    assert [m.role for m in render(begun, shots=SHOTS)] == ["user", "assistant"] * 3


def test_a_chat_may_have_a_column_named_shots() -> None:
    example = Example("1", {"shots": "three", "text": "x"}, None, {})
    chat = [{"role": "user", "content": "{shots} {text}"}]
    assert render(chat, example) == (Message("user", "three x"),)
    few = {
        "messages": chat,
        "shots": 1,
        "shot": [{"role": "user", "content": "{target}"}],
    }
    assert render(few, example, shots=SHOTS)[-1] == Message("user", "three x")
    assert prompt_fields(few) == {"shots", "text"}


def test_a_shot_may_name_every_column_and_the_target_by_either_name() -> None:
    spec = {
        "text": "{shots}{text}",
        "shots": 1,
        "shot": "{genre} {reason} {sentiment} {target};",
    }
    assert render(spec, shots=SHOTS, target="sentiment")[0].content.startswith(
        "war because 0 positive positive;"
    )


def test_a_column_named_target_is_not_hidden_by_the_target() -> None:
    example = Example("1", {"target": "the aim", "text": "x"}, "yes", {})
    spec = {"text": "{shots}{text}", "shots": 1, "shot": "{target} {label};"}
    assert render(spec, example, shots=[example], target="label") == (
        Message("user", "the aim yes;x"),
    )


def test_a_shot_shows_a_target_that_is_no_text() -> None:
    example = Example("1", {"text": "x"}, {"a": [1, 2.0]}, {})
    spec = {"text": "{shots}{text}", "shots": 1, "shot": "{target} "}
    assert render(spec, example, shots=[example]) == (
        Message("user", '{"a": [1, 2.0]} x'),
    )


@given(st.text(min_size=1, max_size=20), st.text(max_size=20))
def test_a_shot_is_never_read_again(data: str, label: str) -> None:
    shot = Example("s", {"text": data}, label, {})
    spec = {
        "text": "{shots}{text}",
        "shots": 1,
        "shot": "{text}={target};",
        "raw": True,
    }
    assert (
        render(spec, Example("1", {"text": "q"}, None, {}), shots=[shot])
        == f"{data}={label};q"
    )


TURN = [{"role": "user", "content": "{text}"}]


FILM_TURN = [{"role": "user", "content": "{film}"}]


ONLY_SYSTEM = [{"role": "system", "content": "{text}"}]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "a template is a text with something in it, but got ''"),
        (" \n", "a template is a text with something in it"),
        (5, "a prompt is a text, a list of messages, a table or a function, but got 5"),
        (None, "but got None"),
        ([], r"a chat is a list of messages with role and content, but got \[\]"),
        ({"messages": "hello"}, "a chat is a list of messages"),
        ([{"role": "user"}], "a message has a role and a content and nothing more"),
        ([{"role": "user", "content": "x", "name": "y"}], "nothing more, but got"),
        (["hello"], "a message has a role and a content"),
        (
            [{"role": "robot", "content": "x"}],
            "a role is one of system, developer, user, assistant, but got 'robot'",
        ),
        (
            [{"role": "user", "content": [{"type": "text"}]}],
            "a template is a text with something in it",
        ),
        (
            [{"role": "user", "content": ""}],
            "a template is a text with something in it",
        ),
        ({}, "has one of text, messages, file or call"),
        (
            {"text": "{text}", "file": "x"},
            r"has one of text, messages, file or call.*but got \['text', 'file'\]",
        ),
        ({"text": "{text}", "shot_count": 3}, r"but got \['text', 'shot_count'\]"),
        ({"text": "{text}", "raw": "yes"}, "raw is true or false, but got 'yes'"),
        ({"messages": TURN, "raw": True}, "messages cannot be raw"),
        ({"file": 3}, "file is a path, but got 3"),
        (
            {"file": "nowhere.txt"},
            "the file 'nowhere.txt' cannot be read: No such file",
        ),
        ({"text": "{shots}{text}", "shots": 2}, "has both shots .* and shot"),
        ({"text": "{shots}{text}", "shot": "x"}, "has both shots .* and shot"),
        (
            {"text": "{shots}{text}", "shots": 0, "shot": "x"},
            "`shots >= 1` must hold, a whole number, but got shots=0",
        ),
        ({"text": "{shots}{text}", "shots": True, "shot": "x"}, "but got shots=True"),
        ({"text": "{shots}{text}", "shots": "2", "shot": "x"}, "but got shots='2'"),
        (
            {"text": "{text}", "shots": 2, "shot": "x"},
            r"says where the shots go, as {shots}, but it does not",
        ),
        (
            {"text": "{shots}{text}", "shots": 2, "shot": TURN},
            "the shot of a text is a text, but got",
        ),
        (
            {"text": "{shots}{text}", "shots": 2, "shot": ""},
            "a template is a text with something in it",
        ),
        ({"messages": TURN, "shots": 2, "shot": "x"}, "a chat is a list of messages"),
        (
            {"messages": ONLY_SYSTEM, "shots": 1, "shot": TURN},
            "go before its last user message, but it has none",
        ),
        (
            {"messages": TURN, "shots": 4, "shot": TURN},
            "it needs 4 shots, but 3 are reserved",
        ),
        (
            {"messages": TURN, "shots": 1, "shot": FILM_TURN},
            r"its shot names {film}, but there are",
        ),
        (
            {"text": "{shots}{text}", "shots": 1, "shot": "{year}"},
            "{year}, but example 's0' has nothing there",
        ),
        (
            {"text": "{shots}{text} {label}", "shots": 1, "shot": "{label}"},
            "names {label}, the target column",
        ),
        (
            "{text}: {label}",
            r"names {label}, the target column: the answer would stand in the question",
        ),
    ],
)
def test_a_prompt_that_cannot_be_is_refused_by_name(spec: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=f"^prompt 'p'.*{message}"):
        parse_prompt("p", spec, shots=SHOTS, target="label")


def test_a_shot_that_has_no_text_is_refused() -> None:
    example = Example("s", {"text": "x"}, b"\x00", {})
    with pytest.raises(
        SpaceError,
        match="its shot cannot show example 's': text is wanted, but got bytes",
    ):
        parse_prompt(
            "p",
            {"text": "{shots}{text}", "shots": 1, "shot": "{target}"},
            shots=[example],
        )


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes(b"na\xefve {text}")
    with pytest.raises(
        SpaceError,
        match=r"^prompt 'p': the file '.*latin\.txt' is not UTF-8: .* at position 2",
    ):
        prompt_fields({"file": "latin.txt"}, tmp_path, name="p")
    with pytest.raises(SpaceError, match="cannot be read: Is a directory"):
        prompt_fields({"file": "."}, tmp_path)


def test_fields_are_those_of_the_template_and_not_of_its_shots() -> None:
    few = {"text": "{shots}{text}", "shots": 2, "shot": "{text} {genre} {label}"}
    assert (
        prompt_fields(few)
        == parse_prompt("p", few, shots=SHOTS, target="label").fields
        == {"text"}
    )
    chat = {
        "messages": [{"role": "system", "content": "{genre}"}, *TURN],
        "shots": 1,
        "shot": TURN,
    }
    assert prompt_fields(chat) == {"text", "genre"}
    assert prompt_fields("{shots} and {text}") == {"shots", "text"}


@pytest.mark.parametrize(
    ("spec", "count"),
    [
        ("x", 0),
        (TURN, 0),
        ({"text": "x"}, 0),
        ({"shots": 3}, 3),
        ({"messages": TURN, "shots": 1}, 1),
    ],
)
def test_the_shots_that_a_prompt_needs_are_known_without_reading_it(
    spec: Any, count: int
) -> None:
    assert shots_needed(spec) == count


def test_a_bad_count_of_shots_names_its_prompt() -> None:
    with pytest.raises(
        SpaceError,
        match=r"^prompt 'few': `shots >= 1` must hold, a whole number, but got shots=1.5",
    ):
        shots_needed({"shots": 1.5}, name="few")


json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-1, 3),
        st.sampled_from(["", "{text}", "{shots}{text}", "user", "{0}"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(
            st.sampled_from(
                ["text", "messages", "raw", "shots", "shot", "role", "content"]
            ),
            inner,
        ),
    ),
    max_leaves=8,
)


@settings(max_examples=300)
@given(json_values)
def test_any_value_is_a_prompt_or_is_refused_in_a_sentence(spec: Any) -> None:
    try:
        prompt = parse_prompt("p", spec, shots=SHOTS)
    except SpaceError:
        return
    example = Example("1", {"text": "x", "shots": "y"}, None, {})
    assert isinstance(prompt.render(example), str) == prompt.raw
    assert prompt.fields == prompt_fields(spec)
    assert prompt.template
