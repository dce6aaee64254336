"""The bound of a prompt is never below what a service can bill for it."""

from __future__ import annotations

import json

from tune.completion import Message, Request, Structured
from tune.providers.openai.prompt_bound import prompt_bound


def ask(
    prompt: str | tuple[Message, ...], passed: str = "", **settings: object
) -> Request:
    given = tuple(settings.items())
    return Request("service", "llama", prompt, 16, settings=given, passed=passed)


def test_a_text_counts_its_bytes_and_what_a_service_puts_around_it() -> None:
    assert prompt_bound(ask("née"), "") == 4 + 16


def test_each_message_and_the_chat_have_words_of_their_own() -> None:
    chat = tuple(Message("user", "é" * 100) for _ in range(3))
    assert prompt_bound(ask(chat), "") == 3 * (16 + 4 + 200) + 128


def test_a_schema_is_a_part_of_the_prompt() -> None:
    form = Structured.of({"type": "json_schema", "json_schema": {"name": "x" * 500}})
    plain = prompt_bound(ask("a"), "")
    assert prompt_bound(ask("a", response_format=form), "") >= plain + 500


def test_an_image_behind_an_address_counts_as_the_dearest_that_is_known() -> None:
    part = {"type": "image_url", "image_url": {"url": "https://a.b/c.png"}}
    passed = json.dumps(
        {"messages": [{"role": "user", "content": [part]}]}, separators=(",", ":")
    )
    bound = prompt_bound(ask((Message("user", ""),), passed), "")
    # gpt-4o-mini bills up to 48,169 tokens for one.
    assert bound >= 48_169 + len(passed)
