"""Summaries of many searches: medians, paired differences, and intervals for both."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.search.runs import Found, Run, Task
from tune.stats.student_t import t_quantile

DRAWS = 1000
"""Resamples of a bootstrap."""


class Interval(NamedTuple):
    """A number, and where it is with 95 % confidence."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.1f} [{self.low:.1f}, {self.high:.1f}]"

    @property
    def verdict(self) -> str:
        """Say if a difference is clear, and in which direction."""
        return (
            "clearly better"
            if self.low > 0
            else "clearly worse"
            if self.high < 0
            else "no clear difference"
        )


def median(values: Sequence[float]) -> Interval:
    """The median, with a bootstrap interval (percentiles of the medians of resamples)."""
    known = np.asarray(values, dtype=float)
    if not len(known):
        return Interval(math.nan, math.nan, math.nan)
    drawn = np.random.default_rng(len(known)).integers(
        len(known), size=(DRAWS, len(known))
    )
    low, high = np.quantile(np.median(known[drawn], axis=1), (0.025, 0.975))
    return Interval(float(np.median(known)), float(low), float(high))


def mean(values: Sequence[float]) -> Interval:
    """The mean, with Student's interval."""
    known = np.asarray(values, dtype=float)
    if len(known) < 2:
        return Interval(
            float(known.mean()) if len(known) else math.nan, -math.inf, math.inf
        )
    half = (
        t_quantile(0.975, len(known) - 1)
        * float(known.std(ddof=1))
        / math.sqrt(len(known))
    )
    return Interval(
        float(known.mean()), float(known.mean()) - half, float(known.mean()) + half
    )


def runs(
    found: Found, worlds: Iterable[str], **wanted: object
) -> dict[tuple[str, int], Run]:
    """The runs in these worlds whose tasks have these values, by world and seed."""
    there = set(worlds)
    return {
        (task.world, task.seed): run
        for task, run in found.items()
        if task.world in there
        and all(getattr(task, name) == value for name, value in wanted.items())
    }


def regrets(found: Found, worlds: Iterable[str], **wanted: object) -> list[float]:
    """Their regrets, in points."""
    return [run.regret for run in runs(found, worlds, **wanted).values()]


def behind(
    found: Found, worlds: Iterable[str], method: str, ours: str, **wanted: object
) -> Interval:
    """Return the mean points of regret by which a method is worse than ours, in pairs.

    A pair has the same world and the same split of its examples.
    """
    theirs, own = (
        runs(found, worlds, method=name, **wanted) for name in (method, ours)
    )
    return versus(theirs, own)


def versus(
    theirs: Mapping[tuple[str, int], Run], own: Mapping[tuple[str, int], Run]
) -> Interval:
    """Return the mean points by which some runs are worse than ours, by world and seed."""
    gaps: dict[str, list[float]] = {}
    for at, run in theirs.items():
        if at in own:
            gaps.setdefault(at[0], []).append(run.regret - own[at].regret)
    return mean_of_worlds(list(gaps.values()))


def mean_of_worlds(worlds: Sequence[Sequence[float]]) -> Interval:
    """The mean of several worlds, each counting alike, with Student's 95 % interval.

    The unit is a split of one world's examples. Units of all worlds count as one sample, so that
    the interval holds the differences between worlds too.

    Args:
        worlds: the values of each world, one for each split.
    """
    if len(worlds) < 2:
        return mean([value for values in worlds for value in values])
    weights = np.concatenate([np.full(len(one), 1 / len(one)) for one in worlds])
    weights /= len(worlds)
    values = np.concatenate([np.asarray(one, dtype=float) for one in worlds])
    middle = float(weights @ values)
    count = len(values)
    spread = float(weights**2 @ (values - middle) ** 2) * count / (count - 1)
    half = t_quantile(0.975, count - 1) * math.sqrt(spread)
    return Interval(middle, middle - half, middle + half)


def dollars_within(
    found: Found,
    world: str,
    method: str,
    points: float,
    exhausting: Callable[[Task], float],
) -> float | None:
    """The share of exhausting at which the median regret comes down to so many points, None where
    it never does.

    Between two budgets that were run, it is taken from the line through both medians over the
    budget's logarithm.

    Args:
        found: runs, at several budgets.
        world: where.
        method: of this method.
        points: of regret.
        exhausting: dollars that exhausting would take in a task's world.
    """
    shares: dict[float, list[float]] = {}
    losses: dict[float, list[float]] = {}
    for task, run in found.items():
        if (task.world, task.method, task.kind, task.setting) == (
            world,
            method,
            "read",
            "plain",
        ):
            shares.setdefault(task.units, []).append(run.dollars / exhausting(task))
            losses.setdefault(task.units, []).append(run.regret)
    rows = sorted(
        (float(np.median(shares[units])), float(np.median(losses[units])))
        for units in shares
    )
    for i, (share, loss) in enumerate(rows):
        if loss <= points:
            if i == 0:
                return share
            before, above = rows[i - 1]
            part = (above - points) / (above - loss)
            return float(
                math.exp(math.log(before) + part * (math.log(share) - math.log(before)))
            )
    return None
