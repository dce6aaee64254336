"""Settings: frozen, and each ablation of a benchmark is one of them."""

from __future__ import annotations

import dataclasses
import inspect
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tune.fakes.race import FakeLedger, World, problem, reading, standing
from tune.search import SEARCHERS
from tune.strategies import settings as module
from tune.strategies.full import Full
from tune.strategies.halving import Halving
from tune.strategies.knowledge_gradient import KnowledgeGradient
from tune.strategies.select import select_config
from tune.strategies.settings import (
    FullSettings,
    HalvingSettings,
    KnowledgeGradientSettings,
    PosteriorSettings,
    Settings,
)
from tune.strategies.trial_posterior import trial_posteriors

CLASSES = [kind for kind in vars(module).values() if dataclasses.is_dataclass(kind)]
CLASSES = [kind for kind in CLASSES if isinstance(kind, type)]


def waves(strategy: Any, shared: Settings | None = None) -> list[int]:
    """How many steps each wave of a search has."""
    world = World(examples=40)
    asked = (
        world.problem() if shared is None else replace(world.problem(), settings=shared)
    )
    ledger = FakeLedger(world, 3 * world.unit())
    ledger.drive(
        strategy(asked, SEARCHERS["random"](world.space, world.free, 0), ledger.left)
    )
    return [len(wave) for wave in ledger.waves]


@pytest.mark.parametrize("kind", CLASSES)
def test_settings_are_frozen_and_each_field_is_explained(kind: Any) -> None:
    assert kind.__dataclass_params__.frozen
    for field in dataclasses.fields(kind):
        if kind is not Settings:
            # Python 3.13 takes the indentation away, and older ones keep it.
            assert f"\n    {field.name}: " in inspect.cleandoc(kind.__doc__)


def test_the_settings_of_a_strategy_are_a_parameter() -> None:
    usual = waves(KnowledgeGradient())
    assert (
        max(waves(KnowledgeGradient(KnowledgeGradientSettings(most_steps=2)))[1:]) <= 2
    )
    assert waves(KnowledgeGradient(KnowledgeGradientSettings(blind_steps=3)))[0] == 3
    assert usual[0] > 3
    assert waves(Halving(HalvingSettings(most_arms=4)))[:2] == [1, 3]
    assert waves(Halving())[:2] == [1, 5]


def test_a_share_may_be_left_for_the_final_comparison_of_full_passes_too() -> None:
    world = World(examples=40)
    money = 6 * world.unit()
    for share in (0.0, 0.5):
        ledger = FakeLedger(world, money)
        strategy = Full(FullSettings(final_share=share))
        searcher = SEARCHERS["random"](world.space, world.free, 0)
        ledger.drive(strategy(world.problem(), searcher, money))
        assert ledger.left >= share * money


def test_the_settings_of_shared_parts_are_a_parameter_of_the_problem() -> None:
    """A tie as wide as the range is won by the cheapest; without one the best is selected."""
    cheap, good = (
        reading([0.0] * 20, cost=1e-4),
        reading([1.0] * 20, cost=1e-2, trial=1),
    )
    standings = {0: standing(cheap), 1: standing(good)}
    selection = replace(Settings().selection, tie=1.0)
    wide = problem(settings=replace(Settings(), selection=selection))
    for asked, expected in ((problem(), good), (wide, cheap)):
        choice = select_config(asked, standings)
        assert choice is not None
        assert choice.reading is expected


def test_without_pairing_what_hard_examples_do_counts_as_noise() -> None:
    rng = np.random.default_rng(0)
    hard = rng.random(40) < 0.5
    rows = [np.where(hard, 0.0, 1.0), np.where(hard, 0.0, 1.0)]
    rows[1][:3] = 0.0
    standings = [standing(reading(row.tolist(), trial=i)) for i, row in enumerate(rows)]
    variance = replace(PosteriorSettings().variance, paired=False)
    apart = replace(
        Settings(), posterior=PosteriorSettings(variance=variance, met_share=2.0)
    )
    paired = replace(Settings(), posterior=PosteriorSettings(met_share=2.0))
    gaps = []
    for shared in (paired, apart):
        found = trial_posteriors(problem(examples=40, settings=shared), standings)
        gaps.append(abs(found[0].level - found[1].level))
    assert gaps[0] != gaps[1]
