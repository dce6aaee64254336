"""The line between "holds" and "regressed", and the rule by which scores fall on either side of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from tune.errors import InputError
from tune.metrics import Metric
from tune.sequential import Look, look

Decision: TypeAlias = Literal["holds", "regressed", "undecided"]

STATUS: Mapping[Decision, int] = {"holds": 0, "regressed": 3, "undecided": 4}
"""The exit status that says it."""


@dataclass(frozen=True, slots=True)
class Line:
    """The line between "holds" and "regressed", and the rule by which scores fall on either side of it.

    Attributes:
        recorded: the quality that is to hold.
        threshold: the worst that still holds.
        margin: the distance of the two, in the metric's scale.
        low: the least score.
        high: the largest.
        larger_is_better: the metric's direction.
        alpha: how often "regressed" may be wrong.
        beta: how often "holds" may be wrong.
        earlier: the scores that the recorded quality is the mean of, or part of them: from these it is guessed how
            new ones spread.
    """

    recorded: float
    threshold: float
    margin: float
    low: float
    high: float
    larger_is_better: bool
    alpha: float
    beta: float
    earlier: tuple[float, ...] = ()

    @classmethod
    def of(
        cls,
        metric: Metric,
        recorded: float,
        *,
        margin: float,
        alpha: float,
        beta: float,
        earlier: Sequence[float] = (),
    ) -> Line:
        """The line that a recorded quality draws.

        Raises:
            InputError: nothing can be worse than the recorded quality by the margin.
        """
        distance = margin * (metric.high - metric.low)
        threshold = recorded - distance if metric.larger_is_better else recorded + distance
        if not metric.low < threshold < metric.high:
            raise InputError(
                f"a quality of {recorded:g} that may get worse by {distance:g} cannot regress, as scores lie between "
                f"{metric.low:g} and {metric.high:g}: give a smaller --margin"
            )
        sides = (metric.low, metric.high, metric.larger_is_better)
        return cls(recorded, threshold, distance, *sides, alpha, beta, tuple(earlier))

    def look(self, scores: Sequence[float] | np.ndarray) -> Look:
        """What scores say, in the order in which they came."""
        rates = (self.alpha, self.beta) if self.larger_is_better else (self.beta, self.alpha)
        return look(
            scores,
            self.threshold,
            difference=self.margin,
            low=self.low,
            high=self.high,
            alpha=rates[0],
            beta=rates[1],
            earlier=self.earlier,
        )

    def decide(self, seen: Look) -> Decision:
        """What has been shown."""
        better, worse = (
            (seen.p_above, seen.p_below) if self.larger_is_better else (seen.p_below, seen.p_above)
        )  # fmt: skip
        if worse <= self.alpha:
            return "regressed"
        return "holds" if better <= self.beta else "undecided"

    def more(self, seen: Look) -> int:
        """About how many further examples would show that it holds, if the quality is as recorded.

        For 0/1 scores: what is left to be shown, over what one example shows on average.
        """
        span = self.high - self.low
        p, q = (min(max((x - self.low) / span, 0.001), 0.999) for x in (self.recorded, self.threshold))
        growth = p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))
        shown = -math.log(seen.p_above if self.larger_is_better else seen.p_below)
        return math.ceil(1.15 * max(0.0, -math.log(self.beta) - shown) / growth)
