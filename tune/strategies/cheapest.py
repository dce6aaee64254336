"""The goal "cheapest": which readings are good enough with confidence, and what would decide it.

A reading is good enough when it has at least a stated quality, or when it is not worse than the
baseline by more than a margin. The second is a test of non-inferiority: the lower limit of the
paired difference must lie above minus the margin. Both are one-sided at 95 % on tuning examples.
The holdout then shows the choice on examples that it was not selected by.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from functools import lru_cache

import numpy as np

from tune.readout import Reading
from tune.readout.trial import Reason, Step
from tune.stats.intervals import Interval, difference_interval, mean_interval
from tune.strategies.blocks import rung_sizes
from tune.strategies.paired import quality_table
from tune.strategies.problem import (
    LENIENT_ERRORS,
    STRICT_ERRORS,
    Outcome,
    Problem,
    Standing,
    cost_key,
    preference,
)
from tune.strategies.race import Race, TrialState
from tune.strategies.wave_plan import WavePlan

_PROVE = Reason(purpose="to show which cheap ones are good enough")

CONFIDENCE = 0.90
"""Confidence of the two-sided interval of which one side is used: one-sided 95 %."""


def prove_good_enough(race: Race) -> Generator[list[Step], Outcome, None]:
    """Give more examples to trials that may be cheaper than the cheapest known to be good enough.

    It ends when no such trial is undecided, or the money does not pay for the next block.
    """
    while not race.over:
        wave = next_examples(race, undecided(race), _PROVE)
        if not wave:
            return
        race.update((yield wave))


def undecided(race: Race) -> list[TrialState]:
    """Return trials that more examples may show to be good enough and cheaper, cheapest first."""
    standings = list(race.standings.values())
    costs: dict[int, float] = {}
    for reading in open_readings(race.problem, standings):
        other = costs.get(reading.trial, math.inf)
        costs[reading.trial] = min(cost_key(reading), other)
    unfinished: list[TrialState] = []
    # Of equal costs the older trial, so that a resumed search decides the same.
    for trial in sorted(costs, key=lambda trial: (costs[trial], trial)):
        state = race.states.get(trial)
        if state is not None and state.examples < race.problem.examples:
            unfinished.append(state)
    return unfinished[: race.problem.settings.cheapest.most_at_once]


def open_readings(problem: Problem, standings: Sequence[Standing]) -> list[Reading]:
    """Return cheaper readings that may yet be good enough and keep the limits.

    Cheaper means: than the cheapest reading that is known to be good enough.
    """
    baseline = baseline_reading(problem, standings)
    known = map(cost_key, good_enough(problem, standings))
    limit = min(known, default=math.inf)
    found: list[Reading] = []
    for standing in standings:
        for reading in standing.whole():
            # The interval takes the longest, so it comes last.
            if (
                cost_key(reading) < limit
                and problem.limit_use(reading, -LENIENT_ERRORS) <= 1.0
                and _may_be_good_enough(problem, reading, baseline)
            ):
                found.append(reading)
    return found


def next_examples(
    race: Race, states: Sequence[TrialState], reason: Reason
) -> list[Step]:
    """Return the next examples of those trials that met the fewest.

    Where the goal has a margin, the baseline meets them too, as it is compared in pairs.
    """
    if not states:
        return []
    fewest = min(state.examples for state in states)
    # Blocks end where those of the search end, so trials stay paired.
    sizes = rung_sizes(race.problem.examples)
    target = next(size for size in sizes if size > fewest)
    wave = WavePlan(race, race.left)
    paired = []
    if race.problem.margin is not None:
        baseline = race.problem.baseline
        paired = [state for state in race.states.values() if state.point == baseline]
    for state in [*paired, *states]:
        # A trial that is in both lists has got its examples already.
        if state.examples < target:
            wave.add(state, target, state.draws, reason)
    return wave.steps


def good_enough(problem: Problem, standings: Sequence[Standing]) -> list[Reading]:
    """Return the readings that are good enough and keep the limits, each one-sided at 95 %."""
    baseline = baseline_reading(problem, standings)
    found: list[Reading] = []
    for standing in standings:
        for reading in standing.whole():
            if (
                len(reading.examples)
                and problem.limit_use(reading, STRICT_ERRORS) <= 1.0
                and _is_good_enough(problem, reading, baseline)
            ):
                found.append(reading)
    return found


def cheapest_good_enough(
    problem: Problem, standings: Sequence[Standing]
) -> Reading | None:
    """Return the cheapest reading that is good enough, or None where none was shown to be."""
    found = good_enough(problem, standings)
    return min(found, key=lambda r: (cost_key(r), preference(problem, r)), default=None)


def baseline_reading(problem: Problem, standings: Sequence[Standing]) -> Reading | None:
    """Return the baseline's reading, or the reading of its paid point that is most like it."""
    wanted = problem.baseline_config
    readings: list[Reading] = []
    for standing in standings:
        if standing.point == problem.baseline:
            readings += standing.whole()
    readings = [reading for reading in readings if len(reading.examples)]
    if wanted is None or not readings:
        return None

    def distance(reading: Reading) -> tuple[bool, bool, float, str]:
        config = reading.config
        # Caps are compared by their ratio: 64 is as far from 128 as 512 is from 1024.
        apart = abs(math.log(config.max_tokens / wanted.max_tokens))
        return (
            config.n != wanted.n,
            config.aggregate != wanted.aggregate,
            apart,
            config.key,
        )

    return min(readings, key=distance)


def _is_good_enough(
    problem: Problem,
    reading: Reading,
    baseline: Reading | None,
) -> bool:
    # The baseline is not worse than itself, whatever the interval says.
    if problem.margin is not None and reading.config == problem.baseline_config:
        return True
    interval, threshold = interval_and_threshold(problem, reading, baseline)
    # Without an interval nothing is shown, so it is not good enough, but it may be.
    return interval is not None and interval.low > threshold


def _may_be_good_enough(
    problem: Problem,
    reading: Reading,
    baseline: Reading | None,
) -> bool:
    """Return whether the interval does not rule out that a reading is good enough."""
    if not len(reading.examples):
        return False
    interval, threshold = interval_and_threshold(problem, reading, baseline)
    return interval is None or interval.high > threshold


def interval_and_threshold(
    problem: Problem,
    reading: Reading,
    baseline: Reading | None,
) -> tuple[Interval | None, float]:
    """Return the interval of a reading and the threshold above which it is good enough.

    Both are shares of the metric's range. The interval is of the quality, or, where the goal has a
    margin, of the difference to the baseline. It is None where nothing is known.
    """
    if problem.margin is None:
        assert problem.min_quality is not None
        # A hair below, so that a mean of exactly the least quality counts in spite of rounding.
        threshold = float(problem.quality([problem.min_quality])[0]) - 1e-9
        scores = problem.quality(reading.scores)
        if not np.isfinite(scores).any():
            return None, threshold
        return _interval_of(scores.tobytes()), threshold
    # The margin is a loss, so the difference to the baseline may be that far below zero.
    threshold = -problem.margin / (problem.high - problem.low)
    if baseline is None:
        return None, threshold
    mine, theirs = quality_table(problem, [reading, baseline])
    if not np.isfinite(mine - theirs).any():
        return None, threshold
    return difference_interval(mine, theirs, confidence=CONFIDENCE), threshold


@lru_cache(maxsize=8192)
def _interval_of(scores: bytes) -> Interval:
    """Return the interval of the mean of scores.

    Readings that differ only in max_tokens often share their scores, and all are asked for again
    whenever examples were bought for others.
    """
    return mean_interval(np.frombuffer(scores), confidence=CONFIDENCE)
