"""Tables: rows with their places and columns, held to limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tune.errors import DataError
from tune.task.table import PlacedRow, make_table, numbered


def test_a_table_has_the_columns_of_all_rows_in_order_of_appearance() -> None:
    table = make_table(
        "films", [("line 2", {"b": 1, "a": 2}), ("line 7", {"c": 3, "a": 4})]
    )
    assert (table.name, table.columns) == ("films", ("b", "a", "c"))
    assert list(table.places) == ["line 2", "line 7"]
    assert list(table.rows) == [{"b": 1, "a": 2}, {"c": 3, "a": 4}]


def test_rows_are_numbered_from_one_and_their_columns_are_text() -> None:
    assert list(numbered([{1: "x"}, {"a": "y"}])) == [
        ("row 1", {"1": "x"}),
        ("row 2", {"a": "y"}),
    ]


@pytest.mark.parametrize("row", [3, ["a"], "text", None])
def test_a_row_that_is_not_a_dict_is_refused_by_its_number(row: Any) -> None:
    with pytest.raises(
        DataError, match=f"row 2 of the data is not a dict, but {type(row).__name__}"
    ):
        list(numbered([{"a": 1}, row]))


def test_a_limit_ends_the_reading_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tune.task.table.CELLS", 10)
    read: list[int] = []

    def endless() -> Iterator[PlacedRow]:
        for number in range(1000):
            read.append(number)
            yield f"row {number}", {"a": 1, "b": 2}

    with pytest.raises(DataError, match="'d' has more than 10 cells"):
        make_table("d", endless())
    assert len(read) == 6


def test_a_cell_that_is_too_long_or_too_deep_is_named_by_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tune.task.table.CELL_BYTES", 1024)
    make_table("d", [("line 3", {"a": "x" * 1024})])
    with pytest.raises(
        DataError, match=r"^line 3 of 'd' has more than .* MiB in the column 'a'"
    ):
        make_table("d", [("line 3", {"a": "x" * 1025})])
    deep: Any = []
    for _ in range(80):
        deep = [deep]
    with pytest.raises(DataError, match=r"^line 3 of 'd', column 'a': "):
        make_table("d", [("line 3", {"a": deep})])
