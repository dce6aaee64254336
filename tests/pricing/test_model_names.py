"""Names of models: a name means an entry exactly, with a date behind it, or not at all."""

from __future__ import annotations

from datetime import date

import pytest

from tune.pricing.model_names import (
    finetuned_base,
    match_entry,
    nearest_name,
    without_prefixes,
)

TODAY = date(2026, 11, 28)
ENTRIES = {"gpt-4.1": "A", "gpt-4.1-mini": "B", "mistral-large": "C", "flash": "D"}


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("gpt-4.1", "A"),
        ("gpt-4.1-2025-04-14", "A"),
        ("gpt-4.1-20250414", "A"),
        ("gpt-4.1@20250414", "A"),
        ("gpt-4.1-0414", "A"),
        ("gpt-4.1-0229", "A"),
        ("mistral-large-2411", "C"),
        ("flash-latest", "D"),
        ("flash-001", "D"),
        ("gpt-4.1-20991231", None),
        ("gpt-4.1-2025-13-14", None),
        ("gpt-4.1-2019-01-01", None),
        ("mistral-large-9811", None),
        ("flash-101", None),
        ("gpt-4.1-ultra", None),
        ("gpt", None),
    ],
)
def test_a_name_means_an_entry_exactly_or_with_a_version_behind_it(
    name: str, entry: str | None
) -> None:
    assert match_entry(name, ENTRIES, TODAY) == entry


def test_a_version_of_today_exists_and_one_of_tomorrow_does_not() -> None:
    assert match_entry("gpt-4.1-20261128", ENTRIES, TODAY) == "A"
    assert match_entry("gpt-4.1-20261129", ENTRIES, TODAY) is None


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("gpt-4.1-mini-x", "gpt-4.1-mini"),
        ("mistral-lage", "mistral-large"),
        ("llama", None),
    ],
)
def test_the_nearest_name_is_the_longest_beginning_else_a_likeness(
    name: str, near: str | None
) -> None:
    assert nearest_name(name, ENTRIES) == near


def test_a_name_is_tried_as_it_stands_and_without_each_prefix() -> None:
    assert without_prefixes(" OpenAI/GPT-4 ", ("openai", "google")) == [
        "openai/gpt-4",
        "gpt-4",
    ]
    assert without_prefixes("models/x", ("models", "openai")) == ["models/x", "x"]


def test_a_fine_tuned_name_holds_its_base() -> None:
    assert (
        finetuned_base("ft:gpt-4.1-mini-2025-04-14:org::id")
        == "gpt-4.1-mini-2025-04-14"
    )
    assert finetuned_base("gpt-4.1-mini") is None
    assert finetuned_base("ft") is None
