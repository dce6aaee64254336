"""The expected length of an answer where none like it was bought and the user states none.

It is a guess, and the estimate calls it one. Answers are about as long as the targets, unless the
prompt asks for reasoning, or the model reasons by itself. A guess from max_tokens alone is several
times too high more often than not, because many set max_tokens far above any answer;
`benchmarks/honesty/` measures how near this one is.
"""

from __future__ import annotations

import re
from typing import NamedTuple

OUTPUT_SHARE = 0.25
"""The share of max_tokens that an answer is expected to fill where nothing is known of it."""

REASONING_TOKENS = 120
"""Tokens of reasoning before an answer; half of max_tokens where that is less."""

LONGEST_LABEL_TOKENS = 12.0
"""A guess up to this many tokens is a label or a number. The model may explain it unasked."""

EXPLANATION_TOKENS = 120.0
"""Tokens of an unasked explanation."""


class ErrorFactors(NamedTuple):
    """The possible error of a guess as factors, for nine answers in ten."""

    shorter: float
    longer: float


# The first three were measured on the worlds of `benchmarks/honesty/lengths.py` and on recorded
# tables. No recorded table has hidden reasoning.
REASONED = ErrorFactors(1.8, 3.0)
"""For prompts that ask for reasoning."""

FREE_TEXT = ErrorFactors(1.4, 4.0)
"""For answers that are texts."""

SHORT_LABEL = ErrorFactors(3.0, 1.0)
"""For answers that are labels or numbers."""

HIDDEN_REASONING = ErrorFactors(4.0, 4.0)
"""For models that reason unseen."""

_AROUND = 3
"""Tokens besides the answer: a full stop, a mark, and the token that ends it."""

_WORDIER = 1.2
"""Models write longer answers than the authors of the data."""

# Templates come in many languages; these are the most common ones.
_ASKS_FOR_REASONING = re.compile(
    r"step[ -]by[ -]step|\bthink|\breason|\bexplain|\bshow your"
    r"|\bwork (?:it|this|that|through|out)\b"
    r"|schritt für schritt|\bdenk|\bbegründe|étape par étape|\braisonne|\bpaso a paso|\brazona"
    r"|一步|思考|ステップ",
    re.IGNORECASE,
)


def likely_output_tokens(
    template: str, wanted: float | None, cap: int, *, reasons: bool = False
) -> float:
    """Return the expected tokens of an answer: at least 1 and at most the cap.

    Args:
        template: everything that the prompt says besides the example.
        wanted: mean tokens of the targets; None where they are not answers.
        cap: max_tokens.
        reasons: whether the model reasons unseen before it answers.
    """
    answer = 0.0 if wanted is None else _WORDIER * wanted + _AROUND
    if reasons or wanted is None:
        likely = max(OUTPUT_SHARE * cap, answer)
    elif _ASKS_FOR_REASONING.search(template):
        likely = max(min(cap / 2, REASONING_TOKENS), answer)
    else:
        likely = answer
    return max(1.0, min(float(cap), likely))


def length_span(
    guess: float, cap: int, template: str = "", *, reasons: bool = False
) -> tuple[float, float]:
    """Return the fewest and the most tokens that an answer may have, whose length was guessed.

    Args:
        guess: tokens, at most the cap.
        cap: max_tokens.
        template: everything that the prompt says besides the example.
        reasons: whether the model reasons unseen before it answers.
    """
    factors = SHORT_LABEL
    if reasons:
        factors = HIDDEN_REASONING
    elif _ASKS_FOR_REASONING.search(template):
        factors = REASONED
    elif guess > LONGEST_LABEL_TOKENS:
        factors = FREE_TEXT
    # A label has no longer form; the risk is an explanation around it.
    most = guess * factors.longer
    if factors is SHORT_LABEL:
        most = guess + EXPLANATION_TOKENS
    return max(1.0, guess / factors.shorter), min(float(cap), most)
