"""The time limit of a study that costs no money."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.pricing.clock import FIRST_WIDTH, Clock, assumed_seconds, format_duration


def test_a_second_on_the_wall_is_worth_the_service_that_was_measured() -> None:
    now = [0.0]
    clock = Clock(100, [], lambda: now[0])
    assert clock.left == 100 * FIRST_WIDTH
    now[0] = 10.0
    clock.note(served=200.0, took=10.0)
    assert clock.left == 90 * 20
    resumed = Clock(100, [{"event": "outcome", **clock.record()}], lambda: now[0])
    assert (resumed.seconds_left, resumed.left) == (90, 90 * 20)
    now[0] = 1000.0
    assert resumed.left == 0


@given(
    st.lists(st.tuples(st.floats(0, 1e4), st.floats(0, 1e3)), max_size=6),
    st.floats(0, 2000),
)
def test_the_time_left_is_never_negative_and_never_worth_less_than_one_call_at_a_time(
    waves: list[tuple[float, float]], elapsed: float
) -> None:
    now = [0.0]
    clock = Clock(900, [], lambda: now[0])
    for served, took in waves:
        clock.note(served, took)
    now[0] = elapsed
    assert clock.left >= clock.seconds_left >= 0
    assert clock.width >= 1


def test_a_length_of_time_is_said_in_seconds_or_minutes() -> None:
    assert [format_duration(value) for value in (0.4, 89, 91, 900)] == [
        "0 s",
        "89 s",
        "2 min",
        "15 min",
    ]


def test_the_last_outcome_of_a_journal_says_how_much_time_is_gone() -> None:
    events = [
        {"event": "outcome", "clock": [10.0, 4.0]},
        {"event": "outcome", "clock": [30.0, 2.0]},
        {"event": "outcome"},
        {"event": "wave", "clock": [90.0, 9.0]},
    ]
    clock = Clock(100, events, lambda: 5.0)
    assert (clock.elapsed, clock.width, clock.left) == (30.0, 2.0, 140.0)


@pytest.mark.parametrize(("served", "took"), [(0.0, 10.0), (5.0, 0.0), (5.0, 1e-300)])
def test_a_wave_that_says_nothing_leaves_the_width(served: float, took: float) -> None:
    clock = Clock(100, [], lambda: 0.0)
    clock.note(served, took)
    assert clock.width == FIRST_WIDTH


def test_a_call_is_assumed_to_take_longer_with_more_tokens() -> None:
    assert assumed_seconds(0, 0) == 0.5
    assert assumed_seconds(100, 10) == pytest.approx(0.5 + 0.2 + 1.0)
