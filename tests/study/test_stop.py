"""Ends of a run from outside: requests from any thread, and the time limit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.support.house import House
from tune.study.stop import Stop, interrupt, start_timer
from tune.study.stop_reasons import INTERRUPTED


def test_a_request_before_the_run_has_nothing_to_settle() -> None:
    assert Stop().request() is False


async def test_a_request_reaches_the_loop_of_the_run_from_another_thread() -> None:
    stop, done = Stop(), asyncio.Event()
    stop.on_request(done.set)
    assert await asyncio.to_thread(stop.request) is True
    await asyncio.wait_for(done.wait(), 10)


async def test_a_request_that_came_before_is_done_at_once() -> None:
    stop, done = Stop(), list[str]()
    stop.request()
    stop.on_request(lambda: done.append("stopped"))
    assert done == ["stopped"]


def test_a_request_after_the_loop_was_closed_is_quiet() -> None:
    stop = Stop()

    async def begin() -> None:
        stop.on_request(lambda: None)

    asyncio.run(begin())
    assert stop.request() is True


async def test_the_time_limit_closes_the_ledger_of_the_search_and_not_of_the_holdout(
    build: Callable[..., House],
) -> None:
    for phase, closed in (("search", "time"), ("holdout", None)):
        house = build(time_limit=0.001)
        house.run.phase = phase
        timer = start_timer(house.run)
        await asyncio.sleep(0.05)
        assert house.ledger.closed == closed
        timer.cancel()


async def test_without_a_time_limit_nothing_is_closed(
    build: Callable[..., House],
) -> None:
    timer = start_timer(build().run)
    assert timer.when() - asyncio.get_running_loop().time() > 10**8
    timer.cancel()


def test_an_interruption_is_the_reason_whatever_was_before(
    build: Callable[..., House],
) -> None:
    ledger = build().ledger
    ledger.close("money")
    said: list[str] = []
    interrupt(ledger, lambda: said.append("stopping"))
    assert ledger.closed == INTERRUPTED
    assert said == ["stopping"]
