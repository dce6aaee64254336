"""Prices: dollars per million tokens, where they come from, and what a call costs at them.

Money is counted in whole picodollars (10^-12 dollars) wherever it is added up, so that sums are exact and the
budget is compared without rounding; dollars as floats are for people.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tune.errors import PriceError

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, Provider

PICODOLLARS = 10**12
"""Picodollars in a dollar."""

_DEAREST = 10**5
"""Ten cents for one token, in dollars per million: whoever states more has mistaken the unit."""


def to_picodollars(dollars: float) -> int:
    """Whole picodollars, rounded up."""
    # By the decimal digits that people write and read: 0.07 is 70,000,000,000 of them, and not one more.
    return math.ceil(round(Decimal(repr(float(dollars))) * PICODOLLARS, 3))


def to_dollars(picodollars: int) -> float:
    """Dollars, for showing."""
    return picodollars / PICODOLLARS


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs, in dollars per million tokens.

    Attributes:
        input: for prompt tokens.
        output: for completion tokens, hidden reasoning included.
        cached_input: for prompt tokens read from the service's cache; `input` where not stated.
        cache_write: for prompt tokens written to the service's cache; `input` where not stated.
        source: where the price comes from ("user", "genai-prices 0.2.3", "notional").
        date: the day that the source speaks of, as YYYY-MM-DD, or "".
        long: what longer prompts cost: for each `(start, price)`, a call with more than `start` prompt tokens
            is billed at that price as a whole. In rising order of `start`.
    """

    input: float
    output: float
    cached_input: float | None = None
    cache_write: float | None = None
    source: str = "user"
    date: str = ""
    long: tuple[tuple[int, Price], ...] = ()

    def __post_init__(self) -> None:
        for name in ("input", "output", "cached_input", "cache_write"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= _DEAREST:
                raise PriceError(
                    f"a price is a number of dollars per million tokens, 0 to {_DEAREST:,}, but got {name}={value!r}"
                )

    @property
    def notional(self) -> bool:
        """Whether nobody is ever billed at this price (a local model's)."""
        return self.source == "notional"

    def cost(self, prompt_tokens: int, completion_tokens: int, cached_tokens: int = 0) -> int:
        """Picodollars of a call with these token counts at list price; writing to a cache is not counted."""
        price = self._at(prompt_tokens)
        return price._total(price.input, prompt_tokens, completion_tokens, cached_tokens)

    def bill(self, prompt_tokens: int, completion_tokens: int, cached_tokens: int = 0, written_tokens: int = 0) -> int:
        """Picodollars that the service bills for a call, prompt tokens that it wrote to its cache included."""
        price = self._at(prompt_tokens)
        written = min(max(written_tokens, 0), prompt_tokens - min(max(cached_tokens, 0), prompt_tokens))
        dearer = max(0, _rate(price.cache_write or 0.0) - _rate(price.input))
        return price._total(price.input, prompt_tokens, completion_tokens, cached_tokens) + written * dearer

    def ceiling(self, prompt_tokens: int, completion_tokens: int) -> int:
        """Picodollars that a call of at most these token counts can cost at the very most."""
        reachable = [self, *(price for start, price in self.long if start < prompt_tokens)]
        return max(
            prompt_tokens * max(_rate(p.input), _rate(p.cached_input or 0.0), _rate(p.cache_write or 0.0))
            + completion_tokens * _rate(p.output)
            for p in reachable
        )

    def _at(self, prompt_tokens: int) -> Price:
        """The price of a call with a prompt of this length."""
        return next((price for start, price in reversed(self.long) if start < prompt_tokens), self)

    def _total(self, fresh: float, prompt: int, completion: int, cached: int) -> int:
        cached = min(max(cached, 0), prompt)
        read = self.input if self.cached_input is None else self.cached_input
        return (prompt - cached) * _rate(fresh) + cached * _rate(read) + completion * _rate(self.output)


@lru_cache(maxsize=1024)
def _rate(dollars_per_million: float) -> int:
    """Whole picodollars per token, rounded up: exact for prices with at most six decimals."""
    return math.ceil(round(dollars_per_million * (PICODOLLARS // 10**6), 3))


def parse_price(text: str) -> tuple[str, Price]:
    """Read `MODEL=IN/OUT`, dollars per million tokens.

    Raises:
        PriceError: the text has another form.
    """
    model, _, price = text.rpartition("=")
    given, _, taken = price.partition("/")
    try:
        prices = float(given), float(taken)
    except ValueError:
        raise PriceError(
            f"a price reads MODEL=IN/OUT in dollars per million tokens, as gpt-4.1-nano=0.10/0.40, but got {text!r}"
        ) from None
    if not model.strip():
        raise PriceError(f"a price names its model, as MODEL=IN/OUT, but got {text!r}")
    return model.strip(), Price(*prices)


def find_price(model: str, prices: Mapping[str, Price], *, base_url: str | None = None, tier: str = "") -> Price:
    """The price of a model: as stated by the user, else from the table that the package genai-prices ships.

    Args:
        model: the model's name as the service knows it.
        prices: what the user stated, by model; these hold for every service and tier.
        base_url: where the model is served; None is OpenAI. A host that is in no price list has no known price,
            whatever its models are called.
        tier: the service tier that is asked for ("flex", "priority"); "" is the standard one.

    Raises:
        PriceError: nobody states a price; the message holds the line to add.
    """
    if model in prices:
        return prices[model]
    found = _published(model, base_url, tier)
    if found is None:
        where = "" if base_url is None else f" at {urlsplit(base_url).hostname}"
        which = f" in the tier {tier!r}" if tier else ""
        raise PriceError(
            f"no price is known for model {model!r}{where}{which}: add --price {model}=IN/OUT "
            "(dollars per million tokens; 0/0 if it costs nothing)"
        )
    return found


# Where users run servers of their own, under names that say nothing about what a token costs there.
_OWN_SERVERS = frozenset({"modal"})

# What a price of prompt and completion tokens cannot express, and every call would pay.
_BEYOND_TOKENS = ("requests_kcount", "output_citation_mtok")


@lru_cache(maxsize=256)
def _published(model: str, base_url: str | None, tier: str) -> Price | None:
    """The price in the shipped table, or None where it has none that this program can keep to."""
    # The table takes a second to load, so only those who need it do.
    from genai_prices import __version__, data_snapshot

    table = data_snapshot.get_snapshot()
    now = datetime.now(UTC)
    provider = _find_provider(table.providers, "https://api.openai.com/" if base_url is None else base_url)
    found = provider and provider.find_model(model, all_providers=table.providers)
    if not found:
        return None
    in_force = _prices_in_force(found, now, tier)
    if not in_force or any(getattr(p, name, None) for p in in_force for name in _BEYOND_TOKENS):
        return None
    starts = sorted({tier.start for p in in_force for v in vars(p).values() for tier in getattr(v, "tiers", ())})
    source, day = f"genai-prices {__version__}", _newest_day(table.providers, now.date())
    steps = [_dearest(in_force, start, source, day) for start in (-1, *starts)]
    prices = [price for price in steps if price is not None]
    if len(prices) < len(steps):
        return None
    return replace(prices[0], long=tuple(zip(starts, prices[1:], strict=True)))


def _find_provider(providers: list[Provider], base_url: str) -> Provider | None:
    import re

    url = urlsplit(base_url)
    plain = f"{url.scheme}://{url.hostname or ''}{url.path or '/'}"  # without user, key and port
    for provider in providers:
        # A pattern must not reach from the host into the path, where a proxy may name whom it stands for.
        match = re.match(provider.api_pattern.replace(".*", "[^/]*"), plain)
        if match and (plain[match.end() :][:1] in ("", "/") or match[0].endswith((".", "/"))):
            return None if provider.id in _OWN_SERVERS else provider
    return None


def _prices_in_force(model: ModelInfo, now: datetime, tier: str) -> list[ModelPrice]:
    """The prices of a model today: one, or several where they depend on the hour; none for an unknown tier."""
    from genai_prices.types import ModelInfo as Model
    from genai_prices.types import TimeOfDateConstraint as Hours

    standard = tier in ("", "auto", "default")
    variants = [v for v in model.price_variants or () if v.when == {"service_tier": tier}]
    if not standard and not any(v.constraint is None or v.constraint.active(now) for v in variants):
        return []
    conditional = [] if not isinstance(model.prices, list) else model.prices
    hourly = [c.prices for c in conditional if isinstance(c.constraint, Hours)]
    dated = [c for c in conditional if not isinstance(c.constraint, Hours)]
    plain = Model(id=model.id, match=model.match, prices=dated or model.prices, price_variants=model.price_variants)
    return [plain.get_prices(now, None if standard else {"service_tier": tier}), *hourly]


def _dearest(prices: list[ModelPrice], start: int, source: str, day: str) -> Price | None:
    """The dearest of these prices for prompts just longer than `start` tokens; None if one is missing or 0."""

    def rate(name: str) -> float | None:
        values = [_step(getattr(price, name, None), start) for price in prices]
        return max((float(value) for value in values if value is not None), default=None)

    given, taken, reasoning = rate("input_mtok"), rate("output_mtok"), rate("output_reasoning_mtok")
    if not given or not taken:
        return None
    taken = max(taken, reasoning or 0.0)
    return Price(given, taken, rate("cache_read_mtok"), rate("cache_write_mtok"), source, day)


def _step(value: Any, start: int) -> Any:
    """What a rate is for prompts just longer than `start` tokens."""
    if not hasattr(value, "tiers"):
        return value
    return next((tier.price for tier in reversed(value.tiers) if tier.start <= start), value.base)


def _newest_day(providers: list[Provider], today: date) -> str:
    """The newest day up to today from which the table states a price: the table carries no date of its own."""
    days = (
        condition.constraint.start_date
        for provider in providers
        for model in provider.models
        for condition in (*(model.prices if isinstance(model.prices, list) else ()), *(model.price_variants or ()))
        if hasattr(condition.constraint, "start_date")
    )
    return max((day for day in days if day <= today), default=date.min).isoformat()
