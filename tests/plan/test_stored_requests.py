"""A stored request is matched with the prompt that made it."""

from __future__ import annotations

import json
from typing import Any

from tests.support.order import ROWS, order
from tune.completion import Message, Request
from tune.plan.stored_requests import (
    PromptMatcher,
    is_same_kind,
    may_be_from,
    messages_of,
)


def record(*messages: tuple[str, str], **settings: Any) -> dict[str, Any]:
    turns = tuple(Message(role, content) for role, content in messages)
    made = Request("s", "small", turns, 16, settings=tuple(sorted(settings.items())))
    found: dict[str, Any] = json.loads(made.canonical)
    return found


def test_a_prompt_is_known_by_its_own_text_also_for_new_rows() -> None:
    matcher = PromptMatcher(order())
    assert (
        matcher.prompt_of(record(("user", "Label this ticket: a new one"))) == "short"
    )
    assert (
        matcher.prompt_of(record(("user", "Think step by step, then label: x")))
        == "reasoned"
    )
    assert matcher.prompt_of(record(("user", "Something else: x"))) is None


def test_of_two_prompts_that_fit_the_one_with_more_text_is_it() -> None:
    prompts = {"a": "Label this: {text}", "b": "Label this: {text} Answer now."}
    matcher = PromptMatcher(order(space={"prompt": prompts}))
    assert matcher.prompt_of(record(("user", "Label this: x Answer now."))) == "b"


def test_a_prompt_without_text_is_known_by_the_rows() -> None:
    matcher = PromptMatcher(order(space={"prompt": {"bare": "{text}"}}))
    assert matcher.prompt_of(record(("user", str(ROWS[0]["text"])))) == "bare"
    assert matcher.prompt_of(record(("user", "a new row"))) is None


def test_few_shot_examples_may_be_others() -> None:
    shots = {
        "messages": [
            {"role": "system", "content": "Label this ticket."},
            {"role": "user", "content": "{text}"},
        ],
        "shots": 1,
        "shot": [
            {"role": "user", "content": "{text}"},
            {"role": "assistant", "content": "{label}"},
        ],
    }
    prompt = order(space={"prompt": {"shots": shots}}).prompts["shots"]
    other = [["system", "Label this ticket."], ["user", "old"], ["assistant", "good"]]
    assert may_be_from(prompt, [*other, ["user", "new"]])
    assert not may_be_from(prompt, [["user", "new"]])


def test_a_raw_prompt_is_one_text() -> None:
    assert messages_of({"text": "Go on"}) == [["", "Go on"]]
    assert messages_of({"messages": [["user", "Hi"]]}) == [["user", "Hi"]]


def test_an_effort_that_the_space_lacks_is_of_another_kind() -> None:
    plan = order()
    assert is_same_kind(plan, "small", record(("user", "x"), temperature=0.3))
    assert not is_same_kind(
        plan, "small", record(("user", "x"), reasoning_effort="high")
    )


def test_a_prompt_that_a_function_makes_is_known_by_the_rows() -> None:
    plan = order(space={"prompt": {"mine": lambda row: f"Please label: {row['text']}"}})
    matcher = PromptMatcher(plan)
    text = f"Please label: {plan.examples[0].inputs['text']}"
    assert matcher.prompt_of(record(("user", text))) == "mine"
    assert matcher.prompt_of(record(("user", "Please label: x"))) is None
