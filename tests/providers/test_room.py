"""The room of an answer in a model's context."""

from __future__ import annotations

import pytest

from tune.providers.room import largest_cap


@pytest.mark.parametrize(
    ("context", "asked", "most"),
    [
        (4096, 4096, 2048),
        (4097, 4000, 2048),
        (64, 33, 32),
        (64, 32, None),
        (64, 4, None),
    ],
)
def test_half_of_the_context_is_left_to_the_prompt(
    context: int, asked: int, most: int | None
) -> None:
    assert largest_cap(context, asked) == most


def test_an_unknown_context_has_no_half() -> None:
    assert largest_cap(0, 100) is None
    assert largest_cap(1, 100) is None
