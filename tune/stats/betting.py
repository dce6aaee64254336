"""Bets against a mean: evidence that stays valid however often one looks.

A p-value that is checked after every example, until it is small, is small sooner or later in nearly
every world. The evidence here comes from bets instead (Waudby-Smith and Ramdas 2024, "Estimating
means of bounded random variables by betting"). The hypothesis is that the mean is at most m. A
capital of 1 stakes a share g of itself on each score x, and becomes `1 + g (x / m - 1)` times as
large. If the hypothesis is true, the capital is not expected to grow, whatever the stake. So it
ever reaches 1 / alpha with probability at most alpha (Ville's inequality): at one check, at every
check, and at the check where somebody stopped.

The stake decides only how soon a false hypothesis is rejected. For 0/1 scores and a mean that lies
`s` above m, the best stake is `s / (1 - m)`. Scores that spread less than 0/1 scores of the same
mean carry a larger stake. The test learns how much larger from the scores before, and from earlier
ones: the loss of each stake on them, as a share of its loss on 0/1 scores. That share also tells
many small deviations from a few failures, which have one variance and carry very different stakes.
`s` is unknown, so most of the capital bets on the difference of interest, and the rest on a larger
one.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tune.stats.arrays import Array, Numbers

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

# Used in place of 0 in a division.
_LEAST = 1e-9


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
    scaled = Scaled.of(scores, null, difference, low, high, earlier)
    return Bets.of(scaled).log_capital(scaled.mean)


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
    scaled = Scaled.of(scores, at, difference, 0.0, 1.0, earlier)
    bets = Bets.of(scaled)
    means = np.asarray(nulls, dtype=float).tolist()
    rows = [bets.log_capital(mean) for mean in means]
    return np.array(rows).reshape(len(rows), scaled.shares.size)


def p_value(log_evidence: Array) -> float:
    """Return the p-value after all scores: one over the largest capital so far, at most 1."""
    if not log_evidence.size:
        return 1.0
    return min(1.0, math.exp(-float(log_evidence.max())))


class Scaled(NamedTuple):
    """Scores and a hypothesis in shares of the range of scores, 0 to 1.

    Attributes:
        shares: the scores.
        mean: the mean that is bet against.
        step: the expected distance from it.
        earlier: scores from before.
    """

    shares: Array
    mean: float
    step: float
    earlier: Array

    @classmethod
    def of(
        cls,
        scores: Numbers,
        null: float,
        difference: float,
        low: float,
        high: float,
        earlier: Numbers,
    ) -> Scaled:
        """Return them as shares of the range between two bounds.

        Raises:
            ValueError: a score, the null, the difference or the bounds are impossible.
        """
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
        return cls(
            _as_shares(scores, low, high),
            (null - low) / span,
            difference / span,
            _as_shares(earlier, low, high),
        )

    def turned(self) -> Scaled:
        """Return them upside down: "at least m" becomes "at most 1 - m"."""
        return Scaled(1 - self.shares, 1 - self.mean, self.step, 1 - self.earlier)


class Bets(NamedTuple):
    """Scores, and the stake on each of them for each part of the capital."""

    shares: Array
    stakes: list[Array]

    @classmethod
    def of(cls, scaled: Scaled) -> Bets:
        """Return the bets with the best stakes against the mean.

        The best stake grows the most if the mean lies above by the part's difference. Its gain is
        proportional to the difference; its loss is the spread's share of the loss of 0/1 scores.
        The stakes are kept times `1 - mean`, so that they suit other means too.
        """
        mean = max(scaled.mean, _LEAST)
        rest = max(1 - mean, _LEAST)
        stakes = []
        for times, _ in _PARTS:
            # For 0/1 scores this stake is the best one (Kelly 1956).
            least = times * scaled.step / rest
            best = _best_stake(scaled.shares, mean, least, scaled.earlier)
            stakes.append(rest * best)
        return cls(scaled.shares, stakes)

    def log_capital(self, mean: float) -> Array:
        """Return the logarithm of the capital against "at most `mean`", after each score."""
        mean = max(mean, _LEAST)
        gains = self.shares / mean - 1
        rest = max(1 - mean, _LEAST)
        parts = []
        for (_, part), stake in zip(_PARTS, self.stakes, strict=True):
            staked = np.minimum(stake / rest, _MOST)
            grown = np.cumsum(np.log1p(staked * gains), axis=-1)
            parts.append(math.log(part) + grown)
        both: Array = np.logaddexp(*parts)
        return both

    def evidence(self, mean: float) -> float:
        """Return the largest logarithm of the capital so far; it begins at 0."""
        return float(self.log_capital(mean).max(initial=0.0))


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
    shares = (values - low) / (high - low)
    inside_range: Array = np.clip(shares, 0.0, 1.0)
    return inside_range


def _best_stake(
    shares: Array,
    mean: float,
    least: float,
    earlier: Array,
) -> Array:
    """Return the best stake before each score; `least` is that of 0/1 scores."""
    best = np.full(shares.shape, least)
    binary = _extreme(shares) and _extreme(earlier)
    if binary or least >= _MOST:
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
    bounds = np.array([1.0, 0.0])
    for stake in np.geomspace(least, _MOST, _STAKES):
        one, zero = _loss(bounds, mean, stake)
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
