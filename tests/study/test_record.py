"""The record of a run, for whoever builds a report from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace

import pytest

from tests.support.house import House
from tune.study.record import TimeRecord


async def test_a_record_has_the_readings_and_the_models_of_its_trials(
    build: Callable[..., House],
) -> None:
    house = build()
    await house.buy()
    record = house.record()
    assert record.readings == list(record.standings[0].readings)
    assert record.model_of(record.trials[0]) is record.models["m"]
    with pytest.raises(FrozenInstanceError):
        record.stopped = "money"  # type: ignore[misc]


async def test_readings_are_weighed_in_dollars_or_in_seconds_of_all_calls(
    build: Callable[..., House],
) -> None:
    house = build(most_n=1)
    await house.buy()
    record = house.record()
    three = next(reading for reading in record.readings if reading.config.n == 3)
    assert record.weigh(three) is three
    timed = replace(record, time=TimeRecord(10.0, 1.0))
    three = replace(three, seconds=three.costs * 0 + 2.0)
    assert timed.weigh(three).costs.tolist() == [6.0] * three.n_examples
