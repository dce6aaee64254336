"""What a person sees while a run works: a bar of dollars, trials, the best so far and the time
left.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TextIO

from tune.pricing.clock import format_duration
from tune.readout import Reading
from tune.safety.decoration import Decorations
from tune.safety.escape import for_terminal
from tune.stats.intervals import Interval, mean_interval

PLAIN_EVERY = 10.0
"""Seconds between lines where the output is no terminal."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands, for observers.

    Attributes:
        phase: "search", "endgame", "agents" or "holdout". trials: paid points begun. spent:
        dollars, of this study. budget: dollars. best: the best reading so far, or None. time_limit:
        seconds that the search may take, where nobody is billed and seconds take the place of
        dollars. low: the least score that the metric can give. high: the largest. seconds: since
        this process began. left_seconds: how long the rest will take at the rate so far, or None
        where nobody can say.
    """

    phase: str
    trials: int
    spent: float
    budget: float
    best: Reading | None
    seconds: float
    left_seconds: float | None
    time_limit: float | None = None
    low: float = 0.0
    high: float = 1.0


PHASES = {
    "search": "searching",
    "endgame": "comparing the finalists",
    "agents": "comparing single answers for agents",
    "holdout": "final test on held-out examples",
}
"""Phases of a run, as a person reads them."""


class Remaining:
    """The time left, as it is shown: it falls with the clock, and an estimate that grew is not
    shown.
    """

    def __init__(self) -> None:
        self._end: float | None = None

    def of(self, progress: Progress) -> float | None:
        """Return the seconds left to show, or None where the estimate has grown or there is none."""
        if progress.left_seconds is None:
            return None
        end = progress.seconds + progress.left_seconds
        if self._end is None or end <= self._end:
            self._end = end
            return progress.left_seconds
        # A run that became slower shows no time at all until it is again as fast as was said.
        late = end > 1.1 * self._end
        left = self._end - progress.seconds
        return None if late or left <= 0 else left


class Screen:
    """Shows a run on standard error: a live bar on a terminal, a line now and then elsewhere,
    nothing if quiet.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet or sys.stderr is None  # a closed standard error is None
        self._stream: TextIO = sys.stderr
        self._next = 0.0
        self._remaining = Remaining()
        self._live = None
        if not self._quiet and self._stream.isatty():
            from rich.console import Console
            from rich.live import Live

            self._live = Live(console=Console(stderr=True), refresh_per_second=4, transient=True)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Keep the bar on the screen inside the block."""
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

            shown = [_bar(progress), describe(progress)]
            self._live.update(Text(for_terminal("\n".join(shown))))
        elif time.monotonic() >= self._next:
            self._next = time.monotonic() + PLAIN_EVERY
            self.say(describe(progress))

    def say(self, sentence: str) -> None:
        """Print one line above the bar."""
        if self._quiet:
            return
        if self._live is not None:
            self._live.console.print(for_terminal(sentence), markup=False, highlight=False)
        else:
            self._stream.write(for_terminal(sentence) + "\n")
            self._stream.flush()


def _bar(progress: Progress, width: int = 50) -> str:
    if progress.time_limit is None:
        share, said = (
            progress.spent / progress.budget,
            f"${progress.spent:.2f} / ${progress.budget:.2f}",
        )
    else:
        left = progress.left_seconds or 0.0
        share, said = (
            1.0 - left / progress.time_limit,
            f"{format_duration(left)} of {format_duration(progress.time_limit)} left",
        )
    filled = round(width * min(1.0, share))
    return f"{'━' * filled}{'╌' * (width - filled)} {said}"


def describe(progress: Progress) -> str:
    """One line: phase, trials, money, the best so far with its interval, and the time left."""
    parts = [PHASES.get(progress.phase, progress.phase), f"{progress.trials} trials"]
    if progress.time_limit is None:
        parts.append(f"${progress.spent:.4g} of ${progress.budget:.4g}")
    if progress.best is not None:
        best = progress.best
        quality = mean_interval(
            best.shares, low=progress.low, high=progress.high, weights=best.weights
        )
        parts.append(f"best so far {_interval(quality)}")
        parts.append(name_config(progress.best.config))
    if progress.left_seconds is not None:
        parts.append(f"at most {format_duration(progress.left_seconds)} left")
    return " · ".join(parts)


def name_config(config: object) -> str:
    """A config in a few words, for one line."""
    values = dict(config)  # type: ignore[call-overload]
    shown = [f"{values.pop('model')}", f"{values.pop('prompt')}"]
    n, aggregate = values.pop("n"), values.pop("aggregate")
    shown += [
        f"{name} {value}" for name, value in sorted(values.items()) if value not in ((), None)
    ]
    return ", ".join([*shown, *([f"{aggregate} of {n}"] if n != 1 else [])])


def _interval(interval: Interval) -> str:
    return f"{interval.mean:.3f} [{interval.low:.3f}, {interval.high:.3f}]"
