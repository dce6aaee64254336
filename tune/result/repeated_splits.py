"""Repeated splits: how the selection and its gain vary with the examples that it rests on."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from tune.readout import Reading
from tune.report import RepeatedSplits
from tune.space import Config
from tune.strategies import Problem, Standing
from tune.strategies.select import select_config
from tune.study.record import RunRecord

CHOSEN_BY = 0.5
"""The share of the tuning examples that each repetition selects on; the rest test the selection."""


def repeated_splits(record: RunRecord, repetitions: int) -> RepeatedSplits | None:
    """Select again on random halves of the tuning examples, and judge each config on the other
    half.

    Everything is read off bought draws: it costs nothing, and the holdout is not touched. Rows that
    belong together stay on one side.

    Args:
        record: of a run whose search has ended.
        repetitions: the number of splits.

    Returns:
        The spread; None where too little was bought to select on a half.
    """
    standings = record.standings
    # Every choice must be judged on bought draws, so no larger n is extrapolated.
    problem = replace(record.problem, max_extrapolated_cost=0.0)
    units: dict[object, list[int]] = {}
    for position, example in enumerate(record.plan.split.tuning):
        units.setdefault(record.plan.split.cluster(example), []).append(position)
    # A text as its seed keeps these numbers apart from the search's, which has the same seed.
    rng = random.Random(f"repeated splits {record.plan.seed}")
    qualities, gains, chosen = [], [], []
    for _ in range(repetitions):
        shuffled = list(units.values())
        rng.shuffle(shuffled)
        # Whole units: rows that belong together stay on one side.
        positions: set[int] = set()
        for unit in shuffled[: round(CHOSEN_BY * len(shuffled))]:
            positions.update(unit)
        found = _choose(problem, standings, positions)
        if found is None:
            continue
        chosen.append(found.config)
        judged = _rest(standings, found, positions)
        if judged is None:
            continue
        qualities.append(judged.mean)
        baseline = _baseline(record, positions)
        if baseline is not None:
            # NaN where the two have no example in common.
            difference = judged.difference(baseline).mean
            if np.isfinite(difference):
                gains.append(difference)
    # A standard deviation needs two.
    if len(qualities) < 2:
        return None
    return _spread(qualities, gains, chosen)


def _spread(
    qualities: Sequence[float], gains: Sequence[float], chosen: Sequence[Config]
) -> RepeatedSplits:
    most = Counter(chosen).most_common(1)[0][1]
    mean, deviation = None, None
    # The search may not have had the baseline on the same examples, so gains may be missing.
    if gains:
        mean = float(np.mean(gains))
    if len(gains) > 1:
        deviation = float(np.std(gains, ddof=1))
    return RepeatedSplits(
        repetitions=len(qualities),
        quality=float(np.mean(qualities)),
        quality_deviation=float(np.std(qualities, ddof=1)),
        difference=mean,
        difference_deviation=deviation,
        same_choice=most / len(chosen),
    )


def _choose(
    problem: Problem, standings: Mapping[int, Standing], positions: set[int]
) -> Reading | None:
    """Return the reading that is selected on these examples alone."""
    places = {position: place for place, position in enumerate(sorted(positions))}
    restricted: dict[int, Standing] = {}
    for number, standing in standings.items():
        kept = []
        for reading in standing.readings:
            part = reading.among(positions)
            if part.n_examples:
                # The strategy counts examples from 0.
                renumbered = tuple(places[example] for example in part.examples)
                kept.append(replace(part, examples=renumbered))
        most = max((reading.n_examples for reading in kept), default=0)
        restricted[number] = replace(standing, readings=tuple(kept), examples=most)
    choice = select_config(replace(problem, examples=len(positions)), restricted)
    if choice is None:
        return None
    return choice.reading


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
    baseline = record.plan.baseline
    same = [reading for reading in record.readings if reading.config == baseline]
    most = max(same, key=lambda reading: reading.n_examples, default=None)
    if most is None:
        return None
    return _without(most, positions)


def _without(reading: Reading, positions: set[int]) -> Reading | None:
    rest = reading.among(set(reading.examples) - positions)
    if not rest.n_examples:
        return None
    return rest
