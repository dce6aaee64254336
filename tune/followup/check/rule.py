"""The line between "holds" and "regressed", and the two rules by which scores fall on either side
of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, Protocol, TypeAlias

import numpy as np

from tune.errors import InputError
from tune.stats.confidence_sequences import Look, look
from tune.stats.intervals import Array, Interval
from tune.stats.two_samples import TwoSamples
from tune.task.metrics import Metric

Decision: TypeAlias = Literal["holds", "regressed", "undecided"]

STATUS: Mapping[Decision, int] = {"holds": 0, "regressed": 3, "undecided": 4}
"""The exit status that says it."""

POWER = 0.8
"""The probability with which an unchanged model is to be seen to hold, where it is told what can be
seen.
"""

_PRECISION = 1.02
"""The margin that can be seen is found to within 2 %."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a decision is made by.

    Attributes:
        margin: how much worse still holds, in the metric's scale.
        low: the least score.
        high: the largest.
        larger_is_better: the metric's direction.
        alpha: how often "regressed" may be wrong.
        beta: how often "holds" may be wrong.
        mean_high: the largest mean there can be; less than the largest score where scores hold the
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
        """Return the bounds of a metric; the margin is given as a share of its range."""
        return cls(
            margin * (metric.mean_high - metric.low),
            metric.low,
            metric.high,
            metric.larger_is_better,
            alpha,
            beta,
            metric.mean_high,
        )

    @property
    def span(self) -> float:
        """The largest score less the least."""
        return self.high - self.low

    def decide(self, seen: Look) -> Decision:
        """Return what has been shown."""
        better, worse = (
            (seen.p_above, seen.p_below) if self.larger_is_better else (seen.p_below, seen.p_above)
        )
        if worse <= self.alpha:
            return "regressed"
        return "holds" if better <= self.beta else "undecided"

    def look(
        self, values: Array, null: float, *, low: float, high: float, earlier: Sequence[float] = ()
    ) -> Look:
        """Return what values say of a mean; each limit is wrong as often as the answer that it is
        for may be.

        Few scores that hold weights may have a mean that none can have; the nearest one that can be
        is nearer to the truth.
        """
        rates = (self.alpha, self.beta) if self.larger_is_better else (self.beta, self.alpha)
        seen = look(
            values,
            null,
            difference=self.margin,
            low=low,
            high=high,
            alpha=rates[0],
            beta=rates[1],
            earlier=earlier,
        )
        most = self.mean_high if low == self.low else self.mean_high - self.low
        found = seen.interval
        mean, least, largest = np.clip([found.mean, found.low, found.high], max(low, -most), most)
        interval = Interval(float(mean), float(least), float(largest), found.n)
        return replace(seen, interval=interval)


class CheckRule(Protocol):
    """The rule of a check: how good new scores are beside the recorded ones."""

    @property
    def bounds(self) -> Bounds:
        """What a decision is made by."""

    @property
    def threshold(self) -> float:
        """The worst mean of what is looked at that still holds, if the recorded mean is right."""

    def look(self, scores: Sequence[float] | Array) -> Look:
        """Return what scores say, in the order in which they came."""

    def hopeless(self, seen: Look, /) -> bool:
        """Tell whether no number of further examples decides."""

    def more(self, seen: Look, /) -> int:
        """Return about how many further examples would show that it holds; 0 where nobody can say."""

    def visible(self, examples: float) -> float:
        """Return the smallest margin that so many examples show to hold in 80 % of cases, where
        nothing changed.
        """


@dataclass(frozen=True)
class NewExamplesRule:
    """New examples: their mean against that of the recorded scores, with the uncertainty of both.

    Attributes:
        bounds: what a decision is made by.
        recorded: the quality that is to hold.
        then: the scores that it is the mean of.
    """

    bounds: Bounds
    recorded: float
    then: tuple[float, ...]

    @classmethod
    def of(
        cls, bounds: Bounds, recorded: float, count: int, scores: Sequence[float]
    ) -> NewExamplesRule:
        """Return the line that a recorded quality draws.

        Args:
            bounds: what a decision is made by. recorded: the mean of the recorded scores. count:
            how many they are. scores: themselves; where they are not known, they are taken to be as
            uncertain as scores can be.

        Raises:
            InputError: nothing can be worse than the recorded quality by the margin.
        """
        line = cls(bounds, recorded, tuple(scores) or _worst_case(bounds, recorded, count))
        if not bounds.low < line.threshold < bounds.high:
            raise InputError(
                f"a quality of {recorded:g} that may get worse by {bounds.margin:g} cannot regress, as scores lie "
                f"between {bounds.low:g} and {bounds.high:g}: give a smaller --margin"
            )
        return line

    @property
    def threshold(self) -> float:
        """The recorded mean and the margin together."""
        return (
            self.recorded - self.bounds.margin
            if self.bounds.larger_is_better
            else self.recorded + self.bounds.margin
        )

    @cached_property
    def samples(self) -> TwoSamples:
        """The test of the two samples."""
        then = tuple(self._shares(np.asarray(self.then)).tolist())
        return TwoSamples(
            then, self.bounds.margin / self.bounds.span, self.bounds.alpha, self.bounds.beta
        )

    def look(self, scores: Sequence[float] | Array) -> Look:
        """Return what scores say, in the order in which they came."""
        bounds, values = self.bounds, np.asarray(scores, dtype=float)
        seen = bounds.look(
            values, self.threshold, low=bounds.low, high=bounds.high, earlier=self.then
        )
        shares = self._shares(values[~np.isnan(values)])
        within, worse = self.samples.p_within(shares), self.samples.p_worse(shares)
        sides = (within, worse) if bounds.larger_is_better else (worse, within)
        return replace(seen, p_above=sides[0], p_below=sides[1])

    def hopeless(self, seen: Look, /) -> bool:
        """Tell whether no number of further examples decides."""
        low, high = sorted(self._shares(np.array([seen.interval.low, seen.interval.high])).tolist())
        return seen.interval.n > 0 and self.samples.undecidable(low, high)

    def more(self, seen: Look, /) -> int:
        """Return about how many further examples would show that it holds; 0 where nobody can say."""
        needed = self.samples.needed()
        return 0 if needed is None else max(1, needed - seen.interval.n)

    def visible(self, examples: float) -> float:
        """Return the smallest margin that so many examples show to hold in 80 % of cases, where
        nothing changed.
        """
        most = self.samples.largest_margin
        low, high = 0.001, most
        if not replace(self.samples, margin=most).foreseen(examples, POWER):
            return math.inf
        while high / low > _PRECISION:
            middle = math.sqrt(low * high)
            shown = replace(self.samples, margin=middle).foreseen(examples, POWER)
            low, high = (low, middle) if shown else (middle, high)
        return high * self.bounds.span

    def _shares(self, values: Array) -> Array:
        """Return scores as shares of the range, the better the larger."""
        shares = np.clip((values - self.bounds.low) / self.bounds.span, 0.0, 1.0)
        return shares if self.bounds.larger_is_better else 1 - shares


@dataclass(frozen=True)
class SameExamplesRule:
    """The study's own holdout asked again: the mean of new scores less the recorded ones, example
    by example.

    Attributes:
        bounds: what a decision is made by.
    """

    bounds: Bounds

    @property
    def threshold(self) -> float:
        """The margin alone: differences are looked at."""
        return -self.bounds.margin if self.bounds.larger_is_better else self.bounds.margin

    def look(self, scores: Sequence[float] | Array) -> Look:
        """Return what differences say, in the order in which they came."""
        span = self.bounds.span
        return self.bounds.look(
            np.asarray(scores, dtype=float), self.threshold, low=-span, high=span
        )

    def hopeless(self, _seen: Look, /) -> bool:
        """Tell whether no number of further examples decides: there is always one that does."""
        return False

    def more(self, _seen: Look, /) -> int:
        """Return 0: a holdout has no further examples."""
        return 0

    def visible(self, examples: float) -> float:
        """Return the smallest margin that so many examples show to hold, where no answer has
        changed.
        """
        if math.isinf(examples):
            return 0.0
        low, high = 1e-4 * self.bounds.span, self.bounds.span
        same = np.zeros(int(examples))
        while high / low > _PRECISION:
            middle = math.sqrt(low * high)
            line = SameExamplesRule(replace(self.bounds, margin=middle))
            shown = line.bounds.decide(line.look(same)) == "holds"
            low, high = (low, middle) if shown else (middle, high)
        return high


def _worst_case(bounds: Bounds, mean: float, count: int) -> tuple[float, ...]:
    """Return scores of such a mean that spread as much as scores can: all but one at the bounds."""
    total = count * (mean - bounds.low) / bounds.span
    full = min(count, math.floor(total + 1e-9))
    rest = [] if full == count else [bounds.low + (total - full) * bounds.span]
    return (*[bounds.high] * full, *rest, *[bounds.low] * (count - full - len(rest)))
