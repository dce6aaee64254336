"""Templates: a field is a name, every other brace is literal, and data is never read again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.completion import Message
from tune.errors import SpaceError
from tune.task.example import Example
from tune.task.prompt_spec import parse_prompt, prompt_fields
from tune.task.template import Template

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


@pytest.mark.parametrize(
    "text",
    [
        'Answer as {"label": "...", "why": ["..."]}: {text}',
        '{"a": {"b": 1}} {text}',
        "{text} { text } {} {{}} {a b} {-} { {",
        "function f() {return x;} {text}",
        "\\boxed{} {text}",
        "{ a: 1 } {text}",
        "{'a': 1} {text}",
        "{1, 2} {text}",
        "}{ {text}",
        "{my-name} {text}",
    ],
)
def test_all_other_braces_are_literal(text: str) -> None:
    assert prompt_fields(text) == {"text"}
    example = Example("1", {"text": "{text}{0}"}, None, {})
    assert render(text, example)[0].content == text.replace("{text}", "{text}{0}")


def test_doubled_braces_are_literal_around_a_field() -> None:
    assert render("{{text}}") == (Message("user", "{A {fine} film}"),)


@pytest.mark.parametrize(
    "reaching",
    [
        "{text.x}",
        "{text[0]}",
        "{0}",
        "{12}",
        "{text!r}",
        "{text:>10}",
        "{text.__class__}",
        "{0.x}",
        "{0[a]}",
        "{0:d}",
        "{1!s}",
        "{_a.b}",
        "{text:{genre}}",
        "{größe.x}",
        "{text.x",
        "{text[0]",
    ],
)
def test_what_begins_like_a_field_and_reaches_further_is_refused(reaching: str) -> None:
    with pytest.raises(
        SpaceError,
        match=r"^prompt 'p': a field is a column's name in braces and nothing more",
    ):
        render(f"Label: {reaching} please")
    with pytest.raises(SpaceError, match="put a space behind it"):
        render({"text": "{shots}{text}", "shots": 1, "shot": reaching}, shots=SHOTS)
    with pytest.raises(SpaceError, match="but got"):
        render([{"role": "user", "content": reaching}])


def test_a_field_may_be_any_identifier() -> None:
    example = Example("1", {"größe": "3", "_x1": "y", "名": "z"}, None, {})
    assert render("{größe}{_x1}{名}", example) == (Message("user", "3yz"),)


braces = st.text(alphabet='{}:.[]!"0a t', max_size=30)


@given(braces, braces)
def test_a_template_is_refused_or_filled_once_and_data_is_never_read_again(
    text: str, data: str
) -> None:
    try:
        template = Template.parse(text)
    except SpaceError:
        return
    assert template.source == text
    filled = template.fill(dict.fromkeys(template.names, data))
    assert len(filled) == len(text) + sum(
        len(data) - len(name) - 2 for name in template.names
    )
    assert filled == data.join(template.literals)


@given(st.text(max_size=40))
def test_any_data_is_filled_in_as_it_is(data: str) -> None:
    assert (
        render(
            {"text": "<{text}|{text}>", "raw": True},
            Example("1", {"text": data}, None, {}),
        )
        == f"<{data}|{data}>"
    )
