"""The acquisition value of a block of examples.

It is what the block is expected to tell about all points, or what it adds by making its own point
selectable, whichever is larger.
"""

from __future__ import annotations

import numpy as np

from tune.strategies.block_options import BlockOptions
from tune.strategies.expected_rise import (
    Moves,
    able_to_win,
    at_least_alone,
    expected_rise,
)
from tune.strategies.posterior import Posterior
from tune.strategies.problem import Array, Numbers


def acquisition_values(
    posterior: Posterior,
    options: BlockOptions,
    reach: Array,
    held: Array,
    contenders: int,
) -> Array:
    """Return the acquisition value of every option, as a share of the metric's range.

    Args:
        posterior: of the candidates.
        options: the blocks.
        reach: share of the gain that the most answers within the limits have, by candidate.
        held: share of the gain that bought answers have, by candidate; NaN where it cannot be
            selected yet.
        contenders: candidates that are considered as the possible best.
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
    learned = knowledge_gradients(
        mean,
        few,
        (
            Moves(quality.covariances(few), who, scale),
            Moves(gain.covariances(few) * reach[few], who, gain_scale),
        ),
        np.hypot(own_slope, own_rise * reach[who]),
    )
    # A config that was never read within the limits cannot be selected: it counts as 0.
    bought = quality.mean + np.nan_to_num(held) * gain.mean
    selectable = np.where(np.isnan(held), 0.0, bought)
    (leader, best), second = two_largest(selectable)
    # The best of all others: for the leader itself that is the second.
    rest = np.where(who == leader, second, best)
    own = quality.mean[who] + options.share * gain.mean[who]
    deviation = np.hypot(own_slope, options.share * own_rise)
    now = np.full(len(who), best)
    gains = at_least_alone(learned, own, deviation, rest, now)
    return np.asarray(options.chance * gains)


def knowledge_gradients(
    mean: Array,
    contenders: Numbers,
    moves: tuple[Moves, Moves],
    own: Array,
) -> Array:
    """Return the knowledge gradient of every option.

    It is at least that of the mean of its own candidate alone.

    Args:
        mean: posterior means, by candidate.
        contenders: the candidates that are considered as the possible best.
        moves: how far their means move by what an option shows of quality, and of the gain.
        own: how far the mean of the option's own candidate moves, by option.
    """
    slope, rise = moves
    who = slope.candidate
    best = mean[contenders]
    able = able_to_win(best, moves)
    # Most options show nothing of the gain: one dimension of quadrature does for them, five times
    # cheaper than two.
    plain = np.isinf(rise.scale)
    found = np.zeros(len(who))
    found[plain] = expected_rise(best, [slope.chosen(plain)], able)
    both = [slope.chosen(~plain), rise.chosen(~plain)]
    found[~plain] = expected_rise(best, both, able)
    (leader, largest), second = two_largest(mean)
    rest = np.where(who == leader, second, largest)
    # The candidate alone may be none of the contenders. Its own value has a closed formula.
    alone = mean[who]
    return at_least_alone(found, alone, own, rest, np.maximum(alone, rest))


def two_largest(values: Array) -> tuple[tuple[int, float], float]:
    """Return the place and value of the largest, and the value of the second largest."""
    order = np.argsort(-values, kind="stable")
    first = order[0]
    # A single value is its own second.
    second = order[min(1, len(order) - 1)]
    largest = int(first), float(values[first])
    return largest, float(values[second])


def first_of_largest(rates: Array) -> int:
    """Return the number of the largest, and of almost equal ones the first."""
    # Points of which nothing is known are worth the same. Rounded, so that another order of
    # summation on another machine decides nothing between them.
    most = max(float(rates.max()), 1e-300)
    return int(np.argmax(np.round(rates / most, 9)))
