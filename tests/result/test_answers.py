"""Answers read off draws: the votes, the scores and the reasons are those of the world."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import tune
from tests.support.fixtures import MODELS, PRICES, dimensions
from tests.support.house import POINT, House, number
from tune.completion import Request
from tune.fakes.server import Server
from tune.fakes.world import LabelledWorld
from tune.report.answers import AnswerRow
from tune.result.answers import TrialAnswers, answer_rows
from tune.space import Config

WORLD = LabelledWorld(models={"small": 0.5, "large": 0.85})
VOTE = Config({**POINT, "n": 3, "max_tokens": 12, "aggregate": "vote"})


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tune.Study]:
    with Server(models=MODELS, world=WORLD) as server:
        yield tune.tune(
            data=WORLD.examples(80),
            target="label",
            base_url=server.base_url,
            price=PRICES,
            budget=0.02,
            results=tmp_path_factory.mktemp("study") / "out",
            space=tune.Space(**dimensions(n=[1, 3])),
        )


def mixed(request: Request, rng: random.Random) -> str:
    """Right, wrong, nothing, no answer, or a text that ends at the cap, by the example's number."""
    place = number(request)
    if place % 5 == 4:
        return "well " * 40
    return ["yes" if place % 4 else "no", "no yes no", "", "I do not know"][place % 5]


async def read(house: House, config: Config = VOTE) -> dict[str, AnswerRow]:
    trial = house.run.trials[0]
    (reading,) = house.run.evaluator.reader.read(trial, [config])
    rows = answer_rows(TrialAnswers(house.record(), trial, config), "this", reading)
    return {row.example: row for row in rows}


async def test_each_reason_is_that_of_the_text(build: Callable[..., House]) -> None:
    house = build(mixed)
    await house.buy(examples=24, draws=3)
    rows = await read(house)
    assert len(rows) == 24
    for row in rows.values():
        place = int(row.inputs["text"].split()[-1]) % 5
        expected = {2: "empty", 3: "no_answer", 4: "cut"}.get(place)
        if expected:
            assert (row.reason, row.answer, row.votes) == (expected, None, {})
        assert (row.reason == "") == (row.score == 1.0)
        assert (row.part, row.configuration, row.draws) == ("tuning", "this", 3)


async def test_votes_count_the_draws_and_the_answer_is_made_of_the_first_n(
    build: Callable[..., House],
) -> None:
    def unsure(request: Request, rng: random.Random) -> str:
        return rng.choice(["yes", "no", "hmm"])

    house = build(unsure)
    await house.buy(examples=24, draws=3)
    rows = await read(house)
    single = await read(house, Config({**VOTE, "n": 1, "aggregate": "first"}))
    for name, row in rows.items():
        found = Counter(answer for answer in row.answers if answer)
        assert dict(row.votes) == dict(found)
        if found:
            assert row.answer is not None
            assert found[row.answer] == max(found.values())
        assert single[name].answer == row.answers[0]
        right = [answer == row.target for answer in row.answers]
        assert list(row.draw_scores) == list(map(float, right))
        # The score of one answer is the mean over the draws.
        assert single[name].score == pytest.approx(sum(right) / 3)


async def test_an_example_that_the_money_did_not_reach_has_no_record(
    build: Callable[..., House],
) -> None:
    house = build()
    await house.buy(examples=6, draws=3)
    trial = house.run.trials[0]
    trial.unanswered.update({0: "money: over", 1: "service: down"})
    trial.config_failed[2] = "context_length"
    rows = list((await read(house)).values())
    assert len(rows) == 5
    assert Counter(row.reason for row in rows) == {"": 3, "failed": 1, "too_long": 1}
    assert [row.draws for row in rows if row.reason] == [0, 0]


def test_a_study_keeps_the_answers_of_winner_and_baseline_that_its_numbers_rest_on(
    study: tune.Study,
) -> None:
    frame = study.answers()
    for name, row in (
        ("winner", study.record.winner),
        ("baseline", study.record.baseline),
    ):
        assert row is not None
        assert row.holdout is not None
        held = frame[(frame.configuration == name) & (frame.part == "holdout")]
        assert len(held) == row.holdout.n
        assert held["score"].mean() == pytest.approx(row.holdout.mean)
        # Of one answer, a reason stands at exactly the wrong ones.
        if row.config.n == 1:
            assert (held["reason"] != "").sum() == row.outcomes.answers - sum(
                held["score"]
            )
        tuning = frame[(frame.configuration == name) & (frame.part == "tuning")]
        if row.tuning is not None:
            assert tuning["score"].mean() == pytest.approx(row.tuning.mean)
    texts = {example["text"] for example in WORLD.examples(80)}
    assert set(frame["input.text"]) <= texts


def test_the_files_beside_the_report_hold_the_same(study: tune.Study) -> None:
    loaded = tune.Study.load(study.folder)
    assert tuple(loaded.answer_rows()) == tuple(study.answer_rows())
    lines = (study.folder / "answers.csv").read_text().splitlines()
    assert len(lines) == len(study.answer_rows()) + 1


def test_answers_that_are_gone_are_told_and_the_report_stands(
    study: tune.Study, tmp_path: Path
) -> None:
    loaded = tune.Study.load(study.folder)
    place = study.folder / "answers.jsonl"
    text = place.read_text()
    place.unlink()
    try:
        with pytest.raises(tune.TuneError, match=r"has no answers\.jsonl"):
            loaded.answers()
        loaded.report(tmp_path / "again")
    finally:
        place.write_text(text)
    assert "has no answers.jsonl" in (tmp_path / "again" / "report.md").read_text()
    assert not (tmp_path / "again" / "answers.csv").exists()


def test_a_study_without_answers_has_an_empty_file(
    study: tune.Study, tmp_path: Path
) -> None:
    empty = tune.Study(
        study.record, tmp_path, stopped="money", deployment=None, answers=()
    )
    empty.report()
    assert (tmp_path / "answers.jsonl").read_text() == ""
    loaded = tune.Study(study.record, tmp_path, stopped="money", deployment=None)
    assert len(loaded.answers()) == 0


async def test_scores_of_draws_are_without_the_weights_of_their_examples(
    build: Callable[..., House],
) -> None:
    rows = [
        {"text": f"t {i}", "label": "no" if i % 4 == 0 else "yes"} for i in range(40)
    ]
    house = build(mixed, rows=rows, metric="balanced_accuracy")
    await house.buy(examples=20, draws=3)
    weigh = house.plan.metric.weigh
    assert weigh is not None
    weights = set()
    for row, example in zip(
        (await read(house)).values(), house.plan.split.tuning, strict=False
    ):
        assert set(row.draw_scores) <= {0.0, 1.0}
        assert row.weight == weigh(example)
        weights.add(row.weight)
    assert len(weights) == 2
