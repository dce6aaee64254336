"""The two models that tests of whole runs choose between, and what else they search; the truth is
in `world.py`.
"""

from __future__ import annotations

from typing import Any

import tune
from tune.fakes.faults import Model
from tune.fakes.world import LabelledWorld

MODELS = {"small": Model(0.10, 0.40), "large": Model(1.0, 4.0)}
"""A cheap one and one ten times as dear, for the server."""

PRICES = ["small=0.10/0.40", "large=1.0/4.0"]
"""The same prices as a user states them."""

PROMPTS = {
    "short": "Label this ticket: {text}",
    "reasoned": "Think step by step, then label: {text}",
}
"""With the second, models answer at length, and better."""


def dimensions(**changes: Any) -> dict[str, Any]:
    """What makes a `tune.Space` of every kind of dimension, with other values where they are given."""
    return {
        "model": list(MODELS),
        "prompt": PROMPTS,
        "temperature": tune.Uniform(0, 1.0, step=0.25),
        "n": tune.Integers(1, 3),
        "max_tokens": [16, 64],
        "aggregate": ["first", "vote"],
        "answer": {"labels": list(LabelledWorld().labels)},
        **changes,
    }
