"""What a person sees while a run works."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest

from tune.readout import Reading
from tune.space import Config
from tune.study.progress import Progress, describe, name_config
from tune.study.screen import Remaining, Screen

CONFIG = Config(
    {
        "model": "m",
        "prompt": "p",
        "max_tokens": 8,
        "temperature": 0.5,
        "n": 3,
        "aggregate": "vote",
    }
)


def reading(scores: list[float]) -> Reading:
    array = np.array(scores)
    return Reading(
        CONFIG,
        0,
        tuple(range(len(scores))),
        array,
        array * 0,
        array * 0 + 1e-3,
        array * 0 + 1,
        False,
    )


def progress(**changes: object) -> Progress:
    given = {
        "phase": "search",
        "trials": 3,
        "spent": 1.25,
        "budget": 5.0,
        "best": reading([1, 0, 1, 1]),
    }
    given |= {"seconds": 10.0, "left_seconds": 30.0, **changes}
    return Progress(**given)  # type: ignore[arg-type]


def test_a_line_has_trials_dollars_the_best_with_its_interval_and_the_time_left() -> (
    None
):
    line = describe(progress())
    for part in (
        "3 trials",
        "$1.25 of $5",
        "0.750 [",
        "m, p",
        "vote of 3",
        "30 s left",
    ):
        assert part in line


def test_a_line_without_a_best_or_a_rate_says_neither() -> None:
    line = describe(progress(best=None, left_seconds=None))
    assert "best" not in line
    assert "left" not in line


def test_long_times_are_minutes() -> None:
    assert "3 min left" in describe(progress(left_seconds=180.0))


def test_a_config_is_named_in_a_few_words() -> None:
    assert name_config(CONFIG) == "m, p, max_tokens 8, temperature 0.5, vote of 3"
    stopped = {**CONFIG, "stop": ("\n",)}
    assert 'stop ["\\n"]' in name_config(stopped)


def test_a_pipe_gets_a_line_now_and_then_and_quiet_gets_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    screen = Screen()
    with screen.shown():
        for _ in range(5):
            screen(progress())
        screen.say("stopping")
    assert stream.getvalue().count("3 trials") == 1
    assert "stopping\n" in stream.getvalue()
    quiet = Screen(quiet=True)
    with quiet.shown():
        quiet(progress())
        quiet.say("stopping")
    assert stream.getvalue().count("stopping") == 1


def test_a_terminal_gets_a_bar_that_is_gone_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    screen = Screen()
    with screen.shown():
        screen(progress())
        screen.say("[not markup]")
    assert "[not markup]" in stream.getvalue()


def test_the_time_left_never_grows() -> None:
    remaining = Remaining()
    shown = [
        remaining.of(progress(seconds=s, left_seconds=left))
        for s, left in ((10, 100), (20, 95), (30, 300), (40, 60))
    ]
    assert shown == [100, 90, None, 60]
    assert Remaining().of(progress(left_seconds=None)) is None


def test_phases_are_named_for_a_person() -> None:
    assert describe(progress(phase="final comparison")).startswith(
        "comparing the finalists"
    )
    assert describe(progress(phase="holdout")).startswith(
        "final test on held-out examples"
    )
