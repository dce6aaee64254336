"""Settings as they are sent, and refusals of what stands inside `extra_body`."""

from __future__ import annotations

from typing import Any

from tune.completion import Request, Structured
from tune.errors import EndpointError, ParameterRejected, ValueRejected
from tune.providers.openai.sent_settings import as_refused_value, sent_settings

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
