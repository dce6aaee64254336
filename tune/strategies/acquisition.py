"""The acquisition value of a block of examples.

It is what the block is expected to tell about all points, or what it adds by making its own point
selectable, whichever is larger.
"""

from __future__ import annotations

import numpy as np

from tune.strategies.block_options import BlockOptions
from tune.strategies.expected_rise import (
    Alone,
    Moves,
    able_to_win,
    expected_rise,
)
from tune.strategies.posterior import Posterior
from tune.strategies.problem import Array, Numbers

_ALMOST_EQUAL = 1e-6
"""More than the share by which products differ that `first_of_largest` takes for equal."""


def acquisition_values(
    posterior: Posterior,
    options: BlockOptions,
    reach: Array,
    held: Array,
    contenders: int,
    weight: Array | None = None,
) -> Array:
    """Return the acquisition value of every option, as a share of the metric's range.

    Args:
        posterior: of the candidates.
        options: the blocks.
        reach: share of the gain that the most answers within the limits have, by candidate.
        held: share of the gain that bought answers have, by candidate; NaN where it cannot be
            selected yet.
        contenders: candidates that are considered as the possible best.
        weight: factors of the values, where only the largest product is asked for. Values that can
            not have it may then be too low. By default all values are exact.
    """
    quality = posterior.quality
    gain = posterior.gain
    who = options.candidate
    mean = quality.mean + reach * gain.mean
    # Quality and gain are separate processes, so their deviations add as independent ones do.
    spread = np.hypot(quality.deviation(), reach * gain.deviation())
    # The cost of the quadrature grows with the contenders, and the others hardly ever win.
    best_first = np.argsort(-(mean + 2.0 * spread), kind="stable")
    few = best_first[:contenders]
    scale, own_slope = quality.surprises(who, options.noise)
    gain_scale, own_rise = gain.surprises(who, options.gain_noise)
    gains = knowledge_gradients(
        mean[few],
        Moves(quality.covariances(few), who, scale),
        Moves(gain.covariances(few) * reach[few][:, None], who, gain_scale),
    )
    # The candidate alone may be none of the contenders. Its own value has a closed formula.
    rest = best_of_others(mean, who)
    alone = Alone(
        mean=mean[who],
        deviation=np.hypot(own_slope, own_rise * reach[who]),
        other=rest,
        now=np.maximum(mean[who], rest),
    )
    # A config that was never read within the limits cannot be selected: it counts as 0.
    selectable = np.where(np.isnan(held), 0.0, quality.mean + held * gain.mean)
    bought = Alone(
        mean=quality.mean[who] + options.share * gain.mean[who],
        deviation=np.hypot(own_slope, options.share * own_rise),
        other=best_of_others(selectable, who),
        now=np.full(len(who), selectable.max()),
    )
    needed = np.full(len(who), fill_value=True)
    if weight is not None:
        most = np.maximum(gains, np.maximum(alone.bound(), bought.bound()))
        weight = weight * options.chance
        needed = _may_be_largest(weight * gains, weight * most, options.beyond)
    for one in (alone, bought):
        gains[needed] = np.maximum(gains[needed], one.chosen(needed).gain())
    return np.asarray(options.chance * gains)


def _may_be_largest(least: Array, most: Array, beyond: np.ndarray) -> np.ndarray:
    """Return the options that may have the largest product of value and weight.

    Args:
        least: lower bounds of the products.
        most: upper bounds.
        beyond: see `BlockOptions`.
    """
    # One that is beyond the next block may come to count as nothing; see `BlockOptions.settle`.
    reached = least[~beyond].max(initial=0.0)
    # Almost equal ones are compared by their order, so their values must be exact too.
    found = most >= reached * (1.0 - _ALMOST_EQUAL)
    # The next block alone decides whether the one beyond it counts.
    found[:-1] |= found[1:] & beyond[1:]
    return np.asarray(found)


def knowledge_gradients(best: Array, slope: Moves, rise: Moves) -> Array:
    """Return the knowledge gradient of every option.

    Args:
        best: posterior means of the contenders that are considered as the possible best.
        slope: how far their means move by what an option shows of quality.
        rise: how far they move by what it shows of the gain.
    """
    able = able_to_win(best, (slope, rise))
    # Most options show nothing of the gain: one dimension of quadrature does for them, five times
    # cheaper than two.
    plain = np.isinf(rise.scale)
    found = np.zeros(len(plain))
    found[plain] = expected_rise(best, [slope.chosen(plain)], able)
    both = [slope.chosen(~plain), rise.chosen(~plain)]
    found[~plain] = expected_rise(best, both, able)
    return found


def best_of_others(values: Array, who: Numbers) -> Array:
    """Return the largest of all values but one, for the places of many such ones.

    A single value is its own second.
    """
    leader = int(values.argmax())
    others = np.delete(values, leader) if len(values) > 1 else values
    return np.asarray(np.where(who == leader, others.max(), values[leader]))


def first_of_largest(rates: Array) -> int:
    """Return the number of the largest, and of almost equal ones the first."""
    # Points of which nothing is known are worth the same. Rounded, so that another order of
    # summation on another machine decides nothing between them.
    most = max(float(rates.max()), 1e-300)
    return int(np.argmax(np.round(rates / most, 9)))
