"""The goal "cheapest": which readings are good enough with confidence, and the examples that decide
it.

A reading is good enough when it has at least a stated quality, or when it is not worse than the
baseline by more than a margin, which is a test of non-inferiority: the lower limit of the paired
difference has to lie above minus the margin. Both are one-sided at 95 % on tuning examples; the
holdout then shows the choice on examples that it was not chosen by.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from functools import lru_cache

import numpy as np

from tune.readout import Reading
from tune.readout.trial import Step
from tune.stats.intervals import Interval, difference_interval, mean_interval
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
from tune.strategies.race import Race, TrialState, WavePlan, rung_sizes

CONFIDENCE = 0.90
"""Of the interval of which one side is looked at: one-sided 95 %."""

MOST_AT_ONCE = 6
"""Trials that get more examples side by side, the cheapest first."""


def prove_good_enough(race: Race) -> Generator[list[Step], Outcome, None]:
    """Give more examples to the trials that may be cheaper than the cheapest one known to be good
    enough.

    It ends when none is left of which that is open, or the money does not pay for the next block.
    """
    while not race.over:
        wave = next_examples(race, undecided(race))
        if not wave:
            return
        race.update((yield wave))


def undecided(race: Race) -> list[TrialState]:
    """Trials of which more examples may show that they are good enough and cheaper, the cheapest
    first.
    """
    cheapest_of: dict[int, float] = {}
    for reading in open_readings(race.problem, list(race.standings.values())):
        cheapest_of[reading.trial] = min(
            cost_key(reading), cheapest_of.get(reading.trial, math.inf)
        )
    order = sorted((price, trial) for trial, price in cheapest_of.items() if trial in race.states)
    states = [race.states[trial] for _, trial in order]
    return [e for e in states if e.examples < race.problem.examples][:MOST_AT_ONCE]


def open_readings(problem: Problem, standings: Sequence[Standing]) -> list[Reading]:
    """The readings that may be good enough and keep the limits, and are cheaper than the cheapest
    that is known to.
    """
    baseline = baseline_reading(problem, standings)
    known = min((cost_key(r) for r in good_enough(problem, standings)), default=math.inf)
    cheaper = [
        r
        for s in standings
        for r in s.whole()
        if cost_key(r) < known and problem.limit_use(r, -LENIENT_ERRORS) <= 1.0
    ]
    return [reading for reading in cheaper if _may_be(problem, reading, baseline)]


def next_examples(race: Race, states: Sequence[TrialState]) -> list[Step]:
    """The next examples for those of some trials that met the fewest; a margin needs the baseline
    on them too.
    """
    if not states:
        return []
    fewest = min(state.examples for state in states)
    target = next(size for size in rung_sizes(race.problem.examples) if size > fewest)
    wave = WavePlan(race, race.left)
    beside = [] if race.problem.margin is None else race.states.values()
    paired = [state for state in beside if state.point == race.problem.baseline]
    for state in [*paired, *states]:
        if state.examples < target:  # no longer so for one that was added before
            wave.add(state, target, state.draws)
    return wave.steps


def good_enough(problem: Problem, standings: Sequence[Standing]) -> list[Reading]:
    """The readings that are good enough and keep the limits, both with one-sided confidence of 95
    %.
    """
    baseline = baseline_reading(problem, standings)
    readings = [
        r
        for s in standings
        for r in s.whole()
        if len(r.examples) and problem.limit_use(r, STRICT_ERRORS) <= 1.0
    ]
    return [reading for reading in readings if _is(problem, reading, baseline)]


def cheapest_good_enough(problem: Problem, standings: Sequence[Standing]) -> Reading | None:
    """The cheapest reading that is good enough, or None where that is shown of none."""
    found = good_enough(problem, standings)
    return min(found, key=lambda r: (cost_key(r), preference(problem, r)), default=None)


def baseline_reading(problem: Problem, standings: Sequence[Standing]) -> Reading | None:
    """The baseline as it was read, or what comes nearest to it among the readings of its paid
    point.
    """
    wanted = problem.baseline_config
    readings = [
        r for s in standings if s.point == problem.baseline for r in s.whole() if len(r.examples)
    ]
    if wanted is None or not readings:
        return None

    def distance(reading: Reading) -> tuple[bool, bool, float, str]:
        config = reading.config
        apart = abs(math.log(config.max_tokens / wanted.max_tokens))
        return config.n != wanted.n, config.aggregate != wanted.aggregate, apart, config.key

    return min(readings, key=distance)


def _is(problem: Problem, reading: Reading, baseline: Reading | None) -> bool:
    if problem.margin is not None and reading.config == problem.baseline_config:
        return True
    interval, least = interval_and_threshold(problem, reading, baseline)
    return interval is not None and interval.low > least


def _may_be(problem: Problem, reading: Reading, baseline: Reading | None) -> bool:
    """Whether it is not ruled out that a reading is good enough."""
    if not len(reading.examples):
        return False
    interval, least = interval_and_threshold(problem, reading, baseline)
    return interval is None or interval.high > least


def interval_and_threshold(
    problem: Problem, reading: Reading, baseline: Reading | None
) -> tuple[Interval | None, float]:
    """What is known of a reading as shares of the range, and what it must be above to be good
    enough.

    Returns:
        The interval is of the quality, or, where there is a margin, of the difference to the
        baseline; it is None where nothing is known.
    """
    if problem.margin is None:
        assert problem.min_quality is not None
        least = float(problem.quality([problem.min_quality])[0])
        scores = problem.quality(reading.scores)
        return (_interval_of(scores.tobytes()) if np.isfinite(scores).any() else None), least - 1e-9
    least = -problem.margin / (problem.high - problem.low)
    if baseline is None:
        return None, least
    mine, theirs = quality_table(problem, [reading, baseline])
    if not np.isfinite(mine - theirs).any():
        return None, least
    return difference_interval(mine, theirs, confidence=CONFIDENCE), least


@lru_cache(maxsize=8192)
def _interval_of(scores: bytes) -> Interval:
    """Of the mean of scores. Readings that differ in their caps alone often share them, and each is
    asked again and again while examples are bought for others.
    """
    return mean_interval(np.frombuffer(scores), confidence=CONFIDENCE)
