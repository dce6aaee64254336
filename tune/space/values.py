"""Single values of a dimension: which values it can take, and how a stop setting is written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeGuard

from tune.errors import SpaceError

Value: TypeAlias = str | int | float | bool | tuple[str, ...] | None
"""A value of any dimension; None leaves a setting to the service's default."""

NAMES = ("model", "prompt", "aggregate")
"""The dimensions whose values are names."""


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
    # vLLM and others write -1 for "all tokens".
    "top_k": _Bounds(-1, whole=True),
    "presence_penalty": _Bounds(-2, 2),
    "frequency_penalty": _Bounds(-2, 2),
    "repetition_penalty": _Bounds(0),
}


def is_whole_number(name: str) -> bool:
    """Tell whether a dimension takes whole numbers only."""
    return name in _BOUNDS and _BOUNDS[name].whole


def is_number(value: Any) -> TypeGuard[int | float]:
    """Tell whether a value is a number; True and False are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_finite_number(value: Any) -> TypeGuard[int | float]:
    """Tell whether a value is a number other than NaN and the infinities."""
    return is_number(value) and math.isfinite(value)


def check_value(name: str, value: Any) -> None:
    """Check that a dimension can take a value; None leaves a setting to the service's default.

    Raises:
        SpaceError: the dimension cannot take it.
    """
    # No call goes out without a cap, and n = 1 is written as 1.
    if name in ("n", "max_tokens") and value is None:
        raise SpaceError(f"{name} is a whole number, but got None")
    if name in NAMES:
        _check_name(name, value)
    elif name == "stop":
        _check_stop(value)
    elif name in _BOUNDS:
        _check_bounds(name, value, _BOUNDS[name])
    else:
        _check_setting(name, value)


def _check_name(name: str, value: Any) -> None:
    if not isinstance(value, str) or not value:
        raise SpaceError(f"{name} is a name, but got {value!r}")


def _check_stop(value: Any) -> None:
    if isinstance(value, tuple) and all(
        isinstance(text, str) and text for text in value
    ):
        return
    raise SpaceError(
        f"stop is a text, a list of texts or None, and no text is empty, but got {value!r}"
    )


def _check_bounds(name: str, value: Any, bounds: _Bounds) -> None:
    if value is None:
        return
    if not is_finite_number(value):
        raise SpaceError(f"{name} is a number, but got {value!r}")
    if not bounds.low <= value <= bounds.high:
        condition = f"{bounds.low} <= {name}"
        if bounds.high < math.inf:
            condition += f" <= {bounds.high}"
        raise SpaceError(f"`{condition}` must hold, but got {name}={value!r}")
    if bounds.whole and value != int(value):
        raise SpaceError(f"{name} is a whole number, but got {value!r}")


def _check_setting(name: str, value: Any) -> None:
    # NaN and infinity are not JSON: they could be neither sent nor kept.
    if value is None or isinstance(value, str | int) or is_finite_number(value):
        return
    if isinstance(value, list | tuple | dict):
        raise SpaceError(
            f"{name} has a value that is a table or a list: give such values by name, "
            f"as {{NAME: {value!r}}}"
        )
    raise SpaceError(
        f"{name} is a text, a finite number, or true or false, but got {value!r}"
    )


def parse_stop(value: Any) -> Any:
    """Turn one stop setting into a tuple of texts; anything else is returned unchanged."""
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def is_within(
    value: Value,
    low: float | None,
    high: float | None,
) -> bool:
    """Return whether a number is between two ends; None is no end. Anything else is within."""
    if not is_number(value):
        return True
    return (low is None or value >= low) and (high is None or value <= high)


def nearest(value: Value, values: Sequence[Value]) -> Value:
    """Return the one of `values` that is next to a number; the first for anything else."""
    if not is_number(value):
        return values[0]

    def distance(other: Value) -> float:
        return abs(other - value) if isinstance(other, int | float) else math.inf

    return min(values, key=distance)
