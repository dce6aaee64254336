"""What a service's failures mean: whose fault, whether charged, how long to wait."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.errors import (
    AnswerError,
    EndpointError,
    ParameterRejected,
    ProviderError,
    QuotaExhausted,
    RateLimited,
    RequestRefused,
    TransientError,
    Unreadable,
    ValueRejected,
)
from tune.providers.openai.errors import (
    embedded_error,
    error_of_body,
    error_of_response,
    error_of_transport,
    one_line,
)
from tune.providers.openai.retry_after import retry_after
from tune.providers.openai.sender import Stage

WHO = "model 'm' at http://h/v1"
SENT = ("model", "messages", "max_tokens", "temperature", "n", "seed")


def fault(
    status: int,
    message: str = "words",
    *,
    code: object = None,
    param: str | None = None,
) -> ProviderError:
    body = {"error": {"message": message, "code": code, "param": param}}
    return error_of_response(status, {}, body, who=WHO, sent=SENT)


@pytest.mark.parametrize("status", [429, 529])
def test_being_called_too_often_is_free_and_may_say_how_long_to_wait(
    status: int,
) -> None:
    error = error_of_response(status, {"retry-after": "3"}, None, who=WHO)
    assert isinstance(error, RateLimited)
    assert (error.charged, error.retry_after) == (False, 3.0)


@pytest.mark.parametrize(
    "error",
    [
        fault(401, "Incorrect API key"),
        fault(403, "Country not supported"),
        fault(404, "The model does not exist", code="model_not_found"),
        fault(400, "Invalid messages"),
        fault(307),
    ],
)
def test_what_no_retry_mends_ends_the_run_for_free_in_the_endpoints_own_words(
    error: ProviderError,
) -> None:
    assert isinstance(error, EndpointError)
    assert not error.charged
    assert WHO in str(error)


@pytest.mark.parametrize(
    ("error", "wait"),
    [
        (
            fault(
                429,
                "You exceeded your current quota, please check your plan.",
                code="insufficient_quota",
            ),
            None,
        ),
        (fault(429, "insufficient_user_quota"), None),
        (fault(402, "Insufficient credits"), None),
        (
            fault(
                429,
                "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 requests "
                "per day",
            ),
            None,
        ),
        # Anthropic, DeepSeek, OpenRouter
        (
            fault(
                400,
                "Your credit balance is too low to access the Anthropic API. Please go to Plans & "
                "Billing.",
            ),
            None,
        ),
        (fault(403, "Insufficient account balance"), None),
        (fault(500, "insufficient balance (1008)"), None),  # MiniMax-AI/MiniMax-M2#62
        # vanderschaarlab/climb#1, Azure
        (
            fault(
                429,
                "Requests to the ChatCompletions_Create Operation under Azure OpenAI API version "
                "2024-08-01-preview have exceeded token rate limit of your current OpenAI S0 pricing "
                "tier. Please retry after 86400 seconds.",
                code="429",
            ),
            86400.0,
        ),
        (fault(403, "Key limit exceeded (total limit)"), None),
        (
            fault(
                429,
                "Rate limit reached for requests per day (RPD). Please try again in 7h12m0s.",
            ),
            25920.0,
        ),
        (error_of_response(429, {"retry-after": "20000"}, None, who=WHO), 20000.0),
        (error_of_response(503, {"retry-after": "20000"}, None, who=WHO), 20000.0),
        (
            error_of_response(
                429,
                {},
                [
                    {
                        "error": {
                            "code": 429,
                            "message": "Quota exceeded",
                            "status": "RESOURCE_EXHAUSTED",
                            "details": [
                                {
                                    "@type": "type.googleapis.com/google.rpc.RetryInfo",
                                    "retryDelay": "34074.824224463s",
                                }
                            ],
                        }
                    }
                ],
                who=WHO,
            ),
            34074.824224463,
        ),
    ],
)
def test_a_quota_of_the_day_is_told_from_being_called_too_often(
    error: ProviderError, wait: float | None
) -> None:
    assert isinstance(error, QuotaExhausted)
    assert (error.charged, error.wait) == (False, wait)


GOOGLE_QUOTA = (
    "You exceeded your current quota, please check your plan and billing details."
)


@pytest.mark.parametrize(
    ("quota", "kind"),
    [
        ("GenerateRequestsPerMinutePerProjectPerModel-FreeTier", RateLimited),
        ("GenerateRequestsPerDayPerProjectPerModel-FreeTier", QuotaExhausted),
    ],
)
def test_googles_words_of_a_quota_are_used_for_that_of_a_minute_too(
    quota: str, kind: type
) -> None:
    details = [
        {
            "@type": "type.googleapis.com/google.rpc.QuotaFailure",
            "violations": [{"quotaId": quota}],
        },
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "14s"},
    ]
    error = {
        "code": 429,
        "message": GOOGLE_QUOTA,
        "status": "RESOURCE_EXHAUSTED",
        "details": details,
    }
    assert type(error_of_response(429, {}, [{"error": error}], who=WHO)) is kind


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (
            "The model could not generate a complete response because the token limit was reached",
            "length",
        ),
        (
            "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
            "context_length",
        ),
        ("Token limit exceeded for this request", "context_length"),
        ("The prompt was blocked due to safety", "content_filter"),
    ],
)
def test_other_words_for_what_an_answer_lacks(words: str, reason: str) -> None:
    error = fault(400, words)
    assert isinstance(error, AnswerError)
    assert error.reason == reason


def test_an_answer_that_did_not_fit_was_cut() -> None:
    error = fault(
        400,
        "Could not finish the message because max_tokens or model output limit was reached.",
    )
    assert isinstance(error, AnswerError)
    assert (error.reason, error.charged) == ("length", False)


@pytest.mark.parametrize("status", [409, 425, 503])
def test_a_refusal_that_may_pass_is_free(status: int) -> None:
    error = fault(status)
    assert type(error) is TransientError
    assert not error.charged


def test_json_that_the_model_broke_is_the_configs_doing_and_may_be_billed() -> None:
    """build-with-groq/g1#23: the answer was made, and fails the service's own check."""
    body = {
        "error": {
            "message": "Failed to generate JSON. Please adjust your prompt. See "
            "'failed_generation' for more details.",
            "type": "invalid_request_error",
            "code": "json_validate_failed",
            "failed_generation": "```json {",
        }
    }
    sent = {*SENT, "response_format"}
    error = error_of_response(400, {}, body, who=WHO, sent=sent)
    assert isinstance(error, AnswerError)
    assert (error.reason, error.charged) == ("invalid_json", True)


def test_a_tier_without_room_is_free_and_tried_again() -> None:
    """console.groq.com/docs/flex-processing: its own status for it is 498."""
    error = fault(498, "Flex tier capacity exceeded", code="capacity_exceeded")
    assert isinstance(error, RateLimited)


# 424 is in console.groq.com/docs/errors; google-gemini/gemini-cli#20309 has a 499.
@pytest.mark.parametrize("status", [408, 424, 499, 500, 502, 504, 520, 524])
def test_an_unknown_outcome_stays_charged(status: int) -> None:
    error = fault(status)
    assert type(error) is TransientError
    assert error.charged


@pytest.mark.parametrize(
    "error",
    [
        fault(
            400,
            "This model's maximum context length is 8192 tokens.",
            code="context_length_exceeded",
        ),
        fault(400, "the request exceeds the available context size, try increasing it"),
        fault(400, "prompt is too long: 210000 tokens > 200000 maximum"),
        fault(
            400,
            "input length and `max_tokens` exceed context limit: please reduce the length",
        ),
        fault(422, "Input too long", code="string_above_max_length"),
        fault(400, "max_tokens must fit the context window", param="max_tokens"),
        fault(413),
    ],
)
def test_a_prompt_too_long_is_the_configs_doing(error: ProviderError) -> None:
    assert isinstance(error, AnswerError)
    assert (error.reason, error.charged) == ("context_length", False)


@pytest.mark.parametrize(
    ("words", "kind", "told"),
    [
        # BerriAI/litellm#4941
        (
            "AzureException - Error code: 400 - {'error': {'message': \"The response was filtered due "
            "to the prompt triggering Azure OpenAI's content management policy.\"}}",
            AnswerError,
            True,
        ),
        # dottxt-ai/outlines#844
        (
            "500: Error code: 400 - {'error': {'message': \"Unsupported value: 'temperature' does not "
            "support 0.2 with this model.\", 'param': 'temperature'}}",
            ValueRejected,
            False,
        ),
        # BerriAI/litellm#16090
        (
            "litellm.BadRequestError: OpenAIException - Unsupported parameter: 'temperature' is not "
            "supported with this model.",
            ParameterRejected,
            False,
        ),
        # stdapi-ai/stdapi.ai#224, Bedrock's words
        (
            "An error occurred (ValidationException) when calling the Converse operation: Value '1.5' "
            "at 'inferenceConfig.temperature' failed to satisfy constraint: Member must have value "
            "less than or equal to 1",
            ValueRejected,
            False,
        ),
    ],
)
def test_a_500_that_quotes_a_refusal_is_that_refusal(
    words: str, kind: type, told: bool
) -> None:
    error = fault(500, words)
    assert type(error) is kind
    assert (error.charged, error.prompt_charged) == (False, told)
    assert "answered 500" in str(error)


@pytest.mark.parametrize(
    "error",
    [
        fault(400, "The response was filtered", code="content_filter"),
        # UKGovernmentBEIS/inspect_ai#2267, xAI
        error_of_response(
            403,
            {},
            {
                "code": "The caller does not have permission to execute the specified operation",
                "error": "Content violates usage guidelines. Team: x, API key ID: x, Model: "
                "grok-4-0709, Failed check: SAFETY_CHECK_TYPE_BIO",
            },
            who=WHO,
        ),
        fault(400, "Content Exists Risk"),
        fault(
            400,
            "flagged as potentially violating our usage policy",
            code="invalid_prompt",
        ),
        fault(403, "Your chosen model requires moderation and your input was flagged"),
        error_of_response(
            400,
            {},
            {
                "error": {
                    "message": "no",
                    "innererror": {"code": "ResponsibleAIPolicyViolation"},
                }
            },
            who=WHO,
        ),
    ],
)
def test_a_content_filter_is_the_configs_doing(error: ProviderError) -> None:
    assert isinstance(error, AnswerError)
    assert error.reason == "content_filter"


def test_a_refused_parameter_is_told_from_a_refused_value() -> None:
    whole = fault(
        400,
        "Unsupported parameter: 'temperature'",
        code="unsupported_parameter",
        param="temperature",
    )
    assert (type(whole), getattr(whole, "parameter", None)) == (
        ParameterRejected,
        "temperature",
    )
    value = fault(400, "temperature: range: 0..1")
    assert (type(value), getattr(value, "parameter", None)) == (
        ValueRejected,
        "temperature",
    )


def test_only_parameters_that_were_sent_can_be_refused() -> None:
    assert isinstance(
        fault(400, "Unsupported parameter: 'top_p'", param="top_p"), EndpointError
    )


def test_an_older_llama_cpp_refuses_n_with_a_500() -> None:
    error = fault(500, "Only one completion choice is allowed")
    assert isinstance(error, ParameterRejected)
    assert error.parameter == "n"
    assert isinstance(fault(500, "unexpected 'n' in the machine"), TransientError)


@pytest.mark.parametrize(
    "words",
    [
        # AventurasTeam/Aventuras#48
        "No endpoints found that can handle the requested parameters. To learn more about provider "
        "routing, visit: https://openrouter.ai/docs/guides/routing/provider-selection",
        # dnakov/anon-kode#2
        "No endpoints found that support tool use. To learn more about provider routing, visit: "
        "https://openrouter.ai/docs/provider-routing",
    ],
)
@pytest.mark.parametrize("inside", [False, True])
def test_a_router_without_a_host_for_these_settings_does_not_lose_the_model(
    words: str, inside: bool
) -> None:
    body = {"message": words, "code": 404}
    error = fault(404, words) if not inside else error_of_body(body, who=WHO)
    assert isinstance(error, RequestRefused)
    assert not error.charged


def test_a_router_names_the_setting_that_no_host_takes() -> None:
    """zed-industries/zed#36094."""
    body = {
        "error": {
            "message": "No endpoints found that support the provided 'tool_choice' value. To learn "
            "more about provider routing, visit: https://openrouter.ai/docs/provider-routing",
            "code": 404,
        }
    }
    error = error_of_response(404, {}, body, who=WHO, sent={"tool_choice": "auto"})
    assert isinstance(error, ParameterRejected)
    assert error.parameter == "tool_choice"


def test_a_router_without_the_model_loses_it() -> None:
    """chatboxai/chatbox#2743."""
    error = fault(404, "No endpoints found for deepseek/deepseek-chat-v3.1:free.")
    assert type(error) is EndpointError


def test_a_path_that_is_not_there_hints_at_the_base_url() -> None:
    assert "base URL" in str(fault(404, "Not Found"))
    assert "base URL" not in str(fault(404, "The model does not exist"))


INSIDE = [
    (
        {
            "message": "Provider returned error",
            "code": 429,
            "metadata": {"raw": "Too Many Requests"},
        },
        RateLimited,
        False,
    ),
    ({"message": "Rate limited", "code": "rate_limit_exceeded"}, RateLimited, False),
    ({"message": "slow down", "code": "429"}, RateLimited, False),
    ({"message": "upstream failed", "code": 502}, TransientError, True),
    ({"message": "overloaded", "code": 503}, TransientError, False),
    (
        {"message": "No allowed providers are available", "code": 404},
        EndpointError,
        False,
    ),
    ({"message": "Insufficient credits", "code": 402}, QuotaExhausted, False),
    (
        {"message": "You exceeded your current quota", "code": "insufficient_quota"},
        QuotaExhausted,
        False,
    ),
    ({"message": "The prompt was flagged", "code": 403}, AnswerError, False),
    ({"message": "something"}, Unreadable, True),
    ({"message": "something", "code": 200}, Unreadable, True),
    ("something", Unreadable, True),
    ("Rate limit exceeded", RateLimited, False),
    (429, RateLimited, False),
    ({"message": "filtered", "code": "content_filter"}, AnswerError, False),
    ({"message": "no", "code": "context_length_exceeded"}, AnswerError, False),
    ({"message": "n must be 1", "code": 400}, ParameterRejected, False),
    # lmstudio-ai/lmstudio-bug-tracker#618
    (
        "Unexpected endpoint or method. (POST /chat/completions)",
        EndpointError,
        False,
    ),
]


@pytest.mark.parametrize(("inside", "kind", "charged"), INSIDE)
def test_an_error_inside_a_200_counts_as_its_own_status(
    inside: object, kind: type, charged: bool
) -> None:
    error = error_of_body(inside, who=WHO, sent=SENT)
    assert (type(error), error.charged) == (kind, charged)
    assert "answered 200 with an error" in str(error)


LATE = {"code": 429, "message": "Too Many Requests"}
CHOICE = {"index": 0, "message": {"content": "bug"}, "finish_reason": "stop"}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"error": LATE}, LATE),
        ({"error": "busy", "choices": None}, "busy"),
        ([{"error": LATE}], LATE),  # Google
        ({"object": "error", **LATE}, {"object": "error", **LATE}),  # vLLM, Mistral
        ({"detail": "Too Many Requests"}, {"detail": "Too Many Requests"}),
        # OpenRouter, when a host fails after the headers are sent
        (
            {
                "choices": [
                    {
                        "error": LATE,
                        "finish_reason": "error",
                        "message": {"content": ""},
                    }
                ]
            },
            LATE,
        ),
        ({"choices": [CHOICE, {"error": LATE}]}, None),
        ({"choices": [CHOICE], "error": LATE}, None),
        ({"choices": [CHOICE]}, None),
        ({"choices": []}, None),
        ({"choices": "odd"}, None),
        ([], None),
        ("text", None),
    ],
)
def test_an_error_inside_a_200_is_found_where_services_put_it(
    body: object, error: object
) -> None:
    assert embedded_error(body) == error


@pytest.mark.parametrize(
    ("code", "words", "kind", "charged"),
    [
        (1002, "rate limit", RateLimited, False),
        (1004, "login fail", EndpointError, False),
        (1008, "insufficient balance", QuotaExhausted, False),
        (1001, "request timeout", TransientError, True),
        (1026, "input new_sensitive", AnswerError, False),
        (2013, "invalid params, n must be 1", ParameterRejected, False),
        (9999, "unknown error", TransientError, True),
        ("odd", "unknown error", TransientError, True),
    ],
)
def test_minimax_puts_its_errors_beside_empty_choices(
    code: object, words: str, kind: type, charged: bool
) -> None:
    """platform.minimax.io, error codes; langgenius/dify-official-plugins#2008 met one."""
    reply = {"status_code": code, "status_msg": words}
    error = embedded_error({"id": "1", "choices": None, "base_resp": reply})
    found = error_of_body(error, who=WHO, sent=SENT)
    assert (type(found), found.charged) == (kind, charged)
    assert words in str(found)


def test_minimax_says_in_every_answer_that_all_is_well() -> None:
    """eolinker/apinto, drivers/ai-provider/minimax/message.go."""
    well = {"status_code": 0, "status_msg": ""}
    assert embedded_error({"choices": [CHOICE], "base_resp": well}) is None
    assert embedded_error({"choices": [], "base_resp": well}) is None


def test_the_words_of_the_vendor_behind_a_router_are_shown() -> None:
    inside = {
        "message": "Provider returned error",
        "code": 429,
        "metadata": {"raw": "Too Many Requests"},
    }
    assert "Provider returned error: Too Many Requests" in str(
        error_of_body(inside, who=WHO)
    )


def test_what_never_left_is_free() -> None:
    error = error_of_transport("unsent", "refused", who=WHO)
    assert (type(error), error.charged) == (TransientError, False)


@pytest.mark.parametrize("stage", ["timeout", "unreadable", "lost"])
def test_what_was_lost_on_the_way_stays_charged(stage: Stage) -> None:
    error = error_of_transport(stage, "", who=WHO)
    assert (type(error), error.charged) == (TransientError, True)
    assert WHO in str(error)


def test_what_can_never_be_sent_ends_the_calls_to_that_endpoint() -> None:
    error = error_of_transport("impossible", "InvalidURL", who=WHO)
    assert isinstance(error, EndpointError)


@given(
    st.text(),
    st.dictionaries(
        st.sampled_from(["retry-after", "retry-after-ms"]), st.text(max_size=12)
    ),
)
def test_no_words_and_no_headers_break_the_reading(
    words: str, headers: dict[str, str]
) -> None:
    for status in (307, 400, 404, 418, 429, 500):
        error = error_of_response(status, headers, words, who=WHO, sent=SENT)
        assert str(error).isprintable()
        assert len(str(error)) < 500
    wait = retry_after(headers)
    assert wait is None or 0 <= wait < float("inf")


def test_words_are_made_fit_for_a_line_of_a_terminal() -> None:
    assert one_line("a\x1b[31m\nb\u202e c") == "a [31m b c"
    assert one_line("x" * 400, 10) == "x" * 9 + "…"


AZURE = {
    "error": {
        "message": "no",
        "code": "content_filter",
        "innererror": {"code": "ResponsibleAIPolicyViolation"},
    }
}
FILTERED = {"error": {"message": "The prompt was flagged by moderation"}}
LONG = {"error": {"message": "too long", "code": "context_length_exceeded"}}


@pytest.mark.parametrize(
    ("status", "headers", "body", "known", "charged"),
    [
        (400, {}, AZURE, False, True),  # behind a gateway of any name
        (400, {"apim-request-id": "1"}, FILTERED, False, True),
        (400, {"x-ms-region": "East US"}, LONG, False, True),
        (400, {}, FILTERED, True, True),
        (400, {}, LONG, True, True),
        (413, {}, LONG, True, False),
        (400, {}, FILTERED, False, False),
        (400, {}, LONG, False, False),
    ],
)
def test_a_refused_prompt_may_be_billed_where_that_is_known_to_happen(
    status: int, headers: dict[str, str], body: object, known: bool, charged: bool
) -> None:
    error = error_of_response(status, headers, body, who=WHO, bills_refusals=known)
    assert isinstance(error, AnswerError)
    assert (error.prompt_charged, error.charged) == (charged, False)


def test_a_refusal_inside_a_200_may_be_billed_as_well() -> None:
    inner = {
        "code": 400,
        "message": "content_filter",
        "metadata": {"raw": "ResponsibleAIPolicyViolation Azure OpenAI"},
    }
    error = error_of_body(inner, who=WHO)
    assert isinstance(error, AnswerError)
    assert error.prompt_charged
