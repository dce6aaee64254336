"""Confidence of a model in its own answers, by the log-probabilities of their tokens."""

from __future__ import annotations

import math

from tune.completion import Completion
from tune.readout.aggregate import Weight
from tune.readout.truncate import Cut


def confidence(draw: Completion, said: Cut) -> Weight:
    """Return the geometric mean of the probabilities of a cut text's tokens.

    The length plays no part: a long answer is no less sure than a short one (Taubenfeld et al.
    2025, Confidence improves self-consistency, arXiv 2502.06233, section 3).
    """
    if draw.logprobs is None:
        return None
    # The token that ended the text has no log-probability, and hidden ones have none either.
    shown = draw.logprobs[: max(0, said.tokens - draw.reasoning_tokens)]
    if not shown:
        return None
    return math.exp(sum(shown) / len(shown))
