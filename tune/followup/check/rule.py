"""The rules of a check: when scores show that a config holds, or that it has regressed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, Protocol, TypeAlias

import numpy as np

from tune.errors import InputError
from tune.stats.arrays import Array
from tune.stats.confidence_sequences import SequentialResult, sequential_test
from tune.stats.intervals import Interval
from tune.stats.two_samples import TwoSamples
from tune.task.metrics import Metric

CheckDecision: TypeAlias = Literal["holds", "regressed", "undecided"]

STATUS: Mapping[CheckDecision, int] = {"holds": 0, "regressed": 3, "undecided": 4}
"""The exit status for each decision."""

POWER = 0.8
"""The probability of seeing that an unchanged model holds, in sentences on visible margins."""

_PRECISION = 1.02
"""The bisection for the smallest visible margin ends within 2 % of it."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The margin and the error rates of a decision.

    Attributes:
        margin: how much worse the quality may be and still hold, in the metric's scale.
        low: the smallest score.
        high: the largest score.
        larger_is_better: the metric's direction.
        alpha: how often "regressed" may be wrong.
        beta: how often "holds" may be wrong.
        mean_high: the largest possible mean; below the largest score where scores hold the
            weights of their examples.
    """

    margin: float
    low: float
    high: float
    larger_is_better: bool
    alpha: float
    beta: float
    mean_high: float

    @classmethod
    def of(cls, metric: Metric, *, margin: float, alpha: float, beta: float) -> Bounds:
        """Return the bounds for a metric; the margin is given as a share of its range."""
        return cls(
            margin=margin * (metric.mean_high - metric.low),
            low=metric.low,
            high=metric.high,
            larger_is_better=metric.larger_is_better,
            alpha=alpha,
            beta=beta,
            mean_high=metric.mean_high,
        )

    @property
    def span(self) -> float:
        """The largest score less the smallest."""
        return self.high - self.low

    def decide(self, seen: SequentialResult) -> CheckDecision:
        """Return the decision that a look at the scores shows."""
        better, worse = seen.p_above, seen.p_below
        if not self.larger_is_better:
            better, worse = worse, better
        # "regressed" first: if both are shown, the alarm is the safer answer.
        if worse <= self.alpha:
            return "regressed"
        return "holds" if better <= self.beta else "undecided"

    def look(
        self,
        values: Array,
        null: float,
        *,
        low: float,
        high: float,
        earlier: Sequence[float] = (),
    ) -> SequentialResult:
        """Look at values for their mean; each limit has the error rate of the answer it decides.

        Args:
            values: in the order in which they came.
            null: the mean that separates the two answers.
            low: the smallest value that is possible.
            high: the largest value that is possible.
            earlier: recorded values, from which the first bet learns.
        """
        rates = self.alpha, self.beta
        if not self.larger_is_better:
            rates = self.beta, self.alpha
        seen = sequential_test(
            values,
            null,
            difference=self.margin,
            low=low,
            high=high,
            alpha=rates[0],
            beta=rates[1],
            earlier=earlier,
        )
        # The mean of few scores that hold weights may lie outside the possible means. The nearest
        # possible mean is closer to the truth.
        most = self.mean_high if low == self.low else self.mean_high - self.low
        found = seen.interval
        mean, least, largest = np.clip(
            [found.mean, found.low, found.high], max(low, -most), most
        )
        interval = Interval(float(mean), float(least), float(largest), found.n)
        return replace(seen, interval=interval)


class CheckRule(Protocol):
    """The rule of a check: compares new scores with the recorded ones."""

    @property
    def bounds(self) -> Bounds:
        """The margin and the error rates."""

    @property
    def threshold(self) -> float:
        """The worst mean that still holds, if the recorded mean is right."""

    def look(self, scores: Sequence[float] | Array) -> SequentialResult:
        """Look at the scores, in the order in which they came."""

    def hopeless(self, seen: SequentialResult, /) -> bool:
        """Return True where no number of further examples decides."""

    def more(self, seen: SequentialResult, /) -> int:
        """Return about how many further examples would show that it holds; 0 if unknown."""

    def visible(self, examples: float) -> float:
        """Return the smallest margin that so many examples show to hold, where nothing changed."""


@dataclass(frozen=True)
class NewExamplesRule:
    """New examples: their mean against that of the recorded scores, with the uncertainty of both.

    Attributes:
        bounds: the margin and the error rates.
        recorded: the quality that should hold.
        then: the scores behind it.
    """

    bounds: Bounds
    recorded: float
    then: tuple[float, ...]

    @classmethod
    def of(
        cls, bounds: Bounds, recorded: float, count: int, scores: Sequence[float]
    ) -> NewExamplesRule:
        """Return the rule for a recorded quality.

        Args:
            bounds: the margin and the error rates.
            recorded: the mean of the recorded scores.
            count: the number of them.
            scores: the recorded scores. Where they are unknown, the most uncertain scores with
                this mean take their place.

        Raises:
            InputError: no score is worse than the recorded quality by the margin.
        """
        rule = cls(
            bounds, recorded, tuple(scores) or _worst_case(bounds, recorded, count)
        )
        if not bounds.low < rule.threshold < bounds.high:
            raise InputError(
                f"a quality of {recorded:g} that may get worse by {bounds.margin:g} cannot "
                f"regress, as scores lie between {bounds.low:g} and {bounds.high:g}: give a "
                f"smaller --margin"
            )
        return rule

    @property
    def threshold(self) -> float:
        """The recorded mean and the margin together."""
        margin = self.bounds.margin
        return self.recorded + (-margin if self.bounds.larger_is_better else margin)

    @cached_property
    def samples(self) -> TwoSamples:
        """The test of the recorded and the new scores."""
        bounds, then = self.bounds, tuple(self._shares(np.asarray(self.then)).tolist())
        return TwoSamples(then, bounds.margin / bounds.span, bounds.alpha, bounds.beta)

    def look(self, scores: Sequence[float] | Array) -> SequentialResult:
        """Look at the scores; NaN marks an example without an answer."""
        bounds, values = self.bounds, np.asarray(scores, dtype=float)
        seen = bounds.look(
            values, self.threshold, low=bounds.low, high=bounds.high, earlier=self.then
        )
        shares = self._shares(values[~np.isnan(values)])
        # The limits come from the new scores alone; the p-values count both samples.
        within, worse = self.samples.p_within(shares), self.samples.p_worse(shares)
        if bounds.larger_is_better:
            return replace(seen, p_above=within, p_below=worse)
        return replace(seen, p_above=worse, p_below=within)

    def hopeless(self, seen: SequentialResult, /) -> bool:
        """Return True where no number of further examples decides."""
        limits = np.array([seen.interval.low, seen.interval.high])
        low, high = sorted(self._shares(limits).tolist())
        return seen.interval.n > 0 and self.samples.undecidable(low, high)

    def more(self, seen: SequentialResult, /) -> int:
        """Return about how many further examples would show that it holds; 0 if unknown."""
        needed = self.samples.needed()
        return 0 if needed is None else max(1, needed - seen.interval.n)

    def visible(self, examples: float) -> float:
        """Return the smallest margin that so many examples show to hold, where nothing changed.

        They show it in 80 % of cases (`POWER`). The value is inf where they show no margin.
        """
        low, high = 0.001, self.samples.largest_margin
        if not replace(self.samples, margin=high).would_show(examples, POWER):
            return math.inf
        # Margins span three orders of magnitude, so the bisection goes by ratio.
        while high / low > _PRECISION:
            middle = math.sqrt(low * high)
            if replace(self.samples, margin=middle).would_show(examples, POWER):
                high = middle
            else:
                low = middle
        return high * self.bounds.span

    def _shares(self, values: Array) -> Array:
        """Return scores as shares of the metric's range; a larger share is better."""
        shares = np.clip((values - self.bounds.low) / self.bounds.span, 0.0, 1.0)
        return shares if self.bounds.larger_is_better else 1 - shares


@dataclass(frozen=True)
class SameExamplesRule:
    """The study's own holdout asked again: the mean change of the scores, example by example.

    Attributes:
        bounds: the margin and the error rates.
    """

    bounds: Bounds

    @property
    def threshold(self) -> float:
        """The margin alone, because the scores are differences."""
        return (
            -self.bounds.margin if self.bounds.larger_is_better else self.bounds.margin
        )

    def look(self, scores: Sequence[float] | Array) -> SequentialResult:
        """Look at the differences, in the order in which they came."""
        span, changes = self.bounds.span, np.asarray(scores, dtype=float)
        return self.bounds.look(changes, self.threshold, low=-span, high=span)

    def hopeless(self, _seen: SequentialResult, /) -> bool:
        """Return False: enough examples always decide."""
        return False

    def more(self, _seen: SequentialResult, /) -> int:
        """Return 0: a holdout has no further examples."""
        return 0

    def visible(self, examples: float) -> float:
        """Return the smallest margin that so many examples show to hold, where nothing changed."""
        # Any margin is shown by enough unchanged answers.
        if math.isinf(examples):
            return 0.0
        low, high = 1e-4 * self.bounds.span, self.bounds.span
        same = np.zeros(int(examples))
        while high / low > _PRECISION:
            middle = math.sqrt(low * high)
            rule = SameExamplesRule(replace(self.bounds, margin=middle))
            if rule.bounds.decide(rule.look(same)) == "holds":
                high = middle
            else:
                low = middle
        return high


def _worst_case(bounds: Bounds, mean: float, count: int) -> tuple[float, ...]:
    """Return scores with this mean and the largest spread: all but one lie at the bounds."""
    total = count * (mean - bounds.low) / bounds.span
    # The small number keeps a whole total from being rounded down.
    at_high = min(count, math.floor(total + 1e-9))
    scores = [bounds.high] * at_high
    if at_high < count:
        scores.append(bounds.low + (total - at_high) * bounds.span)
    return (*scores, *[bounds.low] * (count - len(scores)))
