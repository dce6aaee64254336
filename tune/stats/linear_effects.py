"""Effects of categories on a measured quality: Bayesian linear regression.

A search meets few combinations, and not each equally often. So all effects are estimated
together, and each is drawn towards zero as far as the data are thin (ridge regression). The
posterior covariance tells how sure they are. See Gelman et al., Bayesian Data Analysis, 14.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tune.stats.arrays import Array
from tune.stats.intervals import Interval

_Z = 1.959963984540054
"""Two-sided 95 % of a normal distribution."""


@dataclass(frozen=True, slots=True)
class LinearEffects:
    """The posterior of the coefficients.

    Attributes:
        mean: of each coefficient.
        covariance: of all of them.
    """

    mean: Array
    covariance: Array

    def contrast(self, weights: Array, n: int) -> Interval:
        """Return a weighted sum of coefficients with its 95 % interval.

        Args:
            weights: one for each coefficient.
            n: the number of observations to name with it.
        """
        mean = float(weights @ self.mean)
        variance = float(weights @ self.covariance @ weights)
        reach = _Z * math.sqrt(max(variance, 0.0))
        return Interval(mean, mean - reach, mean + reach, n)


def linear_effects(
    design: Array, values: Array, variances: Array, prior: Sequence[float]
) -> LinearEffects:
    """Return the posterior of the coefficients of a linear model.

    Noise beyond `variances` is estimated from the residuals, and added to all of them.

    Args:
        design: observations x coefficients.
        values: one for each observation.
        variances: the sampling variance of each value.
        prior: the prior variance of each coefficient; inf for a flat one.
    """
    precision = np.array([0.0 if math.isinf(one) else 1.0 / one for one in prior])
    extra = 0.0
    # The second round weighs by the noise that the residuals of the first one show.
    for _ in range(2):
        weights = 1.0 / (variances + extra)
        information = design.T @ (weights[:, None] * design) + np.diag(precision)
        covariance: Array = np.linalg.inv(information).astype(float)
        mean = covariance @ (design.T @ (weights * values))
        residuals = values - design @ mean
        # Coefficients that the data determine use up degrees of freedom.
        used = float(np.trace(covariance @ (design.T @ (weights[:, None] * design))))
        free = max(1.0, len(values) - used)
        extra = max(0.0, float((residuals**2).sum()) / free - float(variances.mean()))
    return LinearEffects(mean, covariance)
