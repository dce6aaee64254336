"""How many tokens characters of each kind take, learned from whole answers: where a text would have
been cut.

A token holds several letters, but often a single digit, sign or Chinese character. At one mean
length of a token, a text that begins with digits is cut much too late. Services tell how many
tokens an answer has, so a regression of those on the kinds of characters says what each kind takes;
draws that were cut at a cap say most about how answers begin.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tune.completion import Completion

Array = npt.NDArray[np.float64]

_PRIOR: Array = np.array([0.8, 0.06, 0.4, 0.6, 0.05, 0.8])
"""Tokens of a word's beginning, a letter, a digit, a sign, a space and any other character, before
any are learned.
"""

_PRIOR_WEIGHT = 2.0
"""Answers that the prior counts for."""

_MOST_DRAWS = 200
"""Answers that are learned from: more of them change nothing."""

_ROUNDS = 60
"""Rounds of coordinate descent; the six rates settle in far fewer."""


@dataclass(frozen=True)
class Rates:
    """Tokens by kind of character.

    Attributes:
        weights: of a word's beginning, a letter, a digit, a sign, a space and any other character.
    """

    weights: tuple[float, ...]

    def place(self, text: str, tokens: int, cap: int) -> float:
        """Return after how many characters a text of so many tokens has reached the cap.

        Args:
            text: at least one character.
            tokens: of the whole text.
            cap: fewer than that.
        """
        reached = np.cumsum(np.array(self.weights) @ _kinds(text))
        if reached[-1] <= 0:
            return cap * len(text) / tokens
        share = reached * (tokens / reached[-1])
        return float(np.searchsorted(share, cap, side="left") + 1)


def learn_rates(draws: Iterable[Completion]) -> Rates | None:
    """Learn the rates of one model's answers; None where token boundaries are known or there is no
    text.

    Least squares with a weak prior, and no rate below zero.

    Args:
        draws: answers as they came, whole or cut.
    """
    kept = [draw for draw in draws if draw.text and draw.completion_tokens > draw.reasoning_tokens][
        :_MOST_DRAWS
    ]
    if not kept or any(draw.token_ends is not None for draw in kept):
        return None
    counts = np.array([_kinds(draw.text).sum(axis=1) for draw in kept])
    tokens = np.array([spoken(draw) for draw in kept], dtype=float)
    size = np.maximum(tokens, 1.0)
    return Rates(tuple(_fit(counts / size[:, None], tokens / size).tolist()))


def spoken(draw: Completion) -> int:
    """Return the tokens of a text: all but hidden reasoning and the token that ended it."""
    return max(1, draw.completion_tokens - draw.reasoning_tokens - (draw.finish_reason == "stop"))


def _fit(counts: Array, tokens: Array) -> Array:
    """Return the rates that are zero or more with the least squared relative error, by coordinate
    descent.
    """
    scale = np.maximum(counts.mean(axis=0), 1e-6)
    prior = _PRIOR * (tokens.mean() / max(float(_PRIOR @ counts.mean(axis=0)), 1e-9))
    ridge = _PRIOR_WEIGHT * scale**2 * 0.01
    gram = counts.T @ counts + np.diag(ridge)
    wanted = counts.T @ tokens + ridge * prior
    rates = prior.copy()
    for _ in range(_ROUNDS):
        for i in range(len(rates)):
            rest = wanted[i] - gram[i] @ rates + gram[i, i] * rates[i]
            rates[i] = max(0.0, float(rest / gram[i, i])) if gram[i, i] > 0 else prior[i]
    return np.asarray(rates)


def _kinds(text: str) -> Array:
    """Return for each kind of character which characters are of it."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    lower = codes | 32
    letter = (lower >= ord("a")) & (lower <= ord("z")) & (codes < 128)
    digit = (codes >= ord("0")) & (codes <= ord("9"))
    space = (codes == 32) | ((codes >= 9) & (codes <= 13))
    other = codes >= 128
    start = letter & ~np.concatenate([[False], letter[:-1]])
    sign = ~(letter | digit | space | other)
    return np.array([start, letter, digit, sign, space, other], dtype=float)


def rates_of(
    draws: Mapping[int, Sequence[Completion]], measured: Mapping[int, Sequence[Completion]]
) -> Rates | None:
    """Learn the rates of a trial.

    Args:
        draws: its own, by example. measured: draws of its model and prompt that were bought at
        smaller caps, by cap; they are learned from first.
    """
    groups = [
        *(measured[cap] for cap in sorted(measured)),
        *(draws[position] for position in sorted(draws)),
    ]
    return learn_rates([draw for drawn in groups for draw in drawn])
