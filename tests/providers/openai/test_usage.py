"""The bill of an answer is its largest consistent reading: a property, and a table of bodies as
vendors send them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.completion import Message, Request
from tune.pricing.prices import PICODOLLARS, Price
from tune.providers.billing import bill_call
from tune.providers.openai.response import parse_response
from tune.providers.openai.usage import Usage, VisibleChoice, read_usage

CAP, MOST = 200, 400
PRICE = Price(1.0, 10.0, cached_input=0.1, cache_write=1.25)
IN, OUT, READ, WRITE = 1_000_000, 10_000_000, 100_000, 1_250_000
"""Picodollars of a token: of the prompt, of an answer, read from a cache, written to a cache."""


# Recorded bodies


@dataclass(frozen=True)
class Recorded:
    """A usage as a vendor sends it, and the vendor's bill of it worked by hand, in picodollars.

    Attributes:
        texts: the choices' texts.
        more: fields of the body beside `usage` and `choices`.
        told: a word of what is told about it; "" where it is honest and nothing is.
    """

    usage: dict[str, Any]
    bill: int
    texts: tuple[str, ...] = ("Paris",)
    more: dict[str, Any] = field(default_factory=dict)
    told: str = ""


RECORDED = {
    # platform.openai.com, reasoning guide: completion_tokens has the reasoning inside.
    "OpenAI, reasoning": Recorded(
        {
            "prompt_tokens": 32,
            "completion_tokens": 103,
            "total_tokens": 135,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 94,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
        32 * IN + 103 * OUT,
    ),
    # A cache read is cheap, a write is dear, and both are inside prompt_tokens.
    "OpenAI, cache": Recorded(
        {
            "prompt_tokens": 300,
            "completion_tokens": 9,
            "total_tokens": 309,
            "prompt_tokens_details": {"cached_tokens": 128, "cache_write_tokens": 100},
        },
        72 * IN + 128 * READ + 100 * WRITE + 9 * OUT,
    ),
    # One count covers all choices, and the prompt is paid once.
    "OpenAI, three choices": Recorded(
        {"prompt_tokens": 20, "completion_tokens": 12, "total_tokens": 32},
        20 * IN + 12 * OUT,
        texts=("Paris it is", "Paris", "It is Paris"),
    ),
    # docs.x.ai: reasoning is beside completion_tokens, and inside total_tokens.
    "xAI": Recorded(
        {
            "prompt_tokens": 32,
            "completion_tokens": 9,
            "total_tokens": 135,
            "prompt_tokens_details": {
                "text_tokens": 32,
                "audio_tokens": 0,
                "image_tokens": 0,
                "cached_tokens": 6,
            },
            "completion_tokens_details": {"reasoning_tokens": 94, "audio_tokens": 0},
            "num_sources_used": 0,
        },
        26 * IN + 6 * READ + (9 + 94) * OUT,
        told="total tokens are 135",
    ),
    # docs.x.ai, cost tracking: 10^10 ticks are a dollar, so 37,756,000 are $0.0037756.
    "xAI, ticks": Recorded(
        {
            "prompt_tokens": 199,
            "completion_tokens": 1,
            "total_tokens": 200,
            "cost_in_usd_ticks": 37_756_000,
        },
        37_756_000 * PICODOLLARS // 10**10,
        told="it bills $0.00378 for",
    ),
    # Thoughts are in the total alone: 103 - 9 = 94 are billed as output.
    "Gemini, compatible": Recorded(
        {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 103},
        9 * IN + 94 * OUT,
        told="total tokens are 103",
    ),
    "Azure": Recorded(
        {
            "completion_tokens": 14,
            "prompt_tokens": 27,
            "total_tokens": 41,
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        },
        27 * IN + 14 * OUT,
        more={
            "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}]
        },
    ),
    # docs.anthropic.com, OpenAI SDK compatibility: details are always empty.
    "Anthropic, compatible": Recorded(
        {
            "prompt_tokens": 14,
            "completion_tokens": 5,
            "total_tokens": 19,
            "completion_tokens_details": None,
        },
        14 * IN + 5 * OUT,
    ),
    # Gateways hand on Anthropic's own counts, where the prompt's count has no cached tokens in it.
    "Anthropic, own counts": Recorded(
        {
            "input_tokens": 14,
            "output_tokens": 5,
            "cache_read_input_tokens": 100,
            "cache_creation_input_tokens": 50,
        },
        14 * IN + 100 * READ + 50 * WRITE + 5 * OUT,
    ),
    # api-docs.deepseek.com: a prompt is hits and misses; hits are cheap; reasoning is inside.
    "DeepSeek": Recorded(
        {
            "prompt_tokens": 150,
            "completion_tokens": 40,
            "total_tokens": 190,
            "prompt_tokens_details": {"cached_tokens": 128},
            "completion_tokens_details": {"reasoning_tokens": 30},
            "prompt_cache_hit_tokens": 128,
            "prompt_cache_miss_tokens": 22,
        },
        22 * IN + 128 * READ + 40 * OUT,
    ),
    # openrouter.ai/docs, usage accounting: cost is what the account is charged, in dollars.
    "OpenRouter": Recorded(
        {
            "prompt_tokens": 194,
            "completion_tokens": 2,
            "total_tokens": 196,
            "cost": 0.95,
            "is_byok": False,
            "cost_details": {"upstream_inference_cost": 19},
            "prompt_tokens_details": {
                "cached_tokens": 0,
                "cache_write_tokens": 0,
                "audio_tokens": 0,
            },
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
        95 * PICODOLLARS // 100,
        told="it bills $0.95",
    ),
    # With a key of the vendor's own, the vendor bills beside OpenRouter's fee.
    "OpenRouter, own key": Recorded(
        {
            "prompt_tokens": 194,
            "completion_tokens": 2,
            "total_tokens": 196,
            "cost": 0.01,
            "is_byok": True,
            "cost_details": {"upstream_inference_cost": 0.2},
        },
        21 * PICODOLLARS // 100,
        told="it bills $0.21",
    ),
    # docs.perplexity.ai: a fee for the request is inside total_cost.
    "Perplexity": Recorded(
        {
            "prompt_tokens": 14,
            "completion_tokens": 10,
            "total_tokens": 24,
            "search_context_size": "low",
            "cost": {
                "input_tokens_cost": 0.0,
                "output_tokens_cost": 0.0,
                "request_cost": 0.005,
                "total_cost": 0.005,
            },
        },
        5 * PICODOLLARS // 1000,
        told="it bills $0.005",
    ),
    # decolua/9router#4074: the router states the cost of the vendor under `total`.
    "9router": Recorded(
        {
            "prompt_tokens": 14,
            "completion_tokens": 10,
            "total_tokens": 24,
            "cost": {"total": 0.005},
        },
        5 * PICODOLLARS // 1000,
        told="it bills $0.005",
    ),
    # Menci/Floway#350 (a tenth of its tokens): the prompt's count leaves out the cached tokens, and
    # the total has them.
    "cache beside the prompt": Recorded(
        {
            "prompt_tokens": 48,
            "completion_tokens": 37,
            "total_tokens": 1416,
            "prompt_tokens_details": {"cached_tokens": 1331},
        },
        48 * IN + 1331 * READ + 37 * OUT,
        told="1331 tokens of a cache beside a prompt of 48",
    ),
    "less cache beside the prompt": Recorded(
        {
            "prompt_tokens": 300,
            "completion_tokens": 37,
            "total_tokens": 587,
            "prompt_tokens_details": {"cached_tokens": 250},
        },
        300 * IN + 250 * READ + 37 * OUT,
        told="250 tokens of a cache beside a prompt of 300",
    ),
    # router-for-me/CLIProxyAPI#5733, of Gemini: all of the completion is thoughts.
    "CLIProxyAPI": Recorded(
        {
            "prompt_tokens": 21,
            "completion_tokens": 0,
            "total_tokens": 81,
            "completion_tokens_details": {"reasoning_tokens": 60},
        },
        21 * IN + 60 * OUT,
        texts=("",),
        told="total tokens are 81",
    ),
    # anomalyco/opencode#28758: Ollama's cloud reports no prompt.
    "Ollama, cloud": Recorded(
        {"prompt_tokens": 0, "completion_tokens": 100, "total_tokens": 100},
        MOST * IN + 100 * OUT,
        told="prompt tokens are 0",
    ),
    "Mistral": Recorded(
        {"prompt_tokens": 16, "completion_tokens": 34, "total_tokens": 50},
        16 * IN + 34 * OUT,
        texts=("word " * 20,),
    ),
    # console.groq.com: times stand beside the counts.
    "Groq": Recorded(
        {
            "queue_time": 0.037,
            "prompt_tokens": 18,
            "prompt_time": 0.0006,
            "completion_tokens": 20,
            "completion_time": 0.463,
            "total_tokens": 38,
            "total_time": 0.464,
        },
        18 * IN + 20 * OUT,
        more={"service_tier": "on_demand", "x_groq": {"id": "req_1"}},
    ),
    "vLLM": Recorded(
        {
            "prompt_tokens": 11,
            "total_tokens": 17,
            "completion_tokens": 6,
            "prompt_tokens_details": None,
        },
        11 * IN + 6 * OUT,
    ),
    # llama.cpp's server counts the first of several choices; the others are at most a token for
    # each byte and the end.
    "llama.cpp, several": Recorded(
        {"completion_tokens": 2, "prompt_tokens": 8, "total_tokens": 10},
        8 * IN + (2 + 6 + 5) * OUT,
        texts=("Paris", "Paris", "Rome"),
        more={"timings": {"prompt_n": 8, "predicted_n": 2}},
        told="first choice alone",
    ),
    "llama.cpp": Recorded(
        {"completion_tokens": 2, "prompt_tokens": 8, "total_tokens": 10},
        8 * IN + 2 * OUT,
        more={"timings": {"prompt_n": 1, "predicted_n": 2}},
    ),
    "Ollama": Recorded(
        {"prompt_tokens": 26, "completion_tokens": 8, "total_tokens": 34},
        26 * IN + 8 * OUT,
    ),
}


def read(
    usage: object, texts: tuple[str, ...] = ("Paris",), **more: Any
) -> tuple[int, str]:
    """The picodollars that are booked for a body, and what is told about it."""
    request = Request("s", "m", (Message("user", "hi"),), CAP)
    choices = [
        {"index": i, "finish_reason": "stop", "message": {"content": text}}
        for i, text in enumerate(texts)
    ]
    body = {"choices": choices, "usage": usage, **more}
    answer = parse_response(
        body,
        request,
        len(texts),
        prompt_bound=MOST,
        seconds=1.0,
        reasons=False,
        who="m",
    )
    bill = bill_call(answer.draws, PRICE)
    assert sum(bill.costs) >= 0
    return sum(bill.costs), bill.usage_problem + bill.difference


@pytest.mark.parametrize("name", RECORDED)
def test_the_ledger_equals_the_bill_of_a_recorded_body(name: str) -> None:
    recorded = RECORDED[name]
    booked, told = read(recorded.usage, recorded.texts, **recorded.more)
    assert booked == recorded.bill
    assert recorded.told in told
    assert bool(recorded.told) == bool(told)


# Faults


@pytest.mark.parametrize(
    ("usage", "bill", "told"),
    [
        # Without any usage: the most that the prompt can have, and a token for each byte and the
        # end.
        (None, MOST * IN + 6 * OUT, "completion tokens are missing"),
        ({}, MOST * IN + 6 * OUT, "prompt tokens are missing"),
        (
            {"prompt_tokens": 9, "completion_tokens": "4"},
            9 * IN + 6 * OUT,
            "completion tokens are '4'",
        ),
        # A number in another form is not believed where our own count is larger, but never
        # undercut.
        (
            {"prompt_tokens": 9, "completion_tokens": "150"},
            9 * IN + 150 * OUT,
            "completion tokens are '150'",
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 99.5},
            9 * IN + 100 * OUT,
            "completion tokens are 99.5",
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 2, "cost": "0.5"},
            PICODOLLARS // 2,
            "it bills $0.5",
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": math.nan},
            9 * IN + 6 * OUT,
            "completion tokens are nan",
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": -3},
            9 * IN + 6 * OUT,
            "completion tokens are -3",
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 0},
            9 * IN + 6 * OUT,
            "fewer than the text has",
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": True},
            9 * IN + 6 * OUT,
            "completion tokens are True",
        ),
        (
            {"prompt_tokens": 0, "completion_tokens": 2},
            MOST * IN + 2 * OUT,
            "prompt tokens are 0",
        ),
        # What is missing is seen in the total.
        ({"prompt_tokens": 9, "total_tokens": 20}, 9 * IN + 11 * OUT, ""),
        # A total that is too small changes nothing.
        (
            {"prompt_tokens": 9, "completion_tokens": 7, "total_tokens": 3},
            9 * IN + 7 * OUT,
            "total tokens are 3",
        ),
        # More cached tokens than the prompt has: they come beside it, where the prompt can be as
        # long.
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 2,
                "prompt_tokens_details": {"cached_tokens": 90},
            },
            9 * IN + 90 * READ + 2 * OUT,
            "90 tokens of a prompt of 9",
        ),
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 2,
                "prompt_tokens_details": {"cached_tokens": 9000},
            },
            9 * IN + 2 * OUT,
            "9000 tokens of a prompt of 9",
        ),
        # Two counts of cached tokens: the smaller makes the larger bill.
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 2,
                "cached_tokens": 8,
                "prompt_cache_hit_tokens": 3,
            },
            6 * IN + 3 * READ + 2 * OUT,
            "cached tokens are both 3 and 8",
        ),
        # More reasoning than completion can only be beside it.
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 2,
                "completion_tokens_details": {"reasoning_tokens": 50},
            },
            9 * IN + 52 * OUT,
            "50 reasoning tokens do not fit into 2",
        ),
        # An own bill that cannot be is told, and one that is smaller is not booked.
        (
            {"prompt_tokens": 9, "completion_tokens": 2, "cost": "free"},
            9 * IN + 2 * OUT,
            "cost is 'free'",
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 2, "cost": math.inf},
            9 * IN + 2 * OUT,
            "cost is inf",
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 2, "cost": 0},
            9 * IN + 2 * OUT,
            "it bills $0",
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 2, "cost_in_usd_ticks": 10**400},
            9 * IN + 2 * OUT,
            "ticks is 100",
        ),
    ],
    ids=str,
)
def test_faults_of_a_usage_are_never_resolved_downwards(
    usage: Any, bill: int, told: str
) -> None:
    booked, problem = read(usage)
    assert booked == bill
    assert told in problem
    assert bool(told) == bool(problem)


def test_what_was_cut_or_may_hide_reasoning_is_the_whole_cap() -> None:
    assert (
        read_usage(
            {}, [VisibleChoice(5, 1, cut=True)], cap=CAP, most_prompt=MOST
        ).completion
        == CAP
    )
    assert (
        read_usage(
            {}, [VisibleChoice(5, 1)], cap=CAP, most_prompt=MOST, reasons=True
        ).completion
        == CAP
    )
    zero = {"usage": {"prompt_tokens": 3, "completion_tokens": 0, "total_tokens": 3}}
    assert (
        read_usage(
            zero, [VisibleChoice(0, 0, cut=True)], cap=CAP, most_prompt=MOST
        ).completion
        == CAP
    )
    assert (
        read_usage(zero, [VisibleChoice(0, 0)], cap=CAP, most_prompt=MOST).completion
        == 0
    )


def test_token_boundaries_count_as_tokens() -> None:
    usage = {"usage": {"prompt_tokens": 3, "completion_tokens": 1}}
    assert (
        read_usage(
            usage, [VisibleChoice(9, 1, tokens=4)], cap=CAP, most_prompt=MOST
        ).completion
        == 10
    )


# Every usage

COUNT = st.integers(0, 300)
ODD = st.sampled_from(
    [
        None,
        0,
        -1,
        -(10**9),
        10**8,
        10**30,
        math.nan,
        math.inf,
        1.5,
        True,
        "12",
        "",
        [],
        {},
    ]
)
FIELD = COUNT | COUNT | COUNT | ODD
NAMES = (
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "input_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cached_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "prompt_cache_hit_tokens",
)
DETAILS = st.dictionaries(
    st.sampled_from(["cached_tokens", "cache_write_tokens", "reasoning_tokens"]),
    FIELD,
    max_size=3,
)
USAGE = st.builds(
    lambda plain, inner: {**plain, **inner},
    st.dictionaries(st.sampled_from(NAMES), FIELD, max_size=7),
    st.dictionaries(
        st.sampled_from(["prompt_tokens_details", "completion_tokens_details"]),
        DETAILS | ODD,
        max_size=2,
    ),
)
TEXTS = st.lists(st.text(alphabet="ab é", max_size=30), min_size=1, max_size=4)


def shown_of(texts: list[str]) -> list[VisibleChoice]:
    return [VisibleChoice(len(text.encode()), len(text.split())) for text in texts]


def plain(usage: dict[str, Any], name: str) -> int:
    """A count as it stands, 0 where it is none."""
    value = usage.get(name)
    return value if type(value) is int and 0 <= value <= 10**7 else 0


@given(usage=USAGE | ODD, texts=TEXTS, reasons=st.booleans())
def test_no_usage_is_read_below_any_of_its_parts(
    usage: Any, texts: list[str], reasons: bool
) -> None:
    shown = shown_of(texts)
    read = read_usage(
        {"usage": usage}, shown, cap=CAP, most_prompt=MOST, reasons=reasons
    )
    usage = usage if isinstance(usage, dict) else {}
    prompt = plain(usage, "prompt_tokens") or plain(usage, "input_tokens") or MOST
    assert read.prompt >= prompt
    assert read.completion >= plain(usage, "completion_tokens")
    if plain(usage, "prompt_tokens"):
        assert read.completion >= plain(usage, "total_tokens") - read.prompt
    words = sum(each.words for each in shown)
    assert read.completion >= (words if len(texts) > 1 else min(1, words))
    details = usage.get("completion_tokens_details")
    hidden = plain(details if isinstance(details, dict) else {}, "reasoning_tokens")
    assert read.completion >= hidden
    assert 0 <= read.reasoning <= read.completion
    assert 0 <= read.cached + read.written <= read.prompt
    assert read.own is None or sum(read.own) == read.completion
    assert len(read.own or texts) == len(texts)


@given(
    prompt=st.integers(1, 300),
    words=st.lists(st.integers(1, 20), min_size=1, max_size=4),
    spare=st.integers(0, 40),
    hidden=st.integers(0, 60),
    cached=st.integers(0, 300),
    written=st.integers(0, 300),
    shape=st.sampled_from(["inside", "beside", "total only", "none"]),
)
def test_an_honest_usage_is_read_to_the_last_token(
    prompt: int,
    words: list[int],
    spare: int,
    hidden: int,
    cached: int,
    written: int,
    shape: str,
) -> None:
    cached = min(cached, prompt)
    written = min(written, prompt - cached)
    hidden = 0 if shape == "none" else hidden
    visible = sum(words) + spare
    usage: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": visible + hidden if shape == "inside" else visible,
        "total_tokens": prompt + visible + hidden,
        "prompt_tokens_details": {
            "cached_tokens": cached,
            "cache_write_tokens": written,
        },
    }
    if shape in ("inside", "beside"):
        usage["completion_tokens_details"] = {"reasoning_tokens": hidden}
    read = read_usage(
        {"usage": usage},
        [VisibleChoice(count * 5, count) for count in words],
        cap=CAP,
        most_prompt=MOST,
    )
    assert (read.prompt, read.completion, read.cached, read.written) == (
        prompt,
        visible + hidden,
        cached,
        written,
    )
    assert read == Usage(
        prompt, visible + hidden, hidden, cached, written, problem=read.problem
    )
    assert bool(read.problem) == (shape in ("beside", "total only") and hidden > 0)
