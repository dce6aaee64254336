"""The answers of the fake server: caps, stop strings, reasoning, and usage in each service's form."""

from __future__ import annotations

from typing import Any

import pytest

from tune.fakes.answers import (
    FakeAnswer,
    count_prompt_tokens,
    cut_at_stop,
    make_answer,
    prompt_text,
    request_key,
)
from tune.fakes.faults import Fault, Model

CHAT = {"model": "small", "messages": [{"role": "user", "content": "one two"}]}


def answer(
    model: Model | None = None, fault: Fault | None = None, **changes: Any
) -> FakeAnswer:
    """Answer a chat of two words with five words."""
    return make_answer(
        lambda *_: "a b c d e",
        CHAT | changes,
        model or Model(),
        fault,
        chat=True,
        seed=0,
        key="key",
    )


def test_the_text_ends_at_the_cap() -> None:
    made = answer(max_tokens=3)
    assert (made.texts, made.reasons, made.completion_tokens) == (
        ["a b c"],
        ["length"],
        [3],
    )


def test_the_text_ends_before_the_first_stop_string() -> None:
    assert cut_at_stop("a b c d", ["d", "b"]) == "a "
    assert cut_at_stop("a b c d", ["x"]) == "a b c d"
    assert answer(stop="c").texts == ["a b "]
    assert answer(stop=["d", "b"]).texts == ["a "]


def test_a_stop_string_within_the_cap_is_the_reason_for_the_end() -> None:
    assert answer(stop="c", max_tokens=4).reasons == ["stop"]
    assert answer(stop="e", max_tokens=4).reasons == ["length"]


def test_reasoning_uses_up_the_cap_or_comes_on_top_of_it() -> None:
    capped = answer(Model(reasoning=3), max_tokens=4)
    assert (capped.texts, capped.completion_tokens) == (["a"], [4])
    uncapped = answer(Model(reasoning=3, uncapped=True), max_tokens=4)
    assert (uncapped.texts, uncapped.completion_tokens) == (["a b c d"], [7])
    assert answer(Model(reasoning=3), max_tokens=2).completion_tokens == [2]


def test_a_cut_prompt_is_counted_and_billed_as_far_as_it_is_read() -> None:
    assert answer(Model(reads=4)).prompt_tokens == 4
    assert answer().prompt_tokens == 8


def test_faults_change_the_choices_of_an_answer() -> None:
    assert len(answer(n=3).texts) == 3
    assert len(answer(fault=Fault("fewer"), n=3).texts) == 1
    assert answer(fault=Fault("filtered")).reasons == ["content_filter"]
    assert answer(fault=Fault("overbill"), max_tokens=2).completion_tokens == [4]


@pytest.mark.parametrize(
    ("counts", "completion", "details"),
    [("inside", 8, True), ("beside", 5, True), ("total", 5, False)],
)
def test_reasoning_is_counted_in_the_place_of_the_service(
    counts: Any, completion: int, details: bool
) -> None:
    usage = answer(Model(reasoning=3, counts=counts)).record()["usage"]
    assert usage["completion_tokens"] == completion
    assert usage["total_tokens"] == 8 + 8
    assert ("completion_tokens_details" in usage) is details


def test_the_usage_states_the_bill_in_the_unit_of_the_service() -> None:
    dollars = answer(Model(1.0, 2.0, own_bill="cost")).record()["usage"]["cost"]
    assert dollars == pytest.approx(18e-6)
    usage = answer(Model(1.0, 2.0, own_bill="cost_in_usd_ticks")).record()["usage"]
    assert usage["cost_in_usd_ticks"] == 180_000


def test_the_usage_shows_cached_tokens_of_the_prompt_at_most() -> None:
    assert "prompt_tokens_details" not in answer().record()["usage"]
    cached = answer(Model(cached=100)).record()["usage"]["prompt_tokens_details"]
    assert cached == {"cached_tokens": 8}


def test_an_answer_names_its_tier_where_there_is_one() -> None:
    assert "service_tier" not in answer().record()
    assert answer(Model(tier="flex")).record()["service_tier"] == "flex"


def test_a_plain_prompt_has_a_plain_answer_and_a_cap_of_16_tokens() -> None:
    body = {"model": "small", "prompt": "one two"}
    made = make_answer(
        lambda *_: "a " * 20, body, Model(), None, chat=False, seed=0, key="key"
    )
    assert made.completion_tokens == [16]
    assert made.record()["choices"][0]["text"] == "a " * 15 + "a"


def test_the_tokens_of_a_chat_are_those_of_its_text_and_of_its_form() -> None:
    two = {"messages": [{"content": "one"}, {"content": "two"}]}
    assert prompt_text(two) == "one\ntwo"
    assert count_prompt_tokens(two) == 2 + 2 * 3 + 3
    assert count_prompt_tokens({"prompt": "one two"}) == 2


def test_the_key_of_a_request_does_not_depend_on_the_order_of_its_fields() -> None:
    assert request_key({"a": 1, "b": 2}) == request_key({"b": 2, "a": 1})
    assert request_key({"a": 1}) != request_key({"a": 2})
