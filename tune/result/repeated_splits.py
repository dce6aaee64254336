"""Repeated splits: how the choice, and what it gains, would vary with the examples that it is
chosen by.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from tune.readout import Reading
from tune.report import RepeatedSplits
from tune.strategies import Problem, Standing
from tune.strategies.select import select_config
from tune.study.record import RunRecord

CHOSEN_BY = 0.5
"""The share of the tuning examples by which each repetition chooses; the rest judge its choice."""


def repeated_splits(record: RunRecord, repetitions: int) -> RepeatedSplits | None:
    """Choose again on random halves of the tuning examples, and judge each choice on the other
    half.

    Everything is read off draws that were bought: it costs nothing, and the holdout is not looked
    at. Rows that belong together stay on one side.

    Args:
        record: of a run whose search has ended.
        repetitions: how many splits.

    Returns:
        The spread, or None where too little was bought to choose on a half.
    """
    standings = record.standings
    problem = replace(record.problem, max_extrapolated_cost=0.0)
    units: dict[object, list[int]] = {}
    for position, example in enumerate(record.plan.split.tuning):
        units.setdefault(record.plan.split.cluster(example), []).append(position)
    rng = random.Random(f"repeated splits {record.plan.seed}")
    qualities, gains, chosen = [], [], []
    for _ in range(repetitions):
        shuffled = list(units.values())
        rng.shuffle(shuffled)
        part = shuffled[: round(CHOSEN_BY * len(shuffled))]
        positions = {position for unit in part for position in unit}
        found = _choose(problem, standings, positions)
        if found is None:
            continue
        chosen.append(found.config)
        judged = _rest(standings, found, positions)
        if judged is None:
            continue
        qualities.append(judged.mean)
        baseline = _baseline(record, positions)
        difference = judged.difference(baseline).mean if baseline is not None else float("nan")
        if np.isfinite(difference):
            gains.append(difference)
    if len(qualities) < 2:
        return None
    most = max(chosen.count(config) for config in set(chosen))
    return RepeatedSplits(
        repetitions=len(qualities),
        quality=float(np.mean(qualities)),
        quality_deviation=float(np.std(qualities, ddof=1)),
        difference=float(np.mean(gains)) if gains else None,
        difference_deviation=float(np.std(gains, ddof=1)) if len(gains) > 1 else None,
        same_choice=most / len(chosen),
    )


def _choose(
    problem: Problem, standings: Mapping[int, Standing], positions: set[int]
) -> Reading | None:
    """Return what would be chosen by these examples alone, which are counted from 0 there."""
    places = {position: place for place, position in enumerate(sorted(positions))}
    restricted: dict[int, Standing] = {}
    for number, standing in standings.items():
        readings = [reading.among(positions) for reading in standing.readings]
        counted = [
            replace(reading, examples=tuple(places[e] for e in reading.examples))
            for reading in readings
        ]
        kept = tuple(reading for reading in counted if reading.n_examples)
        restricted[number] = replace(
            standing, readings=kept, examples=max((r.n_examples for r in kept), default=0)
        )
    choice = select_config(replace(problem, examples=len(positions)), restricted)
    return choice.reading if choice else None


def _rest(
    standings: Mapping[int, Standing], chosen: Reading, positions: set[int]
) -> Reading | None:
    """Return the chosen config on the examples that it was not chosen by."""
    for reading in standings[chosen.trial].readings:
        if reading.config == chosen.config:
            return _without(reading, positions)
    return None


def _baseline(record: RunRecord, positions: set[int]) -> Reading | None:
    """Return the baseline on the examples that nothing was chosen by."""
    same = [reading for reading in record.readings if reading.config == record.plan.baseline]
    most = max(same, key=lambda reading: reading.n_examples, default=None)
    return None if most is None else _without(most, positions)


def _without(reading: Reading, positions: set[int]) -> Reading | None:
    rest = reading.among(set(reading.examples) - positions)
    return rest if rest.n_examples else None
