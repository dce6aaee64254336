"""Ctrl-C, SIGTERM and SIGHUP are one request: stop in good order.

A terminal sends SIGINT for Ctrl-C and SIGHUP when it is closed; a scheduler, a container or a
system that shuts down sends SIGTERM. A handler that others have installed, and a signal that is
ignored (as after `nohup`), stay as they are.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
"""Windows has no SIGHUP."""

TOGETHER = 0.5
"""Seconds in which several signals are one request: a wrapper forwards what the terminal has
already sent, and a system that shuts down may send SIGHUP and SIGTERM in a row.
"""


class Requests:
    """The number of requests to stop.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.count = 0
        self._clock, self._last = clock, -math.inf

    def add(self, *_: object) -> None:
        """Count a request; usable as the handler of a signal."""
        now = self._clock()
        if now - self._last > TOGETHER:
            self.count += 1
        self._last = now

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count signals inside the block instead of raising at whatever is done at that moment."""
        with _handled(self.add):
            yield


@contextmanager
def raised() -> Iterator[None]:
    """Raise KeyboardInterrupt for SIGTERM and SIGHUP inside the block, as for Ctrl-C."""
    with _handled(_raise):
        yield


def _raise(*_: object) -> NoReturn:
    raise KeyboardInterrupt


@contextmanager
def _handled(handler: Callable[..., Any]) -> Iterator[None]:
    """Install a handler for the signals that have none yet. Only the main thread may do so."""
    before: dict[int, Any] = {}
    # Python lets only the main thread install handlers.
    if threading.current_thread() is threading.main_thread():
        numbers = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]
        ours = (signal.SIG_DFL, signal.default_int_handler, _raise)
        before = {
            number: found
            for number in numbers
            if (found := signal.getsignal(number)) in ours
        }
    try:
        for number in before:
            signal.signal(number, handler)
        yield
    finally:
        for number, found in before.items():
            signal.signal(number, found)
