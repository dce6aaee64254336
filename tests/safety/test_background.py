"""Work in a thread of its own: it ends on a signal, or is left."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from typing import NoReturn

import pytest

from tune.safety.background import run_apart
from tune.safety.interrupts import raised


def test_work_that_settles_by_itself_is_let_end() -> None:
    async def work() -> str:
        threading.Timer(0.05, signal.raise_signal, [signal.SIGTERM]).start()
        await asyncio.to_thread(asked.wait)
        return "settled"

    def stop() -> bool:
        asked.set()
        return True

    asked = threading.Event()
    with raised():
        assert run_apart(work(), stop) == "settled"
    assert asked.is_set()


def test_work_that_has_not_begun_is_cancelled() -> None:
    async def work() -> None:
        threading.Timer(0.05, signal.raise_signal, [signal.SIGHUP]).start()
        await asyncio.sleep(1000)

    with raised(), pytest.raises(KeyboardInterrupt):
        run_apart(work())


def test_work_that_does_not_listen_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's metric may compute for ever."""
    monkeypatch.setattr("tune.safety.background.LAST_PATIENCE", 0.01)
    free = threading.Event()

    async def work() -> None:
        threading.Timer(0.05, signal.raise_signal, [signal.SIGTERM]).start()
        free.wait()

    with raised(), pytest.raises(KeyboardInterrupt):
        run_apart(work())
    free.set()


def test_the_result_and_the_error_of_the_work_reach_the_caller() -> None:
    async def divide(by: int) -> float:
        return 6 / by

    assert run_apart(divide(2)) == 3.0
    with pytest.raises(ZeroDivisionError):
        run_apart(divide(0))


async def test_it_works_inside_a_running_event_loop() -> None:
    async def work() -> str:
        return "done"

    assert run_apart(work()) == "done"


def test_the_rest_of_the_work_ends_where_a_part_of_it_leaves_the_process() -> None:
    ended: list[str] = []

    async def leave() -> NoReturn:
        sys.exit(3)

    async def work() -> None:
        parts = [asyncio.create_task(leave())]
        try:
            await asyncio.sleep(1000)
        finally:
            ended.append("files are closed")
            await asyncio.wait(parts)

    with pytest.raises(SystemExit, match="3"):
        run_apart(work())
    assert ended == ["files are closed"]
