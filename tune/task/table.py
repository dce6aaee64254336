"""A table of rows as read from a source, held to limits on its size."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

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

PlacedRow: TypeAlias = tuple[str, Row | Callable[[], Row]]
"""A row after its place in its source, for messages ("line 7", "row 3").

A function in place of the row reads it. It is called only if the row is used.
"""

MOST_ROWS = 20_000
"""Rows that are used of a larger source.

With 8,000 of them in the holdout, a quality is known to about one point. More rows would cost time
and memory, and change no decision.
"""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows as read.

    Attributes:
        name: the name of the data set.
        rows: cells by column; a row may lack columns that others have.
        places: the place of each row in its source, for messages ("line 7", "row 3").
        numbers: the number of each row in its source, from 1.
        columns: every column that any row has, in order of first appearance.
        total: rows of the source, also those that are not used.
    """

    name: str
    rows: Sequence[Row]
    places: Sequence[str]
    numbers: Sequence[int]
    columns: tuple[str, ...]
    total: int


class _Kept(NamedTuple):
    """A row of a sample; the row with the highest rank is the first to go."""

    negative_rank: float
    number: int
    place: str
    row: Row | Callable[[], Row]


def sample_ranks(seed: int) -> Iterator[float]:
    """Yield the rank of each row of a source; a sample has the rows with the lowest ranks.

    A row that is added at the end leaves the ranks of the others unchanged.
    """
    # By position and not by content: reading and hashing a million rows takes longer than a study.
    draw = random.Random(f"rows/{seed}").random
    while True:
        yield draw()


class SizedSample(NamedTuple):
    """The rows to use of a source that has a size.

    Attributes:
        positions: of the rows, in order.
        total: rows of the source.
    """

    positions: list[int]
    total: int


def sample_positions(total: int, seed: int) -> SizedSample:
    """Return the rows to use of so many: all where they are few."""
    if total <= MOST_ROWS:
        return SizedSample(list(range(total)), total)
    ranked = zip(sample_ranks(seed), range(total), strict=False)
    lowest = heapq.nsmallest(MOST_ROWS, ranked)
    return SizedSample(sorted(position for _, position in lowest), total)


def make_table(
    name: str,
    placed: Iterable[PlacedRow],
    *,
    seed: int = 0,
    sampled: SizedSample | None = None,
) -> Table:
    """Collect rows into a table; of more than `MOST_ROWS` a sample.

    Args:
        name: the name of the data set.
        placed: the rows.
        seed: of the sample.
        sampled: the sample that the rows already are, where their source has a size.

    Raises:
        DataError: there are too many columns or cells, or a cell is too large or too deep.
    """
    sample: list[_Kept] = []
    limits = _Limits(name)
    total = 0
    ranked = zip(sample_ranks(seed), placed, strict=False)
    for total, (rank, (place, row)) in enumerate(ranked, start=1):
        # Row by row: a small compressed file may hold more than fits in memory.
        if not callable(row):
            limits.check(place, row, min(total, MOST_ROWS))
        # heapq keeps the smallest at the front, but the row to drop is the one of highest rank.
        kept = _Kept(-rank, total, place, row)
        if total <= MOST_ROWS:
            heapq.heappush(sample, kept)
        else:
            heapq.heappushpop(sample, kept)
    sample.sort(key=lambda kept: kept.number)
    rows = [_read(kept, limits, len(sample)) for kept in sample]
    numbers = [kept.number for kept in sample]
    # Rows of JSON lines may have different columns, so one row does not tell them all.
    columns = dict.fromkeys(itertools.chain.from_iterable(rows))
    # The source was sampled before it came here, so its own count and numbers hold.
    if sampled is not None:
        numbers = [position + 1 for position in sampled.positions]
        total = sampled.total
    return Table(
        name=name,
        rows=rows,
        places=[kept.place for kept in sample],
        numbers=numbers,
        columns=tuple(columns),
        total=total,
    )


def _read(kept: _Kept, limits: _Limits, count: int) -> Row:
    if not callable(kept.row):
        return kept.row
    row = kept.row()
    limits.check(kept.place, row, count)
    return row


class _Limits:
    """Holds the rows of a table to limits.

    Args:
        name: of the data set.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._columns = set[str]()

    def check(self, place: str, row: Row, count: int) -> None:
        """Check a row of a table with so many rows.

        Raises:
            DataError: there are too many columns or cells, or a cell is too large or too deep.
        """
        self._columns.update(row)
        if len(self._columns) > COLUMNS:
            raise DataError(
                f"the data set {self._name!r} has more than {COLUMNS:,} columns, "
                "which is the limit"
            )
        if len(self._columns) * count > CELLS:
            raise DataError(
                f"the data set {self._name!r} has more than {CELLS:,} cells (rows times "
                "columns), which is the limit: take a part of its rows, or leave columns out"
            )
        _check_cells(self._name, place, row)


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


def numbered(
    rows: Iterable[Any],
    positions: Iterable[int] | None = None,
) -> Iterator[PlacedRow]:
    """Yield dicts with their row numbers, their column names as text.

    Args:
        rows: the dicts.
        positions: of the rows in their source, from 0; by default 0, 1, 2, and so on.

    Raises:
        DataError: a row is not a dict.
    """
    counted = itertools.count() if positions is None else positions
    for position, row in zip(counted, rows, strict=False):
        number = position + 1
        if not isinstance(row, Mapping):
            raise DataError(
                f"row {number} of the data is not a dict, but {type(row).__name__}"
            )
        # Data frames may have numbers as column names.
        yield f"row {number}", {str(name): cell for name, cell in row.items()}
