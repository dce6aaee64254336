"""The published price of a name at a host."""

from __future__ import annotations

import pytest

from tune.pricing.published import (
    find_published,
    is_priced_host,
    least_published,
    nearest_published,
    searches,
)

OPENROUTER = "https://openrouter.ai/api/v1"


@pytest.mark.parametrize(
    ("model", "base_url", "matched"),
    [
        ("gpt-4.1-nano", None, "openai/gpt-4.1-nano"),
        ("openai/gpt-4.1-nano", None, "openai/gpt-4.1-nano"),
        (
            "gpt-4.1-nano",
            "https://mine.openai.azure.com/openai/v1",
            "openai/gpt-4.1-nano",
        ),
        ("openai/gpt-4o:floor", OPENROUTER, "openrouter/openai/gpt-4o"),
        ("ft:gpt-4o:org::id", None, "ft:gpt-4o"),
        ("gpt-4.1-nano", "http://localhost:8000/v1", None),
        ("o4-mini-high", None, None),
        ("gpt-5-search-api", None, None),
    ],
)
def test_a_name_has_the_price_of_the_entry_that_it_means(
    model: str, base_url: str | None, matched: str | None
) -> None:
    price = find_published(model, base_url, "")
    assert (None if price is None else price.matched) == matched


def test_a_fine_tuned_model_has_a_price_in_the_usual_tier_alone() -> None:
    assert find_published("ft:gpt-4o:org::id", None, "flex") is None


def test_a_search_adds_its_fee() -> None:
    plain = find_published("openai/gpt-4o", OPENROUTER, "")
    online = find_published("openai/gpt-4o:online", OPENROUTER, "")
    assert plain is not None
    assert online is not None
    assert online.request - plain.request == pytest.approx(0.02)


def test_the_nearest_name_comes_with_its_price() -> None:
    near = nearest_published("gpt-4.1-ultra", None)
    assert near is not None
    assert (near[0], near[1].matched) == ("gpt-4.1", "openai/gpt-4.1")
    assert nearest_published("gpt-5-search-api-x", None) is None, (
        "a search has a fee of its own"
    )
    assert nearest_published("gpt-4.1-ultra", "http://localhost/v1") is None


def test_the_least_price_of_a_name_is_over_all_providers() -> None:
    least = least_published("gpt-4.1-mini")
    openai = find_published("gpt-4.1-mini", None, "")
    assert least is not None
    assert openai is not None
    assert least.input + least.output <= openai.input + openai.output
    assert least_published("no-such-model") is None


def test_hosts_and_searches_are_told_apart() -> None:
    assert is_priced_host(None)
    assert not is_priced_host("http://localhost/v1")
    assert searches("sonar-deep-research")
    assert not searches("gpt-4.1")
