"""The price of the model and the tier that really answered, which may be others than were asked
for.
"""

from __future__ import annotations

from dataclasses import replace

from tune.completion import Completion, Request
from tune.pricing.lookup import base_url_or_default
from tune.pricing.price_table import STANDARD_TIERS
from tune.pricing.prices import Price
from tune.pricing.published import find_published

_TIER = "service_tier"

_DEAR = frozenset({"priority", "fast", "performance", "scale"})
"""Tiers that cost more than the usual one. Where nobody publishes their price, it is taken as twice
the usual price: priority costs 1.75 to 2 times as much.
"""


class Tariff:
    """The prices of one model at one place, by the model's name and the tier that an answer
    carries.

    Args:
        price: of the model as it was asked for, in the usual tier.
        model: its name as the service knows it.
        base_url: where it is; None is what OPENAI_BASE_URL names, else OpenAI.
    """

    def __init__(self, price: Price, model: str, base_url: str | None = None) -> None:
        self._price = price
        self._model = model
        self._url = base_url_or_default(base_url)
        self._published = bool(price.matched)
        self._known: dict[tuple[str, str, bool], Price] = {}
        self._dear = price
        """The most expensive price that an answer was billed at."""

    def answered(self, answer: Completion, request: Request) -> Price:
        """Return the price that an answer is billed at, and remember it for the ceilings of later
        calls.
        """
        price = self._of(answer.model, answer.tier, asked=request.setting(_TIER) == answer.tier)
        if price.ceiling(1, 1) > self._dear.ceiling(1, 1):
            self._dear = price
        return price

    def surprise(self, answer: Completion, price: Price) -> str:
        """Say that an answer is billed at a higher price than was asked for; "" where it is not."""
        if price.ceiling(1, 1) <= self._price.ceiling(1, 1):
            return ""
        which = (
            f"the tier {answer.tier!r}"
            if answer.tier.lower() not in STANDARD_TIERS
            else f"the model {answer.model!r}"
        )
        return f"{which} answered, at {price.describe()}"

    def ceiling(self, request: Request, prompt_tokens: int, completion_tokens: int) -> int:
        """Return the most that a call can cost: in the usual tier, in the one asked for, or in one
        seen before.
        """
        asked = str(request.setting(_TIER) or "")
        prices = [self._price, self._of(self._model, asked, asked=True), self._dear]
        return max(
            price.ceiling(prompt_tokens, completion_tokens) for price in dict.fromkeys(prices)
        )

    def _of(self, model: str, tier: str, *, asked: bool) -> Price:
        key = model, tier, asked
        if key not in self._known:
            self._known[key] = self._find(model, tier.lower(), asked=asked)
        return self._known[key]

    def _find(self, model: str, tier: str, *, asked: bool) -> Price:
        if self._published:
            for name in (model or self._model, self._model):
                found = find_published(name, self._url, tier)
                if found is not None:
                    return replace(found, request=max(found.request, self._price.request))
        # A price that a user states for a tier is that of the tier which the same user asks for.
        stated = asked and not self._published
        return self._price.scaled(2.0) if tier in _DEAR and not stated else self._price
