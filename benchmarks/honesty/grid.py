"""Coverage and width on a fixed grid of distributions, also where the intervals lose.

Differences of scores near a bound, beside other methods, and groups of very different sizes. A part
of `benchmarks/honesty/`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from benchmarks.honesty.section import Claim, Section, sampling_error, student, tabled
from tune.stats.confidence_sequences import paired_sequential_test
from tune.stats.intervals import difference_interval, mean_interval

Pairs: TypeAlias = tuple[np.ndarray, np.ndarray]
Limits: TypeAlias = tuple[float, float]
Draw: TypeAlias = Callable[[np.random.Generator, int], Pairs]

SIZES = (40, 160)
TRUTH = 400_000
"""Pairs whose mean is taken as the truth; its own error is far below a width."""

FEWER = 4
"""The other methods, and groups, have one run for each of this many."""

RESAMPLES = 200
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
        draw: returns a number of pairs.
        promised: true if 93 % is promised there, and a width of at most 1.5 times Student's.
    """

    name: str
    draw: Draw
    promised: bool


def beta(ours: float, theirs: float, size: float) -> Draw:
    """Draw independent scores with these means; the larger the size, the less they spread."""
    return lambda rng, n: (
        rng.beta(size * ours, size * (1 - ours), n),
        rng.beta(size * theirs, size * (1 - theirs), n),
    )


def rubric(mean: float, steps: int) -> Draw:
    """Draw scores graded in steps, where some examples are harder than others."""

    def draw(rng: np.random.Generator, n: int) -> Pairs:
        hard = rng.beta(10 * mean, 10 * (1 - mean), n)
        return rng.binomial(steps, hard) / steps, rng.binomial(steps, hard) / steps

    return draw


def failing(ours: float, theirs: float) -> Draw:
    """Draw scores around 0.97, where these shares of them are 0."""
    scores = beta(0.97, 0.97, 100)

    def draw(rng: np.random.Generator, n: int) -> Pairs:
        first, second = scores(rng, n)
        return np.where(rng.random(n) < ours, 0.0, first), np.where(
            rng.random(n) < theirs, 0.0, second
        )

    return draw


def right(ours: float, theirs: float) -> Draw:
    """Draw scores of 0 and 1."""
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
    """Return the interval of a report."""
    found = difference_interval(first, second)
    return found.low, found.high


def bernstein(first: np.ndarray, second: np.ndarray) -> Limits:
    """Return the empirical Bernstein bound (Maurer and Pontil 2009), proven for bounded scores."""
    values = first - second
    n, mean, rate = len(values), float(values.mean()), math.log(4 / 0.05)
    half = math.sqrt(2 * float(values.var(ddof=1)) * rate / n) + 7 * 2 * rate / (
        3 * (n - 1)
    )
    return max(-1.0, mean - half), min(1.0, mean + half)


def betting(first: np.ndarray, second: np.ndarray) -> Limits:
    """Return the bets of a check (Waudby-Smith and Ramdas 2024), valid at every look."""
    found = paired_sequential_test(
        first, second, difference=0.05, alpha=0.025, beta=0.025
    ).interval
    return found.low, found.high


def resampled(first: np.ndarray, second: np.ndarray) -> Limits:
    """Return the studentised bootstrap interval."""
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
    """Coverage and mean width of the intervals of one world."""

    coverage: float
    width: float


def measured(limits: Sequence[Limits], truth: float) -> Found:
    """Return coverage and mean width."""
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
        """Return the cells of a row of a table."""
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
    """Measure every world at every size."""
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
    """Return the width of an oracle that knows the distribution: the middle 95 % of sample means."""
    low, high = np.percentile(means, [2.5, 97.5])
    return float(high - low)


def groups(rng: np.random.Generator, runs: int) -> list[tuple[str, str, Found, float]]:
    """Measure 0/1 scores of rows in groups, with the oracle's width.

    A share of the rows have the score of their group.
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


def section(rng: np.random.Generator, runs: int) -> Section:
    """Return the part of the page."""
    fewer = max(4, runs // FEWER)
    cells = differences(rng, runs)
    together = groups(rng, fewer)
    heads = ("scores", "pairs", "coverage", "width / t", "t covers", *OTHERS)
    grouped = [
        [name, alike, f"{found.coverage:.1%}", f"{found.width / best:.2f}"]
        for name, alike, found, best in together
    ]
    text = f"""## A grid of distributions

Differences of pairs, {runs} a row; for the other methods {fewer}: their coverage, and their width over Student's. The
size of a Beta distribution says how little scores spread: at 100 and a mean of 0.97 by 0.017.

{tabled(heads, [cell.cells() for cell in cells])}

0/1 scores in groups, mean 0.8, {fewer} a row. Oracle: the middle 95 % of the means of such samples.

{tabled(("groups", "rows of a group are", "coverage", "width / oracle"), grouped)}"""
    return Section(claims(cells, together, runs), text, beneath(cells))


def claims(
    cells: Sequence[Cell],
    together: Sequence[tuple[str, str, Found, float]],
    runs: int,
) -> tuple[Claim, ...]:
    """Return the claims: the worst rows of the tables."""
    mine = [cell for cell in cells if cell.world.promised]
    coverage = min(cell.ours.coverage for cell in mine)
    ratio = max(cell.ratio for cell in mine)
    noise = sampling_error(0.07, max(4, runs // FEWER))
    less = sampling_error(0.07, runs)
    held = min(found.coverage for *_, found, _ in together)
    wide = max(found.width / best for *_, found, best in together)
    return (
        Claim(
            "differences of scores near a bound, graded and 0/1 are covered in at least 93 %: "
            f"{coverage:.1%} in the worst of {len(mine)} rows; {less:.1%} may be the simulation's "
            "sampling error (three standard errors)",
            coverage >= 0.93 - less,
        ),
        Claim(
            f"at a mean width of at most 1.5 times Student's from 40 pairs on: {ratio:.2f} at most",
            ratio <= 1.5,
        ),
        Claim(
            "means of rows in groups, also where one holds 40 % of them, are covered in at least "
            f"93 %: {held:.1%} in the worst of {len(together)} rows; {noise:.1%} may be the "
            "simulation's sampling error",
            held >= 0.93 - noise,
        ),
        Claim(
            f"at a width of at most twice an oracle's: {wide:.2f} at most", wide <= 2
        ),
    )


def beneath(cells: Sequence[Cell]) -> str:
    """Return the paragraph on where the intervals lose."""
    others = [cell for cell in cells if not cell.world.promised]
    lost = min(others, key=lambda cell: cell.ours.coverage)
    return (
        "Where the intervals lose: a failure that has not happened yet is in no sample. Where "
        f"scores lie within a few points of each other and {lost.world.name}, {lost.size} pairs "
        f"cover {lost.ours.coverage:.1%} (Student's t {lost.t.coverage:.1%}). No interval covers "
        "there and is as narrow as t where nothing fails, since both look alike. A study's report "
        "is better off: a failure among its tuning examples widens the interval. For costs it is "
        "the other way round, since the cap is known."
    )
