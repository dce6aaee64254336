"""Coverage and width on a grid of distributions that was fixed beforehand, also where the intervals
lose.

Differences of scores near a bound, beside the methods that one could use instead; groups of very
different sizes; and costs of which a few run on to the cap. A part of `benchmarks/honesty/`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from benchmarks.honesty.section import Claim, Section, luck, student, tabled
from tune.stats.confidence_sequences import paired_sequential_test
from tune.stats.cost_intervals import cost_interval
from tune.stats.intervals import difference_interval, mean_interval

Pairs: TypeAlias = tuple[np.ndarray, np.ndarray]
Limits: TypeAlias = tuple[float, float]
Draw: TypeAlias = Callable[[np.random.Generator, int], Pairs]

SIZES = (40, 160)
TRUTH = 400_000
"""Pairs of which the mean is taken for the truth; its own error is far below a width."""

FEWER = 4
"""Of so many runs one is made for the methods that are shown for comparison, and for groups and
costs.
"""

RESAMPLES = 200
CAP = 25.0
"""A request that runs on to the cap costs so many times the median."""

OFTEN = (0.0, 0.01, 0.03, 0.05, 0.1, 0.15)
COUNTS = (15, 40, 160)
GROUPS: dict[str, tuple[int, ...]] = {
    "5 of 4": (4,) * 5,
    "13 of 5": (5,) * 13,
    "one of 8, 6 of 2": (8, *[2] * 6),
    "one of 26, 13 of 3": (26, *[3] * 13),
    "one of 40, 60 of 1": (40, *[1] * 60),
    "two of 20, 20 of 2": (20, 20, *[2] * 20),
}
ALIKE = {"copies": 1.0, "half alike": 0.5, "nothing shared": 0.0}


class World(NamedTuple):
    """Pairs of scores of one kind.

    Attributes:
        name: of the world.
        draw: so many pairs.
        promised: whether 93 % is promised there, and a width of at most 1.5 times Student's.
    """

    name: str
    draw: Draw
    promised: bool


def beta(ours: float, theirs: float, size: float) -> Draw:
    """Independent scores of these means; the larger the size, the less they spread."""
    return lambda rng, n: (
        rng.beta(size * ours, size * (1 - ours), n),
        rng.beta(size * theirs, size * (1 - theirs), n),
    )


def rubric(mean: float, steps: int) -> Draw:
    """Graded in steps, some examples harder than others."""

    def draw(rng: np.random.Generator, n: int) -> Pairs:
        hard = rng.beta(10 * mean, 10 * (1 - mean), n)
        return rng.binomial(steps, hard) / steps, rng.binomial(steps, hard) / steps

    return draw


def failing(ours: float, theirs: float) -> Draw:
    """Scores around 0.97, of which these shares are worth nothing."""
    scores = beta(0.97, 0.97, 100)

    def draw(rng: np.random.Generator, n: int) -> Pairs:
        first, second = scores(rng, n)
        return np.where(rng.random(n) < ours, 0.0, first), np.where(
            rng.random(n) < theirs, 0.0, second
        )

    return draw


def right(ours: float, theirs: float) -> Draw:
    """Scores of 0 and 1."""
    return lambda rng, n: (
        (rng.random(n) < ours).astype(float),
        (rng.random(n) < theirs).astype(float),
    )


WORLDS = (
    *(
        World(f"around {mean}, size {size}", beta(mean, mean, size), True)
        for mean in (0.95, 0.97, 0.99)
        for size in (20, 100)
    ),
    World("0.97 and 0.95", beta(0.97, 0.95, 50), True),
    World("0.99 and 0.95", beta(0.99, 0.95, 50), True),
    *(
        World(f"tenths around {mean}", rubric(mean, 10), mean < 0.99)
        for mean in (0.95, 0.99)
    ),
    *(
        World(f"quarters around {mean}", rubric(mean, 4), mean < 0.99)
        for mean in (0.95, 0.99)
    ),
    World(
        "graded, 0.8 and 0.75",
        lambda rng, n: (rng.beta(2.4, 0.6, n), rng.beta(2.25, 0.75, n)),
        True,
    ),
    World("0/1, 0.95 and 0.95", right(0.95, 0.95), True),
    World("0/1, 0.8 and 0.7", right(0.8, 0.7), True),
    *(
        World(f"one fails in {share:.0%}", failing(share, 0.0), False)
        for share in (0.01, 0.03, 0.06, 0.1)
    ),
    World("both fail in 3%", failing(0.03, 0.03), False),
)


def ours(first: np.ndarray, second: np.ndarray) -> Limits:
    """The interval of a report."""
    found = difference_interval(first, second)
    return found.low, found.high


def bernstein(first: np.ndarray, second: np.ndarray) -> Limits:
    """The empirical Bernstein bound (Maurer and Pontil 2009), proven for scores within their
    bounds.
    """
    values = first - second
    n, mean, rate = len(values), float(values.mean()), math.log(4 / 0.05)
    half = math.sqrt(2 * float(values.var(ddof=1)) * rate / n) + 7 * 2 * rate / (
        3 * (n - 1)
    )
    return max(-1.0, mean - half), min(1.0, mean + half)


def betting(first: np.ndarray, second: np.ndarray) -> Limits:
    """The bets of a check (Waudby-Smith and Ramdas 2024), which hold at every look."""
    found = paired_sequential_test(
        first, second, difference=0.05, alpha=0.025, beta=0.025
    ).interval
    return found.low, found.high


def resampled(first: np.ndarray, second: np.ndarray) -> Limits:
    """The studentised bootstrap."""
    values, rng = first - second, np.random.default_rng(len(first))
    n, mean, error = (
        len(values),
        float(values.mean()),
        float(values.std()) / math.sqrt(len(values)),
    )
    drawn = values[rng.integers(0, n, (RESAMPLES, n))]
    ratios = (drawn.mean(axis=1) - mean) / np.maximum(
        drawn.std(axis=1) / math.sqrt(n), 1e-12
    )
    low, high = np.percentile(ratios, [2.5, 97.5])
    return max(-1.0, mean - high * error), min(1.0, mean - low * error)


OTHERS = {
    "empirical Bernstein": bernstein,
    "betting": betting,
    "studentised bootstrap": resampled,
}


class Found(NamedTuple):
    """What became of the intervals of one world."""

    coverage: float
    width: float


def measured(limits: Sequence[Limits], truth: float) -> Found:
    """Coverage and mean width."""
    low, high = np.array(limits).T
    inside = (low <= truth + 1e-12) & (truth - 1e-12 <= high)
    return Found(float(inside.mean()), float((high - low).mean()))


class Cell(NamedTuple):
    """One world at one size: our intervals beside Student's, and the others."""

    world: World
    size: int
    ours: Found
    t: Found
    others: dict[str, Found]

    @property
    def ratio(self) -> float:
        """Our width over Student's."""
        return self.ours.width / self.t.width

    def cells(self) -> list[str]:
        """As a row of a table."""
        beside = [
            f"{found.coverage:.1%}, {found.width / self.t.width:.2f}"
            for found in self.others.values()
        ]
        return [
            self.world.name,
            str(self.size),
            f"{self.ours.coverage:.1%}",
            f"{self.ratio:.2f}",
            f"{self.t.coverage:.1%}",
            *beside,
        ]


def differences(rng: np.random.Generator, runs: int) -> list[Cell]:
    """Every world at every size."""
    found = []
    for world in WORLDS:
        first, second = world.draw(rng, TRUTH)
        truth = float(first.mean() - second.mean())
        for size in SIZES:
            pairs = [world.draw(rng, size) for _ in range(runs)]
            few = pairs[: max(4, runs // FEWER)]
            found.append(
                Cell(
                    world,
                    size,
                    measured([ours(*pair) for pair in pairs], truth),
                    measured([student(one - two, -1, 1) for one, two in pairs], truth),
                    {
                        name: measured([method(*pair) for pair in few], truth)
                        for name, method in OTHERS.items()
                    },
                )
            )
    return found


def oracle(means: np.ndarray) -> float:
    """The width that somebody would give who knew the distribution: that of the middle 95 % of
    sample means.
    """
    low, high = np.percentile(means, [2.5, 97.5])
    return float(high - low)


def groups(rng: np.random.Generator, runs: int) -> list[tuple[str, str, Found, float]]:
    """0/1 scores of rows in groups, of which a share have the luck of their group: with the
    oracle's width.
    """
    rows = []
    for name, sizes in GROUPS.items():
        labels = np.repeat(np.arange(len(sizes)), sizes)
        for alike, share in ALIKE.items():

            def draw(
                labels: np.ndarray = labels,
                share: float = share,
                count: int = len(sizes),
            ) -> np.ndarray:
                shared = rng.random(len(labels)) < share
                return (
                    np.where(shared, rng.random(count)[labels], rng.random(len(labels)))
                    < 0.8
                )

            made = [
                mean_interval(draw(), clusters=labels.tolist()) for _ in range(runs)
            ]
            best = oracle(np.array([draw().mean() for _ in range(4000)]))
            rows.append(
                (
                    name,
                    alike,
                    measured([(each.low, each.high) for each in made], 0.8),
                    best,
                )
            )
    return rows


def runaways(
    rng: np.random.Generator, runs: int
) -> list[tuple[float, int, Found, float, Found]]:
    """Costs of which a share is the most there can be: with the cap, the oracle's width, and
    without the cap.
    """
    rows = []
    for often in OFTEN:
        truth = (1 - often) * math.exp(0.3**2 / 2) + often * CAP
        for count in COUNTS:
            shape = (4000, count)
            many = np.where(
                rng.random(shape) < often, CAP, np.exp(0.3 * rng.standard_normal(shape))
            )
            made = [cost_interval(costs, CAP) for costs in many[:runs]]
            alone = [mean_interval(costs, high=math.inf) for costs in many[:runs]]
            known, without = (
                measured([(each.low, each.high) for each in kind], truth)
                for kind in (made, alone)
            )
            rows.append((often, count, known, oracle(many.mean(axis=1)), without))
    return rows


def least_width(count: int, often: float, level: float = 0.93) -> float:
    """The least mean width of an interval for a share that is covered so often, whatever it is.

    The interval goes by how many of the requests ran on. For each such number it has to hold every
    share at which that number comes up in more than 7 % of cases: without it, that share would be
    missed too often. The mean is taken where the share is `often`.
    """
    shares = (np.arange(2000) + 0.5) / 2000
    width = 0.0
    for ran_on in range(count + 1):
        ways = math.comb(count, ran_on)
        chances = ways * shares**ran_on * (1 - shares) ** (count - ran_on)
        held = float((chances > 1 - level).mean())
        width += held * ways * often**ran_on * (1 - often) ** (count - ran_on)
    return width


def section(rng: np.random.Generator, runs: int) -> Section:
    """The claims about the grid."""
    fewer = max(4, runs // FEWER)
    cells, together, costs = (
        differences(rng, runs),
        groups(rng, fewer),
        runaways(rng, fewer),
    )
    heads = ("scores", "pairs", "coverage", "width / t", "t covers", *OTHERS)
    grouped = [
        [name, alike, f"{f.coverage:.1%}", f"{f.width / best:.2f}"]
        for name, alike, f, best in together
    ]
    paid = [
        [
            f"{often:.0%}",
            str(count),
            f"{f.coverage:.1%}",
            f"{f.width / best:.2f}",
            f"{plain.coverage:.1%}",
        ]
        for often, count, f, best, plain in costs
    ]
    text = f"""## A grid of distributions

Differences of pairs, {runs} a row; for the other methods {fewer}: their coverage, and their width over Student's. The
size of a Beta distribution says how little scores spread: at 100 and a mean of 0.97 by 0.017.

{tabled(heads, [cell.cells() for cell in cells])}

0/1 scores in groups, mean 0.8, {fewer} a row. Oracle: the middle 95 % of the means of such samples.

{tabled(("groups", "rows of a group are", "coverage", "width / oracle"), grouped)}

Costs, lognormal with a deviation of 0.3, of which a share is {CAP:g} times the median, {fewer} a row.

{tabled(("run on to the cap", "requests", "coverage", "width / oracle", "coverage without the cap"), paid)}"""
    return Section(claims(cells, together, costs, runs), text, beneath(cells, costs))


def claims(
    cells: Sequence[Cell],
    together: Sequence[tuple[str, str, Found, float]],
    costs: Sequence[tuple[float, int, Found, float, Found]],
    runs: int,
) -> tuple[Claim, ...]:
    """What the tables come to: their worst rows."""
    mine = [cell for cell in cells if cell.world.promised]
    coverage, ratio = (
        min(cell.ours.coverage for cell in mine),
        max(cell.ratio for cell in mine),
    )
    noise, less = luck(0.07, max(4, runs // FEWER)), luck(0.07, runs)
    held, wide = (
        min(f.coverage for *_, f, _ in together),
        max(f.width / best for *_, f, best in together),
    )
    rare = [row for row in costs if row[0] > 0]
    paid, large = (
        min(row[2].coverage for row in rare),
        max(row[2].width / row[3] for row in rare),
    )
    return (
        Claim(
            "differences of scores near a bound, graded and 0/1 are covered in at least 93 %: "
            f"{coverage:.1%} in the "
            f"worst of {len(mine)} rows, of which {less:.1%} may be the simulation's luck (three "
            "standard errors)",
            coverage >= 0.93 - less,
        ),
        Claim(
            f"at a mean width of at most 1.5 times Student's from 40 pairs on: {ratio:.2f} at most",
            ratio <= 1.5,
        ),
        Claim(
            "means of rows in groups, also where one holds 40 % of them, are covered in at least "
            f"93 %: {held:.1%} in "
            f"the worst of {len(together)} rows, of which {noise:.1%} may be the simulation's luck",
            held >= 0.93 - noise,
        ),
        Claim(
            f"at a width of at most twice an oracle's: {wide:.2f} at most", wide <= 2
        ),
        Claim(
            f"costs of which a few run on to the cap are covered in at least 93 %: {paid:.1%} in "
            "the worst of "
            f"{len(rare)} rows, of which {noise:.1%} may be the simulation's luck",
            paid >= 0.93 - noise,
        ),
        Claim(
            f"at a width of at most twice an oracle's: {large:.2f} at most", large <= 2
        ),
    )


def beneath(
    cells: Sequence[Cell], costs: Sequence[tuple[float, int, Found, float, Found]]
) -> str:
    """Where the intervals lose, in plain words."""
    lost = min(
        (cell for cell in cells if not cell.world.promised),
        key=lambda cell: cell.ours.coverage,
    )
    never = max(row[2].width / row[3] for row in costs if row[0] == 0)
    rare = [row for row in costs if row[0] > 0]
    often, count, found, best, _ = max(rare, key=lambda row: row[2].width / row[3])
    least = least_width(count, often) * (CAP - math.exp(0.3**2 / 2))
    unseen = 1 - 0.07 ** (1 / count)
    return (
        "Where the intervals lose: a failure that has not happened yet is in no sample. Where "
        "scores lie within a few "
        f"points of each other and {lost.world.name}, {lost.size} pairs cover "
        f"{lost.ours.coverage:.1%} (Student's t "
        f"{lost.t.coverage:.1%}). No interval covers there and is as narrow as t where nothing "
        "fails, since both look "
        "alike. A study's report is better off: a failure among its tuning examples widens the "
        "interval. For costs "
        "it is the other way round, since the cap is known: where no request ever runs on to a "
        f"cap of {CAP:g} times "
        f"the median, the interval is up to {never:.1f} times as wide as an oracle's. Where "
        f"{often:.0%} of {count} "
        f"requests run on it is {found.width / best:.2f} times as wide, and an interval that goes "
        "by how many ran on "
        f"cannot be below {least / best:.2f} there if it is to cover 93 % whatever the share: at a "
        "share of "
        f"{unseen:.0%} none of {count} requests runs on in 7 % of cases, so the interval has to "
        "reach that far when "
        "none did. One that trusts that the share is at most a tenth could be narrower, and would "
        "be wrong more often "
        f"where it is not."
    )
