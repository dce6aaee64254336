"""The time of a study that nobody is billed for: seconds take the place of dollars."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

FIRST_WIDTH = 8.0
"""Calls that go side by side before anything was measured: as many as an endpoint is first sent."""

SECONDS_PER_CALL, SECONDS_PER_PROMPT_TOKEN, SECONDS_PER_TOKEN = 0.5, 0.002, 0.1
"""The service of a slow machine, while several calls wait for each other."""


def assumed_seconds(prompt_tokens: float, tokens: float) -> float:
    """Return the seconds that a call is assumed to take before any was seen."""
    return SECONDS_PER_CALL + SECONDS_PER_PROMPT_TOKEN * prompt_tokens + SECONDS_PER_TOKEN * tokens


class Clock:
    """What is left of a time limit, in seconds of service.

    A call takes a server as many seconds as pass between sending and the whole answer. Several go
    side by side, so a second on the wall is worth more seconds of service: as many as were measured
    so far, the `width`. A server that can only work at one answer makes the others wait: each takes
    longer, so that their sum still is what they cost.

    Every outcome records the clock, so that a resumed study goes on with the time that it had left.

    Args:
        limit: seconds on the wall that the search may take, over all processes.
        events: of the study's journal.
        now: seconds that never go back.
    """

    def __init__(
        self,
        limit: float,
        events: Sequence[Mapping[str, Any]],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        recorded = [
            event["clock"] for event in events if event["event"] == "outcome" and "clock" in event
        ]
        self.limit = limit
        self._before: float
        self._width: float
        self._before, self._width = recorded[-1] if recorded else (0.0, FIRST_WIDTH)
        self._now, self._began = now, now()
        self._served = self._took = 0.0

    @property
    def elapsed(self) -> float:
        """Seconds on the wall that the study has taken."""
        return self._before + self._now() - self._began

    @property
    def seconds_left(self) -> float:
        """Seconds on the wall that the search may still take."""
        return max(0.0, self.limit - self.elapsed)

    @property
    def width(self) -> float:
        """Seconds of service in a second on the wall."""
        # A microsecond is no time to measure in, and dividing by less of it can give infinity.
        return (
            max(1.0, self._served / self._took)
            if self._took > 1e-6 and self._served > 0
            else self._width
        )

    @property
    def left(self) -> float:
        """Seconds of service that the search may still use."""
        return self.seconds_left * self.width

    def note(self, served: float, took: float) -> None:
        """Take in what a wave has shown.

        Args:
            served: seconds of service of what was bought.
            took: seconds on the wall.
        """
        self._served += served
        self._took += took

    def record(self) -> dict[str, list[float]]:
        """What an outcome keeps of it."""
        return {"clock": [self.elapsed, self.width]}


def format_duration(value: float) -> str:
    """A length of time as people say it: seconds up to a minute and a half, then minutes."""
    return f"{value:.0f} s" if value < 90 else f"{value / 60:.0f} min"
