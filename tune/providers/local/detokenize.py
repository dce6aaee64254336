"""From generated tokens to text: cut at stop strings, with the place where each token ends."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

Decode = Callable[[list[list[int]]], Sequence[str]]
"""A tokenizer's way from lists of tokens to texts."""


class DecodedText(NamedTuple):
    """One answer, read.

    Attributes:
        text: what is visible of it.
        tokens: all its tokens, those that end it included.
        token_ends: for each visible token the number of characters of `text` up to its end.
        stopped: whether it ended by itself or at a stop string.
    """

    text: str
    tokens: int
    token_ends: tuple[int, ...]
    stopped: bool


def detokenize(
    ids: Sequence[int], end_ids: Collection[int], stops: Sequence[str], decode: Decode
) -> DecodedText:
    """Turn generated tokens into text that ends before the first stop string, and find where each
    token ends.

    Args:
        ids: the tokens as generated, a last one that ends the text or completes a stop string
        included. end_ids: the tokens that end a text. stops: the stop strings. decode: the
        tokenizer's.
    """
    ended = bool(ids) and ids[-1] in end_ids
    texts: list[str] = []
    for text in _growing(ids[:-1] if ended else ids, decode):
        texts.append(text)
        found = [text.find(stop) for stop in stops if stop in text]
        if found:
            # A token is visible if it begins before the cut; the others only spell the stop string.
            visible = [i for i in range(len(texts)) if (len(texts[i - 1]) if i else 0) < min(found)]
            whole = text[: min(found)]
            return DecodedText(
                whole, len(texts), tuple(_shared(texts[i], whole) for i in visible), stopped=True
            )
    whole = texts[-1] if texts else ""
    return DecodedText(
        whole, len(ids), tuple(_shared(text, whole) for text in texts), stopped=ended
    )


def trim_stop(answer: DecodedText, stops: Sequence[str]) -> DecodedText:
    """An answer that a stop string ended which is not in it, or not whole.

    openvino-genai leaves stop strings in as it is told, but not the spaces and newlines at their
    end: those are taken away, together with the token that held them. Of a stop string such as
    "\\ndef " the rest would be left standing.
    """
    begun = [
        bare
        for stop in stops
        if (bare := stop.rstrip(" \n")) != stop and answer.text.endswith(bare)
    ]
    whole = answer.text[: len(answer.text) - max(map(len, begun), default=0)]
    ends = answer.token_ends
    visible = [end for i, end in enumerate(ends) if (ends[i - 1] if i else 0) < len(whole)]
    return DecodedText(
        whole, answer.tokens + 1, tuple(min(end, len(whole)) for end in visible), stopped=True
    )


def _growing(ids: Sequence[int], decode: Decode) -> Iterator[str]:
    """The text after each token. Only whole beginnings are decoded: a token alone may be half a
    character.
    """
    for start in range(0, len(ids), 64):
        yield from decode([list(ids[: i + 1]) for i in range(start, min(start + 64, len(ids)))])


def _shared(text: str, whole: str) -> int:
    """How many characters two texts have in common at their beginning."""
    if whole.startswith(text):
        return len(text)
    return next(
        (i for i, (a, b) in enumerate(zip(text, whole, strict=False)) if a != b),
        min(len(text), len(whole)),
    )
