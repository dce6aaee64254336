"""Coverage and width of the interval of a cost, where a few requests run on to the cap.

The table also has the least width that is possible, and the interval that ignores the cap. A part
of `benchmarks/honesty/`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from benchmarks.honesty.grid import Found, measured, oracle
from benchmarks.honesty.section import Claim, Section, sampling_error, tabled
from tune.stats.cost_intervals import cost_interval
from tune.stats.intervals import mean_interval

CAP = 25.0
"""Cost of a request that runs on to the cap, in medians of the usual cost."""

SPREAD = 0.3
"""Standard deviation of the usual costs on the log scale."""

USUAL = math.exp(SPREAD**2 / 2)
"""Mean of the usual costs, in medians."""

SHARES = (0.0, 0.005, 0.01, 0.03, 0.05, 0.1, 0.15, 0.3)
"""Shares of requests that run on. Those above a tenth are there so that no interval passes by
trusting that the share is small.
"""

COUNTS = (10, 15, 40, 160)
SAMPLES = 20_000
"""Samples for the oracle's width."""

LEVEL = 0.93
TWICE = 2.0
NEAR = 1.1
"""The largest accepted width over the least possible one, where twice the oracle's is impossible."""

RIVALS = 10
TUNING = 60
"""Configurations and examples of the made-up search that shows what tuning costs are worth."""


class Row(NamedTuple):
    """Intervals for one share of requests that run on.

    Attributes:
        share: of requests that run on.
        count: requests in a sample.
        ours: the interval of a report.
        oracle: the width of the middle 95 % of the means of such samples.
        normal: 2 x 1.96 standard errors of such a mean.
        least: the least possible width.
        unaware: the interval that ignores the cap.
    """

    share: float
    count: int
    ours: Found
    oracle: float
    normal: float
    least: float
    unaware: Found

    @property
    def ratio(self) -> float:
        """Our width over the oracle's."""
        return self.ours.width / self.oracle

    @property
    def twice_is_possible(self) -> bool:
        """Tell whether any interval that covers at every share has twice the oracle's width."""
        return self.least <= TWICE * self.oracle

    def cells(self) -> list[str]:
        """Return the cells of a row of a table."""
        return [
            f"{self.share:.1%}",
            str(self.count),
            f"{self.ours.coverage:.1%}",
            f"{self.ratio:.2f}",
            f"{self.least / self.oracle:.2f}",
            f"{self.ours.width / self.least:.2f}",
            f"{self.ours.width / self.normal:.2f}",
            f"{self.unaware.coverage:.1%}",
        ]


HEADS = (
    "run on to the cap",
    "requests",
    "coverage",
    "width / oracle",
    "least possible / oracle",
    "width / least possible",
    "width / 3.92 standard errors",
    "coverage without the cap",
)


def mean_cost(share: float) -> float:
    """Return the true mean cost where this share of requests runs on."""
    return (1 - share) * USUAL + share * CAP


def standard_error(share: float, count: int) -> float:
    """Return the standard error of the mean of so many costs."""
    usual = USUAL**2 * (math.exp(SPREAD**2) - 1)
    between = share * (1 - share) * (CAP - USUAL) ** 2
    return math.sqrt(((1 - share) * usual + between) / count)


def samples(rng: np.random.Generator, share: float, count: int) -> np.ndarray:
    """Return samples of costs, a row each."""
    shape = (SAMPLES, count)
    runs_on = rng.random(shape) < share
    return np.where(runs_on, CAP, np.exp(SPREAD * rng.standard_normal(shape)))


def rows(rng: np.random.Generator, runs: int) -> list[Row]:
    """Measure the intervals for each share and each number of requests."""
    return [row(rng, runs, share, count) for share in SHARES for count in COUNTS]


def row(rng: np.random.Generator, runs: int, share: float, count: int) -> Row:
    """Measure the intervals for one share."""
    many = samples(rng, share, count)
    truth = mean_cost(share)
    ours = [cost_interval(costs, CAP) for costs in many[:runs]]
    unaware = [mean_interval(costs, high=math.inf) for costs in many[:runs]]
    return Row(
        share,
        count,
        measured([(each.low, each.high) for each in ours], truth),
        oracle(many.mean(axis=1)),
        2 * 1.96 * standard_error(share, count),
        least_width(count, share) * (CAP - USUAL),
        measured([(each.low, each.high) for each in unaware], truth),
    )


def least_width(count: int, share: float, level: float = LEVEL) -> float:
    """Return the least mean width of an interval for a share that covers at every share.

    The interval goes by the number of requests that ran on, and its limits never fall as that
    number grows. So each share p is inside for an unbroken run of numbers, and the probability of
    these numbers at p is at least `level`. The mean width is the integral over p of the probability
    of these numbers at the true share. It is smallest if, for each p, the numbers are those that
    are least probable at the true share (Pratt 1961). The costs of the other requests are taken as
    known. If they are not, the width is larger.
    """
    shares = (np.arange(2000) + 0.5) / 2000
    at_truth = _cumulative(count, share)
    return float(
        np.mean([_least_chance(_cumulative(count, p), at_truth, level) for p in shares])
    )


def _cumulative(count: int, share: float) -> np.ndarray:
    """Return the probabilities of fewer than k requests that run on, for k = 0 to count + 1."""
    ways = np.array([float(math.comb(count, k)) for k in range(count + 1)])
    ran_on = np.arange(count + 1)
    chances = ways * share**ran_on * (1 - share) ** (count - ran_on)
    return np.concatenate([[0.0], np.cumsum(chances)])


def _least_chance(at_share: np.ndarray, at_truth: np.ndarray, level: float) -> float:
    """Return the smallest probability, at the truth, of numbers that have `level` at a share."""
    # Sums of probabilities miss 1 by rounding.
    ends = np.searchsorted(at_share, at_share + level - 1e-12)
    starts = np.flatnonzero(ends < len(at_share))
    return float((at_truth[ends[starts]] - at_truth[starts]).min())


def pooled_coverage(rng: np.random.Generator, share: float, count: int) -> float:
    """Return the coverage if the costs of tuning examples were added to those of the holdout.

    Configurations that all have this share are tuned. The selected one is that of which the fewest
    requests ran on, as a limit on the cost makes it.
    """
    tuned = rng.binomial(TUNING, share, (SAMPLES, RIVALS)).min(axis=1)
    ran_on = tuned + rng.binomial(count, share, SAMPLES)
    total = TUNING + count
    truth = mean_cost(share)
    covers = []
    for at_cap in range(int(ran_on.max()) + 1):
        found = cost_interval([*typical(total - at_cap), *[CAP] * at_cap], CAP)
        covers.append(found.low <= truth <= found.high)
    return float(np.array(covers)[ran_on].mean())


def typical(count: int) -> list[float]:
    """Return usual costs at evenly spaced quantiles."""
    places = [(place + 0.5) / count for place in range(count)]
    return [math.exp(SPREAD * NormalDist().inv_cdf(place)) for place in places]


def section(rng: np.random.Generator, runs: int) -> Section:
    """Return the part of the page."""
    found = rows(rng, runs)
    pooled = min(
        (pooled_coverage(rng, share, COUNTS[1]), share) for share in SHARES if share > 0
    )
    text = f"""## Costs of which a few run on to the cap

Usual costs are lognormal with a deviation of {SPREAD}. A share of the requests costs {CAP:g} times the median, {runs} samples
a row. The oracle knows the distribution: its width is that of the middle 95 % of the means of such samples. The means
are skewed, so 1.96 standard errors to either side of the mean are another width; the page has both. The least possible
width is that of the best interval that goes by the number of requests that ran on, rises with it, and covers {LEVEL:.0%} at
every share. This is Pratt's bound (1961): the mean width is the integral, over all shares, of the probability that a
share is inside. Each share must be inside with probability {LEVEL:.0%} if it is the true one. The bound takes, for each
share, the numbers that have this probability and are least likely at the true share.

{tabled(HEADS, [each.cells() for each in found])}"""
    return Section(claims(found, runs), text, beneath(found, *pooled))


def claims(found: Sequence[Row], runs: int) -> tuple[Claim, ...]:
    """Return the claims: the worst rows where any request runs on."""
    rare = [row for row in found if row.share > 0]
    possible = [row for row in rare if row.twice_is_possible]
    others = [row for row in rare if not row.twice_is_possible]
    coverage = min(row.ours.coverage for row in rare)
    wide = max((row.ratio for row in possible), default=0.0)
    over = max((row.ours.width / row.least for row in others), default=1.0)
    noise = sampling_error(1 - LEVEL, runs)
    return (
        Claim(
            f"costs of which a few run on to the cap are covered in at least 93 %: {coverage:.1%} "
            f"in the worst of {len(rare)} rows; {noise:.1%} may be the simulation's sampling error",
            coverage >= LEVEL - noise,
        ),
        Claim(
            "at a width of at most twice an oracle's in each row where an interval that covers "
            f"93 % at every share can have that: {wide:.2f} at most in {len(possible)} rows",
            wide <= TWICE,
        ),
        Claim(
            f"in the other {len(others)} rows at most {NEAR:g} times the least possible width: "
            f"{over:.2f} at most",
            over <= NEAR,
        ),
    )


def beneath(found: Sequence[Row], pooled: float, share: float) -> str:
    """Return the paragraph on where the interval of a cost is wide, and why."""
    never = max((row for row in found if row.share == 0), key=lambda row: row.ratio)
    rare = max((row for row in found if row.share > 0), key=lambda row: row.ratio)
    unseen = 1 - (1 - LEVEL) ** (1 / rare.count)
    return (
        f"Where the interval of a cost is wide: if {rare.share:.1%} of {rare.count} requests run on "
        f"to a cap of {CAP:g} times the median, it is {rare.ratio:.2f} times as wide as an oracle's. "
        f"Any interval that goes by how many ran on, and covers 93 % at every share, is at least "
        f"{rare.least / rare.oracle:.2f} times as wide there. The reason is this: at a share of "
        f"{unseen:.0%} none of {rare.count} requests runs on in 7 % of cases. So the interval has to "
        f"reach that share when none ran on, and an oracle of a small share knows better. One that "
        f"trusts that the share is at most a tenth could be narrower, and would be wrong more often "
        f"where it is not. If no request ever runs on, the interval is up to {never.ratio:.1f} times "
        f"as wide as an oracle's ({never.count} requests), and at least "
        f"{never.least / never.oracle:.1f} times is needed. The costs of the tuning examples do not "
        f"help, because they selected the configuration. If {RIVALS} configurations run on in "
        f"{share:.1%} of cases each, and the one with the fewest on {TUNING} tuning examples is "
        f"selected, an interval from these and {COUNTS[1]} holdout examples together covers "
        f"{pooled:.1%}. Other numbers of answers are read from the same draws, so their costs are no "
        f"new evidence."
    )
