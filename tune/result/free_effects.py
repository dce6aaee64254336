"""Effects of the free dimensions: their values are read from the same draws, so they are paired."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter

import numpy as np

from tune.readout import Reading
from tune.report.search_records import Dimension, Effect
from tune.report.text import describe_value
from tune.space import FREE
from tune.stats.arrays import Array, IntArray
from tune.stats.intervals import Interval, difference_interval
from tune.study.record import RunRecord


def free_effects(record: RunRecord) -> list[Dimension]:
    """Return the effects of the dimensions that are read from draws."""
    found = []
    for name in FREE:
        dimension = _free_dimension(record, name)
        if dimension is not None:
            found.append(dimension)
    return found


def _free_dimension(record: RunRecord, name: str) -> Dimension | None:
    """Return the effects of one dimension; None where no trial has two values of it."""
    groups = []
    for standing in record.standings.values():
        whole = [one for one in standing.whole() if one.n_examples]
        others = [(_others(one, name), one) for one in whole]
        # Readings that differ in this dimension alone are compared.
        others.sort(key=lambda pair: repr(pair[0]))
        for _, group in groupby(others, key=itemgetter(0)):
            values: dict[Hashable, Reading] = {}
            for _, reading in group:
                values.setdefault(reading.config[name], reading)
            if len(values) > 1:
                groups.append(values)
    if not groups:
        return None
    counts = Counter(value for values in groups for value in values)
    # The value of today, if it was read; else the one that was read most often.
    reference: Hashable = record.plan.baseline.get(name)
    if reference not in counts:
        reference = counts.most_common(1)[0][0]
    return _compared(record, name, groups, reference)


def _others(reading: Reading, name: str) -> tuple[tuple[str, Hashable], ...]:
    """Return all values of a configuration but one; a single answer fits every aggregate."""
    kept = []
    for key, value in reading.config.items():
        if key == name or (name == "n" and key == "aggregate"):
            continue
        kept.append((key, value))
    return tuple(sorted(kept))


def _compared(
    record: RunRecord,
    name: str,
    groups: Sequence[Mapping[Hashable, Reading]],
    reference: Hashable,
) -> Dimension | None:
    """Return the effects of the values that stand in a group with the reference."""
    with_it = [values for values in groups if reference in values]
    bases = [values[reference] for values in with_it]
    mean = float(np.mean([base.mean for base in bases]))
    trials = len({base.trial for base in bases})
    effects = [Effect(describe_value(reference), mean, None, trials)]
    others = {value for values in with_it for value in values} - {reference}
    for value in sorted(others, key=_in_order):
        pairs = []
        for values in with_it:
            if value in values:
                pairs.append((values[value], values[reference]))
        gain = _gain(record, pairs)
        trials = len({ours.trial for ours, _ in pairs})
        effects.append(Effect(describe_value(value), mean + gain.mean, gain, trials))
    return Dimension(name, free=True, effects=tuple(effects))


def _gain(record: RunRecord, pairs: Sequence[tuple[Reading, Reading]]) -> Interval:
    """Return the mean gain of readings over others, on the examples that both have."""
    ours: list[Array] = []
    theirs: list[Array] = []
    clusters: list[IntArray] = []
    for reading, base in pairs:
        here, there = reading.places_shared(base)
        ours.append(reading.shares[here])
        theirs.append(base.shares[there])
        clusters.append(reading.positions[here])
    metric = record.plan.metric
    # One example counts once, however many trials met it.
    return difference_interval(
        np.concatenate(ours),
        np.concatenate(theirs),
        low=metric.low,
        high=metric.mean_high,
        clusters=np.concatenate(clusters),
    )


def _in_order(value: Hashable) -> tuple[bool, float, str]:
    """Return a sort key: numbers by size, then words."""
    if isinstance(value, int | float):
        return False, float(value), ""
    return True, 0.0, str(value)
