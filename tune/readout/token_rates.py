"""Learn how many tokens each kind of character takes, where a service tells no token boundaries.

A token holds several letters, but often one digit, one sign or one Chinese character. With one
mean length for all tokens, a text that begins with digits is cut much too late. Services tell how
many tokens an answer has. A regression of these counts on the kinds of characters gives the tokens
of each kind. Draws that were cut at a cap say most about how answers begin.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from tune.completion import Completion

Array = npt.NDArray[np.float64]

_PRIOR: Array = np.array(
    [
        0.8,  # the beginning of a word
        0.06,  # a letter
        0.4,  # a digit
        0.6,  # a sign
        0.05,  # a space
        0.8,  # any other character
    ]
)
"""Tokens of each kind of character before anything was learned."""

_PRIOR_WEIGHT = 2.0
"""The prior counts as much as this number of answers."""

_MOST_DRAWS = 200
"""The most answers to learn from. More of them change nothing."""

_ROUNDS = 60
"""Rounds of coordinate descent. The six rates settle in far fewer."""


@dataclass(frozen=True)
class Rates:
    """Tokens of each kind of character.

    Attributes:
        weights: of a word's beginning, a letter, a digit, a sign, a space and any other character.
    """

    weights: tuple[float, ...]

    def place(self, text: str, tokens: int, cap: int) -> float:
        """Return the number of characters after which a text reaches the cap.

        Args:
            text: at least one character.
            tokens: the tokens of the whole text.
            cap: fewer tokens than that.
        """
        reached = np.cumsum(np.array(self.weights) @ _kinds(text))
        if reached[-1] <= 0:
            return cap * len(text) / tokens
        # The rates give the shares of the characters; the service's count gives their sum.
        share = reached * (tokens / reached[-1])
        return float(np.searchsorted(share, cap, side="left") + 1)


def learn_rates(draws: Iterable[Completion]) -> Rates | None:
    """Learn the rates from the answers of one model, by least squares with a weak prior.

    Args:
        draws: answers as they came, whole or cut.

    Returns:
        Rates of zero or more; None where token boundaries are known, or where there is no text.
    """
    kept: list[Completion] = []
    for draw in draws:
        if len(kept) == _MOST_DRAWS:
            break
        # A draw without visible text shows no rate.
        if not draw.text or draw.completion_tokens <= draw.reasoning_tokens:
            continue
        if draw.token_ends is not None:
            return None
        kept.append(draw)
    if not kept:
        return None
    counts = _counts([draw.text for draw in kept])
    tokens = np.array(list(map(visible_tokens, kept)), dtype=float)
    # Divided by the length, so that the relative error counts: long answers would rule otherwise.
    size = np.maximum(tokens, 1.0)
    # In the order of the bytes: the rows of a transposed table would lie apart.
    shares = np.ascontiguousarray(counts / size[:, None])
    return _remembered_rates(shares.tobytes(), (tokens / size).tobytes())


# A report asks for the rates of each trial several times. Each takes at most 12 kB.
@lru_cache(maxsize=256)
def _remembered_rates(counts: bytes, tokens: bytes) -> Rates:
    table = np.frombuffer(counts).reshape(-1, len(_PRIOR))
    return Rates(tuple(_fit(table, np.frombuffer(tokens))))


def _counts(texts: Sequence[str]) -> Array:
    """Return the number of characters of each kind (columns) in each text (rows)."""
    # All texts at once, apart from each other: one by one takes many times as long.
    reached = np.cumsum(_kinds("\n" + "\n".join(texts)), axis=1)
    lengths = np.array(list(map(len, texts)))
    ends = np.cumsum(lengths + 1)
    return np.asarray((reached[:, ends - 1] - reached[:, ends - 1 - lengths]).T)


def visible_tokens(draw: Completion) -> int:
    """Return the tokens of a text: without hidden reasoning and the token that ended it."""
    ending = draw.finish_reason == "stop"
    return max(1, draw.completion_tokens - draw.reasoning_tokens - ending)


def _fit(counts: Array, tokens: Array) -> list[float]:
    """Return the rates of zero or more with the least squared error, by coordinate descent.

    Args:
        counts: of each kind of character (columns), for each answer (rows).
        tokens: of each answer.
    """
    mean = counts.mean(axis=0)
    scale = np.maximum(mean, 1e-6)
    # The prior knows the relation of the kinds; the tokens of these answers give the size.
    expected = max(float(_PRIOR @ mean), 1e-9)
    prior = _PRIOR * (tokens.mean() / expected)
    ridge = _PRIOR_WEIGHT * scale**2 * 0.01
    gram = counts.T @ counts + np.diag(ridge)
    wanted = counts.T @ tokens + ridge * prior
    rates = prior.copy()
    # The same rates as numbers: numpy takes several times as long with one of them.
    found: list[float] = prior.tolist()
    starts = prior.tolist()
    aims = wanted.tolist()
    owns = gram.diagonal().tolist()
    for _ in range(_ROUNDS):
        before = found.copy()
        for i, own in enumerate(owns):
            # A kind that no answer has keeps its prior.
            found[i] = starts[i]
            if own > 0:
                rest = aims[i] - float(gram[i].dot(rates)) + own * before[i]
                found[i] = max(0.0, rest / own)
            rates[i] = found[i]
        # Nothing moved, so no later round moves anything.
        if found == before:
            break
    return found


def _kinds(text: str) -> Array:
    """Mark the kind of each character: one row for each kind, one column for each character."""
    # One code point is four bytes. A broken answer may hold half of a surrogate pair.
    encoded = text.encode("utf-32-le", "surrogatepass")
    codes = np.frombuffer(encoded, dtype=np.uint32)
    # This bit turns an ASCII capital into a small letter.
    lower = codes | 32
    letter = (lower >= ord("a")) & (lower <= ord("z")) & (codes < 128)
    digit = (codes >= ord("0")) & (codes <= ord("9"))
    space = (codes == 32) | ((codes >= 9) & (codes <= 13))
    other = codes >= 128
    start = letter & ~np.concatenate([[False], letter[:-1]])
    sign = ~(letter | digit | space | other)
    return np.array([start, letter, digit, sign, space, other], dtype=float)


def rates_of(
    draws: Mapping[int, Sequence[Completion]],
    measured: Mapping[int, Sequence[Completion]],
) -> Rates | None:
    """Learn the rates of a trial.

    Args:
        draws: its own draws, by example.
        measured: draws of its model and prompt that were bought at smaller caps, by cap. They come
            first, as they say most about how answers begin.
    """
    ordered: list[Completion] = []
    for cap in sorted(measured):
        ordered += measured[cap]
    for position in sorted(draws):
        ordered += draws[position]
    return learn_rates(ordered)
