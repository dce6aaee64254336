"""Read a study's events back: planned waves, their outcomes, and the place to go on from."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

from tune.errors import StudyError
from tune.readout.trial import Step
from tune.space import Point
from tune.study.lessons import KINDS


@dataclass(slots=True)
class RecordedWave:
    """A wave as the journal holds it.

    Attributes:
        phase: "search", "final comparison" or "single-answer comparison".
        steps: the steps, as `dump_steps` writes them.
        done: its outcome was recorded. Otherwise the process ended inside it.
        stopped: the reason why not everything was bought ("money", "time"); None if it was.
        unanswered: the reasons of missing draws, by (trial, position).
        config_failed: the reasons why the config could not answer an example, by (trial, position).
        failed: the reasons of trials that failed in it.
        lessons: the events of what was learned about models in it; see `tune.study.lessons`.
        left: dollars that the search could still spend after it.
    """

    phase: str
    steps: list[Any]
    done: bool = False
    stopped: str | None = None
    unanswered: dict[tuple[int, int], str] = field(default_factory=dict)
    config_failed: dict[tuple[int, int], str] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    lessons: list[Mapping[str, Any]] = field(default_factory=list)
    left: float = 0.0


@dataclass(slots=True)
class History:
    """The events to replay before a study goes on.

    Attributes:
        start: dollars that the search could spend when it began, by phase.
        waves: the recorded waves, in order.
        first: lessons learned before the first wave.
        last: lessons learned after the selection; they have no effect on anything before.
    """

    start: dict[str, float] = field(default_factory=dict)
    waves: list[RecordedWave] = field(default_factory=list)
    first: list[Mapping[str, Any]] = field(default_factory=list)
    last: list[Mapping[str, Any]] = field(default_factory=list)


def read_history(events: Sequence[Mapping[str, Any]]) -> History:
    """Return the waves to replay.

    When a finished study is continued with more money or time, everything after its last whole wave
    of the search is void. Those draws are in the store, but the strategy decides again what they
    are worth.
    """
    # Lessons after a selection must not change the waves before it.
    history, chosen = History(), False
    for event in events:
        kind = event["event"]
        if kind == "phase":
            history.start[event["name"]] = event["left"]
        elif kind == "wave":
            history.waves.append(RecordedWave(event["phase"], event["steps"]))
        elif kind in KINDS:
            before = history.waves[-1].lessons if history.waves else history.first
            (history.last if chosen else before).append(event)
        elif kind == "choice":
            chosen = True
        elif kind == "outcome":
            wave = history.waves[-1]
            wave.done, wave.stopped, wave.left = True, event["stopped"], event["left"]
            read_faults(wave, event)
        elif kind == "continue":
            chosen = False
            _rewind(history, event["left"])
    return history


def read_faults(wave: RecordedWave, event: Mapping[str, Any]) -> None:
    """Put into a wave what it lacked, as an event has it."""
    wave.unanswered = {
        (trial, position): reason for trial, position, reason in event["unanswered"]
    }
    wave.config_failed = {
        (trial, position): reason for trial, position, reason in event["config_failed"]
    }
    wave.failed = dict(event["failed"])


def load_steps(steps: Sequence[Sequence[Any]]) -> list[Step]:
    """Steps from what `dump_steps` wrote."""
    return [
        Step(trial, Point(point), tuple(positions), draws, cap)
        for trial, point, positions, draws, cap in steps
    ]


def check_not_forgotten(events: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """See that a study has all the draws that its decisions rest on.

    Raises:
        StudyError: examples of it were forgotten.
    """
    # The strategy decided by draws that are gone now, so a replay would decide differently.
    if any(event["event"] == "forgotten" for event in events):
        raise StudyError(
            f"examples of the study in {str(folder)!r} were forgotten, so it can be shown, but not "
            "continued or read "
            "again: begin anew with another --results (draws that are in the store are not bought "
            "again)"
        )


def _rewind(history: History, left: float) -> None:
    whole = [
        wave
        for wave in history.waves
        if wave.phase == "search" and wave.done and wave.stopped is None
    ]
    void = [
        lesson for wave in history.waves if wave not in whole for lesson in wave.lessons
    ]
    (whole[-1].lessons if whole else history.first).extend([*void, *history.last])
    history.waves, history.last = whole, []
    if whole:
        # With more money, the strategy goes on from its last whole wave as if it had had it all
        # along.
        whole[-1].left = left
    history.start = {"search": history.start.get("search", left) if whole else left}


def check_identity(
    then: Mapping[str, Any],
    now: Mapping[str, Any],
    folder: Path,
    *,
    besides: Collection[str] = (),
    remedy: str = "choose another with --results",
) -> None:
    """See that a folder holds the study that is asked for.

    Args:
        then: what made it that study, as it was recorded.
        now: the same of what is asked for.
        folder: where it is.
        besides: parts that may differ.
        remedy: what the user can do.

    Raises:
        StudyError: it is another; every part that differs is named, and the differences are shown.
    """
    differing = [
        name
        for name in {**then, **now}
        if then.get(name) != now.get(name) and name not in besides
    ]
    # The same study: it is shown again, or it goes on.
    if not differing:
        return
    found = [
        pair
        for name in differing
        for pair in _differences(name, then.get(name), now.get(name))
    ]
    shown = [
        f"{name}: {there} there, {here} now"
        for name, there, here in found[:MOST_DIFFERENCES]
    ]
    more = len(found) - len(shown)
    if more:
        shown.append(f"and {more} more")
    raise StudyError(
        f"the folder {str(folder)!r} holds a study with other {', '.join(differing)} "
        f"({'; '.join(shown)}): {remedy}"
    )


GIVE_THE_SAME = "give the options of that run, and change only what is asked about"
"""The remedy where a finished study is read again."""

MOST_DIFFERENCES = 4
"""Differences between two studies that a message shows."""

AROUND = 20
"""Characters that are shown before the place from which two long texts differ."""

MOST_SHOWN = 80
"""Characters of one value that a message shows."""


def _differences(name: str, then: Any, now: Any) -> list[tuple[str, str, str]]:
    """Return where two values differ: the name of each part, and its text there and now."""
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        parts = [part for part in {**then, **now} if then.get(part) != now.get(part)]
        return [
            found
            for part in parts
            for found in _differences(f"{name}.{part}", then.get(part), now.get(part))
        ]
    there, here = (json.dumps(value, ensure_ascii=False) for value in (then, now))
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(there, here, strict=False))
    same = sum(1 for _ in alike)
    start = max(0, same - AROUND)
    if max(len(there), len(here)) <= MOST_SHOWN:
        start = 0
    return [(name, _from(there, start), _from(here, start))]


def _from(text: str, start: int) -> str:
    """Return a piece of a text, with dots where something is left out."""
    piece = text[start : start + MOST_SHOWN]
    before = "..." if start else ""
    after = "..." if start + MOST_SHOWN < len(text) else ""
    return f"{before}{piece}{after}"


def dump_steps(steps: Sequence[Step]) -> list[Any]:
    """Steps as plain JSON."""
    return [[s.trial, dict(s.point), list(s.examples), s.draws, s.cap] for s in steps]


def check_steps(recorded: RecordedWave, phase: str, steps: Sequence[Step]) -> None:
    """See that a replayed strategy asks for what it asked for when it was live.

    Raises:
        StudyError: it does not: another version of tune, of its strategy or of the searcher wrote
        this study.
    """
    # Through Point on both sides: older journals may hold values in another order.
    now = [[t, dict(Point(p)), e, d, c] for t, p, e, d, c in _plain(dump_steps(steps))]
    then = [[t, dict(Point(p)), e, d, c] for t, p, e, d, c in recorded.steps]
    if recorded.phase != phase or now != then:
        raise StudyError(
            "this study cannot be resumed: its strategy now asks for other steps than were "
            "recorded, so it was "
            "begun with another version of tune or of a library; begin anew with another --results "
            "(draws that "
            "are in the store are not bought again)"
        )


def _plain(value: Any) -> Any:
    """Return a value as it would come back from JSON: tuples become lists."""
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return list(map(_plain, value))
    return value
