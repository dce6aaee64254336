"""Is a check wrong where the recorded score is itself uncertain? Two samples, and the study's own
holdout again.

Simulated scores, from the recorded ones to the answer; a part of `benchmarks/honesty/`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from benchmarks.honesty.section import Claim, Section, sampling_error, tabled
from tune.followup.check.rule import Bounds, NewExamplesRule, SameExamplesRule
from tune.stats.betting import log_evidence_above, log_evidence_below
from tune.task.metrics import Metric

QUALITY, MARGIN, ERROR = 0.9, 0.05, 0.05
RECORDED = (15, 40, 80, 240, 1000)
MOST = 1000
"""New examples that a check has at most."""

HOLDOUTS = (60, 120, 240)
SURE = 0.85
"""The share of examples that the model answers the same way each time; the others are right in half
of all cases.
"""

FEWER = 5
"""Of so many runs one is made here: a check computes for a tenth of a second."""

PLACES = {
    "no change": 0.0,
    "on the line": MARGIN,
    "twice the margin": 2 * MARGIN,
    "four times": 4 * MARGIN,
}
METRIC = Metric("m", "m", lambda _answer, _example: 0.0)

Draw = Callable[[float, int], np.ndarray]


@dataclass(frozen=True)
class Row:
    """Checks of one kind.

    Attributes:
        kind: of the scores.
        recorded: how many scores were recorded.
        place: where the truth is.
        alone: the share that is called regressed where the recorded mean is taken for the truth;
            NaN where none is.
        regressed: the share that is called so.
        holds: likewise.
        visible: the smallest margin that can be seen, for recorded scores as they are on average.
    """

    kind: str
    recorded: int
    place: str
    alone: float
    regressed: float
    holds: float
    visible: float

    def cells(self) -> list[str]:
        """Return the cells of a row of a table."""
        alone = "" if math.isnan(self.alone) else f"{self.alone:.1%}"
        seen = "none" if math.isinf(self.visible) else f"{self.visible:.3f}"
        return [
            self.kind,
            str(self.recorded),
            self.place,
            alone,
            f"{self.regressed:.1%}",
            f"{self.holds:.1%}",
            seen,
        ]


class Outcome(NamedTuple):
    """The outcome of one check."""

    alone: bool
    regressed: bool
    holds: bool


def bounds() -> Bounds:
    """Return the bounds of 0/1 or graded scores."""
    return Bounds.of(METRIC, margin=MARGIN, alpha=ERROR, beta=ERROR)


def one(then: np.ndarray, now: np.ndarray) -> Outcome:
    """A check with new examples, as `tune check` makes it, and as if the recorded mean were the
    truth.
    """
    mean = float(then.mean())
    rule = NewExamplesRule.of(bounds(), mean, len(then), tuple(then.tolist()))
    decision = rule.bounds.decide(rule.look(now))
    line = min(max(mean - MARGIN, 0.01), 0.99)
    worse, better = (
        evidence(now, line, difference=MARGIN, earlier=then) >= -math.log(ERROR)
        for evidence in (log_evidence_below, log_evidence_above)
    )
    first = [int(found.argmax()) if found.any() else MOST for found in (worse, better)]
    return Outcome(first[0] < first[1], decision == "regressed", decision == "holds")


def two_samples(rng: np.random.Generator, runs: int) -> list[Row]:
    """Checks of 0/1 and graded scores for every number of recorded scores."""

    def binary(mean: float, count: int) -> np.ndarray:
        return (rng.random(count) < mean).astype(float)

    def graded(mean: float, count: int) -> np.ndarray:
        return rng.beta(10 * mean, 10 * (1 - mean), count)

    kinds: dict[str, tuple[Draw, tuple[int, ...]]] = {
        "0/1": (binary, RECORDED),
        "graded": (graded, (40,)),
    }
    rows = []
    for kind, (draw, counts) in kinds.items():
        for count in counts:
            rule = NewExamplesRule.of(
                bounds(),
                QUALITY,
                count,
                tuple(_even(draw(QUALITY, 1000 * count), count)),
            )
            visible = rule.visible(MOST)
            for place, below in PLACES.items():
                made = [
                    one(draw(QUALITY, count), draw(QUALITY - below, MOST))
                    for _ in range(runs)
                ]
                rows.append(_row(kind, count, place, made, visible))
    return rows


def _even(values: np.ndarray, count: int) -> list[float]:
    """So many scores that are spread as all of them are."""
    return [float(part.mean()) for part in np.array_split(np.sort(values), count)]


def _row(kind: str, count: int, place: str, made: list[Outcome], visible: float) -> Row:
    alone, regressed, holds = (float(share) for share in np.array(made).mean(axis=0))
    return Row(kind, count, place, alone, regressed, holds, visible)


def asked_again(rng: np.random.Generator, runs: int) -> list[Row]:
    """Checks without new examples: each holdout example has its old score and a new one."""
    rows = []
    for count in HOLDOUTS:
        for place, below in PLACES.items():
            made = []
            for _ in range(runs):
                certain = rng.random(count) < SURE
                right = rng.random(count) < QUALITY
                then, now = (
                    np.where(certain, right, rng.random(count) < 0.5).astype(float)
                    for _ in range(2)
                )
                now = np.where(rng.random(count) < below / then.mean(), 0.0, now)
                line = SameExamplesRule(bounds())
                decision = line.bounds.decide(line.look(now - then))
                made.append(
                    Outcome(False, decision == "regressed", decision == "holds")
                )
            found = _row(
                "paired", count, place, made, SameExamplesRule(bounds()).visible(count)
            )
            rows.append(replace(found, alone=math.nan))
    return rows


HEADS = (
    "scores",
    "recorded",
    "truth",
    "says regressed, recorded mean taken for the truth",
    "says regressed",
    "says holds",
    "margin that can be seen",
)


def section(rng: np.random.Generator, runs: int) -> Section:
    """The claims about a check from the recorded scores on."""
    count = max(4, runs // FEWER)
    rows = [*two_samples(rng, count), *asked_again(rng, count)]
    text = f"""## `tune check`, from the recorded scores on

Scores are recorded, then new ones come: {count} checks a row, quality {QUALITY}, margin {MARGIN}, error rates {ERROR},
at most {MOST} new examples. The margin that can be seen is what a check says before it spends anything: shown to hold
in 80 % of cases if nothing has changed. Paired: the study's own holdout is asked again; the model answers {SURE:.0%} of
the examples the same way each time and the others by the toss of a coin, and the margin that can be seen is that of
answers of which none has changed.

{tabled(HEADS, [row.cells() for row in rows])}"""
    return Section(claims(rows, count), text)


def claims(rows: list[Row], runs: int) -> tuple[Claim, ...]:
    """Return the claims on the tables."""
    noise = sampling_error(ERROR, runs)
    same = [row for row in rows if row.place == "no change"]
    false = max(row.regressed for row in same)
    before = max(row.alone for row in same if not math.isnan(row.alone))
    line = max(
        max(row.regressed, row.holds)
        for row in rows
        if row.place == "on the line" and row.kind != "paired"
    )
    large = [row for row in same if row.kind == "0/1" and row.recorded == max(RECORDED)]
    seen = min(row.holds for row in large)
    return (
        Claim(
            '`check` says "regressed" in at most 5 % of cases where nothing has changed, however '
            "few examples the "
            f"quality was recorded on: {false:.1%} at most ({before:.1%} if the recorded mean were "
            "taken for true)",
            false <= ERROR,
        ),
        Claim(
            f"on the line either answer is wrong in at most 5 %: {line:.1%} at most, of which "
            f"{noise:.1%} may be the "
            f"simulation's sampling error (three standard errors)",
            line <= ERROR + noise,
        ),
        Claim(
            f"recorded on {max(RECORDED)} examples, what has not changed is shown to hold within "
            f"{MARGIN} by {MOST} "
            f"new ones in at least 80 %: {seen:.1%}",
            seen >= 0.8,
        ),
    )
