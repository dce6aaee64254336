"""From a table to examples: which columns are inputs, which is the target, and what is required."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tune.errors import DataError, SpaceError
from tune.task.columns import excluded_columns, exclusion_notes, template_names
from tune.task.example import Data, Example, builtin_value, canonical_json, to_text
from tune.task.sources import read_table
from tune.task.table import Table

TARGET_NAMES = ("target", "label", "answer", "expected", "output")
"""Column names that say by themselves that they hold the target."""

_WHOLE_NUMBER = re.compile(r"\s*-?\d+\.0+\s*")


@dataclass(frozen=True, slots=True)
class _Columns:
    """The roles of a table's columns, as given at first and as found at last.

    Attributes:
        inputs: the columns that fill the templates.
        target: the column of correct answers; "" or None where there is none.
        fields: the columns that the templates name.
        split_columns: the columns that say how rows are split.
        template_names: names in templates of columns whose own names cannot be used.
    """

    inputs: tuple[str, ...]
    target: str | None
    fields: frozenset[str]
    split_columns: tuple[str, ...]
    template_names: Mapping[str, str]

    def shown(self, column: str) -> str:
        """Return the name of a column in templates."""
        return self.template_names.get(column, column)


def load_data(
    source: Any,
    *,
    inputs: Sequence[str] = (),
    target: str | None = None,
    fields: Collection[str] = (),
    split_columns: Collection[str] = (),
    seed: int = 0,
) -> Data:
    """Read a data set; of a large one, a sample of its rows.

    Args:
        source: a path (.jsonl, .json, .csv, .tsv, .parquet), `hf:org/name:split` or
            `hf:org/name/config:split` (a folder may stand for the name), a pandas DataFrame, a
            `datasets.Dataset`, or dicts, one a row. An empty cell of a CSV file is a missing value.
        inputs: the columns that may fill the templates. By default those that the templates name;
            where they name none, every column but `id` and the target.
        target: the column of correct answers; "" where there is none. By default the only column
            that is named as one of `TARGET_NAMES`, else the only one that is not an input.
        fields: the names that the templates use.
        split_columns: columns that say how rows are split. They are not the target, and not inputs
            unless named as such.
        seed: of the sample.

    Raises:
        DataError: the source cannot be read, has fewer than two rows, or lacks a column or a cell.
        SpaceError: a template names a column that is missing, is not an input, or is the target.
    """
    table = read_table(source, seed=seed)
    _check_rows(table)
    given = _given_columns(table, inputs, target, fields, split_columns)
    found = replace(given, target=_find_target(table, given))
    found = replace(found, inputs=_find_inputs(table, found))
    reasons: dict[str, str] = {}
    # Columns that the user or a template names are never taken away.
    if not given.inputs and not given.fields:
        reasons = excluded_columns(table, found.inputs, found.target)
        kept = [column for column in found.inputs if column not in reasons]
        found = replace(found, inputs=tuple(kept))
    ids = _ids(table)
    fingerprint = _fingerprint(table, ids, found.target)
    # After the fingerprint, which is of the cells as they were given.
    table, notes = _whole_numbers(table, found.target)
    _check_filled(table, found)
    _check_targets(table, found.target)
    examples: list[Example] = []
    for position, name in enumerate(ids):
        examples.append(_example(table, position, name, found))
    notes += [*_sample_notes(table), *_renaming_notes(table, found)]
    shown = tuple(map(found.shown, found.inputs))
    shown_reasons = {found.shown(column): reason for column, reason in reasons.items()}
    notes += exclusion_notes(table.name, shown_reasons, shown)
    return Data(
        name=table.name,
        examples=tuple(examples),
        fingerprint=fingerprint,
        inputs=shown,
        target=found.target,
        excluded=tuple(reasons),
        notes=tuple(notes),
    )


def _check_rows(table: Table) -> None:
    if len(table.rows) < 2:
        counted = ["no row", "one row"][len(table.rows)]
        raise DataError(
            f"the data set {table.name!r} holds {counted}, but at least 2 are needed: "
            "one to tune on and one to hold back"
        )


def _sample_notes(table: Table) -> list[str]:
    """Return a sentence on a sample, where not all rows are used."""
    if table.total == len(table.rows):
        return []
    return [
        f"{table.name!r} has {table.total:,} rows. This study uses {len(table.rows):,} of them, "
        "chosen by its seed."
    ]


def _given_columns(
    table: Table,
    inputs: Sequence[str],
    target: str | None,
    fields: Collection[str],
    split_columns: Collection[str],
) -> _Columns:
    """Return the columns as given, where a name of templates also stands for its column."""
    names = template_names(table.columns)
    column_of = {alias: column for column, alias in names.items()}
    # A lone name is easily given without its list.
    if isinstance(inputs, str):
        inputs = (inputs,)

    def column(name: str) -> str:
        return column_of.get(name, name)

    return _Columns(
        inputs=tuple(map(column, inputs)),
        target=column(target) if target else target,
        fields=frozenset(map(column, fields)),
        split_columns=tuple(split_columns),
        template_names=names,
    )


def _renaming_notes(table: Table, columns: _Columns) -> list[str]:
    """Return a sentence on the inputs that templates name by other names."""
    renamed = []
    for column in columns.inputs:
        if column in columns.template_names:
            renamed.append(f"{column!r} as {{{columns.template_names[column]}}}")
    if not renamed:
        return []
    listed = ", ".join(renamed)
    return [f"Templates name these columns of {table.name!r} by other names: {listed}."]


def _whole_numbers(table: Table, target: str | None) -> tuple[Table, list[str]]:
    """Turn targets that all read like 1.0 into whole numbers, and return a note on it.

    A text file written from floats has such targets, and no model answers "1.0".
    """
    if target is None:
        return table, []
    rows: list[Mapping[str, Any]] = []
    for row in table.rows:
        cell = row.get(target)
        if not isinstance(cell, str) or not _WHOLE_NUMBER.fullmatch(cell):
            return table, []
        rows.append(
            {
                **row,
                target: cell.strip().partition(".")[0],
            }
        )
    before, after = table.rows[0][target], rows[0][target]
    note = (
        f"The targets of {table.name!r} read like {before!r} "
        f"and are taken as whole numbers, as {after!r}."
    )
    return replace(table, rows=rows), [note]


def _check_filled(table: Table, columns: _Columns) -> None:
    """Refuse rows without an input or a target."""
    for column in (*columns.inputs, columns.target):
        empty = []
        for place, row in zip(table.places, table.rows, strict=True):
            if column and builtin_value(row.get(column)) is None:
                empty.append(place)
        if empty:
            raise DataError(
                f"{_shown_places(table, empty)} has nothing in the column {column!r}: "
                f"fill it in or leave the row out"
            )


def _shown_places(table: Table, places: Sequence[str]) -> str:
    others = ""
    if len(places) > 1:
        others = f" (and {len(places) - 1} more, as {places[1]})"
    return f"{places[0]} of {table.name!r}{others}"


def _check_targets(table: Table, target: str | None) -> None:
    """Refuse targets without a text: every answer would be wrong."""
    if target is None:
        return
    empty = []
    for place, row in zip(table.places, table.rows, strict=True):
        cell = row.get(target)
        if isinstance(cell, str) and not cell.strip():
            empty.append(place)
    if not empty:
        return
    raise DataError(
        f"{_shown_places(table, empty)} has an empty target in the column {target!r}: "
        "fill it in or leave the row out"
    )


def _fingerprint(
    table: Table,
    ids: Sequence[str],
    target: str | None,
) -> str:
    rows = []
    for name, row in zip(ids, table.rows, strict=True):
        cells = builtin_value(row).items()
        # A missing cell and a missing column are the same.
        rows.append(
            [name, {column: value for column, value in cells if value is not None}]
        )
    content: list[Any] = [target, rows]
    # A sample alone does not tell one large file from another.
    if table.total > len(rows):
        content.append(table.total)
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()[:12]


def _find_target(table: Table, given: _Columns) -> str | None:
    """Return the target column: the given one, or the only one that can be it."""
    target = given.target
    # "" says that there is none; None says that it is to be found.
    if target == "":
        return None
    if target is None:
        return _obvious_target(table, given)
    if target not in table.columns:
        raise DataError(
            f"the target column {target!r} is not in {table.name!r}, "
            f"which has {list(table.columns)}{_meant(target, table)}"
        )
    if target in given.inputs:
        raise DataError(f"the column {target!r} cannot be both an input and the target")
    return target


def _meant(name: str, table: Table) -> str:
    """Return a question about the column that was probably meant; "" where none is near."""
    close = difflib.get_close_matches(name, table.columns, n=1)
    return f": is {close[0]!r} meant?" if close else ""


def _obvious_target(table: Table, given: _Columns) -> str:
    used = {*given.inputs, *given.fields, *given.split_columns}
    left = [column for column in table.columns if column not in used]
    obvious = [column for column in left if column.lower() in TARGET_NAMES]
    if not obvious and (given.inputs or given.fields):
        # Where the inputs are known, the only other column must be the target.
        obvious = [column for column in left if column != "id"]
    if len(obvious) != 1:
        raise DataError(
            f"the target column of {table.name!r} is not obvious among "
            f"{left or list(table.columns)}: "
            "name it with --target, or --target '' where the metric needs none"
        )
    return obvious[0]


def _find_inputs(table: Table, given: _Columns) -> tuple[str, ...]:
    """Return the input columns: those given, else those that templates name, else all others."""
    for name in given.inputs:
        if name not in table.columns:
            raise DataError(
                f"the input column {name!r} is not in {table.name!r}, "
                f"which has {list(table.columns)}{_meant(name, table)}"
            )
    for name in sorted(given.fields):
        _check_field(table, given, name)
    found = _chosen_inputs(table, given)
    if not found:
        raise DataError(
            f"no column of {table.name!r} is left as an input: it has {list(table.columns)}"
        )
    for name in found:
        if not name.isidentifier() and name not in given.template_names:
            raise DataError(
                f"a template cannot name the column {name!r} of {table.name!r}: "
                "rename it to letters, digits and underscores, "
                "or say with --input which columns are inputs"
            )
    return found


def _chosen_inputs(table: Table, given: _Columns) -> tuple[str, ...]:
    if given.inputs:
        return tuple(dict.fromkeys(given.inputs))
    named = tuple(filter(given.fields.__contains__, table.columns))
    if named:
        return named
    # A column without a name is the index that pandas writes beside a frame.
    others = (given.target, "id", "", *given.split_columns)
    return tuple(name for name in table.columns if name not in others)


def _check_field(table: Table, given: _Columns, name: str) -> None:
    """Check that a template may name a column."""
    if name not in table.columns:
        raise SpaceError(
            f"a template names {{{name}}}, but {table.name!r} has the columns "
            f"{list(table.columns)}{_meant(name, table)}"
        )
    if name == given.target:
        raise SpaceError(
            f"a template names {{{name}}}, the target column: "
            "the answer would stand in the question"
        )
    if given.inputs and name not in given.inputs:
        raise SpaceError(
            f"a template names {{{name}}}, which is not among the inputs {list(given.inputs)}: "
            f"add --input {name}"
        )


def _ids(table: Table) -> list[str]:
    """Return the `id` column where it names every row once, else the row numbers."""
    given = [builtin_value(row.get("id")) for row in table.rows]
    # Reports name examples by their ids, so these must be short and unique.
    if all(isinstance(value, str | int | float) and value != "" for value in given):
        ids = list(map(to_text, given))
        if len(set(ids)) == len(ids):
            return ids
    return list(map(str, table.numbers))


def _example(table: Table, position: int, name: str, columns: _Columns) -> Example:
    row = table.rows[position]
    cells = {column: builtin_value(row.get(column)) for column in table.columns}
    place = f"{table.places[position]} of {table.name!r}"
    texts: dict[str, str] = {}
    for column in columns.inputs:
        texts[columns.shown(column)] = _input_text(place, column, cells[column])
    others: dict[str, Any] = {}
    for column, value in cells.items():
        if column not in texts and column != columns.target:
            others[column] = value
    return Example(
        id=name,
        inputs=texts,
        target=cells[columns.target] if columns.target else None,
        metadata=others,
        target_name=columns.target or "",
    )


def _input_text(place: str, column: str, value: Any) -> str:
    try:
        text = to_text(value)
        text.encode()
    except UnicodeEncodeError as error:
        # JSON can spell half of a surrogate pair, which no request can carry.
        raise DataError(
            f"{place} has half a character (a lone surrogate) in the column {column!r}, "
            f"at position {error.start}"
        ) from None
    except DataError as error:
        raise DataError(f"{place}, column {column!r}: {error}") from None
    return text
