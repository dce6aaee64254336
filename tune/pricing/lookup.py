"""The price of a model that a run uses: as the user stated it, else as published."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from tune.errors import PriceError
from tune.pricing.prices import USER, Price
from tune.pricing.published import (
    find_published,
    is_priced_host,
    least_published,
    nearest_published,
    publishers,
    searches,
)

# A stated price below this part of the published one is more likely a mistaken unit (dollars per
# token or per thousand) than a discount.
_LEAST_SHARE = 100


def base_url_or_default(base_url: str | None) -> str | None:
    """Return the base URL that calls go to: the given one, else that in OPENAI_BASE_URL.

    None stands for OpenAI's own.
    """
    return base_url or os.environ.get("OPENAI_BASE_URL") or None


def find_price(
    model: str,
    prices: Mapping[str, Price],
    *,
    base_url: str | None = None,
    tier: str = "",
) -> Price:
    """Return the price of a model: as stated by the user, else as published.

    Args:
        model: the model's name as the service knows it.
        prices: prices that the user stated, by model; they hold for every service and tier.
        base_url: where the model is served; None is the environment's OPENAI_BASE_URL, else
            OpenAI. A host that is in no price list has no known price, whatever the model's name.
        tier: the service tier that is asked for ("flex", "priority"); "" is the standard one.

    Raises:
        PriceError: there is no price for exactly this name. The message holds the nearest name and
            the line to add.
    """
    if model in prices:
        return prices[model]
    url = base_url_or_default(base_url)
    found = find_published(model, url, tier)
    if found is None:
        raise PriceError(_explain_unknown(model, url, tier))
    return found


def check_stated(model: str, price: Price, *, base_url: str | None = None) -> None:
    """Refuse a stated price far below the published one, unless the user confirmed it.

    Raises:
        PriceError: the price is below a hundredth of the published one. The message says how to
            confirm it.
    """
    # Loading the table takes half a second, and a name of one word is no published model's.
    named_like_a_model = re.search(r"[\d/-]", model)
    if price.source != USER or price.notional or not named_like_a_model:
        return
    url = base_url_or_default(base_url)
    known = is_priced_host(url)
    if not known and not (price.input or price.output):
        return  # the user's own server, which costs nothing
    # A server that we do not know may serve any published model.
    published = find_published(model, url, "") if known else least_published(model)
    if published is None or not _is_far_below(price, published):
        return
    raise PriceError(
        f"the price of model {model!r} is stated as {price.describe()}, below a hundredth of the "
        f"published {published.describe()}: state dollars per million tokens, or confirm it with "
        f"--price {model}={price.input:g}/{price.output:g},confirmed"
    )


def _is_far_below(price: Price, published: Price) -> bool:
    """Tell whether a rate is below a hundredth of the published one."""
    cheap_input = price.input * _LEAST_SHARE < published.input
    cheap_output = price.output * _LEAST_SHARE < published.output
    return cheap_input or cheap_output


def _explain_unknown(model: str, url: str | None, tier: str) -> str:
    """Return a sentence: no price is known, this name is near, and this line can be added."""
    # Only the host is shown: user, password and query of a URL may be secret.
    host = "" if url is None else f" at {urlsplit(url).hostname}"
    in_tier = f" in the tier {tier!r}" if tier else ""
    sentence = f"no price is known for model {model!r}{host}{in_tier}"
    near = nearest_published(model, url)
    elsewhere = publishers(model) if is_priced_host(url) else []
    if elsewhere and not tier:
        # Another vendor's name, called at the default host, is the usual mistake.
        sentence += (
            f" (a price for this name is published by {', '.join(elsewhere)}: if that model is "
            f"meant, name its endpoint with --base-url)"
        )
    elif near is not None:
        name, price = near
        rates = price.describe().partition(" (")[0]
        sentence += (
            f" (the nearest published name is {name!r} with {rates}, but a near name may cost "
            f"more: if it costs the same, add --price {model}={price.input:g}/{price.output:g})"
        )
    if searches(model):
        form, fee = "IN/OUT+FEE", ", and dollars of the search in each request"
    else:
        form, fee = "IN/OUT", ""
    return (
        f"{sentence}: add --price {model}={form} "
        f"(dollars per million tokens{fee}; 0/0 if it costs nothing)"
    )
