"""An event loop in a thread of its own, for objects that live longer than one call."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from tune.errors import InputError

T = TypeVar("T")

END_PATIENCE = 2.0
"""Seconds that the last work may take when the process ends."""


class OwnLoop:
    """Runs coroutines of every thread and every event loop in one loop of its own.

    Connections belong to the loop that opened them. With one loop for all callers they stay open
    between calls, and a plain call works inside a running loop, such as that of a notebook. The
    thread starts with the first coroutine.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._process = os.getpid()

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Start a coroutine and return its future, which any thread may wait for.

        Raises:
            InputError: the loop belongs to the process that this one was forked from.
        """
        try:
            loop = self._running()
        except InputError:
            work.close()
            raise
        return asyncio.run_coroutine_threadsafe(work, loop)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end and return its result.

        Raises:
            InputError: the caller runs in this very loop, which would wait for itself for ever.
        """
        if threading.current_thread() is self._thread:
            work.close()
            raise InputError(
                "a plain call waits for its own event loop here: "
                "a function that is called while an answer is made cannot ask for another one"
            )
        future = self.submit(work)
        try:
            return future.result()
        finally:
            # After Ctrl-C the caller has gone, so nothing more is bought for it. A future that is
            # done stays as it is.
            future.cancel()

    def stop(self, last: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Do some last work in the loop and end it; the next coroutine starts another one.

        Args:
            last: makes the coroutine of the last work, such as closing connections. It is not
                called where nothing ever ran.
        """
        with self._guard:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None or self._process != os.getpid():
            return

        async def end() -> None:
            try:
                # Whatever hangs ends with the process. So does what needs a thread: at the end of
                # the process no more threads start.
                with contextlib.suppress(TimeoutError, RuntimeError):
                    async with asyncio.timeout(END_PATIENCE):
                        await last()
            finally:
                loop.stop()

        def begin() -> None:
            # Kept by the loop's own frame until it stops.
            tasks.append(loop.create_task(end()))

        tasks: list[asyncio.Task[None]] = []
        # At the end of the process the loop may be gone already.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(begin)
        # A forgotten object is cleared up in any thread, also in this one.
        if threading.current_thread() is not thread:
            thread.join(END_PATIENCE + 1)

    def _running(self) -> asyncio.AbstractEventLoop:
        """Return the loop, started where it is not.

        Raises:
            InputError: it was started before this process was forked.
        """
        with self._guard:
            if self._loop is None:
                self._process = os.getpid()
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=_live, args=(self._loop,), name="tune-runtime", daemon=True
                )
                self._thread.start()
            # Threads do not survive a fork: the child would wait for ever.
            if self._process != os.getpid():
                raise InputError(
                    "it was used before this process was forked: load it again in each process"
                )
            return self._loop


def _live(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()
