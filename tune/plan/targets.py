"""The targets of the tuning examples, as far as they tell how long answers will be."""

from __future__ import annotations

import re
from typing import NamedTuple

from tune.plan.output_length import TargetKind
from tune.plan.plan import Plan
from tune.plan.token_counts import text_tokens

COUNTED = 32
"""Targets whose tokens are counted."""

_NUMBER = re.compile(r"\s*[-+\u2212]?[$€£]?[\d.,]*\d\s*%?\s*")
"""The whole text of a target that is a number."""


class Targets(NamedTuple):
    """The targets of the tuning examples.

    Attributes:
        tokens: mean; None where the targets are not answers, such as test code.
        kind: whether they are labels, numbers or texts.
    """

    tokens: float | None
    kind: TargetKind


def read_targets(plan: Plan) -> Targets:
    """Return the mean length of a plan's targets, and their kind."""
    texts = []
    for example in plan.split.tuning:
        if example.target is not None:
            texts.append(str(example.target))
    # A metric that runs code has tests as targets, which are no answers.
    if not texts or plan.metric.runs_code:
        return Targets(None, "text")
    counted = texts[:COUNTED]
    tokens = sum(map(text_tokens, counted)) / len(counted)
    # A few numbers that come again and again, such as 0 and 1 or stars, are labels too.
    if 2 * len(set(texts)) <= len(texts):
        return Targets(tokens, "label")
    are_numbers = all(map(_NUMBER.fullmatch, texts))
    return Targets(tokens, "number" if are_numbers else "text")
