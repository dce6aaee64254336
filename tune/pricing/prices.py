"""Prices: dollars per million tokens, where they come from, and the cost of a call.

Money is counted in whole picodollars (10^-12 dollars) wherever it is added up, so that sums are
exact and the budget is compared without rounding; dollars as floats are for people.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Context, Decimal
from functools import lru_cache
from typing import Any

from tune.errors import PriceError
from tune.pricing.amounts import stated_dollars

PICODOLLARS = 10**12
"""Picodollars in a dollar."""

# The digits of every float fit, so that a budget of 1e30 dollars gets as far as the check that
# refuses it.
_EXACT = Context(prec=400)

_SMALLEST = Decimal("0.001")
"""Parts of a picodollar that are told apart: smaller ones are errors of a float."""

# Ten cents for one token, in dollars per million. A higher price is surely in another unit.
_HIGHEST_RATE = 10**5

USER = "user"
"""The source of a price that a user stated, and did not confirm in so many words."""

CONFIRMED = "user, confirmed"
"""The source of a price that a user confirmed."""


def to_picodollars(dollars: float) -> int:
    """Return dollars as whole picodollars, rounded up."""
    # The decimal digits that people write are exact here: 0.07 is 70,000,000,000 picodollars and
    # not one more, although no float is exactly 0.07.
    digits = _EXACT.multiply(Decimal(repr(float(dollars))), PICODOLLARS)
    return math.ceil(_EXACT.quantize(digits, _SMALLEST))


def to_dollars(picodollars: int) -> float:
    """Return picodollars as dollars, for people to read."""
    return picodollars / PICODOLLARS


@dataclass(frozen=True, slots=True)
class Price:
    """The price of a model, in dollars per million tokens.

    Attributes:
        input: for prompt tokens.
        output: for completion tokens, hidden reasoning included.
        cached_input: for prompt tokens read from the service's cache; `input` where not stated.
        cache_write: for prompt tokens written to the service's cache; `input` where not stated.
        request: dollars of each request, whatever its tokens.
        source: where the price comes from ("user", "genai-prices 0.2.3", "notional"). A user's own
            note here ("our contract") confirms a price that is far below the published one.
        matched: the entry of that source which the model's name matched, as "openai/gpt-6-luna";
            else "".
        date: the day that the source speaks of, as YYYY-MM-DD, or "".
        long: the price of longer prompts. For each `(start, price)`, a call with more than `start`
            prompt tokens is billed at that price as a whole. In rising order of `start`.
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
            if value is None:
                continue
            if not (_is_number(value) and 0 <= value <= _HIGHEST_RATE):
                # A fee is the only price that is not per token.
                unit = "request" if name == "request" else "million tokens"
                raise PriceError(
                    f"a price is a number of dollars per {unit}, 0 to {_HIGHEST_RATE:,}, "
                    f"but got {name}={value!r}"
                )

    @property
    def is_zero(self) -> bool:
        """True where nothing is ever billed: the user said so of a server."""
        rates = (
            self.input,
            self.output,
            self.cached_input,
            self.cache_write,
            self.request,
        )
        if any(rates):
            return False
        return all(price.is_zero for _, price in self.long)

    @property
    def notional(self) -> bool:
        """True where this price is only for comparison: a model in this process bills nothing."""
        return self.source == "notional"

    def cost(
        self,
        prompt_tokens: int,
        completion_tokens: int,
        cached_tokens: int = 0,
        *,
        calls: int = 1,
    ) -> int:
        """Return the picodollars of calls with these token counts at list price.

        Writing to a cache is not counted.
        """
        price = self._at(prompt_tokens)
        return calls * self._fee() + price._cost_of_tokens(
            prompt_tokens, completion_tokens, cached_tokens
        )

    def bill(
        self,
        prompt_tokens: int,
        completion_tokens: int,
        cached_tokens: int = 0,
        written_tokens: int = 0,
    ) -> int:
        """Return the picodollars that the service bills for a call.

        Prompt tokens that it read from or wrote to its cache have their own rates.
        """
        price = self._at(prompt_tokens)
        cached = min(max(cached_tokens, 0), prompt_tokens)
        written = min(max(written_tokens, 0), prompt_tokens - cached)
        surcharge = max(0, _rate(price.cache_write or 0.0) - _rate(price.input))
        cost = price._cost_of_tokens(prompt_tokens, completion_tokens, cached_tokens)
        cost += written * surcharge
        # An answer without any prompt is a refusal that we turned into an answer: it cost nothing.
        if prompt_tokens:
            cost += self._fee()
        return cost

    def ceiling(
        self, prompt_tokens: int, completion_tokens: int, *, calls: int = 1
    ) -> int:
        """Return the most picodollars that calls of at most these token counts can cost."""
        # The prompt may turn out shorter than its bound, so every lower step of the price counts.
        most = self._most_of_tokens(prompt_tokens, completion_tokens)
        for start, price in self.long:
            if start < prompt_tokens:
                most = max(
                    most, price._most_of_tokens(prompt_tokens, completion_tokens)
                )
        return calls * self._fee() + most

    def scaled(self, factor: float) -> Price:
        """Return this price with every rate for tokens multiplied."""
        return replace(
            self,
            input=factor * self.input,
            output=factor * self.output,
            cached_input=_scale(self.cached_input, factor),
            cache_write=_scale(self.cache_write, factor),
            long=tuple((start, price.scaled(factor)) for start, price in self.long),
        )

    def describe(self) -> str:
        """Say this price in words, and where it comes from."""
        paid = (stated_dollars(self.input), stated_dollars(self.output))
        words = f"{paid[0]} in, {paid[1]} out per million tokens"
        if self.request:
            words += f", {stated_dollars(self.request)} per request"
        source = "as stated" if self.source in (USER, CONFIRMED) else self.source
        if self.matched:
            source += f": {self.matched}"
        return f"{words} ({source})"

    def _fee(self) -> int:
        # Most models have none, and the conversion is slow.
        if not self.request:
            return 0
        return to_picodollars(self.request)

    def _at(self, prompt_tokens: int) -> Price:
        """Return the price of a call with a prompt of this length."""
        for start, price in reversed(self.long):
            if start < prompt_tokens:
                return price
        return self

    def _cost_of_tokens(self, prompt: int, completion: int, cached: int) -> int:
        # A service may report nonsense: more cached tokens than the prompt has.
        cached = min(max(cached, 0), prompt)
        cached_rate = self.input
        if self.cached_input is not None:
            cached_rate = self.cached_input
        cost = (prompt - cached) * _rate(self.input)
        cost += cached * _rate(cached_rate)
        cost += completion * _rate(self.output)
        return cost

    def _most_of_tokens(self, prompt: int, completion: int) -> int:
        """Return the most that tokens can cost: every prompt token may be at the highest rate."""
        rates = (self.input, self.cached_input or 0.0, self.cache_write or 0.0)
        highest = max(map(_rate, rates))
        return prompt * highest + completion * _rate(self.output)


def _scale(rate: float | None, factor: float) -> float | None:
    if rate is None:
        return None
    return factor * rate


@lru_cache(maxsize=1024)
def _rate(dollars_per_million: float) -> int:
    """Return whole picodollars per token, rounded up; exact for rates of at most six decimals."""
    return math.ceil(round(dollars_per_million * (PICODOLLARS // 10**6), 3))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def parse_price(text: str) -> tuple[str, Price]:
    """Read `MODEL=IN/OUT`, dollars per million tokens; see `read_price` for what may follow.

    Raises:
        PriceError: the text has another form.
    """
    # The last "=" separates, as a model's name may have one itself.
    model, _, rates = text.rpartition("=")
    try:
        price = _read_text(rates)
    except ValueError:
        raise PriceError(
            f"a price reads MODEL=IN/OUT in dollars per million tokens, "
            f"as gpt-6-luna=0.10/0.50, but got {text!r}"
        ) from None
    if not model.strip():
        raise PriceError(f"a price names its model, as MODEL=IN/OUT, but got {text!r}")
    return model.strip(), price


def read_price(name: str, price: Any) -> Price:
    """Read a price in one of its forms, in dollars per million tokens.

    Args:
        name: the model's name, for messages.
        price: a `Price`, a table of its fields, [IN, OUT] or "IN/OUT". Behind the text may stand
            "+FEE", dollars for each request, and ",confirmed", for a price that is far below the
            published one and right all the same.

    Raises:
        PriceError: it has another form.
    """
    if isinstance(price, Price):
        return price
    if isinstance(price, Mapping):
        try:
            return Price(**price)
        except TypeError as error:
            raise PriceError(
                f"the price of model {name!r} cannot be read: {error}"
            ) from None
    try:
        if isinstance(price, str):
            return _read_text(price)
        input_rate, output_rate = (float(part) for part in price)
    except (TypeError, ValueError):
        raise PriceError(
            f"the price of model {name!r} reads [IN, OUT] or 'IN/OUT' in dollars per million "
            f"tokens, but got {price!r}"
        ) from None
    return Price(input_rate, output_rate)


def is_pair(value: Any) -> bool:
    """Tell whether a value is a pair of numbers, as (0.1, 0.4)."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        return False
    return len(value) == 2 and all(map(_is_number, value))


def _read_text(text: str) -> Price:
    """Read `IN/OUT`, with `+FEE` and `,confirmed` where they follow."""
    numbers, _, note = text.partition(",")
    if note.strip() not in ("", "confirmed"):
        raise ValueError(note)
    rates, _, fee = numbers.partition("+")
    input_rate, _, output_rate = rates.partition("/")
    source = CONFIRMED if note.strip() else USER
    return Price(
        float(input_rate), float(output_rate), request=float(fee or 0), source=source
    )
