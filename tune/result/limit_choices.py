"""Selections under other limits on cost or seconds, as `tune reprice` would make them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tune.readout import Reading
from tune.report.search_records import LimitChoice
from tune.result.evidence import Evidence
from tune.strategies.measured_truncation import select_measured
from tune.study.record import RunRecord

MOST_LIMITS = 14
"""Limits of one kind: each takes a selection for each limit of the other kind."""

FEWEST_LIMITS = 4
"""Limits on cost in a study of any size."""

MOST_TRIALS = 1200
"""Trials of all selections together."""


def limit_choices(record: RunRecord, evidence: Evidence) -> tuple[LimitChoice, ...]:
    """Return the selections under round limits on cost and on seconds, each with each.

    The limits go from the smallest to the largest value that was read. Those of the study are
    among them, and so is no limit.
    """
    readings = [one for one in record.readings if one.n_examples]
    # A selection among many trials takes long, so large studies have fewer limits.
    selections = MOST_TRIALS / max(1, len(record.trials))
    most = max(FEWEST_LIMITS, min(MOST_LIMITS, int(math.sqrt(2 * selections))))
    costs: list[float] = []
    # If every price is 0, no limit on dollars changes anything.
    if record.time is None:
        costs = round_limits([reading.cost for reading in readings], most)
    # People ask for limits on cost more often: they get the larger part.
    few = max(1, most // 2 - 1)
    seconds = round_limits([reading.mean_seconds for reading in readings], few)
    problem = record.problem
    found: list[LimitChoice] = []
    for max_cost in _with(problem.max_cost, costs):
        for max_seconds in _with(problem.max_seconds, seconds):
            choice = _choice(record, evidence, max_cost, max_seconds)
            if choice is not None:
                found.append(choice)
    return tuple(found)


def _with(own: float | None, limits: Sequence[float]) -> list[float | None]:
    """Return the limits of the slider: round ones, the study's own, and none."""
    known = {*limits} if own is None else {*limits, own}
    return [*sorted(known), None]


def round_limits(values: Sequence[float], most: int = MOST_LIMITS) -> list[float]:
    """Return round limits over positive values, the smallest first: 1, 2 and 5 times a power of
    ten, and more between them if the values lie close together.

    Args:
        values: costs or seconds.
        most: limits; where there are more, some are left out evenly.
    """
    known = [value for value in values if value > 0 and math.isfinite(value)]
    if not known or max(known) <= min(known):
        return []
    # A limit is kept with confidence, so the largest value needs room up to the next round number.
    low, high = min(known), 2.5 * max(known)
    found: list[float] = []
    for digits in (
        (1, 2, 5),
        (1, 1.5, 2, 3, 5, 7),
        (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8),
    ):
        finer = _between(low, high, digits)
        if found and len(finer) > most:
            break
        found = finer
    if len(found) <= most:
        return found
    # The smallest limit alone would say little, so one in the middle stands for all.
    if most == 1:
        return [found[len(found) // 2]]
    places = np.linspace(0, len(found) - 1, most)
    return [found[place] for place in places.round().astype(int).tolist()]


def _between(low: float, high: float, digits: Sequence[float]) -> list[float]:
    found = []
    for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1):
        for digit in digits:
            # Through its decimal digits, so that the limit is written as it is meant.
            limit = float(f"{digit}e{power}")
            if low <= limit <= high:
                found.append(limit)
    return found


def _choice(
    record: RunRecord,
    evidence: Evidence,
    max_cost: float | None,
    max_seconds: float | None,
) -> LimitChoice | None:
    """Return the selection under two limits; None if nothing was scored."""
    problem = replace(record.problem, max_cost=max_cost, max_seconds=max_seconds)
    selection = select_measured(problem, record.weighed)
    if selection is None:
        return None
    shown = selection.tested(record.holdout).shown
    reading = _in_dollars(record, shown)
    return LimitChoice(
        max_cost=max_cost,
        max_seconds=max_seconds,
        trial=reading.trial,
        config=reading.config,
        quality=evidence.quality(reading),
        cost=_known(reading.cost),
        seconds=_known(reading.mean_seconds),
        keeps=problem.limit_use(shown) <= 1.0,
    )


def _in_dollars(record: RunRecord, shown: Reading) -> Reading:
    """Return a reading with its cost in dollars, where strategies weigh it in seconds."""
    if record.time is None:
        return shown
    for reading in record.standings[shown.trial].readings:
        if reading.config == shown.config:
            return reading
    return shown


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
