"""The records that hold a data set, and the text of a cell."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tune.errors import DataError


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled row.

    Attributes:
        id: the row's `id` where that column is there and unique, else the row's number from 1.
        inputs: the input columns as text; they fill the templates.
        target: the correct answer as the data has it, or None where the data has no target.
        metadata: every other column as the data has it; a missing cell is None.
        target_name: the target's column, or "".

    A column is also read as `example["column"]`: inputs as text, all others as the data has them.
    """

    id: str
    inputs: Mapping[str, str]
    target: Any
    metadata: Mapping[str, Any]
    target_name: str = ""

    @property
    def columns(self) -> dict[str, Any]:
        """Every column of the row by its name, the target included."""
        columns = {**self.metadata, **self.inputs}
        if self.target_name:
            columns[self.target_name] = self.target
        return columns

    def __getitem__(self, column: str) -> Any:
        """Return a column of the row.

        Raises:
            KeyError: the row has no such column; the message names those that it has.
        """
        columns = self.columns
        if column not in columns:
            raise KeyError(
                f"the row has no column {column!r}: it has {sorted(columns)}"
            )
        return columns[column]


@dataclass(frozen=True, slots=True)
class Data:
    """A data set.

    Attributes:
        name: the file's stem, the hub's name, or "data".
        examples: the rows, in the order of the source.
        fingerprint: 12 hexadecimal digits of the SHA-256 of every cell and id, in order. It depends
            on which column is the target, but not on which are inputs.
        inputs: the input columns.
        target: the target column, or None.
        excluded: the columns that default prompts do not show.
        notes: what a user should know of how the data was read, in whole sentences.
    """

    name: str
    examples: tuple[Example, ...]
    fingerprint: str
    inputs: tuple[str, ...]
    target: str | None
    excluded: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column: the inputs, the target, then the others."""
        target = (self.target,) if self.target else ()
        return (*self.inputs, *target, *self.examples[0].metadata)

    def cells(self, column: str) -> list[Any]:
        """Return one column of every example, inputs as text.

        Raises:
            DataError: the data set lacks the column.
        """
        if column not in self.columns:
            raise DataError(
                f"the column {column!r} is not in {self.name!r}, which has {list(self.columns)}"
            )
        if column == self.target:
            return [example.target for example in self.examples]
        if column in self.inputs:
            return [example.inputs[column] for example in self.examples]
        return [example.metadata[column] for example in self.examples]


def builtin_value(value: Any) -> Any:
    """Return a cell in Python's own types, None where it is missing (None, NaN, NaT, NA)."""
    if hasattr(value, "tolist"):  # numpy's scalars and arrays
        value = value.tolist()
    if isinstance(value, float) and value != value:  # noqa: PLR0124  (only NaN differs from itself)
        return None
    # By name, so that pandas need not be imported.
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, Mapping):
        return {str(key): builtin_value(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return list(map(builtin_value, value))
    return value


def to_text(value: Any) -> str:
    """Return a cell as a template shows it: whole numbers without a point, lists as JSON.

    Raises:
        DataError: the value has no text (an image, bytes).
    """
    value = builtin_value(value)
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        # A column of whole numbers with a gap is read as floats: 3 must not become "3.0".
        return str(int(value))
    # JSON's spelling, as models write it: true, null, and double quotes.
    if value is None or isinstance(value, bool | int | float | list | dict):
        return json.dumps(value, ensure_ascii=False, default=to_text)
    if hasattr(value, "isoformat"):  # dates and times
        return str(value.isoformat())
    if isinstance(value, bytes | bytearray | memoryview) or _has_no_text(value):
        raise DataError(f"text is wanted, but got {type(value).__name__}")
    return str(value)


def _has_no_text(value: Any) -> bool:
    """Tell whether the class of a value says nothing about its text."""
    # object.__str__ would give "<PIL.Image at 0x7f…>".
    methods: list[object] = [type(value).__str__, object.__str__]
    return methods[0] is methods[1]


def canonical_json(value: Any) -> str:
    """Return plain values as JSON, the same for equal values on every machine."""
    return json.dumps(
        value,
        sort_keys=True,
        separators=(",", ":"),
        default=_opaque,
    )


def _opaque(value: Any) -> str:
    """Return a text for a value that JSON does not know."""
    if isinstance(value, bytes | bytearray | memoryview):
        return hashlib.sha256(value).hexdigest()
    try:
        return to_text(value)
    except DataError:
        # An image, say: its content does not take part in the fingerprint.
        return type(value).__name__
