"""The outcome of a wave, and its form in a journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tune.study.fault import SERVICE


@dataclass(slots=True)
class Wave:
    """The outcome of a wave.

    Attributes:
        complete: everything was bought that the money, the clock and the user allowed.
        unanswered: the reasons of missing draws, by (trial, position).
        config_failed: the reasons why the config cannot answer an example, by (trial, position).
        failed: the reasons of trials that failed in it.
        caps: of trials that were bought with other caps than their steps have, because the model
            does not take these.
        cut: the caps that cut an answer, by the trials that had a larger one before.
    """

    complete: bool = True
    unanswered: dict[tuple[int, int], str] = field(default_factory=dict)
    config_failed: dict[tuple[int, int], str] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    caps: dict[int, int] = field(default_factory=dict)
    cut: dict[int, int] = field(default_factory=dict)

    def is_unanswered(self, trial: int, position: int) -> bool:
        """Return True if the service did not answer an example of a trial."""
        return self.unanswered.get((trial, position), "").startswith(SERVICE)

    def include(self, other: Wave) -> None:
        """Add the outcome of a wave that was bought after this one, for the same trials."""
        self.complete = self.complete and other.complete
        self.unanswered |= other.unanswered
        self.config_failed |= other.config_failed
        self.failed |= other.failed
        self.caps |= other.caps
        self.cut |= other.cut


def dump_faults(wave: Wave) -> dict[str, list[Any]]:
    """Return what a wave lacks as plain JSON, for a journal."""
    found: dict[str, list[Any]] = {
        "unanswered": _rows(wave.unanswered),
        "config_failed": _rows(wave.config_failed),
        "failed": [[trial, reason] for trial, reason in sorted(wave.failed.items())],
    }
    if wave.caps:
        found["caps"] = [[trial, cap] for trial, cap in sorted(wave.caps.items())]
    if wave.cut:
        found["cut"] = [[trial, cap] for trial, cap in sorted(wave.cut.items())]
    return found


def _rows(reasons: Mapping[tuple[int, int], str]) -> list[Any]:
    """Return reasons by (trial, position) as rows, because JSON has no such keys."""
    return [[*place, reason] for place, reason in sorted(reasons.items())]
