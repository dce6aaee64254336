"""Events of calls: what the wrappers of a provider report, as records for observers."""

from __future__ import annotations

from collections.abc import Callable

from tune.errors import (
    AnswerError,
    ParameterRejected,
    ProviderError,
    QuotaExhausted,
    RateLimited,
    TransientError,
    Unreadable,
)
from tune.pricing.prices import to_dollars
from tune.providers.capabilities import Adapted
from tune.providers.metered import Receipt
from tune.providers.retrying import RetryEvent
from tune.study.events import CallAnswered, CallFailed, CallRetried, Event


class CallEvents:
    """Turns receipts and retries of calls into events.

    Args:
        emit: takes each event.
    """

    def __init__(self, emit: Callable[[Event], None]) -> None:
        self._emit = emit

    def receive(self, model: str, receipt: Receipt) -> None:
        """Take in the receipt of an attempt."""
        if receipt.state == "settled":
            self._emit(
                CallAnswered(
                    model=model,
                    purpose=receipt.purpose,
                    draws=receipt.draws,
                    dollars=to_dollars(receipt.cost),
                    prompt_tokens=receipt.prompt_tokens,
                    completion_tokens=receipt.completion_tokens,
                )
            )
        # A refusal that was understood is sent at once in another form: nothing has failed.
        elif not isinstance(receipt.error, Adapted):
            self._emit(
                CallFailed(
                    model=model,
                    purpose=receipt.purpose,
                    kind=failure_kind(receipt.error),
                    message="" if receipt.error is None else str(receipt.error),
                    dollars=to_dollars(receipt.cost),
                )
            )

    def retry(self, model: str, retry: RetryEvent) -> None:
        """Take in that a call is tried again."""
        self._emit(
            CallRetried(
                model=model,
                kind=failure_kind(retry.error),
                attempt=retry.attempt,
                wait=retry.wait,
            )
        )


def failure_kind(error: ProviderError | None) -> str:
    """Return the kind of a failure; None is a call that was cancelled."""
    match error:
        case None:
            return "given_up"
        case RateLimited():
            return "rate_limit"
        case Unreadable():
            return "unreadable"
        case TransientError():
            return _kind_of_loss(str(error))
        case QuotaExhausted():
            return "quota"
        case ParameterRejected():
            return "setting"
        case AnswerError():
            return "input"
        case _:
            return "endpoint"


def _kind_of_loss(words: str) -> str:
    """Return the kind of a failure of the service or of the way to it, by its words."""
    if "did not answer" in words:
        return "timeout"
    if "broke off the connection" in words or "cannot be reached" in words:
        return "connection"
    return "server"
