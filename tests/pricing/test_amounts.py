"""Dollars as people read them."""

from __future__ import annotations

import math
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.pricing.amounts import dollars, least_dollars, stated_dollars


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.0, "$0"),
        (5, "$5.00"),
        (1234.5, "$1,234.50"),
        (0.07, "$0.07"),
        (0.123456, "$0.123"),
        (0.00004, "$0.00004"),
        (0.0000123456, "$0.0000123"),
        (-0.5, "-$0.50"),
        (0.99999, "$1.00"),
        (math.inf, "no limit"),
        (math.nan, "unknown"),
    ],
)
def test_dollars_keep_three_digits_below_one_dollar(value: float, written: str) -> None:
    assert dollars(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (5, "$5.00"),
        (0.6, "$0.60"),
        (1e-7, "$0.0000001"),
        (0.00123456, "$0.00123456"),
        (1234567.5, "$1,234,567.50"),
        (math.nan, "$nan"),
    ],
)
def test_what_somebody_stated_keeps_its_digits(value: float, written: str) -> None:
    assert stated_dollars(value) == written


@given(st.floats(1e-12, 1e5))
def test_the_least_that_is_enough_is_enough_as_it_is_written(value: float) -> None:
    written = least_dollars(value)
    read = float(written.lstrip("$").replace(",", ""))
    assert value <= read <= value * 1.0101 + 0.01
    assert read <= value * 1.0101 or value >= 0.99


@given(st.floats())
def test_every_float_can_be_written(value: float) -> None:
    for write in (dollars, stated_dollars, least_dollars):
        assert write(value)


def test_the_least_of_a_huge_amount_is_written_whole() -> None:
    assert least_dollars(1e30) == dollars(1e30)
    assert least_dollars(sys.float_info.max) == dollars(sys.float_info.max)


def test_no_module_writes_dollars_with_a_format_of_its_own() -> None:
    # Such formats write $4e-05 for small amounts.
    own = re.compile(r"\$\{[^{}]+:[^{}]*g\}")
    package = Path(__file__).parents[2] / "tune"
    found = [
        path.name
        for path in package.rglob("*.py")
        if own.search(path.read_text("utf-8"))
    ]
    assert found == []
