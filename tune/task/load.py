"""From a table to examples: which columns are inputs, which is the target, and what may not be
missing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tune.errors import DataError, SpaceError
from tune.task.columns import excluded_columns, exclusion_notes, template_names
from tune.task.example import Data, Example, builtin_value, canonical_json, to_text
from tune.task.sources import Table, read_table

TARGET_NAMES = ("target", "label", "answer", "expected", "output")
"""Column names that say by themselves that they hold the target."""


def load_data(
    source: Any,
    *,
    inputs: Sequence[str] = (),
    target: str | None = None,
    fields: Collection[str] = (),
    split_columns: Collection[str] = (),
) -> Data:
    """Read a data set.

    Args:
        source: a path (.jsonl, .json, .csv, .tsv, .parquet), `hf:org/name:split` or
            `hf:org/name/config:split` (a folder may stand for the name), a pandas DataFrame, a
            `datasets.Dataset`, or dicts, one a row. An empty cell of a CSV file is a missing value.
        inputs: the columns that may fill the templates; by default those that the templates name,
        and where
            they name none, every column but `id` and the target.
        target: the column of wanted answers; "" where there is none. By default the only column
        that is
            named as one of `TARGET_NAMES`, else the only one that is no input.
        fields: the names that the templates use. split_columns: columns that say how rows are parted: no
        inputs unless named as such, and not the target.

    Raises:
        DataError: the source cannot be read, has fewer than two rows, or lacks a column or a cell.
        SpaceError: a template names a column that is not there, is no input, or is the target.
    """
    table = read_table(source)
    named = template_names(table.columns)
    known = {alias: name for name, alias in named.items()}
    if len(table.rows) < 2:
        raise DataError(
            f"the data set {table.name!r} holds {['no row', 'one row'][len(table.rows)]}, but at least 2 are needed: "
            f"one to tune on and one to hold back"
        )
    if isinstance(inputs, str):
        inputs = (inputs,)
    inputs = [known.get(name, name) for name in inputs]
    fields = frozenset(known.get(name, name) for name in fields)
    target = known.get(target, target) if target else target
    is_default = not inputs and not fields
    target = _find_target(table, inputs, target, fields, split_columns)
    inputs = _find_inputs(table, inputs, target, fields, split_columns, named)
    reasons = excluded_columns(table, inputs, target) if is_default else {}
    inputs = tuple(name for name in inputs if name not in reasons)
    ids = _ids(table)
    fingerprint = _fingerprint(table, ids, target)
    table, notes = _whole_numbers(table, target)
    _check_targets(table, target)
    examples = tuple(
        _example(table, number, ids[number], inputs, target, named)
        for number in range(len(table.rows))
    )
    shown = tuple(named.get(name, name) for name in inputs)
    renamed = [f"{name!r} as {{{named[name]}}}" for name in inputs if name in named]
    if renamed:
        notes = [
            *notes,
            f"Templates name these columns of {table.name!r} by other names: {', '.join(renamed)}.",
        ]
    out = exclusion_notes(
        table.name, {named.get(name, name): reason for name, reason in reasons.items()}, shown
    )
    return Data(table.name, examples, fingerprint, shown, target, tuple(reasons), (*notes, *out))


def _whole_numbers(table: Table, target: str | None) -> tuple[Table, list[str]]:
    """Targets of a text file that all read like 1.0 as the whole numbers that they are: no model
    answers "1.0".
    """
    if target is None:
        return table, []
    cells = [row.get(target) for row in table.rows]
    if not all(isinstance(cell, str) and re.fullmatch(r"\s*-?\d+\.0+\s*", cell) for cell in cells):
        return table, []
    rows = [{**row, target: str(row[target]).strip().partition(".")[0]} for row in table.rows]
    said = f"The targets of {table.name!r} read like {cells[0]!r} and are taken as whole numbers, as {rows[0][target]!r}."
    return replace(table, rows=rows), [said]


def _check_targets(table: Table, target: str | None) -> None:
    """Refuse targets that hold nothing: no answer could ever be right."""
    if target is None:
        return
    cells = [row.get(target) for row in table.rows]
    empty = [
        place
        for place, cell in zip(table.places, cells, strict=True)
        if isinstance(cell, str) and not cell.strip()
    ]
    if empty:
        others = f" (and {len(empty) - 1} more, as {empty[1]})" if len(empty) > 1 else ""
        raise DataError(
            f"{empty[0]} of {table.name!r}{others} has an empty target in the column {target!r}: fill it in or "
            f"leave the row out"
        )


def _fingerprint(table: Table, ids: Sequence[str], target: str | None) -> str:
    rows = [
        [name, {column: value for column, value in builtin_value(row).items() if value is not None}]
        for name, row in zip(ids, table.rows, strict=True)
    ]
    return hashlib.sha256(canonical_json([target, rows]).encode()).hexdigest()[:12]


def _find_target(
    table: Table,
    inputs: Sequence[str],
    target: str | None,
    fields: Collection[str],
    split_columns: Collection[str],
) -> str | None:
    if target == "":
        return None
    columns = table.columns
    if target is not None:
        if target not in columns:
            raise DataError(
                f"the target column {target!r} is not in {table.name!r}, which has {list(columns)}"
            )
        if target in inputs:
            raise DataError(f"the column {target!r} cannot be both an input and the target")
        return target
    left = [
        name
        for name in columns
        if name not in inputs and name not in fields and name not in split_columns
    ]
    obvious = [name for name in left if name.lower() in TARGET_NAMES]
    if not obvious and (inputs or fields):
        obvious = [name for name in left if name != "id"]
    if len(obvious) != 1:
        raise DataError(
            f"the target column of {table.name!r} is not obvious among {left or list(columns)}: "
            f"name it with --target, or --target '' where the metric needs none"
        )
    return obvious[0]


def _find_inputs(
    table: Table,
    inputs: Sequence[str],
    target: str | None,
    fields: Collection[str],
    split_columns: Collection[str],
    named: Mapping[str, str],
) -> tuple[str, ...]:
    columns = table.columns
    for name in inputs:
        if name not in columns:
            raise DataError(
                f"the input column {name!r} is not in {table.name!r}, which has {list(columns)}"
            )
    for name in sorted(fields):
        if name not in columns:
            raise SpaceError(
                f"a template names {{{name}}}, but {table.name!r} has the columns {list(columns)}"
            )
        if name == target:
            raise SpaceError(
                f"a template names {{{name}}}, the target column: the answer would stand in the question"
            )
        if inputs and name not in inputs:
            raise SpaceError(
                f"a template names {{{name}}}, which is not among the inputs {list(inputs)}: add --input {name}"
            )
    found = tuple(dict.fromkeys(inputs)) or tuple(name for name in columns if name in fields)
    found = found or tuple(
        name for name in columns if name not in (target, "id", "", *split_columns)
    )
    if not found:
        raise DataError(f"no column of {table.name!r} is left as an input: it has {list(columns)}")
    for name in found:
        if not name.isidentifier() and name not in named:
            raise DataError(
                f"a template cannot name the column {name!r} of {table.name!r}: rename it to letters, digits and "
                f"underscores, or say with --input which columns are inputs"
            )
    return found


def _ids(table: Table) -> list[str]:
    """The `id` column where it names every row once, else the row numbers."""
    given = [builtin_value(row.get("id")) for row in table.rows]
    if all(isinstance(v, str | int | float) and v != "" for v in given):
        ids = [to_text(v) for v in given]
        if len(set(ids)) == len(ids):
            return ids
    return [str(number) for number in range(1, len(table.rows) + 1)]


def _example(
    table: Table,
    number: int,
    name: str,
    inputs: Sequence[str],
    target: str | None,
    named: Mapping[str, str],
) -> Example:
    row = {column: builtin_value(table.rows[number].get(column)) for column in table.columns}
    place = f"{table.places[number]} of {table.name!r}"
    for column in (*inputs, *([target] if target else [])):
        if row[column] is None:
            raise DataError(
                f"{place} has nothing in the column {column!r}: fill it in or leave the row out"
            )
    texts = {named.get(column, column): _input(place, column, row[column]) for column in inputs}
    others = {
        column: value for column, value in row.items() if column not in texts and column != target
    }
    return Example(name, texts, row[target] if target else None, others, target_name=target or "")


def _input(place: str, column: str, value: Any) -> str:
    try:
        text = to_text(value)
        text.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"{place} has half a character (a lone surrogate) in the column {column!r}, at position {error.start}"
        ) from None
    except DataError as error:
        raise DataError(f"{place}, column {column!r}: {error}") from None
    return text
