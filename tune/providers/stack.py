"""The stack of wrappers that each call to a model passes through; its order stands here alone."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tune.completion import Endpoint, Provider
from tune.pricing.prices import Price
from tune.providers.capabilities import Capabilities
from tune.providers.claimed import Claimed
from tune.providers.entries import Entry
from tune.providers.gated import Gated
from tune.providers.limited import Limited
from tune.providers.metered import Metered, OnReceipt, Receipt
from tune.providers.model_rules import ModelRules, endpoint_rules
from tune.providers.retrying import RetryEvent, Retrying, RetryPolicy
from tune.providers.splitting import Splitting
from tune.providers.stored import ModelChanged, Stored
from tune.providers.tariff import Tariff
from tune.providers.tried import Tried
from tune.providers.unbudgeted import Unbudgeted
from tune.store.claims import Claims
from tune.store.draws import Store
from tune.store.ledger import Ledger

LOCAL_QUEUE = 256
"""Calls that a model in this process may have waiting, so that its batches are always full."""

_FIRST_IN_FLIGHT = 32
"""Calls to a service that are in flight at first; `Limited` adjusts the number."""


@dataclass(frozen=True, slots=True)
class StackContext:
    """Everything that the stacks of one study share.

    Attributes:
        store: where draws are kept.
        ledger: the study's money.
        capabilities: what was seen of models.
        concurrency: the most calls in flight per endpoint.
        retry: when a failed call is tried again.
        notice: called with one sentence that the user should read, also in the report.
        progress: called with a few words on what takes a while, such as loading a model.
        receipts: called with a model's name in the space, and the receipt of each of its attempts.
        retries: called with a model's name in the space, and each retry of its calls.
    """

    store: Store
    ledger: Ledger
    capabilities: Capabilities
    concurrency: int
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    notice: Callable[[str], None] = lambda _: None
    progress: Callable[[str], None] = lambda _: None
    receipts: Callable[[str, Receipt], None] = lambda _model, _receipt: None
    retries: Callable[[str, RetryEvent], None] = lambda _model, _event: None


@dataclass(frozen=True, slots=True)
class Service:
    """A model that can be called: its entry, its price, and the stack that calls pass through.

    Attributes:
        entry: what the user says of the model.
        id: the value of `Request.service` for it.
        price: its price.
        provider: the outermost wrapper: the object to call.
        metered: the wrapper that reserves and settles money; its `purpose` follows the phase of the
            study.
        endpoint: the innermost part, which really sends.
        capabilities: what was seen of models; the wrappers add to it.
    """

    entry: Entry
    id: str
    price: Price
    provider: Stored
    metered: Metered
    endpoint: Endpoint
    capabilities: Capabilities


def build_stack(
    entry: Entry,
    endpoint: Endpoint,
    price: Price,
    context: StackContext,
    *,
    judge: bool = False,
) -> Service:
    """Put the wrappers around an endpoint. Their order is the policy.

    Built from the inside out; a call passes them from the last to the first:

    1. `Stored`: a draw that is stored is not bought, and does not even wait.
    2. `Gated`: the first call to an unknown model goes alone.
    3. `Tried`: the first call with a new setting goes alone, and a refusal that names nothing is
       explained.
    4. `Splitting`: an order for several draws becomes the calls that the endpoint can take.
    5. `Retrying`: each call is tried again where that helps.
    6. `Limited`: a call takes one of the endpoint's slots before it takes money, so that no call
       holds money while it waits for a slot.
    7. `Claimed`: a call waits for another process on the same store that buys the same draws.
    8. `Metered`: every attempt, retries too, reserves its ceiling right before it is sent.

    Args:
        entry: the model.
        endpoint: what really sends.
        price: its price.
        context: what the stacks of a study share.
        judge: whether its calls judge answers. Their money was held together with the answers'.
    """
    # The wrappers report what they see, and know nothing of users; this tells the user.
    receipts = functools.partial(context.receipts, entry.name)
    notices = _Notices(entry.name, context.notice, receipts)
    ledger = context.ledger
    keeps_cap, most_output = _output_of(entry)
    metered = Metered(
        endpoint,
        price=price,
        tariff=Tariff(price, entry.priced_name, entry.base_url),
        store=context.store,
        ledger=ledger,
        purpose="judge" if judge else "search",
        judge=judge,
        capabilities=context.capabilities,
        model=entry.model,
        max_output=most_output,
        keeps_cap=keeps_cap,
        observer=notices.receive,
    )
    claimed = Claimed(
        metered,
        store=context.store,
        claims=Claims(
            context.store.db, ledger.study, generation=context.store.generation
        ),
        patience=entry.timeout,
        closed=lambda: ledger.closed is not None,
    )
    splitting = _calls(
        claimed,
        entry,
        endpoint,
        concurrency=context.concurrency,
        retry=context.retry,
        sleep=ledger.sleep,
        retries=functools.partial(context.retries, entry.name),
    )
    tried = Tried(
        splitting,
        store=context.store,
        service=endpoint.service,
        model=entry.model,
        capabilities=context.capabilities,
    )
    gated = Gated(
        tried,
        service=endpoint.service,
        model=entry.model,
        capabilities=context.capabilities,
    )
    stored = Stored(
        # A model in this process honours its cap, so its first call need not go alone.
        splitting if entry.local else gated,
        store=context.store,
        payer=ledger.study,
        observer=notices.model_changed,
    )
    return Service(
        entry,
        endpoint.service,
        price,
        stored,
        metered,
        endpoint,
        context.capabilities,
    )


def build_fresh_stack(
    entry: Entry,
    endpoint: Endpoint,
    price: Price | None,
    *,
    ledger: Ledger | None,
    capabilities: Capabilities,
    concurrency: int,
    retry: RetryPolicy,
    receipts: OnReceipt,
) -> Provider:
    """Put the wrappers around an endpoint whose draws nobody keeps: each call buys new ones.

    The order is that of `build_stack`, without `Stored` and `Claimed`. Without a ledger nothing is
    reserved, and the first call need not go alone.

    Args:
        entry: the model.
        endpoint: what really sends.
        price: its price; None where it is not known, and then there can be no ledger.
        ledger: the money; None spends without a limit.
        capabilities: what was seen of models.
        concurrency: the most calls in flight.
        retry: when a failed call is tried again.
        receipts: called with the receipt of every attempt.
    """
    tariff = None
    if price is not None:
        tariff = Tariff(price, entry.model, entry.base_url)
    if ledger is None:
        sender = Unbudgeted(
            endpoint, tariff=tariff, model=entry.model, observer=receipts
        )
        return _calls(
            sender,
            entry,
            endpoint,
            concurrency=concurrency,
            retry=retry,
            sleep=asyncio.sleep,
        )
    assert price is not None
    keeps_cap, most_output = _output_of(entry)
    metered = Metered(
        endpoint,
        price=price,
        tariff=tariff,
        store=None,
        ledger=ledger,
        capabilities=capabilities,
        model=entry.model,
        max_output=most_output,
        keeps_cap=keeps_cap,
        observer=receipts,
    )
    splitting = _calls(
        metered,
        entry,
        endpoint,
        concurrency=concurrency,
        retry=retry,
        sleep=ledger.sleep,
    )
    if entry.local:
        return splitting
    return Gated(
        splitting,
        service=endpoint.service,
        model=entry.model,
        capabilities=capabilities,
    )


def _output_of(entry: Entry) -> tuple[bool, int | None]:
    """Return whether a model keeps to its cap, and the most tokens of its answers if known."""
    rules = endpoint_rules(entry) or ModelRules(entry.model)
    keeps_cap = rules.hidden != "beside"
    most = entry.max_output
    if most is None and not keeps_cap:
        most = rules.most_output
    return keeps_cap, most


def _calls(
    inner: Provider,
    entry: Entry,
    endpoint: Endpoint,
    *,
    concurrency: int,
    retry: RetryPolicy,
    sleep: Callable[[float], Awaitable[None]],
    retries: Callable[[RetryEvent], None] | None = None,
) -> Splitting:
    """Put the wrappers around a sender that make calls of orders, and send them in good order."""
    limited = Limited(
        inner,
        # A model in this process has no network to spare: it queues, and forms batches itself.
        start=LOCAL_QUEUE if entry.local else _FIRST_IN_FLIGHT,
        most=LOCAL_QUEUE if entry.local else concurrency,
        requests_per_minute=entry.requests_per_minute,
        tokens_per_minute=entry.tokens_per_minute,
        endpoint=endpoint,
        sleep=sleep,
    )
    retrying = Retrying(limited, policy=retry, observer=retries, sleep=sleep)
    # Outside the retries, so that each of the calls is tried again by itself.
    return Splitting(retrying, endpoint)


class _Notices:
    """Turns what the wrappers observe into sentences for the user, each kind once per model.

    Args:
        name: the model's name in the space.
        notice: called with each sentence.
        receipts: called with every receipt.
    """

    def __init__(
        self, name: str, notice: Callable[[str], None], receipts: OnReceipt
    ) -> None:
        self._name = name
        self._notice = notice
        self._receipts = receipts
        self._told: set[str] = set()

    def receive(self, receipt: Receipt) -> None:
        """Tell of a contradictory usage, a larger bill, or a prompt that was cut."""
        self._receipts(receipt)
        if receipt.usage_problem:
            usage = f"the usage in its answers is read as the larger bill: {receipt.usage_problem}"
            self._tell_once("usage", usage)
        if receipt.difference:
            self._tell_once("bill", f"the larger bill is booked: {receipt.difference}")
        if receipt.cut:
            self._tell_once(
                "cut",
                f"the server read only a part of what was sent: {receipt.cut}; give it a larger "
                f"context (num_ctx, where it is Ollama), or shorten the inputs",
            )

    def model_changed(self, change: ModelChanged) -> None:
        """Tell that the service answers under another model name than before."""
        self._notice(
            f"{self._name} was answered as {change.now!r} after {change.before!r}: "
            f"its draws may not be comparable"
        )

    def _tell_once(self, kind: str, words: str) -> None:
        if kind not in self._told:
            self._told.add(kind)
            self._notice(f"{self._name}: {words}")
