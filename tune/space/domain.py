"""Domains: what values a dimension may take, and how users write them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from tune.errors import SpaceError

Value: TypeAlias = str | int | float | bool | tuple[str, ...] | None

MOST_VALUES = 10_000
"""A grid finer than this is a mistake in its step."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few values, without order."""

    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise SpaceError("a choice needs at least one value, but got none")
        for i, value in enumerate(self.values):
            # 1 and 1.0 are the same setting, but True is another one.
            if any(
                value == v and isinstance(value, bool) == isinstance(v, bool)
                for v in self.values[:i]
            ):
                raise SpaceError(f"the values of a choice differ, but got {list(self.values)}")

    @property
    def size(self) -> int:
        """How many values there are."""
        return len(self.values)


@dataclass(frozen=True, slots=True)
class Uniform:
    """A number between `low` and `high`, both included, on a grid of `step`.

    The step makes points meet draws that are already in the store.
    """

    low: float
    high: float
    step: float = 0.05

    def __post_init__(self) -> None:
        for name in ("low", "high", "step"):
            object.__setattr__(self, name, float(_number(name, getattr(self, name))))
        _check_ends(self.low, self.high)
        if not self.step > 0:
            raise SpaceError(f"`step > 0` must hold, but got step={self.step}")
        if (self.high - self.low) / self.step > MOST_VALUES:
            raise SpaceError(
                f"`(high - low) / step <= {MOST_VALUES}` must hold, "
                f"but got (low={self.low}, high={self.high}, step={self.step})"
            )

    @property
    def values(self) -> tuple[float, ...]:
        """Every value on the grid, in order; the last is `high`."""
        count = math.floor((self.high - self.low) / self.step + 1e-9)
        grid = [round(self.low + i * self.step, 10) for i in range(count + 1)]
        if self.high - grid[-1] > 1e-9:
            grid.append(self.high)
        return tuple(grid)

    @property
    def size(self) -> int:
        """How many values the grid has."""
        return len(self.values)


@dataclass(frozen=True, slots=True)
class Integers:
    """A whole number between `low` and `high`, both included; `log` searches by ratio, not by
    difference.
    """

    low: int
    high: int
    log: bool = False

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            value = _number(name, getattr(self, name))
            if value != int(value):
                raise SpaceError(
                    f"whole numbers are wanted, but got (low={self.low}, high={self.high})"
                )
            object.__setattr__(self, name, int(value))
        _check_ends(self.low, self.high)
        if self.log and self.low < 1:
            raise SpaceError(f"`low >= 1` must hold where log is true, but got low={self.low}")

    @property
    def values(self) -> tuple[int, ...]:
        """Every value, in order."""
        return tuple(range(self.low, self.high + 1))

    @property
    def size(self) -> int:
        """How many values there are."""
        return self.high - self.low + 1

    def spaced(self, rungs: int) -> tuple[int, ...]:
        """At most `rungs` (2 or more) values from low to high, evenly spaced (by ratio where log is
        true).
        """
        if self.size <= rungs:
            return self.values
        share = [i / (rungs - 1) for i in range(rungs)]
        if self.log:
            spread = [self.low * (self.high / self.low) ** s for s in share]
        else:
            spread = [self.low + (self.high - self.low) * s for s in share]
        return tuple(sorted({round(v) for v in spread}))


Domain: TypeAlias = Choice | Uniform | Integers


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise SpaceError(f"numbers are wanted, but got {name}={value!r}")
    return value


def _check_ends(low: float, high: float) -> None:
    if not low <= high:
        raise SpaceError(f"`low <= high` must hold, but got (low={low}, high={high})")


def grid_values(domain: Domain) -> tuple[Value, ...]:
    """The values of a domain, thinned where there are many: a search need not try 511 values of
    max_tokens.
    """
    if isinstance(domain, Integers):
        return domain.spaced(8 if domain.log else 16)
    return domain.values


@dataclass(frozen=True, slots=True)
class _Bounds:
    low: float
    high: float = math.inf
    whole: bool = False


_BOUNDS = {
    "n": _Bounds(1, whole=True),
    "max_tokens": _Bounds(1, whole=True),
    "temperature": _Bounds(0),
    "top_p": _Bounds(0, 1),
    "min_p": _Bounds(0, 1),
    "top_k": _Bounds(-1, whole=True),
    "presence_penalty": _Bounds(-2, 2),
    "frequency_penalty": _Bounds(-2, 2),
    "repetition_penalty": _Bounds(0),
}
_NAMES = ("model", "prompt", "aggregate")


def check_value(name: str, value: Any) -> None:
    """Whether a dimension can take a value; None leaves a setting to the service's default.

    Raises:
        SpaceError: it cannot.
    """
    if name in ("n", "max_tokens") and value is None:
        raise SpaceError(f"{name} is a whole number, but got None")
    if name in _NAMES:
        if not isinstance(value, str) or not value:
            raise SpaceError(f"{name} is a name, but got {value!r}")
    elif name == "stop":
        if not isinstance(value, tuple) or not all(
            isinstance(text, str) and text for text in value
        ):
            raise SpaceError(
                f"stop is a text, a list of texts or None, and no text is empty, but got {value!r}"
            )
    elif name in _BOUNDS:
        _check_bounds(name, value, _BOUNDS[name])
    elif not (
        value is None
        or isinstance(value, str | int)
        or (isinstance(value, float) and math.isfinite(value))
    ):
        raise SpaceError(f"{name} is a text, a finite number, or true or false, but got {value!r}")


def _check_bounds(name: str, value: Any, bounds: _Bounds) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise SpaceError(f"{name} is a number, but got {value!r}")
    if not bounds.low <= value <= bounds.high:
        most = f" <= {bounds.high}" if bounds.high < math.inf else ""
        raise SpaceError(f"`{bounds.low} <= {name}{most}` must hold, but got {name}={value!r}")
    if bounds.whole and value != int(value):
        raise SpaceError(f"{name} is a whole number, but got {value!r}")


def parse_domain(name: str, value: Any) -> Domain | None:
    """Read one domain as users write it; None for an empty list.

    A list is a choice; a single value a choice of one; `{low, high}` a range, of whole numbers
    where `integer` is true (n and max_tokens always are), with `step` or `log`.

    Raises:
        SpaceError: the value is no domain, or has a value that the dimension cannot take.
    """
    try:
        domain = _parse(name, value)
    except SpaceError as error:
        raise SpaceError(f"{name}: {error}") from None
    if isinstance(domain, Choice):
        for single in domain.values:
            check_value(name, single)
    elif domain is not None:
        if name == "stop" or name in _NAMES:
            raise SpaceError(f"{name} has no range: list its values")
        if isinstance(domain, Uniform) and name in _BOUNDS and _BOUNDS[name].whole:
            raise SpaceError(
                f"{name} is a whole number: give Integers({domain.low:g}, {domain.high:g})"
            )
        check_value(name, domain.low)
        check_value(name, domain.high)
    return domain


def _parse(name: str, value: Any) -> Domain | None:
    if isinstance(value, Uniform | Integers):
        return value
    if isinstance(value, Mapping):
        return _parse_range(value, whole=name in _BOUNDS and _BOUNDS[name].whole)
    if isinstance(value, Choice):
        value = value.values
    value = _plain(value)
    if not isinstance(value, list | tuple | range):
        value = [value]
    if not value:
        return None
    if name == "stop":
        return Choice(tuple(parse_stop(v) for v in value))
    return Choice(tuple(_plain(v) for v in value))


def _plain(value: Any) -> Any:
    """numpy's arrays and numbers as Python's, since JSON does not know them."""
    return value.tolist() if hasattr(value, "tolist") else value


def parse_stop(value: Any) -> Any:
    """One stop setting as a tuple of texts; what cannot be one is given back as it is."""
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def _parse_range(record: Mapping[str, Any], *, whole: bool) -> Domain:
    known = {"low", "high", "step", "integer", "log"}
    if not {"low", "high"} <= set(record) <= known:
        raise SpaceError(
            f"a range has low, high and perhaps {sorted(known - {'low', 'high'})}, but got {dict(record)}"
        )
    for name in ("integer", "log"):
        if not isinstance(record.get(name, False), bool):
            raise SpaceError(f"{name} is true or false, but got {record[name]!r}")
    if whole or record.get("integer"):
        if "step" in record:
            raise SpaceError("a range of whole numbers has no step: list its values")
        return Integers(record["low"], record["high"], log=record.get("log", False))
    if record.get("log"):
        raise SpaceError("log is for whole numbers: add integer = true, or list the values")
    return Uniform(record["low"], record["high"], step=record.get("step", 0.05))


def dump_domain(domain: Domain | None) -> Any:
    """A domain as `parse_domain` reads it, in JSON's types."""
    if domain is None:
        return []
    if isinstance(domain, Choice):
        return [list(v) if isinstance(v, tuple) else v for v in domain.values]
    if isinstance(domain, Uniform):
        return {"low": domain.low, "high": domain.high, "step": domain.step}
    return {"low": domain.low, "high": domain.high, "integer": True} | (
        {"log": True} if domain.log else {}
    )
