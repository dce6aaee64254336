"""Worlds by their names: families of made-up worlds, and tables of draws of real models."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.worlds.recorded import TABLES, load
from benchmarks.worlds.replay import LADDERS, sentiment
from benchmarks.worlds.worlds import FAMILIES, World, recorded, simulated

SIZES = (1, 3, 5, 7)
"""Numbers of answers that a config of a recorded world may ask for."""


def _sst2() -> World:
    """Return sentences of SST-2 as two real models answered them."""
    return recorded(sentiment(), LADDERS, SIZES)


def _reviews() -> World:
    """Return the embedded reviews as the local model answered them.

    Every answer is read at the cap that it was bought with.
    """
    table = load(TABLES / "reviews-smollm2-135m.parquet", texts=False)
    caps = {cap: [cap] for cap in table.caps.values()}
    return recorded(table, caps, SIZES)


RECORDED: dict[str, Callable[[], World]] = {"sst2": _sst2, "reviews": _reviews}
"""The maker of each recorded world. Made-up worlds are in `worlds.FAMILIES`."""


def make_world(name: str, seed: int) -> World:
    """Return the made-up world of a family and a seed, or a recorded world."""
    if name in RECORDED:
        return RECORDED[name]()
    return simulated(FAMILIES[name], seed)
