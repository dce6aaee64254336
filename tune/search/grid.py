"""Grid search from coarse to fine."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence

from tune.search.history import Searcher
from tune.search.lattice import Axis, Lattice
from tune.search.searcher import follow_space, propose_in_order
from tune.space import Point, Space


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
    axes = lattice.axes[model]
    reached = []
    for axis in axes:
        pairs = zip(axis.values, _levels(axis), strict=True)
        reached.append(
            [(value, coarsest) for value, coarsest in pairs if coarsest <= level]
        )
    for chosen in itertools.product(*reached):
        # Points whose axes are all coarser were proposed by an earlier grid.
        if max((coarsest for _, coarsest in chosen), default=0) == level:
            names = [axis.name for axis in axes]
            values = [value for value, _ in chosen]
            yield lattice.complete(model, dict(zip(names, values, strict=True)))


def _levels(axis: Axis) -> list[int]:
    """Return, for each value of an axis, the coarsest grid that has it."""
    last = len(axis.values) - 1
    if not axis.ordered:
        return [0] * (last + 1)
    levels: dict[int, int] = {}
    level, pieces = 0, 2
    while len(levels) <= last:
        for piece in range(pieces + 1):
            # setdefault keeps the coarsest level of a value.
            levels.setdefault(round(piece * last / pieces), level)
        level, pieces = level + 1, pieces * 2
    return [levels[i] for i in range(last + 1)]
