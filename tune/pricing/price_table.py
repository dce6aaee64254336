"""The price table that the package genai-prices ships: providers, entries, and today's prices."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tune.pricing.prices import Price

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, Provider

STANDARD_TIERS = frozenset(
    {"", "auto", "default", "standard", "standard_only", "on_demand"}
)
"""Service tiers that are billed at the usual price."""

# Users run their own servers at these providers, under names that say nothing about a token's cost.
_OWN_SERVERS = frozenset({"modal"})

# Rates that every call would pay, and that a price of prompt and completion tokens cannot express.
_UNSUPPORTED_RATES = ("output_citation_mtok",)


def providers() -> list[Provider]:
    """Return every provider in the table."""
    # Loading the table takes half a second, so it is imported only where it is used.
    from genai_prices import data_snapshot

    return data_snapshot.get_snapshot().providers


def today() -> date:
    """Return the day for which prices are read, in UTC."""
    return datetime.now(UTC).date()


def find_provider(base_url: str) -> Provider | None:
    """Return the provider that serves at a base URL; None for a host that is not in the table."""
    url = urlsplit(base_url)
    path = url.path or "/"
    # User, key and port are left out: the patterns of the table know nothing of them.
    plain = f"{url.scheme}://{url.hostname or ''}{path}"
    for provider in providers():
        if _serves(provider, plain):
            break
    else:
        return None
    if provider.id in _OWN_SERVERS:
        return None
    return provider


def _serves(provider: Provider, url: str) -> bool:
    """Tell whether a provider's pattern matches a URL up to the end of a name in it."""
    # `.*` must not reach from the host into the path, where a proxy may name the service behind it.
    match = re.match(provider.api_pattern.replace(".*", "[^/]*"), url)
    if match is None:
        return False
    following = url[match.end() :][:1]
    return following in ("", "/") or match[0].endswith((".", "/"))


def with_fallbacks(provider: Provider) -> list[Provider]:
    """Return a provider, and the providers whose models it serves at their own prices."""
    found = [provider]
    for name in provider.fallback_model_providers or ():
        found += [each for each in providers() if each.id == name]
    return found


def whole_names(clause: Any) -> Iterator[str]:
    """Yield the names in a match clause of the table.

    The table also matches names that only begin or end with one; we match whole names alone.
    """
    for inner in getattr(clause, "or_", ()) or ():
        yield from whole_names(inner)
    for kind in ("equals", "starts_with", "ends_with", "contains"):
        text = getattr(clause, kind, None)
        if isinstance(text, str):
            yield text.strip("-@/:")


# Prices of an entry


@dataclass(frozen=True, slots=True)
class _Origin:
    """The source of a price, and the day of its newest statement as YYYY-MM-DD."""

    source: str
    day: str


def price_today(model: ModelInfo, tier: str) -> Price | None:
    """Return the price of an entry today; None where a `Price` cannot express it or it is unknown.

    Args:
        model: the entry.
        tier: the service tier that is asked for.
    """
    now = datetime.now(UTC)
    in_force = _prices_in_force(model, now, tier)
    if not in_force or any(map(_has_unsupported_rate, in_force)):
        return None
    starts = _tier_starts(in_force)
    origin = _origin(now.date())
    short = _highest(in_force, -1, origin)
    if short is None:
        return None
    long: list[tuple[int, Price]] = []
    for start in starts:
        longer = _highest(in_force, start, origin)
        if longer is None:
            return None
        long.append((start, longer))
    return replace(short, long=tuple(long))


def _has_unsupported_rate(price: ModelPrice) -> bool:
    return any(getattr(price, name, None) for name in _UNSUPPORTED_RATES)


def _tier_starts(prices: list[ModelPrice]) -> list[int]:
    """Return the prompt lengths above which a rate changes, in rising order."""
    starts: set[int] = set()
    for price in prices:
        for rate in vars(price).values():
            starts.update(tier.start for tier in getattr(rate, "tiers", ()))
    return sorted(starts)


def _prices_in_force(model: ModelInfo, now: datetime, tier: str) -> list[ModelPrice]:
    """Return the prices of a model today.

    There are several where they depend on the hour, and none for a tier that the table lacks.
    """
    from genai_prices.types import ModelInfo as Model
    from genai_prices.types import TimeOfDateConstraint as Hours

    wanted = _wanted_variant(tier)
    if wanted is not None and not _offers(model, wanted, now):
        return []
    hourly: list[ModelPrice] = []
    dated: list[Any] = []
    for each in _conditional_prices(model):
        if isinstance(each.constraint, Hours):
            hourly.append(each.prices)
        else:
            dated.append(each)
    # The entry without its prices of an hour: genai-prices then picks the one of the day.
    plain = Model(
        id=model.id,
        match=model.match,
        prices=dated or model.prices,
        price_variants=model.price_variants,
    )
    usual = plain.get_prices(now, wanted)
    return [usual, *hourly]


def _wanted_variant(tier: str) -> dict[str, str] | None:
    """Return the condition that the table has for a tier; None for the standard ones."""
    if tier in STANDARD_TIERS:
        return None
    if tier == "batch":
        return {"processing": "batch"}
    return {"service_tier": tier}


def _conditional_prices(model: ModelInfo) -> list[Any]:
    """Return the prices of an entry that hold from a day on, or at some hours."""
    if isinstance(model.prices, list):
        return model.prices
    return []


def _offers(model: ModelInfo, wanted: dict[str, str], now: datetime) -> bool:
    """Tell whether a model has a variant of its price for a tier, in force now."""
    for variant in model.price_variants or ():
        if variant.when != wanted:
            continue
        if variant.constraint is None or variant.constraint.active(now):
            return True
    return False


def _highest(prices: list[ModelPrice], start: int, origin: _Origin) -> Price | None:
    """Return the highest of these prices for prompts just longer than `start` tokens.

    A ceiling must hold at every hour of the day, so each rate is the highest of the day.

    Returns:
        The price, or None where the rate of prompt or completion tokens is missing or 0.
    """

    def rate(name: str) -> float | None:
        values: list[float] = []
        for price in prices:
            value = _rate_at(getattr(price, name, None), start)
            if value is not None:
                values.append(float(value))
        return max(values, default=None)

    prompt_rate, completion_rate = rate("input_mtok"), rate("output_mtok")
    if not prompt_rate or not completion_rate:
        return None
    reasoning_rate = rate("output_reasoning_mtok") or 0.0
    per_thousand_requests = rate("requests_kcount") or 0.0
    return Price(
        prompt_rate,
        max(completion_rate, reasoning_rate),
        rate("cache_read_mtok"),
        rate("cache_write_mtok"),
        request=per_thousand_requests / 1000,
        source=origin.source,
        date=origin.day,
    )


def _rate_at(rate: Any, start: int) -> Any:
    """Return a rate for prompts just longer than `start` tokens."""
    if not hasattr(rate, "tiers"):
        return rate
    reached = rate.base
    for tier in rate.tiers:
        if tier.start <= start:
            reached = tier.price
    return reached


@lru_cache(maxsize=4)
def _origin(day: date) -> _Origin:
    """Return the table's version, and the newest day up to this one from which it states a price.

    The table itself carries no date.
    """
    from genai_prices import __version__

    newest = date.min
    for provider in providers():
        for model in provider.models:
            for start in _start_dates(model):
                if newest < start <= day:
                    newest = start
    return _Origin(f"genai-prices {__version__}", newest.isoformat())


def _start_dates(model: ModelInfo) -> Iterator[date]:
    """Yield the days from which the prices of an entry hold, where the table states them."""
    variants = model.price_variants or ()
    for condition in (*_conditional_prices(model), *variants):
        start = getattr(condition.constraint, "start_date", None)
        if start is not None:
            yield start
