"""Do the intervals of a report cover, and is "better than the baseline" true? In simulated worlds
of known truth.

A study here is what is left of one for statistics: the config that is best on the tuning examples
is chosen, then it meets the holdout together with the baseline. A part of `benchmarks/honesty/`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from benchmarks.honesty.section import Biases, Claim, Section, fixed, student, tabled
from tune.stats.alpha_spending import analysis_confidence
from tune.stats.intervals import Interval, difference_interval, mean_interval, verdict

CONFIDENCE = analysis_confidence(1)
"""Confidence of the 95 % intervals in a report.

All analyses of its holdout together are wrong at most 5 % of the time.
"""

CONFIGS, TUNING, GROUP = 24, 60, 4
SIZES = (20, 40, 80, 160, 320)
KINDS = ("0/1", "graded", "grouped")
DEVIATIONS = (0.3, 0.6, 1.0, 1.2)
"""Of the length of an answer, on the log scale."""

COST_RUNS = 5
"""Intervals of costs for each study of scores: they are cheap, and one row in many is easily a
point off by chance.
"""

BIAS_RUNS = 6
"""Studies for the bias alone, for each whose intervals are made: intervals take nearly all of the
time.
"""


def answers(
    rng: np.random.Generator, truths: np.ndarray, count: int, kind: str
) -> np.ndarray:
    """A row a config, a column an example; some examples are hard for all, so that pairs go
    together.

    Args:
        rng: of the world.
        truths: how often each config is right.
        count: examples.
        kind: "0/1"; "graded", two points of a rubric; or "grouped", rows of four that are about
            equally hard.
    """

    def right() -> np.ndarray:
        shape = (len(truths), count)
        # Half of the examples' scores depend on their own difficulty, and half of that is shared by a
        # group.
        difficulty = rng.random(count)
        if kind == "grouped":
            difficulty = np.where(
                rng.random(count) < 0.5,
                np.repeat(rng.random(-(-count // GROUP)), GROUP)[:count],
                difficulty,
            )
        uniform = np.where(rng.random(shape) < 0.5, difficulty, rng.random(shape))
        return (uniform < truths[:, None]).astype(float)

    return (right() + right()) / 2 if kind == "graded" else right()


class Hit(NamedTuple):
    """An interval beside that of a sample of fixed size: whether each held the truth, and its
    width.
    """

    held: bool
    width: float
    fixed_held: bool
    fixed_width: float

    @classmethod
    def of(cls, shown: Interval, plain: tuple[float, float], truth: float) -> Hit:
        """Compare two intervals for one truth."""
        held, plainly = shown.low <= truth <= shown.high, plain[0] <= truth <= plain[1]
        return cls(
            bool(held), shown.high - shown.low, bool(plainly), plain[1] - plain[0]
        )


class Study(NamedTuple):
    """The scores of every config (the first is the baseline) on tuning and on holdout examples, and
    the choice.
    """

    tuning: np.ndarray
    holdout: np.ndarray
    choice: int


def study(
    rng: np.random.Generator, truths: np.ndarray, holdout: int, kind: str
) -> Study:
    """One study: the best on the tuning examples is chosen."""
    scores = answers(rng, truths, TUNING + holdout, kind)
    tuning, met = scores[:, :TUNING], scores[:, TUNING:]
    return Study(tuning, met, int(tuning.mean(axis=1).argmax()))


def some_truths(rng: np.random.Generator) -> np.ndarray:
    """Return the true accuracy of each config of a world."""
    return np.clip(rng.normal(rng.uniform(0.55, 0.85), 0.05, CONFIGS), 0.02, 0.98)


@dataclass
class Tally:
    """The results of many studies.

    Attributes:
        quality: a hit for each study.
        gap: a hit of the difference to the baseline, if another config was selected.
        student: the same beside Student's interval, if the one of fixed size is another.
        bias: the bias of the reported quality.
    """

    quality: list[Hit] = field(default_factory=list)
    gap: list[Hit] = field(default_factory=list)
    student: list[Hit] = field(default_factory=list)
    bias: Biases = field(default_factory=Biases)

    def add(
        self, found: Study, truths: np.ndarray, clusters: Sequence[int] | None = None
    ) -> None:
        """Take the intervals of a study."""
        ours, theirs = found.holdout[found.choice], found.holdout[0]
        shown = mean_interval(ours, confidence=CONFIDENCE, clusters=clusters)
        usual = fixed if clusters is None else student
        self.quality.append(
            Hit.of(shown, usual(grouped(ours, clusters), 0, 1), truths[found.choice])
        )
        self.add_bias(found, truths)
        if found.choice:
            apart, values = (
                difference_interval(
                    ours, theirs, confidence=CONFIDENCE, clusters=clusters
                ),
                ours - theirs,
            )
            truth, values = truths[found.choice] - truths[0], grouped(values, clusters)
            self.gap.append(Hit.of(apart, usual(values, -1, 1), truth))
            self.student.append(Hit.of(apart, student(values, -1, 1), truth))

    def add_bias(self, found: Study, truths: np.ndarray) -> None:
        """Take its bias alone."""
        own = (
            part[found.choice].mean() - truths[found.choice]
            for part in (found.holdout, found.tuning)
        )
        self.bias.append(tuple(own))  # type: ignore[arg-type]

    @property
    def coverage(self) -> float:
        """The lower of the two shares of intervals that hold the truth."""
        return min(covered(self.quality), covered(self.gap))

    @property
    def width(self) -> float:
        """The larger of the two mean widths over those of a fixed sample."""
        return max(ratio(self.quality), ratio(self.gap))

    def cells(self) -> list[str]:
        """Return the cells of a row of a table."""
        beside = [
            [f"{covered(rows):.1%}", *compared(rows)]
            for rows in (self.quality, self.gap)
        ]
        return [*beside[0], *beside[1], *compared(self.student), *self.bias.cells()]


TALLY_HEADS = (
    "coverage of quality",
    "width / fixed",
    "fixed covers",
    "coverage of difference",
    "width / fixed",
    "fixed covers",
    "width / t",
    "t covers",
    "bias, points",
    "the same on tuning",
)


def covered(rows: Sequence[Hit]) -> float:
    """The share of intervals that hold the truth."""
    return float(np.mean([row.held for row in rows]))


def compared(rows: Sequence[Hit]) -> list[str]:
    """For a table: mean width over that of the fixed sample's intervals, and the share of those
    that hold the truth.
    """
    return [f"{ratio(rows):.2f}", f"{np.mean([row.fixed_held for row in rows]):.1%}"]


def ratio(rows: Sequence[Hit]) -> float:
    """Mean width over a fixed sample's mean width."""
    return float(
        np.mean([row.width for row in rows])
        / np.mean([row.fixed_width for row in rows])
    )


def grouped(values: np.ndarray, clusters: Sequence[int] | None) -> np.ndarray:
    """The means of the groups, which are a sample of fixed size where rows are not."""
    return values if clusters is None else values.reshape(-1, GROUP).mean(axis=1)


def intervals(rng: np.random.Generator, runs: int) -> dict[tuple[str, int], Tally]:
    """Studies of every kind of score and size of holdout."""
    found = {}
    for kind in KINDS:
        for size in SIZES:
            tally = found[kind, size] = Tally()
            clusters = (
                [row // GROUP for row in range(size)] if kind == "grouped" else None
            )
            for _ in range(runs):
                truths = some_truths(rng)
                tally.add(study(rng, truths, size, kind), truths, clusters)
            for _ in range(BIAS_RUNS * runs):
                truths = some_truths(rng)
                tally.add_bias(study(rng, truths, size, kind), truths)
    return found


def costs(rng: np.random.Generator, runs: int) -> dict[tuple[float, int], list[Hit]]:
    """Intervals of dollars per request: a prompt, and an answer whose length is lognormal with such
    a deviation.
    """
    found = {}
    for deviation in DEVIATIONS:
        for size in SIZES:
            rows = found[deviation, size] = []
            for _ in range(COST_RUNS * runs):
                prompt = rng.uniform(0, 1)  # against answers that cost 1 in the median
                values = prompt + np.exp(deviation * rng.standard_normal(size))
                shown = mean_interval(
                    values, low=0.0, high=math.inf, confidence=CONFIDENCE
                )
                truth = prompt + math.exp(deviation**2 / 2)
                rows.append(Hit.of(shown, student(values, -math.inf, math.inf), truth))
    return found


def verdicts(
    rng: np.random.Generator, runs: int
) -> dict[tuple[str, int], tuple[float, float]]:
    """Return how often a selection is called better, and worse, if no config is better."""
    found = {}
    for name, below in (("all as good as the baseline", 0.0), ("5 points worse", 0.05)):
        truths = np.full(CONFIGS, 0.75 - below)
        truths[0] = 0.75
        for size in SIZES[:-1]:
            said = []
            for _ in range(runs):
                _, met, choice = study(rng, truths, size, "0/1")
                said.append(
                    verdict(
                        difference_interval(
                            met[choice or 1], met[0], confidence=CONFIDENCE
                        )
                    )
                )
            found[name, size] = said.count("better") / runs, said.count("worse") / runs
    return found


def section(rng: np.random.Generator, runs: int) -> Section:
    """The claims about the report."""
    tallies, dollars, said = intervals(rng, runs), costs(rng, runs), verdicts(rng, runs)
    rows = [
        [kind, str(size), *tally.cells()] for (kind, size), tally in tallies.items()
    ]
    paid = [
        [str(d), str(size), f"{covered(mine):.1%}", *compared(mine)]
        for (d, size), mine in dollars.items()
    ]
    wrong = [
        [name, str(size), f"{better:.1%}", f"{worse:.1%}"]
        for (name, size), (better, worse) in said.items()
    ]
    text = f"""## Intervals and bias of a report

{CONFIGS} configs; the best on {TUNING} tuning examples is chosen, then it meets the holdout together with the baseline;
{runs} studies a row, and {BIAS_RUNS} times as many more for the bias. Intervals are those of a first analysis of the
holdout ({CONFIDENCE:.0%} sure, so that later analyses have a share). Width is over that of a 95 % interval for a sample of
fixed size: where scores are 0/1 Wilson's, and for differences Tango's (1998), its counterpart for pairs; else Student's
t (for groups of their means), which the differences are set beside in any case. How often those cover is told as well:
one that covers less is no measure. Grouped: rows of {GROUP} belong together and are about equally hard; the holdout is
counted in rows. Bias: mean of the reported quality less the truth, with its standard error.

{tabled(("scores", "holdout", *TALLY_HEADS), rows)}

Cost per request: a prompt, and an answer of lognormal length; {COST_RUNS * runs} intervals a row. Width is over that of
Student's t.

{tabled(("deviation of log length", "requests", "coverage", "width / t", "t covers"), paid)}

## Better than the baseline?

The choice among {CONFIGS} configs of which none is better; {runs} studies a row.

{tabled(("configs that are", "holdout", "says better", "says worse"), wrong)}"""
    return Section(claims(tallies, dollars, said, runs), text)


def claims(
    tallies: dict[tuple[str, int], Tally],
    dollars: dict[tuple[float, int], list[Hit]],
    said: dict[tuple[str, int], tuple[float, float]],
    runs: int,
) -> tuple[Claim, ...]:
    """Return the claims on the tables: their worst rows."""
    single = [tally for (kind, _), tally in tallies.items() if kind != "grouped"]
    groups = [tally for (kind, _), tally in tallies.items() if kind == "grouped"]
    coverage, width = (
        min(tally.coverage for tally in single),
        max(tally.width for tally in single),
    )
    together, wide = (
        min(tally.coverage for tally in groups),
        max(tally.width for tally in groups),
    )
    bias = max(tally.bias.beyond_error for tally in tallies.values())
    false = max(better for better, _ in said.values())
    cost = min(
        covered(rows) for (deviation, _), rows in dollars.items() if deviation <= 0.6
    )
    skewed = min(
        covered(rows) for (deviation, _), rows in dollars.items() if deviation > 0.6
    )
    return (
        Claim(
            f"95 % intervals of quality and difference cover in at least 93 % of {runs:,} studies: "
            f"{coverage:.1%} in "
            f"the worst row of {len(single)} ({runs * len(single):,} studies in all)",
            coverage >= 0.93,
        ),
        Claim(
            f"at a mean width of at most 1.3 times the fixed-sample one: {width:.2f} at most",
            width <= 1.3,
        ),
        Claim(
            f"the same where rows belong together, {SIZES[0] // GROUP} to {SIZES[-1] // GROUP} "
            "groups of them: "
            f"coverage {together:.1%} at least, width {wide:.2f} at most",
            together >= 0.93 and wide <= 1.3,
        ),
        Claim(
            f"95 % intervals of the cost per request cover in at least 93 %: {cost:.1%} in the "
            "worst row where lengths "
            f"of answers have a deviation of at most 0.6 on the log scale",
            cost >= 0.93,
        ),
        Claim(
            f"the same at a deviation of 1.0 and 1.2: {skewed:.1%} in the worst row",
            skewed >= 0.93,
        ),
        Claim(
            f'false "better than the baseline" in at most 5 % of worlds: {false:.1%} at most',
            false <= 0.05,
        ),
        Claim(
            f"the winner's quality is off by at most 0.5 points on average: {bias:.2f} at most, "
            "beyond two standard "
            f"errors of the simulation",
            bias <= 0.5,
        ),
    )
