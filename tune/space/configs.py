"""The configs that can be read off the draws of one paid point."""

from __future__ import annotations

import functools
import itertools

from tune.space.point import Config, Point
from tune.space.values import Value


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
        if config.n == 1 and "aggregate" in names:
            config = Config({**config, "aggregate": "first"})
        if smallest_n is None or config.n == smallest_n or config.aggregate != "first":
            found[config] = None
    order = sorted(found, key=lambda config: (config.n, config.max_tokens, config.key))
    return tuple(order)
