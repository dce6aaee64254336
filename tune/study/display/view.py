"""The state of a run as a display shows it, put together from the events."""

from __future__ import annotations

from collections import Counter, deque

from tune.study.events import (
    CallAnswered,
    CallFailed,
    CallRetried,
    Event,
    ModelSetAside,
    PhaseBegan,
    Progress,
    StudyBegan,
)

WINDOW = 15.0
"""Seconds over which rates are measured: long enough to be calm, short enough to be true."""


class RunView:
    """Everything that a display shows of a run.

    Attributes:
        began: the first event of the study came: there is something to show.
        phase: of the run.
        progress: the last record of it; None before the first.
        left_seconds: the time left to show; None if it cannot be told.
        answers: the number of answers that were bought now.
        failures: the number of failed attempts, by kind.
        retried: the number of retries.
        aside: reasons of the models that are set aside.
    """

    def __init__(self) -> None:
        self.began = False
        self.phase = ""
        self.progress: Progress | None = None
        self.left_seconds: float | None = None
        self.answers = 0
        self.failures: Counter[str] = Counter()
        self.retried = 0
        self.aside: dict[str, str] = {}
        self._remaining = Remaining()
        # (seconds, calls answered, dollars spent) at each record of the progress.
        self._past: deque[tuple[float, int, float]] = deque()
        self._calls = 0

    def take(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case StudyBegan():
                self.began = True
            case PhaseBegan():
                self.phase = event.phase
            case CallAnswered():
                self._calls += 1
                self.answers += event.draws
            case CallFailed():
                self.failures[event.kind] += 1
            case CallRetried():
                self.retried += 1
            case ModelSetAside():
                self.aside[event.model] = event.reason
            case Progress():
                self._take_progress(event)
            case _:
                pass

    def _take_progress(self, progress: Progress) -> None:
        self.progress = progress
        self.left_seconds = self._remaining.of(progress)
        now = progress.seconds
        self._past.append((now, self._calls, progress.spent))
        while now - self._past[0][0] > WINDOW:
            self._past.popleft()

    @property
    def calls_per_second(self) -> float | None:
        """The rate of answered calls; None while there is too little to tell."""
        return self._rate(1)

    @property
    def dollars_per_minute(self) -> float | None:
        """The rate of spending; None while there is too little to tell."""
        rate = self._rate(2)
        return None if rate is None else 60 * rate

    def _rate(self, column: int) -> float | None:
        """Return how fast a column of the past grows, for each second."""
        if not self._past:
            return None
        first, last = self._past[0], self._past[-1]
        seconds = last[0] - first[0]
        # A rate over less than a second is that of a few calls.
        if seconds < 1:
            return None
        return (last[column] - first[column]) / seconds


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
