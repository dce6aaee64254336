"""A table of rows as read from a source, held to limits on its size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from tune.errors import DataError
from tune.safety.untrusted import (
    CELL_BYTES,
    CELLS,
    COLUMNS,
    TooMuch,
    check_nesting,
    shown_bytes,
)

Row: TypeAlias = Mapping[str, Any]

PlacedRow: TypeAlias = tuple[str, Row]
"""A row after its place in its source, for messages ("line 7", "row 3")."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows as read.

    Attributes:
        name: the name of the data set.
        rows: cells by column; a row may lack columns that others have.
        places: the place of each row in its source, for messages ("line 7", "row 3").
        columns: every column that any row has, in order of first appearance.
    """

    name: str
    rows: Sequence[Row]
    places: Sequence[str]
    columns: tuple[str, ...]


def make_table(name: str, placed: Iterable[PlacedRow]) -> Table:
    """Collect rows into a table.

    Raises:
        DataError: there are too many columns or cells, or a cell is too large or too deep.
    """
    rows: list[Row] = []
    places: list[str] = []
    columns: dict[str, None] = {}
    # The limits are checked row by row: a small compressed file may hold more than fits in memory.
    for place, row in placed:
        rows.append(row)
        places.append(place)
        columns |= dict.fromkeys(row)
        if len(columns) > COLUMNS:
            raise DataError(
                f"the data set {name!r} has more than {COLUMNS:,} columns, which is the limit"
            )
        if len(columns) * len(rows) > CELLS:
            raise DataError(
                f"the data set {name!r} has more than {CELLS:,} cells (rows times columns), "
                "which is the limit: take a part of its rows, or leave columns out"
            )
        _check_cells(name, place, row)
    return Table(name, rows, places, tuple(columns))


def _check_cells(name: str, place: str, row: Row) -> None:
    """Check that no cell of a row is too large or nested too deeply."""
    for column, cell in row.items():
        if isinstance(cell, str | bytes) and len(cell) > CELL_BYTES:
            most = shown_bytes(CELL_BYTES)
            raise DataError(
                f"{place} of {name!r} has more than {most} in the column {column!r}, "
                "which is the limit"
            )
        try:
            check_nesting(cell)
        except TooMuch as error:
            raise DataError(
                f"{place} of {name!r}, column {column!r}: {error}"
            ) from None


def numbered(rows: Iterable[Any]) -> Iterator[PlacedRow]:
    """Yield dicts with their row numbers, their column names as text.

    Raises:
        DataError: a row is not a dict.
    """
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping):
            raise DataError(
                f"row {number} of the data is not a dict, but {type(row).__name__}"
            )
        # Data frames may have numbers as column names.
        yield f"row {number}", {str(name): cell for name, cell in row.items()}
