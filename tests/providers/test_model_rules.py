"""Rules of hosted models: the table is read for the vendor's own endpoint alone."""

from __future__ import annotations

import json
from datetime import date
from importlib.resources import files

import pytest

from tune.providers.entries import Entry
from tune.providers.model_rules import EFFORTS, VENDORS, find_rules, find_vendor

TABLE = json.loads(files("tune.providers").joinpath("model_rules.json").read_text())


def entry(model: str, base_url: str | None = None) -> Entry:
    return Entry("m", model, base_url=base_url)


def test_a_reasoning_model_takes_no_temperature_and_lists_its_efforts() -> None:
    rules = find_rules(entry("o3"))
    assert rules is not None
    assert rules.sampling == "no"
    assert rules.reasoning == "always"
    assert rules.efforts == ("low", "medium", "high")
    assert rules.ends == date(2026, 12, 11)
    assert rules.successor == "gpt-5.6-sol"


def test_a_model_that_may_reason_takes_a_temperature_only_without() -> None:
    rules = find_rules(entry("gpt-5.4-mini"))
    assert rules is not None
    assert (rules.sampling, rules.reasoning) == ("without reasoning", "on request")
    assert rules.efforts is not None
    assert "none" in rules.efforts


def test_a_classic_model_takes_what_its_vendor_takes() -> None:
    rules = find_rules(entry("gpt-4o-mini"))
    assert rules is not None
    assert (rules.sampling, rules.efforts) == ("yes", ())
    assert (rules.temperature, rules.most_n, rules.most_stops) == ((0, 2), 128, 4)


@pytest.mark.parametrize(
    ("model", "base_url", "vendor"),
    [
        ("claude-sonnet-5-5", "https://api.anthropic.com/v1", "anthropic"),
        (
            "models/gemini-2.5-flash",
            "https://generativelanguage.googleapis.com/v1beta/openai",
            "gemini",
        ),
        ("kimi-k3", "https://api.moonshot.ai/v1", "moonshot"),
    ],
)
def test_a_vendor_is_known_by_its_host(model: str, base_url: str, vendor: str) -> None:
    rules = find_rules(entry(model, base_url))
    assert rules is not None
    assert rules.vendor == vendor


@pytest.mark.parametrize(
    "base_url",
    ["http://127.0.0.1:8000/v1", "https://openrouter.ai/api/v1", "https://api.x.ai/v1"],
)
def test_another_host_may_have_rules_of_its_own(base_url: str) -> None:
    assert find_rules(entry("o3", base_url)) is None


def test_a_model_in_this_process_has_no_vendor() -> None:
    assert find_vendor(entry("local:smollm2")) is None


def test_every_record_of_the_table_can_be_read() -> None:
    hosts = {vendor.name: vendor.hosts[0] for vendor in VENDORS}
    assert len(TABLE["models"]) > 200
    for key in TABLE["models"]:
        vendor, _, name = key.partition("/")
        rules = find_rules(entry(name, f"https://{hosts[vendor]}/v1"))
        assert rules is not None
        assert rules.sampling in ("yes", "without reasoning", "no")
        assert rules.reasoning in ("", "always", "by default", "on request")
        assert set(rules.efforts or ()) <= set(EFFORTS)
        assert rules.most_output is None or rules.most_output > 0
