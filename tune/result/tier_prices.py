"""The prices of the service tiers that a study bought its answers in, beside the serving prices."""

from __future__ import annotations

from collections.abc import Iterator

from tune.plan.plan import Plan
from tune.pricing.price_table import STANDARD_TIERS
from tune.pricing.prices import Price
from tune.providers.tariff import Tariff
from tune.report import PriceLine
from tune.space import Config
from tune.space.domain import grid_values

TIER = "service_tier"


def tier_price_lines(plan: Plan) -> tuple[PriceLine, ...]:
    """Return the serving price of each model, and its price in each tier that is asked for."""
    lines: list[PriceLine] = []
    for name, price in plan.prices.items():
        lines.append(_line(name, price))
        for tier, tuning in _tiers(plan, name):
            lines.append(_line(f"{name} in the tier {tier}", tuning))
    return tuple(lines)


def tier_notice(plan: Plan, config: Config) -> list[str]:
    """Return a sentence if the selected configuration was bought in a tier of its own price."""
    tier = str(config.get(TIER) or "")
    tuning = dict(_tiers(plan, config.model)).get(tier)
    if tuning is None:
        return []
    serving = plan.prices[config.model]
    return [
        f"The winner was tuned in the tier {tier}, at {tuning.describe()}. Its cost per "
        f"request is shown at the serving price of the standard tier, {serving.describe()}: "
        f"served with service_tier {tier} it costs what it cost here, and may wait longer."
    ]


def _tiers(plan: Plan, model: str) -> Iterator[tuple[str, Price]]:
    """Yield the tiers that are asked for of a model, with their prices."""
    entry = plan.entries.get(model)
    domain = None if entry is None else plan.space.domain(TIER, model)
    if entry is None or domain is None:
        return
    tariff = Tariff(plan.prices[model], entry.priced_name, entry.base_url)
    for value in grid_values(domain):
        tier = str(value or "")
        if tier not in STANDARD_TIERS:
            yield tier, tariff.price_of_tier(tier)


def _line(name: str, price: Price) -> PriceLine:
    return PriceLine(
        model=name,
        input=price.input,
        output=price.output,
        source=price.source,
        date=price.date,
        matched=price.matched,
        request=price.request,
    )
