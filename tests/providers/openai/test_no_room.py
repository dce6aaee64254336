"""A max_tokens that leaves the prompt no room is told from a prompt that is too long.

The bodies are from public reports, named by repository and number.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from tune.errors import (
    AnswerError,
    NoRoom,
    ProviderError,
    QuotaExhausted,
    RateLimited,
    RequestRefused,
    TransientError,
    ValueRejected,
)
from tune.providers.openai.errors import error_of_response


class Report(NamedTuple):
    """One refusal: what was sent, and the cap that is to be learned; None where it is the prompt."""

    source: str
    status: int
    body: Any
    cap: int
    most: int | None
    name: str = "max_tokens"
    n: int = 1


def error(message: str, **fields: Any) -> Any:
    return {"error": {"message": message, **fields}}


GROQ_MINUTE = (
    "Request too large for model `{}` in organization `org_x` service tier `on_demand` on tokens "
    "per minute (TPM): Limit {}, Requested {}, please reduce your message size and try again."
)
OPENAI_MINUTE = (
    "Request too large for gpt-4o in organization org-x on tokens per min (TPM): Limit {}, "
    "Requested {}. The input or output tokens must be reduced in order to run successfully."
)
ANTHROPIC = (
    "input length and `max_tokens` exceed context limit: {} + {} > {}, decrease input length "
    "or `max_tokens` and try again"
)

REPORTS = [
    Report(
        "ogx-ai/ogx#4534, vLLM",
        400,
        {
            "object": "error",
            "message": "This model's maximum context length is 6048 tokens. However, you requested "
            "6616 tokens (568 in the messages, 6048 in the completion). Please reduce the length of "
            "the messages or completion.",
            "type": "BadRequestError",
            "param": None,
            "code": 400,
        },
        6048,
        3024,
    ),
    Report(
        "andrewcho-dev/opsconductor-ng, vLLM_transition/TOKEN_LIMIT_FIX.md",
        400,
        error(
            "'max_tokens' or 'max_completion_tokens' is too large: 8000. This model's maximum "
            "context length is 4096 tokens and your request has 2778 input tokens (8000 > 4096 - "
            "2778). None",
            type="BadRequestError",
            param=None,
            code=400,
        ),
        8000,
        2048,
    ),
    Report(
        "PlexPt/chatgpt-java#79, OpenAI",
        400,
        error(
            "This model's maximum context length is 4097 tokens. However, you requested 4103 tokens "
            "(103 in the messages, 4000 in the completion). Please reduce the length of the messages "
            "or completion.",
            type="invalid_request_error",
            param="messages",
            code="context_length_exceeded",
        ),
        4000,
        2048,
    ),
    Report(
        "OpenHands/OpenHands#9937, OpenRouter",
        400,
        error(
            "This endpoint's maximum context length is 131072 tokens. However, you requested about "
            "138956 tokens (7884 of text input, 131072 in the output). Please reduce the length of "
            'either one, or use the "middle-out" transform to compress your prompt automatically.',
            code=400,
        ),
        131072,
        65536,
        "max_completion_tokens",
    ),
    Report(
        "MoonshotAI/MoonshotAI-Cookbook#18",
        400,
        error("model max length exceeded, max length:8192"),
        8190,
        4096,
    ),
    Report(
        "cline/cline#4971, Groq",
        413,
        error(
            GROQ_MINUTE.format("moonshotai/kimi-k2-instruct", 10000, 15088),
            type="tokens",
            code="rate_limit_exceeded",
        ),
        15000,
        5000,
    ),
    Report(
        "vanderschaarlab/climb#1",
        429,
        error(
            OPENAI_MINUTE.format(30000, 30601),
            type="tokens",
            param=None,
            code="rate_limit_exceeded",
        ),
        16000,
        15000,
    ),
    Report(
        "TheR1D/shell_gpt#653, with four answers",
        429,
        error(OPENAI_MINUTE.format(30000, 31538), type="tokens"),
        7800,
        3750,
        n=4,
    ),
    # The prompt takes more than half.
    Report(
        "conghaonet/hao_chatgpt#4",
        400,
        error(
            "This model's maximum context length is 4097 tokens. However, you requested 4268 tokens "
            "(4012 in the messages, 256 in the completion). Please reduce the length of the messages "
            "or completion.",
        ),
        256,
        None,
    ),
    Report(
        "docker/docker-agent#569, Anthropic",
        400,
        {
            "type": "error",
            "error": {
                "type": "invalid_request_error",
                "message": ANTHROPIC.format(178959, 64000, 200000),
            },
        },
        64000,
        None,
    ),
    Report(
        "MoonshotAI/kimi-cli#2011",
        400,
        error(
            "Invalid request: Your request exceeded model token limit: 262144 (requested: 269030)",
            type="invalid_request_error",
        ),
        32000,
        None,
    ),
    Report(
        "vanna-ai/vanna-flask#11",
        429,
        error(OPENAI_MINUTE.format(30000, 342389)),
        500,
        None,
    ),
    Report(
        "stackblitz/bolt.new#7414, Anthropic",
        400,
        error(ANTHROPIC.format(90402, 116650, 204648)),
        116650,
        102324,
    ),
]


@pytest.mark.parametrize("report", REPORTS, ids=[report.source for report in REPORTS])
def test_a_cap_above_half_of_the_context_is_to_blame_before_the_prompt(
    report: Report,
) -> None:
    sent = {report.name: report.cap, "n": report.n, "temperature": 1.0}
    found = error_of_response(report.status, {}, report.body, who="m", sent=sent)
    assert not found.charged
    if report.most is None and report.status == 429:
        # The account is too small, and not the model.
        assert isinstance(found, RequestRefused)
    elif report.most is None:
        assert isinstance(found, AnswerError)
        assert found.reason == "context_length"
    else:
        assert isinstance(found, NoRoom)
        assert (found.parameter, found.high) == ("max_tokens", report.most)


CAP_ALONE = [
    (
        "RooCodeInc/Roo-Code#5729",
        "max_tokens must be less than or equal to 16384, the maximum value for max_tokens is less "
        "than the context_window for this model",
        16384,
    ),
    (
        "Alishahryar1/free-claude-code#1354",
        "`max_completion_tokens` must be less than or equal to `16384`, the maximum value for "
        "`max_completion_tokens` is less than the `context_window` for this model",
        16384,
    ),
    (
        "Alishahryar1/free-claude-code#955",
        "max_completion_tokens must be less than or equal to 40960, the maximum value for "
        "max_completion_tokens is less than the context_window for this model",
        40960,
    ),
    (
        "skapadia3214/groq-moa#8",
        "max_tokens for `llama-3.1-8b-instant` must be less than or equal to 8000",
        8000,
    ),
]


@pytest.mark.parametrize(
    ("source", "words", "most"), CAP_ALONE, ids=[source for source, *_ in CAP_ALONE]
)
def test_a_bound_of_the_cap_that_mentions_the_context_is_a_bound(
    source: str, words: str, most: int
) -> None:
    found = error_of_response(
        400, {}, error(words), who="m", sent={"max_tokens": 99999}
    )
    assert isinstance(found, ValueRejected)
    assert (found.parameter, found.high) == ("max_tokens", most)


def test_a_minute_that_is_used_up_is_waited_for() -> None:
    """coleam00/mcp-crawl4ai-rag#41."""
    words = (
        "Rate limit reached for gpt-4o-mini in organization org-x on tokens per min (TPM): Limit "
        "200000, Used 195663, Requested 7592. Please try again in 976ms."
    )
    found = error_of_response(429, {}, error(words), who="m", sent={"max_tokens": 7000})
    assert isinstance(found, RateLimited)
    assert found.retry_after == 0.976


@pytest.mark.parametrize(("status", "charged"), [(400, True), (413, False)])
def test_a_prompt_that_azure_read_may_be_billed(status: int, charged: bool) -> None:
    words = "This model's maximum context length is 4096 tokens. Request too large for x on tokens per minute: Limit 9, Requested 99"
    found = error_of_response(
        status,
        {"x-ms-region": "East US"},
        error(words),
        who="m",
        sent={"max_tokens": 4096},
    )
    assert isinstance(found, NoRoom)
    assert (found.prompt_charged, found.charged) == (charged, False)


def refusal(status: int, words: str, **sent: Any) -> ProviderError:
    return error_of_response(status, {}, error(words), who="m", sent=sent)


@pytest.mark.parametrize(
    "words",
    [
        "This model's maximum context length is 8192 tokens. However, your messages resulted in "
        "9012 tokens.",
        "This model's maximum context length is 8192 tokens. However, you requested 14012 tokens "
        "(9012 in the messages, 5000 in the completion).",
        "input length and `max_tokens` exceed context limit: 9012 + 5000 > 8192",
        "`inputs` tokens + `max_new_tokens` must be <= 8192. Given: 9012 `inputs` tokens and 5000",
    ],
)
def test_a_prompt_that_is_too_long_alone_says_nothing_of_max_tokens(words: str) -> None:
    found = refusal(400, words, max_tokens=5000)
    assert isinstance(found, AnswerError)
    assert found.reason == "context_length"


def test_a_context_is_read_with_separators_and_never_in_thousands() -> None:
    words = "This model's maximum context length is {} tokens. However, you requested 140,000."
    found = refusal(400, words.format("128,000"), max_tokens=100_000)
    assert isinstance(found, NoRoom)
    assert found.high == 64_000
    found = refusal(400, words.format("128k"), max_tokens=100_000)
    assert isinstance(found, AnswerError)


def test_calls_of_a_minute_and_tokens_of_a_day_are_not_a_context() -> None:
    calls = "Request too large for m on requests per min (RPM): Limit 3, Requested 4."
    assert isinstance(refusal(429, calls, max_tokens=8), RateLimited)
    day = "Daily token limit exceeded for your account"
    assert not isinstance(refusal(400, day, max_tokens=8), AnswerError)


@pytest.mark.parametrize(
    "words",
    [
        "litellm.APIError: upstream timeout. Error doing the fallback: litellm.BadRequestError: b",
        "litellm.InternalServerError: Connection error. Fallbacks: litellm.BadRequestError: b",
        "no answer after retries (first attempt: Error code: 422)",
        "insufficient funds to allocate a worker",
    ],
)
def test_a_500_with_several_tries_may_be_billed(words: str) -> None:
    found = refusal(500, words)
    assert isinstance(found, TransientError)
    assert found.charged
    assert not isinstance(found, QuotaExhausted)
