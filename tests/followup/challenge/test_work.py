"""A new model is tried in every way of the frontier, and the best ways are decided."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

import tune
from tests.support.challenges import asked
from tune.errors import StudyError
from tune.fakes.faults import Model
from tune.fakes.server import Server
from tune.fakes.world import LabelledWorld
from tune.followup.challenge import ChallengeResult, challenge
from tune.followup.challenge.screening import (
    BLOCK,
)
from tune.pricing.prices import to_picodollars
from tune.providers.entries import Entry
from tune.study.study import recorded_study


@dataclass(frozen=True)
class Picky(LabelledWorld):
    """A world in which some models shine with one prompt only, and a judge that knows the truth."""

    def accuracy(self, model: str, prompt: str, temperature: float) -> float:
        careful = "carefully" in prompt
        own = {
            "old": (0.45, 0.85),
            "picky": (1.0, 0.1),
            "poor": (0.2, 0.2),
            "equal": (0.45, 0.85),
        }
        return own[model][careful]

    def __call__(
        self,
        model: str,
        prompt: str,
        settings: Mapping[str, Any],
        seed: int,
        index: int,
    ) -> str:
        if model == "judge":
            target, answer = re.findall(r"<(?:reference|answer)>\n(\w+)\n", prompt)
            return f"Score: {10 if target == answer else 0}"
        return super().__call__(model, prompt, settings, seed, index)


PICKY = Picky(heat=0.0)


ROWS = PICKY.examples(200)


WAYS = {
    "space": {
        "model": ["old"],
        "temperature": [0.5],
        "n": [1, 3],
        "aggregate": ["first", "vote"],
        "max_tokens": 16,
        "prompt": {
            "short": "Label this ticket: {text}",
            "careful": "Read the ticket below carefully, word by word, then give the label that "
            "fits it best: {text}",
        },
    },
    "answer": {"labels": list(PICKY.labels)},
}


BASELINE = {"model": "old", "prompt": "short", "temperature": 0.5, "max_tokens": 16}
"""It meets the holdout, as the winner does: so there are pairs enough with both prompts."""


STRATEGY = "halving"
"""It gives rivals more examples than the default does, which ends a search of two points after a
few.
"""


SEED = 1
"""With it, the frontier has three rows, so that a new model can be tried in three ways."""


@pytest.fixture(scope="module")
def picky() -> Iterator[Server]:
    with Server(
        models=dict.fromkeys(("old", "picky", "poor", "equal"), Model(0.20, 0.80)),
        world=PICKY,
    ) as started:
        yield started


@pytest.fixture(scope="module")
def wide(picky: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study whose frontier has two prompts and two numbers of answers."""
    place = tmp_path_factory.mktemp("wide") / "study"
    study = tune.tune(
        ROWS,
        WAYS,
        target="label",
        base_url=picky.base_url,
        price="old=0.2/0.8",
        budget=0.1,
        strategy=STRATEGY,
        results=place,
        baseline=BASELINE,
        seed=SEED,
    )
    assert study.best.config.prompt == "careful"
    assert {row.config.prompt for row in study.record.frontier} == {"short", "careful"}
    return place


def ask_wide(server: Server, place: Path, model: str, **more: Any) -> ChallengeResult:
    entry = Entry(model, model, base_url=server.base_url, alias="new")
    given_ = {
        "target": "label",
        "entry": entry,
        "price": "0.2/0.8",
        "budget": 0.05,
        "margin": 0.1,
        "baseline": BASELINE,
        "strategy": STRATEGY,
        "seed": SEED,
    }
    return challenge(place, ROWS, WAYS, model=model, **{**given_, **more})


def test_a_model_that_shines_with_another_prompt_than_the_winners_is_found(
    picky: Server, wide: Path
) -> None:
    bill = picky.bill
    found = ask_wide(picky, wide, "picky")
    assert (found.answer, found.config.prompt) == ("enters", "short")
    assert found.rival is not None
    assert found.rival.prompt == "short"  # the careful one costs more
    assert found.difference is not None
    assert found.difference.low > 0
    assert found.tried >= 3
    assert found.finalists in (1, 2)
    assert "Asked with the prompt short" in str(found)
    assert to_picodollars(found.spent) == picky.bill - bill


def test_a_prompt_that_the_study_asked_on_few_examples_is_tried_too(
    picky: Server, wide: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be on the frontier by luck, but the new model may be better with it."""

    def read(place: Path, events: Any) -> tune.Study:
        study = recorded_study(place, events)
        rows = []
        for row in study.record.frontier:
            rows.append(replace(row, few=row.config.prompt == "short"))
        study.record = replace(study.record, frontier=tuple(rows))
        return study

    monkeypatch.setattr("tune.followup.challenge.run.recorded_study", read)
    found = ask_wide(picky, wide, "picky")
    assert (found.answer, found.config.prompt) == ("enters", "short")


def test_rows_that_belong_together_are_told_of(
    picky: Server, wide: Path, tmp_path: Path
) -> None:
    assert not any(
        "groups" in notice for notice in ask_wide(picky, wide, "poor").notices
    )
    rows = [row | {"customer": f"c{i // 4}"} for i, row in enumerate(ROWS[:80])]
    given = {
        "target": "label",
        "base_url": picky.base_url,
        "baseline": BASELINE,
        "group": "customer",
    }
    tune.tune(
        rows,
        WAYS,
        price="old=0.2/0.8",
        budget=0.05,
        results=tmp_path / "study",
        **given,
    )
    found = challenge(
        tmp_path / "study",
        rows,
        WAYS,
        model="poor",
        price="0.2/0.8",
        budget=0.05,
        margin=0.2,
        **given,
    )
    assert found.notices[0].startswith(
        "The 80 examples are 20 groups with the same 'customer'"
    )


def test_a_model_that_is_worse_in_every_way_does_not_enter(
    picky: Server, wide: Path
) -> None:
    found = ask_wide(picky, wide, "poor")
    assert (found.answer, found.status) == ("does not enter", 3)
    assert found.difference is not None
    assert found.difference.high < found.margin


def test_an_equal_model_is_not_said_to_be_better_though_it_is_tried_in_many_ways(
    picky: Server, wide: Path
) -> None:
    assert ask_wide(picky, wide, "equal").answer != "enters"


def test_the_verdict_is_made_on_examples_that_the_choice_of_the_way_never_saw(
    picky: Server, wide: Path
) -> None:
    before = len(picky.posts)
    with Server(
        models={"picky": Model(0.20, 0.80)}, world=PICKY
    ) as other:  # so that nothing is stored yet
        found = ask_wide(
            other,
            wide,
            "picky",
            entry=Entry("picky", "picky", base_url=other.base_url, alias="another"),
        )
        bodies = [seen.body["messages"][0]["content"] for seen in other.posts]
    assert len(picky.posts) == before  # only the new model is asked
    numbers = [int(re.findall(r"#(\d+)", text)[-1]) for text in bodies]
    first = (
        2 * BLOCK + 1
    )  # two prompts, and the very first call is for one answer alone
    screened, judged = set(numbers[:first]), numbers[first:]
    assert len(screened) == BLOCK
    assert not screened & set(judged)
    assert found.difference is not None
    assert len(set(judged)) >= found.difference.n


def test_money_for_the_verdict_is_kept_from_the_trying(wide: Path) -> None:
    with Server(models={"picky": Model(0.20, 0.80)}, world=PICKY) as other:
        found = ask_wide(other, wide, "picky", budget=0.0006)
        assert other.bill <= to_picodollars(0.0006)
    assert found.difference is not None
    assert found.difference.n > 0


@pytest.fixture(scope="module", params=[75])
def plain(
    request: pytest.FixtureRequest,
    picky: Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, int]:
    """Such a study, and its seed: with most others a prompt answers all examples."""
    place = tmp_path_factory.mktemp("plain") / "study"
    study = tune.tune(
        ROWS,
        WAYS,
        target="label",
        base_url=picky.base_url,
        price="old=0.2/0.8",
        budget=0.1,
        results=place,
        baseline=BASELINE,
        seed=request.param,
    )
    short = next(
        row
        for row in study.record.frontier
        if (row.config.prompt, row.config.n) == ("short", 3)
    )
    assert short.tuning is not None
    assert (
        short.tuning.n <= 32
    )  # and none of the holdout: of these only who lies beyond the pool can be paired
    assert short.holdout is None
    return place, request.param


def ask_plain(
    server: Server, study: tuple[Path, int], model: str, **more: Any
) -> ChallengeResult:
    return ask_wide(
        server, study[0], model, seed=study[1], strategy="knowledge_gradient", **more
    )


def test_a_worse_model_does_not_enter_though_the_best_rival_has_few_stored_answers(
    picky: Server, plain: tuple[Path, int]
) -> None:
    before, bill = len(picky.posts), picky.bill
    found = ask_plain(picky, plain, "poor")
    assert found.answer == "does not enter"
    assert found.difference is not None
    assert found.difference.high < found.margin
    assert found.rival is not None
    assert (found.rival.prompt, found.rival.n) == ("short", 1)  # it met the holdout
    assert found.beside is not None
    assert (found.beside.config.prompt, found.beside.config.n) == ("short", 3)
    assert f"{found.beside.answers} stored answers to pair with" in str(found)
    assert {body["model"] for body in asked(picky, before)} <= {"poor"}
    assert to_picodollars(found.spent) == picky.bill - bill


def test_a_better_model_enters_by_a_way_that_can_be_compared(
    picky: Server, plain: tuple[Path, int]
) -> None:
    found = ask_plain(picky, plain, "picky")
    assert (found.answer, found.config.prompt) == ("enters", "short")
    assert found.difference is not None
    assert found.difference.low > 0


def test_an_equal_model_does_not_enter_by_who_was_left_out(
    picky: Server, plain: tuple[Path, int]
) -> None:
    found = ask_plain(picky, plain, "equal")
    assert found.answer != "enters"
    if found.answer == "undecided":
        assert found.reason == "data"


def test_where_the_holdout_alone_decides_nothing_is_said_to_be_flattered(
    picky: Server, plain: tuple[Path, int]
) -> None:
    found = ask_plain(picky, plain, "poor")
    assert found.difference is not None
    holdout = len(ROWS) * 2 // 5
    assert any("flatters" in notice for notice in found.notices) == (
        found.difference.n > holdout
    )


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    """A study whose metric asks a model, and the server where that is."""
    place = tmp_path_factory.mktemp("judged") / "study"
    with Server(
        models={"old": Model(0.2, 0.8), "judge": Model(0.1, 0.4)}, world=PICKY
    ) as server:
        tune.tune(
            ROWS,
            WAYS,
            target="label",
            base_url=server.base_url,
            price=["old=0.2/0.8", "judge=0.1/0.4"],
            budget=0.1,
            strategy=STRATEGY,
            results=place,
            metric=tune.Judge(model="judge", max_tokens=16),
            baseline=BASELINE,
            seed=SEED,
        )
        yield server, place


def ask_judged(
    server: Server, place: Path, model: str = "picky", **more: Any
) -> ChallengeResult:
    return ask_wide(
        server, place, model, metric=tune.Judge(model="judge", max_tokens=16), **more
    )


def test_a_judge_is_asked_where_the_study_had_it_and_paid_from_the_same_budget(
    judged: tuple[Server, Path],
) -> None:
    theirs, place = judged
    before, bill = len(theirs.posts), theirs.bill
    with Server(models={"picky": Model(0.2, 0.8)}, world=PICKY) as new:
        found = ask_judged(new, place)
        assert (found.answer, found.config.prompt) == ("enters", "short")
        assert to_picodollars(found.spent) == new.bill + theirs.bill - bill
    verdicts = [seen.body for seen in theirs.posts[before:]]
    assert {body["model"] for body in verdicts} == {"judge"}
    assert found.difference is not None
    assert found.difference.low > 0
    assert found.margin == 1.0  # a tenth of the judge's 0 to 10


def test_no_answer_is_bought_whose_verdict_cannot_be_paid(
    judged: tuple[Server, Path],
) -> None:
    theirs, place = judged
    bill, answers = theirs.bill, set[tuple[str, str]]()

    def speak(
        model: str, prompt: str, settings: Mapping[str, Any], seed: int, index: int
    ) -> str:
        said = PICKY(model, prompt, settings, seed, index)
        answers.add((re.findall(r"#(\d+)", prompt)[-1], said))
        return said

    with Server(models={"equal": Model(1.0, 4.0)}, world=speak) as new:
        found = ask_judged(new, place, "equal", price="1/4", budget=0.0016, margin=0.02)
        assert new.bill + theirs.bill - bill <= to_picodollars(0.0016)
    assert (found.answer, found.reason) == ("undecided", "money")
    bodies = [
        seen.body["messages"][0]["content"]
        for seen in theirs.posts
        if seen.body["model"] == "judge"
    ]
    verdicts = {
        (re.findall(r"#(\d+)", text)[-1], re.findall(r"<answer>\n(\w+)", text)[-1])
        for text in bodies
    }
    assert len(answers) > BLOCK
    assert answers <= verdicts  # what the study had judged before is not judged again


def test_a_study_whose_draws_are_gone_is_refused_and_nothing_is_bought(
    picky: Server, wide: Path, tmp_path: Path
) -> None:
    bill = picky.bill
    with pytest.raises(StudyError, match="--store"):
        ask_wide(picky, wide, "picky", store=str(tmp_path / "empty.db"))
    assert picky.bill == bill
