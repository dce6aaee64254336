"""Tables: rows with their places and columns, held to limits."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.errors import DataError
from tune.task.table import PlacedRow, make_table, numbered, sample_positions


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


def rows(count: int) -> list[dict[str, int]]:
    return [{"a": number} for number in range(1, count + 1)]


def test_of_many_rows_a_sample_is_used_in_their_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tune.task.table.MOST_ROWS", 10)
    table = make_table("d", numbered(rows(200)), seed=3)
    assert (len(table.rows), table.total) == (10, 200)
    assert list(table.numbers) == sorted(set(table.numbers))
    assert [row["a"] for row in table.rows] == list(table.numbers)
    assert list(table.places) == [f"row {number}" for number in table.numbers]
    assert list(table.numbers) != list(range(1, 11))
    other = make_table("d", numbered(rows(200)), seed=4)
    assert list(other.numbers) != list(table.numbers)


@given(st.integers(1, 60), st.integers(0, 60), st.integers(0, 99))
def test_rows_at_the_end_push_rows_out_of_a_sample_and_bring_none_back(
    count: int, more: int, seed: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tune.task.table.MOST_ROWS", 10)
        before = make_table("d", numbered(rows(count)), seed=seed)
        after = make_table("d", numbered(rows(count + more)), seed=seed)
        sized = sample_positions(count, seed)
    old = {number for number in after.numbers if number <= count}
    assert old <= set(before.numbers)
    assert len(after.numbers) == min(10, count + more)
    # A source that has a size gives the same sample as a stream of the same rows.
    assert [position + 1 for position in sized.positions] == list(before.numbers)


def test_a_row_that_is_not_used_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tune.task.table.MOST_ROWS", 10)
    read: list[int] = []

    def row(number: int) -> dict[str, int]:
        read.append(number)
        return {"a": number}

    placed = [(f"row {i}", partial(row, i)) for i in range(1, 201)]
    table = make_table("d", placed)
    assert read == list(table.numbers)
