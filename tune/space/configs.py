"""The configs that can be read off the draws of one paid point."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping, Sequence

from tune.space.domain import Domain, grid_values
from tune.space.point import FREE, Config, Point
from tune.space.values import Value


def free_values(
    dimensions: Mapping[str, Domain],
    point: Point,
    free: Sequence[str],
) -> dict[str, tuple[Value, ...]]:
    """Return the values of each free dimension that can be read off a point."""
    choices: dict[str, tuple[Value, ...]] = {}
    for name in FREE:
        if name in free and name in dimensions and name not in point:
            choices[name] = grid_values(dimensions[name])
    if point.get("temperature") == 0 and "n" in choices:
        # Without sampling noise, all answers would be the same one.
        choices["n"] = (1,)
    return choices


@functools.lru_cache(maxsize=4096)
def configs_with(
    point: Point,
    choices: tuple[tuple[str, tuple[Value, ...]], ...],
) -> tuple[Config, ...]:
    """Return the configs of a paid point with these values of the free dimensions."""
    # Kept, because every wave of a search asks for the configs of every trial.
    names = [name for name, _ in choices]
    smallest_n: Value = None
    if "n" in names:
        smallest_n = min(dict(choices)["n"], key=int)  # type: ignore[arg-type]
    found: dict[Config, None] = {}
    # A dict keeps the order of insertion, which a set would not.
    for values in itertools.product(*(values for _, values in choices)):
        config = Config({**point, **dict(zip(names, values, strict=True))})
        # Every rule makes the same of one answer.
        if config.n == 1:
            config = Config({**config, "aggregate": "first"})
        if smallest_n is None or config.n == smallest_n or config.aggregate != "first":
            found[config] = None
    order = sorted(found, key=lambda config: (config.n, config.max_tokens, config.key))
    return tuple(order)
