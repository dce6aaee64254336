"""The outcome of a wave, and its form in a journal."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Wave:
    """The outcome of a wave.

    Attributes:
        complete: whether everything was bought that the money, the clock and the user allowed.
        unanswered: (trial, position) of examples that lack draws, with the reason.
        config_failed: those that the config itself cannot answer, likewise.
        failed: trials that it was the end of, with the reason.
    """

    complete: bool = True
    unanswered: dict[tuple[int, int], str] = field(default_factory=dict)
    config_failed: dict[tuple[int, int], str] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)


def dump_faults(wave: Wave) -> dict[str, list[Any]]:
    """Return what a wave lacks as plain JSON, for a journal."""
    return {
        "unanswered": [
            [trial, position, reason]
            for (trial, position), reason in sorted(wave.unanswered.items())
        ],
        "config_failed": [
            [trial, position, reason]
            for (trial, position), reason in sorted(wave.config_failed.items())
        ],
        "failed": [[trial, reason] for trial, reason in sorted(wave.failed.items())],
    }
