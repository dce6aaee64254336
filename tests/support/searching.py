"""Spaces, a known truth and a game of ask and tell, for tests of searchers."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

import pytest

from tune.search import SEARCHERS, Observation, Searcher
from tune.space import FREE, Integers, Point, Space, Uniform

# The Gaussian process takes the better part of a second for a proposal, and torch is no dependency
# of ours.
GP = pytest.param(
    "gp",
    marks=[
        pytest.mark.slow,
        pytest.mark.skipif(
            find_spec("torch") is None, reason="needs torch: uv pip install torch"
        ),
    ],
)
USABLE = [GP if name == "gp" else name for name in SEARCHERS]
LEARNERS = [name for name in USABLE if name not in ("random", "grid")]

PROMPTS = {"short": "{text}", "long": "Read: {text}", "reasoned": "Think. {text}"}


def plain() -> Space:
    return Space(
        model=["small", "large"],
        prompt=PROMPTS,
        temperature=Uniform(0, 1.2, 0.1),
        n=Integers(1, 5),
        max_tokens=[16, 64],
        aggregate=["first", "vote"],
    )


def conditional() -> Space:
    return Space(
        model=["small", "large", "thinker"],
        prompt=PROMPTS,
        temperature=Uniform(0, 1, 0.25),
        when={
            "large": {"temperature": {"low": 0.0, "high": 2.0, "step": 0.5}},
            "thinker": {
                "temperature": [],
                "reasoning_effort": ["low", "medium", "high"],
            },
        },
    )


def tiny() -> Space:
    return Space(model=["small", "large"], prompt="{text}", temperature=[0.0, 0.5])


SPACES: dict[str, tuple[Callable[[], Space], tuple[str, ...]]] = {
    "plain": (plain, FREE),
    "conditional": (conditional, FREE),
    "all paid": (plain, ()),
    "tiny": (tiny, FREE),
}


def quality(point: Point) -> float:
    """A known truth with one narrow optimum: the large model, the long prompt, temperature 0.4."""
    score = 0.75 if point["model"] == "large" else 0.5
    score += {"long": 0.1, "reasoned": 0.05}.get(str(point["prompt"]), 0.0)
    return score - 0.5 * abs(float(point.get("temperature", 0.9)) - 0.4)  # type: ignore[arg-type]


def price(point: Point) -> float:
    return 2e-3 if point["model"] == "large" else 1e-4


def told(point: Point) -> Observation:
    return Observation(point, quality(point), price(point))


def play(searcher: Searcher, turns: int) -> list[Observation]:
    """Ask and tell one by one, at most so many times."""
    history: list[Observation] = []
    while len(history) < turns and (point := searcher(history)) is not None:
        history.append(told(point))
    return history
