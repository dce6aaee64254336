"""Prices: dollars per million tokens, where they come from, and what a call costs at them.

Money is counted in whole picodollars (10^-12 dollars) wherever it is added up, so that sums are
exact and the budget is compared without rounding; dollars as floats are for people.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import Any

from tune.errors import PriceError

PICODOLLARS = 10**12
"""Picodollars in a dollar."""

_DEAREST = 10**5
"""Ten cents for one token, in dollars per million: whoever states more has mistaken the unit."""

USER = "user"
"""The source of a price that a user stated, and did not confirm in so many words."""

CONFIRMED = "user, confirmed"
"""The source of a price that a user confirmed."""


def to_picodollars(dollars: float) -> int:
    """Whole picodollars, rounded up."""
    # By the decimal digits that people write and read: 0.07 is 70,000,000,000 of them, and not one
    # more.
    return math.ceil(round(Decimal(repr(float(dollars))) * PICODOLLARS, 3))


def to_dollars(picodollars: int) -> float:
    """Dollars, for showing."""
    return picodollars / PICODOLLARS


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs, in dollars per million tokens.

    Attributes:
        input: for prompt tokens. output: for completion tokens, hidden reasoning included.
        cached_input: for prompt tokens read from the service's cache; `input` where not stated.
        cache_write: for prompt tokens written to the service's cache; `input` where not stated.
        request: dollars of each request, whatever its tokens. source: where the price comes from
        ("user", "genai-prices 0.2.3", "notional"). A user's own note here ("our
            contract") confirms a price that is far below the published one.
        matched: the entry of that source which the model's name matched, as "openai/gpt-6-luna";
        else "". date: the day that the source speaks of, as YYYY-MM-DD, or "". long: what longer
        prompts cost: for each `(start, price)`, a call with more than `start` prompt tokens
            is billed at that price as a whole. In rising order of `start`.
    """

    input: float
    output: float
    cached_input: float | None = None
    cache_write: float | None = None
    request: float = 0.0
    source: str = USER
    matched: str = ""
    date: str = ""
    long: tuple[tuple[int, Price], ...] = ()

    def __post_init__(self) -> None:
        for name in ("input", "output", "cached_input", "cache_write", "request"):
            value = getattr(self, name)
            if value is not None and not (_is_number(value) and 0 <= value <= _DEAREST):
                unit = "request" if name == "request" else "million tokens"
                raise PriceError(
                    f"a price is a number of dollars per {unit}, 0 to {_DEAREST:,}, but got {name}={value!r}"
                )

    @property
    def is_zero(self) -> bool:
        """Whether nothing is ever billed at this price, as somebody has said of a server of their
        own.
        """
        rates = (self.input, self.output, self.cached_input, self.cache_write, self.request)
        return not any(rates) and all(price.is_zero for _, price in self.long)

    @property
    def notional(self) -> bool:
        """Whether nobody is ever billed at this price (a local model's)."""
        return self.source == "notional"

    def cost(
        self, prompt_tokens: int, completion_tokens: int, cached_tokens: int = 0, *, calls: int = 1
    ) -> int:
        """Picodollars of calls with these token counts at list price; writing to a cache is not
        counted.
        """
        price = self._at(prompt_tokens)
        return calls * self._fee() + price._total(
            price.input, prompt_tokens, completion_tokens, cached_tokens
        )

    def bill(
        self,
        prompt_tokens: int,
        completion_tokens: int,
        cached_tokens: int = 0,
        written_tokens: int = 0,
    ) -> int:
        """Picodollars that the service bills for a call, prompt tokens that it wrote to its cache
        included.
        """
        price = self._at(prompt_tokens)
        written = min(
            max(written_tokens, 0), prompt_tokens - min(max(cached_tokens, 0), prompt_tokens)
        )
        dearer = max(0, _rate(price.cache_write or 0.0) - _rate(price.input))
        tokens = (
            price._total(price.input, prompt_tokens, completion_tokens, cached_tokens)
            + written * dearer
        )
        # An answer without any prompt is a refusal that we turned into an answer: it cost nothing.
        return tokens + (self._fee() if prompt_tokens else 0)

    def ceiling(self, prompt_tokens: int, completion_tokens: int, *, calls: int = 1) -> int:
        """Picodollars that calls of at most these token counts can cost at the very most."""
        reachable = [self, *(price for start, price in self.long if start < prompt_tokens)]
        return calls * self._fee() + max(
            prompt_tokens
            * max(_rate(p.input), _rate(p.cached_input or 0.0), _rate(p.cache_write or 0.0))
            + completion_tokens * _rate(p.output)
            for p in reachable
        )

    def scaled(self, factor: float) -> Price:
        """Return this price with every rate for tokens multiplied."""
        return replace(
            self,
            input=factor * self.input,
            output=factor * self.output,
            cached_input=None if self.cached_input is None else factor * self.cached_input,
            cache_write=None if self.cache_write is None else factor * self.cache_write,
            long=tuple((start, price.scaled(factor)) for start, price in self.long),
        )

    def describe(self) -> str:
        """Say this price in words, and where it comes from."""
        said = f"{_shown(self.input)} in, {_shown(self.output)} out per million tokens"
        fee = f", {_shown(self.request)} per request" if self.request else ""
        source = "as stated" if self.source in (USER, CONFIRMED) else self.source
        return f"{said}{fee} ({source}{f': {self.matched}' if self.matched else ''})"

    def _fee(self) -> int:
        return to_picodollars(self.request) if self.request else 0

    def _at(self, prompt_tokens: int) -> Price:
        """The price of a call with a prompt of this length."""
        return next((price for start, price in reversed(self.long) if start < prompt_tokens), self)

    def _total(self, fresh: float, prompt: int, completion: int, cached: int) -> int:
        cached = min(max(cached, 0), prompt)
        read = self.input if self.cached_input is None else self.cached_input
        return (
            (prompt - cached) * _rate(fresh)
            + cached * _rate(read)
            + completion * _rate(self.output)
        )


@lru_cache(maxsize=1024)
def _rate(dollars_per_million: float) -> int:
    """Whole picodollars per token, rounded up: exact for prices with at most six decimals."""
    return math.ceil(round(dollars_per_million * (PICODOLLARS // 10**6), 3))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(dollars: float) -> str:
    """Dollars with two decimals, or as many as they need."""
    return f"${dollars:.2f}" if round(dollars, 2) == dollars else f"${dollars:.6g}"


def parse_price(text: str) -> tuple[str, Price]:
    """Read `MODEL=IN/OUT`, dollars per million tokens; see `read_price` for what may follow.

    Raises:
        PriceError: the text has another form.
    """
    model, _, price = text.rpartition("=")
    try:
        read = _read_text(price)
    except ValueError:
        raise PriceError(
            f"a price reads MODEL=IN/OUT in dollars per million tokens, as gpt-6-luna=0.10/0.50, but got {text!r}"
        ) from None
    if not model.strip():
        raise PriceError(f"a price names its model, as MODEL=IN/OUT, but got {text!r}")
    return model.strip(), read


def read_price(name: str, price: Any) -> Price:
    """Read a price in one of its forms, in dollars per million tokens.

    Args:
        name: the model's, for messages. price: a `Price`, a table of its fields, [IN, OUT] or
        "IN/OUT". "+FEE" may follow, with dollars for each
            request, and ",confirmed", for a price that is far below the published one and right all
            the same.

    Raises:
        PriceError: it has another form.
    """
    if isinstance(price, Price):
        return price
    if isinstance(price, Mapping):
        try:
            return Price(**price)
        except TypeError as error:
            raise PriceError(f"the price of model {name!r} cannot be read: {error}") from None
    try:
        if isinstance(price, str):
            return _read_text(price)
        given, taken = (float(part) for part in price)
    except (TypeError, ValueError):
        raise PriceError(
            f"the price of model {name!r} reads [IN, OUT] or 'IN/OUT' in dollars per million tokens, but got {price!r}"
        ) from None
    return Price(given, taken)


def is_pair(value: Any) -> bool:
    """Tell whether a value is a pair of numbers, as (0.1, 0.4)."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        return False
    return len(value) == 2 and all(_is_number(part) for part in value)


def _read_text(text: str) -> Price:
    """Read `IN/OUT`, with `+FEE` and `,confirmed` where they follow."""
    rates, _, note = text.partition(",")
    if note.strip() not in ("", "confirmed"):
        raise ValueError(note)
    rates, _, fee = rates.partition("+")
    given, _, taken = rates.partition("/")
    source = CONFIRMED if note.strip() else USER
    return Price(float(given), float(taken), request=float(fee or 0), source=source)
