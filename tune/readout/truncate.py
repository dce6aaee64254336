"""Truncate a draw: the answer as it would be with a smaller cap or with more stop strings."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tune.completion import Completion
from tune.readout.token_rates import Rates, visible_tokens


class Cut(NamedTuple):
    """A draw as it would have come back.

    Attributes:
        text: the text up to the cut.
        tokens: the completion tokens that would have been billed.
        finish_reason: "length" at the cap, "stop" at a stop string, else the draw's own.
        exact: text and tokens are known. Otherwise the token boundaries were estimated.
    """

    text: str
    tokens: int
    finish_reason: str
    exact: bool


def cut(
    draw: Completion, cap: int, stop: Sequence[str] = (), rates: Rates | None = None
) -> Cut:
    """Cut a draw at `cap` tokens and at the first of the stop strings.

    Up to the cut, the model would have said the same. The tokens of the stop string are billed.

    Token boundaries are exact where the draw has `token_ends`. Otherwise each token is taken to be
    as long as the draw's average token, and a word is kept whole if its end is near. On prose and
    code this was 1.6 tokens off on average, in both directions alike. Texts that begin with digits
    or other short tokens would keep too much: `rates` corrects this.

    A draw with hidden reasoning stays whole, because a shorter thought could have led elsewhere.
    Readings never ask for that, but a service that ignores its cap may have sent more than the cap.

    Args:
        draw: the draw as it came.
        cap: the new max_tokens.
        stop: the stop strings.
        rates: the tokens of each kind of character, if they were learned.
    """
    text = draw.text
    tokens = draw.completion_tokens
    reason = draw.finish_reason
    exact = True
    if tokens > cap and draw.reasoning_tokens:
        exact = False
    elif tokens > cap:
        text, exact = _head(draw, cap, rates)
        # A service bills the cap in full when it cuts a text.
        tokens, reason = cap, "length"
    # After the cut: a stop string beyond the cap was never reached.
    found = _first_stop(text, stop)
    if found is not None:
        begin, end = found
        spent, known = _tokens_until(draw, end)
        text = text[:begin]
        tokens = min(spent, tokens)
        reason = "stop"
        exact = exact and known
    return Cut(text, tokens, reason, exact)


def may_be_cut(draw: Completion, cap: int) -> bool:
    """Return True if a draw that was bought with this max_tokens may have been cut by it."""
    # Some services call every end "stop".
    return draw.finish_reason == "length" or draw.completion_tokens >= cap


def cut_tokens(
    draws: Mapping[int, Sequence[Completion]], cap: int, stop: Sequence[str]
) -> list[int]:
    """Return the tokens of each example's draws together, if all were cut like this.

    Examples without a draw are left out; the others stand by position.
    """
    found: list[int] = []
    for position in sorted(draws):
        cuts = [cut(draw, cap, stop) for draw in draws[position]]
        if cuts:
            found.append(sum(said.tokens for said in cuts))
    return found


def _first_stop(text: str, stop: Sequence[str]) -> tuple[int, int] | None:
    """Return begin and end of the stop string that is complete first.

    If several end at the same place, the longest wins: it begins first.
    """
    found = []
    for string in stop:
        begin = text.find(string)
        if string and begin >= 0:
            found.append((begin + len(string), begin))
    if not found:
        return None
    end, begin = min(found)
    return begin, end


def _head(draw: Completion, cap: int, rates: Rates | None) -> tuple[str, bool]:
    """Return the text of the first `cap` tokens, and whether it is exact."""
    if draw.token_ends is not None:
        # A token beyond the visible ones is the token that ended the text. Only that one is cut
        # off then, and the text is whole.
        if cap > len(draw.token_ends):
            return draw.text, True
        end = draw.token_ends[cap - 1]
        return draw.text[:end], True
    visible = visible_tokens(draw)
    if cap >= visible:
        # The text is whole if the service counted the token that ended it. Not every service does.
        return draw.text, False
    length = len(draw.text) / visible
    place = cap * length
    if rates is not None and draw.text:
        place = rates.place(draw.text, visible, cap)
        length = min(length, place / cap)
    end = _word_end(draw.text, round(place), round(length))
    return draw.text[:end], False


def _word_end(text: str, place: int, reach: int) -> int:
    """Return the end of a word that is closest to `place`.

    Tokens often end where a word ends, and seldom go beyond it. Without such an end within
    `reach` characters, return `place` itself.
    """
    for distance in range(reach + 1):
        for end in (place - distance, place + distance):
            if _ends_word(text, end):
                return end
    return place


def _ends_word(text: str, end: int) -> bool:
    """Return whether a word, or a run of signs, ends just before this character."""
    if not 0 < end < len(text):
        return False
    before, after = text[end - 1], text[end]
    return not before.isspace() and before.isalnum() != after.isalnum()


def _tokens_until(draw: Completion, end: int) -> tuple[int, bool]:
    """Return the completion tokens of the first `end` characters, and whether that is exact."""
    if draw.token_ends is not None:
        return draw.reasoning_tokens + bisect_left(draw.token_ends, end) + 1, True
    visible = math.ceil(visible_tokens(draw) * end / len(draw.text))
    return draw.reasoning_tokens + visible, False
