"""The holdout: money that is kept for it, and steps that let every prefix be compared."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.house import POINT, House, unsure
from tune.plan.purchase import MOST_HOLDOUT_SHARE
from tune.space import Config
from tune.study.holdout import (
    HOLDOUT_BLOCK,
    HoldoutReserve,
    plan_holdout,
    read_holdout_test,
)

FIRST = Config({**POINT, "max_tokens": 2, "n": 1})
OTHER = Config({**POINT, "max_tokens": 12, "n": 3, "aggregate": "vote"})


def test_every_config_meets_each_block_before_the_next(
    build: Callable[..., House],
) -> None:
    plan = build().plan
    steps, trials = plan_holdout(plan, [FIRST, OTHER])
    assert {number: trial.point for number, trial in trials.items()} == {
        0: FIRST,
        1: OTHER,
    }
    assert [step.trial for step in steps] == [0, 1] * (len(steps) // 2)
    for first, other in zip(steps[::2], steps[1::2], strict=True):
        assert first.examples == other.examples
        assert len(first.examples) <= HOLDOUT_BLOCK
    met = [position for step in steps[::2] for position in step.examples]
    assert met == list(range(len(plan.split.tuning), len(plan.examples)))


def test_each_config_is_bought_with_its_own_n_and_cap(
    build: Callable[..., House],
) -> None:
    steps, _ = plan_holdout(build().plan, [FIRST, OTHER])
    assert {(step.trial, step.draws, step.cap) for step in steps} == {
        (0, 1, 2),
        (1, 3, 12),
    }


async def test_the_test_is_read_as_each_config_says(
    build: Callable[..., House],
) -> None:
    house = build(unsure)
    steps, trials = plan_holdout(house.plan, [FIRST, OTHER])
    await house.run.evaluator.run(steps, trials)
    found = read_holdout_test(house.run.evaluator.reader, trials.values())
    assert found.trials == {FIRST: trials[0], OTHER: trials[1]}
    assert {config: reading.config for config, reading in found.readings.items()} == {
        FIRST: FIRST,
        OTHER: OTHER,
    }
    assert found.readings[OTHER].n_examples == len(house.plan.split.holdout)


async def test_a_config_without_any_answer_has_no_reading(
    build: Callable[..., House],
) -> None:
    house = build()
    house.account.close("money")
    steps, trials = plan_holdout(house.plan, [FIRST])
    await house.run.evaluator.run(steps, trials)
    found = read_holdout_test(house.run.evaluator.reader, trials.values())
    assert found.readings == {}
    assert list(found.trials) == [FIRST]


async def test_the_reserve_follows_what_would_be_selected_up_to_its_share(
    build: Callable[..., House],
) -> None:
    house = build(unsure)
    run = house.run
    reserve = HoldoutReserve(run.selector, run.standings, run.budget)
    reserve.update()
    before = house.account.balance.envelope
    most = MOST_HOLDOUT_SHARE * house.account.budget
    assert 0 < before <= most
    await house.buy(examples=16, draws=1, cap=2)
    reserve.update()
    assert 0 < house.account.balance.envelope < before, "what it costs is known better"


async def test_the_reserve_is_not_worked_out_again_for_nothing(
    build: Callable[..., House],
) -> None:
    house = build()
    run = house.run
    reserve = HoldoutReserve(run.selector, run.standings, run.budget)
    reserve.update()
    house.account.set_aside(7)
    reserve.update()
    assert house.account.balance.envelope == 7
