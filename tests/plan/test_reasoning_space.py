"""Models that reason in hidden tokens: which they are, and the domains that they need."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tune.plan.reasoning_space import (
    reasons_unseen,
    search_reasoning,
    warn_of_small_cap,
)
from tune.providers.entries import Entry
from tune.providers.model_rules import ModelRules, find_rules
from tune.space import Choice, Space

ROUTER = "https://openrouter.ai/api/v1"


@pytest.mark.parametrize(
    ("entry", "efforts", "expected"),
    [
        (Entry("m", "o3"), None, True),
        (Entry("m", "gpt-6-luna"), None, True),
        (Entry("m", "gpt-4o-mini"), None, False),
        (Entry("m", "gpt-5.4-mini"), None, False),
        (Entry("m", "gpt-5.4-mini"), ("none", "low"), True),
        (Entry("m", "gpt-6-luna"), ("none",), False),
        (Entry("m", "gpt-5-chat-latest"), None, False),
        (Entry("m", "openai/o3", base_url=ROUTER), None, True),
        (Entry("m", "openai/gpt-5-chat", base_url=ROUTER), None, False),
        (Entry("m", "llama", base_url=ROUTER), None, False),
        (Entry("m", "local:o3"), None, False),
    ],
)
def test_the_table_the_efforts_and_else_the_name_tell_who_reasons(
    entry: Entry, efforts: tuple[str, ...] | None, expected: bool
) -> None:
    domain = None if efforts is None else Choice(efforts)
    assert reasons_unseen(entry, find_rules(entry), domain) is expected


def test_caps_end_at_the_models_largest_output() -> None:
    space = Space(model="m", prompt="{text}", max_tokens=64)
    rules = ModelRules("m", most_output=3000, reasoning="always")
    words = search_reasoning(space, "m", rules)
    assert space.domain("max_tokens", "m") == Choice((1024, 2048))
    assert "max_tokens from 1024 to 2048" in words
    search_reasoning(space, "m", replace(rules, most_output=500))
    assert space.domain("max_tokens", "m") == Choice((500,))


def test_expensive_efforts_are_the_users_to_name() -> None:
    space = Space(model="m", prompt="{text}")
    rules = ModelRules("m", efforts=("low", "high", "xhigh", "max"))
    search_reasoning(space, "m", rules)
    assert space.domain("reasoning_effort", "m") == Choice(("low", "high"))


def test_a_small_cap_is_told_once() -> None:
    space = Space(model="m", prompt="{text}", max_tokens=256)
    (words,) = warn_of_small_cap(space, "m")
    assert "no max_tokens of the space is above 256" in words
    assert (
        warn_of_small_cap(Space(model="m", prompt="{text}", max_tokens=512), "m") == []
    )
