"""The live display of a run: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TextIO

from tune.pricing.clock import format_duration
from tune.safety.decoration import Decorations
from tune.safety.escape import for_terminal
from tune.study.progress import Progress, describe

PLAIN_EVERY = 10.0
"""Seconds between lines where the output is not a terminal."""

BAR_WIDTH = 50
"""Characters of the bar."""


class Remaining:
    """The time left as it is shown: it falls with the clock, and never jumps up."""

    def __init__(self) -> None:
        self._end: float | None = None

    def of(self, progress: Progress) -> float | None:
        """Return the seconds left to show; None without an estimate, or if it has grown."""
        if progress.left_seconds is None:
            return None
        end = progress.seconds + progress.left_seconds
        if self._end is None or end <= self._end:
            self._end = end
            return progress.left_seconds
        # A run that became slower shows no time until it is again as fast as was shown.
        late = end > 1.1 * self._end
        left = self._end - progress.seconds
        return None if late or left <= 0 else left


class Screen:
    """Shows a run on standard error.

    Args:
        quiet: nothing is shown.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        # A standard error that was closed is None.
        self._quiet = quiet or sys.stderr is None
        self._stream: TextIO = sys.stderr
        self._next = 0.0
        self._remaining = Remaining()
        self._live = None
        if not self._quiet and self._stream.isatty():
            # Imported only where a bar is shown: a short command need not wait for it.
            from rich.console import Console
            from rich.live import Live

            self._live = Live(
                console=Console(stderr=True), refresh_per_second=4, transient=True
            )

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Keep the bar on the screen inside the block."""
        # A terminal that fails must not end a run that has cost money.
        bar = Decorations()
        if self._live is not None:
            bar.attempt("the progress bar", self._live.start, None)
        try:
            yield
        finally:
            if self._live is not None:
                bar.attempt("the progress bar", self._live.stop, None)

    def __call__(self, progress: Progress) -> None:
        """Show where the run stands."""
        if self._quiet:
            return
        progress = replace(progress, left_seconds=self._remaining.of(progress))
        if self._live is not None:
            from rich.text import Text

            shown = "\n".join([_bar(progress), describe(progress)])
            self._live.update(Text(for_terminal(shown)))
        elif time.monotonic() >= self._next:
            self._next = time.monotonic() + PLAIN_EVERY
            self.say(describe(progress))

    def say(self, sentence: str) -> None:
        """Print one line above the bar."""
        if self._quiet:
            return
        if self._live is not None:
            # Without markup, because a sentence may hold data with square brackets.
            self._live.console.print(
                for_terminal(sentence), markup=False, highlight=False
            )
        else:
            self._stream.write(for_terminal(sentence) + "\n")
            self._stream.flush()


def _bar(progress: Progress) -> str:
    """Return a bar of the spent money, or of the time if there is no bill."""
    if progress.time_limit is None:
        share = progress.spent / progress.budget
        text = f"${progress.spent:.2f} / ${progress.budget:.2f}"
    else:
        left = progress.left_seconds or 0.0
        share = 1.0 - left / progress.time_limit
        text = f"{format_duration(left)} of {format_duration(progress.time_limit)} left"
    filled = round(BAR_WIDTH * min(1.0, share))
    return f"{'━' * filled}{'╌' * (BAR_WIDTH - filled)} {text}"
