"""Domains as users write them in Python, TOML and JSON: reading and writing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tune.errors import SpaceError
from tune.space.domain import Choice, Domain, Integers, Uniform
from tune.space.values import NAMES, check_value, is_whole_number, parse_stop

_RANGE_ENDS = {"low", "high"}
_RANGE_OPTIONS = {"step", "integer", "log"}


def parse_domain(name: str, value: Any) -> Domain | None:
    """Read one domain as users write it; None for an empty list.

    A list is a choice, and a single value is a choice of one. `{low, high}` is a range, with `step`
    or `log`. It is a range of whole numbers where `integer` is true; those of n and max_tokens
    always are.

    Raises:
        SpaceError: the value is not a domain, or has a value that the dimension cannot take.
    """
    try:
        domain = _parse(name, value)
    except SpaceError as error:
        raise SpaceError(f"{name}: {error}") from None
    if isinstance(domain, Choice):
        for single in domain.values:
            check_value(name, single)
    elif domain is not None:
        _check_range(name, domain)
    return domain


def _check_range(name: str, domain: Uniform | Integers) -> None:
    if name == "stop" or name in NAMES:
        raise SpaceError(f"{name} has no range: list its values")
    # {low = 1, high = 9} is read as whole numbers for n, but Uniform(1, 9) cannot be.
    if isinstance(domain, Uniform) and is_whole_number(name):
        raise SpaceError(
            f"{name} is a whole number: give Integers({domain.low:g}, {domain.high:g})"
        )
    check_value(name, domain.low)
    check_value(name, domain.high)


def _parse(name: str, value: Any) -> Domain | None:
    if isinstance(value, Uniform | Integers):
        return value
    if isinstance(value, Mapping):
        return _parse_range(value, whole=is_whole_number(name))
    if isinstance(value, Choice):
        value = value.values
    value = _without_numpy(value)
    if not isinstance(value, list | tuple | range):
        value = [value]
    if not value:
        # An empty list under `when` says that a model does not take the setting.
        return None
    if name == "stop":
        return Choice(tuple(map(parse_stop, value)))
    return Choice(tuple(map(_without_numpy, value)))


def _without_numpy(value: Any) -> Any:
    """Turn numpy's arrays and numbers into Python's, since JSON does not know them."""
    return value.tolist() if hasattr(value, "tolist") else value


def _parse_range(record: Mapping[str, Any], *, whole: bool) -> Domain:
    keys = set(record)
    if not (keys >= _RANGE_ENDS and keys <= _RANGE_ENDS | _RANGE_OPTIONS):
        raise SpaceError(
            f"a range has low, high and perhaps {sorted(_RANGE_OPTIONS)}, but got {dict(record)}"
        )
    for name in ("integer", "log"):
        if not isinstance(record.get(name, False), bool):
            raise SpaceError(f"{name} is true or false, but got {record[name]!r}")
    if whole or record.get("integer"):
        if "step" in record:
            raise SpaceError("a range of whole numbers has no step: list its values")
        return Integers(
            record["low"],
            record["high"],
            log=record.get("log", False),
        )
    if record.get("log"):
        raise SpaceError(
            "log is for whole numbers: add integer = true, or list the values"
        )
    return Uniform(
        record["low"],
        record["high"],
        step=record.get("step", 0.05),
    )


def dump_domain(domain: Domain | None) -> Any:
    """Return a domain in JSON's types, as `parse_domain` reads it."""
    if domain is None:
        return []
    if isinstance(domain, Choice):
        values = []
        for value in domain.values:
            # TOML and JSON have no tuples.
            values.append(list(value) if isinstance(value, tuple) else value)
        return values
    if isinstance(domain, Uniform):
        return {"low": domain.low, "high": domain.high, "step": domain.step}
    record = {"low": domain.low, "high": domain.high, "integer": True}
    if domain.log:
        record["log"] = True
    return record
