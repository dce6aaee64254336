"""What scores differ by beside what their trials are worth: hard examples, and the luck of draws.

Three variances, by the method of moments over what is left of scores when each trial's mean is
taken off: what examples add for all (example_effect), what they add for one model and prompt beside that
(interaction), and what is left (noise). The trials of one model and prompt, a family, count once on an
example, however many there are: where most trials are of one family, what examples add for it would
be taken for example_effect else, and a block of examples that a model and prompt are unlucky with for the
whole truth about them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tune.strategies.gaussian_process import Numbers
from tune.strategies.problem import Array

# What is believed beforehand, and how many examples that counts for: of interaction and noise, of a family.
_EXAMPLE_EFFECT, _EXAMPLE_EFFECT_WEIGHT = 0.06, 10.0
_INTERACTION, _NOISE, _WEIGHT = 0.02, 0.13, 20.0

_LEAST = 0.005
"""Neither example_effect nor what else there is is taken to be less."""

MAX_INTERACTION = 0.8
"""The part of what is not example_effect that may be interaction, at most."""

_OWN = 0.5
"""The part of the noise of one draw that further draws of the same example do not take away."""


class VarianceComponents(NamedTuple):
    """Variances of a single draw's score, in squared shares of the metric's range.

    Attributes:
        example_effect: of what an example adds for all.
        interaction: of what it adds for one model and prompt, beside that.
        residual: of what is left.
    """

    example_effect: float
    interaction: float
    residual: float


def residual_share(draws: int) -> float:
    """Which part of the noise of one draw the mean of so many has."""
    return _OWN + (1.0 - _OWN) / max(draws, 1)


PRIOR = VarianceComponents(_EXAMPLE_EFFECT, _INTERACTION, _NOISE)


def estimate_components(rows: Array, draws: Sequence[int], family: Numbers) -> VarianceComponents:
    """What the luck of these scores is.

    Args:
        rows: qualities, trials x examples; NaN where there is none.
        draws: how many of each of its examples every trial has.
        family: which trials are of one model and prompt: the same number.
    """
    if not len(rows):
        return PRIOR
    there = ~np.isnan(rows)
    met = np.maximum(there.sum(axis=1), 1)
    level = np.where(there, rows, 0.0).sum(axis=1) / met
    above = np.where(there, rows - level[:, None], 0.0)
    member = np.equal.outer(np.arange(family.max() + 1), family).astype(float)
    trials = member @ there
    weight = there / np.maximum(trials[family], 1.0)
    families = (trials > 0).sum(axis=0)
    ease = (weight * above).sum(axis=0) / (families + 1.0)
    left = np.where(there, above - ease, 0.0)

    spread = float((ease**2).sum()) + _EXAMPLE_EFFECT_WEIGHT * _EXAMPLE_EFFECT
    example_effect = max(_LEAST, spread / (float((families > 0).sum()) + _EXAMPLE_EFFECT_WEIGHT))

    # Whatever was taken off is not free to differ: the mean of a trial's scores; of interaction, what went
    # into the ease; of
    # the noise, as much of what is left of it in a family's mean.
    free = member @ (there * (1.0 - 1.0 / met)[:, None]) / np.maximum(trials, 1.0)
    taken = 2.0 / (families + 1.0) - families / (families + 1.0) ** 2
    noisy = free * (1.0 - taken / np.maximum(trials, 1.0))
    # A trial with more draws is told apart from its example's example_effect by less.
    squares = (weight * left**2).sum(axis=1) / np.array([residual_share(n) for n in draws])
    products = ((member @ left) ** 2 - member @ left**2) / np.maximum(trials * (trials - 1), 1.0)
    several = trials > 1
    # Squares are interaction * a + noise * b, and products within a family interaction * c - noise * d, on average.
    a, b = float((free * (1.0 - taken)).sum()) + _WEIGHT, float(noisy.sum()) + _WEIGHT
    c = float((free * (1.0 - taken))[several].sum()) + _WEIGHT
    d = float((free - noisy)[several].sum())
    square = float(squares.sum()) + _WEIGHT * (_INTERACTION + _NOISE)
    product = float(products[several].sum()) + _WEIGHT * _INTERACTION
    interaction = (square * d + product * b) / (a * d + b * c)
    noise = (square * c - product * a) / (a * d + b * c)
    rest = max(interaction + noise, _LEAST)
    interaction = min(max(0.0, interaction), MAX_INTERACTION * rest)
    return VarianceComponents(example_effect, interaction, rest - interaction)
