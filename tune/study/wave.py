"""What became of a wave, and how a journal keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Wave:
    """What became of a wave.

    Attributes:
        complete: whether everything was bought that the money, the clock and the user allowed.
        missing: (trial, position) of examples that lack draws, with the reason.
        spoiled: those that the config itself cannot answer, likewise.
        failed: trials that it was the end of, with the reason.
    """

    complete: bool = True
    missing: dict[tuple[int, int], str] = field(default_factory=dict)
    spoiled: dict[tuple[int, int], str] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)


def dump_faults(wave: Wave) -> dict[str, list[Any]]:
    """What a wave lacks as plain JSON, for a journal."""
    return {
        "missing": [
            [trial, position, reason] for (trial, position), reason in sorted(wave.missing.items())
        ],
        "spoiled": [
            [trial, position, reason] for (trial, position), reason in sorted(wave.spoiled.items())
        ],
        "failed": [[trial, reason] for trial, reason in sorted(wave.failed.items())],
    }
