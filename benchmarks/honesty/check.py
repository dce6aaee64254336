"""Calls and errors of the test of a check, beside a fixed-size test of equal error rates.

The recorded quality counts as known here; `samples.py` shows the effect of its uncertainty.
The scores are simulated. This is a part of `benchmarks/honesty/`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from benchmarks.honesty.fixed_size import (
    SURE,
    Spread,
    binomial_size,
    mean_size,
    upper_limit,
    z_error,
)
from benchmarks.honesty.section import Claim, Section, sampling_error, tabled
from tune.followup.check.run import BLOCK
from tune.stats.betting import log_evidence_above, log_evidence_below
from tune.stats.confidence_sequences import next_block_size

ALPHA = BETA = 0.05
MARGIN = 0.05
MOST = 4000
"""Examples that a check has at most; in these worlds hardly one needs more."""

RECORDED = 60
"""Scores of the export, which tell a check how new ones may spread. Every so many checks have
others.
"""

FAILURES = 0.03
"""How often a graded answer is worth nothing, where that happens."""

TOGETHER = 125
"""Checks that are simulated at once, of one export."""

SHOWN_DRAWS = 200_000
"""Scores from which the least size of any test is computed."""

DRAWS = 400_000
"""From which it is told how graded scores spread."""

ON_LINE = 4
"""Checks on the line, for each elsewhere: there it shows whether they err more often than is said."""

SUREST = 0.995
"""The most power that is asked of a fixed-size test which is to be wrong as seldom as a check."""

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
    "wrong answers",
    "fixed size of equal error rates",
    "ratio",
    "the least of any test",
    "fixed size at power 0.90 / 0.95 / 0.99",
    "ratio",
    "the least of any test",
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
        return np.where(
            rng.random(shape) < FAILURES,
            0.0,
            rng.beta(40 * usual, 40 * (1 - usual), shape),
        )

    def failing_variance(mean: float) -> float:
        usual = mean / (1 - FAILURES)
        return mean * (usual + (1 - usual) / 41) - mean**2

    return (
        World("0/1", binary, lambda m: m * (1 - m)),
        World("graded", graded, lambda m: m * (1 - m) / 4),
        World("graded, failures", failing, failing_variance),
    )


def block_ends() -> np.ndarray:
    """Return the numbers of examples at which a check analyses its scores."""
    ends, bought = [], 0
    while bought < MOST:
        bought = min(MOST, bought + next_block_size(bought, BLOCK))
        ends.append(bought)
    return np.array(ends)


ENDS = block_ends()


def outcomes(
    world: World, truth: float, line: float, runs: int
) -> tuple[np.ndarray, np.ndarray]:
    """Calls until "holds" and until "regressed", as a check counts them; infinite where it never
    comes to it.
    """
    both: list[list[np.ndarray]] = [[], []]
    for start in range(0, runs, TOGETHER):
        earlier = world.draw(line + MARGIN, (RECORDED,))
        scores = world.draw(truth, (min(TOGETHER, runs - start), MOST))
        for kind, evidence in enumerate((log_evidence_above, log_evidence_below)):
            enough = evidence(
                scores, line, difference=MARGIN, earlier=earlier
            ) >= -math.log((BETA, ALPHA)[kind])
            first = np.where(enough.any(axis=1), enough.argmax(axis=1) + 1, MOST + 1)
            calls = np.append(ENDS.astype(float), math.inf)[
                np.searchsorted(ENDS, first)
            ]
            both[kind].append(calls)
    return np.concatenate(both[0]), np.concatenate(both[1])


class Sizes:
    """Examples of tests of a fixed size with the same error rate on the line, for one truth.

    For 0/1 scores the exact binomial test; else the test by the mean that is told how scores spread
    on the line.
    """

    def __init__(self, world: World, truth: float, line: float) -> None:
        self._above, self._binary = truth > line, world.name == "0/1"
        self._error = BETA if self._above else ALPHA
        self._ends = (line, truth) if self._above else (1 - line, 1 - truth)
        if not self._binary:
            null, at = (
                Spread.of(world.draw(mean, (DRAWS,)), mean) for mean in (line, truth)
            )
            self._null, self._truth = (
                (null, at) if self._above else (null.mirrored, at.mirrored)
            )

    def of(self, power: float) -> int:
        """For this power at the truth."""
        if self._binary:
            return binomial_size(*self._ends, self._error, power)
        return mean_size(self._null, self._truth, self._error, power)

    def z_error(self, size: int) -> float:
        """Return the error rate of a z test of this size that knows the variance."""
        return self._error if self._binary else z_error(size, self._null, self._error)


def least_size(world: World, truth: float, line: float, power: float) -> float:
    """Fewer examples no test can have on average, with this error rate and power, that knows the
    bounds and no more.

    Wald's bound: what has to be shown, over what an example shows at best, by the stake that
    somebody would choose who knew the distribution (Honda and Takemura 2010). For 0/1 scores that
    is the likelihood ratio.
    """
    error = ALPHA if truth < line else BETA
    scores, mean, null = world.draw(truth, (SHOWN_DRAWS,)), truth, line
    if truth < line:
        scores, mean, null = 1 - scores, 1 - truth, 1 - line
    shown = power * math.log(power / error) + (1 - power) * math.log(
        (1 - power) / (1 - error)
    )

    def growth(stake: float) -> float:
        gains = stake * (
            scores / null - 1
        )  # whose mean is known, so that only the rest has noise
        return stake * (mean / null - 1) - float((gains - np.log1p(gains)).mean())

    return shown / max(growth(stake) for stake in np.linspace(0.02, 0.999, 50))


class Held(NamedTuple):
    """A check beside the test of a fixed size that has some power at the truth.

    Attributes:
        power: how often that test is right there.
        size: its examples.
        ratio: calls of a check over them.
        least: the same of the fewest calls that any test can have.
    """

    power: float
    size: int
    ratio: float
    least: float


class Row(NamedTuple):
    """A truth that checks were made at, and how they fared.

    Attributes:
        world: the kind of scores.
        recorded: the recorded quality; the line is a margin below.
        place: where the truth is, in words.
        errors: shares of wrong answers; on the line of "holds" and of "regressed", which are both
            wrong there.
        calls: of a check, on average.
        equal: beside the test that is wrong as seldom as the check; None on the line.
        usual: beside the tests of `POWERS`, of a check that is given just so many examples that it
            decides as often.
        z_error: how often the z test that is told the variance errs on the line, of the size for a
            power of 0.95.
    """

    world: str
    recorded: float
    place: str
    errors: tuple[float, ...]
    calls: float = math.nan
    equal: Held | None = None
    usual: tuple[Held, ...] = ()
    z_error: float = math.nan


def rows_of(rng: np.random.Generator, runs: int) -> list[Row]:
    """Checks of every kind of scores, recorded quality and truth."""
    found = []
    for world in worlds(rng):
        for recorded in (0.6, 0.8, 0.9):
            line = recorded - MARGIN
            found += [
                row_of(world, recorded, place, line + shift * MARGIN, runs)
                for place, shift in PLACES.items()
            ]
    return found


def row_of(world: World, recorded: float, place: str, truth: float, runs: int) -> Row:
    """So many checks at one truth, and more of them on the line."""
    line = recorded - MARGIN
    if place == ON_THE_LINE:
        holds, regressed = outcomes(world, truth, line, ON_LINE * runs)
        return Row(
            world.name,
            recorded,
            place,
            (float(np.isfinite(holds).mean()), float(np.isfinite(regressed).mean())),
        )
    holds, regressed = outcomes(world, truth, line, runs)
    right, wrong = (holds, regressed) if truth > line else (regressed, holds)
    calls = float(np.minimum(np.minimum(right, wrong), MOST).mean())
    sizes = Sizes(world, truth, line)

    def held(power: float, mean: float) -> Held:
        size = sizes.of(power)
        return Held(
            power, size, mean / size, least_size(world, truth, line, power) / size
        )

    failed = int((~(right < wrong)).sum())  # wrong, or not decided
    equal = held(max(0.5, min(SUREST, 1 - upper_limit(failed, runs))), calls)
    most = [float(np.quantile(right, power, method="higher")) for power in POWERS]
    usual = tuple(
        held(power, float(np.minimum(right, m).mean()))
        for power, m in zip(POWERS, most, strict=True)
    )
    errors = (float((wrong < right).mean()),)
    return Row(
        world.name,
        recorded,
        place,
        errors,
        calls,
        equal,
        usual,
        sizes.z_error(usual[1].size),
    )


def told(row: Row) -> list[str]:
    """A row of the table in Markdown."""
    begun = [row.world, str(row.recorded), row.place]
    if row.equal is None:
        return [
            *begun,
            "",
            f"holds {row.errors[0]:.1%}, regressed {row.errors[1]:.1%}",
            *[""] * 6,
        ]
    equal, usual = row.equal, row.usual
    return [
        *begun,
        f"{row.calls:.0f}",
        f"{row.errors[0]:.1%}",
        f"{equal.size} (power {equal.power:.3f})",
        f"{equal.ratio:.2f}",
        f"{equal.least:.2f}",
        " / ".join(str(held.size) for held in usual),
        " / ".join(f"{held.ratio:.2f}" for held in usual),
        " / ".join(f"{held.least:.2f}" for held in usual),
    ]


def worst(rows: Sequence[Row], world: str, power: float | None = None) -> Held:
    """Return the largest ratio of one kind of scores, where half is promised.

    The ratio is at a power, or else at equal error rates.
    """
    mine = [row for row in rows if row.place in PROMISED and row.world == world]
    held = [
        row.equal if power is None else row.usual[POWERS.index(power)] for row in mine
    ]
    return max((one for one in held if one is not None), key=lambda one: one.ratio)


def claims(rows: Sequence[Row], runs: int) -> tuple[Claim, ...]:
    """Return the promises of a check, each kept or not."""
    named = {
        "0/1": "for 0/1 scores",
        "graded": "the same for graded scores, against a test that is told how they spread on the "
        "line",
        "graded, failures": f"the same where {FAILURES:.0%} of graded answers are worth nothing",
    }
    error, noise = (
        max(max(row.errors) for row in rows),
        sampling_error(ALPHA, ON_LINE * runs),
    )
    promised = [row for row in rows if row.place in PROMISED and row.equal is not None]
    least = min(row.equal.power for row in promised if row.equal is not None)
    half = (
        "Where the recorded quality is known, `check` takes at most half of the calls of a "
        "fixed-size test of equal "
        "error rates (5 % on the line, and at the truth as seldom wrong as the check, taken to be "
        f"{1 - SUREST:.1%} to "
        f"{1 - least:.1%}), at no change and twice the margin: "
    )
    made = []
    for world, words in named.items():
        held = worst(rows, world)
        begun, least_words = (
            half if world == "0/1" else "",
            f"(no test can have less than {held.least:.2f} there)",
        )
        made.append(
            Claim(
                f"{begun}{words}: {held.ratio:.2f} at most {least_words}",
                held.ratio <= 0.5,
            )
        )
    wrong = (
        f"there `check` is wrong in at most 5 % of checks, either way: {error:.1%} at most, of "
        f"which {noise:.1%} may "
        f"be the simulation's sampling error (three standard errors)"
    )
    return (*made, Claim(wrong, error <= ALPHA + noise))


def beneath(rows: Sequence[Row]) -> str:
    """Say in plain words what those claims leave out."""
    names = {
        "0/1": "0/1 scores",
        "graded": "graded scores",
        "graded, failures": f"those of which {FAILURES:.0%} fail",
    }

    def at(power: float) -> str:
        found = {name: worst(rows, world, power) for world, name in names.items()}
        return ", ".join(
            f"{held.ratio:.2f} for {name} ({held.least:.2f})"
            for name, held in found.items()
        )

    failing = worst(rows, "graded, failures")
    out_of_reach = (
        f" Where {FAILURES:.0%} of graded answers are worth nothing, half is out of reach of any "
        "test that knows no "
        f"more than the bounds of the scores: {failing.least:.2f} is the least, since the test of "
        "a fixed size is told "
        f"in advance how rare failures are."
    )
    return (
        "What this does not say: a test that is as seldom wrong as a check is a large one. "
        "Somebody who is content "
        "with a power of 0.95 buys a smaller test, and a check saves less of it, or nothing. At "
        "no change and twice "
        "the margin it takes, at most, of the calls of that test (in brackets what no test can go "
        "below there): "
        f"{at(0.95)}; at a power of 0.90 {at(0.9)}."
    ) + (out_of_reach if failing.least > 0.5 else "")


def section(rng: np.random.Generator, runs: int) -> Section:
    """The claims about `tune check`."""
    rows = rows_of(rng, runs)
    odd = [
        row.z_error
        for row in rows
        if row.world == "graded, failures" and row.place in PROMISED
    ]
    text = f"""## `tune check` where the recorded quality is known

Margin {MARGIN}, error rates {ALPHA} and {BETA}, {runs} checks a row ({ON_LINE * runs} on the line) of at most {MOST}
examples each. The line is the recorded quality less the margin, so "no change" and "twice the margin" are equally far
from it. How scores spread is guessed from {RECORDED} scores of the export, and learned.

Fixed size: examples of a one-sided test of that line with the same error rate there: the exact binomial test; for
graded scores the test by their mean whose threshold is just where it errs in {ALPHA:.0%} of cases on the line. It is
told how scores spread there, which no real test is. (A z test that is told the variance alone errs in {min(odd):.1%} to
{max(odd):.1%} instead of {ALPHA:.0%} where {FAILURES:.0%} are worth nothing.)

Equal error rates: that test is, at the truth, as seldom wrong as the check, which is taken to be wrong or undecided in
{1 - SUREST:.1%}, or in the upper {SURE:.0%} limit of what was counted in {runs}, where that is more. Ratio: mean calls
over that size. At power 0.90 / 0.95 / 0.99: mean calls of a check that is given just so many examples that it decides
as often, over that size. The least of any test: Wald's bound over that size, for a test with these error rates that
knows the bounds of the scores and no more, if it were told the truth.

{tabled(HEADS, [told(row) for row in rows])}"""
    return Section(claims(rows, runs), text, beneath(rows))
