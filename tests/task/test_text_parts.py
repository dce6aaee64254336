"""Parts of a text: reasoning, numbers, code and JSON objects."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.task.extract import parse_extractor
from tune.task.text_parts import first_json_object, last_number, normalize_number


def answer(spec: Any, text: str) -> str | None:
    return parse_extractor(spec)(text)


def test_a_text_of_nothing_but_braces_is_read_in_time_and_holds_no_object() -> None:
    assert first_json_object("{" * 2000) is None
    assert first_json_object('{"a":' * 20_000) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It costs $1,234.50.", "1234.5"),
        ("first 3, then 4", "4"),
        ("= -7", "-7"),
        ("x=-7", "-7"),
        ("3-4", "4"),
        ("2024-11-22", "22"),
        ("\u22125 degrees", "-5"),
        ("1,234,567", "1234567"),
        ("1,2", "2"),
        ("007", "7"),
        ("42.", "42"),
        ("3.140", "3.14"),
        ("1e3", "1000"),
        ("2.5E-2", "0.025"),
        (".5", "0.5"),
        ("-0.0", "0"),
        ("50%", "50"),
        ("10 000 000 000 000 000 000 001", "1"),
        ("12345678901234567890", "12345678901234567890"),
        ("+5", "5"),
        ("none", None),
        ("", None),
    ],
)
def test_the_last_number_is_found_and_brought_to_one_form(
    text: str, found: str | None
) -> None:
    assert answer({"number": True}, text) == found


def test_an_absurd_exponent_is_no_way_to_fill_the_memory() -> None:
    found = last_number("1e999999999")
    assert found is not None
    assert len(found) < 200


@given(st.integers(-(10**9), 10**9), st.integers(0, 6))
def test_a_number_reads_the_same_however_it_is_written(
    digits: int, places: int
) -> None:
    value = Decimal(digits).scaleb(-places)
    plain = last_number(f"so: {value:f}")
    assert plain is not None
    assert Decimal(plain) == value
    assert last_number(f"so: {value:,f} dollars") == plain
    assert normalize_number(plain) == plain


LABELS = {"labels": ["billing", "feature"]}


@pytest.mark.parametrize(
    "spec",
    [None, {"whole": True}, LABELS, {"pattern": r"(billing|feature)"}, {"json": "a"}],
)
def test_a_thought_that_is_not_ended_holds_no_answer(spec: Any) -> None:
    cut = '<think>\nFirst guess billing, then feature {"a": "billing"}'
    assert parse_extractor(spec)(cut) is None
    assert parse_extractor(spec)("  " + cut.replace("think", "Thinking")) is None
