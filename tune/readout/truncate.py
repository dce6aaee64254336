"""What a draw would have been at a smaller cap or with further stop strings."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from tune.completion import Completion
from tune.readout.token_rates import Rates
from tune.readout.token_rates import spoken as spoken_tokens


class Cut(NamedTuple):
    """A draw as it would have come back.

    Attributes:
        text: what would have been said.
        tokens: completion tokens that would have been billed.
        finish_reason: "length" at the cap, "stop" at a stop string, else as it was.
        exact: whether text and tokens are known; else the token boundaries were estimated.
    """

    text: str
    tokens: int
    finish_reason: str
    exact: bool


def cut(draw: Completion, cap: int, stop: Sequence[str] = (), rates: Rates | None = None) -> Cut:
    """Cut a draw at `cap` tokens and at the first of the stop strings.

    The model would have said the same until then, and would have been billed for the tokens that
    make up the stop string. Without `token_ends` a token is taken to be as long as the draw's
    tokens are on average, and words are kept whole where the estimate falls close to their end; on
    prose and code that was seen to be 1.6 tokens off on average, as often too long as too short.
    Where digits or other short tokens come first, that keeps too much: then `rates` says how many
    tokens each kind of character takes.

    A draw with hidden reasoning is left whole: nobody knows what a shorter thought would have led
    to. Readings ask for no smaller cap of those, but a service that does not heed its cap may have
    sent more than was asked for.
    """
    text, tokens, reason, exact = draw.text, draw.completion_tokens, draw.finish_reason, True
    if tokens > cap and draw.reasoning_tokens:
        exact = False
    elif tokens > cap:
        text, exact = _head(draw, cap, rates)
        tokens, reason = cap, "length"
    found = _first_stop(text, stop)
    if found is not None:
        begin, end = found
        spent, known = _tokens_until(draw, end)
        text, tokens, reason, exact = text[:begin], min(spent, tokens), "stop", exact and known
    return Cut(text, tokens, reason, exact)


def _first_stop(text: str, stop: Sequence[str]) -> tuple[int, int] | None:
    """Begin and end of the stop string that is complete first; of several that end together, the
    longest.
    """
    found = [(begin + len(s), begin) for s in stop if s and (begin := text.find(s)) >= 0]
    if not found:
        return None
    end, begin = min(found)
    return begin, end


def _head(draw: Completion, cap: int, rates: Rates | None) -> tuple[str, bool]:
    """The text of the first `cap` tokens, and whether it is exactly that."""
    if draw.token_ends is not None:
        # What lies beyond the visible tokens is the token that ended the text: it is cut off, the
        # text is whole.
        return (
            draw.text[: draw.token_ends[cap - 1]] if cap <= len(draw.token_ends) else draw.text
        ), True
    spoken = spoken_tokens(draw)
    if cap >= spoken:  # if the token that ended the text was counted, which not every service does
        return draw.text, False
    length = len(draw.text) / spoken
    place = cap * length
    if rates is not None and draw.text:
        place = rates.place(draw.text, spoken, cap)
        length = min(length, place / cap)
    return draw.text[: _word_end(draw.text, round(place), round(length))], False


def _word_end(text: str, place: int, reach: int) -> int:
    """The end of a word that is closest to `place`, or `place` itself where none is within reach.

    Tokens seldom go over the end of a word, and often end there.
    """
    for distance in range(reach + 1):
        for end in (place - distance, place + distance):
            if (
                0 < end < len(text)
                and not text[end - 1].isspace()
                and text[end - 1].isalnum() != text[end].isalnum()
            ):
                return end
    return place


def _tokens_until(draw: Completion, end: int) -> tuple[int, bool]:
    """Completion tokens that it took to say the first `end` characters, and whether that is known."""
    if draw.token_ends is not None:
        return draw.reasoning_tokens + bisect_left(draw.token_ends, end) + 1, True
    return draw.reasoning_tokens + math.ceil(spoken_tokens(draw) * end / len(draw.text)), False
