"""The gate of money in front of an endpoint: reserve, send, settle; every attempt anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from tune.completion import Completion, Endpoint, Request, calls_for
from tune.errors import (
    AnswerError,
    BudgetExhausted,
    EndpointError,
    ProviderError,
    TransientError,
    Unreadable,
)
from tune.pricing.prices import Price, to_dollars
from tune.providers.billing import Bill, bill_call
from tune.providers.capabilities import Capabilities, Fact
from tune.providers.tariff import Tariff
from tune.store.admission import Account
from tune.store.draws import Store
from tune.store.ledger import Attempt

CAP_SLACK = 4
"""Tokens by which counts may pass the cap: some servers count the end of an answer, too. Prompt
bounds cover them.
"""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one attempt, for observers.

    Attributes:
        service: who was called. model: the model that was asked for. purpose: "search", "judge" or
        "holdout". state: "settled" (answered), "refused" (cost nothing), "uncertain" (stays charged
        at the most
            that it can have cost).
        draws: answers that came back. ceiling: picodollars that were reserved. cost: picodollars
        that were booked. overshoot: picodollars by which the bill was above the ceiling. doubt:
        what was missing or contradictory in the reported usage; else "". difference: how the
        provider's own bill differs from ours, or why a higher price than was asked for is billed;
            else "".
        cut: what shows that the server read only a part of the prompt; else "".
    """

    service: str
    model: str
    purpose: str
    state: Literal["settled", "refused", "uncertain"]
    draws: int
    ceiling: int
    cost: int
    overshoot: int = 0
    doubt: str = ""
    difference: str = ""
    cut: str = ""


OnReceipt: TypeAlias = Callable[[Receipt], None]


class Metered:
    """Sends a call only when the most that it can cost is reserved, and keeps what it bought.

    An answer's draws and its settlement are one transaction, so neither is ever there without the
    other. A bill above its ceiling is booked in full, and nothing more is sent to that endpoint.

    Args:
        endpoint: the one that really sends. price: what its model costs. tariff: what it costs
        where another model or tier answers; None is the price, whatever answers. store: where the
        draws are kept. account: whose money it is; in the same database as the store. purpose: what
        the money is for: "search", "judge" or "holdout". earmark: picodollars to set aside with
        each draw, for judging it. judge: whether its money comes from such earmarks first.
        capabilities: knows whether the model bills more than its cap, and is told of it. model: the
        model's name as the service knows it. max_output: the most tokens that an answer can be
        billed, where that is known. observer: told of every attempt when it is closed.

    Attributes:
        purpose: may be set when the study goes on to another phase.
        earmark: likewise.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        price: Price,
        tariff: Tariff | None = None,
        store: Store,
        account: Account,
        purpose: str = "search",
        earmark: int = 0,
        judge: bool = False,
        capabilities: Capabilities | None = None,
        model: str = "",
        max_output: int | None = None,
        observer: OnReceipt | None = None,
    ) -> None:
        if store.db is not account.db:
            raise ValueError(
                "a draw and its settlement are one transaction: store and account share one database"
            )
        self.endpoint = endpoint
        self.price = price
        self._tariff = tariff or Tariff(price, "")
        self.store = store
        self.account = account
        self.purpose = purpose
        self.earmark = earmark
        self._judge = judge
        self._observer = observer
        self._stopped = ""
        self._known = capabilities or Capabilities()
        self._model, self._max_output = model, max_output

    def most_output(self, cap: int) -> int:
        """The most tokens that an answer with this cap can be billed.

        It is the cap, once the model was seen to keep to it; a model that bills more has its
        largest output, and so has one that nothing is known of, where that was stated.
        """
        service = self.endpoint.service
        unseen = Fact(service, self._model, "answers") not in self._known
        if unseen or self._known.number(service, self._model, "beyond") is not None:
            return max(cap, self._max_output or 0)
        return cap

    def ceiling(self, request: Request, draws: int) -> int:
        """Picodollars that buying this many draws in one call can cost at most."""
        return self._ceiling(request, draws, self.most_output(request.max_tokens))

    def _ceiling(self, request: Request, draws: int, most: int) -> int:
        """The most that draws of at most so many tokens can cost."""
        prompt, most_n = self.endpoint.most_prompt_tokens(request), self.endpoint.most_n
        calls = calls_for(draws, most_n)
        last = draws - (calls - 1) * most_n
        full = (
            (calls - 1) * self._tariff.ceiling(request, prompt, most_n * most) if calls > 1 else 0
        )
        return full + self._tariff.ceiling(request, prompt, last * most)

    async def complete(self, request: Request, numbers: range) -> list[Completion]:
        """Buy draws: in order, as many as the endpoint returned, and at most as many as were asked
        for.

        Raises:
            BudgetExhausted: the ceiling does not fit into what is left.
            EndpointError: the endpoint was stopped, because a bill was above its ceiling.
            ProviderError: the call failed; it is booked as refused or uncertain.
        """
        self._check_stopped()
        most_n = (
            self.endpoint.most_n
        )  # what is learned while the call is under way counts for the next
        attempt = await self._reserve(request, len(numbers))
        completions: list[Completion] = []
        charged, most, call = False, attempt.ceiling, ""
        reason = "the call was given up before its answer came"
        try:
            self._check_stopped()
            # whatever ends the call from here on, a cancellation among them, may have been billed
            charged = True
            completions = await self.endpoint.complete(request, numbers)
        except ProviderError as error:
            reason, call = _why_uncertain(error), error.call
            if isinstance(error, AnswerError) and error.prompt_charged and not error.charged:
                most = self._ceiling(request, len(numbers), 0)
            else:
                charged = charged and error.charged
            raise
        finally:
            if not completions:
                self._lose(attempt, request, most if charged else None, reason, call)
        if not completions:
            raise TransientError(
                f"{request.service} returned no answer for model {request.model!r}", charged=True
            )
        return self._keep(attempt, request, numbers, completions, most_n=most_n)

    async def _reserve(self, request: Request, draws: int) -> Attempt:
        """Reserve the most that a call can cost; a model that bills more than its cap may be too
        expensive for that.
        """
        ceiling = self.ceiling(request, draws)
        try:
            return await self.account.reserve(
                ceiling,
                purpose=self.purpose,
                service=request.service,
                earmark=self.earmark * draws,
                from_earmark=self._judge,
            )
        except BudgetExhausted:
            if self.account.closed is not None or self._beyond() is None:
                raise
            raise EndpointError(
                f"model {request.model!r} at {request.service} bills more than its cap, so a call is reserved at its "
                f"largest output of {self._max_output:,} tokens: ${to_dollars(ceiling):.4g} does not fit into what is "
                f"left"
            ) from None

    def _beyond(self) -> int | None:
        """The most tokens that an answer was billed above its cap; None where none was."""
        return self._known.number(self.endpoint.service, self._model, "beyond")

    def _note_beyond(self, request: Request, draws: Sequence[Completion]) -> bool:
        """Learn whether the model billed more tokens than its cap, and how many."""
        if sum(draw.completion_tokens for draw in draws) <= len(draws) * (
            request.max_tokens + CAP_SLACK
        ):
            return False
        most = max(self._beyond() or 0, *(draw.completion_tokens for draw in draws))
        self._known.learn(Fact(self.endpoint.service, self._model, "beyond", number=most))
        return True

    def _keep(
        self,
        attempt: Attempt,
        request: Request,
        numbers: range,
        completions: Sequence[Completion],
        *,
        most_n: int,
    ) -> list[Completion]:
        """Store what was bought and settle it, in one transaction."""
        draws = [replace(completion, invoice=None) for completion in completions]
        bills = self._bills(request, completions, most_n=most_n)
        costs = [cost for bill in bills for cost in bill.costs]
        # An answer too few is missing, and one too many is paid: it gets the next number.
        given = range(numbers.start, numbers.start + len(draws))
        with self.account.db.transaction():
            overshoot = self.account.settle(attempt, sum(costs))
            self.store.put(
                request, given, draws, study=self.account.study, attempt=attempt.id, costs=costs
            )
        if not self._note_beyond(request, draws) and overshoot:
            self._stopped = (
                f"{request.service} billed {to_dollars(sum(costs)):.6g} dollars for a call of model {request.model!r} "
                f"that could cost {to_dollars(attempt.ceiling):.6g} at most: nothing more is sent to it"
            )
        self._tell(
            attempt,
            request,
            "settled",
            draws=len(draws),
            cost=sum(costs),
            overshoot=overshoot,
            doubt=next((bill.doubt for bill in bills if bill.doubt), ""),
            difference=next((bill.difference for bill in bills if bill.difference), ""),
            cut=_cut(request, draws[0].prompt_tokens),
        )
        return draws[: len(numbers)]

    def _bills(self, request: Request, answers: Sequence[Completion], *, most_n: int) -> list[Bill]:
        """Return the bill of each call: at most so many answers share one."""
        calls = [answers[start : start + most_n] for start in range(0, len(answers), most_n)]
        bills = []
        for call in calls:
            price = self._tariff.answered(call[0], request)
            bill = bill_call(call, price)
            bills.append(
                replace(bill, difference=bill.difference or self._tariff.surprise(call[0], price))
            )
        return bills

    def _lose(
        self, attempt: Attempt, request: Request, most: int | None, reason: str, call: str
    ) -> None:
        """Close an attempt that brought no answer, and whose bill is at most this; None where it
        cost nothing.
        """
        if most is not None:
            self.account.strand(attempt, most, reason, call)
            self._tell(attempt, request, "uncertain", cost=min(most, attempt.ceiling))
        else:
            self.account.refuse(attempt)
            self._tell(attempt, request, "refused")

    def _tell(
        self,
        attempt: Attempt,
        request: Request,
        state: Literal["settled", "refused", "uncertain"],
        *,
        draws: int = 0,
        cost: int = 0,
        overshoot: int = 0,
        doubt: str = "",
        difference: str = "",
        cut: str = "",
    ) -> None:
        if self._observer is not None:
            self._observer(
                Receipt(
                    service=request.service,
                    model=request.model,
                    purpose=attempt.purpose,
                    state=state,
                    draws=draws,
                    ceiling=attempt.ceiling,
                    cost=cost,
                    overshoot=overshoot,
                    doubt=doubt,
                    difference=difference,
                    cut=cut,
                )
            )

    def _check_stopped(self) -> None:
        if self._stopped:
            raise EndpointError(self._stopped)
        beyond = self._beyond()
        if beyond is not None and beyond > (self._max_output or 0):
            known = (
                "it is not known"
                if self._max_output is None
                else f"it is stated as {self._max_output:,}"
            )
            raise EndpointError(
                f"model {self._model!r} at {self.endpoint.service} billed {beyond:,} tokens for an answer, above its "
                f"cap, so its calls must be reserved at its largest output, and {known}: state max_output, in tokens, "
                f"in its entry ([models.{self._model}] of the space file)"
            )


def _why_uncertain(error: ProviderError) -> str:
    """Return in a few words why nobody knows what a call cost."""
    if isinstance(error, AnswerError):
        return "a prompt was refused, which the service may bill"
    if isinstance(error, Unreadable):
        return "the answer could not be read"
    words = str(error)
    if "did not answer" in words:
        return "no answer came in time"
    if "broke off" in words:
        return "the connection broke before the answer was there"
    return "the service failed while it answered"


FEWEST_TOKENS = 0.8
"""Prompt tokens for each word that was sent, below which a server has not read all of them."""

MOST_BYTES = 12
"""Bytes in a token, on average over a prompt, above which a server has not read all of it: texts
without spaces.
"""


def _cut(request: Request, counted: int) -> str:
    """Return what shows that only a part of a prompt was read, or "".

    Ollama cuts prompts to its context without a word, and counts what is left (ollama#3839).
    """
    parts = (
        [request.prompt]
        if isinstance(request.prompt, str)
        else [message.content for message in request.prompt]
    )
    words = sum(len(part.split()) for part in parts)
    size = sum(len(part.encode("utf-8", "surrogatepass")) for part in parts)
    if not counted or counted >= max(FEWEST_TOKENS * words, size / MOST_BYTES):
        return ""
    return f"a prompt of {words:,} words ({size:,} bytes) was counted as {counted:,} tokens"
