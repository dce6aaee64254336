"""What an OpenAI-compatible service returns: from a decoded body to completions with counts that can be charged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from tune.completion import Completion, Request
from tune.errors import TransientError, Unreadable

_ABSURD = 10**8
"""Tokens that no call has: a count above it is a mistake, not a bill."""

_ENDINGS = {"length": "length", "max_tokens": "length", "content_filter": "content_filter", "safety": "content_filter"}


@dataclass(frozen=True, slots=True)
class Answer:
    """The draws of one call.

    Attributes:
        draws: as many as the service returned, at most as many as were asked for. The counts of completion
            tokens add up to what the call is charged for; the prompt's tokens are the whole prompt's in each.
        estimated: the service's usage is missing, absurd, or counts less than was returned; upper bounds stand in.
        first_only: the usage counts only the first of several choices.
    """

    draws: list[Completion]
    estimated: bool
    first_only: bool


def read_answer(
    body: object, request: Request, asked: int, *, prompt_bound: int, seconds: float, reasons: bool, who: str
) -> Answer:
    """Read the completions out of a body.

    The usage of a call counts all its choices together. What is visible of it is shared among them in proportion
    to the bytes of their texts (one added for the end), hidden reasoning evenly; the shares add up exactly and none
    is above the cap where that is possible.

    Where the usage cannot be believed, each choice counts its bytes and one token for the end, at most the cap:
    more than any byte-level vocabulary has. It is not believed when it is missing, no whole number, negative,
    beyond any call, or when it counts fewer tokens than several choices have words together: servers are known
    that report the first choice's tokens for all of them. Those cannot be told apart by less than that.

    Args:
        body: the decoded JSON.
        asked: how many draws were asked for.
        prompt_bound: the most tokens that the prompt can have; stands in for a missing count.
        seconds: from sending to the whole answer.
        reasons: whether the model may have thought in tokens that it does not show; a missing count is the cap then.
        who: model and address, as messages name them.

    Raises:
        TransientError: there is nothing to read in it; it may have been charged.
    """
    said = [_said(choice) for choice in _choices(body, asked, who)]
    assert isinstance(body, Mapping)
    usage = _part(body, "usage")
    reported, hidden = _count(usage, "completion_tokens"), _count(_part(usage, _OUTPUT), "reasoning_tokens") or 0
    first_only = _first_only(reported, said, body)
    if reported is None or first_only or reported < _least(said):
        believed, thoughts = False, [0] * len(said)
        counts = [request.max_tokens if reasons else min(request.max_tokens, each.bytes + 1) for each in said]
        if first_only and reported is not None:
            counts[0] = reported
    else:
        believed = True
        counts, thoughts = _shared(reported, min(hidden, reported), said, request.max_tokens)
    prompt = _count(usage, "prompt_tokens") or 0
    cached = min(_count(_part(usage, _INPUT), "cached_tokens") or 0, prompt)
    texts = [_without_stop(each.text, request.stop) for each in said]
    draws = [
        Completion(
            text=text,
            finish_reason=each.finish_reason,
            prompt_tokens=prompt or prompt_bound,
            completion_tokens=count,
            reasoning_tokens=thought,
            cached_tokens=cached,
            seconds=seconds,
            model=str(body.get("model") or ""),
            tier=str(body.get("service_tier") or ""),
            token_ends=each.token_ends and tuple(end for end in each.token_ends if end <= len(text)),
        )
        for text, each, count, thought in zip(texts, said, counts, thoughts, strict=True)
    ]
    return Answer(draws, estimated=not (prompt and believed), first_only=first_only)


_OUTPUT, _INPUT = "completion_tokens_details", "prompt_tokens_details"


@dataclass(frozen=True, slots=True)
class _Said:
    """One choice: `bytes` and `words` count all that it shows, `thought` the bytes of reasoning among them."""

    text: str
    finish_reason: str
    bytes: int
    words: int
    thought: int
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
    return _count(choice, "index") or 0


def _said(choice: Mapping[str, Any]) -> _Said:
    message = _part(choice, "message") or choice
    text = _text(message.get("content")) or _text(choice.get("text")) or _text(message.get("refusal"))
    thought = _text(message.get("reasoning_content")) or _text(message.get("reasoning"))
    return _Said(
        text,
        _ENDINGS.get(str(choice.get("finish_reason")).lower(), "stop"),
        _bytes(text) + _bytes(thought),
        len(text.split()) + len(thought.split()),
        _bytes(thought),
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
    """Where each token ends, from log-probabilities that were asked for; None unless the tokens make up the text."""
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


def _part(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = record.get(name)
    return part if isinstance(part, Mapping) else {}


def _count(record: Mapping[str, Any], name: str) -> int | None:
    """A count that can be believed, or None."""
    count = record.get(name)
    if isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= _ABSURD:
        return count
    return None


def _first_only(reported: int | None, said: Sequence[_Said], body: Mapping[str, Any]) -> bool:
    """Whether a usage counts only the first of several choices."""
    if reported is None or len(said) < 2:
        return False
    # llama.cpp's server adds the timings of the first choice, which give its tokens away.
    return reported == _part(body, "timings").get("predicted_n") or said[0].words <= reported < _least(said)


def _least(said: Sequence[_Said]) -> int:
    """Fewer tokens than this cannot have been generated (vocabularies whose tokens span words are rare, and are met
    by asking for one choice at a time)."""
    return sum(each.words for each in said) if len(said) > 1 else min(1, said[0].words)


def _shared(total: int, hidden: int, said: Sequence[_Said], cap: int) -> tuple[list[int], list[int]]:
    """Each choice's tokens and the hidden ones among them; they add up to `total` and `hidden`."""
    thoughts = _apportion(hidden, [each.thought + 1 for each in said], [cap] * len(said))
    shown = [each.bytes + 1 - (each.thought if hidden else 0) for each in said]
    visible = _apportion(total - hidden, shown, [cap - thought for thought in thoughts])
    return [v + t for v, t in zip(visible, thoughts, strict=True)], thoughts


def _apportion(total: int, weights: Sequence[int], limits: Sequence[int]) -> list[int]:
    """Whole numbers in proportion to the weights that add up to the total (largest remainders first).

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
