"""Group commit: many commits become durable with one write to the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


class GroupCommit:
    """A wait until committed data is on the disk, shared by all callers that ask at the same time.

    The disk is slow, but takes many commits at once. It writes in a thread while the event loop
    goes on. Callers that ask during a write share the next one, because the current one may have
    begun too early.

    Args:
        flush: writes everything committed until now to the disk. It may run in any thread.
    """

    def __init__(self, flush: Callable[[], None]) -> None:
        self._flush = flush
        # One thread: two syncs at the same time would only wait for each other.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tune-ledger")
        self._waiting: list[asyncio.Future[None]] = []
        self._busy = False

    def request(self) -> asyncio.Future[None]:
        """Return a future that is done when everything committed before this call is durable.

        It has a StoreError where the disk did not take it.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._waiting.append(future)
        if not self._busy:
            self._busy = True
            # Later in this turn of the loop: all that ask in the same turn share the first write.
            loop.call_soon(self._begin, loop)
        return future

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        # Callers that ask from now on get the next write: this one may have read the log already.
        group, self._waiting = self._waiting, []
        work = loop.run_in_executor(self._thread, self._flush)
        work.add_done_callback(lambda done: self._end(loop, group, done))

    def _end(
        self,
        loop: asyncio.AbstractEventLoop,
        group: list[asyncio.Future[None]],
        work: asyncio.Future[None],
    ) -> None:
        # The executor's future is cancelled when the loop is shut down.
        error = asyncio.CancelledError() if work.cancelled() else work.exception()
        for future in group:
            # Done already means that the caller was cancelled.
            if future.done():
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)
        if self._waiting:
            self._begin(loop)
        else:
            self._busy = False
