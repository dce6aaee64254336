"""The verdict on a config of a new model: better than its rival, or not better by the margin.

Two sentences are tested after every pair of scores, by bets that may be looked at as often as one likes
(`tune.sequential`): "it is no better than the rival" and "it is better by the margin or more". Whichever falls first
is the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tune.challenge.found import Answer
from tune.metrics import Metric
from tune.sequential import paired_look
from tune.stats import Interval


@dataclass(frozen=True, slots=True)
class Rule:
    """When scores and a rival's scores on the same examples decide.

    Attributes:
        low: the least score.
        high: the largest.
        larger_is_better: the metric's direction.
        margin: how much better it would have to be to matter, in the metric's scale.
        alpha: how often "enters" may be wrong.
        beta: how often "does not enter" may be wrong.
    """

    low: float
    high: float
    larger_is_better: bool
    margin: float
    alpha: float
    beta: float

    @classmethod
    def of(cls, metric: Metric, *, margin: float, alpha: float, beta: float, finalists: int) -> Rule:
        """The rule for each of so many finalists.

        One that enters makes the answer, so each gets its share of alpha. "Does not enter" takes all of them, and is
        wrong only where the one that should have entered was wrongly turned down: that one may err as often as beta.
        """
        distance = margin * (metric.high - metric.low)
        return cls(metric.low, metric.high, metric.larger_is_better, distance, alpha / finalists, beta)

    def decide(self, scores: Sequence[float], rivals: Sequence[float]) -> tuple[Answer, Interval]:
        """What the pairs show; with their mean difference, whose limits hold at every look."""
        up = self.larger_is_better
        rates = {"alpha": self.beta, "beta": self.alpha} if up else {"alpha": self.alpha, "beta": self.beta}
        null = self.margin if up else -self.margin
        near, far = (
            paired_look(scores, rivals, null=at, difference=self.margin, low=self.low, high=self.high, **rates)
            for at in (0.0, null)
        )
        if (near.p_above if up else near.p_below) <= self.alpha:
            return "enters", near.interval
        short = (far.p_below if up else far.p_above) <= self.beta
        return ("does not enter" if short else "undecided"), near.interval
