"""What an OpenAI-compatible service returns: from a decoded body to completions with counts that
can be charged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from tune.completion import Completion, Invoice, Request
from tune.errors import TransientError, Unreadable
from tune.providers.openai.usage import VisibleChoice, read_count, read_table, read_usage

_ENDINGS = {
    "length": "length",
    "max_tokens": "length",
    "content_filter": "content_filter",
    "safety": "content_filter",
}


@dataclass(frozen=True, slots=True)
class ParsedResponse:
    """The draws of one call.

    Attributes:
        draws: as many as the service returned, at most as many as were asked for. The counts of
        completion
            tokens add up to what the call is charged for; the prompt's tokens are the whole
            prompt's in each.
        estimated: the service's usage is missing, absurd, or counts less than was returned; upper
        bounds stand in. first_only: the usage counts only the first of several choices.
    """

    draws: list[Completion]
    estimated: bool
    first_only: bool


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

    What was billed is read by `read_usage`, for all choices together. Its visible part is shared
    among them in proportion to the bytes of their texts (one added for the end), hidden reasoning
    evenly; the shares add up exactly and none is above the cap where that is possible.

    Args:
        body: the decoded JSON. asked: how many draws were asked for. prompt_bound: the most tokens
        that the prompt can have; stands in for a missing count. seconds: from sending to the whole
        answer. reasons: whether the model may have thought in tokens that it does not show; a
        missing count is the cap then. who: model and address, as messages name them. alone: the
        tokens that texts had where they were the only choice.

    Raises:
        TransientError: there is nothing to read in it; it may have been charged.
    """
    said = [_said(choice) for choice in _choices(body, asked, who)]
    assert isinstance(body, Mapping)
    shown = [
        VisibleChoice(
            each.bytes,
            each.words,
            each.thought_words,
            tokens=len(each.token_ends or ()),
            cut=each.finish_reason == "length",
            alone=(alone or {}).get(each.text),
        )
        for each in said
    ]
    usage = read_usage(
        body, shown, cap=request.max_tokens, most_prompt=prompt_bound, reasons=reasons
    )
    if usage.own is not None:
        counts, thoughts = list(usage.own), [0] * len(said)
    else:
        counts, thoughts = _shared(usage.completion, usage.reasoning, said, request.max_tokens)
    invoice = Invoice(usage.written, usage.billed, usage.doubt)
    texts = [_without_stop(each.text, request.stop) for each in said]
    draws = [
        Completion(
            text=text,
            finish_reason=each.finish_reason,
            prompt_tokens=usage.prompt,
            completion_tokens=count,
            reasoning_tokens=thought,
            cached_tokens=usage.cached,
            seconds=seconds,
            model=str(body.get("model") or ""),
            tier=str(body.get("service_tier") or ""),
            token_ends=each.token_ends
            and tuple(end for end in each.token_ends if end <= len(text)),
            invoice=invoice,
        )
        for text, each, count, thought in zip(texts, said, counts, thoughts, strict=True)
    ]
    return ParsedResponse(draws, estimated=usage.estimated, first_only=usage.first_only)


@dataclass(frozen=True, slots=True)
class _Said:
    """One choice: `bytes` and `words` count all that it shows, `thought` and `thought_words` the
    reasoning in it.
    """

    text: str
    finish_reason: str
    bytes: int
    words: int
    thought: int
    thought_words: int
    token_ends: tuple[int, ...] | None


def _choices(body: object, asked: int, who: str) -> list[Mapping[str, Any]]:
    choices = body.get("choices") if isinstance(body, Mapping) else None
    if not isinstance(choices, list) or not choices:
        raise Unreadable(f"{who} returned no choices")
    if not all(isinstance(choice, Mapping) for choice in choices):
        raise Unreadable(f"{who} returned choices that cannot be read")
    if any(choice.get("finish_reason") == "error" for choice in choices):
        raise TransientError(f"{who} broke off in the middle of its answer", charged=True)
    return sorted(choices, key=_index)[:asked]


def _index(choice: Mapping[str, Any]) -> int:
    return read_count(choice, "index") or 0


def _said(choice: Mapping[str, Any]) -> _Said:
    message = read_table(choice, "message") or choice
    text = (
        _text(message.get("content")) or _text(choice.get("text")) or _text(message.get("refusal"))
    )
    thought = _text(message.get("reasoning_content")) or _text(message.get("reasoning"))
    return _Said(
        text,
        _ENDINGS.get(str(choice.get("finish_reason")).lower(), "stop"),
        _bytes(text) + _bytes(thought),
        len(text.split()) + len(thought.split()),
        _bytes(thought),
        len(thought.split()),
        _token_ends(choice.get("logprobs"), text),
    )


def _text(content: object) -> str:
    """The text of a content that is text, or a list of parts some of which have one."""
    if isinstance(content, list):
        return "".join(_text(part.get("text")) for part in content if isinstance(part, Mapping))
    return content if isinstance(content, str) else ""


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _token_ends(logprobs: object, text: str) -> tuple[int, ...] | None:
    """Where each token ends, from log-probabilities that were asked for; None unless the tokens
    make up the text.
    """
    if not isinstance(logprobs, Mapping):
        return None
    content = logprobs.get("content") or logprobs.get("tokens")
    if not isinstance(content, list):
        return None
    tokens = [_text(each.get("token") if isinstance(each, Mapping) else each) for each in content]
    if "".join(tokens) != text:
        return None
    return tuple(accumulate(len(token) for token in tokens))


def _without_stop(text: str, stop: Sequence[str]) -> str:
    """The text up to the first stop string, for services that return it or do not heed it."""
    return text[: min((at for at in (text.find(s) for s in stop) if at >= 0), default=len(text))]


def _shared(
    total: int, hidden: int, said: Sequence[_Said], cap: int
) -> tuple[list[int], list[int]]:
    """Each choice's tokens and the hidden ones among them; they add up to `total` and `hidden`."""
    thoughts = _apportion(hidden, [each.thought + 1 for each in said], [cap] * len(said))
    shown = [each.bytes + 1 - (each.thought if hidden else 0) for each in said]
    visible = _apportion(total - hidden, shown, [cap - thought for thought in thoughts])
    return [v + t for v, t in zip(visible, thoughts, strict=True)], thoughts


def _apportion(total: int, weights: Sequence[int], limits: Sequence[int]) -> list[int]:
    """Whole numbers in proportion to the weights that add up to the total (largest remainders
    first).

    None is above its limit, unless the total is above all limits together.
    """
    whole = sum(weights)
    shares = [total * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(total * weights[i] % whole), i))
    for i in by_remainder[: total - sum(shares)]:
        shares[i] += 1
    if total > sum(limits):
        return shares
    over = 0
    for i, limit in enumerate(limits):
        over += max(0, shares[i] - limit)
        shares[i] = min(shares[i], limit)
    for i, limit in enumerate(limits):
        room = min(over, limit - shares[i])
        shares[i] += room
        over -= room
    return shares
