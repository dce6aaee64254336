"""Turn the body of an OpenAI-compatible response into completions with their token counts."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from tune.completion import (
    Completion,
    Invoice,
    Request,
    canonical_calls,
    read_ending,
)
from tune.errors import TransientError, Unreadable
from tune.providers.openai.usage import (
    VisibleChoice,
    read_count,
    read_mapping,
    read_usage,
)


@dataclass(frozen=True, slots=True)
class ParsedResponse:
    """The draws of one call.

    Attributes:
        draws: as many as the service returned, at most as many as were asked for. Their completion
            tokens add up to what the call is charged for; each has the whole prompt's tokens.
        estimated: the service's usage is missing, absurd, or counts less than was returned; upper
            bounds stand in.
        first_only: the usage counts only the first of several choices.
    """

    draws: list[Completion]
    estimated: bool
    first_only: bool


@dataclass(frozen=True, slots=True)
class _Choice:
    """One choice of a body.

    Attributes:
        text: the visible answer.
        finish_reason: as in `Completion`.
        bytes: of everything that it shows, reasoning included.
        words: the same, in words.
        thought_bytes: bytes of the shown reasoning.
        thought_words: words of the shown reasoning.
        token_ends: as in `Completion`.
        logprobs: as in `Completion`.
        tool_calls: as in `Completion`.
    """

    text: str
    finish_reason: str
    bytes: int
    words: int
    thought_bytes: int
    thought_words: int
    token_ends: tuple[int, ...] | None
    logprobs: tuple[float, ...] | None = None
    tool_calls: str = ""


def parse_response(
    body: object,
    request: Request,
    asked: int,
    *,
    prompt_bound: int,
    seconds: float,
    reasons: bool,
    who: str,
    alone: Mapping[str, int] | None = None,
) -> ParsedResponse:
    """Read the completions out of a body.

    The billed tokens are read by `read_usage`, for all choices together. Their visible part is
    shared among the choices in proportion to the bytes of their texts (one added for the end),
    hidden reasoning evenly; the shares add up exactly and none is above the cap where that is
    possible.

    Args:
        body: the decoded JSON.
        request: the request that was sent.
        asked: the number of draws that were asked for.
        prompt_bound: the most tokens that the prompt can have; stands in for a missing count.
        seconds: from sending to the whole answer.
        reasons: whether the model may have thought in tokens that it does not show; a missing count
            is the cap then.
        who: model and address, as messages name them.
        alone: the tokens that texts had where they were the only choice.

    Raises:
        TransientError: there is nothing to read in it; it may have been charged.
    """
    choices = [_read_choice(choice) for choice in _choices(body, asked, who)]
    assert isinstance(body, dict)
    visible = [_visible(choice, alone or {}) for choice in choices]
    usage = read_usage(
        body,
        visible,
        cap=request.max_tokens,
        most_prompt=prompt_bound,
        reasons=reasons,
    )
    if usage.own is not None:
        counts, thoughts = list(usage.own), [0] * len(choices)
    else:
        counts, thoughts = _share_tokens(
            usage.completion,
            usage.reasoning,
            choices,
            request.max_tokens,
        )
    invoice = Invoice(usage.written, usage.billed, usage.problem)
    draws: list[Completion] = []
    for choice, count, thought in zip(choices, counts, thoughts, strict=True):
        text, calls = choice.text, choice.tool_calls
        if calls and not text and request.setting("tools") is not None:
            # The tools are the configuration's own, so a call of one is its answer.
            text, calls = canonical_calls(calls), ""
        text = _without_stop(text, request.stop)
        ends = _ends_within(choice.token_ends, text)
        draw = Completion(
            text=text,
            finish_reason=choice.finish_reason,
            prompt_tokens=usage.prompt,
            completion_tokens=count,
            reasoning_tokens=thought,
            cached_tokens=usage.cached,
            seconds=seconds,
            model=str(body.get("model") or ""),
            tier=str(body.get("service_tier") or ""),
            token_ends=ends,
            logprobs=choice.logprobs and choice.logprobs[: len(ends or ())],
            tool_calls=calls,
            invoice=invoice,
        )
        draws.append(draw)
    return ParsedResponse(draws, estimated=usage.estimated, first_only=usage.first_only)


def _visible(choice: _Choice, alone: Mapping[str, int]) -> VisibleChoice:
    return VisibleChoice(
        choice.bytes,
        choice.words,
        choice.thought_words,
        tokens=len(choice.token_ends or ()),
        cut=choice.finish_reason == "length",
        alone=alone.get(choice.text),
    )


def _choices(body: object, asked: int, who: str) -> list[Mapping[str, Any]]:
    """Return the choices of a body in the order of their indices, at most as many as asked for."""
    choices = body.get("choices") if isinstance(body, dict) else None
    if isinstance(body, dict) and not choices and _says_nothing(body):
        return [_NO_ANSWER] * asked
    if not isinstance(choices, list) or not choices:
        raise Unreadable(f"{who} returned no choices")
    for choice in choices:
        if not isinstance(choice, dict):
            raise Unreadable(f"{who} returned choices that cannot be read")
    for choice in choices:
        if read_ending(choice.get("finish_reason")) == "failed":
            raise TransientError(
                f"{who} broke off in the middle of its answer", charged=True
            )
    return sorted(choices, key=_index)[:asked]


_NO_ANSWER: Mapping[str, Any] = {"finish_reason": "length"}
"""A choice without a text: whatever was thought before it is billed, up to the cap."""


def _says_nothing(body: Mapping[str, Any]) -> bool:
    """Tell whether a body without choices says that the prompt was read and nothing written.

    Gemini's compatible endpoint answers so where it blocks a prompt, and where thoughts used up the
    cap (michelle-avery/custom-conversation#24).
    """
    usage = read_mapping(body, "usage")
    return bool(read_count(usage, "prompt_tokens")) and not usage.get(
        "completion_tokens"
    )


def _index(choice: Mapping[str, Any]) -> int:
    return read_count(choice, "index") or 0


def _read_choice(choice: Mapping[str, Any]) -> _Choice:
    # The older completions have no message: their fields stand in the choice itself.
    message = read_mapping(choice, "message") or choice
    # A refusal by the model itself is its answer.
    text = (
        _text(message.get("content"))
        or _text(choice.get("text"))
        or _text(message.get("refusal"))
    )
    thought = _text(message.get("reasoning_content")) or _text(message.get("reasoning"))
    calls = _tool_calls(message)
    ends = _token_ends(choice.get("logprobs"), text)
    return _Choice(
        text=text,
        finish_reason=read_ending(choice.get("finish_reason")),
        bytes=_bytes(text) + _bytes(thought) + _bytes(calls),
        words=len(text.split()) + len(thought.split()) + len(calls.split()),
        thought_bytes=_bytes(thought),
        thought_words=len(thought.split()),
        token_ends=ends,
        logprobs=_logprobs(choice["logprobs"], len(ends)) if ends else None,
        tool_calls=calls,
    )


def _tool_calls(message: Mapping[str, Any]) -> str:
    """Return the calls of tools in a message as JSON; "" where there are none."""
    calls = message.get("tool_calls")
    if not isinstance(calls, list):
        return ""
    # A call is an object. Anything else cannot be run by anybody.
    kept = [call for call in calls if isinstance(call, dict)]
    return json.dumps(kept, ensure_ascii=False) if kept else ""


def _text(content: object) -> str:
    """Return the text of a content: it is text, or a list of parts that may have one."""
    if isinstance(content, list):
        return "".join(
            _text(part.get("text")) for part in content if isinstance(part, dict)
        )
    return content if isinstance(content, str) else ""


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _token_ends(logprobs: object, text: str) -> tuple[int, ...] | None:
    """Return the place where each token ends, from log-probabilities that were asked for.

    It is None unless the tokens make up the text.
    """
    if not isinstance(logprobs, dict):
        return None
    content = logprobs.get("content") or logprobs.get("tokens")
    if not isinstance(content, list):
        return None
    tokens: list[str] = []
    for each in content:
        # The older completions list the tokens themselves.
        token = each.get("token") if isinstance(each, dict) else each
        tokens.append(_text(token))
    if "".join(tokens) != text:
        # Half a character is written as a replacement: such boundaries are of no use.
        return None
    return tuple(accumulate(map(len, tokens)))


def _logprobs(logprobs: Mapping[str, Any], tokens: int) -> tuple[float, ...] | None:
    """Return the log-probability of each token; None unless every token has one."""
    # The older completions have a list of their own for them.
    values = logprobs.get("token_logprobs")
    content = logprobs.get("content")
    if isinstance(content, list):
        values = [
            each.get("logprob") if isinstance(each, dict) else None for each in content
        ]
    if not isinstance(values, list) or len(values) != tokens:
        return None
    found: list[float] = []
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        # NaN and infinity are no probabilities. Rounding may bring a sure token above 0.
        if not math.isfinite(value) or value > 0.001:
            return None
        # Four digits are more than a vote can use.
        found.append(round(min(0.0, float(value)), 4))
    return tuple(found)


def _ends_within(ends: tuple[int, ...] | None, text: str) -> tuple[int, ...] | None:
    """Return the ends of the tokens that lie within a text; None where they are not known."""
    if not ends:
        return ends
    return tuple(end for end in ends if end <= len(text))


def _without_stop(text: str, stop: Sequence[str]) -> str:
    """Return the text up to the first stop string: some services return it, or do not heed it."""
    end = len(text)
    for string in stop:
        place = text.find(string)
        if place >= 0:
            end = min(end, place)
    return text[:end]


def _share_tokens(
    total: int,
    hidden: int,
    choices: Sequence[_Choice],
    cap: int,
) -> tuple[list[int], list[int]]:
    """Return each choice's tokens and the hidden ones among them.

    They add up to `total` and `hidden`.
    """
    if len(choices) == 1:
        return [total], [hidden]
    thought_weights = [choice.thought_bytes + 1 for choice in choices]
    thoughts = _apportion(hidden, thought_weights, [cap] * len(choices))
    weights: list[int] = []
    for choice in choices:
        weight = choice.bytes + 1
        if hidden:
            # The shown reasoning has been counted among the hidden tokens already.
            weight -= choice.thought_bytes
        weights.append(weight)
    rooms = [cap - thought for thought in thoughts]
    visible = _apportion(total - hidden, weights, rooms)
    counts = [shown + thought for shown, thought in zip(visible, thoughts, strict=True)]
    return counts, thoughts


def _apportion(total: int, weights: Sequence[int], limits: Sequence[int]) -> list[int]:
    """Return whole numbers in proportion to the weights that add up to the total.

    The largest remainders are rounded up (Hamilton's method). No number is above its limit, unless
    the total is above all limits together.
    """
    whole = sum(weights)
    shares: list[int] = []
    remainders: list[tuple[int, int]] = []
    for i, weight in enumerate(weights):
        share, remainder = divmod(total * weight, whole)
        shares.append(share)
        # Negative, so that the largest remainder is sorted first, and of equal ones the first.
        remainders.append((-remainder, i))
    left = total - sum(shares)
    for _, i in sorted(remainders)[:left]:
        shares[i] += 1
    if total > sum(limits):
        return shares
    # What is above a limit goes to the first choices that have room.
    over = 0
    for i, limit in enumerate(limits):
        over += max(0, shares[i] - limit)
        shares[i] = min(shares[i], limit)
    for i, limit in enumerate(limits):
        room = min(over, limit - shares[i])
        shares[i] += room
        over -= room
    return shares
