"""Prompts that a user's function makes: what it may return, and what is said where it fails."""

from __future__ import annotations

import functools
import itertools
from pathlib import Path
from typing import Any

import pytest

from tests.support.order import order
from tune.completion import Message
from tune.errors import InputError, SpaceError
from tune.plan.prompt_preview import sent_lines, sent_record
from tune.task.callables import imports_refused
from tune.task.example import Example
from tune.task.prompt_call import PromptCall
from tune.task.prompt_spec import parse_prompt, prompt_fields

FILM = Example("7", {"text": "A {fine} film", "genre": "war"}, "good", {"year": 1999})
ADDED: list[dict[str, str]] = []


def make_text(row: dict[str, str]) -> str:
    return f"Label this ticket: {row['text']}"


def make_chat(row: dict[str, str]) -> list[dict[str, str]]:
    return [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": row["text"]},
    ]


def make_by_length(limit: int, row: dict[str, str]) -> str:
    return row["text"][:limit]


async def make_later(row: dict[str, str]) -> str:
    return row["text"]


def render(spec: Any, **options: Any) -> Any:
    return parse_prompt("p", spec, inputs=("text", "genre"), **options).render(FILM)


def test_a_text_and_messages_are_sent_as_a_template_sends_them() -> None:
    named = {"call": f"{__name__}:make_text"}
    template = render("Label this ticket: {text}")
    assert render(make_text) == render(named) == template
    chat = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "{text}"},
    ]
    assert render(make_chat) == render(chat)
    assert render({"call": make_text, "raw": True}) == (
        "Label this ticket: A {fine} film"
    )
    assert render(lambda row: (*make_chat(row),)) == render(chat)


def test_a_function_is_given_a_copy_of_the_inputs_and_nothing_else() -> None:
    def note(row: dict[str, str]) -> str:
        ADDED.append(dict(row))
        row.clear()
        return "x"

    assert render(note) == (Message("user", "x"),)
    assert ADDED == [{"text": "A {fine} film", "genre": "war"}]
    assert FILM.inputs["text"] == "A {fine} film"


def test_a_function_is_told_by_its_name_and_its_source() -> None:
    prompt = parse_prompt("p", make_text, inputs=("text",))
    assert prompt.fields == {"text"}
    assert prompt.identity.startswith(f"{__name__}:make_text@")
    assert prompt == parse_prompt(
        "p", {"call": f"{__name__}:make_text"}, inputs=("text",)
    )
    assert prompt.identity != parse_prompt("p", make_chat).identity
    raw = parse_prompt("p", {"call": make_text, "raw": True})
    assert raw.identity == f"raw {prompt.identity}"
    assert prompt.template == f"made of each row by {__name__}:make_text"
    assert prompt.system_message is None
    assert prompt.source == prompt.template
    assert prompt.filled(FILM) == "Label this ticket: A {fine} film"
    assert prompt_fields(make_text) == frozenset()


def test_a_partial_has_the_name_of_its_function() -> None:
    short = PromptCall.read(functools.partial(make_by_length, 3), "p")
    assert short.path == f"{__name__}:make_by_length"
    longer = PromptCall.read(functools.partial(make_by_length, 4), "p")
    assert short.identity != longer.identity


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (3, "returned no prompt on example '7': a chat is a list of messages"),
        (None, "a chat is a list of messages with role and content, but got None"),
        ([], "a chat is a list of messages with role and content"),
        ("  ", "a text with something in it is wanted, but got '  '"),
        ("half \ud800", "lone surrogate. stands at position 5"),
        ([{"role": "user"}], "a message has a role and a content and nothing more"),
        ([{"role": "tool", "content": "x"}], "a role is one of system, developer"),
        ([{"role": "user", "content": 3}], "a text with something in it is wanted"),
        (["x" * 500], r"but got 'x{99}\.\.\."),
    ],
)
def test_another_result_is_refused(made: Any, words: str) -> None:
    with pytest.raises(SpaceError, match=words) as refused:
        render(lambda _: made)
    assert str(refused.value).startswith("prompt 'p': ")
    assert "\n" not in str(refused.value)


def test_a_raw_prompt_is_a_text() -> None:
    with pytest.raises(SpaceError, match="a text is wanted, as the prompt is raw"):
        render({"call": make_chat, "raw": True})


def test_a_function_that_raises_is_named_with_the_inputs_that_it_had() -> None:
    with pytest.raises(
        SpaceError,
        match=r"raised on example '7' with the inputs \['text', 'genre'\]: "
        "KeyError: 'year'",
    ):
        render(lambda row: row["year"])


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"call": 3}, "call is a function or 'module:attribute', but got 3"),
        ({"call": "nowhere"}, "prompt 'p': 'module:attribute' is wanted"),
        ({"call": f"{__name__}:FILM"}, "prompt 'p': a function or"),
        ({"call": f"{__name__}:missing"}, "cannot be loaded"),
        ({"call": make_later}, "make_later is async, and a plain function is wanted"),
        ({"call": make_text, "text": "x"}, "one of text, messages, file or call"),
        ({"call": make_text, "shots": 2, "shot": "x"}, "few-shot examples itself"),
    ],
)
def test_what_is_no_function_is_refused(spec: Any, words: str) -> None:
    with pytest.raises(SpaceError, match=words):
        parse_prompt("p", spec)


def test_a_function_that_somebody_elses_file_names_is_not_imported() -> None:
    spec = {"call": f"{__name__}:make_text"}
    with (
        imports_refused("the file names it"),
        pytest.raises(InputError, match="would be imported: the file names it"),
    ):
        parse_prompt("p", spec)


# --- before the first dollar


def ordered(function: Any, **given: Any) -> Any:
    return order(space={"prompt": {"mine": function}}, **given)


def test_the_inputs_are_all_columns_but_the_target() -> None:
    plan = ordered(make_text)
    assert plan.prompts["mine"].fields == {"text", "title"}
    # Another prompt names a column, so that is the only input.
    both = order(space={"prompt": {"mine": make_text, "short": "Label: {text}"}})
    assert both.prompts["mine"].fields == {"text"}
    with pytest.raises(SpaceError, match=r"inputs \['text'\]: KeyError: 'title'"):
        order(space={"prompt": {"mine": lambda row: row["title"], "a": "{text}"}})


def test_a_later_row_that_fails_is_found_before_the_first_dollar() -> None:
    def fails_late(row: dict[str, str]) -> str:
        if row["text"] == "ticket 57":
            raise ValueError("no such ticket")
        return row["text"]

    with pytest.raises(SpaceError, match=r"example '57'.*ValueError: no such ticket"):
        ordered(fails_late)


def test_a_function_that_is_not_the_same_twice_is_refused() -> None:
    counter = itertools.count()
    with pytest.raises(SpaceError, match="two different prompts of example '0'"):
        ordered(lambda row: f"{row['text']} {next(counter)}")


def test_a_function_that_ignores_its_row_is_refused() -> None:
    with pytest.raises(SpaceError, match="makes the same prompt of every row"):
        ordered(lambda _: "Label this ticket.")


def test_the_preview_says_what_a_function_may_show() -> None:
    plan = ordered(make_text, target="label")
    lines = sent_lines(plan)
    assert (
        lines[0]
        == "Columns that the prompts may show: text, title; not sent: label, id."
    )
    assert lines[1] == (
        f"Prompt 'mine' is made by {__name__}:make_text, which reads all input columns."
    )
    assert sent_record(plan)["made_by"] == {"mine": f"{__name__}:make_text"}
    assert lines[-1].startswith("  | Label this ticket: ticket ")


def test_a_name_alone_is_a_text_and_the_message_says_how_a_function_is_given() -> None:
    with pytest.raises(SpaceError, match=r"give \{call = 'prompts:make_prompt'\}"):
        ordered("prompts:make_prompt")


def test_a_template_is_the_baseline_where_there_is_one() -> None:
    plan = order(
        space={"prompt": {"mine": make_text, "long": "Label: {text}" + "x" * 99}}
    )
    assert plan.baseline.prompt == "long"
    assert ordered(make_text).baseline.prompt == "mine"


def test_a_space_file_names_a_function(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_prompts.py").write_text(
        "def make_prompt(row):\n    return 'Label: ' + row['text']\n"
    )
    (tmp_path / "space.toml").write_text(
        '[space]\nmodel = ["small"]\nmax_tokens = 16\n'
        '[space.prompt]\nmine = {call = "own_prompts:make_prompt"}\n'
        '[answer]\nlabels = ["good", "bad"]\n'
    )
    plan = order_file(tmp_path / "space.toml")
    first = plan.examples[0]
    assert plan.prompts["mine"].render(first) == (
        Message("user", f"Label: {first.inputs['text']}"),
    )
    assert plan.identity["space"]["space"]["prompt"] == {
        "mine": {"call": "own_prompts:make_prompt"}
    }


def order_file(path: Path) -> Any:
    from tests.support.order import PRICES, ROWS
    from tune.plan.make import make_plan
    from tune.plan.read_options import read_options

    return make_plan(
        read_options(data=ROWS, space=path, budget=1.0, target="label", price=PRICES)
    )
