"""Reading a study's past: waves and outcomes, and what a continued study forgets."""

from __future__ import annotations

import json
from collections.abc import Mapping
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
    return json.loads(
        json.dumps({"event": "wave", "phase": phase, "steps": dump_steps([STEP])})
    )  # type: ignore[no-any-return]


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
    assert (first.done, first.left, first.unanswered) == (
        True,
        2.5,
        {(0, 1): "service: 503"},
    )
    assert (first.config_failed, first.failed) == (
        {(0, 2): "content_filter"},
        {0: "no answers"},
    )
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
            {"event": "phase", "name": "final comparison", "left": 0.1},
            wave("final comparison"),
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
        check_steps(recorded, "final comparison", [STEP])
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


def refused(then: Mapping[str, Any], now: Mapping[str, Any], folder: Path) -> str:
    """The message about another study, from the first difference on."""
    with pytest.raises(StudyError) as caught:
        check_identity(then, now, folder)
    start, end = (
        f"the folder {str(folder)!r} holds a study with other ",
        ": choose another with --results",
    )
    said = str(caught.value)
    assert said.startswith(start)
    assert said.endswith(end)
    return said.removeprefix(start).removesuffix(end)


def test_every_part_that_differs_is_named_and_shown_there_and_now(
    tmp_path: Path,
) -> None:
    then = {"data": "a", "metric": "f1", "seed": 1}
    now = {"data": "b", "metric": "f1", "goal": "cheapest"}
    assert refused(then, now, tmp_path) == (
        'data, seed, goal (data: "a" there, "b" now; seed: 1 there, null now; '
        'goal: null there, "cheapest" now)'
    )


def test_a_difference_inside_a_part_is_shown_by_its_place(tmp_path: Path) -> None:
    then = {"space": {"n": [1], "stop": {"a": 1, "b": 2}}}
    now = {"space": {"n": [1], "stop": {"a": 1, "b": 3, "c": 4}}}
    assert refused(then, now, tmp_path) == (
        "space (space.stop.b: 2 there, 3 now; space.stop.c: null there, 4 now)"
    )


def test_texts_of_eighty_characters_are_shown_whole(tmp_path: Path) -> None:
    then, now = ({"prompt": "x" * 77 + end} for end in "ab")
    shown = [json.dumps(one["prompt"]) for one in (then, now)]
    assert len(shown[0]) == 80
    assert (
        refused(then, now, tmp_path)
        == f"prompt (prompt: {shown[0]} there, {shown[1]} now)"
    )


def test_longer_texts_are_shown_from_twenty_characters_before_they_differ(
    tmp_path: Path,
) -> None:
    then, now = ({"prompt": "x" * 100 + end} for end in ("a" * 100, "b"))
    before = "..." + "x" * 20
    assert refused(then, now, tmp_path) == (
        f'prompt (prompt: {before}{"a" * 60}... there, {before}b" now)'
    )


def test_a_long_text_that_differs_early_is_shown_from_its_beginning(
    tmp_path: Path,
) -> None:
    then, now = ({"prompt": start + "x" * 100} for start in "ab")
    assert refused(then, now, tmp_path) == (
        f'prompt (prompt: "a{"x" * 78}... there, "b{"x" * 78}... now)'
    )


def test_four_differences_are_shown_and_the_others_are_counted(tmp_path: Path) -> None:
    def study(dimensions: int, value: int) -> dict[str, Any]:
        return {"space": {f"d{i}": value for i in range(dimensions)}}

    four = "; ".join(f"space.d{i}: 0 there, 1 now" for i in range(4))
    assert refused(study(4, 0), study(4, 1), tmp_path) == f"space ({four})"
    assert refused(study(5, 0), study(5, 1), tmp_path) == f"space ({four}; and 1 more)"
    assert refused(study(9, 0), study(9, 1), tmp_path) == f"space ({four}; and 5 more)"
