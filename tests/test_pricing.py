from __future__ import annotations

import math
import subprocess
import sys
from datetime import UTC, date, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.errors import PriceError
from tune.pricing import PICODOLLARS, Price, find_price, parse_price, to_dollars, to_picodollars

OPENAI = "https://api.openai.com/v1"

RATES = st.floats(0, 1000) | st.integers(0, 10**6).map(lambda micros: micros / 10**4)
PLAIN = st.builds(Price, RATES, RATES, st.none() | RATES, st.none() | RATES)


@st.composite
def tiered(draw: st.DrawFn) -> Price:
    base = draw(PLAIN)
    starts = sorted(draw(st.sets(st.integers(0, 10**6), max_size=3)))
    longer = tuple((start, draw(PLAIN)) for start in starts)
    return Price(base.input, base.output, base.cached_input, base.cache_write, long=longer)


TOKENS = st.integers(0, 2 * 10**6)


# Arithmetic


def test_a_call_costs_what_its_tokens_cost() -> None:
    price = Price(0.10, 0.40)
    assert price.cost(1_000_000, 0) == PICODOLLARS // 10
    assert price.cost(0, 1_000_000) == PICODOLLARS * 4 // 10
    assert price.cost(123, 45) == 123 * 100_000 + 45 * 400_000


def test_cached_tokens_have_their_own_price() -> None:
    assert Price(1.0, 0.0, cached_input=0.25).cost(100, 0, 60) == 40 * 1_000_000 + 60 * 250_000
    assert Price(1.0, 0.0).cost(100, 0, 60) == 100 * 1_000_000


def test_a_bill_counts_what_was_written_to_a_cache() -> None:
    price = Price(1.0, 2.0, cached_input=0.5, cache_write=1.25)
    assert price.bill(100, 10) == price.cost(100, 10) == 100 * 1_000_000 + 10 * 2_000_000
    assert price.bill(100, 10, 0, 100) == 100 * 1_250_000 + 10 * 2_000_000 == price.ceiling(100, 10)
    assert price.bill(100, 0, 60, 30) == 10 * 1_000_000 + 60 * 500_000 + 30 * 1_250_000
    assert price.bill(100, 0, 100) == 100 * 500_000


def test_a_long_prompt_is_billed_as_a_whole_at_its_own_price() -> None:
    price = Price(1.0, 2.0, long=((1000, Price(3.0, 5.0)), (2000, Price(4.0, 4.0))))
    assert price.cost(1000, 1) == 1000 * 1_000_000 + 2_000_000
    assert price.cost(1001, 1) == 1001 * 3_000_000 + 5_000_000
    assert price.cost(2001, 1) == 2001 * 4_000_000 + 4_000_000


def test_a_ceiling_takes_the_dearest_price_that_the_prompt_can_reach() -> None:
    price = Price(1.0, 2.0, long=((1000, Price(3.0, 50.0)), (2000, Price(4.0, 4.0))))
    assert price.ceiling(1000, 10) == 1000 * 1_000_000 + 10 * 2_000_000
    assert price.ceiling(2001, 10_000) == 2001 * 3_000_000 + 10_000 * 50_000_000


def test_more_cached_tokens_than_prompt_tokens_make_nothing_cheaper_than_free() -> None:
    price = Price(1.0, 1.0, cached_input=0.0)
    assert price.cost(10, 0, 99) == 0
    assert price.cost(10, 0, -5) == price.cost(10, 0)


@given(
    price=tiered(),
    prompt=TOKENS,
    completion=TOKENS,
    more=st.tuples(TOKENS, TOKENS),
    cached=TOKENS,
    written=TOKENS,
)
def test_no_call_costs_more_than_its_ceiling(
    price: Price, prompt: int, completion: int, more: tuple[int, int], cached: int, written: int
) -> None:
    ceiling = price.ceiling(prompt + more[0], completion + more[1])
    assert price.bill(prompt, completion, min(cached, prompt), written) <= ceiling
    assert price.cost(prompt, completion, min(cached, prompt)) <= ceiling


@given(price=tiered(), prompt=TOKENS, completion=TOKENS, cached=TOKENS)
def test_a_bill_is_at_least_the_cost_at_list_price(price: Price, prompt: int, completion: int, cached: int) -> None:
    assert 0 <= price.cost(prompt, completion, cached) <= price.bill(prompt, completion, cached)


@given(price=PLAIN, counts=st.lists(st.tuples(TOKENS, TOKENS), max_size=5))
def test_costs_add_up_exactly(price: Price, counts: list[tuple[int, int]]) -> None:
    total = price.cost(sum(prompt for prompt, _ in counts), sum(completion for _, completion in counts))
    assert sum(price.cost(prompt, completion) for prompt, completion in counts) == total


@given(given_=st.integers(0, 10**8), taken=st.integers(0, 10**8), prompt=TOKENS, completion=TOKENS)
def test_prices_with_six_decimals_are_exact(given_: int, taken: int, prompt: int, completion: int) -> None:
    cost = Price(given_ / 10**6, taken / 10**6).cost(prompt, completion)
    assert cost == Fraction(prompt * given_ + completion * taken, 10**12) * PICODOLLARS


@given(st.integers(0, 10**12))
def test_dollars_in_micros_survive_the_way_there_and_back(micros: int) -> None:
    picodollars = to_picodollars(micros / 10**6)
    assert picodollars == micros * 10**6
    assert to_dollars(picodollars) == pytest.approx(micros / 10**6)


def test_dollars_are_rounded_up() -> None:
    assert to_picodollars(1.5e-12) == 2
    assert to_picodollars(5) == 5 * PICODOLLARS


@pytest.mark.parametrize("bad", [-0.1, math.inf, math.nan, 2e5])
@pytest.mark.parametrize("field", ["input", "output", "cached_input", "cache_write"])
def test_a_price_that_cannot_be_is_refused(bad: float, field: str) -> None:
    with pytest.raises(PriceError, match=f"dollars per million tokens.*{field}="):
        Price(**{"input": 1.0, "output": 1.0, field: bad})


def test_only_a_local_price_is_notional() -> None:
    assert Price(0.1, 0.2, source="notional").notional
    assert not Price(0.0, 0.0).notional


# What users state


@pytest.mark.parametrize(
    ("text", "model", "price"),
    [
        ("gpt-4.1-nano=0.10/0.40", "gpt-4.1-nano", Price(0.1, 0.4)),
        ("org/model:7b=0/0", "org/model:7b", Price(0.0, 0.0)),
        ("name=with=equals=1/2", "name=with=equals", Price(1.0, 2.0)),
        (" spaced = 1 / 2 ", "spaced", Price(1.0, 2.0)),
    ],
)
def test_a_price_is_read_as_people_write_it(text: str, model: str, price: Price) -> None:
    assert parse_price(text) == (model, price)


@pytest.mark.parametrize("text", ["", "model", "model=", "model=1", "model=1/", "model=a/b", "=1/2", " =1/2", "1/2"])
def test_what_is_no_price_is_refused_with_the_form_to_use(text: str) -> None:
    with pytest.raises(PriceError, match="MODEL=IN/OUT"):
        parse_price(text)


@pytest.mark.parametrize("text", ["m=-1/2", "m=nan/1", "m=1/inf"])
def test_a_number_that_is_no_price_is_refused(text: str) -> None:
    with pytest.raises(PriceError, match="dollars per million tokens"):
        parse_price(text)


def test_what_the_user_states_comes_first() -> None:
    mine = Price(9.0, 9.0)
    assert find_price("gpt-4.1-nano", {"gpt-4.1-nano": mine}) is mine
    assert find_price("mine", {"mine": mine}, base_url="http://localhost:8000/v1", tier="flex") is mine


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
    assert find_price("gpt-4.1-nano-2025-04-14", {}) == find_price("gpt-4.1-nano", {}, base_url=OPENAI)


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
    standard, flex, priority = (find_price("gpt-5", {}, tier=tier) for tier in ("", "flex", "priority"))
    assert flex.input < standard.input < priority.input
    assert flex.output < standard.output < priority.output
    assert find_price("gpt-5", {}, tier="default") == find_price("gpt-5", {}, tier="auto") == standard


def test_a_price_that_depends_on_the_hour_is_the_dearest_of_the_day() -> None:
    from genai_prices import Usage, calc_price

    price = find_price("deepseek-chat", {}, base_url="https://api.deepseek.com/v1")
    million = Usage(input_tokens=10**6, output_tokens=10**6)
    hours = [datetime.now(UTC).replace(hour=hour) for hour in range(24)]
    dearest = max(
        calc_price(million, "deepseek-chat", provider_id="deepseek", genai_request_timestamp=hour).total_price
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
def test_a_server_of_ones_own_never_has_the_price_of_a_hosted_model(model: str, base_url: str) -> None:
    with pytest.raises(PriceError, match=f"add --price {model}=IN/OUT"):
        find_price(model, {}, base_url=base_url)


@pytest.mark.parametrize(
    ("model", "base_url", "tier"),
    [
        ("no-such-model", None, ""),
        ("text-embedding-3-small", None, ""),  # has no price for what it would say
        ("gpt-4.1-nano", None, "no-such-tier"),
        ("sonar", "https://api.perplexity.ai", ""),  # asks a fee for each request
        ("local:smollm2", None, ""),
    ],
)
def test_a_model_without_a_known_price_is_refused_with_the_line_to_add(
    model: str, base_url: str | None, tier: str
) -> None:
    with pytest.raises(PriceError, match=r"no price is known") as error:
        find_price(model, {}, base_url=base_url, tier=tier)
    assert f"--price {model}=IN/OUT" in str(error.value)
    assert "\n" not in str(error.value)


def test_the_refusal_shows_no_secret_of_the_url() -> None:
    with pytest.raises(PriceError, match=r"at llm\.example\.org") as error:
        find_price("m", {}, base_url="https://me:hunter2@llm.example.org/v1?key=hunter3")
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
            assert price.ceiling(10**6, 10**5) >= price.bill(10**6, 10**5) >= price.cost(10**6, 10**5) > 0
    assert found > 40


def test_the_table_is_loaded_only_by_those_who_need_it() -> None:
    script = (
        "import sys\n"
        "from tune.pricing import Price, find_price\n"
        "find_price('mine', {'mine': Price(1, 2)})\n"
        "sys.exit('genai_prices' in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
