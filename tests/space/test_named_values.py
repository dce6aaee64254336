"""Settings that are tables or lists: searched by name, sent as they are."""

from __future__ import annotations

from typing import Any

import pytest

from tune.completion import Structured
from tune.errors import SpaceError
from tune.space import Space
from tune.space.named_values import NamedValues

JSON = {"type": "json_object"}
SCHEMA = {
    "type": "json_schema",
    "json_schema": {"name": "a", "schema": {"type": "object"}},
}


def space(**settings: Any) -> Space:
    return Space(model=["a", "b"], prompt="{text}", **settings)


def test_a_space_searches_the_names() -> None:
    made = space(response_format={"plain": {}, "json": JSON, "schema": SCHEMA})
    assert made.domains["response_format"].values == ("plain", "json", "schema")
    assert made.named.sent("response_format", "json") == Structured.of(JSON)
    assert made.named.sent("response_format", "plain") is None
    assert made.named.sent("temperature", 0.5) == 0.5


def test_tools_and_an_extra_body_are_named_as_well() -> None:
    tools = [{"type": "function", "function": {"name": "f"}}]
    made = space(
        tools={"none": [], "f": tools},
        extra_body={"cheap": {"provider": {"sort": "price"}}},
        chat_template_kwargs={"quick": {"enable_thinking": False}},
    )
    assert made.named.sent("tools", "f") == Structured.of(tools)
    assert made.named.sent("tools", "none") is None
    config = {"tools": "f", "extra_body": "cheap", "temperature": 1}
    assert made.named.of_config(config) == {
        "tools": tools,
        "extra_body": {"provider": {"sort": "price"}},
    }


def test_a_model_has_names_of_its_own() -> None:
    made = space(
        thinking={"on": {"type": "enabled"}},
        when={
            "a": {"thinking": {"off": {"type": "disabled"}}},
            "b": {"thinking": "on"},
        },
    )
    assert made.when["a"]["thinking"].values == ("off",)  # type: ignore[union-attr]
    assert made.named.sent("thinking", "off") == Structured.of({"type": "disabled"})
    with pytest.raises(SpaceError, match=r"when\.b: thinking has the named values"):
        space(thinking={"on": {}}, when={"b": {"thinking": ["of"]}})


def test_a_space_is_the_same_after_a_file() -> None:
    made = space(
        response_format={"plain": {}, "json": JSON},
        when={"a": {"response_format": "json"}, "b": {"response_format": []}},
    )
    again = Space.from_mapping(made.to_mapping())
    assert again.to_mapping() == made.to_mapping()
    assert again.named.sent("response_format", "json") == Structured.of(JSON)


def test_a_value_without_a_name_gets_its_type_or_a_number() -> None:
    named = NamedValues()
    assert named.name("response_format", JSON) == "json_object"
    assert named.name("response_format", dict(JSON)) == "json_object"
    assert named.name("response_format", {**JSON, "x": 1}) == "json_object 2"
    assert named.name("tools", [{}]) == "value 1"
    assert named.name("stop", ["a"]) == ["a"]
    assert named.name("temperature", 0.5) == 0.5


def test_stops_have_no_names() -> None:
    with pytest.raises(SpaceError, match="stop: a range has low, high"):
        space(stop={"first": ["a"], "second": []})


def test_what_is_added_to_a_copy_stays_there() -> None:
    made = space(response_format={"json": JSON})
    copied = made.copied()
    copied.named.name("response_format", SCHEMA)
    assert made.named.value("response_format", "json_schema") is None


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"response_format": JSON}, "a range has low, high"),
        ({"response_format": [JSON]}, "give such values by name"),
        ({"extra_body": {"a": {"max_tokens": 5}}}, "max_tokens"),
        ({"extra_body": {"a": {"n": 5}}}, "'n'"),
        ({"extra_body": {"a": [5]}}, "a table of fields"),
        ({"thinking": {"a": {"x": float("nan")}}}, "what JSON knows"),
        (
            {"thinking": {"a": {}}, "when": {"a": {"thinking": {"a": {"x": 1}}}}},
            "two values named 'a'",
        ),
        ({"thinking": {"": {"x": 1}}}, "an empty name"),
    ],
)
def test_a_value_that_cannot_be_sent_is_refused(
    settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(SpaceError, match=words):
        space(**settings)
