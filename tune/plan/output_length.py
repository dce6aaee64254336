"""How long an answer will be where nothing like it was ever bought and nobody says: a guess, and
said to be one.

Answers are about as long as what is wanted, unless the prompt asks to think aloud, or the model
thinks by itself. A guess from max_tokens alone, which many set far above any answer, is a multiple
of what is paid more often than not; `benchmarks/honesty/` says how often this one is near.
"""

from __future__ import annotations

import re
from typing import NamedTuple

OUTPUT_SHARE = 0.25
"""The share of max_tokens that an answer is taken to have where not even its kind is known."""

REASONING_TOKENS = 120
"""Tokens of thinking aloud before an answer; half of max_tokens where that is less."""

LONGEST_LABEL_TOKENS = 12.0
"""Tokens up to which a guessed answer is a label or a number: a model may explain itself unasked
instead.
"""

EXPLANATION_TOKENS = 120.0
"""Tokens of such an explanation."""


class ErrorFactors(NamedTuple):
    """How many times too long, and too short, a guess may be; nine in ten answers lie between."""

    shorter: float
    longer: float


REASONED, FREE_TEXT, SHORT_LABEL, HIDDEN_REASONING = (
    ErrorFactors(1.8, 3.0),
    ErrorFactors(1.4, 4.0),
    ErrorFactors(3.0, 1.0),
    ErrorFactors(4.0, 4.0),
)
"""For thinking aloud, texts that are written, labels and numbers, and what is thought unseen. The
first three were measured with the worlds of `benchmarks/honesty/lengths.py` and recorded tables.
"""

_AROUND, _WORDIER = (
    3,
    1.2,
)  # a full stop, a mark, the token that ends it; models say more than the data's authors

_THINKS = re.compile(
    r"step[ -]by[ -]step|\bthink|\breason|\bexplain|\bshow your|\bwork (?:it|this|that|through|out)\b"
    r"|schritt für schritt|\bdenk|\bbegründe|étape par étape|\braisonne|\bpaso a paso|\brazona|一步|思考|ステップ",
    re.IGNORECASE,
)
"""What asks for thinking aloud, in the languages that most templates are in."""


def likely_output_tokens(
    template: str, wanted: float | None, cap: int, *, reasons: bool = False
) -> float:
    """Tokens of an answer, as far as they can be told from what is asked.

    Args:
        template: everything that the prompt says besides the example.
        wanted: mean tokens of the targets, which are answers; None where there are none.
        cap: max_tokens.
        reasons: whether the model thinks before it answers, unseen.

    Returns:
        At least 1 and at most the cap.
    """
    said = None if wanted is None else _WORDIER * wanted + _AROUND
    if reasons or said is None:
        likely = max(OUTPUT_SHARE * cap, said or 0.0)
    elif _THINKS.search(template):
        likely = max(min(cap / 2, REASONING_TOKENS), said)
    else:
        likely = said
    return max(1.0, min(float(cap), likely))


def length_span(
    guess: float, cap: int, template: str = "", *, reasons: bool = False
) -> tuple[float, float]:
    """From where to where the tokens of an answer may as well be that were guessed.

    Args:
        guess: tokens, at most the cap.
        cap: max_tokens.
        template: everything that the prompt says besides the example.
        reasons: whether the model thinks before it answers, unseen.
    """
    if reasons:
        reach = HIDDEN_REASONING
    elif _THINKS.search(template):
        reach = REASONED
    else:
        reach = FREE_TEXT if guess > LONGEST_LABEL_TOKENS else SHORT_LABEL
    most = guess + EXPLANATION_TOKENS if reach is SHORT_LABEL else guess * reach.longer
    return max(1.0, guess / reach.shorter), min(float(cap), most)
