"""Reading a study's past: waves and outcomes, and what a continued study forgets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tune.errors import StudyError
from tune.readout.trial import Step
from tune.space import Point
from tune.study.resume import (
    RecordedWave,
    check_identity,
    check_steps,
    dump_steps,
    load_steps,
    read_history,
)

STEP = Step(0, Point({"model": "m", "prompt": "p", "stop": ("\n",)}), (0, 1, 2), 2, 64)


def wave(phase: str = "search") -> dict[str, Any]:
    return json.loads(json.dumps({"event": "wave", "phase": phase, "steps": dump_steps([STEP])}))  # type: ignore[no-any-return]


def outcome(
    left: float, stopped: str | None = None, missing: list[Any] | None = None
) -> dict[str, Any]:
    faults = {
        "unanswered": missing or [],
        "config_failed": [[0, 2, "content_filter"]],
        "failed": [[0, "no answers"]],
    }
    return {"event": "outcome", "left": left, "stopped": stopped, **faults}


def test_waves_come_back_with_their_outcomes() -> None:
    history = read_history(
        [
            {"event": "study"},
            {"event": "phase", "name": "search", "left": 3.0},
            wave(),
            {"event": "learned", "model": "m", "parameter": "top_p"},
            outcome(2.5, missing=[[0, 1, "service: 503"]]),
            wave(),
        ]
    )
    first, second = history.waves
    assert history.start == {"search": 3.0}
    assert (first.done, first.left, first.unanswered) == (True, 2.5, {(0, 1): "service: 503"})
    assert (first.config_failed, first.failed) == ({(0, 2): "content_filter"}, {0: "no answers"})
    assert first.lessons == [{"event": "learned", "model": "m", "parameter": "top_p"}]
    assert not second.done


def test_a_continued_study_forgets_what_money_cut_short_and_has_the_new_money() -> None:
    history = read_history(
        [
            {"event": "phase", "name": "search", "left": 3.0},
            wave(),
            outcome(2.0),
            wave(),
            outcome(0.1, stopped="money"),
            {"event": "phase", "name": "endgame", "left": 0.1},
            wave("endgame"),
            outcome(0.1, stopped="money"),
            {"event": "result", "stopped": "money"},
            {"event": "continue", "left": 7.0},
        ]
    )
    assert [(w.phase, w.left) for w in history.waves] == [("search", 7.0)]
    assert history.start == {"search": 3.0}


def test_a_study_that_is_continued_before_its_first_whole_wave_begins_anew() -> None:
    history = read_history(
        [
            {"event": "phase", "name": "search", "left": 0.1},
            wave(),
            outcome(0.1, stopped="money"),
            {"event": "continue", "left": 7.0},
        ]
    )
    assert history.waves == []
    assert history.start == {"search": 7.0}


def test_the_same_steps_pass_and_others_are_refused_with_a_way_out() -> None:
    recorded = RecordedWave("search", wave()["steps"])
    check_steps(recorded, "search", [STEP])
    with pytest.raises(StudyError, match="--results"):
        check_steps(recorded, "endgame", [STEP])
    with pytest.raises(StudyError, match="--results"):
        check_steps(recorded, "search", [Step(0, STEP.point, (0, 1), 2, 64)])
    with pytest.raises(StudyError, match="--results"):
        check_steps(recorded, "search", [])


def test_steps_come_back_from_json_as_they_were() -> None:
    assert load_steps(wave()["steps"]) == [STEP]


def test_another_study_is_refused_by_its_first_difference_unless_that_may_differ(
    tmp_path: Path,
) -> None:
    then, now = (
        {"data": "a", "prices": {"m": [1, 2]}},
        {"data": "a", "prices": {"m": [3, 4]}, "goal": "cheapest"},
    )
    check_identity(then, dict(then), tmp_path)
    check_identity(then, now, tmp_path, besides=("prices", "goal"))
    with pytest.raises(
        StudyError,
        match=r"other prices, goal .*prices.m: \[1, 2\] there, \[3, 4\] now; goal: null there",
    ):
        check_identity(then, now, tmp_path)


def test_texts_that_are_long_and_differ_late_are_shown_from_there(tmp_path: Path) -> None:
    start = "Label this ticket. " * 40
    then = {"space": {"prompt": {"short": start + "One word.", "same": "x"}}}
    now = {"space": {"prompt": {"short": start + "One sentence.", "same": "x"}}}
    with pytest.raises(StudyError) as caught:
        check_identity(then, now, tmp_path)
    said = str(caught.value)
    assert "space.prompt.short" in said
    assert "One word." in said
    assert "One sentence." in said
    assert len(said) < 500


def test_many_differences_are_counted(tmp_path: Path) -> None:
    then, now = ({"space": {f"d{i}": i + shift for i in range(9)}} for shift in (0, 1))
    with pytest.raises(StudyError, match=r"space.d3: 3 there, 4 now; and 5 more\)"):
        check_identity(then, now, tmp_path)
