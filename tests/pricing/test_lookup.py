"""Published prices: which name has which price, at which place; and which names are asked about."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime

import pytest

from tune.errors import PriceError
from tune.pricing.lookup import check_stated, find_price
from tune.pricing.prices import CONFIRMED, Price, to_dollars

OPENAI = "https://api.openai.com/v1"
ANTHROPIC = "https://api.anthropic.com/v1/"
GEMINI = "https://generativelanguage.googleapis.com/v1beta/openai/"
OPENROUTER = "https://openrouter.ai/api/v1"
MISTRAL = "https://api.mistral.ai/v1"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


def test_what_the_user_states_comes_first() -> None:
    mine = Price(9.0, 9.0)
    assert find_price("gpt-4.1-nano", {"gpt-4.1-nano": mine}) is mine
    assert (
        find_price(
            "mine", {"mine": mine}, base_url="http://localhost:8000/v1", tier="flex"
        )
        is mine
    )


def test_a_price_of_zero_may_be_said() -> None:
    assert find_price("mine", {"mine": Price(0.0, 0.0)}).ceiling(10**6, 10**6) == 0


# What is published


def test_a_published_price_has_its_source_and_date() -> None:
    price = find_price("gpt-4.1-nano", {})
    assert (price.input, price.output, price.cached_input) == (0.1, 0.4, 0.025)
    assert price.source.startswith("genai-prices ")
    assert date(2025, 1, 1) < date.fromisoformat(price.date) <= date.today()
    assert not price.notional


def test_a_dated_name_has_the_price_of_its_model() -> None:
    assert find_price("gpt-4.1-nano-2025-04-14", {}) == find_price(
        "gpt-4.1-nano", {}, base_url=OPENAI
    )


def test_long_prompts_and_cache_writes_have_their_published_prices() -> None:
    price = find_price("gpt-5.6-sol", {})
    assert price.cache_write is not None
    assert price.cache_write > price.input
    ((start, longer),) = price.long
    assert start > 100_000
    assert longer.input > price.input
    assert longer.output > price.output
    assert price.ceiling(start, 1000) < price.ceiling(start + 1, 1000)


def test_a_tier_has_its_published_price() -> None:
    standard, flex, priority = (
        find_price("gpt-5", {}, tier=tier) for tier in ("", "flex", "priority")
    )
    assert flex.input < standard.input < priority.input
    assert flex.output < standard.output < priority.output
    assert (
        find_price("gpt-5", {}, tier="default")
        == find_price("gpt-5", {}, tier="auto")
        == standard
    )


def test_a_price_that_depends_on_the_hour_is_the_dearest_of_the_day() -> None:
    from genai_prices import Usage, calc_price

    price = find_price("deepseek-chat", {}, base_url="https://api.deepseek.com/v1")
    million = Usage(input_tokens=10**6, output_tokens=10**6)
    hours = [datetime.now(UTC).replace(hour=hour) for hour in range(24)]
    dearest = max(
        calc_price(
            million,
            "deepseek-chat",
            provider_id="deepseek",
            genai_request_timestamp=hour,
        ).total_price
        for hour in hours
    )
    assert to_dollars(price.cost(10**6, 10**6)) == pytest.approx(float(dearest))


@pytest.mark.parametrize(
    ("model", "base_url"),
    [
        ("gemini-2.5-pro", "https://generativelanguage.googleapis.com/v1beta/openai/"),
        ("llama-3.3-70b-versatile", "https://api.groq.com/openai/v1"),
        ("openai/gpt-4o", "https://openrouter.ai/api/v1"),
        ("gpt-4o", "https://someone.openai.azure.com/openai/v1/"),
        ("claude-sonnet-4-5", "https://api.anthropic.com/v1/"),
        ("gpt-4.1-nano", "https://user:secret@api.openai.com:443/v1"),
    ],
)
def test_a_known_host_has_published_prices(model: str, base_url: str) -> None:
    price = find_price(model, {}, base_url=base_url)
    assert price.input > 0
    assert price.output > 0


@pytest.mark.parametrize(
    "base_url",
    [
        "http://localhost:8000/v1",
        "http://127.0.0.1:11434/v1",
        "https://llm.example.org/v1",
        "https://proxy.example.org/api.openai.com/v1",
        "https://proxy.example.org/generativelanguage.googleapis.com/v1",
        "https://api.openai.com.example.org/v1",
        "https://api.openai.com@example.org/v1",
        "https://mine--server.modal.run/v1",
    ],
)
@pytest.mark.parametrize("model", ["gpt-4.1-nano", "gemini-2.5-pro", "zai-org/GLM-5.3"])
def test_a_server_of_ones_own_never_has_the_price_of_a_hosted_model(
    model: str, base_url: str
) -> None:
    with pytest.raises(PriceError, match=f"add --price {model}=IN/OUT"):
        find_price(model, {}, base_url=base_url)


@pytest.mark.parametrize(
    ("model", "base_url", "tier"),
    [
        ("no-such-model", None, ""),
        ("text-embedding-3-small", None, ""),  # has no price for what it would say
        ("gpt-4.1-nano", None, "no-such-tier"),
        ("sonar-deep-research", "https://api.perplexity.ai", ""),  # bills what it cites
        (
            "gpt-5-search-api",
            None,
            "",
        ),  # bills its searches, at a price that is not in the table
        ("local:smollm2", None, ""),
    ],
)
def test_a_model_without_a_known_price_is_refused_with_the_line_to_add(
    model: str, base_url: str | None, tier: str
) -> None:
    with pytest.raises(PriceError, match=r"no price is known") as error:
        find_price(model, {}, base_url=base_url, tier=tier)
    assert f": add --price {model}=IN/OUT" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("model", "vendor"),
    [("claude-sonnet-4-5", "Anthropic"), ("gemini-2.5-pro", "Google")],
)
def test_a_name_of_another_vendor_is_told_where_it_is_served(
    model: str, vendor: str
) -> None:
    with pytest.raises(PriceError, match=r"published by") as error:
        find_price(model, {})
    assert vendor in str(error.value)
    assert "--base-url" in str(error.value)
    # A server that we do not know may call anything by that name.
    with pytest.raises(PriceError) as unknown:
        find_price(model, {}, base_url="https://llm.example.org/v1")
    assert vendor not in str(unknown.value)


def test_the_refusal_shows_no_secret_of_the_url() -> None:
    with pytest.raises(PriceError, match=r"at llm\.example\.org") as error:
        find_price(
            "m", {}, base_url="https://me:hunter2@llm.example.org/v1?key=hunter3"
        )
    assert "hunter" not in str(error.value)


def test_every_published_model_has_a_price_or_is_refused() -> None:
    from genai_prices import data_snapshot

    found = 0
    for provider in data_snapshot.get_snapshot().providers:
        if provider.id != "openai":
            continue
        for model in provider.models:
            try:
                price = find_price(model.id, {})
            except PriceError:
                continue
            found += 1
            assert (
                price.ceiling(10**6, 10**5)
                >= price.bill(10**6, 10**5)
                >= price.cost(10**6, 10**5)
                > 0
            )
    assert found > 40


def test_the_table_is_loaded_only_by_those_who_need_it() -> None:
    script = (
        "import sys\n"
        "from tune.pricing.prices import Price\n"
        "from tune.pricing.lookup import find_price\n"
        "find_price('mine', {'mine': Price(1, 2)})\n"
        "sys.exit('genai_prices' in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


# Names


@pytest.mark.parametrize(
    ("model", "base_url", "matched", "rates"),
    [
        ("gpt-4.1-nano", None, "openai/gpt-4.1-nano", (0.1, 0.4)),
        ("GPT-4.1-nano", None, "openai/gpt-4.1-nano", (0.1, 0.4)),
        ("gpt-4.1-nano-2025-04-14", None, "openai/gpt-4.1-nano", (0.1, 0.4)),
        ("openai/gpt-4.1-mini", None, "openai/gpt-4.1-mini", (0.4, 1.6)),
        ("gpt-6-luna-2026-10-01", None, "openai/gpt-6-luna", (0.1, 0.5)),
        (
            "gpt-4o",
            "https://mine.openai.azure.com/openai/v1/",
            "openai/gpt-4o",
            (2.5, 10.0),
        ),
        ("models/gemini-2.5-flash", GEMINI, "google/gemini-2.5-flash", (0.3, 2.5)),
        ("gemini-2.5-pro", GEMINI, "google/gemini-2.5-pro", (1.25, 10.0)),
        (
            "anthropic/claude-sonnet-4-5",
            ANTHROPIC,
            "anthropic/claude-sonnet-4-5",
            (3.0, 15.0),
        ),
        (
            "claude-sonnet-4-5-20250929",
            ANTHROPIC,
            "anthropic/claude-sonnet-4-5",
            (3.0, 15.0),
        ),
        (
            "claude-sonnet-4-5-latest",
            ANTHROPIC,
            "anthropic/claude-sonnet-4-5",
            (3.0, 15.0),
        ),
        ("mistral-large-2411", MISTRAL, "mistral/mistral-large", (2.0, 6.0)),
        ("openai/gpt-4o", OPENROUTER, "openrouter/openai/gpt-4o", (2.5, 10.0)),
        ("openai/gpt-4o:floor", OPENROUTER, "openrouter/openai/gpt-4o", (2.5, 10.0)),
        # Fine-tuned models cost more than those that they come from.
        ("ft:gpt-4.1-mini-2025-04-14:org::id", None, "ft:gpt-4.1-mini", (0.8, 3.2)),
        ("ft:gpt-4o-mini-2024-07-18:org:name:id", None, "ft:gpt-4o-mini", (0.3, 1.2)),
    ],
)
def test_a_name_matches_exactly_or_as_a_dated_alias_and_what_it_matched_is_kept(
    model: str, base_url: str | None, matched: str, rates: tuple[float, float]
) -> None:
    price = find_price(model, {}, base_url=base_url)
    assert (price.matched, price.input, price.output) == (matched, *rates)
    assert f": {matched})" in price.describe()


@pytest.mark.parametrize(
    ("model", "base_url", "near"),
    [
        ("o4-mini-high", None, "'o4-mini' with $1.10 in, $4.40 out"),
        ("o4-mini-high", "https://mine.openai.azure.com/openai/v1/", "'o4-mini'"),
        ("claude-opus-4-1-fast", ANTHROPIC, "'claude-opus-4-1'"),
        ("claude-sonnet-4-50", ANTHROPIC, "'claude-sonnet-4-5'"),
        ("claude-sonnet-4-5-20991231", ANTHROPIC, "'claude-sonnet-4-5'"),
        ("gemini-2.5-pro-deep-think", GEMINI, "'gemini-2.5-pro'"),
        ("models/gemini-2.5-pro-deep-think", GEMINI, "'gemini-2.5-pro'"),
        ("gpt-4.1-nano-2099-04-14", None, "'gpt-4.1-nano'"),
        ("gpt-4.1-nano-20990414", None, "'gpt-4.1-nano'"),
        ("gpt-4.1-nano-2025-13-14", None, "'gpt-4.1-nano'"),
        ("mistral-large-9811", MISTRAL, "'mistral-large'"),
        ("gpt-4.1-ultra", None, "'gpt-4.1'"),
        ("openai/gpt-4.1-mini-high", None, "'gpt-4.1-mini'"),
        ("openai/gpt-4o:nitro", OPENROUTER, "'openai/gpt-4o'"),
        ("ft:gpt-4.1-mega-2025-04-14:org::id", None, "'gpt-4.1'"),
    ],
)
def test_a_near_name_is_asked_about(
    model: str, base_url: str | None, near: str
) -> None:
    with pytest.raises(PriceError, match=r"no price is known") as error:
        find_price(model, {}, base_url=base_url)
    said = str(error.value)
    assert f"the nearest published name is {near}" in said
    assert f"--price {model}=IN/OUT" in said
    assert "\n" not in said


def test_the_price_is_that_of_the_place_which_the_environment_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    with pytest.raises(PriceError, match=r"at 127\.0\.0\.1: add --price gpt-4.1-nano"):
        find_price("gpt-4.1-nano", {})
    assert (
        find_price("gpt-4.1-nano", {}, base_url=OPENAI).matched == "openai/gpt-4.1-nano"
    )
    monkeypatch.setenv("OPENAI_BASE_URL", "https://api.deepseek.com/v1")
    assert find_price("deepseek-chat", {}).matched == "deepseek/deepseek-chat"


def test_a_fee_for_each_request_is_part_of_the_price() -> None:
    sonar = find_price("sonar", {}, base_url="https://api.perplexity.ai")
    assert sonar.request > 0
    assert "per request" in sonar.describe()
    assert find_price("gpt-4o-search-preview", {}).request == 0.035
    assert find_price("gpt-4o-mini-search-preview-2025-03-11", {}).request == 0.0275
    online, plain = (
        find_price(f"openai/gpt-4o{mode}", {}, base_url=OPENROUTER)
        for mode in (":online", "")
    )
    assert (online.request, plain.request) == (0.02, 0.0)


# Stated prices


@pytest.mark.parametrize(
    ("model", "base_url", "price"),
    [
        ("gpt-4.1-mini", None, Price(0.0004, 0.0016)),  # per thousand tokens
        ("gpt-4.1-mini", None, Price(0.0000004, 0.0000016)),  # per token
        ("gpt-4.1-mini", None, Price(0.4, 0.0016)),
        ("gpt-4.1-mini", None, Price(0.0, 0.0)),
        ("gpt-4.1-mini", "http://127.0.0.1:9/v1", Price(0.0004, 0.0016)),
        ("openai/gpt-4.1-mini", "http://127.0.0.1:9/v1", Price(0.0004, 0.0016)),
    ],
)
def test_a_price_far_below_the_published_one_is_asked_about(
    model: str, base_url: str | None, price: Price
) -> None:
    with pytest.raises(
        PriceError, match=r"below a hundredth of the published \$0\.40 in, \$1\.60 out"
    ) as error:
        check_stated(model, price, base_url=base_url)
    assert f"--price {model}={price.input:g}/{price.output:g},confirmed" in str(
        error.value
    )


@pytest.mark.parametrize(
    ("model", "base_url", "price"),
    [
        ("gpt-4.1-mini", None, Price(0.04, 0.16)),
        ("gpt-4.1-mini", None, Price(0.0, 0.0, source=CONFIRMED)),
        ("gpt-4.1-mini", None, Price(0.0, 0.0, source="our contract")),
        (
            "gpt-4.1-mini",
            "http://127.0.0.1:9/v1",
            Price(0.0, 0.0),
        ),  # a server of one's own
        ("my-model-7b", "http://127.0.0.1:9/v1", Price(0.0001, 0.0001)),
        ("small", None, Price(0.0001, 0.0001)),
    ],
)
def test_a_price_that_may_be_or_is_confirmed_is_taken(
    model: str, base_url: str | None, price: Price
) -> None:
    check_stated(model, price, base_url=base_url)
