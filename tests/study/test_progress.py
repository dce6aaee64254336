"""Progress: the events of a run, and the numbers in them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.house import POINT, House
from tune.pricing.clock import Clock
from tune.readout.trial import Step
from tune.study.events import (
    Event,
    PhaseBegan,
    Progress,
    StudyBegan,
    TrialFailed,
    TrialScored,
    WaveChosen,
    WaveDone,
)
from tune.study.progress import ProgressReporter

STEP = Step(0, POINT, tuple(range(8)), 3, 12)


def reporter(
    house: House, emit: Callable[[Event], object], clock: Clock | None = None
) -> ProgressReporter:
    run = house.run
    return ProgressReporter(
        house.plan, house.ledger, clock, run.trials, run.selector, emit
    )


async def test_a_wave_that_is_done_gives_its_trials_the_money_and_the_best(
    build: Callable[..., House],
) -> None:
    house, seen = build(), list[Event]()
    made = reporter(house, seen.append)
    made.begin("results/x", resumed=False)
    made.phase("search")
    made.chosen([STEP], replayed=False)
    await house.buy(examples=8)
    house.run.standings.current()
    made.done([STEP], None)
    began, phase, chosen, scored, done, progress = seen
    assert isinstance(began, StudyBegan)
    assert (began.folder, began.spent, began.models) == ("results/x", 0, ("m",))
    assert isinstance(phase, PhaseBegan)
    assert isinstance(chosen, WaveChosen)
    (step,) = chosen.steps
    assert (step.trial, step.examples, step.draws) == (0, 8, 3)
    assert dict(step.config) == dict(POINT)
    assert isinstance(scored, TrialScored)
    assert scored.best.quality == 1.0
    assert scored.best.low < 1.0
    assert isinstance(done, WaveDone)
    assert (done.trials, done.stopped) == (1, None)
    assert isinstance(progress, Progress)
    assert progress.spent == pytest.approx(house.billed)
    assert progress.budget == house.plan.budget
    assert progress.best == scored.best


async def test_a_trial_that_failed_says_why(build: Callable[..., House]) -> None:
    house, seen = build(), list[Event]()
    made = reporter(house, seen.append)
    await house.buy(examples=8)
    house.run.trials[0].state, house.run.trials[0].reason = "failed", "no such thing"
    house.run.standings.current()
    made.done([STEP], None)
    failed = seen[0]
    assert isinstance(failed, TrialFailed)
    assert failed.reason == "no such thing"


async def test_within_a_wave_the_progress_is_told_again_and_again(
    build: Callable[..., House], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tune.study.progress.TICK", 0.001)
    house, seen = build(), list[Event]()
    enough = asyncio.Event()

    def watch(event: Event) -> None:
        seen.append(event)
        if len(seen) == 3:
            enough.set()

    made = reporter(house, watch)
    attempt = await house.ledger.reserve(1000, expected=0)
    async with made.ticking():
        await enough.wait()
    assert all(isinstance(event, Progress) for event in seen)
    assert isinstance(seen[0], Progress)
    assert seen[0].reserved == pytest.approx(1e-9)
    count = len(seen)
    await asyncio.sleep(0.005)
    assert len(seen) == count, "nothing is told after the block"
    house.ledger.refuse(attempt)


async def test_time_is_guessed_from_what_this_process_spends(
    build: Callable[..., House],
) -> None:
    house = build()
    await house.buy()
    made = reporter(house, lambda _: None)
    assert made.progress().left_seconds is None, "nothing was spent since"
    await house.buy(examples=9)
    assert made.progress().left_seconds is None, "a second is too short to tell"
    made._began -= 10.0
    found = made.progress()
    assert found.left_seconds is not None
    rate = (found.spent - made._spent_before) / found.seconds
    left = (found.budget - found.spent) / rate
    assert found.left_seconds == pytest.approx(left, rel=1e-3)
    house.plan = replace(house.plan, budget=found.spent / 2)
    over = reporter(house, lambda _: None)
    over._began -= 10.0
    over._spent_before = 0.0
    assert over.progress().left_seconds == 0.0, "a service may bill above its cap"


def test_where_nobody_is_billed_the_clock_says_what_is_left(
    build: Callable[..., House],
) -> None:
    now = [100.0]
    made = reporter(build(), lambda _: None, Clock(60.0, [], now=lambda: now[0]))
    now[0] += 20.0
    found = made.progress()
    assert (found.time_limit, found.left_seconds) == (60.0, 40.0)
    made.phase("holdout")
    assert made.progress().left_seconds is None, "the limit is that of the search"


async def test_a_run_that_nobody_watches_makes_no_intervals(
    build: Callable[..., House], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise AssertionError("nobody sees it")

    monkeypatch.setattr("tune.study.progress.mean_interval", fails)
    house = build()
    run = house.run
    made = ProgressReporter(
        house.plan, house.ledger, None, run.trials, run.selector, None
    )
    await house.buy(examples=8)
    run.standings.current()
    made.done([STEP], None)
    selection = run.selector.select()
    assert selection is not None
    made.winner(selection)
