"""The comparison of the finalists at the end of a search."""

from __future__ import annotations

from tune.fakes.race import FakeLedger, World, some_space
from tune.readout.trial import Step
from tune.space import FREE
from tune.strategies import Selection, final_comparison


def test_finalists_meet_the_rest_of_the_examples_before_they_get_more_draws() -> None:
    world = World(
        examples=60,
        quality=lambda _: 0.7,
        space=some_space(temperature=[0.5, 0.7], model="small"),
    )
    ledger = FakeLedger(world, 1.0)
    points = list(world.space.points(FREE))[:3]
    ledger.buy(
        [Step(i, p, tuple(range(8 * (i + 1))), 1, 64) for i, p in enumerate(points)]
    )
    ledger.waves.clear()
    choice = ledger.drive(
        final_comparison(world.problem(), ledger.standings, ledger.left)
    )
    draws = [step.draws for wave in ledger.waves for step in wave]
    assert draws == sorted(draws)
    assert draws[-1] > 1
    assert all(
        step.examples[-1] == 59
        for wave in ledger.waves
        for step in wave
        if step.draws > 1
    )
    assert isinstance(choice, Selection)
    assert choice.reading.n_examples == 60


def test_who_is_clearly_behind_drops_out_and_a_clear_winner_ends_the_race() -> None:
    world = World(
        examples=200,
        quality=lambda p: {"tiny": 0.1, "small": 0.5, "large": 0.95}[str(p["model"])],
        space=some_space(temperature=0.0, prompt={"plain": "{text}"}),
    )
    ledger = FakeLedger(world, 1.0)
    ledger.buy(
        [
            Step(i, p, tuple(range(16)), 1, 64)
            for i, p in enumerate(world.space.points(FREE))
        ]
    )
    choice = ledger.drive(
        final_comparison(world.problem(), ledger.standings, ledger.left)
    )
    assert isinstance(choice, Selection)
    assert choice.reading.config.model == "large"
    assert [r.config.model for r in choice.runners_up] == ["small", "tiny"]
    assert max(max(held) for held in ledger.held.values()) < 100


def test_a_final_comparison_without_money_selects_at_once() -> None:
    world = World(examples=40)
    ledger = FakeLedger(world, 1.0)
    ledger.buy(
        [
            Step(i, p, tuple(range(8)), 1, 64)
            for i, p in enumerate(list(world.space.points(FREE))[:4])
        ]
    )
    ledger.waves.clear()
    assert isinstance(
        ledger.drive(final_comparison(world.problem(), ledger.standings, 0.0)),
        Selection,
    )
    assert ledger.waves == []


def test_money_that_is_kept_is_not_spent() -> None:
    world = World(examples=200, quality=lambda _: 0.7, space=some_space(n=[1]))
    spent = []
    for kept in (0.0, 0.5):
        ledger = FakeLedger(
            world, 1e4 * world.cost({"model": "tiny", "prompt": "plain"}, 1)
        )
        points = list(world.space.points(FREE))[:3]
        ledger.buy([Step(i, p, tuple(range(16)), 1, 64) for i, p in enumerate(points)])
        ledger.left = 100 * world.cost(points[0], 1)
        before = ledger.left
        ledger.drive(
            final_comparison(
                world.problem(), ledger.standings, before, kept=kept * before
            )
        )
        spent.append((before - ledger.left) / before)
    everything, half = spent
    assert everything > 0.6
    assert 0.3 < half <= 0.5
