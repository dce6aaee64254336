"""A recorded sample against new scores, as often as one likes, with the uncertainty of both.

For each quality that the recorded scores may have come from, two bets are multiplied: one by the
recorded scores that it was better (or worse), one by the new scores that they are worse (or better)
than that quality less the margin. While a sentence is true, it is true for one such quality, the
real one; there the product is expected not to grow. So the sentence falls, wrongly with at most the
stated probability, where the product is large enough for every quality.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

import numpy as np

from tune.stats.arrays import Array
from tune.stats.confidence_sequences import (
    log_evidence_above,
    log_evidence_at,
    log_evidence_below,
)
from tune.stats.power import MOST_EXAMPLES

_QUALITIES = 120
"""How many qualities are looked at; between two of them the evidence differs by less than 0.05."""

_STAKED = 2 / 3
"""The share of the capital that is staked on the recorded scores. What is kept bounds the loss
where they say nothing, as for a quality on the other side of their mean.
"""

_WANTED = 3.5
"""The evidence, in nats, that the guess of the best stakes aims at: a little more than an error
rate of 5 % asks.
"""

_LEAST_PART = 0.25
"""Of the margin: either sample is expected to be at least so far from the quality in question."""

_EDGE = 1e-6
"""How near to the bounds a quality is looked at."""

_STAKES = np.linspace(0.02, 0.9, 45)
"""Among which the best is sought when it is foreseen what examples would show."""


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
        at = min(max(self._mean - self._part(self._mean) - self.margin, 0.001), 0.999)
        shown = log_evidence_at(
            1 - now,
            1 - (qualities - self.margin),
            at=1 - at,
            difference=self._rest,
            earlier=1 - self._shuffled,
        ).max(axis=1)
        # Of a quality below the margin nothing can be worse by it: there the recorded scores have
        # to say all.
        return _p(
            min(
                float((before + np.maximum(shown, 0)).min()),
                self._was_better(self.margin),
            )
        )

    def p_within(self, now: Array) -> float:
        """Return the p-value of "worse by the margin": small says that the new scores are not."""
        qualities, before = self._worse
        if not now.size:
            return 1.0
        at = min(max(self._mean + self._part(self._mean) - self.margin, 0.001), 0.999)
        shown = log_evidence_at(
            now,
            qualities - self.margin,
            at=at,
            difference=self._rest,
            earlier=self._shuffled,
        ).max(axis=1)
        return _p(float((before + np.maximum(shown, 0)).min()))

    def undecidable(self, low: float, high: float) -> bool:
        """Tell whether no number of new scores decides, if their mean lies between these limits."""
        qualities, before = self._better
        within, after = self._worse
        refuted = qualities[before >= -math.log(self.alpha)]
        open_ = within[after < -math.log(self.beta)]
        least = float(refuted.max()) if refuted.size else 0.0
        most = float(open_.max()) if open_.size else 0.0
        return low + self.margin > least and high + self.margin < most

    def would_show(self, examples: float, power: float = 0.8) -> bool:
        """Tell whether this many new scores, spread as the recorded ones, would show that it holds.

        Args:
            examples: the number of new scores; inf for any number.
            power: the probability of showing it.
        """
        then, luck = np.asarray(self.then), NormalDist().inv_cdf(power)
        qualities, before = self._worse
        if math.isinf(examples):
            beyond = before[qualities - self.margin >= self._mean - 1e-9]
            return not beyond.size or float(beyond.min()) >= -math.log(self.beta)
        for quality, evidence in zip(qualities, before, strict=True):
            gains = np.log1p(_STAKES[:, None] * (then / (quality - self.margin) - 1))
            grown = examples * gains.mean(axis=1) - luck * math.sqrt(
                examples
            ) * gains.std(axis=1)
            if evidence + max(0.0, float(grown.max())) < -math.log(self.beta):
                return False
        return True

    @property
    def largest_margin(self) -> float:
        """Largest margin that means anything: the recorded mean."""
        return max(0.002, min(0.95, self._mean - 0.002))

    def needed(self) -> int | None:
        """Return about how many new scores show it in half of all cases; None if no number does."""
        most = 1
        while not self.would_show(most, power=0.5):
            most *= 2
            if most > MOST_EXAMPLES:
                return None
        least = most // 2
        while most - least > max(1, most // 50):
            middle = (least + most) // 2
            least, most = (
                (least, middle)
                if self.would_show(middle, power=0.5)
                else (middle, most)
            )
        return most

    # --- the recorded scores

    @cached_property
    def _mean(self) -> float:
        return float(np.mean(self.then))

    @cached_property
    def _shuffled(self) -> Array:
        """Recorded scores in random order: a file may be sorted, and bets learn in order."""
        values = list(self.then)
        random.Random(0).shuffle(values)
        return np.asarray(values)

    @cached_property
    def _better(self) -> tuple[Array, Array]:
        """Qualities, and the evidence of the recorded scores that theirs was better than each."""
        qualities = _spread_out(self.margin + _EDGE, 1 - _EDGE)
        return qualities, np.array(list(map(self._was_better, qualities)))

    @cached_property
    def _worse(self) -> tuple[Array, Array]:
        """Qualities, and the evidence of the recorded scores that theirs was worse than each."""
        qualities = _spread_out(self.margin + _EDGE, 1 - _EDGE)
        found = [
            log_evidence_below(self._shuffled, quality, difference=self._part(quality))[
                -1
            ]
            for quality in qualities
        ]
        return qualities, _hedged(np.array(found))

    def _was_better(self, quality: float) -> float:
        found = log_evidence_above(
            self._shuffled, quality, difference=self._part(quality)
        )[-1]
        return float(_hedged(np.array([found]))[0])

    def _part(self, quality: float) -> float:
        """Return the part of the margin expected between the recorded mean and a quality.

        The more the recorded scores can show, the less of the margin they need. It may depend on
        the quality in question and on their number, and not on the scores that are bet on.
        """
        likely = min(max(quality, 0.01), 0.99)
        variance = likely * (1 - likely)
        most = len(self.then) * self.margin**2 / (2 * variance)
        return self.margin * min(1.0, max(_LEAST_PART, _WANTED / most))

    @property
    def _rest(self) -> float:
        """Return how far the new mean is expected from the quality in question less the margin."""
        return max(_LEAST_PART * self.margin, self.margin - self._part(self._mean))


def _spread_out(low: float, high: float) -> Array:
    """Return qualities, which lie closer together near the bounds, where scores spread less."""
    angles = np.linspace(
        math.asin(math.sqrt(low)), math.asin(math.sqrt(high)), _QUALITIES
    )
    found: Array = np.sin(angles) ** 2
    return found


def _hedged(evidence: Array) -> Array:
    """Return the logarithm of the capital where only a part of it was staked."""
    found: Array = np.logaddexp(math.log(1 - _STAKED), math.log(_STAKED) + evidence)
    return found


def _p(evidence: float) -> float:
    return min(1.0, math.exp(-evidence))
