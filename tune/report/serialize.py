"""Records as plain JSON and back, so that a finished study can be shown again at no cost."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from tune.space import Point

T = TypeVar("T")


def dump(record: Any) -> Any:
    """A record in JSON's types: dataclasses and mappings become objects, tuples lists."""
    if is_dataclass(record) and not isinstance(record, type):
        return {
            field.name: dump(getattr(record, field.name)) for field in fields(record)
        }
    if isinstance(record, Mapping):
        return {str(name): dump(inner) for name, inner in record.items()}
    if isinstance(record, list | tuple):
        return list(map(dump, record))
    return record


def load(kind: type[T], record: Mapping[str, Any]) -> T:
    """A dataclass from what `dump` gave; fields that the record lacks keep their defaults."""
    found: T = _load(kind, record)
    return found


def _load(kind: Any, value: Any) -> Any:
    """The value as the type hint says it was."""
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return (
            None
            if value is None
            else _load(next(k for k in get_args(kind) if k is not type(None)), value)
        )
    if origin is tuple:
        return tuple(_load(get_args(kind)[0], inner) for inner in value)
    if isinstance(kind, type) and issubclass(kind, Point):
        return kind(
            {name: tuple(v) if isinstance(v, list) else v for name, v in value.items()}
        )
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(
            **{
                name: _load(hints[name], inner)
                for name, inner in value.items()
                if name in hints
            }
        )  # type: ignore[operator]
    if isinstance(kind, type) and issubclass(kind, tuple):  # a NamedTuple
        return kind(*value)
    return value
