"""Examples: cells as text and as Python values, and columns by name."""

from __future__ import annotations

import datetime
import decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tune.errors import DataError
from tune.task.example import Data, Example, builtin_value, canonical_json, to_text
from tune.task.load import load_data


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x", "x"),
        (3, "3"),
        (3.0, "3"),
        (1e22, "1" + "0" * 22),
        (0.25, "0.25"),
        (True, "true"),
        (np.int64(3), "3"),
        (np.float64(2.0), "2"),
        (np.bool_(True), "true"),
        (["ö", 1, None], '["ö", 1, null]'),
        ((1, float("nan")), "[1, null]"),
        (np.array([1, 2]), "[1, 2]"),
        ({"a": {"b": [1.5]}}, '{"a": {"b": [1.5]}}'),
        ({"day": datetime.date(2026, 11, 1)}, '{"day": "2026-11-01"}'),
        (pd.Timestamp("2026-11-01"), "2026-11-01T00:00:00"),
        (decimal.Decimal("1.10"), "1.10"),
        (None, "null"),
    ],
)
def test_cells_become_text(value: Any, text: str) -> None:
    assert to_text(value) == text


def test_a_column_is_had_by_name() -> None:
    data = load_data(
        [{"a": 1, "label": "x", "m": 3}, {"a": 2, "label": "y", "m": 4}], fields={"a"}
    )
    assert (data.cells("a"), data.cells("label"), data.cells("m")) == (
        ["1", "2"],
        ["x", "y"],
        [3, 4],
    )
    with pytest.raises(
        DataError, match=r"column 'z' is not in 'data', which has \['a', 'label', 'm'\]"
    ):
        data.cells("z")


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.int64(3), 3),
        (np.array([1.5, 2.0]), [1.5, 2.0]),
        (float("nan"), None),
        (np.float64("nan"), None),
        ((1, {2: np.int64(3)}), [1, {"2": 3}]),
        ({"a": [float("nan")]}, {"a": [None]}),
        ("x", "x"),
    ],
)
def test_a_cell_is_given_in_pythons_own_types(value: Any, plain: Any) -> None:
    found = builtin_value(value)
    assert found == plain
    assert type(found) is type(plain)


def test_canonical_json_is_the_same_for_equal_values() -> None:
    assert canonical_json({"b": 1, "a": [None, "ö"]}) == canonical_json(
        {"a": [None, "ö"], "b": 1}
    )
    assert (
        canonical_json(b"x") == canonical_json(bytearray(b"x")) != canonical_json(b"y")
    )
    assert canonical_json(datetime.date(2026, 1, 2)) == '"2026-01-02"'
    assert canonical_json(object()) == '"object"'


def test_the_cells_of_a_column_are_those_of_every_example() -> None:
    rows = (
        Example("1", {"text": "a"}, "x", {"more": 3}, "label"),
        Example("2", {"text": "b"}, "y", {"more": None}, "label"),
    )
    data = Data("d", rows, "0" * 12, ("text",), "label")
    assert data.columns == ("text", "label", "more")
    assert data.cells("text") == ["a", "b"]
    assert data.cells("label") == ["x", "y"]
    assert data.cells("more") == [3, None]
    with pytest.raises(DataError, match="the column 'z' is not in 'd', which has"):
        data.cells("z")
