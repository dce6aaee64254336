"""The table that genai-prices ships: its providers, and the price of an entry today."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tune.pricing.price_table import (
    find_provider,
    price_today,
    providers,
    whole_names,
    with_fallbacks,
)


@pytest.mark.parametrize(
    ("base_url", "provider"),
    [
        ("https://api.openai.com/v1", "openai"),
        ("https://user:secret@api.openai.com:443/v1", "openai"),
        ("https://mine.openai.azure.com/openai/v1", "azure"),
        ("https://openrouter.ai/api/v1", "openrouter"),
        ("http://localhost:8000/v1", None),
        ("https://api.openai.com.example.org/v1", None),
        ("https://proxy.example.org/api.openai.com/v1", None),
        ("https://mine--server.modal.run/v1", None),
    ],
)
def test_a_provider_is_found_by_its_host(base_url: str, provider: str | None) -> None:
    found = find_provider(base_url)
    assert (None if found is None else found.id) == provider


def test_a_provider_serves_models_of_others_at_their_prices() -> None:
    azure = find_provider("https://mine.openai.azure.com/openai/v1")
    assert azure is not None
    assert [each.id for each in with_fallbacks(azure)][:2] == ["azure", "openai"]


def test_the_price_of_an_entry_depends_on_the_tier() -> None:
    openai = next(provider for provider in providers() if provider.id == "openai")
    model = next(model for model in openai.models if model.id == "gpt-5")
    standard, flex = price_today(model, ""), price_today(model, "flex")
    assert standard is not None
    assert flex is not None
    assert flex.output < standard.output
    assert price_today(model, "no-such-tier") is None
    assert standard.source.startswith("genai-prices ")


def test_whole_names_are_read_out_of_nested_clauses() -> None:
    clause = SimpleNamespace(
        or_=[
            SimpleNamespace(equals="gpt-5"),
            SimpleNamespace(starts_with="gpt-5-"),
            SimpleNamespace(or_=[SimpleNamespace(contains="@x/")]),
            SimpleNamespace(regex="gpt.*"),
        ]
    )
    assert list(whole_names(clause)) == ["gpt-5", "gpt-5", "x"]
