"""The bill of one answer: from the usage that a service reports to the tokens and dollars that are
booked.

The rule is the largest consistent reading. Services count differently: some count reasoning inside
the completion, some beside it, some only in the total; some count the first of several choices;
some report nothing. Each field that can be believed gives a reading, and the largest is booked.
Where no field can be believed, our own count of the texts stands in, which is never below the
truth. A contradiction is never resolved downwards.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tune.pricing.prices import to_picodollars

MOST_TOKENS = 10**7
"""More tokens than any call has: a larger count is a fault of the report."""

_MOST_DOLLARS = 10**4
"""More dollars than any call costs: a larger bill is a fault of the report."""

_TICKS = 10**10
"""Ticks of `cost_in_usd_ticks` in a dollar (docs.x.ai, cost tracking)."""

_OUTPUT_DETAILS = ("completion_tokens_details", "output_tokens_details")
_INPUT_DETAILS = ("prompt_tokens_details", "input_tokens_details")
_CACHE_READS = ("cached_tokens", "cache_read_input_tokens", "prompt_cache_hit_tokens")
_CACHE_WRITES = ("cache_write_tokens", "cache_creation_input_tokens", "cache_creation_tokens")


@dataclass(frozen=True, slots=True)
class VisibleChoice:
    """Facts about one choice that we count ourselves.

    Attributes:
        bytes: of everything that it shows, reasoning included. words: likewise, in words.
        thought_words: words of shown reasoning among them. tokens: token boundaries that came with
        the text; 0 where none came. cut: the choice ended at its cap. alone: the tokens that were
        reported for this very text where it was the only choice; None where it never was.
    """

    bytes: int
    words: int
    thought_words: int = 0
    tokens: int = 0
    cut: bool = False
    alone: int | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Everything that one answer is charged for, all its choices together.

    Attributes:
        prompt: tokens of the prompt, those read from or written to a cache included.
        completion: tokens of all choices, hidden reasoning included.
        reasoning: the hidden ones among them.
        cached: tokens of the prompt that were read from the service's cache.
        written: tokens of the prompt that were written to it.
        own: our own count for each choice, where it stands in for the reported one; else None.
        billed: picodollars on the provider's own bill; None where the answer carries none.
        estimated: an own count stands in for the prompt's or the choices' tokens.
        first_only: the usage counts only the first of several choices.
        doubt: what is missing or contradictory, in words; "" where nothing is.
    """

    prompt: int
    completion: int
    reasoning: int = 0
    cached: int = 0
    written: int = 0
    own: tuple[int, ...] | None = None
    billed: int | None = None
    estimated: bool = False
    first_only: bool = False
    doubt: str = ""


def read_usage(
    body: Mapping[str, Any],
    shown: Sequence[VisibleChoice],
    *,
    cap: int,
    most_prompt: int,
    reasons: bool = False,
) -> Usage:
    """Read the bill of an answer as the largest consistent reading of it.

    Args:
        body: the decoded answer. shown: what each returned choice shows; at least one. cap: the
        most tokens that one choice was allowed. most_prompt: the most tokens that the prompt can
        have. reasons: the model may think in tokens that it does not show: a missing count is then
        the whole cap.
    """
    usage = read_table(body, "usage")
    doubts: list[str] = []
    prompt = _read_prompt(usage, most_prompt, doubts)
    reasoning = _reasoning(usage)
    reading = _largest(usage, prompt, reasoning, shown, cap, doubts)
    first_only = _first_only(reading, shown, body)
    own: tuple[int, ...] | None = None
    if (
        reading is None
        or first_only
        or reading < _least(shown)
        or (reading == 0 and any(s.cut for s in shown))
    ):
        own = _own_count(
            reading if first_only else None, shown, cap, hidden=reasons or reasoning > 0
        )
        # A number in a form that is none is not believed, but may well be what is billed.
        own = (own[0] + max(0, _number_in(usage.get("completion_tokens")) - sum(own)), *own[1:])
        doubts.append(_why_own(usage, reading, first_only=first_only))
    completion = (reading or 0) if own is None else sum(own)
    reported = _reported(usage)
    if reported is not None:
        reasoning = max(
            reasoning, completion - reported
        )  # what only the total counts is hidden as well
    return Usage(
        prompt=prompt.tokens,
        completion=completion,
        reasoning=0 if own is not None else min(reasoning, completion),
        cached=prompt.cached,
        written=prompt.written,
        own=own,
        billed=_own_bill(usage, doubts),
        estimated=own is not None or not prompt.reported,
        first_only=first_only,
        doubt="; ".join(doubts),
    )


def read_table(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the mapping of this name; an empty one where there is none."""
    found = record.get(name)
    return found if isinstance(found, Mapping) else {}


def read_count(record: Mapping[str, Any], name: str) -> int | None:
    """Return a count of tokens that can be believed, or None."""
    value = record.get(name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_TOKENS:
        return value
    return None


# The prompt


@dataclass(frozen=True, slots=True)
class _Prompt:
    """Tokens of a prompt; `reported` where the service counted them."""

    tokens: int
    cached: int
    written: int
    reported: bool


def _read_prompt(usage: Mapping[str, Any], most: int, doubts: list[str]) -> _Prompt:
    tokens = read_count(usage, "prompt_tokens") or read_count(usage, "input_tokens")
    reads = _stated(usage, _INPUT_DETAILS, _CACHE_READS)
    # Cached tokens are cheap, so the smallest count is the largest bill; written ones are dear.
    cached = min(reads, default=0)
    written = max(_stated(usage, _INPUT_DETAILS, _CACHE_WRITES), default=0)
    if tokens is None or tokens == 0:
        doubts.append(f"prompt tokens are {_said(usage, 'prompt_tokens', 'input_tokens')}")
        return _Prompt(most, 0, min(written, most), reported=False)
    if len(set(reads)) > 1:
        doubts.append(f"cached tokens are both {min(reads)} and {max(reads)}")
    # Anthropic's own counts have `input_tokens` without those that a cache has read or written.
    native = "prompt_tokens" not in usage and (
        "cache_read_input_tokens" in usage or _CACHE_WRITES[1] in usage
    )
    if native:
        return _Prompt(tokens + cached + written, cached, written, reported=True)
    if cached + written <= tokens:
        return _Prompt(tokens, cached, written, reported=True)
    doubts.append(
        f"{cached + written} tokens of a prompt of {tokens} were read from or written to a cache"
    )
    if tokens + cached + written <= most:
        return _Prompt(tokens + cached + written, cached, written, reported=True)
    return _Prompt(tokens, 0, min(written, tokens), reported=True)


def _stated(usage: Mapping[str, Any], details: Sequence[str], names: Sequence[str]) -> list[int]:
    """Return every count that one of these names states, at the top or in the details."""
    places = [usage, *(read_table(usage, name) for name in details)]
    counts = [read_count(place, name) for place in places for name in names]
    return [each for each in counts if each is not None]


# The completion


def _reasoning(usage: Mapping[str, Any]) -> int:
    return max(_stated(usage, _OUTPUT_DETAILS, ("reasoning_tokens",)), default=0)


def _reported(usage: Mapping[str, Any]) -> int | None:
    """Return the completion tokens as reported, or None."""
    completion = read_count(usage, "completion_tokens")
    return read_count(usage, "output_tokens") if completion is None else completion


def _largest(
    usage: Mapping[str, Any],
    prompt: _Prompt,
    reasoning: int,
    shown: Sequence[VisibleChoice],
    cap: int,
    doubts: list[str],
) -> int | None:
    """Return the largest count of completion tokens that the report allows; None where it has none."""
    completion = _reported(usage)
    readings = [] if completion is None else [completion]
    total = read_count(usage, "total_tokens")
    if total is not None and prompt.reported:
        readings.append(total - prompt.tokens)
        _compare(total, prompt.tokens, completion, doubts)
    elif total is not None:
        # The prompt is not known, and all the rest may be hidden reasoning, as far as the caps
        # allow it.
        readings += [total - prompt.tokens, min(total - 1, cap * len(shown))]
    if completion is None:
        readings += [reasoning] if reasoning else []
    elif reasoning > completion or (reasoning and completion - reasoning < _least_visible(shown)):
        # The reasoning cannot be inside the completion: it would leave too few tokens for the text.
        readings.append(completion + reasoning)
        if total != prompt.tokens + completion + reasoning:
            doubts.append(
                f"{reasoning} reasoning tokens do not fit into {completion} completion tokens"
            )
    return max((each for each in readings if each >= 0), default=None)


def _compare(total: int, prompt: int, completion: int | None, doubts: list[str]) -> None:
    """Tell where the total is not the sum of its parts."""
    if completion is not None and total != prompt + completion:
        doubts.append(
            f"total tokens are {total}, but prompt and completion are {prompt} + {completion}"
        )


def _first_only(
    reading: int | None, shown: Sequence[VisibleChoice], body: Mapping[str, Any]
) -> bool:
    """Tell whether a usage counts only the first of several choices."""
    if reading is None or len(shown) < 2:
        return False
    # llama.cpp's server adds the timings of the first choice, which give its tokens away. Elsewhere
    # the same text gives
    # them away where it came alone before: as much for several choices leaves nothing for the
    # others.
    timed, others = (
        read_count(read_table(body, "timings"), "predicted_n"),
        sum(each.words for each in shown[1:]),
    )
    if reading == timed or (reading == shown[0].alone and others):
        return True
    return shown[0].words <= reading < _least(shown)


def _least(shown: Sequence[VisibleChoice]) -> int:
    """Return a number of tokens that the choices have at least.

    Vocabularies whose tokens span words are rare, and are met by asking for one choice at a time.
    """
    if len(shown) > 1:
        return sum(max(each.words, each.tokens) for each in shown)
    return max(min(1, shown[0].words), shown[0].tokens)


def _least_visible(shown: Sequence[VisibleChoice]) -> int:
    """Return a number of tokens that the choices have at least beside all reasoning."""
    words = [each.words - each.thought_words for each in shown]
    if len(shown) > 1:
        return sum(max(visible, each.tokens) for visible, each in zip(words, shown, strict=True))
    return max(min(1, words[0]), shown[0].tokens)


def _own_count(
    first: int | None, shown: Sequence[VisibleChoice], cap: int, *, hidden: bool
) -> tuple[int, ...]:
    """Count each choice from above: a token for each byte and one for the end, at most the cap.

    No byte-level vocabulary has more. What was cut, or may hide reasoning, is the whole cap.
    """
    bounds = [cap if hidden or each.cut else min(cap, each.bytes + 1) for each in shown]
    own = [max(bound, each.words, each.tokens) for bound, each in zip(bounds, shown, strict=True)]
    if first is not None:
        own[0] = first
    return tuple(own)


def _why_own(usage: Mapping[str, Any], reading: int | None, *, first_only: bool) -> str:
    if first_only:
        return f"{reading} completion tokens are those of the first choice alone"
    if reading is None:
        return f"completion tokens are {_said(usage, 'completion_tokens', 'output_tokens')}"
    return f"{reading} completion tokens are fewer than the text has"


def _number_in(value: object) -> int:
    """Return the tokens that a text or a fraction may mean; 0 where it means none."""
    try:
        number = float(value) if isinstance(value, str | float) else 0.0
    except ValueError:
        return 0
    return math.ceil(number) if 0 <= number <= MOST_TOKENS else 0


def _said(usage: Mapping[str, Any], *names: str) -> str:
    """Return what was reported instead of a count."""
    stated = next((usage[name] for name in names if usage.get(name) is not None), None)
    return "missing" if stated is None else repr(stated)[:40]


# The provider's own bill


def _own_bill(usage: Mapping[str, Any], doubts: list[str]) -> int | None:
    """Return the picodollars that the provider says it billed, rounded up; None where it says
    nothing.
    """
    bills: list[float] = []
    stated = usage.get("cost")
    if isinstance(stated, Mapping):
        stated = stated.get("total_cost")  # Perplexity's form
    for name, value, unit in (
        ("cost", stated, 1),
        ("cost_in_usd_ticks", usage.get("cost_in_usd_ticks"), _TICKS),
        ("estimated_cost", usage.get("estimated_cost"), 1),
    ):
        if value is None:
            continue
        dollars = _dollars(value, unit)
        if dollars is None:
            doubts.append(f"{name} is {repr(value)[:40]}")
            continue
        bills.append(dollars + (_upstream(usage) if name == "cost" else 0.0))
    return to_picodollars(max(bills)) if bills else None


def _upstream(usage: Mapping[str, Any]) -> float:
    """Return the dollars that the vendor bills beside OpenRouter, where the user brought a key of
    the vendor.
    """
    if usage.get("is_byok") is not True:
        return 0.0
    return _dollars(read_table(usage, "cost_details").get("upstream_inference_cost"), 1) or 0.0


def _dollars(value: object, unit: int) -> float | None:
    if isinstance(value, str):
        with suppress(ValueError):
            value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # A comparison with NaN is false. Ints are compared whole, as one beyond every float cannot be
    # divided.
    return value / unit if 0 <= value <= _MOST_DOLLARS * unit else None
