"""Random search, evenly spread: the values of every dimension are dealt like cards."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence

from tune.search.history import Searcher
from tune.search.lattice import Axis, Lattice
from tune.search.searcher import follow_space, propose_in_order
from tune.space import Point, Space, Value

_PATIENCE = 64
"""Deals in a row that bring nothing new, after which the rest of a model's points is listed."""


def random_search(
    space: Space,
    free: Sequence[str],
    seed: int,
) -> Searcher:
    """Propose points at random, each once, spread evenly over models, prompts and all settings."""

    def make(lattice: Lattice) -> Searcher:
        return propose_in_order(spread_points(lattice, seed))

    return follow_space(space, free, make)


def spread_points(lattice: Lattice, seed: int) -> Iterator[Point]:
    """Yield every point once, at random but evenly.

    Models take turns, and no value of a dimension comes again before all have come. So the first
    few points already cover every model and, within a model, every prompt and the whole range of
    temperatures. Independent draws would leave gaps (as in Latin hypercube sampling).
    """
    rng = random.Random(f"deal/{seed}")
    hands = {model: _hands(lattice, model, rng) for model in lattice.models}
    while hands:
        # A new order in every round, so that no model is always first.
        for model in rng.sample(list(hands), len(hands)):
            point = next(hands[model], None)
            if point is None:
                del hands[model]
            else:
                yield point


def _hands(
    lattice: Lattice,
    model: str,
    rng: random.Random,
) -> Iterator[Point]:
    """Yield every point of one model: dealt while that brings new ones, then the rest shuffled."""
    axes = lattice.axes[model]
    decks = [(axis.name, _deck(axis, rng)) for axis in axes]
    most = math.prod(len(axis.values) for axis in axes)
    dealt: set[Point] = set()
    stale = 0
    # Settings that exclude each other make points coincide, so dealing may never end.
    while stale < _PATIENCE:
        # Dependent dimensions may collapse, so different deals can give the same point.
        values = {name: next(deck) for name, deck in decks}
        stale += 1
        # Nothing new is left. The other models' decks have the same generator, so cards are still
        # dealt.
        if len(dealt) == most:
            continue
        point = lattice.complete(model, values)
        if point not in dealt:
            stale = 0
            dealt.add(point)
            yield point
    if len(dealt) == most:
        return
    rest = [point for point in lattice.points(model) if point not in dealt]
    rng.shuffle(rest)
    yield from rest


def _deck(axis: Axis, rng: random.Random) -> Iterator[Value]:
    """Yield the values of an axis for ever, shuffled again after every round."""
    while True:
        yield from rng.sample(axis.values, len(axis.values))
