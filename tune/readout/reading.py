"""A reading: a complete config with what a trial says of it."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from tune.space import Config
from tune.stats.estimate import Array


class Difference(NamedTuple):
    """How much better one reading is than another on the examples that both have.

    Attributes:
        mean: of the differences, on the metric's own scale; NaN without common examples.
        standard_error: of that mean; NaN with fewer than two.
        n_examples: how many both have.
    """

    mean: float
    standard_error: float
    n_examples: int


@dataclass(frozen=True, eq=False)
class Reading:
    """A config with what a trial says of it, example by example. Examples without a score are not
    in it.

    Attributes:
        config: complete, what a user would deploy. trial: the number of the trial that it was read
        off. examples: positions of the scored examples, ascending. scores: the expected score of a
        request, on the metric's own scale. variances: the variance of `scores` that comes from
        having few draws of each example; NaN where a single
            draw was bought, which cannot tell.
        costs: expected dollars per request in production, at list price; NaN for an example that
        the config
            cannot answer.
        seconds: expected seconds per request, its answers being drawn side by side; NaN likewise.
        approximate: whether any text or token count was cut without known token boundaries.
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
        """How many examples were scored."""
        return len(self.examples)

    @property
    def mean(self) -> float:
        """The mean score."""
        return _mean(self.scores) / _mean_weight(self.weights)

    @property
    def shares(self) -> Array:
        """The scores without the weights that they are multiplied by."""
        return self.scores if self.weights is None else self.scores / self.weights

    @property
    def standard_error(self) -> float:
        """Of the mean, for examples like these: what differs between examples and what few draws
        leave open.
        """
        return _standard_error(self.scores)

    @property
    def draw_error(self) -> float:
        """The part of `standard_error` that more draws of the same examples would take away; NaN if
        unknown.
        """
        return math.sqrt(float(self.variances.sum())) / len(self.examples)

    @property
    def cost(self) -> float:
        """Mean dollars per request."""
        return _mean(self.costs)

    @property
    def cost_standard_error(self) -> float:
        """Of the mean cost, in dollars."""
        return _standard_error(self.costs)

    @property
    def mean_seconds(self) -> float:
        """Mean seconds per request."""
        return _mean(self.seconds)

    def among(self, positions: Collection[int]) -> Reading:
        """Return the part of this reading that is on these examples."""
        wanted = set(positions)
        kept = np.array([position in wanted for position in self.examples], dtype=bool)
        return replace(
            self,
            examples=tuple(position for position in self.examples if position in wanted),
            scores=self.scores[kept],
            variances=self.variances[kept],
            costs=self.costs[kept],
            seconds=self.seconds[kept],
            weights=None if self.weights is None else self.weights[kept],
        )

    def difference(self, other: Reading) -> Difference:
        """This reading's scores less the other's, paired by example."""
        mine, theirs = (
            dict(zip(self.examples, self.scores, strict=True)),
            dict(zip(other.examples, other.scores, strict=True)),
        )
        both = [e in theirs for e in self.examples]
        common = np.array([mine[e] - theirs[e] for e in self.examples if e in theirs])
        weight = _mean_weight(None if self.weights is None else self.weights[both])
        return Difference(_mean(common) / weight, _standard_error(common) / weight, len(common))


def _mean_weight(weights: Array | None) -> float:
    """Return the mean weight of examples; 1 where all count the same."""
    return 1.0 if weights is None or not len(weights) else float(weights.mean())


def _mean(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else math.nan


def _standard_error(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known.std(ddof=1)) / math.sqrt(len(known)) if len(known) > 1 else math.nan
