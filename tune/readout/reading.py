"""A reading: a complete configuration with what one trial says about it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from tune.space import Config
from tune.stats.arrays import Array, IntArray


class Difference(NamedTuple):
    """A reading's gain over another one, on the examples that both have.

    Attributes:
        mean: of the differences, on the metric's own scale; NaN without common examples.
        standard_error: of that mean; NaN with fewer than two examples.
        n_examples: the number of common examples.
    """

    mean: float
    standard_error: float
    n_examples: int


@dataclass(frozen=True, eq=False)
class Reading:
    """A configuration with its scores, costs and seconds, one number for each scored example.

    Attributes:
        config: a complete configuration, as a user would deploy it.
        trial: the number of the trial that it was read off.
        examples: positions of the scored examples, ascending.
        scores: the expected score of a request, on the metric's own scale.
        variances: the variance of `scores` that comes from having few draws; NaN where one draw
            was bought, as one draw cannot tell.
        costs: expected dollars per request in production, at list price; NaN for an example that
            the config cannot answer.
        seconds: expected seconds per request, where all its answers are drawn side by side; NaN
            as for `costs`.
        approximate: a text or a token count was cut without known token boundaries.
        weights: the weight of each example, by which its score is already multiplied; None where
            all count the same.
    """

    config: Config
    trial: int
    examples: tuple[int, ...]
    scores: Array
    variances: Array
    costs: Array
    seconds: Array
    approximate: bool
    weights: Array | None = None

    @property
    def n_examples(self) -> int:
        """The number of scored examples."""
        return len(self.examples)

    @cached_property
    def positions(self) -> IntArray:
        """The positions of the scored examples as an array."""
        return np.array(self.examples, dtype=np.int64)

    @cached_property
    def mean(self) -> float:
        """The mean score."""
        return self.mean_weighted / _mean_weight(self.weights)

    @cached_property
    def mean_weighted(self) -> float:
        """The mean of the scores as they stand: each multiplied by its weight."""
        return _mean(self.scores)

    @property
    def shares(self) -> Array:
        """The scores without their weights."""
        if self.weights is None:
            return self.scores
        return self.scores / self.weights

    @property
    def standard_error(self) -> float:
        """The standard error of the mean over examples like these.

        It holds both sources of error: other examples, and few draws of each.
        """
        return _standard_error(self.scores)

    @property
    def draw_error(self) -> float:
        """The part of `standard_error` that more draws would remove; NaN if unknown."""
        # Draws of different examples are independent, so their variances add up.
        total = float(self.variances.sum())
        return math.sqrt(total) / len(self.examples)

    @cached_property
    def cost(self) -> float:
        """The mean dollars per request."""
        return _mean(self.costs)

    @cached_property
    def cost_standard_error(self) -> float:
        """The standard error of the mean cost, in dollars."""
        return _standard_error(self.costs)

    @cached_property
    def mean_seconds(self) -> float:
        """The mean seconds per request."""
        return _mean(self.seconds)

    @cached_property
    def seconds_standard_error(self) -> float:
        """The standard error of the mean seconds."""
        return _standard_error(self.seconds)

    def among(self, positions: Collection[int]) -> Reading:
        """Return the part of this reading that is on these examples."""
        kept = np.isin(self.positions, list(positions))
        weights = self.weights
        if weights is not None:
            weights = weights[kept]
        return replace(
            self,
            examples=tuple(itertools.compress(self.examples, kept)),
            scores=self.scores[kept],
            variances=self.variances[kept],
            costs=self.costs[kept],
            seconds=self.seconds[kept],
            weights=weights,
        )

    def places_shared(self, other: Reading) -> tuple[IntArray, IntArray]:
        """Return the places of the examples that both have: in this reading, and in the other."""
        # Nearly always both met the same examples.
        if self.examples is other.examples or self.examples == other.examples:
            every = np.arange(len(self.examples))
            return every, every
        _, ours, theirs = np.intersect1d(
            self.positions, other.positions, assume_unique=True, return_indices=True
        )
        return ours, theirs

    def difference(self, other: Reading) -> Difference:
        """Compare this reading with another one, paired by example."""
        ours, theirs = self.places_shared(other)
        common = self.scores[ours] - other.scores[theirs]
        # The scores are multiplied by weights, so their mean is on the metric's scale only
        # after a division by the mean weight.
        weight = 1.0
        if self.weights is not None:
            weight = _mean_weight(self.weights[ours])
        return Difference(
            mean=_mean(common) / weight,
            standard_error=_standard_error(common) / weight,
            n_examples=len(common),
        )


def _mean_weight(weights: Array | None) -> float:
    """Return the mean weight of examples; 1 where all count the same."""
    if weights is None or not len(weights):
        return 1.0
    return float(weights.mean())


def _mean(values: Array) -> float:
    """Return the mean of the finite values; NaN without any."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else math.nan


def _standard_error(values: Array) -> float:
    """Return the standard error of the finite values' mean; NaN with fewer than two."""
    known = values[np.isfinite(values)]
    if len(known) < 2:
        return math.nan
    deviation = float(known.std(ddof=1))
    return deviation / math.sqrt(len(known))
