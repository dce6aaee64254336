"""The next examples of the finalists: those that may change the choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from tune.fakes.race import FakeLedger, World, some_space
from tune.readout.trial import NO_REASON, Step
from tune.space import FREE, Point
from tune.strategies.blocks import rung_sizes
from tune.strategies.finalist_blocks import next_blocks
from tune.strategies.joint_normal import JointNormal
from tune.strategies.race import Race, TrialState
from tune.strategies.trial_posterior import joint_posterior

QUALITY = {"tiny": 0.6, "small": 0.62, "large": 0.6}


def begun(
    met: Mapping[str, int],
    money: float,
    quality: Mapping[str, float] = QUALITY,
    slack: float = 1.0,
) -> tuple[Race, list[TrialState]]:
    """Return a race whose models met so many of 200 examples, and its finalists.

    Args:
        met: examples, by model.
        money: dollars that are left.
        quality: of each model.
        slack: ceiling of a call, as a multiple of its cost.
    """
    world = World(
        examples=200,
        quality=lambda point: quality[str(point["model"])],
        space=some_space(
            model=list(met), temperature=0.5, prompt={"plain": "{text}"}, n=[1]
        ),
        slack=slack,
    )
    ledger = FakeLedger(world, 100.0)
    points: list[Point] = list(world.space.points(FREE))
    counts = [met[str(point["model"])] for point in points]
    for trial, (point, count) in enumerate(zip(points, counts, strict=True)):
        ledger.buy([Step(trial, point, tuple(range(count)), 1, 64)])
    race = Race(world.problem(), money, ledger.standings)
    return race, list(race.states.values())


def models(race: Race, steps: Sequence[Step]) -> list[str]:
    return [str(race.states[step.trial].point["model"]) for step in steps]


def test_the_finalist_that_is_known_least_and_may_be_the_best_comes_first() -> None:
    price = World().cost({"model": "tiny", "prompt": "plain"}, 1)
    race, finalists = begun({"small": 200, "tiny": 16}, 200 * price)
    steps = next_blocks(race, finalists, NO_REASON)
    assert models(race, steps) == ["tiny"]
    # The next rung, so that it stays paired with the others.
    sizes = rung_sizes(200)
    assert steps[0].examples[0] == 16
    assert steps[0].examples[-1] + 1 == next(size for size in sizes if size > 16)


def test_several_blocks_are_bought_at_once_while_they_are_cheap() -> None:
    price = World().cost({"model": "tiny", "prompt": "plain"}, 1)
    # To 32 examples it costs 16 prices, to 64 it costs 48, to 128 it costs 112.
    for money, reached in ((200, 32), (250, 64), (600, 128), (1e4, 200)):
        race, finalists = begun({"small": 200, "tiny": 16}, money * price)
        steps = next_blocks(race, finalists, NO_REASON)
        assert [step.examples[-1] + 1 for step in steps] == [reached]


def test_one_that_is_too_expensive_to_be_known_leaves_the_money_to_the_others() -> None:
    # Equal scores; the money pays for some examples of the large model, or for all of the tiny one.
    equal = dict.fromkeys(QUALITY, 0.6)
    money = 3 * World().cost({"model": "large", "prompt": "plain"}, 1)
    race, finalists = begun({"large": 64, "tiny": 64, "small": 200}, money, equal)
    assert models(race, next_blocks(race, finalists, NO_REASON))[0] == "tiny"


def test_one_that_is_far_behind_gets_nothing() -> None:
    far = {"tiny": 0.05, "small": 0.62, "large": 0.6}
    race, finalists = begun({"tiny": 100, "small": 100, "large": 100}, 1e3, far)
    assert sorted(models(race, next_blocks(race, finalists, NO_REASON))) == [
        "large",
        "small",
    ]


def test_only_finalists_that_are_worth_nearly_as_much_go_along() -> None:
    counts = []
    for share in (0.0, 1.0):
        race, finalists = begun({"tiny": 64, "small": 64, "large": 64}, 1e3)
        settings = race.problem.settings
        finals = replace(settings.final_comparison, worth_of_best=share)
        changed = replace(settings, final_comparison=finals)
        race.problem = replace(race.problem, settings=changed)
        counts.append(len(next_blocks(race, finalists, NO_REASON)))
    assert counts == [3, 1]


def test_each_block_counts_as_known_for_the_next_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bought: list[tuple[int, float]] = []
    monkeypatch.setattr(JointNormal, "buy", lambda _, *given: bought.append(given))
    race, finalists = begun({"tiny": 64, "small": 64, "large": 64}, 1e3)
    steps = next_blocks(race, finalists, NO_REASON)
    assert [candidate for candidate, _ in bought] == [step.trial for step in steps]
    noises = [
        noise * len(step.examples)
        for step, (_, noise) in zip(steps, bought, strict=True)
    ]
    assert noises == pytest.approx([noises[0]] * len(noises))


def test_money_for_half_a_block_buys_that_and_for_less_nothing() -> None:
    price = World().cost({"model": "tiny", "prompt": "plain"}, 1)
    # The next block has 16 examples.
    race, finalists = begun({"small": 200, "tiny": 16}, 9.5 * price)
    steps = next_blocks(race, finalists, NO_REASON)
    assert [(len(step.examples), step.examples[0]) for step in steps] == [(9, 16)]
    assert steps[0].reason.price == pytest.approx(9 * price)
    race, finalists = begun({"small": 200, "tiny": 16}, 7.5 * price)
    assert next_blocks(race, finalists, NO_REASON) == []


def test_no_part_of_a_block_is_bought_where_its_calls_would_wait_for_each_other() -> (
    None
):
    price = World().cost({"model": "tiny", "prompt": "plain"}, 1)
    for slack, bought in ((1.5, 14), (4.0, 0)):
        race, finalists = begun({"small": 200, "tiny": 16}, 15 * price, slack=slack)
        steps = next_blocks(race, finalists, NO_REASON)
        assert sum(len(step.examples) for step in steps) == bought


def test_nothing_is_bought_without_money_without_rivals_or_where_all_is_met() -> None:
    race, finalists = begun({"small": 100, "tiny": 100}, 0.0)
    assert next_blocks(race, finalists, NO_REASON) == []
    race, finalists = begun({"small": 100}, 1.0)
    assert next_blocks(race, finalists, NO_REASON) == []
    race, finalists = begun({"small": 200, "tiny": 200}, 1.0)
    assert next_blocks(race, finalists, NO_REASON) == []


def test_what_is_tried_on_the_posterior_does_not_change_it() -> None:
    race, finalists = begun({"small": 64, "tiny": 64, "large": 64}, 1e3)
    standings = list(race.standings.values())
    shared = joint_posterior(race.problem, standings).posterior
    everyone = np.arange(len(shared.quality.mean))
    before = shared.quality.covariances(everyone)
    assert len(next_blocks(race, finalists, NO_REASON)) > 1
    assert joint_posterior(race.problem, standings).posterior is shared
    assert (shared.quality.covariances(everyone) == before).all()
    assert (shared.quality.variance == np.diag(before)).all()
