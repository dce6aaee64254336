"""Published prices: of a model at a place, from the table that the package genai-prices ships."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tune.errors import PriceError
from tune.pricing.model_names import base_of_tuned, nearest, resolve, spellings
from tune.pricing.prices import USER, Price

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, Provider

_OPENAI = "https://api.openai.com/"

# Where users run servers of their own, under names that say nothing about what a token costs there.
_OWN_SERVERS = frozenset({"modal"})

# What a price of prompt and completion tokens cannot express, and every call would pay.
_BEYOND_TOKENS = ("output_citation_mtok",)

_DOUBTFUL = frozenset({"high", "low", "fast", "search"})
"""Words in an alias of the table that change what a call costs: o4-mini-high thinks longer than
o4-mini, and a search is billed beside its tokens.
"""

_SEARCH_FEES = {"gpt-4o-search-preview": 0.035, "gpt-4o-mini-search-preview": 0.0275}
"""Dollars of the search that each request of these models does (OpenAI's prices for the usual
context size); the table has their tokens alone.
"""

_SEARCHES = re.compile(r"search|deep-research")
"""Models that search: those without a known fee have no known price."""

_ONLINE_FEE = 0.02
"""Dollars that OpenRouter's `:online` adds: five results of $4 per thousand (openrouter.ai, web
search).
"""

_TUNED = {
    "gpt-4.1": Price(3.0, 12.0, 0.75),
    "gpt-4.1-mini": Price(0.8, 3.2, 0.2),
    "gpt-4.1-nano": Price(0.2, 0.8, 0.05),
    "gpt-4o": Price(3.75, 15.0, 1.875),
    "gpt-4o-mini": Price(0.3, 1.2, 0.15),
    "gpt-3.5-turbo": Price(3.0, 6.0),
    "o4-mini": Price(4.0, 16.0, 1.0),
}
"""OpenAI's prices of fine-tuned models (openai.com/api/pricing, 2025): 1.5 to 6 times those of the
models that they come from, and mostly not in the table.
"""

_PREFIXES = {
    "google": ("models", "google", "gemini", "publishers/google/models"),
    "openrouter": ("openrouter",),
    "x-ai": ("x-ai", "xai"),
}
"""What may stand before a name at a provider, where it is more than the provider's own name."""

STANDARD = frozenset({"", "auto", "default", "standard", "standard_only", "on_demand"})
"""Tiers that are billed at the usual price."""

_LEAST_SHARE = 100
"""A stated price below this part of the published one is more likely a mistaken unit than a
discount.
"""


def place_of(base_url: str | None) -> str | None:
    """Return the URL that calls go to: as given, else what OPENAI_BASE_URL names; None is OpenAI's
    own.
    """
    return base_url or os.environ.get("OPENAI_BASE_URL") or None


def find_price(
    model: str, prices: Mapping[str, Price], *, base_url: str | None = None, tier: str = ""
) -> Price:
    """Return the price of a model: as stated by the user, else as published.

    Args:
        model: the model's name as the service knows it. prices: what the user stated, by model;
        these hold for every service and tier. base_url: where the model is served; None is the
        environment's OPENAI_BASE_URL, else OpenAI. A host that is
            in no price list has no known price, whatever its models are called.
        tier: the service tier that is asked for ("flex", "priority"); "" is the standard one.

    Raises:
        PriceError: nobody states a price for exactly this name; the message holds the nearest one
        and the line to add.
    """
    if model in prices:
        return prices[model]
    url = place_of(base_url)
    found = find_published(model, url, tier)
    if found is None:
        raise PriceError(_unknown(model, url, tier))
    return found


def check_stated(model: str, price: Price, *, base_url: str | None = None) -> None:
    """Refuse a stated price that is far below the published one of that name, unless the user
    confirmed it.

    Raises:
        PriceError: the price is below a hundredth of the published one; the message says how to
        confirm it.
    """
    url = place_of(base_url)
    # The table takes half a second to load. No model in it that matters is called by a word alone.
    if price.source != USER or price.notional or not re.search(r"[\d/-]", model):
        return
    known = _find_provider(url or _OPENAI) is not None
    if not known and not (price.input or price.output):
        return  # a server of one's own that costs nothing
    published = find_published(model, url, "") if known else _least_anywhere(model)
    if published is None:
        return
    if (
        min(
            price.input * _LEAST_SHARE - published.input,
            price.output * _LEAST_SHARE - published.output,
        )
        >= 0
    ):
        return
    raise PriceError(
        f"the price of model {model!r} is stated as {price.describe()}, below a hundredth of the published "
        f"{published.describe()}: state dollars per million tokens, or confirm it with "
        f"--price {model}={price.input:g}/{price.output:g},confirmed"
    )


@lru_cache(maxsize=1024)
def find_published(model: str, base_url: str | None, tier: str) -> Price | None:
    """Return the price in the shipped table, or None where it has none for this name that this
    program can keep to.

    Args:
        base_url: where the model is served; None is OpenAI itself.
        tier: as `find_price` takes it.
    """
    provider = _find_provider(base_url or _OPENAI)
    if provider is None:
        return None
    name, fee = model, 0.0
    if provider.id == "openrouter" and ":" in model:
        name, fee = _without_variant(model, _entries(provider.id))
    for spelling in spellings(name, _PREFIXES.get(provider.id, (provider.id, "openai"))):
        tuned = base_of_tuned(spelling)
        price = _tuned(tuned, provider, tier) if tuned else _listed(spelling, provider, tier)
        if price is not None:
            return replace(price, request=price.request + fee)
    return None


def _without_variant(model: str, entries: Mapping[str, str]) -> tuple[str, float]:
    """Return a name without OpenRouter's `:floor` or `:online`, and the fee of a request that it
    adds.
    """
    name, _, variant = model.partition(":")
    if model.lower() in entries or variant not in ("floor", "online"):
        return model, 0.0
    return name, _ONLINE_FEE if variant == "online" else 0.0


def _tuned(base: str, provider: Provider, tier: str) -> Price | None:
    """Return the price of a fine-tuned model at OpenAI."""
    if provider.id != "openai" or tier not in STANDARD:
        return None
    matched = resolve(base, {name: name for name in _TUNED}, _today())
    return (
        None
        if matched is None
        else replace(_TUNED[matched], source="OpenAI 2025", matched=f"ft:{matched}")
    )


def _listed(name: str, provider: Provider, tier: str) -> Price | None:
    """Return the price of the entry that a name means exactly."""
    for each in _with_fallbacks(provider):
        matched = resolve(name, _entries(each.id), _today())
        if matched is not None:
            model = next(model for model in each.models if model.id == matched)
            price = _price_of(model, tier)
            if price is None:
                return None
            fee = _search_fee(name)
            if fee is None and not price.request:
                return None
            return replace(
                price, request=price.request + (fee or 0.0), matched=f"{each.id}/{model.id}"
            )
    return None


def _search_fee(name: str) -> float | None:
    """Return the dollars that a search adds to each request; None where there is one that is not
    known.
    """
    known = resolve(name, {each: each for each in _SEARCH_FEES}, _today())
    if known is not None:
        return _SEARCH_FEES[known]
    return None if _SEARCHES.search(name) else 0.0


def _least_anywhere(model: str) -> Price | None:
    """Return the least price that any provider publishes for exactly this name."""
    prices = [
        _listed(name, p, "")
        for p in _table()
        for name in spellings(model, ("openai", "anthropic", "google"))
    ]
    return min(
        (price for price in prices if price is not None),
        key=lambda p: p.input + p.output,
        default=None,
    )


def _unknown(model: str, url: str | None, tier: str) -> str:
    """Say that a price is not known, which name is near, and the line to add."""
    where = "" if url is None else f" at {urlsplit(url).hostname}"
    which = f" in the tier {tier!r}" if tier else ""
    said = f"no price is known for model {model!r}{where}{which}"
    near = _near(model, url)
    if near is not None:
        name, price = near
        rates = price.describe().partition(" (")[0]
        said += (
            f" (the nearest published name is {name!r} with {rates}, but a near name may cost more: "
            f"if it costs the same, add --price {model}={price.input:g}/{price.output:g})"
        )
    form = "IN/OUT+FEE" if _SEARCHES.search(model) else "IN/OUT"
    fee = ", and dollars of the search in each request" if _SEARCHES.search(model) else ""
    return f"{said}: add --price {model}={form} (dollars per million tokens{fee}; 0/0 if it costs nothing)"


def _near(model: str, url: str | None) -> tuple[str, Price] | None:
    """Return the nearest name in the table with its price."""
    provider = _find_provider(url or _OPENAI)
    if provider is None or _SEARCHES.search(model):
        return None
    short = spellings(model, _PREFIXES.get(provider.id, (provider.id, "openai")))[-1]
    short = base_of_tuned(short) or short.partition(":")[0]
    name = nearest(
        short, {name: name for each in _with_fallbacks(provider) for name in _entries(each.id)}
    )
    price = None if name is None else _listed(name, provider, "")
    return None if name is None or price is None else (name, price)


# The table


def _table() -> list[Provider]:
    # It takes half a second to load, so only those who need it do.
    from genai_prices import data_snapshot

    return data_snapshot.get_snapshot().providers


def _today() -> date:
    return datetime.now(UTC).date()


def _find_provider(base_url: str) -> Provider | None:
    url = urlsplit(base_url)
    plain = f"{url.scheme}://{url.hostname or ''}{url.path or '/'}"  # without user, key and port
    for provider in _table():
        # A pattern must not reach from the host into the path, where a proxy may name whom it
        # stands for.
        match = re.match(provider.api_pattern.replace(".*", "[^/]*"), plain)
        if match and (plain[match.end() :][:1] in ("", "/") or match[0].endswith((".", "/"))):
            return None if provider.id in _OWN_SERVERS else provider
    return None


def _with_fallbacks(provider: Provider) -> list[Provider]:
    """Return a provider, and those whose models it serves at their own prices."""
    others = provider.fallback_model_providers or ()
    return [provider, *(each for name in others for each in _table() if each.id == name)]


@lru_cache(maxsize=64)
def _entries(provider: str) -> dict[str, str]:
    """Return the entry for each name that the table spells out for a provider; an entry's own name
    goes first.
    """
    models = [model for each in _table() if each.id == provider for model in each.models]
    found: dict[str, str] = {}
    for model in models:
        for alias in _aliases(model.match):
            if _search_fee(alias) or not (_words(alias) - _words(model.id)) & _DOUBTFUL:
                found.setdefault(alias.lower(), model.id)
    return found | {model.id.lower(): model.id for model in models}


def _aliases(clause: Any) -> Iterator[str]:
    """Return the whole names in a clause; what only begins or ends with one is no match."""
    for inner in getattr(clause, "or_", ()) or ():
        yield from _aliases(inner)
    for kind in ("equals", "starts_with", "ends_with", "contains"):
        text = getattr(clause, kind, None)
        if isinstance(text, str):
            yield text.strip("-@/:")


def _words(name: str) -> set[str]:
    return set(re.split(r"[-_.:/@ ]", name.lower()))


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where a price comes from, and the day that it speaks of."""

    source: str
    day: str


def _price_of(model: ModelInfo, tier: str) -> Price | None:
    """Return the price of an entry today, or None where it is one that this program cannot keep to."""
    now = datetime.now(UTC)
    in_force = _prices_in_force(model, now, tier)
    if not in_force or any(getattr(p, name, None) for p in in_force for name in _BEYOND_TOKENS):
        return None
    starts = sorted(
        {tier.start for p in in_force for v in vars(p).values() for tier in getattr(v, "tiers", ())}
    )
    origin = _origin(now.date())
    steps = [_dearest(in_force, start, origin) for start in (-1, *starts)]
    prices = [price for price in steps if price is not None]
    if len(prices) < len(steps):
        return None
    return replace(prices[0], long=tuple(zip(starts, prices[1:], strict=True)))


def _prices_in_force(model: ModelInfo, now: datetime, tier: str) -> list[ModelPrice]:
    """The prices of a model today: one, or several where they depend on the hour; none for an
    unknown tier.
    """
    from genai_prices.types import ModelInfo as Model
    from genai_prices.types import TimeOfDateConstraint as Hours

    standard = tier in STANDARD
    wanted = {"processing": "batch"} if tier == "batch" else {"service_tier": tier}
    variants = [v for v in model.price_variants or () if v.when == wanted]
    if not standard and not any(v.constraint is None or v.constraint.active(now) for v in variants):
        return []
    conditional = [] if not isinstance(model.prices, list) else model.prices
    hourly = [c.prices for c in conditional if isinstance(c.constraint, Hours)]
    dated = [c for c in conditional if not isinstance(c.constraint, Hours)]
    plain = Model(
        id=model.id,
        match=model.match,
        prices=dated or model.prices,
        price_variants=model.price_variants,
    )
    return [plain.get_prices(now, None if standard else wanted), *hourly]


def _dearest(prices: list[ModelPrice], start: int, origin: _Origin) -> Price | None:
    """The dearest of these prices for prompts just longer than `start` tokens; None if one is
    missing or 0.
    """

    def rate(name: str) -> float | None:
        values = [_step(getattr(price, name, None), start) for price in prices]
        return max((float(value) for value in values if value is not None), default=None)

    given, taken, reasoning = rate("input_mtok"), rate("output_mtok"), rate("output_reasoning_mtok")
    if not given or not taken:
        return None
    return Price(
        given,
        max(taken, reasoning or 0.0),
        rate("cache_read_mtok"),
        rate("cache_write_mtok"),
        request=(rate("requests_kcount") or 0.0) / 1000,
        source=origin.source,
        date=origin.day,
    )


def _step(value: Any, start: int) -> Any:
    """What a rate is for prompts just longer than `start` tokens."""
    if not hasattr(value, "tiers"):
        return value
    return next((tier.price for tier in reversed(value.tiers) if tier.start <= start), value.base)


@lru_cache(maxsize=4)
def _origin(today: date) -> _Origin:
    """Return the table's version, and the newest day up to today from which it states a price.

    The table carries no date of its own.
    """
    from genai_prices import __version__

    days = (
        condition.constraint.start_date
        for provider in _table()
        for model in provider.models
        for condition in (
            *(model.prices if isinstance(model.prices, list) else ()),
            *(model.price_variants or ()),
        )
        if hasattr(condition.constraint, "start_date")
    )
    newest = max((day for day in days if day <= today), default=date.min)
    return _Origin(f"genai-prices {__version__}", newest.isoformat())
