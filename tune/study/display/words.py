"""The words of a display: where a run stands, as rows of short parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tune.pricing.amounts import dollars
from tune.pricing.clock import format_duration
from tune.report.text import count, describe_config, exact_seconds, number
from tune.study.display.view import RunView
from tune.study.events import KINDS, BestSoFar, Progress

PHASES = {
    "search": "searching",
    "final comparison": "comparing the finalists",
    "single-answer comparison": "comparing single answers for agents",
    "holdout": "final test on held-out examples",
    "caps": "measuring where answers are cut",
    "caps again": "measuring where answers are cut",
    "settings": "trying the settings of the choice",
    "settings again": "trying the settings of the choice",
}
"""Phases of a run, as a person reads them."""


@dataclass(frozen=True, slots=True)
class Part:
    """A few words that stay together.

    Attributes:
        text: the words.
        style: of a terminal, as rich names it; "" is plain.
    """

    text: str
    style: str = ""


Row: TypeAlias = Sequence[Part]


def rows(view: RunView) -> list[Row]:
    """Return the rows of a display: money, the best so far, rates, and what went wrong."""
    progress = view.progress
    phase = Part(PHASES.get(view.phase, view.phase) or "starting", "bold")
    if progress is None:
        return [[phase]]
    found: list[Row] = [[phase, *_money(view, progress)]]
    if progress.best is not None:
        found.append(_best(progress.best, timed=progress.time_limit is not None))
    found.append(_rates(view, progress))
    if troubles := _troubles(view, progress):
        found.append(troubles)
    return found


def single_line(view: RunView) -> str:
    """Return the same on one line, for a log."""
    texts: list[str] = []
    for row in rows(view):
        texts += [part.text for part in row]
    return " · ".join(texts)


def share_done(progress: Progress) -> float:
    """Return the share of the money that is spent, or of the time if there is no bill."""
    if progress.time_limit is not None:
        left = progress.left_seconds or 0.0
        return 1.0 - left / progress.time_limit
    if not progress.budget:
        return 0.0
    return min(1.0, progress.spent / progress.budget)


def _money(view: RunView, progress: Progress) -> list[Part]:
    parts: list[Part] = []
    if progress.time_limit is None:
        parts.append(Part(f"{dollars(progress.spent)} of {dollars(progress.budget)}"))
    time = f"{format_duration(progress.seconds)} so far"
    if view.left_seconds is not None:
        time += f", at most {format_duration(view.left_seconds)} left"
    parts.append(Part(time))
    return parts


def _best(best: BestSoFar, *, timed: bool) -> list[Part]:
    quality = f"{number(best.quality)} ({number(best.low)} to {number(best.high)})"
    cost = exact_seconds(best.seconds) if timed else dollars(best.cost)
    return [
        Part(f"best so far {quality}", "green"),
        Part(f"{cost} per request"),
        Part(describe_config(best.config)),
    ]


def _rates(view: RunView, progress: Progress) -> list[Part]:
    parts = [
        Part(count(progress.trials, "trial")),
        Part(count(view.answers, "answer")),
    ]
    calls, spending = view.calls_per_second, view.dollars_per_minute
    if calls is not None:
        parts.append(Part(f"{calls:.3g} calls/s"))
    if progress.time_limit is None:
        if spending is not None:
            parts.append(Part(f"{dollars(spending)} a minute"))
        parts.append(Part(f"{dollars(progress.reserved)} reserved"))
    return parts


def _troubles(view: RunView, progress: Progress) -> list[Part]:
    parts: list[Part] = []
    if view.retried:
        parts.append(Part(f"retried {view.retried:,}", "yellow"))
    for kind, times in view.failures.most_common():
        parts.append(Part(count(times, KINDS.get(kind, kind)), "yellow"))
    if progress.uncertain:
        parts.append(Part(f"{dollars(progress.uncertain)} uncertain", "yellow"))
    for model in view.aside:
        parts.append(Part(f"{model} set aside", "yellow"))
    return parts
