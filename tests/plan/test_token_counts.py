"""Tokens of prompts are counted without a key and without a network."""

from __future__ import annotations

import pytest

from tests.support.order import order
from tune.completion import Message, Request
from tune.plan.token_counts import (
    likely_tokens,
    offline_endpoints,
    prompt_tokens,
    text_tokens,
)


def request(text: str) -> Request:
    return Request("", "small", (Message("user", text),), 16)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("word", 1), ("two words.", 3), ("incomprehensible", 3)],
)
def test_a_word_is_a_token_and_a_long_one_is_several(text: str, tokens: int) -> None:
    assert text_tokens(text) == tokens


def test_a_chat_has_tokens_around_its_messages() -> None:
    raw = Request("", "small", "two words.", 16)
    assert likely_tokens(raw, 100) == 3
    assert likely_tokens(request("two words."), 100) == 3 + 3 + 4
    assert likely_tokens(request("two words."), 5) == 5  # never more than there can be


def test_an_offline_endpoint_counts_and_has_the_service_of_the_entry() -> None:
    plan = order(base_url="http://127.0.0.1:9/v1")
    endpoints = offline_endpoints(plan.entries)
    assert set(endpoints) == {"small", "large"}
    assert "127.0.0.1:9" in endpoints["small"].service
    counted = prompt_tokens(
        endpoints["small"], plan.entries["small"], request("two words.")
    )
    assert counted == 10
