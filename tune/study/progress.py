"""The progress of a run: where it stands, for people and programs that watch it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from tune.plan.plan import Plan
from tune.pricing.clock import Clock, format_duration
from tune.pricing.prices import to_dollars
from tune.readout import Reading
from tune.report.text import describe_value
from tune.safety.decoration import Decorations
from tune.stats.intervals import Interval, mean_interval
from tune.store.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Progress:
    """State of a run.

    Attributes:
        phase: "search", "final comparison", "single-answer comparison" or "holdout".
        trials: paid points begun.
        spent: dollars, of this study.
        budget: dollars.
        best: the best reading so far, or None.
        seconds: since this process began.
        left_seconds: an estimate of how long the rest takes; None where there is none yet.
        time_limit: seconds that the search may take, where nobody is billed and seconds take the
            place of dollars.
        low: the least score that the metric can give.
        high: the largest.
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
    "final comparison": "comparing the finalists",
    "single-answer comparison": "comparing single answers for agents",
    "holdout": "final test on held-out examples",
}
"""Phases of a run, as a person reads them."""


class ProgressReporter:
    """Tells an observer where a run stands.

    Args:
        plan: what is asked for.
        ledger: the money of the study.
        clock: the time of the study where nobody is billed, else None.
        leader: returns the best reading so far.
        observer: is called with each `Progress`. If it fails, the run goes on without it.
        decorations: keeps its faults from ending the run.
    """

    def __init__(
        self,
        plan: Plan,
        ledger: Ledger,
        clock: Clock | None,
        leader: Callable[[], Reading | None],
        observer: Callable[[Progress], None],
        decorations: Decorations,
    ) -> None:
        self._plan = plan
        self._ledger = ledger
        self._clock = clock
        self._leader = leader
        self._observer = observer
        self._decorations = decorations
        self._began = time.monotonic()
        self._spent_before = to_dollars(ledger.spent)

    def report(self, phase: str, trials: int) -> None:
        """Tell the observer.

        Args:
            phase: of the run.
            trials: paid points begun.
        """
        self._decorations.attempt(
            "the progress display",
            lambda: self._observer(self.progress(phase, trials)),
            None,
        )

    def progress(self, phase: str, trials: int) -> Progress:
        """Return where the run stands now."""
        seconds = time.monotonic() - self._began
        spent = to_dollars(self._ledger.spent)
        rate = 0.0
        # In the first second the rate is that of a few calls: nothing to extrapolate from.
        if seconds > 1:
            rate = (spent - self._spent_before) / seconds
        return Progress(
            phase=phase,
            trials=trials,
            spent=spent,
            budget=self._plan.budget,
            best=self._leader(),
            seconds=seconds,
            left_seconds=self._seconds_left(phase, spent, rate),
            time_limit=None if self._clock is None else self._clock.limit,
            low=self._plan.metric.low,
            high=self._plan.metric.mean_high,
        )

    def _seconds_left(
        self,
        phase: str,
        spent: float,
        rate: float,
    ) -> float | None:
        """Return the seconds that are left: by the clock, else by the dollars that are left."""
        if self._clock is not None:
            # The time limit is one of the search: the holdout takes as long as it takes.
            return None if phase == "holdout" else self._clock.seconds_left
        if rate <= 0:
            return None
        return (self._plan.budget - spent) / rate


def describe(progress: Progress) -> str:
    """Return one line: phase, trials, money, the best so far with its interval, and time left."""
    parts = [PHASES.get(progress.phase, progress.phase), f"{progress.trials} trials"]
    if progress.time_limit is None:
        parts.append(f"${progress.spent:.4g} of ${progress.budget:.4g}")
    best = progress.best
    if best is not None:
        quality = mean_interval(
            best.shares, low=progress.low, high=progress.high, weights=best.weights
        )
        parts.append(f"best so far {_interval(quality)}")
        parts.append(name_config(best.config))
    if progress.left_seconds is not None:
        parts.append(f"at most {format_duration(progress.left_seconds)} left")
    return " · ".join(parts)


def name_config(config: object) -> str:
    """Return a configuration in a few words, for one line."""
    values = dict(config)  # type: ignore[call-overload]
    words = [f"{values.pop('model')}", f"{values.pop('prompt')}"]
    n = values.pop("n")
    aggregate = values.pop("aggregate")
    for name, value in sorted(values.items()):
        # No stop strings, or a model's own default: nothing to say.
        if value not in ((), None):
            words.append(f"{name} {describe_value(value)}")
    # The aggregate of one answer is that answer.
    if n != 1:
        words.append(f"{aggregate} of {n}")
    return ", ".join(words)


def _interval(interval: Interval) -> str:
    return f"{interval.mean:.3f} [{interval.low:.3f}, {interval.high:.3f}]"
