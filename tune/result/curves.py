"""Curves of quality over n, max_tokens and temperature, read from the draws of the search."""

from __future__ import annotations

import math
import operator
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeAlias

from tune.readout import Reading
from tune.report.search_records import Curve, CurvePoint
from tune.report.text import describe_config
from tune.result.evidence import Evidence
from tune.study.record import RunRecord

MOST_CURVES = 4
"""Curves in one chart."""

Group: TypeAlias = tuple[int, str, tuple[tuple[str, Hashable], ...]]
"""All that the points of a curve have in common: trial, aggregate, and other values."""

_READ = ("n", "max_tokens")
"""Dimensions whose values are read from the draws of one trial."""


def find_curves(record: RunRecord, evidence: Evidence) -> tuple[Curve, ...]:
    """Return the curves with the most examples, the winner's first."""
    readings: list[Reading] = []
    for standing in record.standings.values():
        readings += [one for one in standing.whole() if one.n_examples]
    found: list[Curve] = []
    for name in _READ:
        found += _curves(record, evidence, name, readings)
    return (*found, *_curves(record, evidence, "temperature", _single(readings)))


def _single(readings: Sequence[Reading]) -> list[Reading]:
    """Return the reading of each trial with the fewest answers and the largest cap."""
    found: dict[int, Reading] = {}
    for reading in readings:
        known = found.get(reading.trial)
        if known is None or _base_first(reading) < _base_first(known):
            found[reading.trial] = reading
    return list(found.values())


def _base_first(reading: Reading) -> tuple[int, int]:
    return reading.config.n, -reading.config.max_tokens


def _curves(
    record: RunRecord, evidence: Evidence, name: str, readings: Sequence[Reading]
) -> list[Curve]:
    """Return the curves over one dimension."""
    groups: dict[Group, dict[float, Reading]] = {}
    for reading in readings:
        value = reading.config.get(name)
        # A model's own default is no number.
        if not isinstance(value, int | float):
            continue
        points = groups.setdefault(_same(reading, name), {})
        known = points.get(float(value))
        if known is None or known.n_examples < reading.n_examples:
            points[float(value)] = reading
    if name == "n":
        _begin_with_one_answer(groups)
    drawn = [points for points in groups.values() if len(points) > 1]
    best = None
    if record.selection is not None:
        best = record.selection.reading
    drawn.sort(key=lambda points: _weight(record, points, best), reverse=True)
    return [_curve(name, points, evidence) for points in drawn[:MOST_CURVES]]


def _begin_with_one_answer(groups: Mapping[Group, dict[float, Reading]]) -> None:
    """Add the reading of one answer, which needs no aggregate, to the curve of each aggregate."""
    for (trial, aggregate, same), points in groups.items():
        single = groups.get((trial, "", same), {}).get(1.0)
        if aggregate and single is not None:
            points[1.0] = single


def _same(reading: Reading, name: str) -> Group:
    """Return what a reading has in common with the other points of its curve."""
    config = reading.config
    kept = {}
    for key, value in config.items():
        # One answer needs no aggregate, so it begins every curve over n.
        if key == name or (name == "n" and key == "aggregate"):
            continue
        kept[key] = value
    # A single answer is the same under every aggregate.
    if config.n == 1:
        kept.pop("aggregate", None)
    # Over n, an aggregate of several answers has a curve of its own.
    aggregate = ""
    if name == "n" and config.n > 1:
        aggregate = config.aggregate
    trial = reading.trial if name in _READ else -1
    return trial, aggregate, tuple(sorted(kept.items(), key=operator.itemgetter(0)))


def _weight(
    record: RunRecord, points: Mapping[float, Reading], best: Reading | None
) -> tuple[bool, bool, float]:
    """Return a sort key: curves through the winner, its trial's, and those that reach most."""
    readings = points.values()
    is_trials = best is not None and any(one.trial == best.trial for one in readings)
    reached = max(float(record.problem.quality(one.mean)) for one in readings)
    return best in readings, is_trials, reached


def _curve(name: str, points: Mapping[float, Reading], evidence: Evidence) -> Curve:
    last = points[max(points)]
    same = {key: value for key, value in last.config.items() if key != name}
    if name == "max_tokens" and last.config.n == 1:
        same.pop("aggregate")
    found = []
    for value in sorted(points):
        reading = points[value]
        cost = reading.cost if math.isfinite(reading.cost) else None
        found.append(CurvePoint(value, evidence.quality(reading), cost))
    return Curve(name, _label(name, same), tuple(found))


def _label(name: str, same: Mapping[str, Hashable]) -> str:
    label = describe_config(same)
    # `describe_config` names an aggregate only beside a number of answers.
    if name == "n" and same.get("aggregate"):
        label += f", by {same['aggregate']}"
    return label
