"""Lengths and times of stored answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.order import order
from tune.completion import Message, Request
from tune.plan.stored_lengths import StoredLengths
from tune.plan.token_counts import offline_endpoints

PLAN = order()
ENDPOINTS = offline_endpoints(PLAN.entries)


class Held:
    """Stands in for a store: (request, prompt tokens, answer tokens, seconds, draws) of each."""

    def __init__(self, *rows: tuple[str, float, float, float, int]) -> None:
        self.rows = rows

    def lengths(self) -> Any:
        return self.rows


def row(
    tokens: float,
    *,
    model: str = "small",
    text: str = "Label this ticket: ticket 1",
    cap: int = 64,
    seconds: float = 0.0,
    billed: float = 20.0,
    draws: int = 4,
) -> tuple[str, float, float, float, int]:
    made = Request(ENDPOINTS[model].service, model, (Message("user", text),), cap)
    assert json.loads(made.canonical)["model"] == model
    return made.canonical, billed, tokens, seconds, draws


def stored(*rows: tuple[str, float, float, float, int]) -> StoredLengths:
    return StoredLengths(PLAN, ENDPOINTS, Held(*rows))  # type: ignore[arg-type]


def test_without_a_store_nothing_is_known() -> None:
    empty = StoredLengths(PLAN, ENDPOINTS, None)
    assert empty.length("small", "short", 64) is None
    assert empty.correction("small") == 1.0
    assert empty.time("small", "short", 5.0) == (None, 0)


def test_the_mean_counts_every_draw() -> None:
    found = stored(row(4.0, draws=1), row(10.0, draws=3)).length("small", "short", 64)
    assert found is not None
    assert (found.tokens, found.draws) == (8.5, 4)
    assert found.span[0] < 8.5 < found.span[1]


def test_answers_of_another_model_count_where_there_are_no_own_and_tell_less() -> None:
    own = stored(row(8.0)).length("small", "short", 64)
    other = stored(row(8.0, model="large")).length("small", "short", 64)
    assert own is not None
    assert other is not None
    assert other.tokens == own.tokens
    assert other.span[0] < own.span[0]
    assert other.span[1] > own.span[1]


def test_answers_that_were_cut_may_be_as_long_as_the_cap() -> None:
    found = stored(row(16.0, cap=16)).length("small", "short", 64)
    assert found is not None
    assert found.span[1] == 64.0


def test_prompts_are_corrected_by_what_was_billed() -> None:
    counted = stored(row(4.0, billed=30.0))
    assert counted.correction("small") == pytest.approx(30.0 / 13)
    assert counted.correction("large") == 1.0


def test_seconds_are_those_of_the_prompt_else_those_of_a_token() -> None:
    timed = stored(row(10.0, seconds=2.0))
    assert timed.time("small", "short", 10.0) == (2.0, 4)
    assert timed.time("small", "reasoned", 100.0) == (20.0, 4)
    assert timed.time("large", "short", 10.0) == (None, 0)
