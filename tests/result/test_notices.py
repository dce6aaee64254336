"""Sentences that a reader of a report must not miss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.support.house import POINT, ROWS, House, unsure
from tests.support.reported import reading, searched
from tune.readout.trial import Trial
from tune.result import build_report
from tune.result.evidence import Evidence
from tune.result.notices import notices
from tune.safety.decoration import Decorations
from tune.space import Space
from tune.strategies import Selection
from tune.study.record import RunRecord


def notices_of(record: RunRecord) -> list[str]:
    return notices(record, Evidence(record.plan), (), Decorations())


async def test_few_examples_are_said_to_be_few(build: Callable[..., House]) -> None:
    _, record = await searched(build, rows=ROWS[:39])
    assert any(
        notice.startswith("There are only 39 examples in all")
        for notice in build_report(record).notices
    )
    _, record = await searched(build)
    assert not any(
        "There are only" in notice for notice in build_report(record).notices
    )


def test_examples_that_the_service_failed_are_told_and_those_without_money_are_not(
    build: Callable[..., House],
) -> None:
    trial = Trial(
        0,
        POINT,
        12,
        draws={0: [], 1: [], 2: []},
        unanswered={3: "service: 503", 4: "money: none left"},
    )
    house = build()
    assert notices_of(replace(house.record(), trials={0: trial})) == [
        "The service did not answer 1 of 4 examples (25.0%); they are not scored."
    ]


def test_unanswerable_examples_are_counted_by_model_and_named(
    build: Callable[..., House],
) -> None:
    house = build()
    reasons = {("m", 5): "500 again", ("m", 3): "500 again", ("n", 3): "502 again"}
    record = replace(house.record(stopped="money"), unanswerable=reasons)
    assert build_report(record).unanswerable == {"m": 2, "n": 1}
    rows = [house.plan.examples[position].id for position in (3, 5)]
    first, second = notices_of(record)
    assert first.startswith(
        "m never answered 2 of 40 examples, although it answered others:"
    )
    assert f"Rows: {rows[0]}, {rows[1]}. In its words: 500 again" in first
    assert second.startswith("n never answered 1 of 40 examples")


def test_a_holdout_that_the_money_did_not_reach_is_told(
    build: Callable[..., House],
) -> None:
    house = build()
    whole = len(house.plan.split.holdout)
    part = house.record(holdout={house.plan.baseline: reading(0.5, 1.0, examples=4)})
    assert notices_of(part) == [
        f"The money reached 4 of {whole} holdout examples: a random part of them."
    ]
    everything = house.record(
        holdout={house.plan.baseline: reading(0.5, 1.0, examples=whole)}
    )
    assert notices_of(everything) == []


def test_configurations_that_met_different_parts_of_the_holdout_are_told_apart(
    build: Callable[..., House],
) -> None:
    house = build()
    whole = len(house.plan.split.holdout)
    winner, single = reading(0.9, 1.0, n=3), reading(0.8, 1.0, max_tokens=2)
    record = house.record(Selection(winner, (), feasible=True), single)
    others = {
        house.plan.baseline: reading(0.5, 1.0, examples=5),
        single.config: reading(0.8, 1.0, examples=4),
    }
    part = {winner.config: reading(0.9, 1.0, examples=6), **others}
    assert notices_of(replace(record, holdout=part))[-1] == (
        f"The money reached a random part of the {whole} holdout examples: 6 with the winner, "
        "5 with the baseline, 4 with one answer. A difference is over the examples that both met."
    )
    every = {winner.config: reading(0.9, 1.0, examples=whole), **others}
    assert notices_of(replace(record, holdout=every))[-1].startswith(
        f"Not every configuration has a score on all of the {whole} holdout examples: "
        f"{whole} with the winner, 5 with the baseline"
    )


async def test_the_oracle_is_a_bound_and_never_a_config(
    build: Callable[..., House],
) -> None:
    space = Space(
        model="m",
        prompt={"p": "{text}"},
        temperature=[0.5],
        n=[1, 3],
        max_tokens=2,
        aggregate=["vote", "any"],
    )
    house = build(unsure, space=space)
    await house.buy(examples=20, cap=2)
    best = max(house.run.standings.current()[0].readings, key=lambda r: r.mean)
    assert best.config.aggregate != "any"
    (notice,) = notices_of(house.record(Selection(best, (), feasible=True)))
    assert "out of 3 draws" in notice
    assert float(notice.split("score ")[1].split()[0]) >= best.mean
