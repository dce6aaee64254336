"""Values that a dimension can and cannot take."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tune.errors import SpaceError
from tune.space import Integers, Uniform, parse_domain
from tune.space.values import (
    check_value,
    is_finite_number,
    is_number,
    is_whole_number,
    is_within,
    nearest,
    parse_stop,
)


@pytest.mark.parametrize(
    ("name", "written", "message"),
    [
        ("temperature", "hot", "temperature is a number, but got 'hot'"),
        ("temperature", [0, "0.5"], "temperature is a number, but got '0.5'"),
        ("temperature", True, "temperature is a number, but got True"),
        ("temperature", -0.1, "`0 <= temperature` must hold, but got temperature=-0.1"),
        ("temperature", math.nan, "temperature is a number, but got nan"),
        (
            "temperature",
            Uniform(-1, 1),
            "`0 <= temperature` must hold, but got temperature=-1.0",
        ),
        ("top_p", [0.5, 1.5], "`0 <= top_p <= 1` must hold, but got top_p=1.5"),
        ("presence_penalty", 3, "`-2 <= presence_penalty <= 2` must hold"),
        ("top_k", 2.5, "top_k is a whole number, but got 2.5"),
        ("n", 0, "`1 <= n` must hold, but got n=0"),
        ("n", [1, 2.5], "n is a whole number, but got 2.5"),
        ("n", [None], "n is a whole number, but got None"),
        ("n", Integers(0, 5), "`1 <= n` must hold, but got n=0"),
        ("n", Uniform(1, 5), r"n is a whole number: give Integers\(1, 5\)"),
        (
            "n",
            {"low": 3, "high": 1},
            r"^n: `low <= high` must hold, but got \(low=3, high=1\)",
        ),
        (
            "n",
            {"low": 1, "high": 9, "step": 2},
            "^n: a range of whole numbers has no step: list its values",
        ),
        ("max_tokens", "many", "max_tokens is a number, but got 'many'"),
        ("max_tokens", -5, "`1 <= max_tokens` must hold"),
        ("temperature", {"low": 0}, "^temperature: a range has low, high and perhaps"),
        (
            "temperature",
            {"low": 0, "high": 1, "max": 2},
            "a range has low, high and perhaps",
        ),
        (
            "temperature",
            {"low": "a", "high": 1},
            "^temperature: numbers are wanted, but got low='a'",
        ),
        (
            "temperature",
            {"low": 0, "high": 1, "log": True},
            "^temperature: log is for whole numbers",
        ),
        (
            "temperature",
            {"low": 0, "high": 1, "integer": "yes"},
            "integer is true or false, but got 'yes'",
        ),
        ("n", [1, 1], r"^n: the values of a choice differ, but got \[1, 1\]"),
        ("model", ["a", 3], "model is a name, but got 3"),
        ("model", "", "model is a name, but got ''"),
        ("model", {"low": 1, "high": 2}, "model has no range: list its values"),
        ("aggregate", [None], "aggregate is a name, but got None"),
        (
            "stop",
            3,
            "stop is a text, a list of texts or None, and no text is empty, but got 3",
        ),
        ("stop", [["\n", 3]], "no text is empty, but got"),
        ("stop", [""], "no text is empty"),
        ("stop", {"low": 1, "high": 2}, "stop has no range"),
        (
            "reasoning_effort",
            [["low"]],
            r"give such values by name, as \{NAME: \['low'\]\}",
        ),
        ("reasoning_effort", [math.inf], "a finite number"),
        ("anything", [{"a": 1}], "give such values by name"),
    ],
)
def test_a_value_that_a_dimension_cannot_take_is_refused(
    name: str, written: Any, message: str
) -> None:
    with pytest.raises(SpaceError, match=message):
        parse_domain(name, written)


@pytest.mark.parametrize(
    ("written", "stop"),
    [
        (None, ()),
        ("\n", ("\n",)),
        (["\n", "##"], ("\n", "##")),
        (("x",), ("x",)),
        (3, 3),
    ],
)
def test_a_stop_setting_becomes_a_tuple_and_anything_else_is_left_alone(
    written: Any, stop: Any
) -> None:
    assert parse_stop(written) == stop


def test_numbers_are_told_from_truth_values_and_from_those_that_json_lacks() -> None:
    assert [is_number(value) for value in (1, 0.5, math.nan, True, "1")] == [
        True
    ] * 3 + [False] * 2
    assert is_finite_number(0.5)
    assert not is_finite_number(math.nan)
    assert not is_finite_number(-math.inf)
    assert is_whole_number("n")
    assert not is_whole_number("temperature")
    assert not is_whole_number("anything")


def test_any_setting_that_is_not_known_takes_whatever_json_can_carry() -> None:
    for value in (None, "low", 3, True, 0.5):
        check_value("anything", value)


@pytest.mark.parametrize(
    ("value", "low", "high", "within"),
    [
        (1.0, 1.0, 1.0, True),
        (0.9, 1.0, None, False),
        (1.1, None, 1.0, False),
        (5, None, None, True),
        ("high", 0.0, 1.0, True),
        (None, 0.0, 1.0, True),
        (True, 2.0, 3.0, True),
    ],
)
def test_only_a_number_can_lie_outside_of_two_ends(
    value: Any, low: float | None, high: float | None, within: bool
) -> None:
    assert is_within(value, low, high) is within


def test_the_nearest_value_is_by_distance_and_the_first_for_what_is_no_number() -> None:
    assert nearest(0.6, (0.0, 0.5, 1.0)) == 0.5
    assert nearest(9, (None, 2, 4)) == 4
    assert nearest(1, (0, 2)) == 0
    assert nearest("a", ("b", "c")) == "b"
