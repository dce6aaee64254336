"""Strict models of the fake server: each refuses what its vendor refuses, in the vendor's words.

The words are from public reports, which the comments name by repository and number; those without
one are from the vendor's documentation. Statuses are 400 unless the comment says otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeAlias

from tune.fakes.faults import Body, Fault, Model
from tune.fakes.replies import Reply, error_reply

Refuse: TypeAlias = Callable[[Body], Reply | None]
"""Returns the refusal of a body, or None where the model takes it."""

_CHAT = frozenset({"model", "messages", "max_tokens", "stream"})


def refuse_openai_classic(body: Body) -> Reply | None:
    """Refuse as gpt-4o-mini does."""
    if "reasoning_effort" in body:
        # RooCodeInc/Roo-Code#7054 has the same words of verbosity.
        return error_reply(
            400, "Unrecognized request argument supplied: reasoning_effort"
        )
    if body.get("verbosity", "medium") != "medium":
        # google-deepmind/concordia#164
        return error_reply(
            400,
            f"Unsupported value: 'verbosity' does not support '{body['verbosity']}' with this "
            "model. Supported values are: 'medium'.",
            "unsupported_value",
            "verbosity",
        )
    return _refuse_openai_values(body, most_output=16_384)


def refuse_o_series(body: Body) -> Reply | None:
    """Refuse as o3 does."""
    # fish2018/YPrompt#26; FlowiseAI/Flowise#5046 of stop
    for name in ("max_tokens", "stop", "top_p", "presence_penalty", "verbosity"):
        if name in body:
            return _unsupported(name)
    return (
        _refuse_other_temperatures(body)
        or _refuse_efforts(body, ("low", "medium", "high"))
        or _refuse_openai_values(body, most_output=100_000)
    )


def refuse_gpt5(body: Body) -> Reply | None:
    """Refuse as gpt-5.4-mini does, which takes a temperature only while it does not reason."""
    if "max_tokens" in body:
        return _unsupported("max_tokens")
    if body.get("reasoning_effort", "none") != "none":
        for name in ("temperature", "top_p", "logprobs"):
            if name in body:
                return _unsupported_while_reasoning(name)
    levels = ("none", "low", "medium", "high", "xhigh")
    return _refuse_efforts(body, levels) or _refuse_openai_values(
        body, most_output=128_000
    )


def refuse_claude(body: Body) -> Reply | None:
    """Refuse as Anthropic's compatible endpoint does for Claude 4.5."""
    if "temperature" in body and "top_p" in body:
        # anomalyco/opencode#28930
        return _anthropic(
            "`temperature` and `top_p` cannot both be specified for this model. Please use only "
            "one."
        )
    if body.get("temperature", 0) > 1:
        # anthropics/anthropic-sdk-python#893
        return _anthropic("temperature: range: 0..1")
    if body.get("n", 1) > 1:
        return _anthropic("n: Input should be less than or equal to 1")
    if body.get("max_tokens", 1) > 64_000:
        return _anthropic(
            f"max_tokens: {body['max_tokens']} > 64000, which is the maximum allowed number of "
            "output tokens for claude-haiku-4-5"
        )
    return None


def refuse_gemini(body: Body) -> Reply | None:
    """Refuse as Gemini's compatible endpoint does: its errors are lists of one."""
    known = _CHAT | {
        "n",
        "reasoning_effort",
        "response_format",
        "stop",
        "temperature",
        "top_p",
    }
    for name in sorted(set(body) - known):
        # google-gemini/cookbook and others, of several names
        return _gemini(
            f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.'
        )
    if body.get("n", 1) > 8:
        # googleapis/js-genai#1609
        return _gemini(
            f"Unable to submit request because it has a candidateCount value of {body['n']} but "
            "the supported range is from 1 (inclusive) to 9 (exclusive). Update the value and "
            "try again."
        )
    if body.get("temperature", 0) > 2:
        return _gemini(
            f"Unable to submit request because it has a temperature value of "
            f"{body['temperature']} but the supported range is from 0 (inclusive) to 2.1 "
            "(exclusive)"
        )
    return None


def refuse_deepseek(body: Body) -> Reply | None:
    """Refuse as DeepSeek does."""
    if body.get("n", 1) > 1:
        return error_reply(400, "Invalid n value (currently only n = 1 is supported)")
    if not 0 <= body.get("temperature", 0) <= 2:
        return error_reply(
            400, "Invalid temperature value, the valid range of temperature is [0, 2]"
        )
    if not 1 <= body.get("max_tokens", 1) <= 393_216:
        # nickscamara/open-deep-research#19
        return error_reply(
            400,
            "Invalid max_tokens value, the valid range of max_tokens is [1, 393216]",
        )
    return None


def refuse_grok(body: Body) -> Reply | None:
    """Refuse as xAI does for a model that reasons."""
    for name, theirs in (
        ("presence_penalty", "presencePenalty"),
        ("frequency_penalty", "frequencyPenalty"),
        ("stop", "stop"),
    ):
        if name in body:
            # yym68686/uni-api#105, langchain-ai/langchain#38335
            return _xai(f"Argument not supported on this model: {theirs}")
    effort = body.get("reasoning_effort", "low")
    if effort not in ("low", "medium", "high"):
        # router-for-me/CLIProxyAPI#1307
        return _xai(
            "Validation error for `reasoning_effort`: expected one of `'low' | 'medium' | "
            f"'high'`, received `'{effort}'`."
        )
    return None


def refuse_vllm(body: Body) -> Reply | None:
    """Refuse as vLLM does: it ignores names that it does not know, and checks values."""
    if body.get("n", 1) > 1 and body.get("temperature", 1) == 0:
        return _vllm(f"n must be 1 when using greedy sampling, got {body['n']}.")
    if not 0 < body.get("top_p", 1) <= 1:
        return _vllm(f"top_p must be in (0, 1], got {body['top_p']}.")
    if body.get("temperature", 0) < 0:
        return _vllm(f"temperature must be non-negative, got {body['temperature']}.")
    return None


def refuse_ollama(body: Body) -> Reply | None:
    """Refuse as Ollama does: it names the model, and no field of the request."""
    effort = body.get("reasoning_effort", "none")
    if effort != "none":
        # ollama/ollama#12561
        return error_reply(
            400, f'think value "{effort}" is not supported for this model'
        )
    return None


def strict_models() -> dict[str, Model]:
    """Return a model of each vendor by its name there, with the vendor's habits of counting."""
    return {
        "gpt-4o-mini": Model(0.15, 0.6, strict=refuse_openai_classic),
        "o3": Model(2, 8, reasoning=40, strict=refuse_o_series),
        "gpt-5.4-mini": Model(0.75, 4.5, strict=refuse_gpt5),
        "claude-haiku-4-5": Model(1, 5, strict=refuse_claude),
        "gemini-2.5-flash": Model(
            0.3, 2.5, reasoning=30, counts="total", strict=refuse_gemini
        ),
        "deepseek-v4-pro": Model(0.5, 2, strict=refuse_deepseek),
        "grok-4.5": Model(2, 6, reasoning=30, counts="beside", strict=refuse_grok),
        "qwen3": Model(0.1, 0.1, strict=refuse_vllm),
        # Its compatible endpoint answers once, whatever n is asked for.
        "llama3": Model(0.1, 0.1, fault=Fault("fewer"), strict=refuse_ollama),
    }


VENDOR_OF: Mapping[str, str] = {
    "gpt-4o-mini": "openai",
    "o3": "openai",
    "gpt-5.4-mini": "openai",
    "claude-haiku-4-5": "anthropic",
    "gemini-2.5-flash": "gemini",
    "deepseek-v4-pro": "deepseek",
    "grok-4.5": "xai",
}
"""The vendors of these models as `tune.providers.model_rules` names them; servers have none."""


def _unsupported(name: str) -> Reply:
    """Refuse a parameter as OpenAI does."""
    instead = " Use 'max_completion_tokens' instead." if name == "max_tokens" else ""
    return error_reply(
        400,
        f"Unsupported parameter: '{name}' is not supported with this model.{instead}",
        "unsupported_parameter",
        name,
    )


def _unsupported_while_reasoning(name: str) -> Reply:
    return error_reply(
        400,
        f"{name} is not supported with this model when reasoning effort is not 'none'",
        "unsupported_parameter",
        name,
    )


def _refuse_other_temperatures(body: Body) -> Reply | None:
    if body.get("temperature", 1) == 1:
        return None
    # johny-b/llmcomp#69
    return error_reply(
        400,
        f"Unsupported value: 'temperature' does not support {body['temperature']} with this "
        "model. Only the default (1) value is supported.",
        "unsupported_value",
        "temperature",
    )


def _refuse_efforts(body: Body, levels: Collection[str]) -> Reply | None:
    effort = body.get("reasoning_effort")
    if effort is None or effort in levels:
        return None
    shown = ", ".join(f"'{level}'" for level in levels)
    # kaitranntt/ccs#344
    return error_reply(
        400,
        f"Unsupported value: 'reasoning_effort' does not support '{effort}' with this model. "
        f"Supported values are: {shown}.",
        "unsupported_value",
        "reasoning_effort",
    )


def _refuse_openai_values(body: Body, *, most_output: int) -> Reply | None:
    """Refuse values that no model of OpenAI's takes."""
    stop = body.get("stop") or []
    if len(stop) > 4:
        # QwenLM/Qwen-Agent#228
        return error_reply(
            400,
            "Invalid 'stop': array too long. Expected an array with maximum length 4, but got an "
            f"array with length {len(stop)} instead.",
            "array_above_max_length",
            "stop",
        )
    for name, most in (("n", 128), ("temperature", 2), ("top_p", 1)):
        if body.get(name, 0) > most:
            return error_reply(
                400,
                f"Invalid '{name}': decimal above maximum value. Expected a value <= {most}, but "
                f"got {body[name]} instead.",
                "decimal_above_max_value",
                name,
            )
    cap = body.get("max_completion_tokens") or body.get("max_tokens") or 1
    if cap > most_output:
        return error_reply(
            400,
            f"max_tokens is too large: {cap}. This model supports at most {most_output} "
            f"completion tokens, whereas you provided {cap}.",
            None,
            "max_tokens",
        )
    return None


def _anthropic(message: str) -> Reply:
    return _reply(
        {
            "error": {
                "code": "invalid_request_error",
                "message": message,
                "type": "invalid_request_error",
                "param": None,
            }
        }
    )


def _gemini(message: str) -> Reply:
    return _reply(
        [{"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}]
    )


def _xai(message: str) -> Reply:
    return _reply({"code": "Client specified an invalid argument", "error": message})


def _vllm(message: str) -> Reply:
    return _reply(
        {
            "object": "error",
            "message": message,
            "type": "BadRequestError",
            "param": None,
            "code": 400,
        }
    )


def _reply(record: Any) -> Reply:
    return Reply(400, json.dumps(record).encode())
