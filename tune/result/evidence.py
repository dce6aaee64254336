"""Intervals of readings, by whole clusters of examples and at the confidence of the interim
analysis.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from tune.plan.plan import Plan
from tune.pricing.prices import to_dollars
from tune.readout import Reading
from tune.space import Config
from tune.stats.alpha_spending import analysis_confidence
from tune.stats.arrays import Array, IntArray
from tune.stats.clusters import number_clusters
from tune.stats.cost_intervals import cost_interval
from tune.stats.intervals import Interval, difference_interval, mean_interval
from tune.stats.power import SPREAD, detectable_difference

TUNING_CONFIDENCE = 0.95
"""The confidence on tuning examples. They selected the winner, so no claim rests on them."""


class Evidence:
    """The intervals of one study.

    Examples with identical inputs count as one observation, and so do those of one group if the
    user named a column: their scores are not independent.

    Args:
        plan: holds the clusters of examples and the metric's bounds.
        look: the number of this analysis of the holdout, from 1.
    """

    def __init__(self, plan: Plan, look: int = 1) -> None:
        self.look, self.confidence = look, analysis_confidence(look)
        self._low, self._high = plan.metric.low, plan.metric.mean_high
        # Without weights every example counts as 1.
        self._heaviest = 1.0
        if plan.metric.weigh is not None:
            self._heaviest = plan.metric.high
        self._prices = plan.prices
        # As numbers: hundreds of intervals count them.
        self._known: dict[tuple[Reading, bool], Interval] = {}
        self._units = number_clusters(list(map(plan.split.cluster, plan.examples)))

    def quality(self, reading: Reading, *, holdout: bool = False) -> Interval:
        """Return the interval of the mean score."""
        # Several parts of a report show the same reading.
        key = reading, holdout
        if key not in self._known:
            self._known[key] = mean_interval(
                reading.shares,
                low=self._low,
                high=self._high,
                confidence=self._confidence(holdout),
                clusters=self._units[reading.positions],
                weights=reading.weights,
                heaviest=self._heaviest,
            )
        return self._known[key]

    def cost(self, reading: Reading, *, holdout: bool = False) -> Interval | None:
        """Return the interval of the mean dollars per request; None if no example was answered.

        Models sometimes write on until the cap. So the most that a request can cost bounds the
        interval, even if no request was seen to cost so much.
        """
        if not np.isfinite(reading.costs).any():
            return None
        config = reading.config
        picodollars = self._prices[config.model].cost(0, config.n * config.max_tokens)
        answers = to_dollars(picodollars)
        usual = float(np.nanmedian(reading.costs))
        # A larger cost may have been seen: bills can exceed the cap.
        most = max(float(np.nanmax(reading.costs)), usual + answers)
        # The prompt is paid in any case.
        least = max(0.0, float(np.nanmin(reading.costs)) - answers)
        return cost_interval(
            reading.costs,
            most,
            least=least,
            confidence=self._confidence(holdout),
            clusters=self._units[reading.positions],
        )

    def seconds(self, reading: Reading, *, holdout: bool = False) -> Interval | None:
        """Return the interval of the mean seconds per request; None if no example was answered.

        Seconds have no cap, so the interval has no bound.

        Args:
            reading: its costs are in seconds.
            holdout: it met the holdout.
        """
        if not np.isfinite(reading.costs).any():
            return None
        return mean_interval(
            reading.costs,
            high=math.inf,
            confidence=self._confidence(holdout),
            clusters=self._units[reading.positions],
        )

    def difference(
        self,
        ours: Reading | None,
        theirs: Reading | None,
        *,
        holdout: bool = False,
        seen: Sequence[Reading | None] = (),
    ) -> Interval | None:
        """Return the interval of one reading's gain over another; None without common examples.

        Args:
            ours: a reading.
            theirs: another.
            holdout: they met the holdout.
            seen: readings of the same two configs on other examples. They show how far apart two
                scores can be.
        """
        if ours is None or theirs is None:
            return None
        here, there = ours.places_shared(theirs)
        if not len(here):
            return None
        weights = None
        if ours.weights is not None:
            weights = ours.weights[here]
        known = [reading.shares for reading in seen if reading is not None]
        return difference_interval(
            ours.shares[here],
            theirs.shares[there],
            low=self._low,
            high=self._high,
            confidence=self._confidence(holdout),
            clusters=self._units[ours.positions[here]],
            weights=weights,
            heaviest=self._heaviest,
            seen=np.concatenate([np.zeros(0), *known]),
        )

    def detectable(
        self, choice: Config, baseline: Config, holdout: Mapping[Config, Reading]
    ) -> float | None:
        """Return the smallest gain over the baseline that the holdout shows with 80 % probability.

        It follows from the spread of the observed differences. If the selected config is the
        baseline, there are no differences, and the spread is assumed. None with fewer than two
        examples.
        """
        ours, theirs = holdout.get(choice), holdout.get(baseline)
        if ours is None or theirs is None:
            return None
        here, there = ours.places_shared(theirs)
        if len(here) < 2:
            return None
        units = self._units[ours.positions[here]]
        if choice == baseline:
            assumed = SPREAD * (self._high - self._low)
            return self._detectable(len(np.unique(units)), assumed, None)
        differences = ours.shares[here] - theirs.shares[there]
        return self._detectable(len(here), differences, units)

    def _detectable(
        self, n: int, spread: float | Array, clusters: IntArray | None
    ) -> float:
        return detectable_difference(
            n,
            spread,
            low=self._low,
            high=self._high,
            confidence=self.confidence,
            clusters=clusters,
        )

    def _confidence(self, holdout: bool) -> float:
        if holdout:
            return self.confidence
        return TUNING_CONFIDENCE
