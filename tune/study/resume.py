"""Read a study's events back: planned waves, their outcomes, and the place to go on from."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

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
        caps: of trials that were bought with other caps than their steps have, by trial.
        cut: the caps that cut an answer, by the trials that had a larger one before.
        line: what it bought and why, for a person.
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
    caps: dict[int, int] = field(default_factory=dict)
    cut: dict[int, int] = field(default_factory=dict)
    line: str = ""


@dataclass(slots=True)
class History:
    """The events to replay before a study goes on.

    Attributes:
        start: dollars that the search could spend when it began, by phase.
        waves: the recorded waves, in order.
        first: lessons learned before the first wave.
        last: lessons learned after the selection; they have no effect on anything before.
        ending: why the search ended with money left, as its strategy said; "" where it did not.
    """

    start: dict[str, float] = field(default_factory=dict)
    waves: list[RecordedWave] = field(default_factory=list)
    first: list[Mapping[str, Any]] = field(default_factory=list)
    last: list[Mapping[str, Any]] = field(default_factory=list)
    ending: str = ""

    @property
    def replays(self) -> bool:
        """True while the next wave has an outcome that was recorded."""
        return bool(self.waves) and self.waves[0].done

    @property
    def latest(self) -> list[Mapping[str, Any]]:
        """The lessons of the last wave; before the first wave, those that came before it."""
        if not self.waves:
            return self.first
        return self.waves[-1].lessons


def read_history(events: Sequence[Mapping[str, Any]]) -> History:
    """Return the waves to replay.

    When a finished study is continued with more money or time, everything after its last whole wave
    of the search is void. Those draws are in the store, but the strategy decides again what they
    are worth.
    """
    history = History()
    chosen = False
    for event in events:
        kind = event["event"]
        if kind == "phase":
            history.start[event["name"]] = event["left"]
        elif kind == "wave":
            wave = RecordedWave(event["phase"], event["steps"])
            wave.line = event.get("line", "")
            history.waves.append(wave)
        elif kind in KINDS:
            # Lessons after a selection must not change the waves before it.
            lessons = history.last if chosen else history.latest
            lessons.append(event)
        elif kind == "choice":
            chosen = True
            history.ending = event.get("ending", "")
        elif kind == "outcome":
            wave = history.waves[-1]
            wave.done = True
            wave.stopped = event["stopped"]
            wave.left = event["left"]
            read_faults(wave, event)
        elif kind == "continue":
            chosen = False
            _rewind(history, event["left"])
    return history


def read_faults(wave: RecordedWave, event: Mapping[str, Any]) -> None:
    """Put into a wave what it lacked, as an event has it."""
    wave.unanswered = _load_reasons(event["unanswered"])
    wave.config_failed = _load_reasons(event["config_failed"])
    wave.failed = dict(event["failed"])
    wave.caps = dict(event.get("caps", ()))
    wave.cut = dict(event.get("cut", ()))


def _load_reasons(rows: Sequence[tuple[int, int, str]]) -> dict[tuple[int, int], str]:
    """Return reasons by (trial, position): JSON has no such keys."""
    return {(trial, position): reason for trial, position, reason in rows}


def load_steps(steps: Sequence[Sequence[Any]]) -> list[Step]:
    """Return the steps that `dump_steps` wrote."""
    found: list[Step] = []
    for trial, point, positions, draws, cap in steps:
        found.append(Step(trial, Point(point), tuple(positions), draws, cap))
    return found


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
    """Go back to the last whole wave of the search, with more money than it left.

    Args:
        history: loses all later waves, and keeps what was learned in them.
        left: dollars that the search can spend now.
    """
    whole: list[RecordedWave] = []
    # What a model does not take stays true, even if the wave that showed it is void.
    lessons: list[Mapping[str, Any]] = []
    for wave in history.waves:
        if wave.phase == "search" and wave.done and wave.stopped is None:
            whole.append(wave)
        else:
            lessons.extend(wave.lessons)
    lessons.extend(history.last)
    history.waves = whole
    history.last = []
    history.latest.extend(lessons)
    start = left
    if whole:
        # With more money, the strategy goes on from its last whole wave as if it had had it all
        # along.
        whole[-1].left = left
        start = history.start.get("search", left)
    history.start = {"search": start}


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
    differing = [name for name in _differing(then, now) if name not in besides]
    # The same study: it is shown again, or it goes on.
    if not differing:
        return
    found: list[_Difference] = []
    for name in differing:
        found += _differences(name, then.get(name), now.get(name))
    shown: list[str] = []
    for name, there, here in found[:MOST_DIFFERENCES]:
        shown.append(f"{name}: {there} there, {here} now")
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


_Difference: TypeAlias = tuple[str, str, str]
"""A part that differs: its name, and its text there and now."""


def _differing(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return the names under which two mappings differ."""
    return [name for name in {**then, **now} if then.get(name) != now.get(name)]


def _differences(name: str, then: Any, now: Any) -> list[_Difference]:
    """Return where two values differ; of mappings, their inner parts."""
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        found: list[_Difference] = []
        for part in _differing(then, now):
            found += _differences(f"{name}.{part}", then.get(part), now.get(part))
        return found
    there = json.dumps(then, ensure_ascii=False)
    here = json.dumps(now, ensure_ascii=False)
    # Long texts (prompts) often differ in a few words, so the beginning that they share is cut.
    start = max(0, _alike(there, here) - AROUND)
    if max(len(there), len(here)) <= MOST_SHOWN:
        start = 0
    return [(name, _from(there, start), _from(here, start))]


def _alike(one: str, other: str) -> int:
    """Return the number of characters with which two texts begin alike."""
    for place, (mine, its) in enumerate(zip(one, other, strict=False)):
        if mine != its:
            return place
    return min(len(one), len(other))


def _from(text: str, start: int) -> str:
    """Return a piece of a text, with dots where something is left out."""
    piece = text[start : start + MOST_SHOWN]
    before = "..." if start else ""
    after = "..." if start + MOST_SHOWN < len(text) else ""
    return f"{before}{piece}{after}"


def dump_steps(steps: Sequence[Step]) -> list[Any]:
    """Return steps as plain JSON."""
    return [[s.trial, dict(s.point), list(s.examples), s.draws, s.cap] for s in steps]


def check_steps(recorded: RecordedWave, phase: str, steps: Sequence[Step]) -> None:
    """See that a replayed strategy asks for what it asked for when it was live.

    Raises:
        StudyError: it does not: another version of tune, of its strategy or of the searcher wrote
        this study.
    """
    # Through JSON and back on both sides, because a live step holds tuples where JSON has lists.
    now, then = (
        json.loads(json.dumps(side)) for side in (dump_steps(steps), recorded.steps)
    )
    if recorded.phase != phase or now != then:
        raise StudyError(
            "this study cannot be resumed: its strategy now asks for other steps than were "
            "recorded, so it was "
            "begun with another version of tune or of a library; begin anew with another --results "
            "(draws that "
            "are in the store are not bought again)"
        )
