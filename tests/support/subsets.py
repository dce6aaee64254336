"""Draws with known truth, and expectations over subsets of draws by enumeration."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
from hypothesis import strategies as st

from tune.stats.arrays import Array, IntArray

WORST = -0.5


NAMES = st.lists(st.sampled_from([-1, 0, 1, 2, 3]), min_size=1, max_size=6)


MARKS = st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=4, max_size=4)


def in_every_order(choose: Callable[[list[int]], float], draws: int, n: int) -> float:
    """The mean of a choice over every subset of n draws in every order in which they can be drawn."""
    return float(
        np.mean(
            [choose(list(order)) for order in itertools.permutations(range(draws), n)]
        )
    )


def scores_of(names: Sequence[int], marks: Sequence[float]) -> list[float]:
    return [WORST if name < 0 else marks[name] for name in names]


def table(rows: Sequence[Sequence[float]]) -> Array:
    return np.array(rows, dtype=float)


class Worlds:
    """Examples with known truth: what the model says, how often, and how good that is."""

    def __init__(self, number: int, seed: int, kinds: int = 5) -> None:
        self.rng = np.random.default_rng(seed)
        self.shares = self.rng.dirichlet([0.6] * kinds, size=number)
        # Two kinds of answer are right, one of them in part; the last kind is a text without an
        # answer.
        self.marks = np.array([1.0, 0.5, *[0.0] * (kinds - 2)])
        self.kinds = kinds

    def draw(self, draws: int) -> tuple[IntArray, Array, Array]:
        """Answers (-1 for none), scores, and the verdicts of a verifier that is right more often
        than not.
        """
        at = self.rng.random((len(self.shares), draws, 1))
        kinds = (at > self.shares.cumsum(axis=1)[:, None, :-1]).sum(axis=2)
        scores = self.marks[kinds]
        verdicts = np.round(scores + self.rng.normal(size=kinds.shape), 0)
        return np.where(kinds == self.kinds - 1, -1, kinds), scores, verdicts
