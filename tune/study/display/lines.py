"""Plain lines, for a file, a pipe or a terminal that can do nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

from tune.safety.escape import for_terminal
from tune.study.display.view import RunView
from tune.study.display.words import single_line
from tune.study.events import Event, Notice, Progress

EVERY = 10.0
"""Seconds between two lines of progress."""


class Lines:
    """Writes each notice, and a line of progress now and then.

    Args:
        stream: takes the lines.
        now: returns seconds that never go back.
    """

    def __init__(
        self, stream: TextIO, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = stream
        self._now = now
        self._next = now()
        self._view = RunView()

    def __call__(self, event: Event) -> None:
        """Write what an event says."""
        self._view.take(event)
        if isinstance(event, Notice):
            self._write(event.text)
        elif isinstance(event, Progress) and self._now() >= self._next:
            self._next = self._now() + EVERY
            self._write(single_line(self._view))

    def _write(self, line: str) -> None:
        self._stream.write(for_terminal(line) + "\n")
        self._stream.flush()
