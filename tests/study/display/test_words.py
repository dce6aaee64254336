"""The words of a display: what a person reads of a run."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.support.watching import began, progress
from tune.study.display.view import RunView
from tune.study.display.words import PHASES, rows, share_done, single_line
from tune.study.events import PhaseBegan, Progress


def view(now: Progress | None = None, phase: str = "search") -> RunView:
    found = RunView()
    for event in (*began(), PhaseBegan(phase=phase)):
        found.take(event)
    if now is not None:
        found.take(now)
    return found


def test_a_line_has_phase_money_the_best_with_its_interval_and_the_time_left() -> None:
    line = single_line(view(progress()))
    for part in (
        "searching",
        "3 trials",
        "$1.25 of $5.00",
        "$0.08 reserved",
        "best so far 0.750 (0.500 to 0.875)",
        "$0.00012 per request",
        "m, prompt p, temperature 0.5, n 3 by vote",
        "at most 30 s left",
        "10 s so far",
    ):
        assert part in line


def test_what_is_not_known_yet_is_not_said() -> None:
    assert single_line(RunView()) == "starting"
    assert single_line(view()) == "searching"
    line = single_line(view(progress(best=None, left_seconds=None)))
    for word in ("best", "left", "calls/s", "minute", "retried"):
        assert word not in line


def test_troubles_have_a_row_of_their_own_by_kind() -> None:
    made = view(progress(uncertain=0.5))
    made.failures = Counter({"setting": 2, "timeout": 1, "rate_limit": 1200})
    made.retried = 1201
    made.aside["big"] = "wrong key"
    texts = [part.text for part in rows(made)[-1]]
    assert texts == [
        "retried 1,201",
        "1,200 rate limits",
        "2 refused settings",
        "1 timeout",
        "$0.50 uncertain",
        "big set aside",
    ]


def test_where_nobody_is_billed_time_takes_the_place_of_dollars() -> None:
    free = progress(time_limit=900.0, left_seconds=300.0, spent=0.0, budget=0.0)
    line = single_line(view(free))
    assert "at most 5 min left" in line
    assert "0.50 s per request" in line
    assert "$" not in line
    assert share_done(free) == pytest.approx(2 / 3)
    assert share_done(progress()) == 0.25
    assert share_done(progress(spent=9.0)) == 1.0


@pytest.mark.parametrize("phase", PHASES)
def test_phases_are_named_for_a_person(phase: str) -> None:
    assert single_line(view(progress(), phase)).startswith(PHASES[phase])
