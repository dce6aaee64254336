"""The models of a run: what the user says of each, and the stack of wrappers that calls to it pass through."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlunsplit

from tune.capabilities import Capabilities
from tune.claims import Claims
from tune.completion import Endpoint
from tune.errors import InputError
from tune.ledger import Account
from tune.pricing import Price, is_pair, read_price
from tune.providers.claimed import Claimed
from tune.providers.limited import Limited
from tune.providers.metered import Metered, Receipt
from tune.providers.openai_access import parse_url
from tune.providers.retrying import Retrying, RetryPolicy
from tune.providers.splitting import Splitting
from tune.providers.stored import ModelChanged, Stored
from tune.providers.tariff import Tariff
from tune.store import Store

LOCAL = "local:"
"""What the name of a model begins with that is run in process."""

LOCAL_QUEUE = 256
"""Calls that a model in process may have waiting, so that its batches are always full."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One model that a space may name, as in an entry of AutoGen's config list.

    Attributes:
        name: how the space calls it.
        model: how its service calls it; `local:...` is run in process.
        base_url: an OpenAI-compatible endpoint; None is OpenAI's own.
        key_env: the environment variable that holds the API key. A key itself is never part of an entry.
        price: dollars per million tokens, where stated.
        alias: entries with one alias share their draws (the regions or the keys of one model).
        requests_per_minute: the most requests per minute, where the account has such a limit.
        tokens_per_minute: the most tokens per minute.
        timeout: seconds after which a call is given up.
    """

    name: str
    model: str
    base_url: str | None = None
    key_env: str = "OPENAI_API_KEY"
    price: Price | None = None
    alias: str | None = None
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    timeout: float = 120.0

    @property
    def local(self) -> bool:
        """Whether the model runs in this process."""
        return self.model.startswith(LOCAL)


@dataclass(frozen=True, slots=True)
class Service:
    """A model that can be called: its entry, its price, and the stack that calls pass through.

    Attributes:
        id: what `Request.service` says for it.
        provider: the outermost wrapper: what to call.
        metered: the wrapper that reserves and settles; its `purpose` follows the phase of the study.
        endpoint: the innermost: what really sends.
    """

    entry: Entry
    id: str
    price: Price
    provider: Stored
    metered: Metered
    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class Access:
    """What calls need besides an endpoint.

    Attributes:
        store: where draws are kept.
        account: whose money it is.
        capabilities: what models were seen to refuse.
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


def public_url(url: str | None) -> str | None:
    """A base URL without what may be secret in it: user, password, query and fragment.

    Raises:
        InputError: it cannot be a base URL, so nobody knows which parts of it may be shown.
    """
    if url is None:
        return None
    parts = parse_url(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def read_entries(records: Mapping[str, Any] | Sequence[Any] | str) -> dict[str, Entry]:
    """Read model entries: a mapping by name (`[models.NAME]` of a space file) or a list in AutoGen's form.

    An API key in an entry is refused, so that none ends in a file of ours: name its variable instead. A price
    [IN, OUT] in a list is in dollars per thousand tokens, as AutoGen has it; every other price is per million.

    Raises:
        InputError: an entry cannot be read.
    """
    if isinstance(records, str):
        records = [records]
    if isinstance(records, Mapping):
        named = {str(name): _as_record(str(name), record) for name, record in records.items()}
    else:
        listed = [_per_million(_as_record("", record)) for record in records]
        named = {str(r.get("name") or r.get("alias") or r.get("model")): r for r in listed}
        if len(named) < len(records):
            raise InputError('the entries of a model list need names that differ: add "name" to those that share one')
    return {name: _read_entry(name, record) for name, record in named.items()}


def _per_million(record: dict[str, Any]) -> dict[str, Any]:
    """Convert the price of an entry in AutoGen's form, which counts dollars per thousand tokens."""
    if not is_pair(record.get("price")):
        return record
    # Rounding takes away what the multiplication adds in the 17th digit.
    return record | {"price": [round(1000 * float(part), 12) for part in record["price"]]}


def _as_record(name: str, record: Any) -> dict[str, Any]:
    """Return an entry as a table of its own; a name alone stands for the model of that name."""
    if isinstance(record, str):
        return {"name": name or record, "model": record}
    if not isinstance(record, Mapping):
        raise InputError(f"the entry of a model is a name or a table with 'model', but got {record!r}")
    return dict(record)


def _read_entry(name: str, record: dict[str, Any]) -> Entry:
    known = {
        "name",
        "model",
        "base_url",
        "key_env",
        "price",
        "alias",
        "requests_per_minute",
        "tokens_per_minute",
        "timeout",
    }
    if "api_key" in record:
        raise InputError(
            f"the entry of model {name!r} holds an API key: put it into the environment and name the variable "
            f"in key_env"
        )
    unknown = sorted(set(record) - known - {"tags", "api_type"})
    if unknown:
        raise InputError(f"the entry of model {name!r} has {unknown}, but an entry has only {sorted(known)}")
    price = record.pop("price", None)
    fields = {key: value for key, value in record.items() if key in known}
    fields |= {
        "name": name,
        "model": str(record.get("model", name)),
        "price": None if price is None else read_price(name, price),
    }
    return Entry(**fields)


def open_endpoint(entry: Entry, access: Access) -> Endpoint:
    """The endpoint of an entry; nothing is sent or loaded yet."""
    if entry.local:
        from tune.providers.local import LocalEndpoint

        return LocalEndpoint(entry.model, progress=access.progress)
    from tune.providers.openai_api import OpenAIEndpoint

    return OpenAIEndpoint(
        entry.model,
        base_url=entry.base_url,
        key_env=entry.key_env,
        timeout=entry.timeout,
        capabilities=access.capabilities,
        alias=entry.alias,
    )


def build_stack(entry: Entry, endpoint: Endpoint, price: Price, access: Access, *, judge: bool = False) -> Service:
    """Put the wrappers around an endpoint; their order is the policy, and stands here alone.

    From the outside in: what is stored is not bought (and does not even wait); an order for several draws becomes
    the calls that the endpoint can take; each call is tried again where that helps; a slot of the endpoint is
    taken before money, so that nobody queues while holding money; what another process on the same store is buying is
    waited for; and every single attempt, retries too, reserves its ceiling anew right before it is sent.

    Args:
        judge: whether its calls judge answers, and take their money from what was set aside with those.
    """
    doubted: set[str] = set()

    def receive(receipt: Receipt) -> None:
        for kind, words in (
            ("usage", receipt.doubt and f"the usage in its answers is read as the larger bill: {receipt.doubt}"),
            ("bill", receipt.difference and f"the larger bill is booked: {receipt.difference}"),
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
    stored = Stored(split, store=access.store, payer=access.account.study, observer=renamed)
    return Service(entry, endpoint.service, price, stored, metered, endpoint)


async def open_services(
    entries: Mapping[str, Entry], prices: Mapping[str, Price], access: Access, *, judge: bool = False
) -> dict[str, Service]:
    """Open models and see that they answer, before anything is bought.

    Raises:
        InputError: a model cannot be loaded.
        EndpointError: wrong key, no such model, unreachable; in the endpoint's own words.
    """
    endpoints = {name: open_endpoint(entry, access) for name, entry in entries.items()}
    async with AsyncExitStack() as opened:  # closes them, whatever goes wrong before all have answered
        for endpoint in endpoints.values():
            opened.push_async_callback(endpoint.close)
        await asyncio.gather(*(endpoint.preflight() for endpoint in endpoints.values()))
        opened.pop_all()
    return {
        name: build_stack(entry, endpoints[name], prices[name], access, judge=judge) for name, entry in entries.items()
    }


async def close_services(services: Mapping[str, Service]) -> None:
    """Release connections, threads and memory."""
    await asyncio.gather(*(service.endpoint.close() for service in services.values()))
