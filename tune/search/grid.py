"""Grid search from coarse to fine."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence

from tune.search.history import Searcher
from tune.search.lattice import Axis, Lattice
from tune.search.searcher import follow_space, propose_in_order
from tune.space import Point, Space


def grid(space: Space, free: Sequence[str], seed: int) -> Searcher:
    """Every point of a coarse grid, then of ever finer ones, each grid in random order.

    The coarsest grid has the ends and the middle of every ordered dimension, and every value of the
    others; each finer one halves the gaps. So a search whose money ends early has seen the whole
    space, only coarsely.
    """
    return follow_space(
        space,
        free,
        lambda lattice: propose_in_order(_grids(lattice, random.Random(f"grid/{seed}"))),
    )


def _grids(lattice: Lattice, rng: random.Random) -> Iterator[Point]:
    finest = max(
        (level for axes in lattice.axes.values() for axis in axes for level in _levels(axis)),
        default=0,
    )
    for level in range(finest + 1):
        found = [point for model in lattice.models for point in _grid(lattice, model, level)]
        rng.shuffle(found)
        yield from found


def _grid(lattice: Lattice, model: str, level: int) -> Iterator[Point]:
    """The points of one model that this grid has and no coarser one."""
    axes = lattice.axes[model]
    reached = [
        [(v, at) for v, at in zip(axis.values, _levels(axis), strict=True) if at <= level]
        for axis in axes
    ]
    for chosen in itertools.product(*reached):
        if max((at for _, at in chosen), default=0) == level:
            yield lattice.complete(
                model, {axis.name: value for axis, (value, _) in zip(axes, chosen, strict=True)}
            )


def _levels(axis: Axis) -> list[int]:
    """For each value of an axis the coarsest grid that has it."""
    last = len(axis.values) - 1
    if not axis.ordered:
        return [0] * (last + 1)
    levels: dict[int, int] = {}
    level, pieces = 0, 2
    while len(levels) <= last:
        for piece in range(pieces + 1):
            levels.setdefault(round(piece * last / pieces), level)
        level, pieces = level + 1, pieces * 2
    return [levels[i] for i in range(last + 1)]
