"""Forecasts of what a strategy would do with an amount of money, before anything is bought.

Every strategy has a method `forecast(costs, money)`. It needs nothing but prices, so the estimate
asks it instead of having a model of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tune.strategies.blocks import rung_sizes


@dataclass(frozen=True, slots=True)
class PairCosts:
    """Expected costs of one model and prompt.

    Attributes:
        ladder: the numbers of draws that make a reading, smallest first.
        dollars: of one example with so many draws, by place in the ladder. Seconds, where nobody is
            billed and time is the budget.
    """

    ladder: tuple[int, ...]
    dollars: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class SearchCosts:
    """Expected costs of a search.

    Attributes:
        examples: number of tuning examples.
        points: number of paid points in the space.
        pairs: costs of each model and prompt.
    """

    examples: int
    points: int
    pairs: tuple[PairCosts, ...]

    @property
    def block(self) -> int:
        """Examples in a first block."""
        return rung_sizes(self.examples)[0]

    @property
    def points_of_pair(self) -> float:
        """Paid points of each model and prompt, on average."""
        return self.points / len(self.pairs)

    @property
    def fewest(self) -> float:
        """The fewest draws that make a reading, on average."""
        fewest = [pair.ladder[0] for pair in self.pairs]
        return sum(fewest) / len(fewest)

    @property
    def most(self) -> float:
        """The most draws of a reading, on average."""
        most = [pair.ladder[-1] for pair in self.pairs]
        return sum(most) / len(most)

    def first_dollars(self) -> list[float]:
        """Return the dollars of one example with the fewest draws, by model and prompt."""
        return [pair.dollars[0] for pair in self.pairs]

    def draw_dollars(self) -> list[float]:
        """Return the dollars of one draw among the most, by model and prompt."""
        return [pair.dollars[-1] / pair.ladder[-1] for pair in self.pairs]


@dataclass(frozen=True, slots=True)
class SearchForecast:
    """The expected size of a search; only `spent` includes the final comparison after it.

    Attributes:
        configs: paid points that it begins.
        examples: examples that they meet, summed over points.
        draws: draws that it buys.
        first_blocks: points in its first wave.
        spent: dollars (or seconds) that it and the final comparison spend.
    """

    configs: int
    examples: int
    draws: int
    first_blocks: int
    spent: float


def geometric_mean(values: list[float]) -> float:
    """Return the geometric mean of positive numbers; 0 where any is 0."""
    if min(values) <= 0:
        return 0.0
    logarithms = list(map(math.log, values))
    return math.exp(sum(logarithms) / len(logarithms))


def whole(
    number: float,
    least: int,
    most: float,
) -> int:
    """Return a number as a whole one within bounds; the upper bound wins."""
    return int(min(most, max(least, number)))
