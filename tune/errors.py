"""The errors that tune raises on purpose, sorted by whose fault they are.

```
TuneError
├── InputError              bad input; raised before the first dollar is spent
│   ├── DataError           no such file, no rows, or a missing column
│   ├── SpaceError          a bad domain, template or baseline
│   ├── PriceError          a model without a known price
│   ├── BudgetError         an impossible budget, or one too small for a block of examples
│   └── StudyError          a results folder in use, not writable, or of another study
├── MetricError             the metric raised, or left its bounds; names the example
├── StoreError              the database or the study's files cannot be read or written
├── BudgetExhausted         a ceiling does not fit, and no call in flight can make room for it
└── ProviderError           one call failed
    ├── TransientError      the service's fault: retried, and never scored
    │   ├── RateLimited     the service asks for fewer calls
    │   └── Unreadable      the answer cannot be read: a web page, an event stream, no choices
    ├── QuotaExhausted      the quota is used up for hours: the run ends and can be resumed
    ├── AnswerError         the config's fault: the example gets the metric's worst value
    ├── ParameterRejected   the model does not take a parameter: learned, and never scored
    │   └── ValueRejected   the model takes the parameter, but not this value
    │       └── NoRoom      max_tokens leaves the prompt no room in the model's context
    └── EndpointError       wrong key, unknown model, unreachable, or bills above its ceiling
        └── RequestRefused  a refusal that is not understood
```
"""

from __future__ import annotations

import time
from typing import Self


def install_command(extra: str) -> str:
    """Return the words that say how to install one of tune's extras, for an error message."""
    # tune is on no package index, so a name that pip would look up there finds nothing.
    return f'run `pip install ".[{extra}]"` in a copy of tune\'s repository'


class TuneError(Exception):
    """The root: catch it to catch everything that tune raises on purpose."""


class InputError(TuneError):
    """Bad input. The message is one sentence: what is wrong, where, and how to fix it."""


class DataError(InputError):
    """The data set cannot be read or holds nothing to tune on."""


class SpaceError(InputError):
    """The search space, a prompt template or the baseline cannot be."""


class PriceError(InputError):
    """A model has no known price; the message holds the line to add."""


class BudgetError(InputError):
    """The budget is not a positive number of dollars, or too small for one block of examples."""


class StudyError(InputError):
    """The study's folder is in use, unwritable, damaged, or belongs to something else."""


class MetricError(TuneError):
    """The metric raised or returned a value outside its bounds; nothing paid is lost."""


class StoreError(TuneError):
    """The database cannot be opened, read or written, or the study's files cannot: a full disk, a
    lost folder.
    """


class BudgetExhausted(TuneError):
    """A reservation does not fit into the budget and no call in flight could make room for it."""


class ProviderError(TuneError):
    """One call to a model failed.

    Attributes:
        charged: whether the attempt may have been billed. True is the unknown outcome (a timeout,
            a lost connection, 408, 500, 502, 504, an unreadable answer): the attempt stays charged
            at its ceiling. False is a refusal, which costs nothing.
        call: the service's own name of the call, as `tune.providers.openai.bill_lookup` writes it;
            "" where none is known.
    """

    def __init__(self, message: str, *, charged: bool) -> None:
        super().__init__(message)
        self.charged = charged
        self.prompt_charged = False
        self.call = ""


class TransientError(ProviderError):
    """The service failed in a way that may pass: 5xx, timeout, lost connection, garbage."""

    def __init__(
        self, message: str, *, charged: bool, retry_after: float | None = None
    ) -> None:
        super().__init__(message, charged=charged)
        self.retry_after = retry_after
        """Seconds that the service asked us to wait, where it did."""


class RateLimited(TransientError):
    """The service refused because it is called too often (429, 529)."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message, charged=False, retry_after=retry_after)


class Unreadable(TransientError):
    """The service answered 200 without a completion; the call may have been billed."""

    def __init__(self, message: str) -> None:
        super().__init__(message, charged=True)


class EndpointError(ProviderError):
    """No call to this endpoint can succeed: its model is set aside with the endpoint's words."""

    def __init__(self, message: str, *, charged: bool = False) -> None:
        super().__init__(message, charged=charged)


class RequestRefused(EndpointError):
    """A refusal that is not understood: of a request, of a value in it, or of the whole model."""


class QuotaExhausted(ProviderError):
    """The account's quota is used up: no call can succeed for a long time.

    Attributes:
        wait: seconds until calls are let in again, where the service said it.
    """

    def __init__(self, message: str, *, wait: float | None = None) -> None:
        super().__init__(message, charged=False)
        self.wait = wait

    @property
    def advice(self) -> str:
        """A clause on when to run the command again."""
        if self.wait is None:
            return "run the same command again when there is quota or credit, and the study goes on"
        then = time.strftime("%Y-%m-%d %H:%M", time.localtime(time.time() + self.wait))
        return f"run the same command again after {then}, and the study goes on"


class AnswerError(ProviderError):
    """The configuration gets no answer: the context is too long, or filtered, or too slow.

    Attributes:
        reason: `"context_length"`, `"content_filter"`, `"invalid_json"` or `"timeout"`; kept with
            the evaluation.
        prompt_charged: the call was refused, but its prompt may have been billed. Some services
            bill the text that their content filter reads, and prompts beyond their limit.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str,
        charged: bool = False,
        prompt_charged: bool = False,
    ) -> None:
        super().__init__(message, charged=charged)
        self.reason = reason
        self.prompt_charged = prompt_charged


class ParameterRejected(ProviderError):
    """The model does not take `parameter` (or this value of it).

    Attributes:
        parameter: its name.
        beside: another parameter that the refusal is about: the model does not take the two
            together.
        while_reasoning: the model does not take it while it reasons; else it may.
        more: refusals of other settings of the same call, which were found out with it.
    """

    def __init__(
        self,
        message: str,
        *,
        parameter: str,
        beside: str | None = None,
        while_reasoning: bool = False,
    ) -> None:
        super().__init__(message, charged=False)
        self.parameter = parameter
        self.beside = beside
        self.while_reasoning = while_reasoning
        self.more: list[ParameterRejected] = []

    def again(self) -> Self:
        """Return the same refusal for another call, for which nothing else was found out yet."""
        found = type(self).__new__(type(self), *self.args)
        found.__dict__ |= {**self.__dict__, "more": []}
        return found


class ValueRejected(ParameterRejected):
    """The model takes the parameter, but not this value of it.

    Attributes:
        low: the smallest value that it takes, where it said so.
        high: the largest value that it takes, where it said so.
    """

    def __init__(
        self,
        message: str,
        parameter: str,
        *,
        low: float | None = None,
        high: float | None = None,
        beside: str | None = None,
        while_reasoning: bool = False,
    ) -> None:
        super().__init__(
            message,
            parameter=parameter,
            beside=beside,
            while_reasoning=while_reasoning,
        )
        self.low, self.high = low, high


class NoRoom(ValueRejected):
    """Prompt and `max_tokens` exceed the model's context together; a smaller `max_tokens` fits."""

    def __init__(self, message: str, *, most: int) -> None:
        super().__init__(message, "max_tokens", high=most)
