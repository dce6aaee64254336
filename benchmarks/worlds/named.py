"""Worlds by their names: made-up worlds, and tables of draws of real models.

Settings of the search are chosen on one half of the worlds, `CHOSEN_ON`, and reported on the other.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from benchmarks.worlds.kinds import KINDS
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
"""The maker of each recorded world."""

SIMULATED: dict[str, Callable[[int], World]] = {
    **{name: partial(simulated, family) for name, family in FAMILIES.items()},
    **KINDS,
}
"""The maker of the made-up world of a seed, by the name of its family or kind."""

CHOSEN_ON = frozenset(
    {
        "labels",
        "prompts",
        "temperature-narrow",
        "models-50",
        "interaction",
        "graded",
        "specialisation",
        "hidden-tokens",
        "sst2",
        "zeroeval_crux",
    }
)
"""Worlds on which settings of the search may be chosen. All others, and every table from outside
that is not named here, are for reporting only.
"""


def chosen_on(name: str) -> bool:
    """Tell if settings may be chosen on a world; of a table, its file's name counts."""
    return name.partition("#")[0] in CHOSEN_ON


def make_world(name: str, seed: int) -> World:
    """Return the made-up world of a name and a seed, or a recorded world."""
    if name in RECORDED:
        return RECORDED[name]()
    return SIMULATED[name](seed)
