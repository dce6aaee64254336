"""`benchmarks/worlds/kinds.py`: every kind has its trait, and a best config that is known."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from benchmarks.search.goals import configs
from benchmarks.search.runs import kinds_of
from benchmarks.worlds.kinds import DRAWS, EXAMPLES, KINDS
from benchmarks.worlds.named import CHOSEN_ON, RECORDED, SIMULATED, chosen_on
from benchmarks.worlds.worlds import FAMILIES, World
from tune.space import FREE


@lru_cache(maxsize=len(KINDS))
def world(name: str) -> World:
    return KINDS[name](1)


def worths(name: str) -> np.ndarray:
    return np.array([world(name).worth(config) for config in configs(world(name))])


@pytest.mark.parametrize("name", KINDS)
def test_the_best_config_is_known_and_a_seed_makes_one_world(name: str) -> None:
    made = world(name)
    assert made.examples == EXAMPLES
    assert made.best() == worths(name).max() > np.median(worths(name))
    assert len(list(made.space.points(FREE))) == len(made.answers)
    again, other = KINDS[name](1), KINDS[name](2)
    cell = next(iter(made.answers))
    assert np.array_equal(again.answers[cell], made.answers[cell])
    assert again.name == made.name != other.name
    assert all(a.shape == (EXAMPLES, DRAWS) for a in made.answers.values())


def test_every_kind_has_its_trait() -> None:
    sizes = {name: len(configs(world(name))) for name in KINDS}
    assert sizes["prompts-200"] == 200
    assert sizes["models-50"] == 50
    assert sizes["temperature-narrow"] == sizes["temperature-wide"] == 16
    near = worths("near-equal")
    assert np.mean(near > near.max() - 0.08) > 0.9
    assert 0.02 < worths("skewed").mean() < 0.2
    scores = np.concatenate([a.ravel() for a in world("graded").answers.values()])
    assert len(np.unique(scores)) > 1000
    assert 0 <= scores.min() < scores.max() <= 1
    spread = [world("cost-spread").cost(c) for c in configs(world("cost-spread"))]
    assert 800 < max(spread) / min(spread) < 1200
    hidden = max(int(t.max()) for t in world("hidden-tokens").tokens.values())
    assert hidden > 8192


def test_a_narrow_peak_is_narrower() -> None:
    near = {}
    for name in ("temperature-narrow", "temperature-wide"):
        found = worths(name)
        near[name] = np.sum(found > found.max() - 0.1)
    assert near["temperature-narrow"] < near["temperature-wide"]


def test_models_with_prompts_of_their_own_rank_them_differently() -> None:
    made = world("interaction")
    best = {
        model: max(
            (c for c in configs(made) if c.model == model), key=made.worth
        ).prompt
        for model in made.prices
    }
    assert len(set(best.values())) > 2


def test_a_cap_cuts_all_answers_or_none() -> None:
    made = world("cap-cliff")
    for cell, answers in made.answers.items():
        kept = [
            np.mean(made.tokens[cell] <= cap)
            for cap in (32, 64, 128, 256)
            if answers.size
        ]
        assert sum(0.05 < share < 0.95 for share in kept) <= 1
    assert kinds_of(made) == ("read", "paid")
    assert kinds_of(world("models-50")) == ("read",)


def test_half_of_the_worlds_are_for_choosing_and_the_names_exist() -> None:
    assert {*FAMILIES, *KINDS} == set(SIMULATED)
    here = [*SIMULATED, *RECORDED]
    chosen = [name for name in here if chosen_on(name)]
    assert abs(len(chosen) - len(here) / 2) <= 1
    assert set(chosen) == {
        name for name in CHOSEN_ON if not name.startswith("zeroeval")
    }
