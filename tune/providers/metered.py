"""The gate of money in front of an endpoint: reserve, send, settle, for every attempt."""

from __future__ import annotations

import math
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
from tune.pricing.amounts import dollars
from tune.pricing.prices import Price, to_dollars
from tune.providers.billing import Bill, bill_calls
from tune.providers.capabilities import Capabilities, Fact
from tune.providers.cut_prompts import explain_cut
from tune.providers.tariff import Tariff
from tune.providers.usual_cost import UsualCost
from tune.store.booking import Attempt
from tune.store.draws import BoughtDraw, Store
from tune.store.ledger import Ledger
from tune.store.purchases import Purchases

# Tokens by which the count of an answer may pass its cap: some servers count the end of an answer,
# too. Ceilings have room for it, as the bounds of prompts are generous.
_CAP_SLACK = 4


@dataclass(frozen=True, slots=True)
class Receipt:
    """The outcome of one attempt, for observers.

    Attributes:
        service: the service that was called.
        model: the model that was asked for.
        purpose: "search", "judge" or "holdout".
        state: "settled" (answered), "refused" (cost nothing), "uncertain" (stays charged at the
            most that it can have cost).
        draws: answers that came back.
        ceiling: picodollars that were reserved.
        cost: picodollars that were booked.
        overshoot: picodollars by which the bill was above the ceiling.
        usage_problem: what was missing or contradictory in the reported usage; else "".
        difference: how the provider's own bill differs from ours, or why a higher price than was
            asked for is billed; else "".
        cut: what shows that the server read only a part of the prompt; else "".
        prompt_tokens: tokens of the prompts of its calls.
        completion_tokens: tokens of all its answers.
        error: the failure, where no answer came; None also where the call was cancelled.
    """

    service: str
    model: str
    purpose: str
    state: Literal["settled", "refused", "uncertain"]
    draws: int
    ceiling: int
    cost: int
    overshoot: int = 0
    usage_problem: str = ""
    difference: str = ""
    cut: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    error: ProviderError | None = None

    @classmethod
    def of_bills(cls, request: Request, bills: Sequence[Bill], draws: int) -> Receipt:
        """Return the receipt of an attempt that was answered and billed so."""
        return cls(
            service=request.service,
            model=request.model,
            purpose="",
            state="settled",
            draws=draws,
            ceiling=0,
            cost=sum(sum(bill.costs) for bill in bills),
            usage_problem=_first([bill.usage_problem for bill in bills]),
            difference=_first([bill.difference for bill in bills]),
            prompt_tokens=sum(bill.prompt_tokens for bill in bills),
            completion_tokens=sum(bill.completion_tokens for bill in bills),
        )

    @classmethod
    def of_loss(
        cls, request: Request, error: ProviderError | None, *, uncertain: bool
    ) -> Receipt:
        """Return the receipt of an attempt that brought no answer.

        Args:
            request: what was asked.
            error: the failure; None where the call was cancelled.
            uncertain: it may be billed all the same.
        """
        return cls(
            service=request.service,
            model=request.model,
            purpose="",
            state="uncertain" if uncertain else "refused",
            draws=0,
            ceiling=0,
            cost=0,
            error=error,
        )


OnReceipt: TypeAlias = Callable[[Receipt], None]
"""Called with the receipt of each attempt when it is closed."""


class Metered:
    """Sends a call only when the most that it can cost is reserved, and keeps what it bought.

    An answer's draws and its settlement are one transaction, so neither is ever there without the
    other. A bill above its ceiling is booked in full, and nothing more is sent to that endpoint.

    Args:
        endpoint: the endpoint that really sends.
        price: the price of its model.
        tariff: the price where another model or tier answers; None is `price`, whatever answers.
        store: the store for the draws; None keeps none, and only their cost is booked.
        ledger: the study's money; in the same database as the store.
        purpose: what the money is for: "search", "judge" or "holdout".
        judge_hold: picodollars to hold with each draw, for judging it.
        judge: whether its calls judge answers, and take their money from what was held first.
        capabilities: knows whether the model bills more than its cap, and learns it.
        model: the model's name as the service knows it.
        max_output: the most tokens that an answer can be billed, where that is known.
        keeps_cap: False where the model is known to bill tokens beside its cap.
        observer: told of every attempt when it is closed.

    Attributes:
        purpose: may be set when the study goes on to another phase.
        judge_hold: may be set when the study knows what a verdict costs.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        price: Price,
        tariff: Tariff | None = None,
        store: Store | None,
        ledger: Ledger,
        purpose: str = "search",
        judge_hold: int = 0,
        judge: bool = False,
        capabilities: Capabilities | None = None,
        model: str = "",
        max_output: int | None = None,
        keeps_cap: bool = True,
        observer: OnReceipt | None = None,
    ) -> None:
        if store is not None and store.db is not ledger.db:
            raise ValueError(
                "a draw and its settlement are one transaction: "
                "store and ledger share one database"
            )
        self.endpoint = endpoint
        self.price = price
        self._tariff = tariff or Tariff(price, "")
        self.store = store
        self.ledger = ledger
        self.purpose = purpose
        self.judge_hold = judge_hold
        self._judge = judge
        self._observer = observer
        self._stopped = ""
        self._known = capabilities or Capabilities()
        self._model = model
        self._max_output = max_output
        self._keeps_cap = keeps_cap
        self._usual = UsualCost()
        self._purchases = Purchases(ledger, store)

    def most_output(self, cap: int) -> int:
        """Return the most tokens that an answer with this cap can be billed.

        It is the cap, once the model was seen to keep to it. A model that bills more, or that
        nothing is known of, has its largest output, where that was stated.
        """
        service = self.endpoint.service
        unseen = Fact(service, self._model, "answers") not in self._known
        if unseen or not self._keeps_cap or self._beyond() is not None:
            return max(cap, self._max_output or 0)
        return cap

    def ceiling(self, request: Request, draws: int) -> int:
        """Return the most picodollars that buying this many draws in one call can cost."""
        return self._ceiling(request, draws, self.most_output(request.max_tokens))

    def _ceiling(self, request: Request, draws: int, most: int) -> int:
        """Return the most picodollars that draws of at most so many tokens can cost."""
        prompt = self.endpoint.most_prompt_tokens(request)
        most_n = self.endpoint.most_n
        # An endpoint that returns fewer draws for one prompt is paid for the prompt several times.
        full_calls = calls_for(draws, most_n) - 1
        last = draws - full_calls * most_n
        ceiling = self._tariff.ceiling(request, prompt, last * most)
        if full_calls:
            ceiling += full_calls * self._tariff.ceiling(request, prompt, most_n * most)
        return ceiling

    async def complete(self, request: Request, numbers: range) -> list[Completion]:
        """Buy draws, in order: as many as the endpoint returned, and at most as many as asked for.

        Raises:
            BudgetExhausted: the ceiling does not fit into what is left.
            EndpointError: the endpoint was stopped, because a bill was above its ceiling.
            ProviderError: the call failed; it is booked as refused or uncertain.
        """
        self._check_stopped()
        # Read before the call: what is learned while it is under way counts for the next one.
        most_n = self.endpoint.most_n
        attempt = await self._reserve(request, len(numbers))
        loss = _Loss(attempt.ceiling)
        completions: list[Completion] = []
        try:
            # Other calls may have stopped the endpoint while this one waited for money.
            self._check_stopped()
            loss.sent = True
            completions = await self.endpoint.complete(request, numbers)
        except ProviderError as error:
            loss.note(error)
            if loss.is_prompt_only:
                loss.most = self._ceiling(request, len(numbers), 0)
            raise
        finally:
            # A cancellation comes here, too.
            if not completions:
                self._lose(attempt, request, loss)
        if not completions:
            raise TransientError(
                f"{request.service} returned no answer for model {request.model!r}",
                charged=True,
            )
        return await self._keep(attempt, request, numbers, completions, most_n=most_n)

    async def _reserve(self, request: Request, draws: int) -> Attempt:
        """Reserve the most that a call can cost.

        Raises:
            BudgetExhausted: it does not fit into what is left.
            EndpointError: it would fit, if this model kept to its cap.
        """
        ceiling = self.ceiling(request, draws)
        expected = self._expected(request, draws, ceiling)
        try:
            return await self.ledger.reserve(
                ceiling,
                purpose=self.purpose,
                service=request.service,
                hold=self.judge_hold * draws,
                from_hold=self._judge,
                expected=expected,
            )
        except BudgetExhausted:
            if self.ledger.closed is not None or self._beyond() is None:
                raise
            raise EndpointError(
                f"model {request.model!r} at {request.service} bills more than its cap, "
                f"so a call is reserved at its largest output of {self._max_output:,} tokens: "
                f"{dollars(to_dollars(ceiling))} does not fit into what is left"
            ) from None

    def _expected(self, request: Request, draws: int, ceiling: int) -> int:
        """Return the picodollars that a call is expected to cost: its ceiling at first."""
        share = self._usual.share(request.max_tokens, draws)
        if share is not None:
            return math.ceil(share * ceiling)
        longest = self._usual.longest
        if longest is None:
            return ceiling
        # Nothing is known of calls with this cap, or for so many answers. Each answer is taken to
        # be as long as the longest so far.
        return min(ceiling, self._ceiling(request, draws, longest))

    def _beyond(self) -> int | None:
        """Return the most tokens that an answer was billed above its cap; None where none was."""
        return self._known.number(self.endpoint.service, self._model, "beyond")

    def _note_beyond(self, request: Request, draws: Sequence[Completion]) -> bool:
        """Learn whether the model billed more tokens than its cap, and how many."""
        billed = sum(draw.completion_tokens for draw in draws)
        if billed <= len(draws) * (request.max_tokens + _CAP_SLACK):
            return False
        largest = max(draw.completion_tokens for draw in draws)
        most = max(self._beyond() or 0, largest)
        self._known.learn(
            Fact(self.endpoint.service, self._model, "beyond", number=most)
        )
        return True

    async def _keep(
        self,
        attempt: Attempt,
        request: Request,
        numbers: range,
        completions: Sequence[Completion],
        *,
        most_n: int,
    ) -> list[Completion]:
        """Store the draws that were bought and settle them, in one transaction."""
        draws = [replace(completion, invoice=None) for completion in completions]
        bills = bill_calls(completions, request, self._tariff, most_n=most_n)
        costs: list[int] = []
        for bill in bills:
            costs += bill.costs
        # Where an answer is missing, its number stays free. An answer too many is paid as well, so
        # it gets the next number.
        given = range(numbers.start, numbers.start + len(draws))
        cost = sum(costs)
        overshoot = max(0, cost - attempt.ceiling)
        longest = max(draw.completion_tokens for draw in draws)
        self._usual.learn(
            request.max_tokens, len(numbers), attempt.ceiling, cost, longest
        )
        # A model that bills beyond its cap is reserved at more from now on. Any other bill above
        # its ceiling has no explanation.
        if not self._note_beyond(request, draws) and overshoot:
            self._stopped = (
                f"{request.service} billed {to_dollars(cost):.6g} dollars for a call of "
                f"model {request.model!r} that could cost {to_dollars(attempt.ceiling):.6g} at "
                f"most: nothing more is sent to it"
            )
        receipt = replace(
            Receipt.of_bills(request, bills, len(draws)),
            purpose=attempt.purpose,
            ceiling=attempt.ceiling,
            overshoot=overshoot,
            cut=explain_cut(request, draws[0].prompt_tokens),
        )
        try:
            await self._purchases.keep(
                attempt, BoughtDraw(request, given, draws, costs, attempt.id)
            )
        finally:
            # Also where the task was cancelled meanwhile: the call is paid.
            self._tell(receipt)
        return draws[: len(numbers)]

    def _lose(self, attempt: Attempt, request: Request, loss: _Loss) -> None:
        """Close an attempt that brought no answer."""
        if loss.may_be_billed:
            cost = min(loss.most, attempt.ceiling)
            self.ledger.mark_unknown(attempt, loss.most, loss.reason, loss.call)
        else:
            cost = 0
            self.ledger.refuse(attempt)
        receipt = Receipt.of_loss(request, loss.error, uncertain=loss.may_be_billed)
        self._tell(
            replace(
                receipt, purpose=attempt.purpose, ceiling=attempt.ceiling, cost=cost
            )
        )

    def _tell(self, receipt: Receipt) -> None:
        if self._observer is not None:
            self._observer(receipt)

    def _check_stopped(self) -> None:
        """Raise an EndpointError where nothing more may be sent to the endpoint."""
        if self._stopped:
            raise EndpointError(self._stopped)
        beyond = self._beyond()
        if beyond is None or beyond <= (self._max_output or 0):
            return
        if self._max_output is None:
            known = "it is not known"
        else:
            known = f"it is stated as {self._max_output:,}"
        raise EndpointError(
            f"model {self._model!r} at {self.endpoint.service} billed {beyond:,} tokens for an "
            f"answer, above its cap, so its calls must be reserved at its largest output, and "
            f"{known}: state max_output, in tokens, in its entry ([models.{self._model}] of the "
            f"space file)"
        )


class _Loss:
    """An attempt that may bring no answer: whether it may be billed, and how much.

    Attributes:
        most: picodollars that it can have cost at most.
        sent: whether it may have left. Whatever ends the call from then on, a cancellation among
            them, may have been billed.
        reason: the reason why its cost is not known, in a few words.
        call: the service's own name of the call; "" where none is known.
        is_prompt_only: the call was refused, but its prompt may have been billed.
        error: the failure that ended the call; None where it was cancelled.
    """

    def __init__(self, ceiling: int) -> None:
        self.most = ceiling
        self.sent = False
        self.reason = "the call was given up before its answer came"
        self.call = ""
        self.is_prompt_only = False
        self.error: ProviderError | None = None
        self._refused = False

    def note(self, error: ProviderError) -> None:
        """Take in the error that ended the call."""
        self.error = error
        self.reason = _why_uncertain(error)
        self.call = error.call
        self.is_prompt_only = error.prompt_charged and not error.charged
        self._refused = not error.charged and not error.prompt_charged

    @property
    def may_be_billed(self) -> bool:
        """True where the attempt may cost something."""
        return self.sent and not self._refused


def _first(notes: Sequence[str]) -> str:
    """Return the first note that is not empty, or ""."""
    for note in notes:
        if note:
            return note
    return ""


def _why_uncertain(error: ProviderError) -> str:
    """Return the reason why the cost of a call is not known, in a few words."""
    if error.prompt_charged or (isinstance(error, AnswerError) and not error.charged):
        return "a prompt was refused, which the service may bill"
    if isinstance(error, Unreadable):
        return "the answer could not be read"
    words = str(error)
    if "did not answer" in words:
        return "no answer came in time"
    if "broke off" in words:
        return "the connection broke before the answer was there"
    return "the service failed while it answered"
