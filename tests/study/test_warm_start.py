"""Warm start: what a study leaves, what a later one takes, and what it must not take."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import tune
from tests.support.fixtures import MODELS as SERVED
from tests.support.fixtures import PRICES, PROMPTS
from tests.support.house import POINT, ROWS, House, unsure
from tune.errors import InputError
from tune.fakes.server import Server
from tune.fakes.world import LabelledWorld
from tune.plan.make import make_plan
from tune.plan.plan import Plan
from tune.plan.read_options import read_options
from tune.readout.trial import Step
from tune.search.history import Searcher
from tune.space import Space
from tune.store.database import Database
from tune.store.evidence import put_evidence
from tune.strategies import Outcome, Problem, final_comparison
from tune.strategies.prior import PriorTrial
from tune.study.warm_start import (
    LEAST_EXAMPLES,
    MOST_TRIALS,
    TakenEvidence,
    dump_taken,
    find_taken,
    load_taken,
    make_evidence,
    row_marks,
    taken_sentence,
    warm_start,
)
from tune.task.example import Example

WORLD = LabelledWorld(models={"small": 0.55, "large": 0.8})


def plan(**changes: Any) -> Plan:
    space = changes.pop("space", None) or Space(
        model=changes.pop("models", ["m"]),
        prompt=changes.pop("prompts", {"p": "Label: {text}"}),
        temperature=[0.2, 0.5],
        max_tokens=12,
    )
    models = space.domains["model"].values
    options = {
        "data": ROWS,
        "space": space,
        "budget": 1.0,
        "target": "label",
        "price": {name: tune.Price(1.0, 2.0) for name in models},
        **changes,
    }
    return make_plan(read_options(**options))


def evidence(of: Plan, *trials: Any) -> dict[str, Any]:
    """What a study leaves that has these trials: a model, a prompt, settings and its scores."""
    from tune.study.warm_start import _mark, _models, _prompts

    models, prompts = _models(of), _prompts(of)
    rows = [
        [models[model], prompts[prompt], settings, scores]
        for model, prompt, settings, scores in trials
    ]
    return {
        "metric": _mark(of.metric.identity),
        "rows": [row_marks(example) for example in of.split.tuning],
        "trials": rows,
    }


def taken(now: Plan, then: Plan, *trials: Any) -> TakenEvidence:
    return find_taken(now, {"tickets-1": evidence(then, *trials)})


HALF = [1.0, 0.0] * 8


def test_the_same_model_and_template_are_known_by_what_they_are() -> None:
    then = plan(models=["m", "gone"], prompts={"old": "Label: {text}", "x": "{text}"})
    now = plan(models=["m", "new"], prompts={"p": "Label: {text}", "q": "Say: {text}"})
    found = taken(
        now,
        then,
        ("m", "old", {"temperature": 0.5, "top_k": 3}, HALF),
        ("gone", "old", {}, HALF),
        ("m", "x", {}, HALF),
        ("gone", "x", {}, HALF),
    )
    points = [dict(trial.point) for trial in found.trials]
    # What shares more comes first, and what shares nothing is left out.
    assert points[0] == {"model": "m", "prompt": "p", "temperature": 0.5}
    assert len(points) == 3
    assert points[1]["prompt"] == "p"
    assert points[1]["model"] not in ("m", "new", "gone")
    assert points[2]["model"] == "m"
    assert points[2]["prompt"] not in ("p", "q", "x")
    assert found.studies == ("tickets-1",)


def test_the_same_name_for_another_template_or_service_is_another_one() -> None:
    then = plan(prompts={"p": "Another: {text}"})
    assert not taken(
        plan(base_url="http://127.0.0.1:9/v1"), then, ("m", "p", {}, HALF)
    ).trials


def test_rows_of_the_holdout_are_not_learned_from() -> None:
    now = plan(seed=1)
    then = plan(seed=2)
    held = {example.inputs["text"] for example in now.split.holdout}
    barred = [example.inputs["text"] in held for example in then.split.tuning]
    assert 0 < sum(barred) < len(barred)
    # Good on the rows of the holdout, bad on all others.
    scores = [1.0 if bar else 0.0 for bar in barred]
    found = taken(now, then, ("m", "p", {}, scores))
    (trial,) = found.trials
    assert trial.quality == 0.0
    assert found.left_out == sum(barred)
    assert f"{sum(barred)} scores on rows of this study's holdout" in taken_sentence(
        found
    )
    one = taken_sentence(replace(found, left_out=1))
    assert one.endswith("Not used: 1 score on rows of this study's holdout")
    # Nothing is left of a trial that met only such rows.
    only = [1.0 if bar else None for bar in barred]
    assert not taken(now, then, ("m", "p", {}, only)).trials


def test_a_row_is_known_again_where_other_columns_are_used() -> None:
    text = "a ticket that is long enough to be told from others"
    one = Example("1", {"text": text}, "yes", {})
    other = Example("x9", {"text": text, "title": "late"}, "no", {"side": "a"})
    assert set(row_marks(one)) & set(row_marks(other))
    short = Example("1", {"text": "late", "title": "x"}, "yes", {})
    assert set(row_marks(short)).isdisjoint(
        row_marks(replace(short, inputs={"text": "late"}))
    )
    # Half of a surrogate pair cannot be encoded as it is.
    assert row_marks(replace(one, inputs={"text": "\ud800" * 30}))


def test_another_metric_and_too_few_examples_say_nothing() -> None:
    assert not taken(plan(), plan(metric="contains"), ("m", "p", {}, HALF)).trials
    few = [1.0] * (LEAST_EXAMPLES - 1)
    found = taken(plan(), plan(seed=0), ("m", "p", {}, few))
    assert not found.trials
    assert f"at least {LEAST_EXAMPLES} examples" in taken_sentence(found)


def test_equal_scores_are_no_certainty_and_many_trials_are_cut() -> None:
    trials = [
        ("m", "p", {"temperature": k / 100}, [1.0] * (8 + k % 5)) for k in range(99)
    ]
    found = taken(plan(holdout=0.0, split=None), plan(holdout=0.0), *trials)
    assert len(found.trials) == MOST_TRIALS
    assert all(trial.noise > 0.001 for trial in found.trials)
    assert found.trials[0].noise < found.trials[-1].noise


async def test_what_a_study_leaves_has_its_scores_and_no_text(
    build: Callable[..., House],
) -> None:
    house = build(unsure)
    await house.buy(examples=12)
    left = make_evidence(
        house.plan, house.run.selector.problem(), house.run.standings.current()
    )
    text = json.dumps(left)
    assert "ticket" not in text
    assert "Label" not in text
    (trial,) = left["trials"]
    assert trial[2] == {"temperature": 0.5}
    assert len(trial[3]) == 12
    assert len(left["rows"]) == 12, "only the rows that were met"
    # A study of the same rows, split in another way, takes the part that it may know.
    again = build(unsure, seed=5)
    found = find_taken(again.plan, {"one": left})
    assert len(found.trials) == 1
    assert found.left_out > 0


async def test_the_search_sees_the_evidence_and_the_final_comparison_does_not(
    build: Callable[..., House], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = (PriorTrial(0, POINT, 0.9, 0.01),)
    seen: dict[str, Any] = {}

    def watched(
        problem: Problem, searcher: Searcher, left: float
    ) -> Generator[list[Step], Outcome, None]:
        seen["search"] = problem.prior
        yield [Step(0, POINT, tuple(range(8)), 3, 12)]

    def compared(problem: Problem, *given: Any, **more: Any) -> Any:
        seen["final comparison"] = problem.prior
        return final_comparison(problem, *given, **more)

    monkeypatch.setattr("tune.study.comparisons.final_comparison", compared)
    house = build(unsure, strategy=watched)
    house.run.prior = told
    record = await house.run.go()
    assert seen == {"search": told, "final comparison": ()}
    assert record.problem.prior == ()


def test_what_was_taken_stays_the_same_whatever_becomes_of_the_store(
    build: Callable[..., House],
) -> None:
    house = build(unsure)
    journal = house.journal
    journal.append("study", id="mine")
    wanted = replace(house.plan, warm_start=True)
    point: Any = ("m", "p", {"temperature": 0.5}, HALF)
    put_evidence(house.db, "other", evidence(house.plan, point))
    put_evidence(house.db, "mine", evidence(house.plan, point, point))
    first = warm_start(wanted, journal, house.db)
    assert len(first.trials) == 1, "nothing of its own"
    house.db.execute("DELETE FROM evidence")
    assert warm_start(wanted, journal, house.db) == first
    assert load_taken(json.loads(json.dumps(dump_taken(first)))) == first
    assert [event["event"] for event in journal.events].count("warm start") == 1


def test_a_study_that_has_begun_without_goes_on_without(
    build: Callable[..., House],
) -> None:
    house = build(unsure)
    house.journal.append("study", id="mine")
    point: Any = ("m", "p", {}, HALF)
    put_evidence(house.db, "other", evidence(house.plan, point))
    assert not warm_start(house.plan, house.journal, house.db).trials
    house.journal.append("phase", name="search", left=1.0)
    wanted = replace(house.plan, warm_start=True)
    assert not warm_start(wanted, house.journal, house.db).trials
    assert "no earlier study" in taken_sentence(TakenEvidence())


def test_a_strategy_that_cannot_learn_from_it_is_refused_before_the_first_dollar() -> (
    None
):
    with pytest.raises(InputError, match="needs the strategy knowledge_gradient"):
        plan(warm_start=True, strategy="halving")
    assert plan(warm_start=True).identity != plan().identity


def test_a_run_takes_what_another_one_left(tmp_path: Path) -> None:
    rows = WORLD.examples(90)
    space = tune.Space(
        model=list(SERVED),
        prompt=PROMPTS,
        temperature=tune.Uniform(0, 1.0, step=0.25),
        max_tokens=64,
        answer={"labels": list(WORLD.labels)},
    )
    with Server(models=SERVED, world=WORLD) as server:
        given: dict[str, Any] = {
            "space": space,
            "target": "label",
            "base_url": server.base_url,
            "price": PRICES,
            "store": str(tmp_path / "draws.db"),
            "quiet": True,
        }
        tune.tune(rows[:60], budget=0.008, results=tmp_path / "one", **given)
        more = {**given, "budget": 0.004, "results": tmp_path / "two", "seed": 3}
        study = tune.tune(rows[30:], warm_start=True, **more)
        assert any("guide what is bought first" in one for one in study.record.notices)
        events = [
            json.loads(line)
            for line in (tmp_path / "two" / "study.jsonl").read_text().splitlines()
        ]
        (event,) = [event for event in events if event["event"] == "warm start"]
        assert event["trials"]
        assert event["left_out"] > 0
        # The store forgets, and more money goes on with what the journal has.
        db = Database(tmp_path / "draws.db")
        db.execute("DELETE FROM evidence")
        db.close()
        longer = tune.tune(rows[30:], warm_start=True, **{**more, "budget": 0.006})
        assert longer.record.winner is not None
        assert longer.record.money.spent >= study.record.money.spent
