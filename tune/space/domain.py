"""Domains: the values that a dimension of the search may take."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

from tune.errors import SpaceError
from tune.space.values import Value, is_finite_number

MOST_VALUES = 10_000
"""The most values of a grid; with more, the step is a mistake."""

MOST_GRID_VALUES = {"linear": 16, "log": 8}
"""How many values of a range of whole numbers a search tries, by the kind of its scale."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few values, without order."""

    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise SpaceError("a choice needs at least one value, but got none")
        for i, value in enumerate(self.values):
            if any(_is_same(value, earlier) for earlier in self.values[:i]):
                raise SpaceError(
                    f"the values of a choice differ, but got {list(self.values)}"
                )

    @property
    def size(self) -> int:
        """The number of values."""
        return len(self.values)


def _is_same(one: Value, other: Value) -> bool:
    # 1 and 1.0 are the same setting, but True is another one.
    return one == other and isinstance(one, bool) == isinstance(other, bool)


@dataclass(frozen=True, slots=True)
class Uniform:
    """A number between `low` and `high`, both included, on a grid of `step`.

    Because of the step, different searches propose the same values, so that draws in the store can
    be used again.
    """

    low: float
    high: float
    step: float = 0.05

    def __post_init__(self) -> None:
        for name in ("low", "high", "step"):
            # The way to set a field of a frozen dataclass; 0 becomes 0.0.
            number = float(_number(name, getattr(self, name)))
            object.__setattr__(self, name, number)
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
        # The slack lets 0.3 be reached in steps of 0.1, although 0.3 / 0.1 is just below 3.
        count = math.floor((self.high - self.low) / self.step + 1e-9)
        grid = [round(self.low + i * self.step, 10) for i in range(count + 1)]
        # The last step may be a shorter one.
        if self.high - grid[-1] > 1e-9:
            grid.append(self.high)
        return tuple(grid)

    @property
    def size(self) -> int:
        """The number of values on the grid."""
        return len(self.values)


@dataclass(frozen=True, slots=True)
class Integers:
    """A whole number between `low` and `high`, both included; with `log`, searched by ratio."""

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
            raise SpaceError(
                f"`low >= 1` must hold where log is true, but got low={self.low}"
            )

    @property
    def values(self) -> tuple[int, ...]:
        """Every value, in order."""
        return tuple(range(self.low, self.high + 1))

    @property
    def size(self) -> int:
        """The number of values."""
        return self.high - self.low + 1

    def spaced(self, most: int) -> tuple[int, ...]:
        """Return at most `most` (2 or more) values from low to high.

        They are evenly spaced: by ratio where log is true, else by difference.
        """
        if self.size <= most:
            return self.values
        # Rounding may give the same number twice at the low end of a log scale.
        chosen = set[int]()
        for i in range(most):
            share = i / (most - 1)
            if self.log:
                chosen.add(round(self.low * (self.high / self.low) ** share))
            else:
                chosen.add(round(self.low + (self.high - self.low) * share))
        return tuple(sorted(chosen))


Domain: TypeAlias = Choice | Uniform | Integers


def _number(name: str, value: Any) -> float:
    if not is_finite_number(value):
        raise SpaceError(f"numbers are wanted, but got {name}={value!r}")
    return value


def _check_ends(low: float, high: float) -> None:
    if not low <= high:
        raise SpaceError(f"`low <= high` must hold, but got (low={low}, high={high})")


def grid_values(domain: Domain) -> tuple[Value, ...]:
    """Return the values of a domain that a search tries.

    A wide range of whole numbers is thinned: a search does not need 511 values of max_tokens.
    """
    if isinstance(domain, Integers):
        return domain.spaced(MOST_GRID_VALUES["log" if domain.log else "linear"])
    return domain.values
