"""Variance components of scores: example effect, interaction and residual noise.

They are estimated by the method of moments from what is left of scores when each trial's mean is
subtracted:

- the example effect: what an example adds to the score of every trial;
- the interaction: what it adds for one model and prompt beside that;
- the residual: the rest.

The trials of one model and prompt are a family. A family counts once on each example, however many
trials it has. Otherwise, where most trials are of one family, its interaction would be taken for
the example effect, and an unlucky block of examples for the truth about that family.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tune.strategies.gaussian_process import Numbers
from tune.strategies.problem import Array
from tune.strategies.settings import VarianceSettings

_LASTING_SHARE = 0.5
"""Share of the residual of one draw that further draws of the same example do not reduce."""

_UNPAIRED_RESIDUAL = 0.2
"""Residual where pairing is switched off and no trial was scored yet."""


class VarianceComponents(NamedTuple):
    """Variances of the score of a single draw, in squared shares of the metric's range.

    Attributes:
        example_effect: of what an example adds for all trials.
        interaction: of what it adds for one model and prompt, beside that.
        residual: of what is left.
    """

    example_effect: float
    interaction: float
    residual: float


def residual_share(draws: int) -> float:
    """Return the share of one draw's residual variance that the mean of so many draws has."""
    of_draws = 1.0 - _LASTING_SHARE
    return _LASTING_SHARE + of_draws / max(draws, 1)


def prior_components(settings: VarianceSettings) -> VarianceComponents:
    """Return the components that are assumed before anything is scored."""
    return VarianceComponents(
        settings.example_effect, settings.interaction, settings.residual
    )


def estimate_components(
    rows: Array,
    draws: Sequence[int],
    family: Numbers,
    settings: VarianceSettings = VarianceSettings(),  # noqa: B008 - it is frozen
) -> VarianceComponents:
    """Estimate the variance components of these scores.

    Args:
        rows: qualities, trials x examples; NaN where there is none.
        draws: number of draws that every trial has of each of its examples.
        family: the number of each trial's family; one number for one model and prompt.
        settings: the priors.
    """
    if not settings.paired:
        return _all_residual(rows)
    if not len(rows):
        return prior_components(settings)
    there = ~np.isnan(rows)
    met = np.maximum(there.sum(axis=1), 1)
    filled = np.where(there, rows, 0.0)
    level = filled.sum(axis=1) / met
    above = np.where(there, rows - level[:, None], 0.0)
    # How many trials of each family met each example.
    trials = sums_by_family(there, family)
    weight = there / np.maximum(trials[family], 1.0)
    # How many families met each example.
    families = (trials > 0).sum(axis=0)
    # The 1 is a made-up family at 0: it shrinks the effect of an example that few have met.
    effect = (weight * above).sum(axis=0) / (families + 1.0)

    # The prior counts as so many more examples.
    prior = settings.example_weight * settings.example_effect
    spread = float((effect**2).sum()) + prior
    examples = float((families > 0).sum()) + settings.example_weight
    example_effect = max(settings.floor, spread / examples)

    left = np.where(there, above - effect, 0.0)
    interaction, residual = _within_families(
        left, there, met, family, trials, weight, draws, settings
    )
    rest = max(interaction + residual, settings.floor)
    # Moments of few scores can come out negative, or leave nothing for the residual.
    most = settings.max_interaction * rest
    interaction = min(max(0.0, interaction), most)
    return VarianceComponents(example_effect, interaction, rest - interaction)


def _within_families(
    left: Array,
    there: Array,
    met: Array,
    family: Numbers,
    trials: Array,
    weight: Array,
    draws: Sequence[int],
    settings: VarianceSettings,
) -> tuple[float, float]:
    """Solve the two moment equations for the interaction and the residual.

    Args:
        left: scores less their trial's mean and the example effect, trials x examples.
        there: whether each was scored.
        met: examples that each trial met.
        family: the number of each trial's family.
        trials: how many trials of each family met each example.
        weight: 1 / (trials of the same family that met the example).
        draws: of each trial.
        settings: the priors.
    """
    families = (trials > 0).sum(axis=0)
    # Degrees of freedom: what was subtracted cannot differ any more. That is the mean of a trial's
    # scores; of the interaction, its part in the example effect; of the residual, its part in the
    # mean of a family.
    of_trials = there * (1.0 - 1.0 / met)[:, None]
    free = sums_by_family(of_trials, family) / np.maximum(trials, 1.0)
    taken = 2.0 / (families + 1.0) - families / (families + 1.0) ** 2
    noisy = free * (1.0 - taken / np.maximum(trials, 1.0))
    # A trial with more draws has less residual, and differs less from its example's effect.
    shares = np.array([residual_share(count) for count in draws])
    squares = (weight * left**2).sum(axis=1) / shares
    # Products of two trials of one family: the square of their sum, less their own squares.
    ordered_pairs = np.maximum(trials * (trials - 1), 1.0)
    of_sum = sums_by_family(left, family) ** 2
    products = (of_sum - sums_by_family(left**2, family)) / ordered_pairs
    several = trials > 1
    # On average, squares are interaction * a + residual * b, and products within a family are
    # interaction * c - residual * d.
    prior = settings.weight
    shared = free * (1.0 - taken)
    a = float(shared.sum()) + prior
    b = float(noisy.sum()) + prior
    c = float(shared[several].sum()) + prior
    d = float((free - noisy)[several].sum())
    expected = settings.interaction + settings.residual
    square = float(squares.sum()) + prior * expected
    product = float(products[several].sum()) + prior * settings.interaction
    # Cramer's rule; the prior keeps the determinant above 0.
    determinant = a * d + b * c
    interaction = (square * d + product * b) / determinant
    residual = (square * c - product * a) / determinant
    return interaction, residual


def sums_by_family(rows: npt.NDArray[Any], family: Numbers) -> Array:
    """Return the sum of the rows of each family, families x examples.

    Args:
        rows: trials x examples.
        family: of each row; every number from 0 to the largest has one at least.
    """
    # Rows of one family next to each other; a product of matrices takes many times as long.
    order = np.argsort(family, kind="stable")
    starts = np.searchsorted(family[order], np.arange(family.max() + 1))
    return np.add.reduceat(rows[order], starts, axis=0, dtype=float)


def _all_residual(rows: Array) -> VarianceComponents:
    """Take all differences between the scores of one trial for noise."""
    if not len(rows):
        return VarianceComponents(1e-9, 0.0, _UNPAIRED_RESIDUAL)
    within = float(np.mean(np.nanvar(rows, axis=1)))
    # Never 0: a trial whose few scores are equal is not known for certain.
    return VarianceComponents(1e-9, 0.0, within + 1e-3)
