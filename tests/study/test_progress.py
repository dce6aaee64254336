"""Progress: the numbers that an observer gets, and that its faults do not end a run."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.house import House
from tune.pricing.clock import Clock
from tune.safety.decoration import Decorations
from tune.study.progress import Progress, ProgressReporter


def reporter(
    house: House,
    observer: Callable[[Progress], None],
    clock: Clock | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> ProgressReporter:
    leader = house.run.selector.leader
    return ProgressReporter(
        house.plan, house.ledger, clock, leader, observer, Decorations(tell)
    )


async def test_an_observer_gets_phase_trials_and_money(
    build: Callable[..., House],
) -> None:
    house, seen = build(), list[Progress]()
    made = reporter(house, seen.append)
    await house.buy(examples=8)
    house.run.standings.current()
    made.report("search", 1)
    (found,) = seen
    assert (found.phase, found.trials, found.budget) == ("search", 1, house.plan.budget)
    assert found.spent == pytest.approx(house.billed)
    assert found.best is not None
    assert found.best.mean == 1.0
    assert (found.low, found.high) == (
        house.plan.metric.low,
        house.plan.metric.mean_high,
    )


async def test_time_is_guessed_from_what_this_process_spends(
    build: Callable[..., House],
) -> None:
    house = build()
    await house.buy()
    made = reporter(house, lambda _: None)
    assert made.progress("search", 1).left_seconds is None, "nothing was spent since"
    await house.buy(examples=9)
    assert made.progress("search", 1).left_seconds is None, (
        "a second is too short to tell"
    )
    made._began -= 10.0
    found = made.progress("search", 1)
    assert found.left_seconds is not None
    rate = (found.spent - made._spent_before) / found.seconds
    assert found.left_seconds == pytest.approx((found.budget - found.spent) / rate)


def test_where_nobody_is_billed_the_clock_says_what_is_left(
    build: Callable[..., House],
) -> None:
    now = [100.0]
    made = reporter(build(), lambda _: None, Clock(60.0, [], now=lambda: now[0]))
    now[0] += 20.0
    found = made.progress("search", 0)
    assert (found.time_limit, found.left_seconds) == (60.0, 40.0)
    assert made.progress("holdout", 0).left_seconds is None, (
        "the limit is that of the search"
    )


def test_an_observer_that_fails_is_left_out(build: Callable[..., House]) -> None:
    told, calls = list[str](), list[Progress]()

    def broken(progress: Progress) -> None:
        calls.append(progress)
        raise RuntimeError("no such window")

    made = reporter(build(), broken, tell=told.append)
    made.report("search", 0)
    made.report("search", 1)
    assert len(calls) == 1
    (sentence,) = told
    assert sentence.startswith("the progress display failed")
