"""Records as plain JSON and back, so that a finished study can be shown again at no cost."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from tune.space import Point

T = TypeVar("T")


def dump(record: Any) -> Any:
    """Return a record in JSON's types: dataclasses and mappings become objects, tuples lists."""
    if is_dataclass(record) and not isinstance(record, type):
        # `asdict` does not convert mappings that are not dicts, such as a Config.
        return {
            field.name: dump(getattr(record, field.name)) for field in fields(record)
        }
    if isinstance(record, Mapping):
        return {str(name): dump(inner) for name, inner in record.items()}
    if isinstance(record, list | tuple):
        return list(map(dump, record))
    return record


def load(kind: type[T], record: Mapping[str, Any]) -> T:
    """Return a dataclass from what `dump` gave; fields that it lacks keep their defaults."""
    found: T = _load(kind, record)
    return found


def _load(kind: Any, value: Any) -> Any:
    """Return the value in the type that the hint names."""
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        if value is None:
            return None
        # Every union of a record is "T or None".
        (inside,) = [one for one in get_args(kind) if one is not type(None)]
        return _load(inside, value)
    if origin is tuple:
        return tuple(_load(get_args(kind)[0], inner) for inner in value)
    if isinstance(kind, type) and issubclass(kind, Point):
        return kind({name: _hashable(inner) for name, inner in value.items()})
    if is_dataclass(kind):
        hints = _hints(kind)  # type: ignore[arg-type]
        # An older or newer version may have written fields that this one does not know.
        known = {}
        for name, inner in value.items():
            if name in hints:
                known[name] = _load(hints[name], inner)
        return kind(**known)  # type: ignore[operator]
    # A NamedTuple.
    if isinstance(kind, type) and issubclass(kind, tuple):
        return kind(*value)
    return value


@cache
def _hints(kind: type) -> dict[str, Any]:
    """Return the types of a record's fields. Reading them takes longer than loading a record."""
    return get_type_hints(kind)


def _hashable(value: Any) -> Any:
    """Return a value of a point: JSON has no tuples, and points are keys of mappings."""
    if isinstance(value, list):
        return tuple(value)
    return value
