"""The models of a run: what the user says of each, and the stack of wrappers that calls to it pass
through.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import urlunsplit

from tune.completion import Endpoint
from tune.errors import EndpointError, InputError
from tune.pricing.prices import Price, is_pair, read_price
from tune.providers.capabilities import Capabilities
from tune.providers.claimed import Claimed
from tune.providers.gated import Gated
from tune.providers.limited import Limited
from tune.providers.metered import Metered, Receipt
from tune.providers.openai.access import (
    Headers,
    key_variable,
    parse_url,
    public_query,
    resolved_url,
)
from tune.providers.retrying import Retrying, RetryPolicy
from tune.providers.splitting import Splitting
from tune.providers.stored import ModelChanged, Stored
from tune.providers.tariff import Tariff
from tune.safety.redact import looks_like_key, secret_name
from tune.store.admission import Account
from tune.store.claims import Claims
from tune.store.draws import Store

LOCAL = "local:"
"""What the name of a model begins with that is run in process."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

LOCAL_QUEUE = 256
"""Calls that a model in process may have waiting, so that its batches are always full."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One model that a space may name, as in an entry of AutoGen's config list.

    Attributes:
        name: how the space calls it. model: how its service calls it; `local:...` is run in
        process. base_url: an OpenAI-compatible endpoint; None is OpenAI's own. key_env: the
        environment variable that holds the API key. A key itself is never part of an entry. None is
            OPENAI_API_KEY where that is meant for the host (`tune.providers.openai.access.is_own`),
            else no key.
        price: dollars per million tokens, where stated. alias: entries with one alias share their
        draws (the regions or the keys of one model). requests_per_minute: the most requests per
        minute, where the account has such a limit. tokens_per_minute: the most tokens per minute.
        timeout: seconds after which a call is given up. max_output: the most tokens that an answer
        can be billed, for a model that bills more than its cap. headers: sent with each call, by
        name; `{"env": VARIABLE}` stands for the value of a variable, as a secret is
            never part of an entry.
        allow_http: whether a key may go unencrypted through networks that are not private.

    Raises:
        InputError: a field looks like a key, or a header cannot be read.
    """

    name: str
    model: str
    base_url: str | None = None
    key_env: str | None = None
    price: Price | None = None
    alias: str | None = None
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    timeout: float = 120.0
    max_output: int | None = None
    headers: Headers = field(default_factory=dict)
    allow_http: bool = False

    def __post_init__(self) -> None:
        for what, value, named in (
            ("name", self.name, False),
            ("model", self.model, False),
            ("base_url", public_url(self.base_url) if self.base_url else None, False),
            ("key_env", self.key_env, True),
            ("alias", self.alias, True),
        ):
            if isinstance(value, str) and looks_like_key(value, named=named):
                raise InputError(
                    f"the field {what} of a model looks like a key, and it is shown in files and reports: put the key "
                    f"into the environment and name its variable in key_env"
                )
        if self.key_env is not None and not _VARIABLE.fullmatch(str(self.key_env)):
            raise InputError(
                "key_env is the name of an environment variable, in letters, digits and underscores"
            )
        for header, content in self.headers.items():
            _check_header(header, content)

    @property
    def key_variable(self) -> str | None:
        """The environment variable whose value is sent as the key, or None."""
        return None if self.local else key_variable(self.base_url, self.key_env)

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables whose values are sent with each call."""
        key = self.key_variable
        named = [value["env"] for value in self.headers.values() if not isinstance(value, str)]
        return (*([key] if key else []), *named)

    @property
    def host(self) -> str:
        """Where calls go, with the port."""
        return (
            "this process"
            if self.local
            else parse_url(resolved_url(self.base_url)).netloc.rpartition("@")[2]
        )

    @property
    def local(self) -> bool:
        """Whether the model runs in this process."""
        return self.model.startswith(LOCAL)


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
class Access:
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


def public_url(url: str | None) -> str | None:
    """A base URL without what may be secret in it: user, password, fragment and query, but for an
    API's version.

    Raises:
        InputError: it cannot be a base URL, so nobody knows which parts of it may be shown.
    """
    if url is None:
        return None
    parts = parse_url(url)
    return urlunsplit(
        (parts.scheme, parts.netloc.rpartition("@")[2], parts.path, public_query(parts), "")
    )


def _check_header(name: str, value: Any) -> None:
    """See that a header is a harmless text, or names the variable that holds it.

    Raises:
        InputError: it is something else; its value is not shown.
    """
    if (
        isinstance(value, Mapping)
        and set(value) == {"env"}
        and _VARIABLE.fullmatch(str(value["env"]))
    ):
        if not looks_like_key(value["env"], named=True):
            return
    elif isinstance(value, str) and not secret_name(name) and not looks_like_key(value, named=True):
        return
    raise InputError(
        f"the header {name!r} of a model holds what may be a secret: put it into the environment and write "
        f'{{env = "VARIABLE"}} in its place'
    )


def read_entries(records: Mapping[str, Any] | Sequence[Any] | str) -> dict[str, Entry]:
    """Read model entries: a mapping by name (`[models.NAME]` of a space file) or a list in
    AutoGen's form.

    An API key in an entry is refused, so that none ends in a file of ours: name its variable
    instead. A price [IN, OUT] in a list is in dollars per thousand tokens, as AutoGen has it; every
    other price is per million.

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
            raise InputError(
                'the entries of a model list need names that differ: add "name" to those that share one'
            )
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
        raise InputError(
            f"the entry of a model is a name or a table with 'model', but got {record!r}"
        )
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
        "headers",
        "allow_http",
        "max_output",
    }
    if "api_key" in record:
        raise InputError(
            f"the entry of model {name!r} holds an API key: put it into the environment and name the variable "
            f"in key_env"
        )
    unknown = sorted(set(record) - known - {"tags", "api_type"})
    if unknown:
        raise InputError(
            f"the entry of model {name!r} has {unknown}, but an entry has only {sorted(known)}"
        )
    price = record.pop("price", None)
    fields = {key: value for key, value in record.items() if key in known}
    fields |= {
        "name": name,
        "model": str(record.get("model", name)),
        "price": None if price is None else read_price(name, price),
    }
    most = fields.get("max_output")
    if most is not None and (isinstance(most, bool) or not isinstance(most, int) or most < 1):
        raise InputError(
            f"max_output of model {name!r} is a whole number of tokens from 1 on, but got {most!r}"
        )
    return Entry(**fields)


def open_endpoint(entry: Entry, access: Access) -> Endpoint:
    """The endpoint of an entry; nothing is sent or loaded yet."""
    if entry.local:
        from tune.providers.local.endpoint import LocalEndpoint

        return LocalEndpoint(entry.model, progress=access.progress)
    from tune.providers.openai.endpoint import OpenAIEndpoint

    return OpenAIEndpoint(
        entry.model,
        base_url=entry.base_url,
        key_env=entry.key_env,
        timeout=entry.timeout,
        capabilities=access.capabilities,
        alias=entry.alias,
        extra_headers=entry.headers,
        allow_http=entry.allow_http,
    )


def build_stack(
    entry: Entry, endpoint: Endpoint, price: Price, access: Access, *, judge: bool = False
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


Lost: TypeAlias = Callable[[str, str], object]
"""Told of a model that does not answer: its name and the words of its endpoint."""


async def open_services(
    entries: Mapping[str, Entry],
    prices: Mapping[str, Price],
    access: Access,
    *,
    judge: bool = False,
    aside: Collection[str] = (),
    lost: Lost | None = None,
) -> dict[str, Service]:
    """Open models and see that they answer, before anything is bought.

    Args:
        judge: as for `build_stack`. aside: models that are not asked any more. lost: told of each
        model that does not answer, as long as another one does; without it, none may be lost.

    Raises:
        InputError: a model cannot be loaded.
        EndpointError: wrong key, no such model, unreachable; in the endpoint's own words.
    """
    endpoints = {name: open_endpoint(entry, access) for name, entry in entries.items()}
    async with (
        AsyncExitStack() as opened
    ):  # closes them, whatever goes wrong before all have answered
        for endpoint in endpoints.values():
            opened.push_async_callback(endpoint.close)
        tried = {name: endpoint for name, endpoint in endpoints.items() if name not in aside}
        for doubt in await _preflight(tried, lost):
            access.notice(doubt)
        opened.pop_all()
    return {
        name: build_stack(entry, endpoints[name], prices[name], access, judge=judge)
        for name, entry in entries.items()
    }


async def _preflight(endpoints: Mapping[str, Endpoint], lost: Lost | None) -> list[str]:
    """See which models answer; raises the first fault where none does, or where none may be lost.

    Returns:
        What may go wrong with those that do, in sentences.
    """
    found = await asyncio.gather(
        *(endpoint.preflight() for endpoint in endpoints.values()), return_exceptions=True
    )
    faults = {
        name: fault
        for name, fault in zip(endpoints, found, strict=True)
        if isinstance(fault, BaseException)
    }
    grave = [fault for fault in faults.values() if not isinstance(fault, EndpointError)]
    if grave:
        raise grave[0]
    if faults and (lost is None or len(faults) == len(endpoints)):
        raise next(iter(faults.values()))
    for name, fault in faults.items():
        assert lost is not None
        lost(name, str(fault))
    return [said for said in found if isinstance(said, str) and said]


async def close_services(services: Mapping[str, Service]) -> None:
    """Release connections, threads and memory."""
    await asyncio.gather(*(service.endpoint.close() for service in services.values()))
