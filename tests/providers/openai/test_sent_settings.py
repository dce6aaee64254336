"""Settings as they are sent, and refusals of what stands inside `extra_body`."""

from __future__ import annotations

from typing import Any

import pytest

from tune.completion import Request, Structured
from tune.errors import EndpointError, ParameterRejected, ValueRejected
from tune.providers.openai.sent_settings import (
    as_refused_value,
    exclude_refused,
    sent_settings,
)

ROUTE = {"provider": {"sort": "price"}}


def ask(**settings: Any) -> Request:
    return Request("service", "m", "a", 16, settings=tuple(settings.items()))


def test_fields_of_extra_body_stand_beside_the_others() -> None:
    sent = sent_settings(ask(temperature=0.5, extra_body=Structured.of(ROUTE)))
    assert sent == {"temperature": 0.5, **ROUTE}


def test_a_table_is_sent_as_it_is() -> None:
    form = {"type": "json_object"}
    sent = sent_settings(ask(response_format=Structured.of(form)))
    assert sent == {"response_format": form}


def test_a_refused_field_inside_takes_out_this_value_of_extra_body() -> None:
    request = ask(extra_body=Structured.of(ROUTE))
    found = as_refused_value(ParameterRejected("no", parameter="provider"), request)
    assert isinstance(found, ValueRejected)
    assert found.parameter == "extra_body"


def test_other_faults_stay_as_they_are() -> None:
    request = ask(temperature=0.5, extra_body=Structured.of(ROUTE))
    for fault in (
        ParameterRejected("no", parameter="temperature"),
        EndpointError("gone"),
        None,
    ):
        assert as_refused_value(fault, request) is fault


@pytest.mark.parametrize(
    ("name", "sent", "low", "high", "kept"),
    [
        ("n", {"n": 5}, None, 5, (None, 4)),
        ("n", {"n": 8}, None, 5, (None, 5)),
        ("max_tokens", {"max_completion_tokens": 4096}, None, 4096, (None, 4095)),
        ("max_tokens", {"max_tokens": 16}, 16, None, (17, None)),
        ("stop", {"stop": ["a", "b"]}, None, 2, (None, 1)),
        ("temperature", {"temperature": 1.0}, None, 1, (None, 1)),
        # Between 0 and 1 there are values that the model takes, also where 0 was sent as an int.
        ("temperature", {"temperature": 0}, 0, None, (0, None)),
        ("top_p", {"top_p": 1}, 0, 1, (0, 1)),
        ("seed", {}, None, 1, (None, 1)),
    ],
)
def test_a_bound_on_whole_numbers_that_was_refused_itself_is_exclusive(
    name: str,
    sent: dict[str, Any],
    low: float | None,
    high: float | None,
    kept: tuple[float | None, float | None],
) -> None:
    fault = ValueRejected("n should be less than 5", name, low=low, high=high)
    exclude_refused(fault, sent)
    assert (fault.low, fault.high) == kept
