"""Compare a recorded sample with new scores, at any time, with the uncertainty of both.

The recorded scores may come from any true quality. For each quality two bets are multiplied. One
bets with the recorded scores that theirs was better (or worse) than it. The other bets with the new
scores that theirs is worse (or better) than it less the margin. If a hypothesis is true, it is true
at one quality, the real one. There the product is not expected to grow. So a hypothesis is rejected
if the product is large at every quality, and wrongly with at most the stated probability.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

import numpy as np

from tune.stats.arrays import Array
from tune.stats.betting import log_evidence_above, log_evidence_at, log_evidence_below
from tune.stats.power import MOST_EXAMPLES

# Qualities on the grid. Between neighbours the evidence differs by less than 0.05.
_QUALITIES = 120

# The share of the capital that is staked on the recorded scores. The rest bounds the loss if they
# say nothing, as for a quality on the other side of their mean.
_STAKED = 2 / 3

# The evidence, in nats, that the best stakes should reach: a little more than an error rate of 5
# % needs.
_WANTED = 3.5

# The least part of the margin that is expected between either mean and the quality in question.
_LEAST_PART = 0.25

# The distance of the grid from the bounds.
_EDGE = 1e-6

# The grid of stakes, to predict the evidence of more examples.
_STAKES = np.linspace(0.02, 0.9, 45)


@dataclass(frozen=True)
class TwoSamples:
    """Recorded scores, 0 to 1, and the margin by which new ones may be worse.

    Attributes:
        then: the recorded scores, in any order.
        margin: the loss that is still accepted.
        alpha: the error rate of "worse by more than the margin".
        beta: the error rate of "not worse by the margin".
    """

    then: tuple[float, ...]
    margin: float
    alpha: float
    beta: float

    def p_worse(self, now: Array) -> float:
        """Return the p-value of "not worse by more than the margin"; small means worse."""
        qualities, before = self._better
        if not now.size:
            return 1.0
        expected = self._mean - self._part(self._mean)
        at = _inside(expected - self.margin)
        shown = log_evidence_at(
            1 - now,
            1 - (qualities - self.margin),
            at=1 - at,
            difference=self._rest,
            earlier=1 - self._shuffled,
        ).max(axis=1)
        both = before + np.maximum(shown, 0)
        weakest = float(both.min())
        # Nothing can be worse by the margin than a quality below the margin. There the recorded
        # scores alone have to reject.
        alone = self._was_better(self.margin)
        return _p(min(weakest, alone))

    def p_within(self, now: Array) -> float:
        """Return the p-value of "worse by the margin"; small means not worse by it."""
        qualities, before = self._worse
        if not now.size:
            return 1.0
        expected = self._mean + self._part(self._mean)
        at = _inside(expected - self.margin)
        shown = log_evidence_at(
            now,
            qualities - self.margin,
            at=at,
            difference=self._rest,
            earlier=self._shuffled,
        ).max(axis=1)
        both = before + np.maximum(shown, 0)
        return _p(float(both.min()))

    def undecidable(self, low: float, high: float) -> bool:
        """Tell whether no number of new scores decides, if their mean lies between these limits."""
        qualities, before = self._better
        within, after = self._worse
        refuted = qualities[before >= -math.log(self.alpha)]
        possible = within[after < -math.log(self.beta)]
        least = float(refuted.max(initial=0.0))
        most = float(possible.max(initial=0.0))
        # Even at these limits neither hypothesis would be rejected.
        too_good = low + self.margin > least
        too_bad = high + self.margin < most
        return too_good and too_bad

    def would_show(self, examples: float, power: float = 0.8) -> bool:
        """Tell whether this many new scores, spread as the recorded ones, would show that it holds.

        Args:
            examples: the number of new scores; inf for any number.
            power: the probability of showing it.
        """
        wanted = -math.log(self.beta)
        qualities, before = self._worse
        if math.isinf(examples):
            beyond = before[qualities - self.margin >= self._mean - 1e-9]
            return not beyond.size or float(beyond.min()) >= wanted
        scores = np.asarray(self.then)
        # With probability `power` the evidence is no smaller than this many deviations below.
        luck = NormalDist().inv_cdf(power) * math.sqrt(examples)
        stakes = _STAKES[:, None]
        for quality, evidence in zip(qualities, before, strict=True):
            null = quality - self.margin
            gains = np.log1p(stakes * (scores / null - 1))
            grown = examples * gains.mean(axis=1) - luck * gains.std(axis=1)
            more = float(grown.max(initial=0.0))
            if evidence + more < wanted:
                return False
        return True

    @property
    def largest_margin(self) -> float:
        """The largest margin that makes sense: the recorded mean."""
        return max(0.002, min(0.95, self._mean - 0.002))

    def needed(self) -> int | None:
        """Return about how many new scores show it in half of all cases; None if no number does."""
        most = 1
        while not self.would_show(most, power=0.5):
            most *= 2
            if most > MOST_EXAMPLES:
                return None
        least = most // 2
        # Bisection to about 2 %: the number is a prediction anyway.
        while most - least > max(1, most // 50):
            middle = (least + most) // 2
            if self.would_show(middle, power=0.5):
                most = middle
            else:
                least = middle
        return most

    # --- the recorded scores

    @cached_property
    def _mean(self) -> float:
        return float(np.mean(self.then))

    @cached_property
    def _shuffled(self) -> Array:
        """The recorded scores in random order: a file may be sorted, and bets learn in order."""
        values = list(self.then)
        random.Random(0).shuffle(values)
        return np.asarray(values)

    @cached_property
    def _better(self) -> tuple[Array, Array]:
        """The grid of qualities, and the recorded evidence that theirs was better than each."""
        qualities = _grid(self.margin + _EDGE, 1 - _EDGE)
        evidence = [self._was_better(quality) for quality in qualities]
        return qualities, np.array(evidence)

    @cached_property
    def _worse(self) -> tuple[Array, Array]:
        """The grid of qualities, and the recorded evidence that theirs was worse than each."""
        qualities = _grid(self.margin + _EDGE, 1 - _EDGE)
        evidence = [self._was_worse(quality) for quality in qualities]
        return qualities, np.array(evidence)

    def _was_better(self, quality: float) -> float:
        """Return the recorded evidence that theirs was better than this quality."""
        found = log_evidence_above(
            self._shuffled, quality, difference=self._part(quality)
        )
        return _hedged(float(found[-1]))

    def _was_worse(self, quality: float) -> float:
        """Return the recorded evidence that theirs was worse than this quality."""
        found = log_evidence_below(
            self._shuffled, quality, difference=self._part(quality)
        )
        return _hedged(float(found[-1]))

    def _part(self, quality: float) -> float:
        """Return the part of the margin expected between the recorded mean and a quality.

        The more the recorded scores can show, the less of the margin they need. It may depend on
        the quality in question and on their number, and not on the scores that are bet on.
        """
        likely = min(max(quality, 0.01), 0.99)
        variance = likely * (1 - likely)
        # Evidence that the recorded scores have if the whole margin is theirs, in nats.
        most = len(self.then) * self.margin**2 / (2 * variance)
        part = max(_LEAST_PART, _WANTED / most)
        return self.margin * min(1.0, part)

    @property
    def _rest(self) -> float:
        """The expected distance of the new mean from the quality in question less the margin."""
        rest = self.margin - self._part(self._mean)
        return max(_LEAST_PART * self.margin, rest)


def _grid(low: float, high: float) -> Array:
    """Return qualities that lie closer together near the bounds, where scores spread less."""
    # The arcsine of the root has the same spread at every quality (Anscombe 1948).
    first = math.asin(math.sqrt(low))
    last = math.asin(math.sqrt(high))
    angles = np.linspace(first, last, _QUALITIES)
    found: Array = np.sin(angles) ** 2
    return found


def _inside(quality: float) -> float:
    """Return a quality moved off the bounds, where no bet is possible."""
    return min(max(quality, 0.001), 0.999)


def _hedged(evidence: float) -> float:
    """Return the logarithm of the capital if only a part of it was staked."""
    kept = math.log(1 - _STAKED)
    staked = math.log(_STAKED) + evidence
    return float(np.logaddexp(kept, staked))


def _p(evidence: float) -> float:
    """Return the p-value: one over the capital (Ville's inequality)."""
    return min(1.0, math.exp(-evidence))
