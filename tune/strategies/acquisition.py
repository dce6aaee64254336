"""What a block of examples is worth: by what it teaches of every point, and by what it makes
choosable of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tune.strategies.gaussian_process import expected_maximum, expected_rise
from tune.strategies.problem import Array

CONTENDERS = 64
"""Points that may turn out the best, as far as the arithmetic goes: those with the highest hopes."""


class BlockOption(NamedTuple):
    """A block that could be bought.

    Attributes:
        candidate: for which point, by number.
        examples: that the point's trial would have.
        draws: of each of them.
        cost: dollars that it is expected to cost.
        noise: variance of what it would show of the quality of the fewest answers.
        gain_noise: likewise of the gain of endless answers; inf where it shows nothing of that.
        chance: that the point keeps the limits.
    """

    candidate: int
    examples: int
    draws: int
    cost: float
    noise: float
    gain_noise: float
    chance: float


@dataclass(slots=True)
class BlockOptions:
    """Offers as arrays, whether each is still to be had, and whether it goes beyond the next block
    of its point.

    The offer of that next block alone comes before one that goes beyond it.
    """

    candidate: np.ndarray
    cost: Array
    noise: Array
    gain_noise: Array
    chance: Array
    share: Array
    there: np.ndarray
    beyond: np.ndarray

    def settle(self, worth: Array) -> Array:
        """What offers are worth, nothing where the next block alone is worth at least as much per
        dollar.
        """
        rate = worth / self.cost
        return np.where(self.beyond & (rate <= np.roll(rate, 1)), 0.0, worth)


def knowledge_gradients(
    mean: Array, hopes: Array, slope: Array, rise: Array, stock: BlockOptions
) -> Array:
    """The knowledge gradient of every offer, that of its own candidate's mean alone at least."""
    who, rows = stock.candidate, np.arange(len(stock.candidate))
    few = np.argsort(-hopes, kind="stable")[:CONTENDERS]
    plain = np.isinf(stock.gain_noise)
    found = np.zeros(len(who))
    for chosen, slopes in ((plain, (slope,)), (~plain, (slope, rise))):
        if chosen.any():
            found[chosen] = expected_rise(mean[few], [part[np.ix_(chosen, few)] for part in slopes])
    first, second = two_largest(mean)
    rest = np.where(who == first[0], second, first[1])
    alone = expected_maximum(mean[who], np.hypot(slope[rows, who], rise[rows, who]), rest)
    return np.asarray(np.maximum(found, alone - np.maximum(mean[who], rest)))


def two_largest(values: Array) -> tuple[tuple[int, float], float]:
    """Where the largest is and what it is, and the second largest."""
    order = np.argsort(-values, kind="stable")
    return (int(order[0]), float(values[order[0]])), float(values[order[min(1, len(order) - 1)]])
