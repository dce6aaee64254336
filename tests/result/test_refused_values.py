"""Refused values of sampling settings, as a report says them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.support.house import House
from tune.result import build_report
from tune.result.refused_values import refused_value_notices
from tune.space import Space


def learned(parameter: str) -> dict[str, Any]:
    return {"event": "learned", "model": "m", "parameter": parameter, "words": "no!"}


def narrowed(
    parameter: str,
    value: Any,
    low: float | None = None,
    high: float | None = None,
) -> dict[str, Any]:
    bounds = {"event": "narrowed", "value": value, "low": low, "high": high}
    return learned(parameter) | bounds


def told(
    build: Callable[..., House], *events: dict[str, Any], **space: Any
) -> list[str]:
    searched: dict[str, Any] = {
        "temperature": [0.0, 0.5, 1.5, 2.0],
        "reasoning_effort": [None, "low", "high"],
        **space,
    }
    given = Space(model="m", prompt={"p": "{text}"}, max_tokens=8, **searched)
    record = replace(build(space=given).record(), events=events)
    found = refused_value_notices(record)
    assert set(found) <= set(build_report(record).notices)
    return found


@pytest.mark.parametrize(
    ("events", "refused"),
    [
        ([learned("temperature")], "temperature, so no configuration of it with that"),
        (
            [narrowed("temperature", 1.5)],
            "temperature 1.5, so no configuration of it with that",
        ),
        (
            [narrowed("temperature", 2.0, 0.0, 1.0)],
            "temperature above 1, so no configuration of it with that",
        ),
        (
            [narrowed("temperature", 0.0, 0.01)],
            "temperature below 0.01, so no configuration of it with that",
        ),
        (
            [narrowed("temperature", 1.5), narrowed("temperature", 2.0)],
            "temperature 1.5 and temperature 2, so no configuration of it with those",
        ),
        (
            [narrowed("reasoning_effort", "high")],
            "reasoning_effort high, so no configuration of it with that",
        ),
        (
            [
                narrowed("temperature", 0.0, 0.01),
                narrowed("temperature", 2.0, None, 1.0),
            ],
            "temperature below 0.01 and temperature above 1, so no configuration of it with those",
        ),
        # The whole setting says more than one value of it.
        (
            [narrowed("temperature", 1.5), learned("temperature")],
            "temperature, so no configuration of it with that",
        ),
    ],
)
def test_a_value_that_a_model_refused_is_said_with_its_words(
    build: Callable[..., House], events: list[dict[str, Any]], refused: str
) -> None:
    assert told(build, *events) == [
        f"m refused {refused} could be selected. In its words: no!"
    ]


def test_what_the_space_does_not_have_is_not_said(build: Callable[..., House]) -> None:
    assert told(build, learned("top_p")) == []
    assert told(build, narrowed("temperature", 0.7)) == []
    assert told(build, narrowed("temperature", 3.0, None, 2.0)) == []
    # The service's own value was not sent.
    assert told(build, learned("top_p"), top_p=[None]) == []


def test_settings_with_sentences_of_their_own_are_left_to_them(
    build: Callable[..., House],
) -> None:
    events = learned("stop"), narrowed("max_tokens", None, low=16.0)
    assert told(build, *events, stop=[None, ["\n"]]) == []


def test_a_condition_is_said_once(build: Callable[..., House]) -> None:
    alone = {
        "event": "only_with",
        "model": "m",
        "parameter": "temperature",
        "setting": "reasoning_effort",
        "values": [None, "none"],
    }
    one = {"event": "one_of", "model": "m", "parameters": ["temperature", "top_p"]}
    assert told(build, alone, alone) == [
        "m takes temperature only with reasoning_effort default or none, so no other "
        "configuration of it with both could be selected."
    ]
    assert told(build, one, top_p=[None, 0.5]) == [
        "m does not take top_p beside temperature, so no configuration of it with both could be "
        "selected."
    ]
    assert told(build, one) == []
