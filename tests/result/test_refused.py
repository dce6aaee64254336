"""What a model refused, as a report says it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.support.house import House
from tests.support.reported import reading
from tune.completion import MANY
from tune.readout.trial import Trial
from tune.result import build_report
from tune.result.refused import (
    refusal_notices,
    single_call_notices,
    why_no_baseline,
)
from tune.space import Space
from tune.study.record import RunRecord

SEARCH = {"event": "phase", "name": "search", "left": 1.0}
SETTINGS = {"event": "phase", "name": "settings", "left": 1.0}
CONTINUE = {"event": "continue", "left": 2.0}


def learned(parameter: str) -> dict[str, Any]:
    return {
        "event": "learned",
        "model": "m",
        "parameter": parameter,
        "words": "400: no",
    }


def narrowed(
    parameter: str,
    value: list[str] | None = None,
    *,
    low: float | None = None,
    high: float | None = None,
) -> dict[str, Any]:
    bounds = {"value": value, "low": low, "high": high}
    return learned(parameter) | {"event": "narrowed"} | bounds


LINE, TWO = ["\n"], ["\n", "."]


def recorded(
    build: Callable[..., House], *events: dict[str, Any], **searched: Any
) -> RunRecord:
    """Return the record of a study whose journal holds these events."""
    searched = {"stop": [None, ["\n"]], "max_tokens": [8, 64], **searched}
    space = Space(model="m", prompt={"p": "{text}"}, temperature=[0.5], **searched)
    return replace(build(space=space).record(), events=events)


@pytest.mark.parametrize(
    ("event", "refused", "lost"),
    [
        (learned("stop"), "stop strings", "stop strings"),
        (narrowed("stop", TWO, high=1.0), "more than 1 stop strings", "more"),
        (narrowed("stop", LINE), r'the stop strings ["\n"]', "these"),
        # A bound may be about the length of a string.
        (narrowed("stop", LINE, high=9.0), r'the stop strings ["\n"]', "these"),
        (
            narrowed("max_tokens", low=16.0),
            "a max_tokens below 16",
            "a smaller one",
        ),
        (
            narrowed("max_tokens", high=32.0),
            "a max_tokens above 32",
            "a larger one",
        ),
    ],
)
def test_what_a_model_refused_after_the_search_is_said_with_what_it_took_away(
    event: dict[str, Any], refused: str, lost: str, build: Callable[..., House]
) -> None:
    record = recorded(build, SEARCH, SETTINGS, event, stop=[None, LINE, TWO])
    assert refusal_notices(record) == [
        f"After the search, m refused {refused}, so none of its configurations with {lost} could "
        "be selected. In its words: 400: no"
    ]
    assert refusal_notices(record)[0] in build_report(record).notices


def test_the_last_word_on_a_setting_is_said_and_stays_in_a_study_that_goes_on(
    build: Callable[..., House],
) -> None:
    first, last = narrowed("max_tokens", low=10), narrowed("max_tokens", low=16)
    record = recorded(build, SETTINGS, first, last, CONTINUE)
    (notice,) = refusal_notices(record)
    assert "below 16" in notice


def test_the_max_tokens_that_were_refused_are_said_where_the_model_states_no_bound(
    build: Callable[..., House],
) -> None:
    """The smallest one that is left is the next of the space."""
    first = narrowed("max_tokens", low=24) | {"value": 16}
    second = narrowed("max_tokens", low=34) | {"value": 24}
    record = recorded(build, SEARCH, first, second, max_tokens=[16, 24, 34])
    (notice,) = refusal_notices(record)
    assert notice == (
        "In the search, m refused a max_tokens of 16 and 24, so none of its configurations with "
        "less than 34 could be selected. In its words: 400: no"
    )
    stated = narrowed("max_tokens", low=32)
    record = recorded(build, SEARCH, first, stated, max_tokens=[16, 24, 34])
    assert "refused a max_tokens below 32" in refusal_notices(record)[0]


def test_each_of_several_stop_strings_that_a_model_refused_is_said(
    build: Callable[..., House],
) -> None:
    events = narrowed("stop", LINE), narrowed("stop", TWO)
    record = recorded(build, SETTINGS, *events, stop=[None, LINE, TWO])
    first, second = refusal_notices(record)
    assert r'["\n"]' in first
    assert r'["\n", "."]' in second


def test_what_was_refused_in_the_search_is_told_by_its_trials(
    build: Callable[..., House],
) -> None:
    assert refusal_notices(recorded(build, SEARCH, learned("stop"))) == []
    # A trial whose max_tokens is refused goes on with another one.
    (notice,) = refusal_notices(recorded(build, SEARCH, narrowed("max_tokens", low=16)))
    assert notice.startswith("In the search, m refused a max_tokens below 16")
    again = recorded(build, SEARCH, SETTINGS, CONTINUE, learned("stop"))
    assert refusal_notices(again) == []


@pytest.mark.parametrize(
    ("event", "searched"),
    [
        (learned("stop"), {"stop": None}),
        (narrowed("stop", TWO, high=1), {}),
        (narrowed("stop", ["."]), {}),
        (narrowed("max_tokens", low=8), {}),
        (learned("temperature"), {}),
    ],
)
def test_nothing_is_said_where_no_configuration_of_the_space_is_lost(
    event: dict[str, Any], searched: dict[str, Any], build: Callable[..., House]
) -> None:
    """A baseline may have other settings than the space."""
    assert refusal_notices(recorded(build, SETTINGS, event, **searched)) == []


def test_a_baseline_that_could_not_be_run_says_why(build: Callable[..., House]) -> None:
    house = build(baseline={"temperature": 0.5})
    record = house.record()
    assert why_no_baseline(record) == ""
    baseline = house.plan.baseline
    failed = Trial(1, baseline, 12, state="failed", reason="it was refused")
    lost = replace(record, holdout_trials={baseline: failed})
    assert why_no_baseline(lost) == "it was refused"
    assert build_report(lost).baseline_failure == "it was refused"
    point = house.plan.baseline_point
    searched = Trial(0, point, 12, state="failed", reason="400: no")
    assert why_no_baseline(replace(lost, trials={0: searched})) == "400: no"
    met = replace(lost, holdout={baseline: reading(0.5, 1.0)})
    assert why_no_baseline(met) == ""


@pytest.mark.parametrize(
    ("most_n", "said"),
    [(1, "one answer"), (2, "at most 2 answers"), (3, None), (MANY, None)],
)
async def test_a_model_that_gives_fewer_answers_for_a_call_than_asked_for_is_named_once(
    most_n: int, said: str | None, build: Callable[..., House]
) -> None:
    house = build(most_n=most_n)
    await house.buy(examples=1, draws=3)
    await house.buy(examples=1, draws=3, trial=1)
    told = single_call_notices(house.record())
    assert told == [
        notice for notice in build_report(house.record()).notices if notice in told
    ]
    if said is None:
        assert told == []
    else:
        assert told == [
            f"m gives {said} for each call: more answers take more calls, and each call pays for "
            "the prompt again."
        ]


async def test_one_answer_for_a_call_is_no_loss_where_the_space_asks_for_one(
    build: Callable[..., House],
) -> None:
    space = Space(model="m", prompt={"p": "{text}"}, temperature=[0.5], max_tokens=[12])
    house = build(most_n=1, space=space)
    await house.buy(examples=1, draws=1)
    assert single_call_notices(house.record()) == []
