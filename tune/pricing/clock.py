"""The time limit of a study that costs no money: seconds take the place of dollars."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

FIRST_WIDTH = 8.0
"""Calls side by side before any was measured: as many as an endpoint is sent at first."""

# The service of a slow machine, while several calls wait for each other.
SECONDS_PER_CALL = 0.5
SECONDS_PER_PROMPT_TOKEN = 0.002
SECONDS_PER_TOKEN = 0.1

# A microsecond is too short to measure a width in. Dividing by a smaller time can give infinity.
_SHORTEST = 1e-6


def assumed_seconds(prompt_tokens: float, tokens: float) -> float:
    """Return the seconds that a call is assumed to take before any was measured."""
    prompt_seconds = SECONDS_PER_PROMPT_TOKEN * prompt_tokens
    return SECONDS_PER_CALL + prompt_seconds + SECONDS_PER_TOKEN * tokens


class Clock:
    """The rest of a time limit, in seconds of service.

    A call takes a server as many seconds as pass between sending and the whole answer. Several go
    side by side, so a second on the wall is worth more seconds of service: as many as were measured
    so far, the `width`. A server that can only work at one answer makes the others wait: each takes
    longer, so that their sum is still what they cost.

    Every outcome records the clock, so that a resumed study goes on with the time that it had left.

    Args:
        limit: seconds on the wall that the search may take, over all processes.
        events: of the study's journal.
        now: returns seconds that never go back.
    """

    def __init__(
        self,
        limit: float,
        events: Sequence[Mapping[str, Any]],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limit = limit
        self._before = 0.0
        self._width = FIRST_WIDTH
        for event in events:
            if event["event"] == "outcome" and "clock" in event:
                self._before, self._width = event["clock"]
        self._now = now
        self._began = now()
        self._served = 0.0
        self._took = 0.0

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
        if self._took > _SHORTEST and self._served > 0:
            return max(1.0, self._served / self._took)
        return self._width

    @property
    def left(self) -> float:
        """Seconds of service that the search may still use."""
        return self.seconds_left * self.width

    def note(self, served: float, took: float) -> None:
        """Take in the times of a wave.

        Args:
            served: seconds of service of what was bought.
            took: seconds on the wall.
        """
        self._served += served
        self._took += took

    def record(self) -> dict[str, list[float]]:
        """Return the fields that an outcome keeps of the clock."""
        return {"clock": [self.elapsed, self.width]}


def format_duration(value: float) -> str:
    """Write seconds as people say them: seconds up to a minute and a half, then minutes."""
    return f"{value:.0f} s" if value < 90 else f"{value / 60:.0f} min"
