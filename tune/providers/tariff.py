"""The price of the model and the service tier that really answered.

They may be others than were asked for: an alias is served by a dated model, and a full tier falls
back to another one.
"""

from __future__ import annotations

from dataclasses import replace

from tune.completion import Completion, Request
from tune.pricing.lookup import base_url_or_default
from tune.pricing.price_table import STANDARD_TIERS
from tune.pricing.prices import Price
from tune.pricing.published import find_published

_TIER = "service_tier"

# Tiers that cost more than the usual one. Where their price is not published, it is taken as twice
# the usual price: priority costs 1.75 to 2 times as much at OpenAI.
_EXPENSIVE_TIERS = frozenset({"priority", "fast", "performance", "scale"})
_EXPENSIVE_FACTOR = 2.0


class Tariff:
    """The prices of one model at one service, by the model name and tier that an answer carries.

    Args:
        price: of the model as it was asked for, in the usual tier.
        model: its name as the service knows it.
        base_url: where it is; None is the value of OPENAI_BASE_URL, else OpenAI.
    """

    def __init__(self, price: Price, model: str, base_url: str | None = None) -> None:
        self._price = price
        self._model = model
        self._url = base_url_or_default(base_url)
        self._published = bool(price.matched)
        self._known: dict[tuple[str, str, bool], Price] = {}
        self._highest = price
        """The highest price that an answer was billed at."""

    def price_of_answer(self, answer: Completion, request: Request) -> Price:
        """Return the price that an answer is billed at; the ceilings of later calls include it."""
        asked = request.setting(_TIER) == answer.tier
        price = self._price_of(answer.model, answer.tier, asked=asked)
        if price.ceiling(1, 1) > self._highest.ceiling(1, 1):
            self._highest = price
        return price

    def price_of_tier(self, tier: str) -> Price:
        """Return the price of the model as it was asked for, in a tier that is asked for."""
        return self._price_of(self._model, tier, asked=True)

    def explain_higher_price(self, answer: Completion, price: Price) -> str:
        """Say that an answer is billed at a higher price than was asked for; "" where it is not."""
        if price.ceiling(1, 1) <= self._price.ceiling(1, 1):
            return ""
        if answer.tier.lower() in STANDARD_TIERS:
            return f"the model {answer.model!r} answered, at {price.describe()}"
        return f"the tier {answer.tier!r} answered, at {price.describe()}"

    def ceiling(
        self, request: Request, prompt_tokens: int, completion_tokens: int
    ) -> int:
        """Return the most picodollars that a call can cost.

        The price may be that of the usual tier, of the tier asked for, or the highest seen before.
        """
        asked = str(request.setting(_TIER) or "")
        prices = [
            self._price,
            self._price_of(self._model, asked, asked=True),
            self._highest,
        ]
        different = dict.fromkeys(prices)
        return max(
            price.ceiling(prompt_tokens, completion_tokens) for price in different
        )

    def _price_of(self, model: str, tier: str, *, asked: bool) -> Price:
        key = model, tier, asked
        if key not in self._known:
            self._known[key] = self._find(model, tier.lower(), asked=asked)
        return self._known[key]

    def _find(self, model: str, tier: str, *, asked: bool) -> Price:
        if self._published:
            for name in (model or self._model, self._model):
                found = find_published(name, self._url, tier)
                if found is not None:
                    # A fee per request that the user's model has holds for its dated names, too.
                    return replace(
                        found, request=max(found.request, self._price.request)
                    )
        # A stated price belongs to the tier that the same user asks for.
        stated = asked and not self._published
        if tier in _EXPENSIVE_TIERS and not stated:
            return self._price.scaled(_EXPENSIVE_FACTOR)
        return self._price
