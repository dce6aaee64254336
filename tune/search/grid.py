"""Grid search from coarse to fine."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tune.search.history import Searcher
from tune.search.lattice import Axis, Lattice
from tune.search.searcher import follow_space, propose_in_order
from tune.space import Point, Space, Value


def grid(
    space: Space,
    free: Sequence[str],
    seed: int,
) -> Searcher:
    """Propose every point of a coarse grid, then of ever finer ones, each in random order.

    The coarsest grid has the ends and the middle of every ordered dimension, and every value of the
    others. Each finer one halves the gaps. So a search whose money ends early has seen the whole
    space, only coarsely.
    """

    def make(lattice: Lattice) -> Searcher:
        return propose_in_order(_grids(lattice, random.Random(f"grid/{seed}")))

    return follow_space(space, free, make)


def _grids(lattice: Lattice, rng: random.Random) -> Iterator[Point]:
    """Yield the points of all grids, the coarsest first."""
    finest = 0
    for axes in lattice.axes.values():
        for axis in axes:
            finest = max(finest, *_levels(axis))
    for level in range(finest + 1):
        found: list[Point] = []
        for model in lattice.models:
            found += _grid(lattice, model, level)
        # Shuffled over all models, so that money that ends early is not spent on the first one.
        rng.shuffle(found)
        yield from found


def _grid(
    lattice: Lattice,
    model: str,
    level: int,
) -> Iterator[Point]:
    """Yield the points of one model that this grid has and no coarser one."""
    # For each axis, the places of its values that this grid has.
    reached: list[list[_Place]] = []
    for axis in lattice.axes[model]:
        places: list[_Place] = []
        for value, coarsest in zip(axis.values, _levels(axis), strict=True):
            if coarsest <= level:
                places.append(_Place(axis.name, value, coarsest))
        reached.append(places)
    for chosen in itertools.product(*reached):
        # Points whose axes are all coarser were proposed by an earlier grid.
        if max((place.coarsest for place in chosen), default=0) == level:
            values = {place.name: place.value for place in chosen}
            yield lattice.complete(model, values)


class _Place(NamedTuple):
    """One value of an axis.

    Attributes:
        name: of the dimension.
        value: one of its values.
        coarsest: the level of the coarsest grid that has the value.
    """

    name: str
    value: Value
    coarsest: int


def _levels(axis: Axis) -> list[int]:
    """Return, for each value of an axis, the coarsest grid that has it."""
    last = len(axis.values) - 1
    if not axis.ordered:
        return [0] * (last + 1)
    levels: dict[int, int] = {}
    level = 0
    pieces = 2
    while len(levels) <= last:
        for piece in range(pieces + 1):
            # setdefault keeps the coarsest level of a value.
            levels.setdefault(round(piece * last / pieces), level)
        level += 1
        pieces *= 2
    return [levels[i] for i in range(last + 1)]
