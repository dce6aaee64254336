"""Events of calls: answers, failures by kind, and retries."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tune.completion import Request
from tune.errors import (
    AnswerError,
    EndpointError,
    ParameterRejected,
    ProviderError,
    QuotaExhausted,
    RateLimited,
    TransientError,
    Unreadable,
)
from tune.providers.capabilities import Adapted
from tune.providers.metered import Receipt
from tune.providers.retrying import RetryEvent
from tune.study.call_events import CallEvents, failure_kind
from tune.study.events import KINDS, CallAnswered, CallFailed, CallRetried, Event

REQUEST = Request("host", "m", "hello", 8)


def loss(error: ProviderError | None) -> Receipt:
    return Receipt.of_loss(REQUEST, error, uncertain=False)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (RateLimited("slow down"), "rate_limit"),
        (TransientError("h did not answer within 3 s", charged=True), "timeout"),
        (TransientError("h broke off the connection: x", charged=True), "connection"),
        (TransientError("h cannot be reached: refused", charged=False), "connection"),
        (TransientError("h failed (500)", charged=True), "server"),
        (Unreadable("a web page"), "unreadable"),
        (ParameterRejected("no", parameter="stop"), "setting"),
        (AnswerError("filtered", reason="content_filter"), "input"),
        (EndpointError("wrong key"), "endpoint"),
        (QuotaExhausted("no credit"), "quota"),
        (None, "given_up"),
    ],
)
def test_a_failure_has_a_kind(error: ProviderError | None, kind: str) -> None:
    assert failure_kind(error) == kind
    assert kind in KINDS


def test_receipts_and_retries_become_events_under_the_name_of_the_space() -> None:
    seen: list[Event] = []
    events = CallEvents(seen.append)
    settled = replace(loss(None), state="settled", draws=2, cost=3 * 10**9)
    events.receive("small", settled)
    lost = TransientError("h failed (500)", charged=True)
    events.receive("small", replace(loss(lost), state="uncertain", cost=10**9))
    events.retry("small", RetryEvent(REQUEST, range(1), 1, 0.5, lost))
    events.receive("small", loss(Adapted("sent in another form")))
    answered, failed, retried = seen
    assert isinstance(answered, CallAnswered)
    assert (answered.model, answered.draws, answered.dollars) == ("small", 2, 0.003)
    assert isinstance(failed, CallFailed)
    assert (failed.kind, failed.message, failed.dollars) == (
        "server",
        "h failed (500)",
        0.001,
    )
    assert isinstance(retried, CallRetried)
    assert (retried.kind, retried.attempt, retried.wait) == ("server", 1, 0.5)
