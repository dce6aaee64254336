"""The course of a run: dollars over time, and the best configuration over dollars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from tune.pricing.prices import to_dollars
from tune.readout import Reading
from tune.report.search_records import BestPoint, Course, SpentPoint, WaveRow
from tune.result.evidence import Evidence
from tune.stats.intervals import Interval
from tune.study.budget import LEAST_BLOCK
from tune.study.record import RunRecord

MOST_POINTS = 200
"""Points of the line of dollars."""

LONGEST_PAUSE = 300.0
"""Seconds without a call that still count. After more, the study was resumed later."""


def run_course(record: RunRecord, evidence: Evidence) -> Course:
    """Return the course of a run, from its ledger and its journal."""
    calls = record.money.calls
    spent = list(accumulate(call.picodollars for call in calls))
    return Course(
        spent=_spent(record, spent),
        best=_best(record, evidence, spent),
        calls=len(calls),
        refused=sum(call.state == "refused" for call in calls),
        holdout=to_dollars(record.money.holdout_spent),
        saved=_saved(record),
        waves=_waves(record),
    )


def _waves(record: RunRecord) -> tuple[WaveRow, ...]:
    """Return the waves with their reasons, as the journal has them."""
    found = []
    for event in record.events:
        if event["event"] == "wave" and event.get("line"):
            found.append(WaveRow(event["phase"], event["line"]))
    return tuple(found)


def _spent(record: RunRecord, spent: Sequence[int]) -> tuple[SpentPoint, ...]:
    if not spent:
        return ()
    moments = [call.moment for call in record.money.calls]
    steps = np.clip(np.diff(moments, prepend=moments[0]), 0.0, LONGEST_PAUSE)
    seconds = np.cumsum(steps)
    places = np.linspace(0, len(spent) - 1, min(MOST_POINTS, len(spent)))
    found = []
    for place in sorted(set(places.astype(int).tolist())):
        dollars = to_dollars(spent[place])
        found.append(SpentPoint(float(seconds[place]), dollars, place + 1))
    return tuple(found)


def _best(
    record: RunRecord, evidence: Evidence, spent: Sequence[int]
) -> tuple[BestPoint, ...]:
    """Return the leader after each wave of the search.

    Each trial counts by its best reading in the end, on the examples that it had met until then.
    """
    readings = _final_readings(record)
    met: dict[int, set[int]] = {}
    means: dict[int, float] = {}
    found: list[BestPoint] = []
    steps: Sequence[Any] = ()
    # Its leader stays the same through most waves, and an interval takes long.
    known: dict[tuple[int, int], Interval] = {}
    for event in record.events:
        if event["event"] == "wave":
            steps = event["steps"]
        elif event["event"] == "outcome":
            _meet(record, readings, met, means, steps)
            steps = ()
            if means:
                dollars = _dollars_at(event, spent)
                leader = max(means, key=means.__getitem__)
                state = leader, len(met[leader])
                if state not in known:
                    part = readings[leader].among(met[leader])
                    known[state] = evidence.quality(part)
                found.append(BestPoint(dollars, leader, known[state]))
    return tuple(found)


def _final_readings(record: RunRecord) -> dict[int, Reading]:
    found = {}
    for number, standing in record.weighed.items():
        best = standing.best(record.problem)
        if best is not None:
            found[number] = best
    return found


def _meet(
    record: RunRecord,
    readings: Mapping[int, Reading],
    met: dict[int, set[int]],
    means: dict[int, float],
    steps: Sequence[Any],
) -> None:
    """Add the examples of a wave, and the means of the trials that met them."""
    changed = set()
    for number, _, examples, *_ in steps:
        if number in readings:
            met.setdefault(number, set()).update(examples)
            changed.add(number)
    for number in changed:
        part = readings[number].among(met[number])
        # The first answers of a configuration are often all right or all wrong.
        if part.n_examples >= LEAST_BLOCK:
            share = float(np.mean(record.problem.quality(part.shares)))
            means[number] = share


def _dollars_at(event: Mapping[str, Any], spent: Sequence[int]) -> float:
    """Return the dollars that were spent when an event was noted."""
    # The event's mark counts the calls until then.
    calls = event.get("ledger", (0, 0))[1]
    if not calls or not spent:
        return 0.0
    return to_dollars(spent[min(calls, len(spent)) - 1])


def _saved(record: RunRecord) -> float | None:
    """Return about what the reused draws would have cost, at the mean price of a model's draws."""
    saved = 0.0
    for name, model in record.models.items():
        if not model.reused:
            continue
        spent, draws = 0.0, 0
        for number, trial in record.trials.items():
            if trial.point["model"] == name:
                bought = trial.bought
                draws += bought
                spent += bought * record.standings[number].spent_per_draw
        # Draws of the holdout alone have no mean price here.
        if not draws:
            return None
        saved += model.reused * spent / draws
    return saved
