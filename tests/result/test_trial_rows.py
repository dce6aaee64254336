"""The row of one trial."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests.support.house import House
from tests.support.reported import searched
from tune.pricing.prices import to_dollars
from tune.report import TrialRow
from tune.result.evidence import Evidence
from tune.result.trial_rows import trial_row
from tune.safety.decoration import Decorations
from tune.study.record import RunRecord, TimeRecord


def row_of(record: RunRecord, number: int) -> TrialRow:
    trial = record.trials[number]
    return trial_row(record, trial, Evidence(record.plan), Decorations())


async def test_a_trial_is_shown_with_its_best_reading(
    build: Callable[..., House],
) -> None:
    house, record = await searched(build)
    row = row_of(record, 0)
    best = record.standings[0].readings[0]
    assert (row.number, row.point, row.best) == (0, record.trials[0].point, best.config)
    assert row.examples == row.draws == row.outcomes.answers == 24
    assert row.quality is not None
    assert row.quality.mean == pytest.approx(best.mean)
    assert row.outcomes.wrong == pytest.approx(24 * (1 - best.mean))
    assert row.cost == best.cost
    assert (row.service, row.service_per_request) == (None, None)
    rows = [row_of(record, number) for number in record.trials]
    paid_for_search = sum(row.spent for row in rows)
    assert 0 < paid_for_search < house.billed


async def test_the_money_of_a_trial_is_that_of_its_draws_at_list_price(
    build: Callable[..., House],
) -> None:
    _, record = await searched(build)
    price = record.models["m"].price
    total = 0
    for draws in record.trials[0].draws.values():
        for draw in draws:
            total += price.cost(draw.prompt_tokens, draw.completion_tokens)
    assert row_of(record, 0).spent == pytest.approx(to_dollars(total))


async def test_a_trial_that_was_never_answered_has_no_cost(
    build: Callable[..., House],
) -> None:
    """A filter may refuse every prompt: such a trial has a score, and no draw that cost anything."""
    _, record = await searched(build)
    first = record.standings[0].readings[0]
    best = replace(first, costs=np.full(len(first.costs), math.nan))
    refused = replace(record.standings[0], readings=(best,))
    row = row_of(replace(record, standings={**record.standings, 0: refused}), 0)
    assert row.quality is not None
    assert row.cost is None


async def test_a_trial_without_a_reading_has_no_numbers(
    build: Callable[..., House],
) -> None:
    _, record = await searched(build)
    nothing = replace(record.standings[0], readings=())
    row = row_of(replace(record, standings={**record.standings, 0: nothing}), 0)
    assert (row.best, row.quality, row.cost) == (None, None, None)
    assert row.outcomes.answers == 0
    assert row.draws == 24


async def test_seconds_stand_beside_dollars_where_nobody_is_billed(
    build: Callable[..., House],
) -> None:
    _, record = await searched(build)
    weighed = {
        number: replace(standing, spent_per_draw=2.0)
        for number, standing in record.standings.items()
    }
    row = row_of(replace(record, time=TimeRecord(75.0, 2.0), weighed=weighed), 0)
    assert row.service == 48.0
    assert row.service_per_request is not None
