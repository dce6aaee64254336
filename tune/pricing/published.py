"""Published prices: which entry of the shipped table a model's name means at a host."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from tune.pricing.model_names import (
    finetuned_base,
    match_entry,
    nearest_name,
    without_prefixes,
)
from tune.pricing.price_table import (
    STANDARD_TIERS,
    find_provider,
    price_today,
    providers,
    today,
    whole_names,
    with_fallbacks,
)
from tune.pricing.prices import Price

if TYPE_CHECKING:
    from genai_prices.types import Provider

_OPENAI = "https://api.openai.com/"

# Words in an alias of the table that change what a call costs. o4-mini-high thinks longer than
# o4-mini, and a search is billed beside its tokens.
_COSTLY_WORDS = frozenset({"high", "low", "fast", "search"})

# Dollars of the search that each request of these models does (OpenAI's prices for the usual
# context size). The table has the price of their tokens alone.
_SEARCH_FEES = {"gpt-4o-search-preview": 0.035, "gpt-4o-mini-search-preview": 0.0275}

# Models that search. One without a known fee has no known price.
_SEARCHES = re.compile(r"search|deep-research")

# Dollars that OpenRouter's `:online` adds: five results at $4 per thousand
# (openrouter.ai, web search).
_ONLINE_FEE = 0.02

# OpenAI's prices of fine-tuned models (openai.com/api/pricing, 2025). They are 1.5 to 6 times those
# of the base models, and most are not in the table.
_FINE_TUNED = {
    "gpt-4.1": Price(3.0, 12.0, 0.75),
    "gpt-4.1-mini": Price(0.8, 3.2, 0.2),
    "gpt-4.1-nano": Price(0.2, 0.8, 0.05),
    "gpt-4o": Price(3.75, 15.0, 1.875),
    "gpt-4o-mini": Price(0.3, 1.2, 0.15),
    "gpt-3.5-turbo": Price(3.0, 6.0),
    "o4-mini": Price(4.0, 16.0, 1.0),
}

# Prefixes that a name may have at a provider, where they differ from the provider's own name.
_PREFIXES = {
    "google": ("models", "google", "gemini", "publishers/google/models"),
    "openrouter": ("openrouter",),
    "x-ai": ("x-ai", "xai"),
}


def is_priced_host(base_url: str | None) -> bool:
    """Tell whether the table has prices for a base URL; None is OpenAI itself."""
    return find_provider(base_url or _OPENAI) is not None


def searches(model: str) -> bool:
    """Tell whether a model's name says that it searches, which is billed beside its tokens."""
    return bool(_SEARCHES.search(model))


@lru_cache(maxsize=1024)
def find_published(model: str, base_url: str | None, tier: str) -> Price | None:
    """Return the price in the shipped table; None where no entry means exactly this name.

    Args:
        model: the model's name as the service knows it.
        base_url: where the model is served; None is OpenAI itself.
        tier: the service tier that is asked for; "" is the standard one.
    """
    provider = find_provider(base_url or _OPENAI)
    if provider is None:
        return None
    name, fee = model, 0.0
    if provider.id == "openrouter" and ":" in model:
        name, fee = _without_variant(model, _entries(provider.id))
    for spelling in _spellings(name, provider):
        base = finetuned_base(spelling)
        price = (
            _fine_tuned(base, provider, tier)
            if base
            else _listed(spelling, provider, tier)
        )
        if price is not None:
            return replace(price, request=price.request + fee)
    return None


def nearest_published(model: str, base_url: str | None) -> tuple[str, Price] | None:
    """Return the published name that a name looks most like, with its price, or None."""
    provider = find_provider(base_url or _OPENAI)
    if provider is None or searches(model):
        return None
    short = _spellings(model, provider)[-1]
    short = finetuned_base(short) or short.partition(":")[0]
    names: dict[str, str] = {}
    for each in with_fallbacks(provider):
        names.update(_names_of(_entries(each.id)))
    name = nearest_name(short, names)
    if name is None:
        return None
    price = _listed(name, provider, "")
    if price is None:
        return None
    return name, price


def least_published(model: str) -> Price | None:
    """Return the lowest price that any provider publishes for exactly this name, or None."""
    prices: list[Price] = []
    for provider in providers():
        for name in without_prefixes(model, ("openai", "anthropic", "google")):
            price = _listed(name, provider, "")
            if price is not None:
                prices.append(price)
    return min(prices, key=lambda price: price.input + price.output, default=None)


def publishers(model: str) -> list[str]:
    """Return the services that publish a price for exactly this name, sorted."""
    return sorted(
        one.name for one in providers() if _listed(model, one, "") is not None
    )


def _spellings(name: str, provider: Provider) -> list[str]:
    """Return a name as it stands, and without each prefix that it may have at a provider."""
    return without_prefixes(name, _PREFIXES.get(provider.id, (provider.id, "openai")))


def _without_variant(model: str, entries: Mapping[str, str]) -> tuple[str, float]:
    """Take OpenRouter's `:floor` or `:online` off a name.

    Returns:
        The name, and the dollars that the variant adds to each request.
    """
    name, _, variant = model.partition(":")
    # `:free` and the like are entries of their own.
    if model.lower() in entries or variant not in ("floor", "online"):
        return model, 0.0
    if variant == "online":
        return name, _ONLINE_FEE
    return name, 0.0


def _fine_tuned(base: str, provider: Provider, tier: str) -> Price | None:
    """Return the price of a model that was fine-tuned from this base at OpenAI, or None."""
    if provider.id != "openai" or tier not in STANDARD_TIERS:
        return None
    matched = match_entry(base, _names_of(_FINE_TUNED), today())
    if matched is None:
        return None
    return replace(_FINE_TUNED[matched], source="OpenAI 2025", matched=f"ft:{matched}")


def _listed(name: str, provider: Provider, tier: str) -> Price | None:
    """Return the price of the entry that a name means exactly, or None."""
    for each in with_fallbacks(provider):
        matched = match_entry(name, _entries(each.id), today())
        if matched is None:
            continue
        model = next(model for model in each.models if model.id == matched)
        price = price_today(model, tier)
        fee = _search_fee(name)
        if price is None or (fee is None and not price.request):
            return None
        return replace(
            price, request=price.request + (fee or 0.0), matched=f"{each.id}/{model.id}"
        )
    return None


def _search_fee(name: str) -> float | None:
    """Return the dollars that a search adds to each request; None where they are not known."""
    known = match_entry(name, _names_of(_SEARCH_FEES), today())
    if known is not None:
        return _SEARCH_FEES[known]
    if searches(name):
        return None
    return 0.0


def _names_of(entries: Mapping[str, object]) -> dict[str, str]:
    """Return each name with itself as its entry, as `match_entry` takes them."""
    return {name: name for name in entries}


@lru_cache(maxsize=64)
def _entries(provider: str) -> dict[str, str]:
    """Return the entry for each whole name that the table has for a provider.

    An entry's own name wins over another entry's alias.
    """
    own: dict[str, str] = {}
    aliases: dict[str, str] = {}
    for each in providers():
        if each.id != provider:
            continue
        for model in each.models:
            own[model.id.lower()] = model.id
            for alias in whole_names(model.match):
                if not _may_cost_more(alias, model.id):
                    aliases.setdefault(alias.lower(), model.id)
    return aliases | own


def _may_cost_more(alias: str, entry: str) -> bool:
    """Tell whether an alias has a word that changes the cost of a call, beside its entry's name."""
    costly = (_words(alias) - _words(entry)) & _COSTLY_WORDS
    # A search whose fee is known has a price.
    return bool(costly) and not _search_fee(alias)


def _words(name: str) -> set[str]:
    return set(re.split(r"[-_.:/@ ]", name.lower()))
