"""Run asynchronous work behind a plain function, in a thread with its own event loop."""

from __future__ import annotations

import asyncio
import contextvars
import math
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from tune.safety.interrupts import Requests

T = TypeVar("T")

LAST_PATIENCE = 5.0
"""Seconds that work has to end once it is cancelled; it may compute in code that nothing stops."""


def run_apart(
    work: Coroutine[Any, Any, T], stop: Callable[[], bool] = lambda: False
) -> T:
    """Run a coroutine to its end, alike in a script and inside a running event loop.

    Args:
        work: the coroutine.
        stop: called on the first Ctrl-C, SIGTERM or SIGHUP. It returns True if the work now ends by
            itself, in good order. Otherwise, and on the second request, the work is cancelled.

    Raises:
        KeyboardInterrupt: the work was cancelled.
    """
    found: list[T] = []
    failed: list[BaseException] = []
    done = threading.Event()  # a join that Ctrl-C interrupts takes the thread for dead
    # A thread with its own loop: in a notebook a loop is already running in this thread.
    loop = asyncio.new_event_loop()
    task = loop.create_task(work)

    def live() -> None:
        try:
            found.append(loop.run_until_complete(task))
        except BaseException as error:  # noqa: BLE001 - it is raised again in the caller's thread
            failed.append(error)
            # `sys.exit` in a part of the work ends the loop before the rest has ended.
            task.cancel()
            loop.run_until_complete(asyncio.wait([task]))
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()
            done.set()

    threading.Thread(
        # The caller's context variables (such as decimal settings or log contexts) stay visible.
        target=contextvars.copy_context().run,
        args=(live,),
        name="tune",
        daemon=True,
    ).start()
    _wait(done, stop, lambda: loop.call_soon_threadsafe(task.cancel))
    if failed and not isinstance(failed[0], asyncio.CancelledError):
        raise failed[0]
    if failed:
        raise KeyboardInterrupt
    return found[0]


def _wait(
    done: threading.Event, stop: Callable[[], bool], cancel: Callable[[], object]
) -> None:
    """Wait for the work, and pass on what signals ask for.

    Raises:
        KeyboardInterrupt: it was cancelled and does not listen. Whatever it has bought is on the
        disk.
    """
    requests, heard, cancelled = Requests(), 0, math.inf
    with requests.counted():
        while not done.is_set():
            try:
                # Python handles signals in the main thread only while it runs, so it wakes often.
                done.wait(0.2)
            except KeyboardInterrupt:  # of a handler that is not ours
                requests.add()
            if requests.count > heard:
                heard = requests.count
                if heard > 1 or not stop():
                    cancelled = time.monotonic()
                    with suppress(
                        RuntimeError
                    ):  # the loop was closed at this moment: the work is done
                        cancel()
            if time.monotonic() - cancelled > LAST_PATIENCE:
                raise KeyboardInterrupt
