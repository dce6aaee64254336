"""The sentence on a much cheaper configuration that cannot be told apart from the winner."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.support.house import ROWS, House
from tests.support.reported import searched
from tune.readout import Reading
from tune.result import build_report
from tune.result.cheaper import cheaper_notice
from tune.result.evidence import Evidence
from tune.space import Config, Point
from tune.strategies import Selection, Standing
from tune.study.record import RunRecord
from tune.study.stop_reasons import INTERRUPTED

MANY = [{"text": f"t{i}", "label": "yes" if i % 2 else "no"} for i in range(240)]


def scored(
    name: str, scores: list[float], cost: float, first: int = 0, **config: Any
) -> Reading:
    values = {"model": "m", "prompt": name, "max_tokens": 8, **config}
    count = len(scores)
    return Reading(
        Config(values),
        0,
        tuple(range(first, first + count)),
        np.array(scores),
        np.zeros(count),
        np.full(count, cost),
        np.ones(count),
        approximate=False,
    )


def standing(number: int, *readings: Reading, failed: bool = False) -> Standing:
    most = max(reading.n_examples for reading in readings)
    point = Point({"model": "m", "prompt": str(number)})
    return Standing(number, point, most, readings, failed, 0.001)


def hits(count: int, share: float) -> list[float]:
    """Scores of 0 and 1 with this mean, without an order."""
    right = round(count * share)
    scores = [1.0] * right + [0.0] * (count - right)
    random.Random(count).shuffle(scores)
    return scores


def record_of(
    house: House, winner: Reading, *others: Reading, **values: Any
) -> RunRecord:
    standings = {}
    for number, reading in enumerate((winner, *others)):
        standings[number] = standing(number, reading)
    record = house.record(Selection(winner, (), feasible=True))
    return replace(record, standings=standings, **values)


def notice(record: RunRecord) -> str:
    return "".join(cheaper_notice(record, Evidence(record.plan)))


@pytest.fixture
def house(build: Callable[..., House]) -> House:
    return build(rows=MANY)


def test_a_cheaper_one_with_as_good_answers_is_named_with_its_evidence(
    house: House,
) -> None:
    winner = scored("long", hits(24, 0.75), 0.0100)
    rival = scored("short", hits(24, 0.75) + hits(94, 0.9), 0.0001)
    dearer = scored("other", hits(118, 0.9), 0.0040)
    assert notice(record_of(house, winner, rival, dearer)) == (
        "A much cheaper configuration may be as good: m, prompt short, n 1, max_tokens 8 costs "
        "$0.0001 per request and the winner $0.01, and the data do not show that the winner is "
        "better: on the same 24 tuning examples, by which it was picked, the difference is 0.000 "
        "(-0.102 to 0.102)."
    )


def test_nothing_is_said_where_the_winner_is_better_or_nothing_is_much_cheaper(
    house: House,
) -> None:
    winner = scored("long", hits(60, 0.9), 0.010)
    worse = scored("short", [0.0] * 60, 0.0001)
    dear = scored("other", hits(60, 0.9), 0.0034)
    assert notice(record_of(house, winner, worse, dear)) == ""
    assert "prompt other" in notice(
        record_of(house, winner, worse, scored("other", hits(60, 0.9), 0.0033))
    )
    assert notice(record_of(house, winner)) == ""
    assert notice(house.record()) == ""


def test_a_few_common_examples_tell_nothing(house: House) -> None:
    winner = scored("long", hits(24, 0.75), 0.01)
    assert notice(record_of(house, winner, scored("s", [1.0] * 11, 0.0001))) == ""
    assert notice(record_of(house, winner, scored("s", [1.0] * 12, 0.0001)))
    few = scored("long", [1.0] * 7, 0.01)
    assert notice(record_of(house, few, scored("s", [1.0] * 7, 0.0001))) == ""


def test_a_price_of_0_is_cheaper_and_an_unknown_cost_is_not(house: House) -> None:
    winner = scored("long", hits(24, 0.75), 0.01)
    free = scored("short", hits(24, 0.75), 0.0)
    assert "costs $0 per request" in notice(record_of(house, winner, free))
    unknown = scored("short", hits(24, 0.75), math.nan)
    assert notice(record_of(house, winner, unknown)) == ""
    # Nothing is cheaper than a winner that is free, but another one may cost as little.
    assert notice(record_of(house, replace(winner, costs=free.costs), unknown)) == ""


def test_where_less_is_better_the_smaller_score_is(build: Callable[..., House]) -> None:
    house = build(rows=MANY)
    metric = replace(house.plan.metric, larger_is_better=False)
    house.run.plan = replace(house.plan, metric=metric)
    winner = scored("long", hits(40, 0.1), 0.01)
    worse, good = scored("a", [1.0] * 40, 0.0001), scored("b", hits(40, 0.1), 0.0002)
    assert "prompt b" in notice(record_of(house, winner, worse, good))
    assert notice(record_of(house, winner, worse)) == ""


async def test_what_met_the_holdout_is_compared_there(
    build: Callable[..., House],
) -> None:
    house = build(rows=MANY)
    first = len(house.plan.split.tuning)
    winner = scored("long", hits(40, 0.8), 0.01)
    rival = scored("short", hits(40, 0.8), 0.0001)
    tested = scored("long", [1.0] * 40, 0.012, first)
    failed = scored("short", [0.0] * 40, 0.0001, first)
    holdout = {winner.config: tested, rival.config: failed}
    record = record_of(house, winner, rival, holdout=holdout)
    assert notice(record) == ""
    # Half a holdout is not looked at.
    assert "tuning examples" in notice(replace(record, stopped=INTERRUPTED))
    alike = replace(failed, scores=tested.scores)
    assert "on the same 40 holdout examples, the difference is 0.000 (" in notice(
        replace(record, holdout={**holdout, rival.config: alike})
    )
    # Its scores may be read off the draws of another one.
    shared = {winner.config: [alike]}
    told = notice(
        replace(record, holdout={winner.config: tested}, holdout_shared=shared)
    )
    assert "holdout examples" in told
    assert "the winner $0.012" in told


def test_an_extrapolated_winner_has_no_scores_of_its_own_on_tuning_examples(
    house: House,
) -> None:
    read = scored("long", hits(40, 0.8), 0.01)
    more = replace(read, config=Config({**read.config, "n": 5}), costs=5 * read.costs)
    rival = scored("short", hits(40, 0.8), 0.0001)
    record = record_of(house, read, rival)
    selection = replace(record.selection, extrapolated=more)  # type: ignore[type-var]
    assert notice(replace(record, selection=selection)) == ""


@pytest.mark.parametrize(
    "options",
    [
        {"goal": "cheapest", "min_quality": 0.5},
        {"max_cost_per_request": 0.001},
    ],
)
def test_other_goals_and_a_winner_over_the_limit_have_their_own_words(
    build: Callable[..., House], options: dict[str, Any]
) -> None:
    house = build(rows=MANY, **options)
    winner = scored("long", hits(24, 0.75), 0.01)
    rival = scored("short", hits(24, 0.75), 0.0001)
    assert notice(record_of(house, winner, rival)) == ""


def test_a_failed_trial_is_no_alternative(house: House) -> None:
    winner = scored("long", hits(24, 0.75), 0.01)
    rival = scored("short", hits(24, 0.75), 0.0001)
    record = record_of(house, winner, rival)
    standings = {**record.standings, 1: standing(1, rival, failed=True)}
    assert notice(replace(record, standings=standings)) == ""


async def test_the_report_tells_it_among_its_notices(
    build: Callable[..., House],
) -> None:
    _, record = await searched(build, rows=ROWS)
    assert record.selection is not None
    (start,) = [s for s in record.standings.values() if s.trial == 0]
    cheap = replace(
        start.readings[0],
        config=Config({**start.readings[0].config, "temperature": 0.1}),
        costs=start.readings[0].costs / 100,
    )
    standings = {**record.standings, 9: replace(start, trial=9, readings=(cheap,))}
    report = build_report(replace(record, standings=standings))
    assert any("may be as good: m" in notice for notice in report.notices)
