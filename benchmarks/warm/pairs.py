"""Pairs of studies: an earlier one, and the one that may learn from it.

Made-up tasks share models and prompts. The ability of a model with a prompt is a part that both
tasks share, and a part that each has for itself. A table from outside is split by its examples, or
shares models with another table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import permutations
from typing import NamedTuple, TypeAlias

import numpy as np

from benchmarks.worlds.kinds import TEMPERATURE, Maker
from benchmarks.worlds.replay import Cell
from benchmarks.worlds.worlds import Array, Counts, World

MODELS, PROMPTS = 6, 8
"""Of a made-up task."""

MODEL, PROMPT, BOTH, LEVEL = 0.5, 0.35, 0.2, 0.5
"""Standard deviations of ability: by model, by prompt, by pair of them, and by task."""

Pool: TypeAlias = Counts | None
"""The examples of a world that a study has; None for all."""

SAME = range(MODELS), range(PROMPTS)
OTHER_MODELS = range(MODELS, 2 * MODELS), range(PROMPTS)
OTHER_PROMPTS = range(MODELS), range(PROMPTS, 2 * PROMPTS)
"""Models and prompts of a task, by number."""


class Pair(NamedTuple):
    """Two studies.

    Attributes:
        earlier: the world of the earlier one.
        later: the world of the one that is measured.
        earlier_pool: examples of the earlier one.
        later_pool: examples of the later one.
    """

    earlier: World
    later: World
    earlier_pool: Pool = None
    later_pool: Pool = None


MakePair: TypeAlias = Callable[[int], Pair]
"""Makes the pair of a seed."""


def made_up(
    alike: float, later: tuple[Sequence[int], Sequence[int]], seed: int
) -> Pair:
    """Return two tasks.

    Args:
        alike: the share of the variance of abilities that both have in common. Below 0, what is
            good in one task is bad in the other.
        later: models and prompts of the later task; the earlier one has `SAME`.
        seed: of both.
    """
    rng = np.random.default_rng([seed, *b"warm"])
    shared, first, second = (_abilities(rng) for _ in range(3))
    own = np.sqrt(1.0 - abs(alike))
    common = np.sqrt(abs(alike)) * shared
    earlier = np.sign(alike) * common + own * first
    # What is known of a world is kept under its name, so each has its own.
    name = f"{alike:g}-{later[0][0]}-{later[1][0]}-{seed}"
    return Pair(
        _world(f"earlier-{name}", rng, earlier, *SAME),
        _world(f"later-{name}", rng, common + own * second, *later),
    )


def _abilities(rng: np.random.Generator) -> Array:
    """Return abilities by model and prompt, as many as both tasks need."""
    model = MODEL * rng.standard_normal((2 * MODELS, 1))
    prompt = PROMPT * rng.standard_normal((1, 2 * PROMPTS))
    both = BOTH * rng.standard_normal((2 * MODELS, 2 * PROMPTS))
    return np.asarray(model + prompt + both)


def _world(
    name: str,
    rng: np.random.Generator,
    abilities: Array,
    models: Sequence[int],
    prompts: Sequence[int],
) -> World:
    maker = Maker(name, rng)
    # Tasks differ in how hard they are, too.
    level = LEVEL * rng.standard_normal()
    for model in models:
        for prompt in prompts:
            cell = Cell(f"m{model}", f"p{prompt}", TEMPERATURE)
            maker.add(cell, level + abilities[model, prompt])
    return maker.world()


MADE_UP: dict[str, MakePair] = {
    "the same task, other rows": partial(made_up, 1.0, SAME),
    "a similar task": partial(made_up, 0.7, SAME),
    "a remote task": partial(made_up, 0.3, SAME),
    "a similar task, other models": partial(made_up, 0.85, OTHER_MODELS),
    "a similar task, other prompts": partial(made_up, 0.85, OTHER_PROMPTS),
    "a task with nothing in common": partial(made_up, 0.0, SAME),
    "misleading: the opposite task": partial(made_up, -1.0, SAME),
}
"""The maker of made-up pairs, by what the later study shares with the earlier one."""


def halves(world: World, seed: int) -> Pair:
    """Return two studies on the two halves of a world's examples."""
    order = np.random.default_rng([seed, world.examples]).permutation(world.examples)
    middle = world.examples // 2
    return Pair(world, world, order[:middle], order[middle:])


def of_tables(worlds: Sequence[World]) -> Mapping[str, MakePair]:
    """Return the makers of pairs of tables: halves of each, and each after each other one."""
    found: dict[str, MakePair] = {}
    for world in worlds:
        found[f"{_said(world)}, other rows"] = partial(halves, world)
    for earlier, later in permutations(worlds, 2):
        pair = Pair(earlier, later)
        found[f"{_said(later)} after {_said(earlier)}"] = partial(_always, pair)
    return found


def _always(pair: Pair, _: int) -> Pair:
    return pair


def _said(world: World) -> str:
    # The rest of the name is a hash of the file.
    return world.name.partition("#")[0]
