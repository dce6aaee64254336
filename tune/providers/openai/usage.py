"""Read the bill of one answer: the tokens and dollars that are booked, from the usage reported.

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

# More tokens than any call has: a larger count is a fault of the report.
_MOST_TOKENS = 10**7

# More dollars than any call costs: a larger bill is a fault of the report.
_MOST_DOLLARS = 10**4

# Ticks of `cost_in_usd_ticks` in a dollar (docs.x.ai, cost tracking).
_TICKS = 10**10

# The names of counts, as different services write them.
_OUTPUT_DETAILS = ("completion_tokens_details", "output_tokens_details")
_INPUT_DETAILS = ("prompt_tokens_details", "input_tokens_details")
_CACHE_READS = ("cached_tokens", "cache_read_input_tokens", "prompt_cache_hit_tokens")
_CACHE_WRITES = (
    "cache_write_tokens",
    "cache_creation_input_tokens",
    "cache_creation_tokens",
)

# Characters of a strange value that a message shows.
_SHOWN = 40


@dataclass(frozen=True, slots=True)
class VisibleChoice:
    """Facts about one choice that we count ourselves.

    Attributes:
        bytes: of everything that it shows, reasoning included.
        words: the same, in words.
        thought_words: words of shown reasoning among them.
        tokens: token boundaries that came with the text; 0 where none came.
        cut: the choice ended at its cap.
        alone: the tokens that were reported for this very text where it was the only choice; None
            where it never was.
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
        problem: what is missing or contradictory, in words; "" where all is well.
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
    problem: str = ""


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
        body: the decoded answer.
        shown: what each returned choice shows; at least one.
        cap: the most tokens that one choice was allowed.
        most_prompt: the most tokens that the prompt can have.
        reasons: the model may think in tokens that it does not show: a missing count is then the
            whole cap.
    """
    usage = read_mapping(body, "usage")
    problems: list[str] = []
    prompt = _read_prompt(usage, most_prompt, cap * len(shown), problems)
    reasoning = _reasoning(usage)
    reading = _largest(usage, prompt, reasoning, shown, cap, problems)
    # Several choices may share a usage that counts one of them: then it says nothing of the rest.
    first_only = _counts_first_only(reading, shown, body)
    own: tuple[int, ...] | None = None
    if first_only or not _is_believable(reading, shown):
        first = reading if first_only else None
        own = _own_count(first, shown, cap, hidden=reasons or reasoning > 0)
        own = _not_below(own, usage.get("completion_tokens"))
        problems.append(_why_own(usage, reading, first_only=first_only))
    completion = (reading or 0) if own is None else sum(own)
    reported = _reported(usage)
    if reported is not None:
        # Tokens that only the total counts are hidden as well.
        reasoning = max(reasoning, completion - reported)
    return Usage(
        prompt=prompt.tokens,
        completion=completion,
        reasoning=0 if own is not None else min(reasoning, completion),
        cached=prompt.cached,
        written=prompt.written,
        own=own,
        billed=_own_bill(usage, problems),
        estimated=own is not None or not prompt.reported,
        first_only=first_only,
        problem="; ".join(problems),
    )


def read_mapping(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the mapping of this name; an empty one where there is none."""
    found = record.get(name)
    return found if isinstance(found, dict) else {}


def read_count(record: Mapping[str, Any], name: str) -> int | None:
    """Return a count of tokens that can be believed, or None."""
    value = record.get(name)
    # Most names are absent from most answers.
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    # True and False are integers in Python.
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= _MOST_TOKENS else None


# The prompt


@dataclass(frozen=True, slots=True)
class _Prompt:
    """Tokens of a prompt; `reported` where the service counted them."""

    tokens: int
    cached: int
    written: int
    reported: bool


def _read_prompt(
    usage: Mapping[str, Any], most: int, caps: int, problems: list[str]
) -> _Prompt:
    """Read the tokens of a prompt.

    Args:
        usage: as reported.
        most: the most tokens that the prompt can have.
        caps: the most tokens that all answers together were allowed.
        problems: takes what is missing or contradictory.
    """
    tokens = read_count(usage, "prompt_tokens") or read_count(usage, "input_tokens")
    reads = _stated(usage, _INPUT_DETAILS, _CACHE_READS)
    # Cached tokens are cheap, so the smallest count is the largest bill. Written ones cost extra.
    cached = min(reads, default=0)
    written = max(_stated(usage, _INPUT_DETAILS, _CACHE_WRITES), default=0)
    if not tokens:
        reported = _instead_of_count(usage, "prompt_tokens", "input_tokens")
        problems.append(f"prompt tokens are {reported}")
        return _Prompt(most, 0, min(written, most), reported=False)
    if len(set(reads)) > 1:
        problems.append(f"cached tokens are both {min(reads)} and {max(reads)}")
    whole = tokens + cached + written
    if _excludes_cache(usage):
        return _Prompt(whole, cached, written, reported=True)
    if _total_adds_cache(usage, tokens, whole, caps):
        problems.append(
            f"total tokens count {cached + written} tokens of a cache beside a prompt of {tokens}"
        )
        return _Prompt(whole, cached, written, reported=True)
    if cached + written <= tokens:
        return _Prompt(tokens, cached, written, reported=True)
    problems.append(
        f"{cached + written} tokens of a prompt of {tokens} were read from or written to a cache"
    )
    # The tokens of the cache may come on top of the prompt's, where the prompt can be so long.
    if whole <= most:
        return _Prompt(whole, cached, written, reported=True)
    return _Prompt(tokens, 0, min(written, tokens), reported=True)


def _excludes_cache(usage: Mapping[str, Any]) -> bool:
    """Tell whether `input_tokens` leaves out what a cache has read or written.

    Anthropic's own counts do.
    """
    names_cache = (
        "cache_read_input_tokens" in usage or "cache_creation_input_tokens" in usage
    )
    return names_cache and "prompt_tokens" not in usage


def _total_adds_cache(
    usage: Mapping[str, Any], tokens: int, whole: int, caps: int
) -> bool:
    """Tell whether the total shows that the prompt's count leaves out the tokens of the cache.

    They add up to it exactly (Menci/Floway#350). Otherwise as many tokens would be hidden
    reasoning, and that beyond the cap.
    """
    total, completion = read_count(usage, "total_tokens"), _reported(usage)
    if total is None or completion is None:
        return False
    return total == whole + completion and total - tokens > caps


def _stated(
    usage: Mapping[str, Any], details: Sequence[str], names: Sequence[str]
) -> list[int]:
    """Return every count that one of these names states, at the top or in the details."""
    places = [usage, *(read_mapping(usage, name) for name in details)]
    found: list[int] = []
    for place in places:
        for name in names:
            # Most names are absent from most answers.
            if name in place:
                count = read_count(place, name)
                if count is not None:
                    found.append(count)
    return found


# The completion


def _reasoning(usage: Mapping[str, Any]) -> int:
    return max(_stated(usage, _OUTPUT_DETAILS, ("reasoning_tokens",)), default=0)


def _reported(usage: Mapping[str, Any]) -> int | None:
    """Return the completion tokens as reported, or None."""
    completion = read_count(usage, "completion_tokens")
    if completion is None:
        # Anthropic's name, and that of OpenAI's newer API.
        return read_count(usage, "output_tokens")
    return completion


def _largest(
    usage: Mapping[str, Any],
    prompt: _Prompt,
    reasoning: int,
    shown: Sequence[VisibleChoice],
    cap: int,
    problems: list[str],
) -> int | None:
    """Return the largest completion tokens that the report allows; None where it has none."""
    completion = _reported(usage)
    readings = [] if completion is None else [completion]
    total = read_count(usage, "total_tokens")
    if total is not None:
        readings.append(total - prompt.tokens)
        if not prompt.reported:
            # The prompt is not known, and all the rest may be hidden reasoning, as far as the caps
            # allow it.
            readings.append(min(total - 1, cap * len(shown)))
        elif completion is not None and total != prompt.tokens + completion:
            problems.append(
                f"total tokens are {total}, "
                f"but prompt and completion are {prompt.tokens} + {completion}"
            )
    if completion is None:
        readings += [reasoning] if reasoning else []
    elif not _fits_inside(reasoning, completion, shown):
        readings.append(completion + reasoning)
        if total != prompt.tokens + completion + reasoning:
            problems.append(
                f"{reasoning} reasoning tokens do not fit into {completion} completion tokens"
            )
    return max((reading for reading in readings if reading >= 0), default=None)


def _fits_inside(
    reasoning: int, completion: int, shown: Sequence[VisibleChoice]
) -> bool:
    """Tell whether reasoning inside the completion leaves enough tokens for the visible text."""
    if not reasoning:
        return True
    return completion - reasoning >= max(0, _least_visible(shown))


def _counts_first_only(
    reading: int | None, shown: Sequence[VisibleChoice], body: Mapping[str, Any]
) -> bool:
    """Tell whether a usage counts only the first of several choices."""
    if reading is None or len(shown) < 2:
        return False
    # llama.cpp's server adds the timings of the first choice, which state its tokens.
    if reading == read_count(read_mapping(body, "timings"), "predicted_n"):
        return True
    # The same text may have come alone before. As many tokens for several choices leave nothing for
    # the others.
    other_words = sum(choice.words for choice in shown[1:])
    if reading == shown[0].alone and other_words:
        return True
    return shown[0].words <= reading < _least(shown)


def _is_believable(reading: int | None, shown: Sequence[VisibleChoice]) -> bool:
    """Tell whether so many tokens can be all tokens of these choices."""
    if reading is None or reading < _least(shown):
        return False
    # A choice that ended at its cap has tokens, even where it shows none.
    return reading > 0 or not any(choice.cut for choice in shown)


def _least(shown: Sequence[VisibleChoice]) -> int:
    """Return a number of tokens that the choices have at least.

    Vocabularies whose tokens span words are rare, and are met by asking for one choice at a time.
    """
    if len(shown) > 1:
        return sum(max(choice.words, choice.tokens) for choice in shown)
    return max(min(1, shown[0].words), shown[0].tokens)


def _least_visible(shown: Sequence[VisibleChoice]) -> int:
    """Return a number of tokens that the choices have at least beside all reasoning."""
    words = [choice.words - choice.thought_words for choice in shown]
    if len(shown) > 1:
        return sum(
            max(few, choice.tokens) for few, choice in zip(words, shown, strict=True)
        )
    return max(min(1, words[0]), shown[0].tokens)


def _own_count(
    first: int | None,
    shown: Sequence[VisibleChoice],
    cap: int,
    *,
    hidden: bool,
) -> tuple[int, ...]:
    """Count each choice from above: a token for each byte and one for the end, at most the cap.

    No byte-level vocabulary has more. A choice that was cut, or may hide reasoning, has the whole
    cap.

    Args:
        first: the count of the first choice, where it is known.
        shown: what each choice shows.
        cap: the most tokens that one choice was allowed.
        hidden: the choices may hide reasoning.
    """
    own: list[int] = []
    for choice in shown:
        bound = cap if hidden or choice.cut else min(cap, choice.bytes + 1)
        own.append(max(bound, choice.words, choice.tokens))
    if first is not None:
        own[0] = first
    return tuple(own)


def _not_below(own: tuple[int, ...], reported: object) -> tuple[int, ...]:
    """Raise our own count to the reported one where that is larger.

    A number in the form of a text or a fraction is not believed, but may well be what is billed.
    """
    missing = max(0, _number_in(reported) - sum(own))
    return (own[0] + missing, *own[1:])


def _why_own(usage: Mapping[str, Any], reading: int | None, *, first_only: bool) -> str:
    """Say why our own count stands in for the reported one."""
    if first_only:
        return f"{reading} completion tokens are those of the first choice alone"
    if reading is None:
        reported = _instead_of_count(usage, "completion_tokens", "output_tokens")
        return f"completion tokens are {reported}"
    return f"{reading} completion tokens are fewer than the text has"


def _number_in(value: object) -> int:
    """Return the tokens that a text or a fraction may mean; 0 where it means none."""
    try:
        number = float(value) if isinstance(value, str | float) else 0.0
    except ValueError:
        return 0
    return math.ceil(number) if 0 <= number <= _MOST_TOKENS else 0


def _instead_of_count(usage: Mapping[str, Any], *names: str) -> str:
    """Return what was reported instead of a count."""
    stated = next((usage[name] for name in names if usage.get(name) is not None), None)
    return "missing" if stated is None else repr(stated)[:_SHOWN]


# The provider's own bill


def _own_bill(usage: Mapping[str, Any], problems: list[str]) -> int | None:
    """Return the picodollars that the provider says it billed, rounded up, or None."""
    bills: list[float] = []
    stated = usage.get("cost")
    if isinstance(stated, Mapping):
        # Perplexity's form, and that of a router (decolua/9router#4074)
        stated = stated.get("total_cost", stated.get("total"))
    for name, value, unit in (
        ("cost", stated, 1),
        ("cost_in_usd_ticks", usage.get("cost_in_usd_ticks"), _TICKS),
        ("estimated_cost", usage.get("estimated_cost"), 1),
    ):
        if value is None:
            continue
        dollars = _dollars(value, unit)
        if dollars is None:
            problems.append(f"{name} is {repr(value)[:_SHOWN]}")
            continue
        if name == "cost":
            dollars += _vendor_bill(usage)
        bills.append(dollars)
    return to_picodollars(max(bills)) if bills else None


def _vendor_bill(usage: Mapping[str, Any]) -> float:
    """Return the dollars that the vendor bills beside OpenRouter.

    It does so where the user brought a key of the vendor.
    """
    if usage.get("is_byok") is not True:
        return 0.0
    details = read_mapping(usage, "cost_details")
    return _dollars(details.get("upstream_inference_cost"), 1) or 0.0


def _dollars(value: object, unit: int) -> float | None:
    """Return a bill in dollars; None where it cannot be believed."""
    if isinstance(value, str):
        with suppress(ValueError):
            value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # A comparison with NaN is false. Ints are compared whole, as one beyond every float cannot be
    # divided.
    return value / unit if 0 <= value <= _MOST_DOLLARS * unit else None
