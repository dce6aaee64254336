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
from typing import NamedTuple

import numpy as np

from tune.strategies.paired import ScoreList
from tune.strategies.problem import Array, Numbers
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
    scores: ScoreList,
    draws: Sequence[int],
    family: Numbers,
    settings: VarianceSettings = VarianceSettings(),  # noqa: B008 - it is frozen
) -> VarianceComponents:
    """Estimate the variance components of these scores.

    Args:
        scores: the qualities of trials; each row is a trial.
        draws: number of draws that every trial has of each of its examples.
        family: the number of each trial's family; one number for one model and prompt.
        settings: the priors.
    """
    if not settings.paired:
        return _all_residual(scores)
    if not scores.rows:
        return prior_components(settings)
    trial, example, quality, count = scores
    width = int(example.max(initial=0)) + 1
    # There may be hundreds of thousands of scores. They lie trial by trial, and to sum or to repeat
    # by trial is faster than to look up the trial of each score.
    ends = np.searchsorted(trial, np.arange(count), side="right")
    counts = np.diff(ends, prepend=0)
    met = np.maximum(counts, 1)
    level = np.zeros(count)
    level[counts > 0] = np.add.reduceat(quality, (ends - counts)[counts > 0])
    level /= met
    # In place where it can be, as fresh memory takes longer than arithmetic.
    above = np.repeat(level, counts)
    np.subtract(quality, above, out=above)
    place = np.repeat(family * width, counts)
    place += example
    groups = _Groups(place, int(family.max()) + 1, width)
    # How many trials of each family met each example.
    trials = groups.counts()
    several = np.maximum(trials, 1)
    sums = groups.sums(above)
    # How many families met each example.
    families = (trials > 0).sum(axis=0)
    # The 1 is a made-up family at 0: it shrinks the effect of an example that few have met.
    effect = (sums / several).sum(axis=0) / (families + 1.0)

    # The prior counts as so many more examples.
    prior = settings.example_weight * settings.example_effect
    spread = float((effect**2).sum()) + prior
    examples = float((families > 0).sum()) + settings.example_weight
    example_effect = max(settings.floor, spread / examples)

    squares = effect[example]
    np.subtract(above, squares, out=squares)
    squares *= squares
    # A trial with more draws has less residual, and differs less from its example's effect.
    # Few numbers of draws are different.
    share_of = {number: residual_share(number) for number in {*draws}}
    shares = np.array([share_of[number] for number in draws])
    of_one_draw = np.repeat(shares, counts)
    np.divide(squares, of_one_draw, out=of_one_draw)
    # The mean of a trial's scores was subtracted, so they have fewer degrees of freedom.
    of_trials = np.repeat(1.0 - 1.0 / met, counts)
    interaction, residual = _within_families(
        _Sums(
            trials=trials,
            left=sums - trials * effect,
            squares=groups.sums(squares),
            free=groups.sums(of_trials),
        ),
        float((groups.sums(of_one_draw) / several).sum()),
        settings,
    )
    rest = max(interaction + residual, settings.floor)
    # Moments of few scores can come out negative, or leave nothing for the residual.
    most = settings.max_interaction * rest
    interaction = min(max(0.0, interaction), most)
    return VarianceComponents(example_effect, interaction, rest - interaction)


class _Groups(NamedTuple):
    """Scores in groups: those of one family on one example.

    Attributes:
        of: number of the group of each score.
        families: number of families.
        examples: number of examples.
    """

    of: Numbers
    families: int
    examples: int

    def counts(self) -> Numbers:
        """Return the number of scores in each group, families x examples."""
        found = np.bincount(self.of, minlength=self.families * self.examples)
        return found.reshape(self.families, self.examples)

    def sums(self, values: Array) -> Array:
        """Return the sum over each group, families x examples."""
        found = np.bincount(self.of, values, self.families * self.examples)
        return np.asarray(found.reshape(self.families, self.examples))


class _Sums(NamedTuple):
    """Sums over groups of scores, families x examples.

    Attributes:
        trials: how many trials of the family met the example.
        left: of what the mean of a trial and the example effect do not explain.
        squares: of the squares of that.
        free: of the degrees of freedom that scores keep after the mean of their trial.
    """

    trials: Numbers
    left: Array
    squares: Array
    free: Array


def _within_families(
    sums: _Sums,
    square: float,
    settings: VarianceSettings,
) -> tuple[float, float]:
    """Solve the two moment equations for the interaction and the residual.

    Args:
        sums: over the scores of each family on each example.
        square: the sum of the squares, as of one draw; each family counts once on each example.
        settings: the priors.
    """
    trials = sums.trials
    families = (trials > 0).sum(axis=0)
    # Degrees of freedom: what was subtracted cannot differ any more. That is the mean of a trial's
    # scores; of the interaction, its part in the example effect; of the residual, its part in the
    # mean of a family.
    free = sums.free / np.maximum(trials, 1)
    taken = 2.0 / (families + 1.0) - families / (families + 1.0) ** 2
    noisy = free * (1.0 - taken / np.maximum(trials, 1))
    # Products of two trials of one family: the square of their sum, less their own squares.
    ordered_pairs = np.maximum(trials * (trials - 1), 1)
    products = (sums.left**2 - sums.squares) / ordered_pairs
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
    square += prior * expected
    product = float(products[several].sum()) + prior * settings.interaction
    # Cramer's rule; the prior keeps the determinant above 0.
    determinant = a * d + b * c
    interaction = (square * d + product * b) / determinant
    residual = (square * c - product * a) / determinant
    return interaction, residual


def _all_residual(scores: ScoreList) -> VarianceComponents:
    """Take all differences between the scores of one trial for noise."""
    trial, _, quality, count = scores
    if not count:
        return VarianceComponents(1e-9, 0.0, _UNPAIRED_RESIDUAL)
    met = np.maximum(np.bincount(trial, minlength=count), 1)
    level = np.bincount(trial, quality, count) / met
    squares = np.bincount(trial, (quality - level[trial]) ** 2, count)
    within = float(np.mean(squares / met))
    # Never 0: a trial whose few scores are equal is not known for certain.
    return VarianceComponents(1e-9, 0.0, within + 1e-3)
