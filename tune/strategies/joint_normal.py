"""Means and covariances of all candidates, and how purchases reduce the covariances."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from tune.strategies.problem import Array, Numbers


@dataclass(slots=True)
class JointNormal:
    """Means and covariances of all candidates.

    The covariances never change. What purchases take from them is kept beside them: few rows are
    asked for, so most of the covariances after a purchase are never computed.

    Attributes:
        mean: by candidate.
        cov: before any purchase, candidates x candidates.
        variance: after all purchases, by candidate.
    """

    mean: Array
    cov: Array
    variance: Array = field(init=False)
    _moved: list[Array] = field(init=False, default_factory=list)
    """How far a standard deviation of each purchase moves the means, by candidate."""

    def __post_init__(self) -> None:
        self.variance = np.diag(self.cov).copy()

    def copy(self) -> JointNormal:
        """Return a copy on which purchases can be tried."""
        other = JointNormal(self.mean, self.cov)
        other.variance = self.variance.copy()
        other._moved = list(self._moved)
        return other

    def covariances(self, candidates: Numbers) -> Array:
        """Return the covariances of some candidates with all, after all purchases.

        Args:
            candidates: numbers of the rows.
        """
        # Rows, as they lie in one piece each; the covariances are symmetric.
        rows: Array = self.cov[candidates]
        if self._moved:
            moved = np.array(self._moved)
            rows -= moved[:, candidates].T @ moved
        return rows

    def deviation(self) -> Array:
        """Return standard deviations, by candidate."""
        return np.sqrt(np.maximum(self.variance, 0.0))

    def buy(
        self,
        candidate: int,
        noise: float,
    ) -> None:
        """Reduce the covariances as an observation of a candidate will, whatever it shows.

        Args:
            candidate: number of the point.
            noise: variance of the observation's noise.
        """
        # The covariance after an observation depends on its noise, not on its value.
        column: Array = self.cov[candidate].copy()
        for moved in self._moved:
            column -= moved[candidate] * moved
        column /= math.sqrt(column[candidate] + noise)
        self._moved.append(column)
        self.variance -= column * column

    def surprises(self, candidates: Numbers, noise: Array) -> tuple[Array, Array]:
        """Return how far observations may lie from the means.

        Args:
            candidates: the observed candidate, by observation.
            noise: variance of each observation's noise.

        Returns:
            The standard deviation of each observation; and how far one standard deviation moves the
            observed candidate's own mean.
        """
        own = self.variance[candidates]
        # Rounding can leave a variance slightly below zero.
        scale = np.sqrt(np.maximum(own, 0.0) + noise)
        return scale, own / scale
