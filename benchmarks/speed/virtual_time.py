"""An event loop whose clock jumps ahead where all tasks wait: minutes of waiting take no time."""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable
from typing import Any


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop that never sleeps. Its clock counts computing, and the waits that it skipped.

    Computing is processor time, so that other work of the machine does not count.
    """

    def __init__(self) -> None:
        self._skipped = 0.0
        super().__init__(_Impatient(self._skip))

    def time(self) -> float:
        """Return the virtual seconds since some moment in the past."""
        return time.process_time() + self._skipped

    def _skip(self, seconds: float) -> None:
        self._skipped += seconds


class _Impatient(selectors.DefaultSelector):
    """A selector that skips the time for which it should wait.

    Args:
        skip: called with the seconds.
    """

    def __init__(self, skip: Callable[[float], None]) -> None:
        super().__init__()
        self._skip_time = skip

    def select(self, timeout: float | None = None) -> Any:
        """Return what is ready now, as if the whole time had passed where nothing is."""
        if timeout is None:
            return super().select()
        ready = super().select(0)
        if not ready and timeout > 0:
            self._skip_time(timeout)
        return ready
