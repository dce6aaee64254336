"""Ends of a run from outside: a request to stop, and the time limit."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress

from tune.store.ledger import Ledger
from tune.study.run import Run
from tune.study.stop_reasons import INTERRUPTED

NO_LIMIT = 10**9
"""Seconds that stand for no time limit."""


class Stop:
    """A request to stop soon, from any thread: what is in flight settles, nothing more is sent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requested = False
        self._action: Callable[[], object] | None = None

    def request(self) -> bool:
        """Ask the run to stop.

        Returns:
            True if it has begun, so that it has something to settle.
        """
        with self._lock:
            self._requested = True
            if self._action is None:
                return False
            # If the loop is closed already, there is nothing left to stop.
            with suppress(RuntimeError):
                self._action()
            return True

    def on_request(self, action: Callable[[], None]) -> None:
        """Set what the run does on a request; it is done at once if one came before.

        Call it from the run's event loop.
        """
        loop = asyncio.get_running_loop()
        with self._lock:
            self._action = lambda: loop.call_soon_threadsafe(action)
            if self._requested:
                action()


def start_timer(run: Run) -> asyncio.TimerHandle:
    """Send no call of the search after the time limit; the holdout is not part of it."""
    seconds: float = NO_LIMIT
    if run.plan.time_limit is not None:
        seconds = run.plan.time_limit
    # A resumed study has used a part of its time already.
    if run.clock is not None:
        seconds = run.clock.seconds_left

    def ring() -> None:
        if run.phase != "holdout":
            run.ledger.close("time")

    return asyncio.get_running_loop().call_later(seconds, ring)


def interrupt(ledger: Ledger, say: Callable[[], object]) -> None:
    """Send nothing more, whatever the ledger was closed for before.

    Args:
        ledger: of the study.
        say: tells the user.
    """
    say()
    # A ledger keeps the first reason, and the user's request is the one that counts.
    ledger.reopen()
    ledger.close(INTERRUPTED)
