"""Sequential tests of means and of paired differences, valid at any time.

A p-value that is checked after every example, until it is small, is small sooner or later in nearly
every world. The tests here are bets instead (Waudby-Smith and Ramdas 2024, "Estimating means of
bounded random variables by betting"). Against the hypothesis that the mean is at most m, a capital
of 1 stakes a share g of itself on each score x, and becomes `1 + g (x / m - 1)` times as large. If
the hypothesis is true, the capital is not expected to grow, whatever the stake. So it ever reaches
1 / alpha with probability at most alpha (Ville's inequality): at one check, at every check, and at
the check where somebody stopped.

The stake decides only how soon a false hypothesis is rejected. For 0/1 scores and a mean that lies
`s` above m, the best stake is `s / (1 - m)`. Scores that spread less than 0/1 scores of the same
mean carry a larger stake. The test learns how much larger from the scores before, and from earlier
ones: the loss of each stake on them, as a share of its loss on 0/1 scores. That share also tells
many small deviations from a few failures, which have one variance and carry very different stakes.
`s` is unknown, so most of the capital bets on the difference of interest, and the rest on a larger
one. The capital falls as m rises. So the means that are not rejected are an interval, and the
interval and the tests never contradict each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tune.stats.arrays import Array, Numbers
from tune.stats.intervals import Interval

# Parts of the capital: (multiple of the difference of interest that it bets on, share). Chosen by
# simulation of 0/1 scores. The first part alone would need 3 % fewer scores at that difference,
# and far more if it is larger. With 0.8 and 0.2 the test needs 2 to 3 % more there, and 7 % fewer
# at three times the difference, where few are needed anyway.
_PARTS = ((1.0, 0.9), (3.0, 0.1))

# The largest share that is ever staked, so that some capital is left after a score of 0. Near a
# bound graded scores spread little, and the best stake is about this large.
_MOST = 0.9

# Stakes that are tried on earlier scores, from that of 0/1 scores up to the largest.
_STAKES = 12

# Weight of the prior that scores spread as 0/1 scores do, in scores of variance 1. With less,
# bets on pairs that seldom differ are too large until some differ. With more, stakes on graded
# scores stay too small for long.
_BELIEF = 0.25

# Earlier scores count as at most this many new ones. More would save little if they are alike
# (2 % at 50), and cost much if they are not.
_EARLIER = 30

# The next block is the scores so far, divided by this: on average half a block is not needed.
_SHARE = 20

# Used in place of 0 in a division.
_LEAST = 1e-9


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


def log_evidence_above(
    scores: Numbers,
    null: float,
    *,
    difference: float,
    low: float = 0.0,
    high: float = 1.0,
    earlier: Numbers = (),
) -> Array:
    """Return the log capital of bets against "the mean is at most `null`", after each score.

    `exp` of it is an e-process: if the mean is at most `null`, it ever reaches 1 / alpha with
    probability at most alpha, also if earlier scores decide whether there are more.

    Args:
        scores: in the order in which they came, along the last axis; each further axis holds
            separate runs.
        null: the mean that is bet against, within the bounds.
        difference: the expected distance above it; a better guess rejects sooner, and any guess is
            valid.
        low: the smallest possible score.
        high: the largest possible score.
        earlier: scores from before, as a first guess of the spread; any guess is valid here too.

    Raises:
        ValueError: a score, the null or the bounds are impossible.
    """
    # Bets are computed on shares of the range, 0 to 1.
    shares, mean, step = _shares(scores, null, difference, low, high)
    before = _as_shares(earlier, low, high)
    stakes = _stakes(shares, mean, step, before)
    return _capital(shares, stakes, mean)


def log_evidence_below(
    scores: Numbers,
    null: float,
    *,
    difference: float,
    low: float = 0.0,
    high: float = 1.0,
    earlier: Numbers = (),
) -> Array:
    """Do the same as `log_evidence_above`, against "the mean is at least `null`"."""
    # The mirror image: "at least m" becomes "at most -m".
    return log_evidence_above(
        -np.asarray(scores, dtype=float),
        -null,
        difference=difference,
        low=-high,
        high=-low,
        earlier=-np.asarray(earlier, dtype=float),
    )


def log_evidence_at(
    scores: Numbers,
    nulls: Numbers,
    *,
    at: float,
    difference: float,
    earlier: Numbers = (),
) -> Array:
    """Do the same as `log_evidence_above` for several means, a row each; scores 0 to 1.

    Args:
        scores: in the order in which they came.
        nulls: the means that are bet against, above 0 and below 1.
        at: the mean among them that the stakes suit best.
        difference: the expected distance above it.
        earlier: scores from before, as a first guess of the spread.
    """
    shares, mean, step = _shares(scores, at, difference, 0.0, 1.0)
    before = _as_shares(earlier, 0.0, 1.0)
    stakes = _stakes(shares, mean, step, before)
    means = np.asarray(nulls, dtype=float).tolist()
    rows = [_capital(shares, stakes, mean) for mean in means]
    return np.array(rows).reshape(len(rows), shares.size)


def next_block_size(bought: int, least: int) -> int:
    """Return the number of scores to buy side by side before the next check.

    Args:
        bought: the scores that are there.
        least: the size of the first blocks.
    """
    return max(least, bought // _SHARE)


def p_value(log_evidence: Array) -> float:
    """Return the p-value after all scores: one over the largest capital so far, at most 1."""
    if not log_evidence.size:
        return 1.0
    return min(1.0, math.exp(-float(log_evidence.max())))


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
    shares, mean, step = _shares(known, null, difference, low, high)
    before = _as_shares(earlier, low, high)
    up = _stakes(shares, mean, step, before)
    # Bets on a smaller mean are bets on a larger one of the scores turned upside down.
    down = _stakes(1 - shares, 1 - mean, step, 1 - before)

    def above(m: float) -> float:
        return _largest(_capital(shares, up, m))

    def below(turned: float) -> float:
        return _largest(_capital(1 - shares, down, turned))

    found = 0.5
    if shares.size:
        found = float(shares.mean())
    # The limit is the largest mean that the evidence rejects (Ville's inequality).
    least = _limit(above, math.log(1 / beta))
    most = 1 - _limit(below, math.log(1 / alpha))
    # Back to the scores' own scale.
    span = high - low
    interval = Interval(
        mean=low + span * found,
        low=low + span * least,
        high=low + span * most,
        n=shares.size,
    )
    return SequentialResult(
        interval,
        p_above=math.exp(-above(mean)),
        p_below=math.exp(-below(1 - mean)),
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


def _shares(
    scores: Numbers,
    null: float,
    difference: float,
    low: float,
    high: float,
) -> tuple[Array, float, float]:
    """Return scores, null and difference as shares of the range, 0 to 1."""
    span = high - low
    if not 0 < span < math.inf:
        raise ValueError(
            f"a bet needs finite bounds, low < high, but got {low} and {high}"
        )
    if not low <= null <= high:
        raise ValueError(
            f"the mean in question lies between {low} and {high}, but got {null}"
        )
    if not 0 < difference < math.inf:
        raise ValueError(f"`difference > 0` must hold, but got {difference}")
    shares = _as_shares(scores, low, high)
    return shares, (null - low) / span, difference / span


def _as_shares(
    scores: Numbers,
    low: float,
    high: float,
) -> Array:
    """Return scores as shares of the range; only rounding may put one outside of it."""
    values = np.asarray(scores, dtype=float)
    slack = 1e-9 * max(1.0, abs(low), abs(high))
    inside = (values >= low - slack) & (values <= high + slack)
    if not inside.all():
        raise ValueError(
            f"scores lie between {low} and {high}, but got {values.min()} to {values.max()}"
        )
    shares: Array = np.clip((values - low) / (high - low), 0.0, 1.0)
    return shares


def _stakes(
    shares: Array,
    mean: float,
    step: float,
    earlier: Array,
) -> list[Array]:
    """Return the best stake at `mean`, times `1 - mean`, for each part and score.

    The best stake grows the most if the mean lies above by the part's difference. Its gain is
    proportional to the difference; its loss is the spread's share of the loss of 0/1 scores.
    """
    mean = max(mean, _LEAST)
    rest = max(1 - mean, _LEAST)
    stakes = []
    for times, _ in _PARTS:
        # For 0/1 scores this stake is the best one (Kelly 1956).
        least = times * step / rest
        stakes.append(rest * _best_stake(shares, mean, least, earlier))
    return stakes


def _best_stake(
    shares: Array,
    mean: float,
    least: float,
    earlier: Array,
) -> Array:
    """Return the best stake before each score; `least` is that of 0/1 scores."""
    best = np.full(shares.shape, least)
    if least >= _MOST or (_extreme(shares) and _extreme(earlier)):
        return best
    # Earlier scores may come from another time, so they count only so much.
    weight = min(len(earlier), _EARLIER)
    belief = _BELIEF / (mean * max(1 - mean, _LEAST))
    wanted = min(1.0, mean + least * (1 - mean))
    # Only scores before each bet: a bet that saw its own score would be no bet.
    full = _before(shares)
    none = np.arange(shares.shape[-1]) - full
    most = np.full(shares.shape, -math.inf)
    # A grid is enough: the growth is flat around its maximum.
    for stake in np.geomspace(least, _MOST, _STAKES):
        one, zero = _loss(np.array([1.0, 0.0]), mean, stake)
        usual = wanted * one + (1 - wanted) * zero
        # The loss so far, and what it would be for 0/1 scores of the same mean.
        lost = belief * usual
        could = lost
        if weight:
            loss = float(_loss(earlier, mean, stake).mean())
            lost = lost + weight * loss
            could = could + weight * (zero + float(earlier.mean()) * (one - zero))
        lost_so_far = lost + _before(_loss(shares, mean, stake))
        share = lost_so_far / (could + full * one + none * zero)
        growth = stake * (wanted / mean - 1) - share * usual
        best = np.where(growth > most, stake, best)
        most = np.maximum(growth, most)
    return best


def _loss(
    shares: Array,
    mean: float,
    stake: float,
) -> Array:
    """Return the shortfall of a stake's log from its gain: 0 at the mean, largest at a bound."""
    gains = stake * (shares / mean - 1)
    loss: Array = gains - np.log1p(gains)
    return loss


def _extreme(shares: Array) -> bool:
    """Tell whether all are 0/1 scores, whose best stake is the least."""
    return bool(((shares == 0) | (shares == 1)).all())


def _before(values: Array) -> Array:
    """Return the sum of the values before each value."""
    sums = np.zeros_like(values, dtype=float)
    np.cumsum(values[..., :-1], axis=-1, out=sums[..., 1:])
    return sums


def _capital(
    shares: Array,
    stakes: list[Array],
    mean: float,
) -> Array:
    """Return the logarithm of the capital against "at most `mean`", after each score."""
    mean = max(mean, _LEAST)
    gains = shares / mean - 1
    rest = max(1 - mean, _LEAST)
    parts = []
    for (_, part), stake in zip(_PARTS, stakes, strict=True):
        staked = np.minimum(stake / rest, _MOST)
        grown = np.cumsum(np.log1p(staked * gains), axis=-1)
        parts.append(math.log(part) + grown)
    both: Array = np.logaddexp(*parts)
    return both


def _largest(log_capital: Array) -> float:
    """Return the largest logarithm of the capital so far; it begins at 0."""
    return float(log_capital.max(initial=0.0))


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
