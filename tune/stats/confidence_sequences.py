"""Sequential tests of means and of paired differences, valid at any time.

They are confidence sequences by betting (`tune.stats.betting`). The capital of a bet falls as the
mean that it is against rises. So the means that are not rejected are an interval, and the interval
and the tests never contradict each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tune.stats.arrays import Numbers
from tune.stats.betting import Bets, Scaled
from tune.stats.intervals import Interval

# The next block is the scores so far, divided by this: on average half a block is not needed.
_SHARE = 20


def clusters_notice(
    examples: int,
    units: int,
    group: str | None,
) -> tuple[str, ...]:
    """Return the notice to a reader whose examples are not independent, as these tests assume.

    Args:
        examples: the number of examples.
        units: the number of groups; as many as examples if each stands alone.
        group: the column whose equal values belong together, or None if only equal inputs do.
    """
    if units == examples:
        return ()
    alike = "the same inputs"
    if group:
        alike = f"the same {group!r} or the same inputs"
    return (
        f"The {examples} examples are {units} groups with {alike}, and each example is taken for "
        "an observation of its own: the answer is wrong more often than stated, and the limits "
        "are too narrow.",
    )


@dataclass(frozen=True, slots=True)
class SequentialResult:
    """Result of a sequential test: valid at all checks together, not at this one alone.

    Attributes:
        interval: the mean and its limits. The lower limit is wrong at some check with probability
            at most `beta`, the upper with at most `alpha`.
        p_above: p-value of "the mean is at most the null": small says that it is above.
        p_below: p-value of "the mean is at least the null": small says that it is below.
    """

    interval: Interval
    p_above: float
    p_below: float


def next_block_size(bought: int, least: int) -> int:
    """Return the number of scores to buy side by side before the next check.

    Args:
        bought: the scores that are there.
        least: the size of the first blocks.
    """
    return max(least, bought // _SHARE)


def sequential_test(
    scores: Numbers,
    null: float,
    *,
    difference: float,
    low: float = 0.0,
    high: float = 1.0,
    alpha: float = 0.05,
    beta: float = 0.05,
    earlier: Numbers = (),
) -> SequentialResult:
    """Test one run of scores against a mean from both sides, after each of them.

    Args:
        scores: in the order in which they came; NaN ("not scored") is left out.
        null: the mean in question, within the bounds.
        difference: the expected distance of the mean from it, on either side.
        low: the smallest possible score.
        high: the largest possible score.
        alpha: the probability that the upper limit is ever below the truth.
        beta: the probability that the lower limit is ever above it.
        earlier: scores from before, as a first guess of the spread.

    Returns:
        The result. `p_above <= beta` exactly if the lower limit reaches the null, and
        `p_below <= alpha` exactly if the upper limit does.

    Raises:
        ValueError: a score, the null, the bounds or an error rate are impossible.
    """
    for name, rate in (("alpha", alpha), ("beta", beta)):
        if not 0 < rate < 1:
            raise ValueError(f"`0 < {name} < 1` must hold, but got {rate}")
    values = np.asarray(scores, dtype=float)
    known = values[~np.isnan(values)]
    scaled = Scaled.of(known, null, difference, low, high, earlier)
    up = Bets.of(scaled)
    # Bets on a smaller mean are bets on a larger one of the scores turned upside down.
    down = Bets.of(scaled.turned())
    found = 0.5
    if known.size:
        found = float(scaled.shares.mean())
    # The limit is the largest mean that the evidence rejects (Ville's inequality).
    least = _limit(up.evidence, math.log(1 / beta))
    most = 1 - _limit(down.evidence, math.log(1 / alpha))
    # Back to the scores' own scale.
    span = high - low
    interval = Interval(
        mean=low + span * found,
        low=low + span * least,
        high=low + span * most,
        n=known.size,
    )
    return SequentialResult(
        interval,
        p_above=math.exp(-up.evidence(scaled.mean)),
        p_below=math.exp(-down.evidence(1 - scaled.mean)),
    )


def paired_sequential_test(
    scores: Numbers,
    others: Numbers,
    *,
    null: float = 0.0,
    difference: float,
    low: float = 0.0,
    high: float = 1.0,
    alpha: float = 0.05,
    beta: float = 0.05,
) -> SequentialResult:
    """Do the same as `sequential_test` for the mean of `scores - others`, paired by position.

    Raises:
        ValueError: also if the lists differ in length.
    """
    first = np.asarray(scores, dtype=float)
    second = np.asarray(others, dtype=float)
    if first.shape != second.shape:
        raise ValueError(
            f"paired scores come in equal numbers, but got {first.size} and {second.size}"
        )
    span = high - low
    return sequential_test(
        first - second,
        null,
        difference=difference,
        low=-span,
        high=span,
        alpha=alpha,
        beta=beta,
    )


def _limit(evidence: Callable[[float], float], wanted: float) -> float:
    """Return the largest mean, 0 to 1, for which the evidence against "at most this" is enough."""
    if evidence(0.0) < wanted:
        return 0.0
    least = 0.0
    most = 1.0
    # Forty halvings: an error below 1e-12.
    for _ in range(40):
        middle = (least + most) / 2
        if evidence(middle) >= wanted:
            least = middle
        else:
            most = middle
    return least
