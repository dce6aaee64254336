"""How many calls `tune check` takes against a fixed-size test of the same error rates and power, and how often it errs.

Simulated scores; a part of `benchmarks/honesty.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from honesty_section import Claim, Section, luck, tabled

from tune.check.deciding import BLOCK
from tune.sequential import log_evidence_above, log_evidence_below, next_block

ALPHA = BETA = 0.05
MARGIN = 0.05
MOST = 4000
"""Examples that a check has at most; in these worlds hardly one needs more."""

RECORDED = 60
"""Scores of the export, which tell a check how new ones may spread. Every so many checks have others."""

FAILURES = 0.03
"""How often a graded answer is worth nothing, where that happens."""

TOGETHER = 125
"""Checks that are simulated at once, of one export."""

POWERS = (0.90, 0.95, 0.99)
ON_THE_LINE = "on the line"
PLACES = {"no change": 1, ON_THE_LINE: 0, "twice the margin": -1, "four times": -3}
"""Truths, in margins above the line."""

PROMISED = ("no change", "twice the margin")
HEADS = (
    "scores",
    "recorded",
    "truth",
    "mean calls",
    "fixed size",
    "ratio at power 0.90",
    "0.95",
    "0.99",
    "the least of any test at 0.95 / 0.99",
    "wrong answers",
)

Scores = Callable[[float, tuple[int, ...]], np.ndarray]


@dataclass(frozen=True)
class World:
    """Scores of one kind: how they are drawn for a mean, and their variance at it."""

    name: str
    draw: Scores
    variance: Callable[[float], float]


def worlds(rng: np.random.Generator) -> tuple[World, World, World]:
    """Right or wrong; graded evenly; and graded within a few points, but now and then not at all."""

    def binary(mean: float, shape: tuple[int, ...]) -> np.ndarray:
        return (rng.random(shape) < mean).astype(float)

    def graded(mean: float, shape: tuple[int, ...]) -> np.ndarray:
        return rng.beta(3 * mean, 3 * (1 - mean), shape)

    def failing(mean: float, shape: tuple[int, ...]) -> np.ndarray:
        usual = mean / (1 - FAILURES)
        return np.where(rng.random(shape) < FAILURES, 0.0, rng.beta(40 * usual, 40 * (1 - usual), shape))

    def failing_variance(mean: float) -> float:
        usual = mean / (1 - FAILURES)
        return mean * (usual + (1 - usual) / 41) - mean**2

    return (
        World("0/1", binary, lambda m: m * (1 - m)),
        World("graded", graded, lambda m: m * (1 - m) / 4),
        World("graded, failures", failing, failing_variance),
    )


def block_ends() -> np.ndarray:
    """How many examples a check may have bought when it looks."""
    ends, bought = [], 0
    while bought < MOST:
        bought = min(MOST, bought + next_block(bought, BLOCK))
        ends.append(bought)
    return np.array(ends)


ENDS = block_ends()


def outcomes(world: World, truth: float, line: float, runs: int) -> tuple[np.ndarray, np.ndarray]:
    """Calls until "holds" and until "regressed", as a check counts them; infinite where it never comes to it."""
    both: list[list[np.ndarray]] = [[], []]
    for start in range(0, runs, TOGETHER):
        earlier = world.draw(line + MARGIN, (RECORDED,))
        scores = world.draw(truth, (min(TOGETHER, runs - start), MOST))
        for kind, evidence in enumerate((log_evidence_above, log_evidence_below)):
            enough = evidence(scores, line, difference=MARGIN, earlier=earlier) >= -math.log((BETA, ALPHA)[kind])
            first = np.where(enough.any(axis=1), enough.argmax(axis=1) + 1, MOST + 1)
            calls = np.append(ENDS.astype(float), math.inf)[np.searchsorted(ENDS, first)]
            both[kind].append(calls)
    return np.concatenate(both[0]), np.concatenate(both[1])


def fixed_size(world: World, truth: float, line: float, power: float) -> int:
    """Examples that a test of a fixed size needs for the same error rate on the line and this power at the truth.

    For 0/1 scores the exact binomial test; else the z test, told the variance: which no real test is.
    """
    z = NormalDist().inv_cdf
    error = ALPHA if truth < line else BETA
    spread = z(1 - error) * math.sqrt(world.variance(line)) + z(power) * math.sqrt(world.variance(truth))
    about = (spread / (truth - line)) ** 2
    if world.name != "0/1":
        return math.ceil(about)
    p, q = (line, truth) if truth > line else (1 - line, 1 - truth)
    return next(n for n in range(int(0.7 * about), 2 * int(about) + 50) if exact_power(n, p, q, error) >= power)


def exact_power(n: int, null: float, truth: float, error: float) -> float:
    """Of the binomial test that refutes "at most null"."""
    k = np.arange(n + 1)
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])
    ways = logs[n] - logs[k] - logs[n - k]
    tails = [np.exp(ways + k * math.log(p) + (n - k) * math.log(1 - p))[::-1].cumsum()[::-1] for p in (null, truth)]
    allowed = tails[0] <= error
    return float(tails[1][allowed.argmax()]) if allowed.any() else 0.0


def least_size(world: World, truth: float, line: float, power: float) -> float:
    """Fewer examples no test can have on average, with this error rate and power, that knows the bounds and no more.

    Wald's bound: what has to be shown, over what an example shows at best, by the stake that somebody would choose
    who knew the distribution (Honda and Takemura 2010). For 0/1 scores that is the likelihood ratio.
    """
    error = ALPHA if truth < line else BETA
    scores, mean, null = world.draw(truth, (200_000,)), truth, line
    if truth < line:
        scores, mean, null = 1 - scores, 1 - truth, 1 - line
    shown = power * math.log(power / error) + (1 - power) * math.log((1 - power) / (1 - error))

    def growth(stake: float) -> float:
        gains = stake * (scores / null - 1)  # whose mean is known; what luck remains is that of the rest
        return stake * (mean / null - 1) - float((gains - np.log1p(gains)).mean())

    return shown / max(growth(stake) for stake in np.linspace(0.02, 0.999, 50))


class Row(NamedTuple):
    """A truth that checks were made at, and how they fared.

    Attributes:
        world: the kind of scores.
        recorded: the recorded quality; the line is a margin below.
        place: where the truth is, in words.
        calls: of a check, on average.
        sizes: examples of the fixed-size test, by power.
        ratios: calls over those sizes, by power.
        least: the same of the fewest calls that any test can have.
        errors: shares of wrong answers; on the line of "holds" and of "regressed", which are both wrong there.
    """

    world: str
    recorded: float
    place: str
    calls: float
    sizes: tuple[int, ...]
    ratios: tuple[float, ...]
    least: tuple[float, ...]
    errors: tuple[float, ...]


def rows_of(rng: np.random.Generator, runs: int) -> list[Row]:
    """Checks of every kind of scores, recorded quality and truth."""
    found = []
    for world in worlds(rng):
        for recorded in (0.6, 0.8, 0.9):
            line = recorded - MARGIN
            found += [row_of(world, recorded, place, line + shift * MARGIN, runs) for place, shift in PLACES.items()]
    return found


def row_of(world: World, recorded: float, place: str, truth: float, runs: int) -> Row:
    """So many checks at one truth."""
    line = recorded - MARGIN
    holds, regressed = outcomes(world, truth, line, runs)
    if place == ON_THE_LINE:
        errors = float(np.isfinite(holds).mean()), float(np.isfinite(regressed).mean())
        return Row(world.name, recorded, place, math.nan, (), (), (), errors)
    right, wrong = (holds, regressed) if truth > line else (regressed, holds)
    sizes = tuple(fixed_size(world, truth, line, power) for power in POWERS)
    # A check that is given just so many examples that it decides as often as the fixed-size test.
    most = [float(np.quantile(right, power, method="higher")) for power in POWERS]
    ratios = tuple(float(np.minimum(right, m).mean()) / size for m, size in zip(most, sizes, strict=True))
    least = tuple(least_size(world, truth, line, power) / size for power, size in zip(POWERS, sizes, strict=True))
    calls = float(np.minimum(np.minimum(right, wrong), MOST).mean())
    return Row(world.name, recorded, place, calls, sizes, ratios, least, (float((wrong < right).mean()),))


def told(row: Row) -> list[str]:
    """A row of the table in Markdown."""
    begun = [row.world, str(row.recorded), row.place]
    if row.place == ON_THE_LINE:
        return [*begun, "", "", "", "", "", "", f"holds {row.errors[0]:.1%}, regressed {row.errors[1]:.1%}"]
    sizes = " / ".join(map(str, row.sizes))
    ratios, least = ([f"{ratio:.2f}" for ratio in part] for part in (row.ratios, row.least))
    return [*begun, f"{row.calls:.0f}", sizes, *ratios, " / ".join(least[1:]), f"{row.errors[0]:.1%}"]


def worst(rows: Sequence[Row], power: float, world: str) -> tuple[float, str]:
    """The largest ratio of a kind of scores where half is promised; and in words, with the least that can be there."""
    at = POWERS.index(power)
    row = max((row for row in rows if row.place in PROMISED and row.world == world), key=lambda row: row.ratios[at])
    return row.ratios[at], f"{row.ratios[at]:.2f} at most (no test can have less than {row.least[at]:.2f} there)"


def section(rng: np.random.Generator, runs: int) -> Section:
    """The claims about `tune check`."""
    rows = rows_of(rng, runs)
    sure, usual = worst(rows, 0.99, "0/1"), worst(rows, 0.95, "0/1")
    graded, failing = (worst(rows, 0.99, name) for name in ("graded", "graded, failures"))
    error, noise = max(max(row.errors) for row in rows), luck(ALPHA, runs)
    half = (
        "of the calls of a fixed-size test of the same error rates and power (0.99), at no change and twice the margin"
    )
    claims = (
        Claim(f"`check` takes at most half {half}: for 0/1 scores {sure[1]}", sure[0] <= 0.5),
        Claim(f"the same at power 0.95: for 0/1 scores {usual[1]}", usual[0] <= 0.5),
        Claim(
            f"at power 0.99 for graded scores, against a z test that is told the variance: {graded[1]}",
            graded[0] <= 0.5,
        ),
        Claim(f"likewise where {FAILURES:.0%} of graded answers are worth nothing: {failing[1]}", failing[0] <= 0.5),
        Claim(
            f"`check` is wrong in at most 5 % of checks, either way: {error:.1%} at most, of which "
            f"{noise:.1%} may be the simulation's luck (three standard errors)",
            error <= ALPHA + noise,
        ),
    )
    text = f"""## `tune check`

Margin {MARGIN}, error rates {ALPHA} and {BETA}, {runs} checks a row of at most {MOST} examples each. The line is the
recorded quality less the margin, so "no change" and "twice the margin" are equally far from it. How scores spread is
guessed from {RECORDED} scores of the export, and learned. Fixed size: examples of a one-sided test of that line
with the same error rate there, at power 0.90 / 0.95 / 0.99 (the exact binomial test; for graded scores a z test that is
told the variance, which no real test is, and that errs more than it says where a few scores are far from the others).
Ratio: mean calls of a check that is given just so many examples that it decides as often, over that size. A sequential
test gains the more, the more power is wanted. The least of any test: Wald's bound over that size, for a test with these
error rates that knows the bounds of the scores and no more, if it were told the truth. Without a limit on examples a
check always comes to an answer.

{tabled(HEADS, [told(row) for row in rows])}"""
    return Section(claims, text)
