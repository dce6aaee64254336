"""A study is continued with more money, and looks at its holdout again: how often does any look say
a false "better"?

In worlds where no config is better than the baseline. Every look sees the holdout so far and more;
a study that has bought more may have another choice by then. The confidence of each look is
`tune.stats.alpha_spending.analysis_confidence`, as in a report. The final comparison is no look: it buys
tuning examples alone, and the holdout is bought when the choice is frozen. A part of
`benchmarks/honesty/`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.honesty.reports import CONFIGS, answers
from benchmarks.honesty.section import Claim, Section, luck, tabled
from benchmarks.honesty.tables import Recorded
from tune.stats.alpha_spending import analysis_confidence
from tune.stats.intervals import difference_interval, verdict

SIZES = (40, 80, 160, 320)
"""Holdout examples at each look."""

TUNED = (40, 60, 90, 135)
"""Tuning examples that the choice is made on before each."""


class World(NamedTuple):
    """Scores of configs that are all as good as the first: one row each, a column an example."""

    tuning: np.ndarray
    holdout: np.ndarray


class Looked(NamedTuple):
    """All analyses of one study: did any say "better", and did any miss the truth of 0?"""

    better: bool
    missed: bool


def simulated(kind: str) -> Callable[[np.random.Generator], World]:
    """Made-up scores."""

    def world(rng: np.random.Generator) -> World:
        scores = answers(rng, np.full(CONFIGS, 0.75), TUNED[-1] + SIZES[-1], kind)
        return World(scores[:, : TUNED[-1]], scores[:, TUNED[-1] :])

    return world


def replayed(table: Recorded) -> Callable[[np.random.Generator], World]:
    """Scores of a table, drawn with replacement: every example tosses which config's scores each
    config has there.

    So all configs are as good as each other, and the pairs of an example are real ones.
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


def look(world: World, *, again: bool, confidence: Callable[[int], float]) -> Looked:
    """All looks of a study; `again` says whether the choice is made anew for each."""
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
    return Looked(better, missed)


def section(rng: np.random.Generator, runs: int, tables: Sequence[Recorded]) -> Section:
    """The claims about looks."""
    worlds = {f"made up, {kind}": simulated(kind) for kind in ("0/1", "graded")}
    worlds |= {table.name: replayed(table) for table in tables}
    rows, worst, missing, naive = [], 0.0, 0.0, 0.0
    for name, world in worlds.items():
        for again in (False, True):
            made = [world(rng) for _ in range(runs)]
            spent = np.mean(
                [
                    look(one, again=again, confidence=analysis_confidence)
                    for one in made
                ],
                axis=0,
            )
            plain = np.mean(
                [look(one, again=again, confidence=lambda _: 0.95) for one in made],
                axis=0,
            )
            worst, missing, naive = (
                max(worst, spent[0]),
                max(missing, spent[1]),
                max(naive, plain[0]),
            )
            choice = "made anew" if again else "stays"
            rows.append([name, choice, *(f"{share:.1%}" for share in (*spent, *plain))])
    noise = luck(0.05, runs)
    claims = (
        Claim(
            f'false "better" at any of {len(SIZES)} looks at a holdout together in at most 5 %: '
            f"{worst:.1%} at most "
            f"({naive:.1%} if every look were told at 95 %)",
            bool(worst <= 0.05),
        ),
        Claim(
            "the intervals of all looks together miss a true difference of 0 in at most 5 %: "
            f"{missing:.1%} at most, "
            f"of which {noise:.1%} may be the simulation's luck (three standard errors)",
            bool(missing <= 0.05 + noise),
        ),
    )
    levels = " / ".join(
        f"{analysis_confidence(number):.2%}" for number in range(1, len(SIZES) + 1)
    )
    text = f"""## The holdout, looked at again

A study continued {len(SIZES) - 1} times, {runs} studies a row: {" / ".join(map(str, SIZES))} holdout examples at each
look, and a choice made on {" / ".join(map(str, TUNED))} tuning examples, once or anew for each look. No config is
better than the baseline; on recorded tables, because each example shuffles which config has which scores. The looks
have a confidence of {levels}. The final comparison is no look: it buys tuning examples, and never sees the holdout.

{tabled(HEADS, rows)}"""
    return Section(claims, text)


HEADS = (
    "world",
    "choice",
    'any false "better"',
    "any look misses 0",
    'false "better", each look at 95 %',
    "misses, likewise",
)
