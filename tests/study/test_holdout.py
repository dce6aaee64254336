"""The holdout: money that is kept for it, and steps that let every prefix be compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import tune
from tests.support.house import POINT, House, unsure
from tests.support.reported import reading
from tune.errors import StudyError
from tune.fakes.faults import Fault, Model
from tune.fakes.server import Server
from tune.fakes.world import LabelledWorld
from tune.followup.answers import study_answers
from tune.followup.reprice import reprice
from tune.plan.purchase import MOST_HOLDOUT_SHARE
from tune.readout import Reading
from tune.readout.trial import Trial
from tune.space import Config
from tune.store.journal import read_events
from tune.strategies import Selection
from tune.study.holdout import (
    FIRST_PORTION,
    HOLDOUT_BLOCK,
    HoldoutReserve,
    HoldoutTest,
    buy_holdout,
    plan_holdout,
    read_holdout_test,
    select_again,
    with_taken_cap,
)

FIRST = Config({**POINT, "max_tokens": 2, "n": 1})
OTHER = Config({**POINT, "max_tokens": 12, "n": 3, "aggregate": "vote"})
NEXT = Config({**OTHER, "max_tokens": 6})


def test_every_config_meets_each_block_before_the_next(
    build: Callable[..., House],
) -> None:
    plan = build().plan
    steps, trials = plan_holdout(plan, [FIRST, OTHER])
    assert {number: trial.point for number, trial in trials.items()} == {
        0: FIRST,
        1: OTHER,
    }
    assert [step.trial for step in steps] == [0, 1] * (len(steps) // 2)
    for first, other in zip(steps[::2], steps[1::2], strict=True):
        assert first.examples == other.examples
        assert len(first.examples) <= HOLDOUT_BLOCK
    met = [position for step in steps[::2] for position in step.examples]
    assert met == list(range(len(plan.split.tuning), len(plan.examples)))


def test_each_config_is_bought_with_its_own_n_and_cap(
    build: Callable[..., House],
) -> None:
    steps, _ = plan_holdout(build().plan, [FIRST, OTHER])
    assert {(step.trial, step.draws, step.cap) for step in steps} == {
        (0, 1, 2),
        (1, 3, 12),
    }


async def test_the_test_is_read_as_each_config_says(
    build: Callable[..., House],
) -> None:
    house = build(unsure)
    steps, trials = plan_holdout(house.plan, [FIRST, OTHER])
    await house.run.evaluator.run(steps, trials)
    found = read_holdout_test(house.run.evaluator.reader, trials.values())
    assert found.trials == {FIRST: trials[0], OTHER: trials[1]}
    assert {config: reading.config for config, reading in found.readings.items()} == {
        FIRST: FIRST,
        OTHER: OTHER,
    }
    assert found.readings[OTHER].n_examples == len(house.plan.split.holdout)


async def test_a_config_without_any_answer_has_no_reading(
    build: Callable[..., House],
) -> None:
    house = build()
    house.ledger.close("money")
    steps, trials = plan_holdout(house.plan, [FIRST])
    await house.run.evaluator.run(steps, trials)
    found = read_holdout_test(house.run.evaluator.reader, trials.values())
    assert found.readings == {}
    assert list(found.trials) == [FIRST]


def many(count: int) -> list[dict[str, str]]:
    return [
        {"id": str(i), "text": f"ticket {i}", "label": "yes" if i % 4 else "no"}
        for i in range(count)
    ]


async def test_no_portion_is_ordered_after_the_one_where_the_money_ended(
    build: Callable[..., House],
) -> None:
    house = build(rows=many(6000), budget=0.01)
    steps, trials = plan_holdout(house.plan, [FIRST, OTHER])
    asked = sum(len(step.examples) for step in steps)
    ordered, wave = await buy_holdout(house.run.evaluator, steps, trials)
    assert not wave.complete
    examples = sum(len(step.examples) for step in ordered)
    assert FIRST_PORTION <= examples < asked
    assert ordered == steps[: len(ordered)]
    bought = sum(len(trial.draws) for trial in trials.values())
    assert len(wave.unanswered) == examples - bought
    assert len(wave.unanswered) <= bought + FIRST_PORTION, "few orders are in vain"
    positions = {position for step in ordered for position in step.examples}
    for trial in trials.values():
        assert set(trial.unanswered) | set(trial.draws) == positions


async def test_a_holdout_that_the_money_pays_for_is_met_whole(
    build: Callable[..., House],
) -> None:
    house = build(rows=many(2000), budget=5.0)
    steps, trials = plan_holdout(house.plan, [FIRST, OTHER])
    ordered, wave = await buy_holdout(house.run.evaluator, steps, trials)
    assert wave.complete
    assert ordered == steps
    assert len(trials[0].draws) == len(house.plan.split.holdout)
    assert not wave.unanswered


async def test_the_reserve_follows_what_would_be_selected_up_to_its_share(
    build: Callable[..., House],
) -> None:
    house = build(unsure)
    run = house.run
    reserve = HoldoutReserve(run.selector, run.standings, run.budget)
    reserve.update()
    before = house.ledger.balance.holdout_reserve
    most = MOST_HOLDOUT_SHARE * house.ledger.budget
    assert 0 < before <= most
    await house.buy(examples=16, draws=1, cap=2)
    reserve.update()
    assert 0 < house.ledger.balance.holdout_reserve < before, (
        "what it costs is known better"
    )


async def test_the_reserve_is_not_worked_out_again_for_nothing(
    build: Callable[..., House],
) -> None:
    house = build()
    run = house.run
    reserve = HoldoutReserve(run.selector, run.standings, run.budget)
    reserve.update()
    house.ledger.set_holdout_reserve(7)
    reserve.update()
    assert house.ledger.balance.holdout_reserve == 7


async def test_nothing_is_selected_for_the_reserve_before_more_answers_are_seen_to_gain(
    build: Callable[..., House], monkeypatch: pytest.MonkeyPatch
) -> None:
    selections: list[object] = []

    def select(*given: object) -> None:
        selections.append(given)

    monkeypatch.setattr("tune.study.holdout.select_config", select)
    house = build(unsure)
    run = house.run
    reserve = HoldoutReserve(run.selector, run.standings, run.budget)
    await house.buy(examples=16, draws=1)
    reserve.update()
    assert not selections
    await house.buy(examples=16, draws=5)
    reserve.update()
    assert len(selections) == 1


class Choices:
    """A selector that finds one selection and one single answer, and counts what it is asked."""

    def __init__(self, selection: Selection, single_answer: Reading | None) -> None:
        self.found = selection, single_answer
        self.selected = 0

    def select(self) -> Selection:
        self.selected += 1
        return self.found[0]

    def single_answer(self, selection: Selection) -> Reading | None:
        assert selection.shown.config.n > 1
        return self.found[1]


def chosen(config: Config) -> Selection:
    return Selection(reading(0.5, 1.0, **config), (), feasible=True)


@pytest.mark.parametrize(
    ("failed", "winner", "single"),
    [
        ((), OTHER, FIRST),
        ((FIRST,), OTHER, None),
        ((OTHER,), NEXT, None),
        ((OTHER, FIRST), NEXT, None),
    ],
)
def test_what_failed_in_the_test_gives_way_and_the_rest_stays(
    failed: tuple[Config, ...], winner: Config, single: Config | None
) -> None:
    trials = {}
    for number, config in enumerate((OTHER, FIRST)):
        state = "failed" if config in failed else "running"
        trials[config] = Trial(number, config, 12, state=state)
    before = chosen(OTHER), reading(0.5, 1.0, **FIRST)
    selector: Any = Choices(chosen(NEXT), None)
    after = select_again(selector, *before, HoldoutTest({}, trials))
    assert after[0].shown.config == winner
    assert (after[1] and after[1].config) == single
    assert selector.selected == (OTHER in failed)


@pytest.mark.parametrize(("answers", "left"), [([1, 5], "m"), (5, "")])
def test_a_single_answer_whose_model_is_lost_in_the_holdout_gives_way(
    answers: Any, left: str, tmp_path: Path
) -> None:
    """The winner stays as it is. Another single answer meets the holdout, or there is none."""
    world = LabelledWorld(models={"m": 0.6, "k": 0.72}, spread=0.05, heat=0.0)
    rows = world.examples(90)
    for number, row in enumerate(rows):
        row["part"] = "holdout" if number % 3 == 0 else "tuning"
    held = {row["text"] for row in rows if row["part"] == "holdout"}

    def plan(_: int, body: dict[str, Any]) -> Fault | None:
        if body["model"] == "k" and body["messages"][-1]["content"] in held:
            return Fault("status", status=404, code="model_not_found")
        return None

    with Server(models=("m", "k"), world=world, plan=plan) as server:
        asked: dict[str, Any] = {
            "data": rows,
            "split": "part",
            "target": "label",
            "baseline": {"model": "m", "prompt": "p", "n": 5, "aggregate": "vote"},
            "space": tune.Space(
                model=["m", "k"],
                prompt={"p": "{text}"},
                n=answers,
                aggregate=["first", "vote"],
                max_tokens=16,
                when={"k": {"n": 1}},
                answer={"labels": list(world.labels)},
            ),
            # The draws depend on the names of the services, and not on the server's port.
            "models": {
                name: {
                    "base_url": server.base_url,
                    "model": name,
                    "alias": name,
                    "price": [0.1, 0.4],
                }
                for name in ("m", "k")
            },
        }
        study = tune.tune(**asked, budget=0.1, min_gain=0, results=tmp_path / "study")
    record = study.record
    assert (record.winner and record.winner.config.n) == 5
    assert any(notice.startswith("k is set aside") for notice in record.notices)
    assert [
        row.config.model for row in record.runners_up if row.config.model == "k"
    ] == []
    single = record.deployable
    assert (single.config.model if single else "") == left
    if single is not None:
        assert single.holdout is not None
        assert single.holdout.n == len(held)
        assert study.best.llm_config()["config_list"][0]["model"] == "m"
    else:
        assert record.deployable_note.endswith(
            "There is no other configuration for agents."
        )
        with pytest.raises(StudyError, match="There is no other configuration"):
            study.best.llm_config()
    kinds = [event["event"] for event in read_events(study.folder / "study.jsonl")]
    assert kinds.count("holdout") == 1
    again = reprice(study.folder, **asked)
    assert again.best.config == study.best.config
    assert again.record.deployable == single


# --- a baseline without a max_tokens of its own


@pytest.mark.parametrize("given", [None, {"model": "m", "temperature": 0.0}])
def test_a_baseline_that_leaves_max_tokens_open_has_one_that_its_model_takes(
    given: Any, tmp_path: Path
) -> None:
    """The largest one leaves the prompt no room, so every answer would be wrong."""
    world = LabelledWorld(models={"m": 0.8}, spread=0.05, heat=0.0)
    rows = world.examples(60)
    with Server(models={"m": Model(0.1, 0.4, context=1024)}, world=world) as server:
        asked: dict[str, Any] = {
            "data": rows,
            "target": "label",
            "space": {
                "space": {
                    "model": ["m"],
                    "prompt": {"plain": "Label this ticket: {text}"},
                    "temperature": [0.0, 0.5],
                    "max_tokens": [64, 1024],
                },
                "answer": {"labels": list(world.labels)},
            },
            "base_url": server.base_url,
            "price": "m=0.1/0.4",
            "baseline": given,
        }
        report = tune.tune(**asked, budget=0.05, results=tmp_path / "study").record
    assert report.baseline is not None
    assert report.baseline.config.max_tokens == 512
    assert report.baseline.holdout is not None
    assert report.baseline.holdout.mean > 0.5
    assert report.verdict == "not distinguishable"
    again = reprice(tmp_path / "study", **asked).record
    assert again.baseline is not None
    assert again.baseline.config == report.baseline.config
    assert again.difference == report.difference
    kept = study_answers(tmp_path / "study", "baseline", data=rows)
    assert {row.reason for row in kept} <= {"", "wrong"}


def test_a_baseline_has_the_max_tokens_that_the_user_named(
    build: Callable[..., House],
) -> None:
    plan = build().plan
    baseline = plan.baseline
    plan.space.narrow(baseline.model, "max_tokens", None, None, 4)
    named, left_open = (
        with_taken_cap(replace(plan, baseline_cap_given=given), plan.space).baseline
        for given in (True, False)
    )
    assert named == baseline
    assert left_open == Config({**baseline, "max_tokens": 4}) != baseline
