"""Bounds of values, read from the words of refusals."""

from __future__ import annotations

import pytest

from tune.providers.openai.refused_values import is_about_value, read_bounds

BOUNDS = [
    ("temperature: range: 0..1", (0, 1)),
    ("Only the default (1) value is supported.", (1, 1)),
    ("`temperature` may only be set to 1 when thinking is enabled", (1, 1)),
    ("temperature must be between 0 and 2", (0, 2)),
    ("top_p must be in (0, 1], got 2.0.", (0, 1)),
    ("Input should be less than or equal to 1.5", (None, 1.5)),
    ("Input should be greater than or equal to 0.1", (0.1, None)),
    (
        "max_tokens: 99999 > 64000, which is the maximum allowed number of output tokens",
        (None, 64000),
    ),
    ("Range of top_p should be (0.0, 1.0)", (0, 1)),
    ("Frequency penalty must satisfy p > 0.", (0, None)),
    ("temperature must be less than 2", (None, 2)),
    ("Requests with max_tokens > 4096 must have stream=true", (None, 4096)),
    ("too many stop sequences: limit is 5", (None, 5)),
    ("Expected an array with maximum length 4, but got 5 instead.", (None, 4)),
    ("expected maximum item count: 1, found: 5, please reformat", (None, 1)),
    ("stop:\u6700\u5927\u53ea\u80fd\u67091\u4e2a\u505c\u6b62\u8bcd", (None, 1)),
    ("temperature is odd", (None, None)),
]


@pytest.mark.parametrize(("text", "bounds"), BOUNDS)
def test_bounds_are_read_from_a_refusal(
    text: str, bounds: tuple[float | None, float | None]
) -> None:
    assert read_bounds(text) == bounds


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("top_p must be in (0, 1]", True),
        ("Invalid top_logprobs and logprobs value", True),
        ("invalid thinking: only type=enabled is allowed for this model", True),
        ("`temperature` and `top_p` cannot be set at the same time", True),
        ("`top_k` must be unset when thinking is enabled", False),
        ("Penalty is not enabled for this model", False),
        ("Extra inputs are not permitted", False),
    ],
)
def test_a_refusal_is_about_a_value_or_about_the_parameter(
    text: str, value: bool
) -> None:
    assert is_about_value({"error": {"message": text}}, text) is value


@pytest.mark.parametrize(
    ("words", "whole", "high"),
    [
        ("n should be less than 5", True, 4),
        ("n should be less than or equal to 5", True, 5),
        ("top_p must be < 1", False, 1),
    ],
)
def test_a_whole_number_below_a_bound_is_one_less(
    words: str, whole: bool, high: float
) -> None:
    assert read_bounds(words, whole=whole) == (None, high)


def test_an_exclusive_end_is_one_less_for_whole_numbers_alone() -> None:
    words = "the supported range is from 0 (inclusive) to 2 (exclusive)"
    assert read_bounds(words, whole=True) == (0.0, 1.0)
    # The largest number below 2 has no name; 2 itself was refused.
    assert read_bounds(words) == (0.0, 2.0)
    assert read_bounds("must be at most 16,384") == (None, 16384.0)
    assert read_bounds("the valid range is [1,100]") == (1.0, 100.0)
