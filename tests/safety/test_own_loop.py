"""A loop of its own serves all threads and all loops, and ends when it is told to."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator

import pytest

from tune.errors import InputError
from tune.safety.own_loop import OwnLoop


async def where() -> tuple[int, int]:
    return id(asyncio.get_running_loop()), threading.get_ident()


async def nothing() -> None:
    pass


def test_all_work_runs_in_one_loop_and_one_thread() -> None:
    loop = OwnLoop()
    try:
        first = loop.run(where())
        assert first[1] != threading.get_ident()
        assert loop.run(where()) == first
    finally:
        loop.stop(nothing)


async def test_a_plain_call_works_inside_a_running_loop() -> None:
    loop = OwnLoop()
    try:
        ours = id(asyncio.get_running_loop())
        assert loop.run(where())[0] != ours
    finally:
        loop.stop(nothing)


def test_work_that_waits_for_its_own_loop_is_refused() -> None:
    loop = OwnLoop()

    async def inner() -> None:
        loop.run(nothing())

    try:
        with pytest.raises(InputError, match="waits for its own event loop"):
            loop.run(inner())
    finally:
        loop.stop(nothing)


def test_the_last_work_is_done_once_and_the_thread_ends() -> None:
    loop = OwnLoop()
    done: list[int] = []

    async def last() -> None:
        done.append(threading.get_ident())

    loop.stop(last)
    assert done == []  # nothing ever ran
    thread = loop.run(where())[1]
    loop.stop(last)
    loop.stop(last)
    assert done == [thread]
    assert all(one.ident != thread for one in threading.enumerate())
    # It starts again.
    loop.run(nothing())
    loop.stop(nothing)


def test_last_work_that_needs_a_thread_at_the_end_of_the_process_is_let_go(
    capfd: pytest.CaptureFixture[str],
) -> None:
    loop = OwnLoop()
    loop.run(nothing())

    async def last() -> None:
        raise RuntimeError("cannot schedule new futures after shutdown")

    loop.stop(last)
    assert capfd.readouterr().err == ""


def test_a_fault_of_the_work_is_raised_in_the_callers_thread() -> None:
    loop = OwnLoop()

    async def fails() -> None:
        raise KeyError("x")

    try:
        with pytest.raises(KeyError):
            loop.run(fails())
    finally:
        loop.stop(nothing)


def test_a_forked_child_is_told_to_load_again(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = OwnLoop()
    loop.run(nothing())
    parent = os.getpid()
    with monkeypatch.context() as child:
        child.setattr(os, "getpid", lambda: parent + 1)
        with pytest.raises(InputError, match="forked"):
            loop.run(nothing())
    loop.stop(nothing)


@pytest.fixture
def python_hears_ctrl_c() -> Iterator[None]:
    """Have Ctrl-C raise KeyboardInterrupt, also where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("python_hears_ctrl_c")
def test_ctrl_c_ends_the_work_that_the_caller_waits_for() -> None:
    loop = OwnLoop()
    ended = threading.Event()

    async def interrupted() -> None:
        try:
            # To the thread that waits, as a terminal does it. It waits by then.
            await asyncio.sleep(0.2)
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(KeyboardInterrupt):
        loop.run(interrupted())
    assert ended.wait(10)
    loop.stop(nothing)
