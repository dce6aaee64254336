"""The records that hold a data set, and how a cell becomes text."""

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
        target: the wanted answer as the data has it, or None where the data has no target.
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
        target = {self.target_name: self.target} if self.target_name else {}
        return {**self.metadata, **self.inputs, **target}

    def __getitem__(self, column: str) -> Any:
        """Return a column of the row.

        Raises:
            KeyError: the row has no such column; the message names those that it has.
        """
        columns = self.columns
        if column not in columns:
            raise KeyError(f"the row has no column {column!r}: it has {sorted(columns)}")
        return columns[column]


@dataclass(frozen=True, slots=True)
class Data:
    """A data set.

    Attributes:
        name: the file's stem, the hub's name, or "data". examples: the rows, in the order of the
        source. fingerprint: 12 hexadecimal digits of the SHA-256 of every cell and id, in order.
        Which columns are
            inputs does not change it; which one is the target does.
        inputs: the input columns.
        target: the target column, or None.
        excluded: columns that default prompts do not show.
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
        return (*self.inputs, *([self.target] if self.target else []), *self.examples[0].metadata)

    def cells(self, column: str) -> list[Any]:
        """One column of every example, inputs as text.

        Raises:
            DataError: there is no such column.
        """
        if column not in self.columns:
            raise DataError(
                f"the column {column!r} is not in {self.name!r}, which has {list(self.columns)}"
            )
        if column == self.target:
            return [e.target for e in self.examples]
        return [
            e.inputs[column] if column in self.inputs else e.metadata[column] for e in self.examples
        ]


def builtin_value(value: Any) -> Any:
    """A cell in Python's own types, None where it is missing (None, NaN, NaT, NA)."""
    if hasattr(value, "tolist"):  # numpy's scalars and arrays
        value = value.tolist()
    if isinstance(value, float) and value != value:  # noqa: PLR0124  (only NaN differs from itself)
        return None
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, Mapping):
        return {str(k): builtin_value(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [builtin_value(v) for v in value]
    return value


def to_text(value: Any) -> str:
    """A cell as a template shows it: whole numbers without a point, lists and objects as JSON.

    Raises:
        DataError: the value has no text of its own (an image, bytes).
    """
    value = builtin_value(value)
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if value is None or isinstance(value, bool | int | float | list | dict):
        return json.dumps(value, ensure_ascii=False, default=to_text)
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    if isinstance(value, bytes | bytearray | memoryview) or _shows_nothing(value):
        raise DataError(f"text is wanted, but got {type(value).__name__}")
    return str(value)


def _shows_nothing(value: Any) -> bool:
    methods: list[object] = [type(value).__str__, object.__str__]
    return methods[0] is methods[1]


def canonical_json(value: Any) -> str:
    """Plain values as JSON, the same for equal values on every machine."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=_opaque)


def _opaque(value: Any) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return hashlib.sha256(value).hexdigest()
    try:
        return to_text(value)
    except DataError:
        return type(value).__name__
