"""The expected length of an answer where none like it was bought and the user states none.

It is a guess, and the estimate calls it one. Answers are about as long as the targets, unless the
prompt asks for reasoning, or the model reasons by itself. A prompt that asks for a short answer
makes the span narrow. A guess from max_tokens alone is several times too high more often than not,
because many set max_tokens far above any answer; `benchmarks/honesty/` measures how near this one
is.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

TargetKind = Literal["label", "number", "text"]
"""The kind of the targets: a label comes again and again, a number or a text is worked out."""

OUTPUT_SHARE = 0.25
"""The share of max_tokens that an answer is expected to fill where nothing is known of it."""

REASONING_TOKENS = 80
"""Tokens of reasoning before an answer; half of max_tokens where that is less."""

SOLUTION_TOKENS = 200
"""The same where the targets are no labels: a solution is written out.

Models write some 160 tokens for grade-school problems, 140 to 310 to say what a program prints
(51 models of ZeroEval) and 260 to 900 for the hardest problems of the data set MATH (41 models;
3 characters a token).
"""

LONGEST_LABEL_TOKENS = 12.0
"""A guess up to this many tokens is a label or a number. The model may explain it unasked."""


class ErrorFactors(NamedTuple):
    """The possible error of a guess as factors, for nine answers in ten."""

    shorter: float
    longer: float


# Chosen on made-up worlds of `benchmarks/honesty/lengths.py` that its page does not report on.
# No recorded table has hidden reasoning.
REASONED = ErrorFactors(2.0, 2.5)
"""For prompts that ask for reasoning about a label."""

SOLVED = ErrorFactors(2.0, 3.2)
"""For prompts that ask for reasoning where the targets are no labels; problems differ in hardness.

Of the models of ZeroEval that are named above, all are within it for programs, and 85 % for MATH.
"""

FREE_TEXT = ErrorFactors(1.2, 4.0)
"""For answers that are texts."""

BRIEF_TEXT = ErrorFactors(2.0, 2.5)
"""For texts that the prompt wants to be short; they may be shorter than the targets."""

HIDDEN_REASONING = ErrorFactors(4.0, 4.0)
"""For models that reason unseen."""

SHORTER_LABEL = 3.0
"""The factor by which a label or a number may be shorter than guessed."""

EXPLANATION_TOKENS = 120.0
"""Tokens of an unasked explanation of a label."""

UNASKED_SOLUTION_TOKENS = 300.0
"""The same where the targets are numbers: a calculation is written out."""

BRIEF_EXPLANATION_TOKENS = 30.0
"""The same where the prompt wants the answer alone: some models write a sentence nevertheless."""

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

_ASKS_FOR_BREVITY = re.compile(
    r"\b(?:one|single|in an?) (?:word|sentence|line)\b|\balone\b|\bnothing else\b"
    r"|\bonly (?:the|with|one|a)\b|\b(?:no|without) (?:any )?(?:explanation|other)\b"
    r"|\bbrief|\bconcise|\bshort (?:answer|summary|sentence)\b"
    r"|\beine?[mn]? (?:wort|satz)\b|\bune? (?:mot|phrase)\b|\buna (?:palabra|frase)\b"
    r"|一个词|一句话|一言|一文",
    re.IGNORECASE,
)


def likely_output_tokens(
    template: str,
    wanted: float | None,
    cap: int,
    *,
    reasons: bool = False,
    targets: TargetKind = "label",
) -> float:
    """Return the expected tokens of an answer: at least 1 and at most the cap.

    Args:
        template: everything that the prompt says besides the example.
        wanted: mean tokens of the targets; None where they are not answers.
        cap: max_tokens.
        reasons: whether the model reasons unseen before it answers.
        targets: the kind of the targets.
    """
    answer = 0.0 if wanted is None else _WORDIER * wanted + _AROUND
    # Hidden reasoning follows no template: services only promise to keep it below max_tokens.
    if reasons or wanted is None:
        likely = max(OUTPUT_SHARE * cap, answer)
    elif _ASKS_FOR_REASONING.search(template):
        reasoning = REASONING_TOKENS if targets == "label" else SOLUTION_TOKENS
        # People set max_tokens near the length of answers that they expect to be long.
        likely = max(min(cap / 2, reasoning), answer)
    else:
        likely = answer
    return max(1.0, min(float(cap), likely))


def length_span(
    guess: float,
    cap: int,
    template: str = "",
    *,
    reasons: bool = False,
    targets: TargetKind = "label",
) -> tuple[float, float]:
    """Return the fewest and the most tokens that an answer may have, whose length was guessed.

    Args:
        guess: tokens, at most the cap.
        cap: max_tokens.
        template: everything that the prompt says besides the example.
        reasons: whether the model reasons unseen before it answers.
        targets: the kind of the targets.
    """
    is_brief = bool(_ASKS_FOR_BREVITY.search(template))
    if reasons:
        factors = HIDDEN_REASONING
    elif _ASKS_FOR_REASONING.search(template):
        factors = REASONED if targets == "label" else SOLVED
    elif guess <= LONGEST_LABEL_TOKENS:
        # A label has no longer form; the risk is an explanation around it.
        most = guess + _explanation(is_brief, targets)
        return max(1.0, guess / SHORTER_LABEL), min(float(cap), most)
    else:
        factors = BRIEF_TEXT if is_brief else FREE_TEXT
    most = guess * factors.longer
    return max(1.0, guess / factors.shorter), min(float(cap), most)


def _explanation(is_brief: bool, targets: TargetKind) -> float:
    """Return the most tokens that may stand around a label or a number."""
    if is_brief:
        return BRIEF_EXPLANATION_TOKENS
    return UNASKED_SOLUTION_TOKENS if targets == "number" else EXPLANATION_TOKENS
