"""Build what only the page shows of a search. A fault in one part leaves that part out."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

from tune.export import Deployment, llm_config
from tune.providers.base_url import public_url
from tune.readout import Reading
from tune.report.search_records import (
    AgentConfig,
    Course,
    ReadingRow,
    SearchDetails,
)
from tune.result.course import run_course
from tune.result.curves import find_curves
from tune.result.effects import find_effects
from tune.result.evidence import Evidence
from tune.result.limit_choices import limit_choices
from tune.safety.decoration import Decorations
from tune.space import Config, Point
from tune.study.record import RunRecord

MOST_READINGS = 6000
"""Readings in a report. More would make the page slow, and it would not show more."""


def search_details(
    record: RunRecord, evidence: Evidence, decorations: Decorations
) -> SearchDetails:
    """Return the details of a search.

    Args:
        record: what the run found.
        evidence: makes the intervals.
        decorations: keeps the fault of one part from ending the others.
    """
    attempt = decorations.attempt
    rows, left_out = attempt(
        "the list of readings", lambda: reading_rows(record), ((), 0)
    )
    dimensions, pairs = attempt(
        "the effects of dimensions", lambda: find_effects(record), ((), ())
    )
    return SearchDetails(
        readings=rows,
        left_out=left_out,
        limits=attempt(
            "the choices under other limits",
            lambda: limit_choices(record, evidence),
            (),
        ),
        dimensions=dimensions,
        pairs=pairs,
        curves=attempt("the curves", lambda: find_curves(record, evidence), ()),
        course=attempt(
            "the course of the run", lambda: run_course(record, evidence), Course()
        ),
        agents=attempt("the settings for agents", lambda: agent_configs(record), ()),
    )


def reading_rows(record: RunRecord) -> tuple[tuple[ReadingRow, ...], int]:
    """Return the readings of every trial, and the number of those that are left out."""
    found: list[ReadingRow] = []
    standings = record.standings.values()
    total = sum(len(standing.readings) for standing in standings)
    most = MOST_READINGS
    if total > MOST_READINGS:
        most = max(1, MOST_READINGS // len(standings))
    for standing in standings:
        known = [one for one in standing.readings if one.n_examples]
        for reading in _best(record, known, most):
            found.append(_row(reading))
    return tuple(found), total - len(found)


def _best(
    record: RunRecord, readings: Sequence[Reading], most: int
) -> Sequence[Reading]:
    """Return the readings of a trial, the best ones if there are too many."""
    if len(readings) <= most:
        return readings

    def best_first(reading: Reading) -> tuple[float, float]:
        return -float(record.problem.quality(reading.mean)), reading.cost

    return sorted(readings, key=best_first)[:most]


def _row(reading: Reading) -> ReadingRow:
    config = reading.config
    return ReadingRow(
        trial=reading.trial,
        n=config.n,
        aggregate=config.aggregate,
        max_tokens=config.max_tokens,
        stop=json.dumps(list(config.stop), ensure_ascii=False),
        quality=reading.mean,
        examples=reading.n_examples,
        cost=_known(reading.cost),
        seconds=_known(reading.mean_seconds),
        approximate=reading.approximate,
    )


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def agent_configs(record: RunRecord) -> tuple[AgentConfig, ...]:
    """Return the `llm_config` of each trial that an agent can use, with one answer."""
    found = []
    for number, trial in record.trials.items():
        prompt = record.plan.prompts[str(trial.point["prompt"])]
        readings = record.standings[number].readings
        # An agent chats by a template, and what was never read has no full configuration.
        if prompt.raw or prompt.made_by or not readings:
            continue
        single = Point({"n": 1, "aggregate": "first", "stop": ()})
        asked = {**readings[0].config, **trial.point, **single}
        config = Config({**asked, "max_tokens": trial.cap})
        entry = record.plan.entries[config.model]
        deployment = Deployment(
            config=config,
            model=entry.model,
            price=record.plan.prices[config.model],
            base_url=public_url(entry.base_url),
            key_env=entry.key_variable or "",
            local=entry.local,
        )
        found.append(AgentConfig(number, llm_config(deployment)))
    return tuple(found)
