"""Interim analyses: a study is continued with more money, and analyses its holdout again.

The question is how often any analysis says a false "better", in worlds where no config is better
than the baseline. Each analysis sees the holdout so far and more. A study that has bought more may
select another config by then. The confidence of each analysis is
`tune.stats.alpha_spending.analysis_confidence`, as in a report.

The final comparison is not an analysis: it buys tuning examples alone, and the holdout is bought
after the selection. This is a part of `benchmarks/honesty/`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.honesty.reports import CONFIGS, answers
from benchmarks.honesty.section import Claim, Section, sampling_error, tabled
from benchmarks.honesty.tables import Recorded
from tune.stats.alpha_spending import analysis_confidence
from tune.stats.intervals import difference_interval, verdict

SIZES = (40, 80, 160, 320)
"""Holdout examples at each analysis."""

TUNED = (40, 60, 90, 135)
"""Tuning examples of the selection before each analysis."""


class World(NamedTuple):
    """Scores of configs that are all as good as the first: one row each, a column an example."""

    tuning: np.ndarray
    holdout: np.ndarray


class Wrong(NamedTuple):
    """All analyses of one study: did any say "better", and did any miss the truth of 0?"""

    better: bool
    missed: bool


def simulated(kind: str) -> Callable[[np.random.Generator], World]:
    """Return a maker of worlds with made-up scores."""

    def world(rng: np.random.Generator) -> World:
        scores = answers(rng, np.full(CONFIGS, 0.75), TUNED[-1] + SIZES[-1], kind)
        return World(scores[:, : TUNED[-1]], scores[:, TUNED[-1] :])

    return world


def replayed(table: Recorded) -> Callable[[np.random.Generator], World]:
    """Return a maker of worlds with the scores of a table, drawn with replacement.

    Each example shuffles the configs that its scores belong to. So all configs are equally good,
    and the pairs of an example are real.
    """

    def world(rng: np.random.Generator) -> World:
        cells, examples, most = table.scores.shape
        count = TUNED[-1] + SIZES[-1]
        shuffled = rng.permuted(np.tile(np.arange(cells), (count, 1)), axis=1).T
        scores = table.scores[
            shuffled,
            rng.integers(examples, size=count),
            rng.integers(most, size=(cells, count)),
        ]
        return World(scores[:, : TUNED[-1]], scores[:, TUNED[-1] :])

    return world


def analyse(world: World, *, again: bool, confidence: Callable[[int], float]) -> Wrong:
    """Return the errors of all analyses of a study.

    Args:
        world: the scores.
        again: each analysis has a selection of its own; else all use the first one.
        confidence: the confidence of analysis number 1, 2, 3 ...
    """
    better = missed = False
    choice = 0
    for number, (tuned, size) in enumerate(zip(TUNED, SIZES, strict=True), start=1):
        if again or number == 1:
            choice = 1 + int(world.tuning[1:, :tuned].mean(axis=1).argmax())
        shown = difference_interval(
            world.holdout[choice, :size],
            world.holdout[0, :size],
            confidence=confidence(number),
        )
        better |= verdict(shown) == "better"
        missed |= not shown.low <= 0 <= shown.high
    return Wrong(better, missed)


def section(rng: np.random.Generator, runs: int, tables: Sequence[Recorded]) -> Section:
    """Return the claims about analyses, and their table."""
    worlds = {f"made up, {kind}": simulated(kind) for kind in ("0/1", "graded")}
    worlds |= {table.name: replayed(table) for table in tables}
    rows, worst, missing, naive = [], 0.0, 0.0, 0.0
    for name, world in worlds.items():
        for again in (False, True):
            made = [world(rng) for _ in range(runs)]
            spent = np.mean(
                [
                    analyse(one, again=again, confidence=analysis_confidence)
                    for one in made
                ],
                axis=0,
            )
            plain = np.mean(
                [analyse(one, again=again, confidence=lambda _: 0.95) for one in made],
                axis=0,
            )
            worst, missing, naive = (
                max(worst, spent[0]),
                max(missing, spent[1]),
                max(naive, plain[0]),
            )
            choice = "selected again" if again else "stays"
            rows.append([name, choice, *(f"{share:.1%}" for share in (*spent, *plain))])
    noise = sampling_error(0.05, runs)
    claims = (
        Claim(
            f'false "better" at any of {len(SIZES)} analyses of a holdout together in at most 5 %: '
            f"{worst:.1%} at most "
            f"({naive:.1%} if each analysis used 95 %)",
            bool(worst <= 0.05),
        ),
        Claim(
            "the intervals of all analyses together miss a true difference of 0 in at most 5 %: "
            f"{missing:.1%} at most, "
            f"of which {noise:.1%} may be the simulation's sampling error (three standard errors)",
            bool(missing <= 0.05 + noise),
        ),
    )
    levels = " / ".join(
        f"{analysis_confidence(number):.2%}" for number in range(1, len(SIZES) + 1)
    )
    text = f"""## The holdout, analysed again

A study is continued {len(SIZES) - 1} times, {runs} studies a row. There are {" / ".join(map(str, SIZES))} holdout examples at
each analysis, and a selection on {" / ".join(map(str, TUNED))} tuning examples, once or for each analysis. No config is better
than the baseline; on recorded tables, because each example shuffles the configs that its scores belong to. The analyses
have a confidence of {levels}. The final comparison is not an analysis: it buys tuning examples, and never sees the holdout.

{tabled(HEADS, rows)}"""
    return Section(claims, text)


HEADS = (
    "world",
    "selection",
    'any false "better"',
    "any analysis misses 0",
    'false "better", each analysis at 95 %',
    "misses, each analysis at 95 %",
)
