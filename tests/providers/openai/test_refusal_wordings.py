"""Refusals in the words of many vendors and servers, each from a public report.

A report is named by its repository and number. The words are those of the service; identifiers of
requests and accounts are left out.
"""

from __future__ import annotations

import json
from typing import Any, Literal, NamedTuple

import pytest

from tune.errors import (
    AnswerError,
    EndpointError,
    ParameterRejected,
    ProviderError,
    ValueRejected,
)
from tune.providers.openai.errors import error_of_response

Kind = Literal["parameter", "value"]
"""The model does not take the parameter at all, or not this value of it."""

SENT = frozenset(
    {
        "frequency_penalty",
        "logprobs",
        "max_tokens",
        "n",
        "presence_penalty",
        "reasoning_effort",
        "seed",
        "stop",
        "temperature",
        "top_p",
        "verbosity",
    }
)
"""The parameters of the refused requests, where a report does not need others."""


class Report(NamedTuple):
    """One refusal, and how it must be read.

    Attributes:
        source: the report.
        body: the error body, or its text.
        parameter: the refused parameter.
        kind: the parameter, or a value of it.
        low: the smallest value that the model takes, where the refusal says it.
        high: the largest value that the model takes, where the refusal says it.
        sent: the parameters of the request.
        status: the HTTP status.
    """

    source: str
    body: Any
    parameter: str
    kind: Kind
    low: float | None = None
    high: float | None = None
    sent: frozenset[str] = SENT
    status: int = 400


def openai(message: str, param: str | None = None, code: str | None = None) -> Any:
    error = {
        "message": message,
        "type": "invalid_request_error",
        "param": param,
        "code": code,
    }
    return {"error": error}


def error(message: str, **fields: Any) -> Any:
    return {"error": {"message": message, **fields}}


def only_default(value: str) -> Any:
    return openai(
        f"Unsupported value: 'temperature' does not support {value} with this model. "
        "Only the default (1) value is supported.",
        "temperature",
        "unsupported_value",
    )


def unsupported(name: str, code: str | None = "unsupported_parameter") -> Any:
    return openai(
        f"Unsupported parameter: '{name}' is not supported with this model.", name, code
    )


def router(raw: Any, name: str) -> Any:
    text = raw if isinstance(raw, str) else json.dumps(raw)
    return error(
        "Provider returned error",
        code=400,
        metadata={"raw": text, "provider_name": name, "is_byok": False},
    )


def sent(*names: str) -> frozenset[str]:
    return SENT | set(names)


BOTH = "`temperature` and `top_p` cannot both be specified for this model. Please use only one."
THINKING = (
    "`temperature` may only be set to 1 when thinking is enabled. Please consult our "
    "documentation at https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking"
)
EXTRA = "Extra inputs are not permitted"

TEMPERATURE = [
    Report("johny-b/llmcomp#69", only_default("0"), "temperature", "value", 1, 1),
    Report(
        "OpenHands/OpenHands#4131", only_default("0.0"), "temperature", "value", 1, 1
    ),
    Report(
        "QwenLM/qwen-code#921",
        "Unsupported value: 'temperature' does not support 0 with this model. "
        "Only the default (1) value is supported.",
        "temperature",
        "value",
        1,
        1,
    ),
    Report(
        "griptape-ai/griptape#1915", only_default("0.1"), "temperature", "value", 1, 1
    ),
    Report(
        "BeehiveInnovations/pal-mcp-server#78",
        unsupported("temperature"),
        "temperature",
        "parameter",
    ),
    Report(
        "RooCodeInc/Roo-Code#3725",
        unsupported("temperature", None),
        "temperature",
        "parameter",
    ),
    Report(
        "RooCodeInc/Roo-Code#793",
        "400 Unsupported parameter: 'temperature' is not supported with this model. "
        "(request id: 2025020521525738353743748650472)",
        "temperature",
        "parameter",
    ),
    Report(
        "decolua/9router#536",
        "Github [400]: [400]: Unsupported parameter: 'temperature' is not supported with this "
        "model.",
        "temperature",
        "parameter",
    ),
    Report(
        "OpenRouterTeam/ai-sdk-provider#50",
        router(json.dumps(unsupported("temperature", None), indent=2), "OpenAI"),
        "temperature",
        "parameter",
    ),
    Report(
        "chatboxai/chatbox#2627",
        error(
            "litellm.UnsupportedParamsError: gpt-5 models don't support temperature=0.84. Only "
            "temperature=1 is supported. To drop unsupported params set "
            "`litellm.drop_params = True`."
        ),
        "temperature",
        "value",
        1,
        1,
    ),
    Report(
        "DayuanJiang/next-ai-draw-io#861",
        {
            "message": "The model returned the following errors: temperature is deprecated for "
            "this model."
        },
        "temperature",
        "parameter",
    ),
    Report(
        "promptfoo/promptfoo#10307",
        {"message": "`temperature` is deprecated for this model."},
        "temperature",
        "parameter",
    ),
    Report(
        "XCNXNXNX/dsh-portable-tavern#1",
        error(
            "invalid temperature: only 1 is allowed for this model",
            type="invalid_request_error",
        ),
        "temperature",
        "value",
        1,
        1,
    ),
    Report(
        "MoonshotAI/Kimi-K2#124",
        error(
            "invalid temperature: only 0.6 is allowed for this model",
            type="invalid_request_error",
        ),
        "temperature",
        "value",
        0.6,
        0.6,
    ),
    Report(
        "HenriGrimm/Minnow#291",
        error(
            "Error from provider (Moonshot AI): invalid temperature: only 1 is allowed for this "
            "model",
            type="invalid_request_error",
        ),
        "temperature",
        "value",
        1,
        1,
    ),
    Report(
        "anthropics/anthropic-sdk-python#893",
        {
            "type": "error",
            "error": {
                "type": "invalid_request_error",
                "message": "temperature: range: -1 or 0..1",
            },
        },
        "temperature",
        "value",
        0,
        1,
    ),
    Report(
        "ai-forever/gigachain#237",
        {
            "status": 422,
            "message": "Invalid params: temperature must be in range (0, +inf)",
        },
        "temperature",
        "value",
        0,
        None,
        status=422,
    ),
    Report(
        "MartialBE/one-hub#529",
        f"Provider API error: {THINKING}",
        "temperature",
        "value",
        1,
        1,
    ),
    Report(
        "egoist/chatwise-releases#1348",
        error(THINKING, type="<nil>", param="", code=None),
        "temperature",
        "value",
        1,
        1,
    ),
    Report(
        "x3n0cr4735/celi#91",
        {
            "message": "Malformed input request: #: subject must not be valid against schema "
            '{"required":["messages"]}#/temperature: expected type: Number, found: Null, please '
            "reformat your input and try again."
        },
        "temperature",
        "value",
    ),
    Report(
        "songquanpeng/one-api#1141",
        error("temperature参数非法。请检查文档。", code="1214"),
        "temperature",
        "value",
    ),
    Report(
        "binary-husky/gpt_academic#1684",
        'Error code: 400, with error text {"error":{"code":"1214","message":'
        '"temperature参数非法。请检查文档。"}}',
        "temperature",
        "value",
    ),
]

TOP_P = [
    Report("cloud-apim/otoroshi-llm-extension#140", BOTH, "top_p", "value"),
    Report(
        "infiniflow/ragflow#11815",
        error(
            json.dumps(
                {
                    "type": "error",
                    "error": {"type": "invalid_request_error", "message": BOTH},
                }
            ),
            type="<nil>",
        ),
        "top_p",
        "value",
    ),
    Report(
        "skydiscover-ai/skydiscover#15",
        error(
            'litellm.BadRequestError: BedrockException - {"message":"The model returned the '
            f'following errors: {BOTH}"}}'
        ),
        "top_p",
        "value",
    ),
    Report(
        "jekalmin/extended_openai_conversation#428",
        error(
            "litellm.BadRequestError: AnthropicException - "
            + json.dumps(
                {
                    "type": "error",
                    "error": {
                        "type": "invalid_request_error",
                        "message": BOTH.replace("`", ""),
                    },
                }
            )
            + ". Received Model Group=anthropic/claude-sonnet-4-6",
            type=None,
            param=None,
            code="400",
        ),
        "top_p",
        "value",
    ),
    Report(
        "BerriAI/litellm#15097",
        error(
            'litellm.BadRequestError: AnthropicException - b\'{"type":"error","error":{"type":'
            f'"invalid_request_error","message":"{BOTH}"}}}}\'',
            type=None,
            param=None,
            code="400",
        ),
        "top_p",
        "value",
    ),
    Report(
        "anomalyco/opencode#28930",
        {
            "type": "error",
            "error": {
                "type": "invalid_request_error",
                "message": f"Error from provider (Anthropic): {BOTH}",
            },
        },
        "top_p",
        "value",
    ),
    Report(
        "aws-samples/bedrock-access-gateway#191",
        {
            "detail": "An error occurred (ValidationException) when calling the ConverseStream "
            f"operation: The model returned the following errors: {BOTH}"
        },
        "top_p",
        "value",
    ),
    Report("HIllya51/LunaTranslator#1842", unsupported("top_p"), "top_p", "parameter"),
    Report(
        "microsoft/vscode#282170",
        error(
            "Unsupported parameter: 'top_p' is not supported with this model.",
            code="invalid_request_body",
        ),
        "top_p",
        "parameter",
    ),
    Report(
        "lfnovo/open-notebook#107",
        {"detail": f"Error creating insight: Error code: 400 - {unsupported('top_p')}"},
        "top_p",
        "parameter",
    ),
    Report(
        "chatboxai/chatbox#2627, its second error",
        error(
            "litellm.BadRequestError: OpenAIException - Unsupported parameter: 'top_p' is not "
            "supported with this model.. Received Model Group=gpt-5"
        ),
        "top_p",
        "parameter",
    ),
    Report(
        "EricLBuehler/candle-vllm#307",
        "Error: top_p must be 1 when using greedy sampling (no temperature specified)",
        "top_p",
        "value",
        1,
        1,
    ),
    Report(
        "QuantumNous/new-api#124",
        "[1214][top_p参数非法。请检查文档。]",
        "top_p",
        "value",
    ),
]

EFFORT = [
    Report(
        "anomalyco/opencode#4451",
        openai(
            "Unsupported value: 'minimal' is not supported with the 'gpt-5.1' model. Supported "
            "values are: 'none', 'low', 'medium', and 'high'.",
            "reasoning.effort",
            "unsupported_value",
        ),
        "reasoning_effort",
        "value",
    ),
    Report(
        "getzep/graphiti#1395",
        openai(
            "Unsupported value: 'minimal' is not supported with the 'gpt-5.4-mini' model. "
            "Supported values are: 'none', 'low', 'medium', 'high', and 'xhigh'.",
            "reasoning.effort",
        ),
        "reasoning_effort",
        "value",
    ),
    Report(
        "kaitranntt/ccs#344",
        error(
            "Unsupported value: 'reasoning_effort' does not support 'xhigh' with this model. "
            "Supported values are: 'minimal', 'low', 'medium', and \n     'high'.",
            code="unsupported_value",
        ),
        "reasoning_effort",
        "value",
    ),
    Report(
        "ctrl-space-labs/gendox-core#480",
        "Invalid reasoning_effort: minimal.\nValid values are: high, low, medium, none",
        "reasoning_effort",
        "value",
    ),
    Report(
        "nguyenphutrong/quotio#287",
        'level "max" not supported, valid levels: low, medium, high, xhigh',
        "reasoning_effort",
        "value",
    ),
    Report(
        "router-for-me/CLIProxyAPI#1572",
        {
            "object": "error",
            "message": "1 validation error:\n  {'type': 'literal_error', 'loc': ('body', "
            "'reasoning_effort'), 'msg': \"Input should be 'low', 'medium' or 'high'\", 'input': "
            "'xhigh', 'ctx': {'expected': \"'low', 'medium' or 'high'\"}}",
            "type": "Bad Request",
            "param": None,
            "code": 400,
        },
        "reasoning_effort",
        "value",
    ),
    Report(
        "router-for-me/CLIProxyAPI#1307",
        "Validation error for `reasoning_effort`: expected one of `'low' | 'medium' | 'high'`, "
        "received `'xhigh'`.",
        "reasoning_effort",
        "value",
    ),
    Report(
        "BerriAI/litellm#16265",
        {
            "code": "Client specified an invalid argument",
            "error": "Model grok-4-latest does not support parameter reasoningEffort.",
        },
        "reasoning_effort",
        "parameter",
    ),
    Report(
        "neavo/LinguaGacha#771",
        "Model grok-4.20-0309-non-reasoning does not support parameter reasoningEffort.",
        "reasoning_effort",
        "parameter",
    ),
    Report(
        "NousResearch/hermes-agent#23435",
        {
            "code": "invalid-argument",
            "error": "Model grok-4-0709 does not support parameter reasoningEffort.",
        },
        "reasoning_effort",
        "parameter",
    ),
]

VERBOSITY = [
    Report(
        "google-deepmind/concordia#164",
        openai(
            "Unsupported value: 'verbosity' does not support 'low' with this model. Supported "
            "values are: 'medium'.",
            "verbosity",
            "unsupported_value",
        ),
        "verbosity",
        "value",
    ),
    Report(
        "openai/codex#9035",
        openai(
            "Unsupported value: 'low' is not supported with the 'gpt-5.1-codex-max'\nmodel. "
            "Supported values are: 'medium'.",
            "text.verbosity",
            "unsupported_value",
        ),
        "verbosity",
        "value",
    ),
    Report(
        "RooCodeInc/Roo-Code#7054",
        "Unrecognized request argument supplied: verbosity",
        "verbosity",
        "parameter",
    ),
    Report(
        "CherryHQ/cherry-studio#11435",
        openai("property 'verbosity' is unsupported"),
        "verbosity",
        "parameter",
    ),
]

STOP = [
    Report("huggingface/smolagents#1671", unsupported("stop"), "stop", "parameter"),
    Report(
        "FlowiseAI/Flowise#5046",
        "400 Unsupported parameter: 'stop' is not supported with this model.",
        "stop",
        "parameter",
    ),
    Report(
        "EleutherAI/lm-evaluation-harness#3215",
        "Unsupported parameter: 'stop' is not supported with o4 model.",
        "stop",
        "parameter",
    ),
    Report(
        "langchain-ai/langchain#20234",
        openai(
            "'$.stop' is invalid. Please check the API reference: "
            "https://platform.openai.com/docs/api-reference."
        ),
        "stop",
        "value",
    ),
    Report(
        "QwenLM/Qwen-Agent#228",
        "Invalid 'stop': array too long. Expected an array with maximum length 4, but got an "
        "array with length 5 instead.",
        "stop",
        "value",
        None,
        4,
    ),
    Report(
        "continuedev/continue#2461",
        openai(
            "Invalid 'stop': array too long. Expected an array with maximum length 4, but got an "
            "array with length 9 instead.",
            "stop",
            "array_above_max_length",
        ),
        "stop",
        "value",
        None,
        4,
    ),
    Report(
        "zai-org/ChatGLM3#798",
        {"error": {"code": "1214", "message": "stop:最大只能有1个停止词"}},
        "stop",
        "value",
        None,
        1,
    ),
    Report(
        "BerriAI/litellm#3286",
        {
            "type": "error",
            "error": {
                "type": "invalid_request_error",
                "message": "stop_sequences: each stop sequence must contain non-whitespace",
            },
        },
        "stop",
        "value",
    ),
    Report(
        "MegaGrindStone/mcp-web-ui#5",
        {
            "type": "error",
            "error": {
                "type": "invalid_request_error",
                "message": "stop_sequences: each stop sequence must be non-empty",
            },
        },
        "stop",
        "value",
    ),
    Report(
        "continuedev/continue#2296",
        "1 validation error detected: Value '[</CO, def, class]' at "
        "'inferenceConfig.stopSequences' failed to satisfy constraint: Member must have length "
        "less than or equal to 4",
        "stop",
        "value",
        None,
        4,
    ),
]

PENALTIES = [
    Report(
        "yym68686/uni-api#105",
        {
            "code": "Client specified an invalid argument",
            "error": "Argument not supported on this model: presencePenalty",
        },
        "presence_penalty",
        "parameter",
    ),
    Report(
        "lobehub/lobehub#8381",
        {
            "error": "Argument not supported on this model: presencePenalty",
            "endpoint": "https://api.x.ai/v1",
            "provider": "xai",
        },
        "presence_penalty",
        "parameter",
    ),
    Report(
        "miaoxworld/NativeTavern#83",
        "Model grok-4.3 does not support parameter presencePenalty.",
        "presence_penalty",
        "parameter",
    ),
    Report(
        "nextai-translator/nextai-translator#1781",
        "Unsupported parameter: 'presence_penalty' is not supported with this model. "
        "(request id: 20250809133359361279881q1VKj3Mz)",
        "presence_penalty",
        "parameter",
    ),
    Report(
        "mistralai/platform-docs-public#7",
        {
            "object": "error",
            "message": json.dumps(
                {
                    "detail": [
                        {
                            "type": "extra_forbidden",
                            "loc": ["body", "frequency_penalty"],
                            "msg": EXTRA,
                            "input": 0.0,
                            "url": "https://errors.pydantic.dev/2.5/v/extra_forbidden",
                        }
                    ]
                }
            ),
            "type": "internal_error_proxy",
            "param": None,
            "code": "1000",
        },
        "frequency_penalty",
        "parameter",
        status=422,
    ),
]

CAP = [
    Report(
        "fish2018/YPrompt#26",
        openai(
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
            "'max_completion_tokens' instead.",
            "max_tokens",
            "unsupported_parameter",
        ),
        "max_tokens",
        "parameter",
    ),
    Report(
        "Aider-AI/aider#4125",
        openai(
            "Invalid max_tokens value, the valid range of max_tokens is [1, 65536]",
            None,
            "invalid_request_error",
        ),
        "max_tokens",
        "value",
        1,
        65536,
    ),
    Report(
        "nickscamara/open-deep-research#19",
        "Research may have failed: Invalid max_tokens value, the valid range of max_tokens is "
        "[1, 8192]",
        "max_tokens",
        "value",
        1,
        8192,
    ),
    Report(
        "HeyPuter/docs#102",
        "Error 400 from delegate `openrouter`: 400 Invalid max_tokens value, the valid range of "
        "max_tokens is [1, 8192]",
        "max_tokens",
        "value",
        1,
        8192,
    ),
    Report(
        "Gitlawb/openclaude#35",
        openai(
            "Invalid max_tokens \n     value, the valid range of max_tokens is [1, 8192]",
            None,
            "invalid_request_error",
        ),
        "max_tokens",
        "value",
        1,
        8192,
    ),
    Report(
        "stackblitz-labs/bolt.diy#955",
        "Unable to submit request because it has a maxOutputTokens value of 655360 but the "
        "supported range is from 1 (inclusive) to 8193 (exclusive). Update the value and try "
        "again.",
        "max_tokens",
        "value",
        1,
        8192,
    ),
    Report(
        "editor-code-assistant/eca#231",
        {
            "object": "error",
            "message": {
                "detail": [
                    {
                        "type": "extra_forbidden",
                        "loc": ["body", "max_completion_tokens"],
                        "msg": EXTRA,
                        "input": 32000,
                    }
                ]
            },
            "type": "invalid_request_error",
            "param": None,
            "code": None,
        },
        "max_completion_tokens",
        "parameter",
        sent=sent("max_completion_tokens") - {"max_tokens"},
        status=422,
    ),
    Report(
        "Gitlawb/openclaude#739",
        {
            "detail": [
                {
                    "type": "extra_forbidden",
                    "loc": ["body", "max_completion_tokens"],
                    "msg": EXTRA,
                    "input": 8192,
                }
            ]
        },
        "max_completion_tokens",
        "parameter",
        sent=sent("max_completion_tokens") - {"max_tokens"},
        status=422,
    ),
    Report(
        "MetaGLM/glm-cookbook#24",
        error("max_tokens参数非法。请检查文档。", code="1214"),
        "max_tokens",
        "value",
    ),
]

ANSWERS = [
    Report(
        "genkit-ai/genkit#546",
        error(
            "Unable to submit request because candidateCount must be 1 but the entered value was "
            "3. Update the candidateCount value and try again.",
            code=400,
            status="INVALID_ARGUMENT",
        ),
        "n",
        "parameter",
    ),
    Report(
        "googleapis/python-aiplatform#3603",
        "Unable to submit request because it has a candidateCount value of 2 but the supported "
        "range is from 1 (inclusive) to 2 (exclusive). Update the value and try again.",
        "n",
        "parameter",
    ),
    Report(
        "googleapis/js-genai#1609",
        error(
            "Unable to submit request because it has a candidateCount value of 9 but the "
            "supported range is from 1 (inclusive) to 9 (exclusive). Update the value and try "
            "again.",
            code=400,
            status="INVALID_ARGUMENT",
        ),
        "n",
        "value",
        None,
        8,
    ),
    Report(
        "ai-dynamo/dynamo#3914",
        {
            "message": "When n > 1, temperature must be greater than 0 to ensure diverse outputs. "
            "Got n=2, temperature=0",
            "type": "Bad Request",
            "code": 400,
        },
        "n",
        "value",
    ),
]

OTHERS = [
    Report(
        "ollama/ollama#12561",
        openai('think value "high" is not supported for this model'),
        "reasoning_effort",
        "value",
    ),
    Report(
        "transformers serve 5.24, seen here",
        {"detail": "Unexpected fields in the request: {'top_k'}"},
        "top_k",
        "parameter",
        sent=sent("top_k"),
        status=422,
    ),
    Report(
        "sashabaranov/go-openai#1061", unsupported("logprobs"), "logprobs", "parameter"
    ),
    Report(
        "langchain4j/langchain4j#3974",
        {
            "statusCode": 400,
            "message": "parameter.enable_thinking must be set to false for non-streaming calls",
            "code": "InvalidParameter",
        },
        "enable_thinking",
        "value",
        sent=sent("enable_thinking"),
    ),
    Report(
        "tencentmusic/supersonic#2355",
        openai(
            "parameter.enable_thinking must be set to false for non-streaming calls",
            None,
            "invalid_parameter_error",
        ),
        "enable_thinking",
        "value",
        sent=sent("enable_thinking"),
    ),
    Report(
        "QwenLM/Qwen-Agent#941",
        error(
            "<400> InternalError.Algo.InvalidParameter: The thinking_budget parameter must be a "
            "positive integer and not greater than 0",
            code="InvalidParameter",
        ),
        "thinking_budget",
        "value",
        sent=sent("thinking_budget"),
    ),
]

# Found when the reader of the reports above was finished. Of these and one without a parameter, five
# were read to the right parameter and kind at once, and three of those with their bounds.
LATER = [
    Report(
        "BerriAI/litellm#3923",
        error(
            "ollama does not support parameters: {'seed': 1}, for model=llama3:latest. To drop "
            "these, set `litellm.drop_params=True`",
            type=None,
            param=None,
            code=500,
        ),
        "seed",
        "parameter",
        status=500,
    ),
    Report(
        "BerriAI/litellm#514",
        "LiteLLM.Exception: Unsupported parameters passed: n.",
        "n",
        "parameter",
    ),
    Report("LlamaEdge/LlamaEdge#250", "unknown field `seed`", "seed", "parameter"),
    Report(
        "argilla-io/synthetic-data-generator#48",
        {
            "error": "Input validation error: `top_p` must be > 0.0 and < 1.0",
            "error_type": "validation",
        },
        "top_p",
        "value",
        0,
        1,
        status=422,
    ),
    Report(
        "huggingface/text-generation-inference#1582",
        {
            "error": "Input validation error: 'top_p' must be > 0.0 and < 1.0",
            "error_type": "validation",
        },
        "top_p",
        "value",
        0,
        1,
        status=422,
    ),
    Report(
        "vibrantlabsai/ragas#264",
        {
            "error": "Input validation error: `temperature` must be strictly positive",
            "error_type": "validation",
        },
        "temperature",
        "value",
        status=422,
    ),
    Report(
        "liuw1535/antigravity2api-nodejs#149",
        error(
            json.dumps(
                {
                    "type": "error",
                    "error": {
                        "type": "invalid_request_error",
                        "message": "`max_tokens` must be greater than "
                        "`thinking.budget_tokens`. Please consult our documentation at "
                        "https://docs.claude.com/en/docs/build-with-claude/extended-thinking",
                    },
                }
            )
        ),
        "max_tokens",
        "value",
    ),
]

# Found after all of the above, and read before the reader saw them: 37 of these 53 were read to the
# right parameter and kind at once (70 %), 33 of them with their bounds.
HELD_OUT = [
    Report(
        "lobehub/lobehub#1368",
        error("Cannot set both presence_penalty and frequency_penalty.", code=400),
        "frequency_penalty",
        "value",
    ),
    Report(
        "LanceMoe/openai-translator#27",
        {
            "message": "invalid request: cannot specify both frequency_penalty and presence_penalty."
        },
        "presence_penalty",
        "value",
    ),
    Report(
        "logancyang/obsidian-copilot#431",
        error(
            "Frequency penalty must satisfy p > 0.", type="invalid_parameter", code=400
        ),
        "frequency_penalty",
        "value",
        0,
        None,
    ),
    Report(
        "google-gemini/cookbook#1290",
        error(
            "Penalty is not enabled for this model", code=400, status="INVALID_ARGUMENT"
        ),
        "presence_penalty",
        "parameter",
        sent=frozenset({"max_tokens", "presence_penalty", "temperature"}),
    ),
    Report(
        "vercel/ai#8943",
        error(
            "Penalty is not enabled for models/gemini-2.5-pro",
            code=400,
            status="INVALID_ARGUMENT",
        ),
        "frequency_penalty",
        "parameter",
        sent=frozenset({"max_tokens", "frequency_penalty", "temperature"}),
    ),
    Report(
        "GoogleCloudPlatform/generative-ai#2947",
        error(
            "Unable to submit request because Logprobs is not supported for this model.",
            code=400,
            status="INVALID_ARGUMENT",
        ),
        "logprobs",
        "parameter",
    ),
    Report(
        "egoist/chatwise-releases#1325",
        {
            "message": "1 validation error for ChatCompletionServerRequest\nreasoning_effort\n Input should be 'low', 'medium' or 'high' [type=enum, input_value='none', input_type=str]\n For further information visit https://errors.pydantic.dev/2.8/v/enum",
            "type": "invalid_request_error",
            "param": "validation_error",
            "code": "wrong_api_format",
            "id": "",
        },
        "reasoning_effort",
        "value",
    ),
    Report(
        "Alishahryar1/free-claude-code#1515",
        {
            "message": "Validation: 'top_p' is immutable for this model and must be 0.95, got 1",
            "type": "Bad Request",
            "code": 400,
        },
        "top_p",
        "value",
        0.95,
        0.95,
    ),
    Report(
        "Alishahryar1/free-claude-code#1519",
        {
            "message": "Validation: `top_p` is immutable for this model and must be 0.95, got 1",
            "type": "Bad Request",
            "code": 400,
        },
        "top_p",
        "value",
        0.95,
        0.95,
    ),
    Report(
        "Alishahryar1/free-claude-code#1609",
        {
            "message": "Validation: top_p is immutable for this model and must be 0.95, got 1",
            "type": "Bad Request",
            "code": 400,
        },
        "top_p",
        "value",
        0.95,
        0.95,
    ),
    Report(
        "nullclaw/nullclaw#231",
        error(
            "Requests with max_tokens > 4096 must have stream=true",
            param="max_tokens",
            code="BAD_REQUEST",
            type="error",
        ),
        "max_tokens",
        "value",
        None,
        4096,
    ),
    Report(
        "nextlevelbuilder/goclaw#660",
        "fireworks: HTTP 400: Requests with max_tokens > 4096 must have stream=true",
        "max_tokens",
        "value",
        None,
        4096,
    ),
    Report(
        "neavo/KeywordGacha#111",
        {
            "code": 400,
            "reason": "INVALID_REQUEST_BODY",
            "message": "max_tokens (current value: 4096) must be between 0 and 4000 ",
            "metadata": {},
        },
        "max_tokens",
        "value",
        0,
        4000,
    ),
    Report(
        "mnfst/modelparams.dev#235",
        error(
            "<400> InternalError.Algo.InvalidParameter: Temperature should be in [0.0, 2.0)",
            code="invalid_parameter_error",
            param=None,
            type="invalid_request_error",
        ),
        "temperature",
        "value",
        0,
        2,
    ),
    Report(
        "musistudio/claude-code-router#184",
        error(
            "<400> InternalError.Algo.InvalidParameter: Range of max_tokens should be [1, 8192]",
            code="invalid_parameter_error",
            param=None,
            type="invalid_request_error",
        ),
        "max_tokens",
        "value",
        1,
        8192,
    ),
    Report(
        "mnfst/modelparams.dev#268",
        error(
            "temperature must be between 0.0 and 1.0 for minimax_m2 (upstream model constraint), got 2.0",
            type="invalid_request_error",
        ),
        "temperature",
        "value",
        0,
        1,
    ),
    Report(
        "langchain-ai/langchain#29679",
        error(
            "Extra parameters ['n'] are not allowed when extra-parameters is not set or set to be 'error'. Set extra-parameters to 'pass-through' to pass to the model.",
            code="Bad Request",
        ),
        "n",
        "parameter",
    ),
    Report(
        "pydantic/pydantic-ai#6593",
        {
            "detail": [
                {
                    "type": "extra_forbidden",
                    "loc": ["body", "max_completion_tokens"],
                    "msg": "Extra inputs are not permitted",
                    "input": 256,
                }
            ]
        },
        "max_completion_tokens",
        "parameter",
        sent=frozenset({"max_completion_tokens", "temperature"}),
        status=422,
    ),
    Report(
        "esengine/DeepSeek-Reasonix#1299",
        error("Unrecognized request argument supplied: extra_body"),
        "extra_body",
        "parameter",
        sent=sent("extra_body"),
    ),
    Report(
        "lmg-anon/mikupad#55",
        {
            "message": "5 is greater than the maximum of 1 - 'logprobs'",
            "type": "invalid_request_error",
            "param": "logprobs",
            "code": None,
        },
        "logprobs",
        "value",
        None,
        1,
    ),
    Report(
        "stanford-crfm/helm#2325, without its param",
        {
            "error": {
                "message": "5 is greater than the maximum of 1 - 'logprobs'",
                "type": "invalid_request_error",
                "param": None,
                "code": None,
            }
        },
        "logprobs",
        "value",
        None,
        1,
    ),
    Report(
        "deepseek-ai/DeepSeek-V2#9",
        {"detail": "Invalid top_logprobs and logprobs value"},
        "top_logprobs",
        "value",
        sent=sent("top_logprobs"),
    ),
    Report(
        "groq/groq-python#25",
        error(
            "`logprobs` is not supported with this model", type="invalid_request_error"
        ),
        "logprobs",
        "parameter",
    ),
    Report(
        "vllm-project/vllm#31870",
        error(
            "Requested sample logprobs of 25, which is greater than max allowed: 20 (parameter=logprobs, value=25)",
            type="BadRequestError",
            param="logprobs",
            code=400,
        ),
        "logprobs",
        "value",
        None,
        20,
    ),
    Report(
        "promptfoo/promptfoo#914",
        "ValidationException: Malformed input request:\n#: extraneous key [logit_bias] is not permitted\n#: extraneous key [truncate] is not permitted\n#/p: 1 is not less or equal to 0.99, please reformat your input and try again.",
        "logit_bias",
        "parameter",
        sent=sent("logit_bias"),
    ),
    Report(
        "promptfoo/promptfoo#914, its last part",
        "ValidationException: Malformed input request:\n#/p: 1 is not less or equal to 0.99, please reformat your input and try again.",
        "top_p",
        "value",
        None,
        0.99,
    ),
    Report(
        "ogx-ai/ogx#1102",
        "An error occurred (ValidationException) when calling the InvokeModel operation: Malformed input request: #: extraneous key [repetition_penalty] is not permitted, please reformat your input and try again.",
        "repetition_penalty",
        "parameter",
        sent=sent("repetition_penalty"),
    ),
    Report(
        "langgenius/dify#3326",
        {
            "message": "Malformed input request: #/stopSequences: expected type: JSONArray, found: String, please reformat your input and try again."
        },
        "stop",
        "value",
    ),
    Report(
        "langgenius/dify#3326, its last error",
        {
            "message": "Malformed input request: #: extraneous key [top_p] is not permitted#: extraneous key [max_tokens_to_sample] is not permitted, please reformat your input and try again."
        },
        "top_p",
        "parameter",
    ),
    Report(
        "langgenius/dify#14376",
        error(
            "The parameter `max_tokens` specified in the request are not valid: integer above maximum value, expected a value <= 4096, but got 8192 instead.",
            code="InvalidParameter",
        ),
        "max_tokens",
        "value",
        None,
        4096,
    ),
    Report(
        "yiliqi78/TOKENICODE#3",
        error(
            "The parameter max_tokens specified in the request is not valid: integer above maximum value, expected a value <= 32768, but got 64000 instead. Request id: 0217724325966514087c9e55f8b3",
            code="InvalidParameter",
            param="max_tokens",
            type="BadRequest",
        ),
        "max_tokens",
        "value",
        None,
        32768,
    ),
    Report(
        "CosmosShadow/gptpdf#24",
        error(
            "'temperature' is not support for vl model now",
            code="invalid_parameter",
            param=None,
            type="invalid_request_error",
        ),
        "temperature",
        "parameter",
    ),
    Report(
        "deepseek-ai/DeepSeek-R1#7",
        error("deepseek-reasoner does not support the parameter `temperature`"),
        "temperature",
        "parameter",
    ),
    Report(
        "Wei-Shaw/sub2api#3954",
        {"detail": "Unsupported parameter: max_output_tokens"},
        "max_tokens",
        "parameter",
    ),
    Report(
        "danny-avila/LibreChat#8939",
        "topP is not supported when thinking is enabled",
        "top_p",
        "parameter",
    ),
    Report(
        "QwenLM/qwen-code#9094",
        error(
            "thinking_level is not supported by this model",
            code=400,
            status="INVALID_ARGUMENT",
        ),
        "reasoning_effort",
        "parameter",
    ),
    Report(
        "BerriAI/litellm#6856",
        error(
            "litellm.UnsupportedParamsError: anthropic does not support parameters: {'seed': 12345}, for model=claude-3-5-sonnet-20241022. To drop these, set `litellm.drop_params=True` or for proxy:",
            code=500,
        ),
        "seed",
        "parameter",
        status=500,
    ),
    Report(
        "BerriAI/litellm#7378",
        error(
            "litellm.UnsupportedParamsError: vertex_ai does not support parameters: ['presence_penalty', 'frequency_penalty'], for model=claude-3-5-sonnet. To drop these, set `litellm.drop_params=True`"
        ),
        "presence_penalty",
        "parameter",
    ),
    Report(
        "JohnnyZ93/oai-compatible-copilot#42",
        error(
            "temperature and top_p cannot both be specified for this model. Please use only one. (tid: 2025111405462935115321629676910)",
            type="invalid_request_error",
            param="",
            code=None,
        ),
        "top_p",
        "value",
    ),
    Report(
        "decolua/9router#560",
        "[openai/gpt-5-mini] [400]: Unsupported value: 'temperature' does not support 0.16 with this model. Only the default (1) (reset after 12s)",
        "temperature",
        "value",
        1,
        1,
    ),
    Report(
        "huggingface/transformers#28523",
        {
            "error": "Input validation error: `max_new_tokens` must be <= 192. Given: 500",
            "error_type": "validation",
        },
        "max_tokens",
        "value",
        None,
        192,
        status=422,
    ),
    Report(
        "MoonshotAI/Kimi-K2#141",
        error(
            "invalid thinking: only type=enabled is allowed for this model",
            type="invalid_request_error",
        ),
        "thinking",
        "value",
        sent=sent("thinking"),
    ),
    Report(
        "HKUDS/nanobot#3939",
        error(
            "cannot specify both 'thinking' and 'reasoning_effort'",
            type="invalid_request_error",
        ),
        "reasoning_effort",
        "value",
        sent=sent("thinking"),
    ),
    Report(
        "nicepkg/aide#26",
        "400 Range of top_p should be (0.0, 1.0)",
        "top_p",
        "value",
        0,
        1,
    ),
    Report(
        "chatboxai/chatbox#1409",
        error(
            "Range of top_p should be (0.0, 1.0)",
            code="invalid_parameter_error",
            param=None,
            type="invalid_request_error",
        ),
        "top_p",
        "value",
        0,
        1,
    ),
    Report(
        "QuantumNous/new-api#737",
        "status code 400: parameter check failed, max_completion_tokens range is [2, 4096]",
        "max_tokens",
        "value",
        2,
        4096,
    ),
    Report(
        "langchain-ai/langchain#5673",
        "400 40.000000 is out of supported range [0, 1];  for top_p.",
        "top_p",
        "value",
        0,
        1,
    ),
    Report(
        "vllm-project/vllm-gaudi#1098",
        error(
            "Gaudi doesn't support logprobs. Please remove 'logprobs'/'top_logprobs' from your request to receive a response.",
            type="BadRequestError",
            param=None,
            code=400,
        ),
        "logprobs",
        "parameter",
    ),
    Report(
        "lidge-jun/opencodex#5278",
        {
            "code": "invalid-argument",
            "error": "Model grok-4.6 does not support parameter stop.",
        },
        "stop",
        "parameter",
    ),
    Report(
        "charmbracelet/crush#386",
        "Argument not supported on this model: reasoningEffort",
        "reasoning_effort",
        "parameter",
    ),
    Report(
        "huggingface/smolagents#1766",
        {
            "code": "400",
            "message": json.dumps(
                {
                    "code": "Client specified an invalid argument",
                    "error": "Argument not supported on this model: stop",
                }
            ),
        },
        "stop",
        "parameter",
    ),
    Report(
        "can1357/oh-my-pi#1077",
        error(
            "tool_choice specified is incompatible with thinking enabled",
            type="invalid_request_error",
        ),
        "tool_choice",
        "parameter",
        sent=sent("tool_choice"),
    ),
    Report(
        "HKUDS/nanobot#2548",
        error(
            "The parameter max_tokens specified in the request are not valid: max_tokens and max_completion_tokens cannot be set at the same time. Request id: xxx",
            code="InvalidParameter",
            param="max_tokens",
            type="BadRequest",
        ),
        "max_tokens",
        "value",
        sent=sent("max_completion_tokens"),
    ),
]

# Found after that, most of them about efforts and caps: 9 of these 17 were read at once.
HELD_OUT_TOO = [
    Report(
        "genkit-ai/genkit#1397",
        "[400 Bad Request] Unable to submit request because it has a topK value of 50 but the supported range is from 1 (inclusive) to 41 (exclusive). Update the value and try again.",
        "top_k",
        "value",
        1,
        40,
        sent=sent("top_k"),
    ),
    Report(
        "replicate/cog-llama-template#85",
        {"detail": "top_k is currently not supported by our generation engine."},
        "top_k",
        "parameter",
        sent=sent("top_k"),
    ),
    Report(
        "namankhurpia/Easy-open-ai#36",
        openai("Unrecognized request argument supplied: topP"),
        "top_p",
        "parameter",
    ),
    Report(
        "idootop/mi-gpt#142",
        openai(
            "Invalid parameter: 'response_format' of type 'json_object' is not supported with this model."
        ),
        "response_format",
        "value",
        sent=sent("response_format"),
    ),
    Report(
        "NousResearch/hermes-agent#70058",
        'This request is not valid. Check the model name and other parameters. Additional info: reasoning.effort: Invalid option: expected one of "max"|"xhigh"|"high"|"medium"|"low"|"minimal"|"none"',
        "reasoning_effort",
        "value",
    ),
    Report(
        "router-for-me/CLIProxyAPI#1143",
        {
            "message": "body.reasoning_effort: Input should be 'low', 'medium' or 'high'\nbody.reasoning: property 'body.reasoning' is unsupported",
            "type": "invalid_request_error",
            "param": "validation_error",
            "code": "wrong_api_format",
        },
        "reasoning_effort",
        "value",
        status=422,
    ),
    Report(
        "charmbracelet/catwalk#603",
        error(
            "This model always engages in thinking and cannot be disabled; please use low, high, or max."
        ),
        "reasoning_effort",
        "value",
    ),
    Report(
        "charmbracelet/catwalk#603, its second error",
        error(
            'Model "glm-5.3-flash" does not support reasoning effort "max", accepted values: low, high, xhigh.'
        ),
        "reasoning_effort",
        "value",
    ),
    Report(
        "earendil-works/pi#1745",
        error("reasoning_effort must be one of none or default"),
        "reasoning_effort",
        "value",
    ),
    Report(
        "BoundaryML/baml#2708",
        openai(
            "Unsupported parameter: 'reasoning.effort' is not supported with this model.",
            "reasoning.effort",
            "unsupported_parameter",
        ),
        "reasoning_effort",
        "parameter",
    ),
    Report(
        "charmbracelet/crush#946",
        {
            "message": "The maximum tokens you requested exceeds the model limit of 32768"
        },
        "max_tokens",
        "value",
        None,
        32768,
    ),
    Report(
        "aws-samples/bedrock-access-gateway#41",
        "An error occurred (ValidationException) when calling the ConverseStream operation: The maximum tokens you requested exceeds the model limit of 2048. Try again with a maximum tokens value that is lower than 2048.",
        "max_tokens",
        "value",
        None,
        2048,
    ),
    Report(
        "RooCodeInc/Roo-Code#248",
        "The maximum tokens you requested exceed the model limit of 4096. Try again with a maximum tokens value lower than 4096.",
        "max_tokens",
        "value",
        None,
        4096,
    ),
    Report(
        "algorithmicsuperintelligence/optillm#4",
        openai(
            "max_tokens is too large: 8192. This model supports at most 4096 completion tokens, whereas you provided 8192.",
            "max_tokens",
        ),
        "max_tokens",
        "value",
        None,
        4096,
    ),
    Report(
        "tailcallhq/forgecode#1185",
        openai(
            "max_tokens is too large: 20480. This model supports at most 16384 completion tokens, whereas you provided 20480.",
            "max_tokens",
            "invalid_value",
        ),
        "max_tokens",
        "value",
        None,
        16384,
    ),
    Report(
        "miaoxworld/NativeTavern#83, of grok-4.6",
        "Model grok-4.6 does not support parameter presencePenalty.",
        "presence_penalty",
        "parameter",
    ),
    Report(
        "BerriAI/litellm#5198",
        "litellm.BadRequestError: OpenAIException - Invalid max_tokens value, the valid range of max_tokens is [1, 4096]",
        "max_tokens",
        "value",
        1,
        4096,
    ),
    # Found last: 7 of these 8 were read at once.
    Report(
        "PaddlePaddle/FastDeploy#3216",
        {
            "object": "error",
            "message": "Length of stop ([2, 16, 2, 1, 3, 3]) exceeds the limit max_model_len(5).Please reduce the number of stop or set a lager max_stop_seqs_num by `FD_MAX_STOP_SEQS_NUM`",
            "code": 400,
        },
        "stop",
        "value",
    ),
    Report(
        "BerriAI/litellm#18921",
        error(
            "* GenerateContentRequest.generation_config.stop_sequences: the number of stop_sequences must not exceed 5.\n",
            code=400,
            status="INVALID_ARGUMENT",
        ),
        "stop",
        "value",
        None,
        5,
    ),
    Report(
        "google/generative-ai-go#233",
        "googleapi: Error 400: Unable to submit request because it has a stopSequences value of 0 but the supported range is from 1 (inclusive) to 17 (exclusive). Update the value and try again",
        "stop",
        "value",
        1,
        16,
    ),
    Report(
        "ai-dynamo/dynamo#14462",
        {
            "message": "Maximum of 4 stop sequences allowed, got 5",
            "type": "Bad Request",
            "code": 400,
        },
        "stop",
        "value",
        None,
        4,
    ),
    Report(
        "theopenco/llmgateway#2433",
        error(
            "Model glm-5 with provider zai does not support the n parameter for multiple choices. Send n separate requests instead."
        ),
        "n",
        "parameter",
    ),
    Report(
        "rocketride-org/rocketride-server#1194",
        {
            "type": "error",
            "error": {
                "type": "invalid_request_error",
                "message": "'temperature' is deprecated for this model.",
            },
        },
        "temperature",
        "parameter",
    ),
    Report(
        "iOfficeAI/gemini-cli-pro#30",
        error(
            "invalid top_p: only 0.95 is allowed for this model",
            type="invalid_request_error",
        ),
        "top_p",
        "value",
        0.95,
        0.95,
    ),
    Report(
        "vibrantlabsai/ragas#1072",
        {"detail": "Invalid n value (currently only n = 1 is supported)"},
        "n",
        "parameter",
    ),
]

FORMAT = sent("response_format")
BAD_SCHEMA = (
    "Invalid schema for response_format 'default': In context=(), 'additionalProperties' is "
    "required to be supplied and to be false."
)

# About formats, efforts and tiers: of these 12, 5 were read at once.
FORMATS = [
    Report(
        "llm-exe/llm-exe#662",
        openai(
            "This response_format type is unavailable now",
            None,
            "invalid_request_error",
        ),
        "response_format",
        "value",
        sent=FORMAT,
    ),
    Report(
        "browser-use/browser-use#215",
        "Failed to deserialize the JSON body into the target type: response_format: "
        "response_format.type `json_schema` is unavailable now at line 1 column 12440",
        "response_format",
        "value",
        sent=FORMAT,
        status=422,
    ),
    Report(
        "google-gemini/deprecated-generative-ai-python#137",
        "400 Json mode is not enabled for models/gemini-pro",
        "response_format",
        "value",
        sent=FORMAT,
    ),
    Report(
        "dottxt-ai/outlines#1666",
        router(openai(BAD_SCHEMA, "response_format"), "OpenAI"),
        "response_format",
        "value",
        sent=FORMAT,
    ),
    Report(
        "bingoYB/ham_home#16",
        openai(
            "Invalid schema for response_format 'response': In context=(), 'required' is required to "
            "be supplied and to be an array including every key in properties. Missing 'message'.",
            "text.format.schema",
            "invalid_json_schema",
        ),
        "response_format",
        "value",
        sent=FORMAT,
    ),
    Report(
        "spring-projects/spring-ai#2969",
        openai(
            "Unknown parameter: 'response_format.schema'.",
            "response_format.schema",
            "unknown_parameter",
        ),
        "response_format",
        "value",
        sent=FORMAT,
    ),
    Report(
        "epuerta9/deep-research-py#19",
        openai(
            "Invalid value: 'object'. Supported values are: 'json_object', 'json_schema', and "
            "'text'.",
            "response_format.type",
            "invalid_value",
        ),
        "response_format",
        "value",
        sent=FORMAT,
    ),
    Report(
        "vercel/ai#7808",
        openai(
            "'response_format' : one of the following must be satisfied[('response_format.type' : "
            "value is not one of the allowed values ['text']) OR ('response_format.type' : value is "
            "not one of the allowed values ['json_object'])]"
        ),
        "response_format",
        "value",
        sent=FORMAT,
    ),
    Report(
        "mozilla-ai/any-llm#1294",
        error(
            "Budget 0 is invalid. This model only works in thinking mode.",
            code=400,
            status="INVALID_ARGUMENT",
        ),
        "reasoning_effort",
        "value",
    ),
    Report(
        "RooCodeInc/Roo-Code#4399",
        error(
            "The thinking budget (52428) is invalid.",
            code=400,
            status="INVALID_ARGUMENT",
        ),
        "reasoning_effort",
        "value",
    ),
    Report(
        "nextai-translator/nextai-translator#1879",
        openai(
            "Failed to deserialize the JSON body into the target type: reasoning_effort: unknown "
            "variant `none`, expected one of `high`, `low`, `medium`, `max`, `xhigh` at line 1 "
            "column 68"
        ),
        "reasoning_effort",
        "value",
    ),
    Report(
        "can1357/oh-my-pi#6451",
        openai("Unsupported service_tier: flex", None, "invalid_request_error"),
        "service_tier",
        "value",
        sent=sent("service_tier"),
    ),
]

# Found last of all, about bounds and lists of names: of these 16, 10 were read at once.
BOUNDS = [
    Report(
        "leonardovida/duckdb-ai#85",
        "BAD_REQUEST: Model eu.anthropic.claude-opus-5 does not support the temperature parameter.",
        "temperature",
        "parameter",
    ),
    Report(
        "ITSpecialist111/ai_automation_suggester#171",
        error("max_tokens must be at least 16 for sonar.", type="invalid_parameter"),
        "max_tokens",
        "value",
        16,
        None,
    ),
    Report(
        "Alishahryar1/free-claude-code#127",
        {
            "message": "Validation: Unsupported parameter(s): reasoning_budget",
            "type": "Bad Request",
            "code": 400,
        },
        "reasoning_budget",
        "parameter",
        sent=sent("reasoning_budget"),
    ),
    Report(
        "Alishahryar1/free-claude-code#127, with a list",
        "Validation: Unsupported parameter(s): reasoning_budget, seed",
        "seed",
        "parameter",
    ),
    Report(
        "lm-sys/FastChat#2994",
        "1.2 is greater than the maximum of 1 - 'top_p'",
        "top_p",
        "value",
        None,
        1,
    ),
    Report(
        "anomalyco/models.dev#5824",
        "AiError 400 max_completion_tokens is too large: 1298829. This model supports at most "
        "1048576",
        "max_tokens",
        "value",
        None,
        1048576,
    ),
    Report(
        "vibrantlabsai/ragas#2354",
        error(
            "Reasoning model does not support n > 1, logit_bias, logprobs, top_logprobs Request id: "
            "xxx",
            code="InvalidParameter",
            param="",
            type="BadRequest",
        ),
        "n",
        "parameter",
    ),
    Report(
        "AQBot-Desktop/AQBot#93",
        error(
            "Param Incorrect",
            type="upstream_error",
            param="max_tokens is too large: 1048576. This model supports at most 131072 completion "
            "tokens, whereas you provided 1048576.",
            code="400",
        ),
        "max_tokens",
        "value",
        None,
        131072,
    ),
    Report(
        "Gitlawb/openclaude#331",
        error(
            "The parameter `max_completion_tokens` specified in the request are not valid: integer "
            "above maximum value, expected a value <= 12288, but got 32000 instead.",
            code="InvalidParameter",
            param="max_completion_tokens",
            type="BadRequest",
        ),
        "max_completion_tokens",
        "value",
        None,
        12288,
        sent=sent("max_completion_tokens") - {"max_tokens"},
    ),
    Report(
        "theopenco/llmgateway#3268",
        error("The temperature parameter is illegal.：限制数值范围[0,1]", code="1210"),
        "temperature",
        "value",
        0,
        1,
    ),
    Report(
        "openclaw/openclaw#81275",
        openai("Invalid top_p value, the valid range of top_p is (0, 1.0]"),
        "top_p",
        "value",
        0,
        1,
    ),
    Report(
        "scottyeager/Pal#28",
        {
            "object": "error",
            "message": {
                "detail": [
                    {
                        "type": "less_than_equal",
                        "loc": ["body", "temperature"],
                        "msg": "Input should be less than or equal to 1.5",
                        "input": 2,
                        "ctx": {"le": 1.5},
                    }
                ]
            },
            "type": "invalid_request_error",
            "param": None,
            "code": None,
        },
        "temperature",
        "value",
        None,
        1.5,
        status=422,
    ),
    Report(
        "scaleway/docs-content#4858",
        {
            "error": "Range Not Satisfiable",
            "status": 416,
            "message": "max_completion_tokens is limited for this model",
        },
        "max_tokens",
        "value",
        status=416,
    ),
    Report(
        "typestack/class-validator, its default words in NestJS's default body",
        {
            "statusCode": 400,
            "message": ["temperature must not be greater than 1"],
            "error": "Bad Request",
        },
        "temperature",
        "value",
        None,
        1,
    ),
    Report(
        "typestack/class-validator, of a smallest value",
        {
            "statusCode": 400,
            "message": ["temperature must not be less than 0.1"],
            "error": "Bad Request",
        },
        "temperature",
        "value",
        0.1,
        None,
    ),
    Report(
        "colinhacks/zod, its default words",
        "Too big: expected number to be <=1 at temperature",
        "temperature",
        "value",
        None,
        1,
    ),
]

REPORTS = [
    *TEMPERATURE,
    *TOP_P,
    *EFFORT,
    *VERBOSITY,
    *STOP,
    *PENALTIES,
    *CAP,
    *ANSWERS,
    *OTHERS,
    *LATER,
    *HELD_OUT,
    *HELD_OUT_TOO,
    *FORMATS,
    *BOUNDS,
]


def read(report: Report) -> ProviderError:
    return error_of_response(
        report.status, {}, report.body, who="m at host", sent=report.sent
    )


@pytest.mark.parametrize("report", REPORTS, ids=[report.source for report in REPORTS])
def test_a_refusal_is_read_to_its_parameter_its_kind_and_its_bounds(
    report: Report,
) -> None:
    found = read(report)
    assert isinstance(found, ParameterRejected), found
    assert found.parameter == report.parameter
    assert isinstance(found, ValueRejected) == (report.kind == "value")
    if isinstance(found, ValueRejected) and report.parameter != "n":
        assert (found.low, found.high) == (report.low, report.high)
    if isinstance(found, ValueRejected) and report.parameter == "n":
        assert found.high == report.high


@pytest.mark.parametrize(
    "words",
    [
        # mozilla-ai/any-llm#1294
        "Budget 0 is invalid. This model only works in thinking mode.",
        # charmbracelet/catwalk#603
        "This model always engages in thinking and cannot be disabled; please use low, high, or max.",
    ],
)
def test_reasoning_is_no_condition_of_the_effort_itself(words: str) -> None:
    found = error_of_response(400, {}, error(words), who="m at host", sent=SENT)
    assert isinstance(found, ValueRejected)
    assert not found.while_reasoning


UNREADABLE = [
    (
        "aws-samples/amazon-bedrock-workshop#30",
        {"message": "The provided inference configurations are invalid"},
    ),
    ("anomalyco/opencode#12483", "Client specified an invalid argument"),
    ("TONresistor/teleton-agent#20", "Invalid request data"),
    ("vllm-project/vllm#16831", "The model does not support Chat Completions API"),
    (
        "lobehub/lobehub#18885",
        error("Upstream error: 400", type="invalid_request_error", param="", code=None),
    ),
    (
        "anomalyco/opencode#50818",
        error(
            "Upstream request failed: [400] Invalid request parameters",
            param="",
            type="server_error",
        ),
    ),
    (
        "fuzhengwei/chatglm-sdk-java#8",
        error("API 调用参数有误，请检查文档。", code="1210"),
    ),
    (
        "can1357/oh-my-pi#12335",
        router(
            openai(
                "The request contains invalid parameters. Check the request body for any errors "
                "or inconsistencies."
            ),
            "Meta",
        ),
    ),
    (
        "tenstorrent/tt-inference-server#865",
        {
            "object": "error",
            "message": "Non-greedy decoding on-device is not supported by this model "
            "implementation. Supplied params: SamplingParams(n=1, presence_penalty=0.0, "
            "frequency_penalty=0.0, temperature=0.6, top_p=0.95, seed=1234, max_tokens=32768)",
            "type": "BadRequestError",
            "param": None,
            "code": 400,
        },
    ),
    (
        "diegosouzapw/OmniRoute#3044",
        router(
            error(
                "Model 'moonshotai/kimi-k2.6' supports at most 1 image per prompt.",
                type="invalid_request_error",
                code="invalid_request_error",
            ),
            "Crucible",
        ),
    ),
]


@pytest.mark.parametrize(
    ("source", "body"), UNREADABLE, ids=[source for source, _ in UNREADABLE]
)
def test_a_refusal_that_names_no_parameter_blames_none(source: str, body: Any) -> None:
    found = error_of_response(400, {}, body, who="m at host", sent=SENT)
    assert not isinstance(found, ParameterRejected)


LOST = [
    (
        "continuedev/continue#10832",
        404,
        "The model `llama3.1-405b` does not exist or you do not have access to it.",
    ),
    (
        "NVIDIA/NemoClaw#11902",
        410,
        {
            "type": "about:blank",
            "title": "Gone",
            "status": 410,
            "detail": "The model 'deepseek-ai/deepseek-v4-pro' has reached its end of life on "
            "2026-08-07T09:00:00Z and is no longer available.",
        },
    ),
    (
        "google-gemini/gemini-cli#28600",
        404,
        error("Requested entity was not found.", code=404, status="NOT_FOUND"),
    ),
    (
        "run-llama/llama_index#1332",
        404,
        openai(
            "This is not a chat model and thus not supported in the v1/chat/completions "
            "endpoint. Did you mean to use v1/completions?",
            "model",
        ),
    ),
]


@pytest.mark.parametrize(
    ("source", "status", "body"), LOST, ids=[source for source, *_ in LOST]
)
def test_a_model_that_is_gone_or_served_elsewhere_is_the_endpoints_fault(
    source: str, status: int, body: Any
) -> None:
    found = error_of_response(status, {}, body, who="m at host", sent=SENT)
    assert isinstance(found, EndpointError)


TOO_LONG = [
    (
        "BerriAI/litellm#5198",
        "Prompt token count of 4662 exceeds max token count of 4095.",
    ),
    (
        "continuedev/continue#10993",
        {
            "code": 20015,
            "message": "max_total_tokens (33802) must be less than or equal to max_seq_len (32768)",
            "data": None,
        },
    ),
    (
        "chatboxai/chatbox#2060",
        {
            "code": 20015,
            "message": "length of prompt_tokens (68957) must be less than max_seq_len (65536).",
            "data": None,
        },
    ),
    (
        "huggingface/chat-ui#340",
        {
            "error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 1512. Given: 1000 `inputs` tokens and 1024 `max_new_tokens`",
            "error_type": "validation",
        },
    ),
]


@pytest.mark.parametrize(
    ("source", "body"), TOO_LONG, ids=[source for source, _ in TOO_LONG]
)
def test_a_prompt_that_does_not_fit_is_no_refused_parameter(
    source: str, body: Any
) -> None:
    found = error_of_response(400, {}, body, who="m at host", sent=SENT)
    assert isinstance(found, AnswerError)
    assert found.reason == "context_length"


def test_there_are_enough_reports() -> None:
    assert len(REPORTS) + len(UNREADABLE) + len(LOST) >= 140
    sources = [report.source for report in REPORTS]
    assert len(set(sources)) == len(sources)
