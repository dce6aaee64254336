"""Refusals: which parameter an error body is about, and which values would be taken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.providers.openai.refusals import (
    Refusal,
    read_refusal,
)

SENT = (
    "temperature",
    "top_p",
    "n",
    "seed",
    "stop",
    "max_tokens",
    "reasoning_effort",
    "verbosity",
    "logprobs",
)


def openai(
    message: str, param: str | None = None, code: str | None = None
) -> dict[str, object]:
    return {
        "error": {
            "message": message,
            "type": "invalid_request_error",
            "param": param,
            "code": code,
        }
    }


WHOLE = [
    (
        "OpenAI, a reasoning model",
        openai(
            "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            "max_tokens",
            "unsupported_parameter",
        ),
        "max_tokens",
    ),
    (
        "OpenAI, responses",
        openai("Unsupported parameter", "reasoning.effort", "unsupported_parameter"),
        "reasoning_effort",
    ),
    ("Azure, older", openai("Unrecognized request argument supplied: seed"), "seed"),
    ("Azure, without param", openai("Unknown parameter: 'verbosity'."), "verbosity"),
    (
        "vLLM, a list from pydantic",
        {
            "object": "error",
            "message": "[{'type': 'extra_forbidden', 'loc': ('body', 'seed'), "
            "'msg': 'Extra inputs are not permitted', 'input': 3}]",
            "type": "BadRequestError",
            "param": None,
            "code": 400,
        },
        "seed",
    ),
    (
        "FastAPI, 422",
        {
            "detail": [
                {
                    "type": "extra_forbidden",
                    "loc": ["body", "seed"],
                    "msg": "Extra inputs are not permitted",
                }
            ]
        },
        "seed",
    ),
    (
        "Mistral, 422",
        {
            "object": "error",
            "message": {
                "detail": [
                    {
                        "type": "extra_forbidden",
                        "loc": ["body", "seed"],
                        "msg": "Extra inputs are not permitted",
                    }
                ]
            },
        },
        "seed",
    ),
    (
        "llama.cpp, older",
        {
            "error": {
                "code": 500,
                "message": "Only one completion choice is allowed",
                "type": "server_error",
            }
        },
        "n",
    ),
    (
        "Groq",
        openai("property 'logprobs' is unsupported, did you mean 'logit_bias'?"),
        "logprobs",
    ),
    (
        "xAI",
        {
            "code": "Client specified an invalid argument",
            "error": "Argument not supported on this model: stop",
        },
        "stop",
    ),
    (
        "xAI, camel case",
        {
            "code": "400",
            "error": "Model grok does not support parameter reasoningEffort.",
        },
        "reasoning_effort",
    ),
    (
        "Gemini",
        [
            {
                "error": {
                    "code": 400,
                    "message": 'Invalid JSON payload received. Unknown name "seed": Cannot find '
                    "field.",
                    "status": "INVALID_ARGUMENT",
                }
            }
        ],
        "seed",
    ),
    (
        "Anthropic, deprecated",
        openai("`temperature` is deprecated for this model."),
        "temperature",
    ),
    ("Anthropic, extra", openai("seed: Extra inputs are not permitted"), "seed"),
    (
        "JSON schema",
        openai(
            "Additional properties are not allowed ('stop' was unexpected) - 'stop'"
        ),
        "stop",
    ),
    ("pydantic, the name last", openai("Extra inputs are not permitted: seed"), "seed"),
    (
        "plain text",
        "reasoning_effort is not supported by this model",
        "reasoning_effort",
    ),
]


@pytest.mark.parametrize(
    ("body", "parameter"), [c[1:] for c in WHOLE], ids=[c[0] for c in WHOLE]
)
def test_a_refused_parameter_is_read_from_the_error(
    body: object, parameter: str
) -> None:
    refusal = read_refusal(body, SENT)
    assert refusal is not None
    assert refusal.parameter == parameter


@pytest.mark.parametrize(("body", "parameter"), [c[1:] for c in WHOLE])
def test_such_a_refusal_is_not_about_the_value(body: object, parameter: str) -> None:
    assert read_refusal(body, SENT) == Refusal(parameter, value_only=False)


N_REFUSED = [
    (
        "Gemini",
        [
            {
                "error": {
                    "code": 400,
                    "message": "Multiple candidates is not enabled for this model",
                    "status": "INVALID_ARGUMENT",
                }
            }
        ],
    ),
    (
        "Gemini, one",
        {
            "error": {
                "code": 400,
                "message": "Only one candidate can be specified in the current model",
            }
        },
    ),
    (
        "Gemini, camel case",
        openai("Unsupported value for candidateCount: this model returns one answer."),
    ),
    ("a server of one answer", openai("n must be 1")),
    ("Databricks", openai("currently only n = 1 is supported")),
    ("Groq", openai("'n' : number must be at most 1")),
    ("pydantic", openai("n: Input should be less than or equal to 1")),
    ("pydantic, extra", openai("Extra inputs are not permitted: n")),
    ("Cohere", openai("num_generations must be 1")),
    ("in words", openai("Requesting more than one completion is not supported")),
    ("generations", openai("Multiple generations not supported")),
    (
        "OpenRouter",
        {
            "error": {
                "message": "Provider returned error",
                "code": 400,
                "metadata": {
                    "raw": '{"error": {"message": "Only one candidate is allowed"}}',
                    "provider_name": "Google",
                },
            }
        },
    ),
]


@pytest.mark.parametrize(
    "body", [c[1] for c in N_REFUSED], ids=[c[0] for c in N_REFUSED]
)
def test_a_model_of_one_answer_for_each_call_says_so_in_many_words(
    body: object,
) -> None:
    assert read_refusal(body, SENT) == Refusal("n", value_only=False)


N_AT_MOST = [
    (
        "Gemini",
        openai(
            "candidateCount value of 9 but the supported range is from 1 (inclusive) to 9 "
            "(exclusive)"
        ),
        8,
    ),
    ("llama.cpp", openai("Field 'n': Value must be between 1 <= value <= 4"), 4),
    (
        "OpenAI",
        openai(
            "Invalid 'n': integer above maximum value. Expected a value <= 128, but got 500 "
            "instead.",
            "n",
            "integer_above_max_value",
        ),
        128,
    ),
    ("in words", openai("n is limited to 4"), 4),
    ("in a formula", openai("n <= 4 is required"), 4),
    ("too large", openai("The value of n is too large. Maximum allowed: 4"), 4),
    (
        "Bedrock",
        {
            "message": "Value '9' at 'numReturnSequences' failed to satisfy constraint: Member "
            "must have value "
            "less than or equal to 5"
        },
        5,
    ),
]


@pytest.mark.parametrize(
    ("body", "most"), [c[1:] for c in N_AT_MOST], ids=[c[0] for c in N_AT_MOST]
)
def test_the_largest_n_is_read_from_its_refusal(body: object, most: int) -> None:
    refusal = read_refusal(body, SENT)
    assert refusal is not None
    assert (refusal.parameter, refusal.value_only, refusal.high) == ("n", True, most)


VALUES = [
    (
        "OpenAI, only the default value",
        openai(
            "Unsupported value: 'temperature' does not support 0.5 with this model. "
            "Only the default (1) value is supported.",
            "temperature",
            "unsupported_value",
        ),
        "temperature",
    ),
    (
        "Anthropic, thinking",
        openai("`temperature` may only be set to 1 when thinking is enabled"),
        "temperature",
    ),
    (
        "Anthropic, compatible",
        {
            "type": "error",
            "error": {
                "type": "invalid_request_error",
                "message": "`temperature` and `top_p` cannot both be specified for this model. "
                "Please use only one.",
            },
        },
        "top_p",
    ),
    (
        "OpenAI, the cap",
        openai(
            "max_tokens is too large: 100000. This model supports at most 16384 completion tokens, "
            "whereas you provided 100000.",
            "max_tokens",
            "invalid_value",
        ),
        "max_tokens",
    ),
    (
        "OpenAI, an effort",
        openai(
            "Unsupported value: 'reasoning_effort' does not support 'minimal' with this model. "
            "Supported values are: 'low', 'medium', and 'high'.",
            "reasoning_effort",
            "unsupported_value",
        ),
        "reasoning_effort",
    ),
    (
        "OpenAI, n",
        openai(
            "Invalid 'n': integer above maximum value. Expected a value <= 128, but got 500 "
            "instead.",
            "n",
            "integer_above_max_value",
        ),
        "n",
    ),
    ("Anthropic", openai("temperature: range: 0..1"), "temperature"),
    (
        "Bedrock",
        {
            "message": "The value 1.4 at 'inferenceConfig.temperature' failed to satisfy "
            "constraint: Member must "
            "have value less than or equal to 1"
        },
        "temperature",
    ),
    (
        "Bedrock, the cap",
        {
            "message": "Value '9999' at 'inferenceConfig.maxTokens' failed to satisfy constraint: "
            "Member "
            "must have value less than or equal to 4096"
        },
        "max_tokens",
    ),
    ("a sentence", openai("Temperature must be between 0 and 1"), "temperature"),
    (
        "OpenAI, behind a gateway",
        openai(
            "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= "
            "16, but got 8 instead.",
            "max_output_tokens",
            "integer_below_min_value",
        ),
        "max_tokens",
    ),
    (
        "vLLM, greedy",
        {
            "object": "error",
            "message": "n must be 1 when using greedy sampling, got 3.",
            "type": "BadRequestError",
            "param": None,
            "code": 400,
        },
        "n",
    ),
    (
        "vLLM, sampling",
        {"message": "top_p must be in (0, 1], got 2.0.", "code": 400},
        "top_p",
    ),
    (
        "Mistral",
        {
            "object": "error",
            "message": {
                "detail": [
                    {
                        "type": "less_than_equal",
                        "loc": ["body", "temperature"],
                        "msg": "Input should be less than or equal to 1.5",
                    }
                ]
            },
        },
        "temperature",
    ),
]


@pytest.mark.parametrize(
    ("body", "parameter"), [c[1:] for c in VALUES], ids=[c[0] for c in VALUES]
)
def test_a_refused_value_is_told_from_a_refused_parameter(
    body: object, parameter: str
) -> None:
    refusal = read_refusal(body, SENT)
    assert refusal is not None
    assert (refusal.parameter, refusal.value_only) == (parameter, True)


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        [],
        "",
        {"error": None},
        {"error": {"message": None, "param": None, "code": None}},
        openai("We could not parse the JSON body of your request."),
        openai("Please stop sending n invalid things and seed the field."),
        openai(
            "messages[0].role does not support 'system' with this model",
            "messages[0].role",
        ),
        openai("The model `temperature-9` does not exist"),
        openai("Unsupported parameter: 'frequency_penalty'", "frequency_penalty"),
        {"error": {"message": {"deep": [1, 2]}, "param": 7}},
        "<html>502 Bad Gateway</html>",
    ],
)
def test_an_error_about_something_else_names_no_parameter(body: object) -> None:
    assert read_refusal(body, SENT) is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=12),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["error", "message", "detail", "param", "loc", "code", "type"]
                ),
                inner,
            )
        ),
        max_leaves=12,
    )
)
def test_no_body_however_strange_breaks_the_reading(body: object) -> None:
    refusal = read_refusal(body, SENT)
    assert refusal is None or refusal.parameter in SENT


@pytest.mark.parametrize("name", ["model", "messages", "prompt"])
def test_the_model_and_the_prompt_are_no_parameters(name: str) -> None:
    assert (
        read_refusal(
            openai(f"Invalid value for '{name}'.", name, "invalid_value"), [*SENT, name]
        )
        is None
    )


def test_only_what_was_sent_is_looked_for() -> None:
    body = openai("`top_p` is not supported with `temperature`")
    assert read_refusal(body, ["top_p"]) == Refusal("top_p", value_only=False)
    assert read_refusal(body, ["temperature"]) == Refusal(
        "temperature", value_only=False
    )
    assert read_refusal(body, ["seed"]) is None


@pytest.mark.parametrize(
    ("text", "beside", "while_reasoning"),
    [
        # Anthropic, of Claude 4.1 and later
        (
            "`temperature` and `top_p` cannot both be specified for this model. "
            "Please use only one.",
            "temperature",
            False,
        ),
        # Anthropic, of extended thinking
        ("`temperature` may only be set to 1 when thinking is enabled.", None, True),
        # OpenAI, of gpt-5.1 and later
        (
            "temperature is not supported with this model when reasoning effort is not 'none'",
            None,
            True,
        ),
        ("temperature must be at most 1", None, False),
    ],
)
def test_a_condition_of_a_refusal_is_read(
    text: str, beside: str | None, while_reasoning: bool
) -> None:
    refusal = read_refusal({"error": {"message": text}}, {"temperature", "top_p"})
    assert refusal is not None
    assert (refusal.beside, refusal.while_reasoning) == (beside, while_reasoning)
