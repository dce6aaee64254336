"""Repeated splits: the spread of the selection over random halves of the tuning examples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.support.house import House
from tests.support.reported import searched
from tune.readout import Reading
from tune.result.repeated_splits import repeated_splits
from tune.strategies import Standing
from tune.study.record import RunRecord


def with_scores(record: RunRecord, scores: dict[int, float]) -> RunRecord:
    """Return the record with one score for all examples of each trial."""

    def changed(reading: Reading, score: float) -> Reading:
        return replace(reading, scores=0 * reading.scores + score)

    standings: dict[int, Standing] = {}
    for number, standing in record.standings.items():
        readings = [changed(reading, scores[number]) for reading in standing.readings]
        standings[number] = replace(standing, readings=tuple(readings))
    return replace(record, standings=standings)


async def test_a_clear_best_is_selected_every_time_with_its_true_gain(
    build: Callable[..., House],
) -> None:
    _, record = await searched(build)
    # Trial 1 is the baseline.
    found = repeated_splits(with_scores(record, {0: 0.0, 1: 0.25, 2: 1.0}), 10)
    assert found is not None
    assert (found.repetitions, found.same_choice) == (10, 1.0)
    assert (found.quality, found.quality_deviation) == (1.0, 0.0)
    assert (found.difference, found.difference_deviation) == (0.75, 0.0)


async def test_the_holdout_is_not_touched_and_the_seed_decides_the_splits(
    build: Callable[..., House],
) -> None:
    house, record = await searched(build)
    before = house.endpoint.draws
    found = repeated_splits(replace(record, holdout={}), 20)
    assert found is not None
    assert found == repeated_splits(record, 20)
    assert found.quality_deviation > 0
    assert house.endpoint.draws == before
    other = replace(record, plan=replace(record.plan, seed=1))
    assert repeated_splits(other, 20) != found


async def test_rows_that_belong_together_stay_on_one_side(
    build: Callable[..., House],
) -> None:
    _, record = await searched(build)
    split = record.plan.split
    everything = {example.id: 0 for example in record.plan.examples}
    assert len(split.tuning) == 24
    one = replace(record.plan, split=replace(split, clusters=everything))
    # Half of one cluster is nothing, so there is nothing to select on.
    assert repeated_splits(replace(record, plan=one), 10) is None


async def test_one_repetition_or_none_has_no_spread(
    build: Callable[..., House],
) -> None:
    house, record = await searched(build)
    assert repeated_splits(record, 0) is None
    assert repeated_splits(record, 1) is None
    assert repeated_splits(house.record(), 10) is not None
    assert repeated_splits(build().record(), 10) is None


async def test_without_a_baseline_on_tuning_examples_there_is_no_gain(
    build: Callable[..., House],
) -> None:
    _, record = await searched(build)
    standings = {
        number: standing
        for number, standing in record.standings.items()
        if standing.readings[0].config != record.plan.baseline
    }
    found = repeated_splits(replace(record, standings=standings), 10)
    assert found is not None
    assert (found.difference, found.difference_deviation) == (None, None)
