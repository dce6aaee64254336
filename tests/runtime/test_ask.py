"""Questions are inputs for the template, a conversation, or both."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tune.completion import Message
from tune.errors import InputError
from tune.runtime.ask import Ask, read_ask, render
from tune.task.prompt_spec import parse_prompt

CHAT = parse_prompt(
    "chat",
    [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "good"},
        {"role": "assistant", "content": "praise"},
        {"role": "user", "content": "Label: {text}"},
    ],
)


def sent(*, prompt: Any = CHAT, **named: Any) -> list[tuple[str, str]]:
    found = render(read_ask(None, named), prompt).prompt
    assert not isinstance(found, str)
    return [(message.role, message.content) for message in found]


def test_inputs_fill_the_template() -> None:
    assert sent(text=3.0)[-1] == ("user", "Label: 3")
    assert len(sent(text="x")) == 4


def test_a_conversation_is_sent_as_it_is() -> None:
    turns = [
        {"role": "system", "content": "You are a pirate."},
        {"role": "user", "content": "hi"},
    ]
    assert sent(messages=turns) == [("system", "You are a pirate."), ("user", "hi")]


def test_with_both_the_callers_system_message_is_never_replaced() -> None:
    turns = [
        {"role": "system", "content": "Pirate."},
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "ahoy"},
    ]
    assert sent(messages=turns, text="x") == [
        ("system", "Pirate."),
        ("user", "good"),
        ("assistant", "praise"),
        ("user", "hi"),
        ("assistant", "ahoy"),
        ("user", "Label: x"),
    ]
    assert sent(messages=turns[1:], text="x")[0] == ("system", "Be brief.")


def test_names_tools_and_parts_of_a_content_go_through() -> None:
    parts = [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
    ]
    turns = [{"role": "user", "name": "Ann", "content": parts}]
    tools = [{"type": "function", "function": {"name": "f"}}]
    found = render(read_ask(None, {"messages": turns, "tools": tools}), CHAT)
    assert json.loads(found.passed) == {"messages": turns, "tools": tools}
    assert found.prompt == (Message("user", "look"),)


def test_the_messages_of_a_tool_go_through() -> None:
    turns = [
        {"role": "user", "content": "weather?"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
        {"role": "tool", "tool_call_id": "1", "content": "sun"},
    ]
    found = render(read_ask(None, {"messages": turns}), CHAT)
    assert json.loads(found.passed)["messages"] == turns


def test_a_message_object_of_a_client_is_taken_as_plain_data() -> None:
    class Reply:
        def model_dump(self, *, exclude_none: bool) -> dict[str, str]:
            assert exclude_none
            return {"role": "assistant", "content": "ahoy"}

    assert sent(messages=[Reply()]) == [("assistant", "ahoy")]


def test_a_missing_input_is_named_in_one_sentence() -> None:
    with pytest.raises(InputError, match=r"needs the inputs \['text'\].*\['txt'\]"):
        sent(txt="x")


def test_all_missing_inputs_are_named() -> None:
    prompt = parse_prompt("p", "{customer} {priority} {text}")
    with pytest.raises(InputError) as raised:
        sent(prompt=prompt, text="x")
    assert str(raised.value) == (
        "the template 'p' needs the inputs ['customer', 'priority', 'text'] "
        "(missing: ['customer', 'priority']; given: ['text'])"
    )


def test_an_input_whose_name_is_taken_is_given_in_a_mapping() -> None:
    prompt = parse_prompt("p", "{tools} and {text}")
    with pytest.raises(InputError, match=r"in a mapping"):
        sent(prompt=prompt, text="x")
    found = render(read_ask({"tools": "a", "text": "b"}, {}), prompt)
    assert found.prompt == (Message("user", "a and b"),)


@pytest.mark.parametrize(
    ("inputs", "named", "words"),
    [
        (None, {}, "nothing is asked"),
        ({"a": 1}, {"b": 2}, "not both"),
        ("text", {}, "by name or as a mapping"),
        (None, {"messages": [{"content": "x"}]}, "a role and a content"),
    ],
)
def test_what_cannot_be_asked_is_refused(inputs: Any, named: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_ask(inputs, named)


def test_a_verifier_sees_inputs_as_texts_and_other_columns_as_they_are() -> None:
    row = read_ask({"text": 3.0, "stars": 4}, {}).example(["text"])
    assert (row["text"], row["stars"], row.target) == ("3", 4, None)


def test_a_text_to_continue_takes_no_conversation() -> None:
    raw = parse_prompt("r", {"text": "Ticket: {text}\nLabel:", "raw": True})
    assert render(Ask({"text": "x"}), raw).prompt == "Ticket: x\nLabel:"
    with pytest.raises(InputError, match="not a chat"):
        render(Ask(messages=[{"role": "user", "content": "x"}]), raw)


def test_what_is_no_plain_data_is_refused() -> None:
    with pytest.raises(InputError, match="plain data"):
        render(read_ask(None, {"text": "x", "tools": [object()]}), CHAT)


def test_a_setting_given_by_name_is_refused_and_not_ignored() -> None:
    with pytest.raises(InputError, match="'temperature' is no input of the template"):
        sent(text="x", temperature=0.3)
    with pytest.raises(InputError, match="'stream' is no input of the template"):
        sent(messages=[{"role": "user", "content": "hi"}], stream=True)
    # A row of a table may have such a column, and a template such a field.
    render(read_ask({"text": "x", "model": "T4"}, {}), CHAT)
    own = parse_prompt("own", "Which {model}?")
    assert sent(prompt=own, model="T4") == [("user", "Which T4?")]


def test_messages_that_are_no_list_are_refused() -> None:
    for wrong in (5, "hello", {"role": "user", "content": "hi"}):
        with pytest.raises(InputError, match="messages are a list"):
            read_ask(None, {"messages": wrong})


def test_an_empty_list_of_tools_is_not_sent() -> None:
    ask = read_ask(None, {"text": "x", "tools": [], "parallel_tool_calls": False})
    assert ask.passed == {"parallel_tool_calls": False}
