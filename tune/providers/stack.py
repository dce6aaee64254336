"""The stack of wrappers that each call to a model passes through; its order stands here alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tune.completion import Endpoint
from tune.pricing.prices import Price
from tune.providers.capabilities import Capabilities
from tune.providers.claimed import Claimed
from tune.providers.entries import Entry
from tune.providers.gated import Gated
from tune.providers.limited import Limited
from tune.providers.metered import Metered, Receipt
from tune.providers.retrying import Retrying, RetryPolicy
from tune.providers.splitting import Splitting
from tune.providers.stored import ModelChanged, Stored
from tune.providers.tariff import Tariff
from tune.store.admission import Account
from tune.store.claims import Claims
from tune.store.draws import Store

LOCAL_QUEUE = 256
"""Calls that a model in process may have waiting, so that its batches are always full."""


@dataclass(frozen=True, slots=True)
class Service:
    """A model that can be called: its entry, its price, and the stack that calls pass through.

    Attributes:
        id: what `Request.service` says for it. provider: the outermost wrapper: what to call.
        metered: the wrapper that reserves and settles; its `purpose` follows the phase of the
        study. endpoint: the innermost: what really sends.
    """

    entry: Entry
    id: str
    price: Price
    provider: Stored
    metered: Metered
    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class StackContext:
    """What calls need besides an endpoint.

    Attributes:
        store: where draws are kept.
        account: whose money it is.
        capabilities: what was seen of models.
        concurrency: the most calls in flight per endpoint.
        retry: when a failed call is tried again.
        notice: called with one sentence for whatever a user should be told, also in the report.
        progress: called with a few words on what takes a while, such as loading a model.
    """

    store: Store
    account: Account
    capabilities: Capabilities
    concurrency: int = 64
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    notice: Callable[[str], None] = lambda _: None
    progress: Callable[[str], None] = lambda _: None


def build_stack(
    entry: Entry, endpoint: Endpoint, price: Price, access: StackContext, *, judge: bool = False
) -> Service:
    """Put the wrappers around an endpoint; their order is the policy, and stands here alone.

    From the outside in: what is stored is not bought (and does not even wait); the first call to a
    model goes alone; an order for several draws becomes the calls that the endpoint can take; each
    call is tried again where that helps; a slot of the endpoint is taken before money, so that
    nobody queues while holding money; what another process on the same store is buying is waited
    for; and every single attempt, retries too, reserves its ceiling anew right before it is sent.

    Args:
        judge: whether its calls judge answers, and take their money from what was set aside with
        those.
    """
    doubted: set[str] = set()

    def receive(receipt: Receipt) -> None:
        for kind, words in (
            (
                "usage",
                receipt.doubt
                and f"the usage in its answers is read as the larger bill: {receipt.doubt}",
            ),
            ("bill", receipt.difference and f"the larger bill is booked: {receipt.difference}"),
            (
                "cut",
                receipt.cut
                and f"the server read only a part of what was sent: {receipt.cut}; give it a larger context "
                f"(num_ctx, where it is Ollama), or shorten the inputs",
            ),
        ):
            if words and kind not in doubted:
                doubted.add(kind)
                access.notice(f"{entry.name}: {words}")

    def renamed(change: ModelChanged) -> None:
        access.notice(
            f"{entry.name} was answered as {change.now!r} after {change.before!r}: its draws may not be comparable"
        )

    metered = Metered(
        endpoint,
        price=price,
        tariff=Tariff(price, entry.model, entry.base_url),
        store=access.store,
        account=access.account,
        purpose="judge" if judge else "search",
        judge=judge,
        capabilities=access.capabilities,
        model=entry.model,
        max_output=entry.max_output,
        observer=receive,
    )
    claimed = Claimed(
        metered,
        store=access.store,
        claims=Claims(access.store.db, access.account.study, generation=access.store.generation),
        patience=entry.timeout,
        closed=lambda: access.account.closed is not None,
    )
    limited = Limited(
        claimed,
        start=LOCAL_QUEUE if entry.local else 8,
        most=LOCAL_QUEUE if entry.local else access.concurrency,
        requests_per_minute=entry.requests_per_minute,
        tokens_per_minute=entry.tokens_per_minute,
        endpoint=endpoint,
        sleep=access.account.sleep,
    )
    split = Splitting(Retrying(limited, policy=access.retry, sleep=access.account.sleep), endpoint)
    gated = Gated(
        split, service=endpoint.service, model=entry.model, capabilities=access.capabilities
    )
    stored = Stored(
        split if entry.local else gated,
        store=access.store,
        payer=access.account.study,
        observer=renamed,
    )
    return Service(entry, endpoint.service, price, stored, metered, endpoint)
