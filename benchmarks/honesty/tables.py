"""The same on recorded tables: what real models answered, and an answer that is known because all
of it was recorded.

Twice, as the truth can be had in two ways:

1. The table is the population: tuning and holdout examples are drawn from it with replacement, each
  with one of its recorded draws, so that the truth is known exactly: the mean over all examples and
  draws.
2. Held-out halves: the examples are parted at random. One half, without replacement, is tuned on
  and held out as in a study; the mean of all draws on the other half is fresh truth. It has an
  error of its own, and is no population, so it has an interval as well, and the two agree where the
  interval of their difference holds 0 (see `agrees`).

False "better": the choice and the baseline swap their scores by the toss of a coin on every
example, so that real pairs are left as they are and none is better. A part of
`benchmarks/honesty/`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.honesty.reports import BIAS_RUNS, CONFIDENCE, TALLY_HEADS, Study, Tally
from benchmarks.honesty.section import Biases, Claim, Section, tabled
from benchmarks.worlds.recorded import Row, read_prices, read_rows
from tune.pricing.prices import Price
from tune.stats.intervals import Interval, difference_interval, mean_interval, verdict

TABLES = Path(__file__).parent.parent / "worlds" / "tables"
TUNING = 40
SIZES = (20, 40, 80)
PRICES = {"smollm2-135m": Price(0.05, 0.20), "qwen2.5-coder-0.5b": Price(0.20, 0.80)}
"""Prices that the README of the tables names, where a table states none."""


@dataclass(frozen=True)
class Recorded:
    """A table as numbers.

    Attributes:
        name: its file's.
        cells: model, prompt and temperature.
        caps: max_tokens of each cell.
        scores: by cell, example and draw; a cell with fewer draws than others says them again.
        tokens: of the answers, in the same shape.
        prompts: tokens of the prompts, by cell and example.
        targets: what is right, by example.
        prices: by model.
    """

    name: str
    cells: tuple[tuple[str, str, float], ...]
    caps: tuple[int, ...]
    scores: np.ndarray
    tokens: np.ndarray
    prompts: np.ndarray
    targets: tuple[str, ...]
    prices: dict[str, Price]

    @property
    def worth(self) -> np.ndarray:
        """Return the mean over draws, by cell and example."""
        return np.asarray(self.scores.mean(axis=2))


def recorded() -> Iterator[Recorded]:
    """Every table that is there."""
    for path in sorted(TABLES.glob("*.parquet")):
        yield read_recorded(path)


def read_recorded(path: Path) -> Recorded:
    """A table with the columns of tables/README.md; examples that some cell has no scored draw of
    are left out.
    """
    drawn: dict[tuple[str, str, float], dict[int, list[Row]]] = {}
    caps: dict[tuple[str, str, float], int] = {}
    targets: dict[int, str] = {}
    for row in read_rows(path):
        cell = row["model"], row["prompt"], row["temperature"]
        caps[cell] = max(caps.get(cell, 0), row["max_tokens"])
        targets[row["example"]] = row["target"] or ""
        if row["score"] is not None:
            drawn.setdefault(cell, {}).setdefault(row["example"], []).append(row)
    cells = sorted(drawn)
    examples = sorted(set.intersection(*(set(drawn[cell]) for cell in cells)))
    most = max(
        len(rows) for by_example in drawn.values() for rows in by_example.values()
    )

    def cube(column: str) -> np.ndarray:
        # np.resize says the few draws of a temperature of 0 again, as the model would.
        return np.array(
            [
                [np.resize([r[column] for r in drawn[c][e]], most) for e in examples]
                for c in cells
            ],
            float,
        )

    prices = PRICES | read_prices(path)
    return Recorded(
        name=path.stem,
        cells=tuple(cells),
        caps=tuple(caps[cell] for cell in cells),
        scores=cube("score"),
        tokens=cube("tokens"),
        prompts=cube("prompt_tokens")[:, :, 0],
        targets=tuple(targets[example] for example in examples),
        prices={model: prices[model] for model, _, _ in cells},
    )


def sampled(
    rng: np.random.Generator, table: Recorded, holdout: int
) -> tuple[Study, np.ndarray]:
    """A study whose examples are drawn with replacement, and every config's truth; the first is the
    baseline.
    """
    order = rng.permutation(len(table.cells))
    picked = rng.integers(table.scores.shape[1], size=TUNING + holdout)
    draws = rng.integers(table.scores.shape[2], size=(len(order), len(picked)))
    scores = table.scores[order[:, None], picked[None, :], draws]
    tuning, met = scores[:, :TUNING], scores[:, TUNING:]
    return Study(tuning, met, int(tuning.mean(axis=1).argmax())), table.worth[
        order
    ].mean(axis=1)


@dataclass
class Half:
    """Studies on one half of a table's examples, and what the other half says.

    Attributes:
        examples: of the whole table.
        quality: for each study whether the interval agrees with the other half.
        gap: the same of the difference to the baseline, where another was chosen.
        bias: of the reported quality, where the other half's is the truth.
    """

    examples: int
    quality: list[bool] = field(default_factory=list)
    gap: list[bool] = field(default_factory=list)
    bias: Biases = field(default_factory=Biases)

    @property
    def agreement(self) -> float:
        """The lower of the two shares of intervals that agree."""
        return min(float(np.mean(self.quality)), float(np.mean(self.gap)))

    def cells(self) -> list[str]:
        """Return the cells of a row of a table."""
        agreed = (f"{np.mean(part):.1%}" for part in (self.quality, self.gap))
        return [str(self.examples), *agreed, *self.bias.cells()]


def halved(rng: np.random.Generator, table: Recorded, runs: int) -> Half:
    """Studies on one half of the examples (half of it tuned on, half held out), and the other
    half's word.
    """
    cells, examples, most = table.scores.shape
    found = Half(examples)
    for _ in range(runs):
        order, configs = rng.permutation(examples), rng.permutation(cells)
        tuning, held, other = np.split(order, [examples // 4, examples // 2])
        one = table.scores[
            configs[:, None], order[None, :], rng.integers(most, size=(cells, examples))
        ]
        first, second = (
            one[:, : len(tuning)],
            one[:, len(tuning) : len(tuning) + len(held)],
        )
        choice = int(first.mean(axis=1).argmax())
        fresh = table.worth[configs][:, other]
        truth = float(fresh[choice].mean())
        found.quality.append(
            agrees(
                mean_interval(second[choice], confidence=CONFIDENCE),
                mean_interval(fresh[choice]),
            )
        )
        found.bias.append(
            (float(second[choice].mean()) - truth, float(first[choice].mean()) - truth)
        )
        if choice:
            found.gap.append(
                agrees(
                    difference_interval(
                        second[choice], second[0], confidence=CONFIDENCE
                    ),
                    difference_interval(fresh[choice], fresh[0]),
                )
            )
    return found


def agrees(shown: Interval, fresh: Interval) -> bool:
    """Tell if two intervals of independent means agree: the interval of the difference holds 0.

    Its limits are those of Zou and Donner (2008; for proportions Newcombe's hybrid): the arms that
    face each other, in quadrature. Near a bound an interval is far longer on one side, and examples
    that all score 0 leave room above.
    """
    lower, upper = sorted((shown, fresh), key=lambda interval: interval.mean)
    return upper.mean - lower.mean <= math.hypot(
        upper.mean - upper.low, lower.high - lower.mean
    )


def false_better(
    rng: np.random.Generator, table: Recorded, holdout: int, runs: int
) -> float:
    """Return how often the best config is called better, if all are as good as the baseline."""
    said = 0
    for _ in range(runs):
        found, _ = sampled(rng, table, holdout)
        coins = rng.random(found.tuning.shape) < 0.5
        gaps = np.where(coins, 1, -1) * (found.tuning - found.tuning[0])
        choice = 1 + int(gaps[1:].mean(axis=1).argmax())
        swap = rng.random(holdout) < 0.5
        ours, theirs = found.holdout[choice], found.holdout[0]
        pairs = np.where(swap, theirs, ours), np.where(swap, ours, theirs)
        shown = difference_interval(*pairs, confidence=CONFIDENCE)
        said += verdict(shown) == "better"
    return said / runs


def section(rng: np.random.Generator, runs: int, tables: Sequence[Recorded]) -> Section:
    """The claims about recorded tables."""
    tallies = {(table.name, size): Tally() for table in tables for size in SIZES}
    for table in tables:
        for size in SIZES:
            tally = tallies[table.name, size]
            for _ in range(runs):
                tally.add(*sampled(rng, table, size))
            for _ in range(BIAS_RUNS * runs):
                tally.add_bias(*sampled(rng, table, size))
    better = {
        (table.name, size): false_better(rng, table, size, runs)
        for table in tables
        for size in SIZES
    }
    halves = {table.name: halved(rng, table, 2 * runs) for table in tables}
    rows = [
        [name, str(size), *tally.cells(), f"{better[name, size]:.1%}"]
        for (name, size), tally in tallies.items()
    ]
    text = f"""## On recorded tables

{TUNING} tuning examples; every (model, prompt, temperature) of a table is a config, one of them at random the baseline.
Tuning and holdout examples are drawn from the table with replacement, so that the truth is known exactly: the mean over
all its examples and draws. Width and bias as above; t has no width where no pair differs. False "better": scores of
choice and baseline are swapped by the toss of a coin on each example, so that none is better.

{tabled(("table", "holdout", *TALLY_HEADS, 'false "better"'), rows)}

Held-out halves: without replacement, a quarter of the examples is tuned on, a quarter is the holdout, and the mean of
all draws on the other half, averaged by example, is fresh truth with an interval of its own, of the same kind. They
agree where the limits of their difference, the arms of the two that face each other in quadrature (Zou and Donner
2008), hold 0. (A normal error of the fresh mean would be 0 where none of its examples passes, as often on HumanEval.)

{tabled(HALF_HEADS, [[name, *half.cells()] for name, half in halves.items()])}"""
    return Section(claims(tallies, better, halves, runs), text)


HALF_HEADS = (
    "table",
    "examples",
    "quality agrees",
    "difference agrees",
    "bias, points",
    "the same on tuning",
)


def claims(
    tallies: dict[tuple[str, int], Tally],
    better: dict[tuple[str, int], float],
    halves: dict[str, Half],
    runs: int,
) -> tuple[Claim, ...]:
    """Return the claims on the tables: their worst rows."""
    coverage = min(tally.coverage for tally in tallies.values())
    width = max(tally.width for tally in tallies.values())
    bias = max(tally.bias.beyond_error for tally in tallies.values())
    false = max(better.values())
    agreed = min(half.agreement for half in halves.values())
    apart = max(half.bias.beyond_error for half in halves.values())
    names = "a recorded table" if len(halves) == 1 else f"{len(halves)} recorded tables"
    return (
        Claim(
            f"on {names}, of which the truth is known, 95 % intervals cover in at least 93 % of "
            f"{runs:,} studies: "
            f"{coverage:.1%} in the worst row of {len(tallies)}",
            coverage >= 0.93,
        ),
        Claim(
            f"there at a mean width of at most 1.3 times the fixed-sample one: {width:.2f} at most",
            width <= 1.3,
        ),
        Claim(
            f'there with a false "better" in at most 5 %: {false:.1%} at most',
            false <= 0.05,
        ),
        Claim(
            f"there the winner's quality is off by at most 0.5 points on average: {bias:.2f} at "
            "most, beyond two "
            f"standard errors",
            bias <= 0.5,
        ),
        Claim(
            "intervals from one half of a table agree with its other half in at least 93 % of "
            f"{2 * runs:,} studies: "
            f"{agreed:.1%}, and the winner's quality is off by {apart:.2f} points at most, beyond "
            "two standard errors",
            agreed >= 0.93 and apart <= 0.5,
        ),
    )
