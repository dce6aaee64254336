"""From generated tokens to text: cut at stop strings, with the place where each token ends."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

Decode = Callable[[list[list[int]]], Sequence[str]]
"""A tokenizer's function from lists of tokens to texts."""

# Beginnings that are decoded in one call of the tokenizer.
_BATCH = 64


class DecodedText(NamedTuple):
    """The text of one answer, with its tokens.

    Attributes:
        text: the visible part.
        tokens: the number of all its tokens, those that end it included.
        token_ends: for each visible token the number of characters of `text` up to its end.
        stopped: it ended by itself or at a stop string.
    """

    text: str
    tokens: int
    token_ends: tuple[int, ...]
    stopped: bool


def detokenize(
    ids: Sequence[int],
    end_ids: Collection[int],
    stops: Sequence[str],
    decode: Decode,
) -> DecodedText:
    """Turn generated tokens into text that ends before the first stop string.

    Args:
        ids: the tokens as generated, a last one that ends the text or completes a stop string
            included.
        end_ids: the tokens that end a text.
        stops: the stop strings.
        decode: the tokenizer's.
    """
    ended = bool(ids) and ids[-1] in end_ids
    # The token that ends a text stands for no characters.
    spoken = ids[:-1] if ended else ids
    texts: list[str] = []
    for text in _growing(spoken, decode):
        texts.append(text)
        found = [text.find(stop) for stop in stops if stop in text]
        if found:
            return _cut(texts, min(found))
    whole = texts[-1] if texts else ""
    ends = tuple(_shared_length(text, whole) for text in texts)
    return DecodedText(whole, len(ids), ends, stopped=ended)


def _cut(texts: Sequence[str], length: int) -> DecodedText:
    """Return the last of the growing texts, cut to its first characters."""
    whole = texts[-1][:length]
    ends: list[int] = []
    begin = 0
    for text in texts:
        # A token is visible if it begins before the cut; the others only spell the stop string.
        if begin < length:
            ends.append(_shared_length(text, whole))
        begin = len(text)
    return DecodedText(whole, len(texts), tuple(ends), stopped=True)


def trim_stop(answer: DecodedText, stops: Sequence[str]) -> DecodedText:
    """Take the rest of a stop string off an answer that it ended.

    openvino-genai leaves stop strings in, as we ask it to, but takes the spaces and newlines at
    their end away, together with the token that held them. Of a stop string such as
    "\\ndef " the rest would be left standing.
    """
    longest = 0
    for stop in stops:
        # A stop string without such an end stands in the text whole, and was found before.
        bare = stop.rstrip(" \n")
        if bare != stop and answer.text.endswith(bare):
            longest = max(longest, len(bare))
    whole = answer.text[: len(answer.text) - longest]
    begins = (0, *answer.token_ends[:-1])
    ends: list[int] = []
    for begin, end in zip(begins, answer.token_ends, strict=False):
        if begin < len(whole):
            ends.append(min(end, len(whole)))
    return DecodedText(whole, answer.tokens + 1, tuple(ends), stopped=True)


def _growing(ids: Sequence[int], decode: Decode) -> Iterator[str]:
    """Yield the text after each token.

    Only whole beginnings are decoded: a token alone may be half a character.
    """
    for start in range(0, len(ids), _BATCH):
        stop = min(start + _BATCH, len(ids))
        beginnings = [list(ids[:end]) for end in range(start + 1, stop + 1)]
        yield from decode(beginnings)


def _shared_length(text: str, whole: str) -> int:
    """Return the number of characters that two texts have in common at their beginning."""
    if whole.startswith(text):
        return len(text)
    for place, (ours, theirs) in enumerate(zip(text, whole, strict=False)):
        if ours != theirs:
            return place
    return min(len(text), len(whole))
