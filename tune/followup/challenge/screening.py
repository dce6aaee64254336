"""The ways in which a new model is asked: those of the frontier, tried on the few examples that
tell most.

A model may shine with another prompt than the winner's, and need more or fewer answers. So it gets
every prompt and way of reading (n, cap, stops, aggregate) that a config of the frontier has.
Readings of one prompt share draws, as they do in a study. A block of examples decides which one or
two ways go on to the verdict, and has no part in it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tune.followup.challenge.rivals import Opponents, Rival, find_opponents
from tune.readout import Reading
from tune.readout.trial import Step
from tune.report import Report
from tune.space import FREE, Config, Point

BLOCK = 8
"""Examples on which every way is tried, and the least that a verdict looks at anew."""

POOL = 16
"""Examples that the block is chosen from; no other part of them is used, so that those of the
verdict are random.
"""


@dataclass(frozen=True, slots=True)
class ScreenedConfig:
    """A config of the new model, as the block showed it.

    Attributes:
        reading: what it answered.
        against: whom of the frontier it has to stand against, or None where nothing is as cheap.
        gains: its score less that of the best of these by position, so turned that more is better.
    """

    reading: Reading
    against: Opponents | None
    gains: Mapping[int, float]

    @property
    def mean(self) -> float:
        """The mean gain."""
        return float(np.mean(list(self.gains.values()))) if self.gains else -math.inf


def candidate_configs(report: Report, model: str) -> list[Config]:
    """The new model, at its own settings, in every way in which the frontier's configs are asked
    and read.

    Those of the best configs come first: where money is short, the others are left out.
    """
    known = [row for row in reversed(report.frontier) if not row.few]
    best_first = [*([report.winner] if report.winner else []), *known]
    kept = ("prompt", *FREE)
    return list(
        dict.fromkeys(
            Config({k: row.config[k] for k in kept} | {"model": model}) for row in best_first
        )
    )


def pool_size(tuning: int) -> int:
    """How many tuning examples, from the first on, the block is chosen from: at most half of them."""
    return min(tuning, max(BLOCK, min(POOL, tuning // 2)))


def most_informative(rivals: Sequence[Rival], tuning: int) -> tuple[int, ...]:
    """The examples of the pool on which the rivals' scores differ most, a block of them."""

    def spread(position: int) -> float:
        scores = [rival.scores[position] for rival in rivals if position in rival.scores]
        return float(np.var(scores)) if scores else -1.0

    return tuple(sorted(range(pool_size(tuning)), key=lambda p: (-spread(p), p))[:BLOCK])


def screening_steps(
    configs: Sequence[Config], free: Sequence[str], block: Sequence[int]
) -> dict[Step, list[Config]]:
    """What is bought for the block, with the configs that are read off it: those of one paid point
    share draws.
    """
    groups: dict[Point, list[Config]] = {}
    for config in configs:
        groups.setdefault(Point({k: v for k, v in config.items() if k not in free}), []).append(
            config
        )
    return {
        Step(
            number, point, tuple(block), max(c.n for c in group), max(c.max_tokens for c in group)
        ): group
        for number, (point, group) in enumerate(groups.items())
    }


def compare_with_frontier(
    reading: Reading, rivals: Sequence[Rival], sign: float, *, closed: int, enough: int
) -> ScreenedConfig:
    """Hold a config of the new model against those of the frontier that cost no more; see
    `opponents`.
    """
    against = find_opponents(rivals, reading, sign, closed=closed, enough=enough)
    own = dict(zip(reading.examples, map(float, reading.scores), strict=True))
    paired = [
        {p: sign * (score - rival.scores[p]) for p, score in own.items() if p in rival.scores}
        for rival in reversed(against.compared if against else ())
    ]
    return ScreenedConfig(reading, against, max(paired, key=len, default={}))


def finalists(tried: Sequence[ScreenedConfig]) -> list[ScreenedConfig]:
    """The best of them, and the second where the block does not tell it from the best.

    Where the study holds too few answers of the best's best opponent, it is the best way without
    that lack instead.
    """
    ranked = sorted(tried, key=lambda each: -each.mean)
    best, others = ranked[0], ranked[1:]
    if best.against is not None and best.against.best is not None:
        whole = [other for other in others if other.against is None or other.against.best is None]
        if whole and whole[0].mean > 0:
            return [best, whole[0]]
    return [best, *(other for other in others[:1] if not _apart(best, other))]


def _apart(best: ScreenedConfig, other: ScreenedConfig) -> bool:
    """Whether the difference of two gains is more than a standard error of it."""
    gaps = np.array([gain - other.gains[p] for p, gain in best.gains.items() if p in other.gains])
    return len(gaps) > 1 and bool(gaps.mean() > gaps.std(ddof=1) / math.sqrt(len(gaps)))
