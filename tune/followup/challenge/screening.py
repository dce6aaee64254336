"""Screening: the new model is tried in every way of the frontier, on the most informative examples.

A model may need another prompt than the winner's, and more or fewer answers. So it gets every
prompt and way of reading (n, cap, stops, aggregate) that a config of the frontier has. Readings of
one prompt share draws, as they do in a study. One block of examples decides which one or two ways
go on to the verdict, and has no part in it.
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
"""Examples on which every way is tried, and the fewest that a verdict buys at once."""

POOL = 16
"""Examples from which the block is chosen. The verdict uses none of them, so its own are random."""


@dataclass(frozen=True, slots=True)
class ScreenedConfig:
    """A config of the new model, as the block showed it.

    Attributes:
        reading: its scores and costs.
        against: the configs of the frontier that it must beat, or None where nothing is as cheap.
        gains: its score less that of the best of these, by position; more is better.
    """

    reading: Reading
    against: Opponents | None
    gains: Mapping[int, float]

    @property
    def mean(self) -> float:
        """The mean gain; -inf without any pair."""
        return float(np.mean(list(self.gains.values()))) if self.gains else -math.inf


def candidate_configs(report: Report, model: str) -> list[Config]:
    """Return the new model in every way in which a config of the frontier is asked and read.

    The ways of the best configs come first: where money is short, the others are left out. Those
    that the study asked on few examples come last, and only for prompts that no other has. They
    may be on the frontier by luck, but the new model may be better with such a prompt.
    """
    known = [row for row in reversed(report.frontier) if not row.few]
    rows = [report.winner, *known] if report.winner else known
    prompts = {row.config.prompt for row in rows}
    for row in reversed(report.frontier):
        if row.config.prompt not in prompts:
            rows.append(row)
    found: dict[Config, None] = {}
    for row in rows:
        way = {name: row.config[name] for name in ("prompt", *FREE)}
        found.setdefault(Config(way | {"model": model}))
    return list(found)


def pool_size(tuning: int) -> int:
    """Return how many of the first tuning examples the block is chosen from: at most half."""
    return min(tuning, max(BLOCK, min(POOL, tuning // 2)))


def most_informative(rivals: Sequence[Rival], tuning: int) -> tuple[int, ...]:
    """Return a block of the pool's examples: those on which the rivals' scores differ most."""

    # An example on which all rivals score the same says nothing about who is better.
    def spread(position: int) -> float:
        scores = [
            rival.scores[position] for rival in rivals if position in rival.scores
        ]
        # An example that no rival answered comes last.
        return float(np.var(scores)) if scores else -1.0

    # Sorting is stable, so examples with equal spreads keep their order.
    ranked = sorted(range(pool_size(tuning)), key=spread, reverse=True)
    return tuple(ranked[:BLOCK])


def screening_steps(
    configs: Sequence[Config], free: Sequence[str], block: Sequence[int]
) -> dict[Step, list[Config]]:
    """Return the steps to buy, each with the configs that are read off its draws."""
    groups: dict[Point, list[Config]] = {}
    # Configs that differ only in free settings are read off the same draws.
    for config in configs:
        paid = {name: value for name, value in config.items() if name not in free}
        groups.setdefault(Point(paid), []).append(config)
    steps = {}
    for number, (point, group) in enumerate(groups.items()):
        # The largest n and cap serve the smaller ones too: readings only go down.
        draws = max(config.n for config in group)
        cap = max(config.max_tokens for config in group)
        steps[Step(number, point, tuple(block), draws, cap)] = group
    return steps


def compare_with_frontier(
    reading: Reading, rivals: Sequence[Rival], sign: float, *, closed: int, enough: int
) -> ScreenedConfig:
    """Compare a config of the new model with the frontier's configs that cost no more.

    See `find_opponents` for the arguments.
    """
    against = find_opponents(rivals, reading, sign, closed=closed, enough=enough)
    own = dict(zip(reading.examples, map(float, reading.scores), strict=True))
    gains: dict[int, float] = {}
    # The best comes before the rival, so it decides where both have as many pairs.
    for rival in reversed(against.compared if against else ()):
        paired = {
            p: sign * (own[p] - rival.scores[p]) for p in own if p in rival.scores
        }
        if len(paired) > len(gains):
            gains = paired
    return ScreenedConfig(reading, against, gains)


def finalists(tried: Sequence[ScreenedConfig]) -> list[ScreenedConfig]:
    """Return the best config, and the second where the block cannot tell them apart.

    The best opponent of the best config may have too few stored answers. Then the second finalist
    is the best config without that lack.
    """
    ranked = sorted(tried, key=lambda each: -each.mean)
    best, others = ranked[0], ranked[1:]
    # The best opponent of the best config has few answers, so the comparison may end undecided.
    if _lacks_answers(best):
        whole = [other for other in others if not _lacks_answers(other)]
        # A config that loses on the block would only cost money.
        if whole and whole[0].mean > 0:
            return [best, whole[0]]
    if others and not _apart(best, others[0]):
        return [best, others[0]]
    return [best]


def _lacks_answers(config: ScreenedConfig) -> bool:
    """Return whether the best opponent of a config has too few stored answers."""
    return config.against is not None and config.against.best is not None


def _apart(best: ScreenedConfig, other: ScreenedConfig) -> bool:
    """Return whether the difference of two gains is larger than its standard error."""
    both = [position for position in best.gains if position in other.gains]
    gaps = np.array([best.gains[p] - other.gains[p] for p in both])
    # One standard error is a low bar: a second finalist costs money only if the two are close.
    return len(gaps) > 1 and bool(gaps.mean() > gaps.std(ddof=1) / math.sqrt(len(gaps)))
