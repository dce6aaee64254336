"""A new model against the frontier of a finished study: only the new model is bought."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tune
from tune.commands.cli import main
from tune.errors import BudgetError, EndpointError, InputError, PriceError, StudyError
from tune.fakes.faults import Model
from tune.fakes.server import Server
from tune.fakes.world import LabelledWorld
from tune.followup.challenge import ChallengeResult, challenge
from tune.followup.challenge.result import FrontierComparison
from tune.followup.challenge.rivals import (
    Opponents,
    Rival,
    find_opponents,
    is_more_expensive,
    shares_draws,
)
from tune.followup.challenge.rule import EntryRule, compare_pairs, unmet_examples
from tune.followup.challenge.screening import (
    BLOCK,
    ScreenedConfig,
    compare_with_frontier,
    finalists,
    most_informative,
    pool_size,
    screening_steps,
)
from tune.pricing.prices import to_picodollars
from tune.providers.entries import Entry
from tune.readout import Reading
from tune.space import Config
from tune.stats.intervals import Interval

WORLD = LabelledWorld(
    models={"old": 0.65, "better": 1.0, "worse": 0.3, "same": 0.65, "cheap": 0.3},
    heat=0.0,
    templates={},
)
MODELS = {name: Model(0.20, 0.80) for name in ("old", "better", "worse", "same")} | {
    "cheap": Model(0.01, 0.01)
}
SPACE = """
[space]
model = ["old"]
temperature = [0.5]
max_tokens = 16

[space.prompt]
short = "Label this ticket: {text}"

[answer]
labels = ["refund", "delivery", "complaint", "praise"]
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(models=MODELS, world=WORLD) as started:
        yield started


@pytest.fixture(scope="module")
def folder(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, a space file, and the finished study of them."""
    place = tmp_path_factory.mktemp("challenge")
    (place / "new.jsonl").write_text(
        "\n".join(json.dumps(row) for row in WORLD.examples(160))
    )
    (place / "space.toml").write_text(SPACE)
    study = tune.tune(
        str(place / "new.jsonl"),
        str(place / "space.toml"),
        target="label",
        base_url=server.base_url,
        price="old=0.2/0.8",
        budget=0.05,
        results=place / "study",
    )
    assert study.best.config.model == "old"
    return place


def ask(server: Server, folder: Path, model: str, **more: Any) -> ChallengeResult:
    price = "0.01/0.01" if model == "cheap" else "0.2/0.8"
    given = {
        "model": model,
        "target": "label",
        "base_url": server.base_url,
        "price": price,
        "budget": 0.05,
        "margin": 0.15,
        **more,
    }
    return challenge(
        folder / "study", str(folder / "new.jsonl"), str(folder / "space.toml"), **given
    )


def asked(server: Server, before: int) -> list[dict[str, Any]]:
    return [seen.body for seen in server.posts[before:]]


def test_a_better_model_enters_and_nothing_but_it_is_bought(
    server: Server, folder: Path
) -> None:
    before, bill = len(server.posts), server.bill
    found = ask(server, folder, "better")
    assert (found.answer, found.status, found.reason) == ("enters", 0, "")
    assert found.rival is not None
    assert found.rival.model == "old"
    assert found.difference is not None
    assert found.difference.low > 0
    bodies = asked(server, before)
    assert {body["model"] for body in bodies} == {"better"}
    assert all("temperature" not in body for body in bodies)  # its own defaults
    assert len(bodies) < 120
    assert to_picodollars(found.spent) == server.bill - bill


def test_a_worse_model_does_not_enter_and_that_takes_few_calls(
    server: Server, folder: Path
) -> None:
    before = len(server.posts)
    found = ask(server, folder, "worse")
    assert (found.answer, found.status) == ("does not enter", 3)
    assert found.difference is not None
    assert found.difference.high < found.margin
    assert len(server.posts) - before < 100


def test_a_model_of_equal_quality_is_never_said_to_be_better(
    server: Server, folder: Path
) -> None:
    found = ask(server, folder, "same", margin=0.05)
    assert found.answer != "enters"
    if found.answer == "undecided":
        assert found.reason == "data"
        assert "no more examples with answers of both" in str(found)


def test_what_is_cheaper_than_everything_enters_as_the_cheapest(
    server: Server, folder: Path
) -> None:
    before = len(server.posts)
    found = ask(server, folder, "cheap")
    assert (found.answer, found.rival, found.difference) == ("enters", None, None)
    assert "cheapest" in str(found)
    assert len(server.posts) - before == 8


def test_the_space_file_may_say_where_the_new_model_is(
    server: Server, folder: Path
) -> None:
    table = f'\n[models.alias]\nmodel = "better"\nbase_url = "{server.base_url}"\nprice = [0.2, 0.8]\n'
    (folder / "more.toml").write_text(SPACE + table)
    found = challenge(
        folder / "study",
        str(folder / "new.jsonl"),
        str(folder / "more.toml"),
        model="alias",
        budget=0.05,
        target="label",
        margin=0.15,
    )
    assert (found.answer, found.config.model) == ("enters", "alias")


def test_the_same_challenge_again_uses_the_draws_that_are_there(
    server: Server, folder: Path
) -> None:
    ask(server, folder, "better")
    before = len(server.posts)
    again = ask(server, folder, "better")
    assert again.answer == "enters"
    assert (len(server.posts), again.spent) == (before, 0)


def test_the_budget_holds_and_what_it_did_not_decide_is_said(
    tmp_path: Path, server: Server, folder: Path
) -> None:
    small = {**MODELS, "fresh": Model(0.20, 0.80)}
    with Server(models=small, world=WORLD) as other:
        found = ask(
            other, folder, "fresh", price="fresh=0.2/0.8", budget=0.0002, margin=0.02
        )
        assert other.bill <= to_picodollars(0.0002)
    assert (found.answer, found.status, found.reason) == ("undecided", 4, "money")
    assert "the money was used up" in str(found)


def test_the_command_prints_one_object_and_its_status_is_the_answer(
    server: Server, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = [
        "challenge",
        str(folder / "study"),
        "--model",
        "better",
        "--budget",
        "0.05",
        "--target",
        "label",
        "--data",
        str(folder / "new.jsonl"),
        "--space",
        str(folder / "space.toml"),
        "--base-url",
        server.base_url,
        "--price",
        "better=0.2/0.8",
        "--margin",
        "0.15",
    ]
    assert main([*args, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["answer"] == "enters"
    assert record["rival"]["model"] == "old"
    assert main([*args, "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    assert main(args) == 0
    assert capsys.readouterr().out.startswith("better enters the frontier: at $")
    assert main([*args, "--seed", "5"]) == 2  # another study
    assert "seed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"margin": 0.0}, InputError),
        ({"budget": -1.0}, BudgetError),
        ({"alpha": 0.9}, InputError),
        ({"price": None}, PriceError),
        ({"seed": 9}, StudyError),
        ({"model": "unheard"}, EndpointError),
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_is_bought(
    server: Server, folder: Path, more: dict[str, Any], error: type[Exception]
) -> None:
    bill = server.bill
    with pytest.raises(error):
        ask(server, folder, **{"model": "better", **more})
    assert server.bill == bill


def test_a_folder_without_a_study_is_refused(tmp_path: Path, server: Server) -> None:
    with pytest.raises(StudyError):
        challenge(tmp_path, model="better", budget=1.0)


def test_words_and_record_hold_what_was_found() -> None:
    chosen = Config({"model": "new\x1b[31m", "prompt": "short", "max_tokens": 8})
    found = ChallengeResult(
        answer="does not enter",
        reason="",
        config=chosen,
        cost=0.001,
        rival=chosen,
        rival_cost=0.0005,
        difference=Interval(-0.1, -0.2, 0.01, 60),
        margin=0.05,
        tried=3,
        finalists=2,
        spent=0.06,
        budget=0.5,
        notices=("Beware.",),
    )
    assert "\x1b" not in str(found)
    assert "-0.100 [-0.200, +0.010] on 60 examples" in str(found)
    assert str(found).endswith("Beware.")
    record = found.to_record()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert record["difference"]["examples"] == 60
    assert (record["beside"], record["left_out"]) == (None, [])


def test_whom_it_was_compared_with_on_how_many_pairs_and_who_was_left_out_is_said() -> (
    None
):
    chosen = Config({"model": "new", "prompt": "short", "max_tokens": 8})
    other, third = (
        Config({"model": "old", "prompt": name, "max_tokens": 8, "n": n})
        for name, n in (("a", 3), ("b", 1))
    )
    found = ChallengeResult(
        answer="enters",
        reason="",
        config=chosen,
        cost=0.001,
        rival=chosen,
        rival_cost=0.0005,
        difference=Interval(0.1, 0.05, 0.2, 60),
        margin=0.05,
        tried=1,
        finalists=1,
        spent=0.06,
        budget=0.5,
        beside=FrontierComparison(other, 0.0004, 24, Interval(0.3, 0.1, 0.5, 24)),
        left_out=(FrontierComparison(third, 0.0003, 3),),
    )
    said = str(found)
    assert "against new (short), which costs no more ($0.0005)" in said
    assert (
        "old (a, n = 3) ($0.0004; 24 stored answers to pair with), it is +0.300 [+0.100, +0.500] "
        "on 24" in said
    )
    assert (
        "Left out because of too few stored answers to pair with: old (b): 3." in said
    )
    record = found.to_record()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert (record["beside"]["answers"], record["beside"]["difference"]["mean"]) == (
        24,
        0.3,
    )
    assert [each["answers"] for each in record["left_out"]] == [3]
    nothing = FrontierComparison(other, 0.0004, 0, Interval(0.0, -1.0, 1.0, 0))
    assert "0 stored answers to pair with), it was not compared." in str(
        replace(found, beside=nothing)
    )


# --- every prompt and way of reading of the frontier


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
        models=aliased(picky),
        price="old=0.2/0.8",
        budget=0.1,
        strategy=STRATEGY,
        results=place,
        baseline=BASELINE,
    )
    assert study.best.config.prompt == "careful"
    assert {row.config.prompt for row in study.record.frontier} == {"short", "careful"}
    return place


def aliased(server: Server) -> dict[str, dict[str, str]]:
    """The study's model under an alias: the seeds of its draws follow that, and not the port of the
    day.
    """
    return {"old": {"base_url": server.base_url, "alias": "the service"}}


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


# --- a study by the default strategy, which answers few examples with most configs


@pytest.fixture(scope="module", params=[5, 15])
def plain(
    request: pytest.FixtureRequest,
    picky: Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, int]:
    """Such a study, and its seed: with most others the short prompt answers all examples."""
    place = tmp_path_factory.mktemp("plain") / "study"
    study = tune.tune(
        ROWS,
        WAYS,
        target="label",
        models=aliased(picky),
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


# --- a metric that asks a judge


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
            models=aliased(server),
            base_url=server.base_url,
            price=["old=0.2/0.8", "judge=0.1/0.4"],
            budget=0.1,
            strategy=STRATEGY,
            results=place,
            metric=tune.Judge(model="judge", max_tokens=16),
            baseline=BASELINE,
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


# --- the parts


def reading(scores: list[float], costs: list[float], **values: Any) -> Reading:
    config = Config({"model": "new", "prompt": "short", "max_tokens": 8, **values})
    return Reading(
        config,
        0,
        tuple(range(len(scores))),
        np.array(scores),
        np.zeros(len(scores)),
        np.array(costs),
        np.ones(len(scores)),
        False,
    )


def rival(
    scores: list[float], costs: list[float], name: str = "short", start: int = 0
) -> Rival:
    config = Config({"model": "old", "prompt": name, "max_tokens": 8})
    positions = range(start, start + len(scores))
    by_position = (
        dict(zip(positions, values, strict=True)) for values in (scores, costs)
    )
    return Rival(config, float(np.mean(costs)), float(np.mean(scores)), *by_position)


def test_a_rival_costs_more_only_where_the_same_examples_show_it() -> None:
    mine = reading([1.0] * 8, [1.0, 2.0] * 4)
    assert not is_more_expensive(rival([1.0] * 8, [1.0, 2.0] * 4), mine)
    assert is_more_expensive(
        rival([1.0] * 8, [1.1, 2.1] * 4), mine
    )  # a little, and always
    assert not is_more_expensive(
        rival([1.0] * 8, [0.5, 2.7] * 4), mine
    )  # more on average, by luck
    assert is_more_expensive(
        Rival(mine.config, 3.0, 1.0, {20: 1.0}, {20: 3.0}), mine
    )  # no example in common: the means
    assert not is_more_expensive(
        rival([1.0], [9.0]), reading([1.0], [1.0])
    )  # one example shows nothing


def test_what_met_the_holdout_speaks_for_configs_that_differ_in_n_aggregate_and_a_smaller_cap_alone() -> (
    None
):
    five = Config(
        {
            "model": "old",
            "prompt": "short",
            "max_tokens": 8,
            "n": 5,
            "aggregate": "vote",
            "stop": ["."],
        }
    )
    assert shares_draws(five, Config({**five, "n": 1, "aggregate": "first"}))
    assert shares_draws(five, Config({**five, "max_tokens": 4}))
    for other in (
        {"max_tokens": 9},
        {"stop": ()},
        {"prompt": "long"},
        {"temperature": 0.5},
    ):
        assert not shares_draws(five, Config({**five, **other}))


def against(
    rivals: list[Rival],
    mine: Reading,
    sign: float = 1.0,
    closed: int = 0,
    enough: int = 4,
) -> Opponents:
    found = find_opponents(rivals, mine, sign, closed=closed, enough=enough)
    assert found is not None
    return found


def test_the_rival_is_the_best_that_costs_no_more() -> None:
    mine = reading([1.0] * 4, [1.0] * 4)
    cheap, good, dear = (
        rival([0.2] * 4, [0.5] * 4),
        rival([0.6] * 4, [0.9] * 4),
        rival([0.9] * 4, [2.0] * 4),
    )
    assert against([cheap, good, dear], mine) == Opponents(good)
    assert against([cheap, good, dear], mine, -1.0) == Opponents(
        cheap
    )  # where less is better
    assert find_opponents([dear], mine, 1.0, closed=0, enough=4) is None


def test_the_best_and_the_best_with_answers_enough_are_both_to_be_beaten_and_others_are_left_out() -> (
    None
):
    mine = reading([1.0] * 40, [1.0] * 40)
    full, few, fewer = (
        rival([q] * n, [0.5] * n, name)
        for q, n, name in ((0.5, 40, "a"), (0.6, 10, "b"), (0.7, 9, "c"))
    )
    assert against([full, few, fewer], mine, enough=30) == Opponents(
        full, fewer, (few,)
    )
    assert against([full, few, fewer], mine, enough=10) == Opponents(few, fewer)
    assert against([full, few, fewer], mine, enough=9) == Opponents(fewer)
    assert Opponents(full, fewer, (few,)).compared == (full, fewer)


def test_answers_on_the_examples_of_the_trying_are_none_to_decide_on() -> None:
    mine = reading([1.0] * 40, [1.0] * 40)
    early, late = (
        rival([0.9] * 20, [0.5] * 20, "early"),
        rival([0.5] * 20, [0.5] * 20, "late", start=20),
    )
    assert (early.answers_from(16), late.answers_from(16)) == (4, 20)
    assert against([early, late], mine, closed=16) == Opponents(
        early
    )  # four are enough there
    assert against([early, late], mine, closed=16, enough=8) == Opponents(late, early)


def test_where_no_rival_has_answers_enough_half_of_what_the_fullest_has_will_do() -> (
    None
):
    mine = reading([1.0] * 40, [1.0] * 40)
    poor, good = (
        rival([0.3] * 40, [0.5] * 40, "poor"),
        rival([0.8] * 24, [0.5] * 24, "good"),
    )
    assert against([poor, good], mine, enough=1000) == Opponents(good)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(1, 60)), min_size=1, max_size=6),
    st.integers(1, 80),
    st.integers(0, 20),
)
def test_whoever_looks_better_than_the_rival_is_the_best_or_named_as_left_out(
    held: list[tuple[float, int]], enough: int, closed: int
) -> None:
    rivals = [
        rival([mean] * count, [0.5] * count, str(i))
        for i, (mean, count) in enumerate(held)
    ]
    found = against(
        rivals, reading([1.0] * 60, [1.0] * 60), closed=closed, enough=enough
    )
    better = [each for each in rivals if each.mean > found.rival.mean]
    assert set(map(id, better)) <= {id(found.best), *map(id, found.left_out)}
    top = max(
        found.rival.answers_from(closed),
        *(each.answers_from(closed) for each in rivals),
    )
    assert found.rival.answers_from(closed) >= min(enough, top / 2)
    for each in found.left_out:
        assert each.answers_from(closed) < enough


@given(st.integers(1, 500))
def test_the_block_is_chosen_from_a_part_that_the_verdict_leaves_alone(
    tuning: int,
) -> None:
    block = most_informative([rival([0.0] * tuning, [1.0] * tuning)], tuning)
    assert len(block) == min(BLOCK, tuning) == len(set(block))
    assert max(block) < pool_size(tuning) <= max(BLOCK, tuning // 2)


def test_the_examples_that_tell_most_are_those_on_which_the_frontier_differs() -> None:
    scores = [1.0 if position in (3, 9, 13) else 0.5 for position in range(60)]
    block = most_informative(
        [rival(scores, [1.0] * 60), rival([0.5] * 60, [1.0] * 60)], 60
    )
    assert block[:3] == (3, 9, 13)


def test_ways_of_one_prompt_share_their_draws_where_the_study_reads_them_off() -> None:
    base = {"model": "new", "prompt": "short"}
    one, five = (
        Config({**base, "max_tokens": 8}),
        Config({**base, "max_tokens": 32, "n": 5, "aggregate": "vote"}),
    )
    other = Config({**base, "prompt": "long", "max_tokens": 8})
    shared = screening_steps(
        [one, five, other], ("n", "max_tokens", "stop", "aggregate"), [2, 5]
    )
    assert [
        (step.draws, step.cap, step.examples, group) for step, group in shared.items()
    ] == [
        (5, 32, (2, 5), [one, five]),
        (1, 8, (2, 5), [other]),
    ]
    assert len(screening_steps([one, five, other], (), [2, 5])) == 3  # all paid


def tried(gains: list[float], name: str) -> ScreenedConfig:
    return ScreenedConfig(
        reading([0.0], [1.0], prompt=name), None, dict(enumerate(gains))
    )


def test_the_second_goes_on_only_where_the_block_does_not_tell_it_from_the_best() -> (
    None
):
    best, close, far = (
        tried([1, 0, 1, 0], "a"),
        tried([0, 1, 1, 0], "b"),
        tried([-1, -1, 0, -1], "c"),
    )
    assert finalists([far, close, best]) == [
        close,
        best,
    ]  # equal: both, in the order given
    assert finalists([far, best]) == [best]
    assert finalists([far]) == [far]
    assert finalists([best, tried([], "unscored")])[0] is best


def test_a_way_whose_best_rival_has_answers_enough_goes_on_beside_one_whose_has_not() -> (
    None
):
    best, enough = (
        rival([0.9] * 4, [1.0] * 4, "best"),
        rival([0.5] * 40, [1.0] * 40, "enough"),
    )
    lacks = ScreenedConfig(
        reading([0.0], [1.0], prompt="a"),
        Opponents(enough, best),
        dict(enumerate([1, 1, 1, 1])),
    )
    second, third = tried([0.9, 1, 1, 1], "b"), tried([0, 1, 0, 0.2], "c")
    whole = ScreenedConfig(third.reading, Opponents(enough), third.gains)
    unsure = ScreenedConfig(second.reading, Opponents(enough, best), second.gains)
    assert finalists([unsure, whole, lacks]) == [lacks, whole]
    hopeless = ScreenedConfig(
        third.reading, Opponents(enough), dict(enumerate([-1, -1, 0, 0]))
    )
    assert finalists([unsure, hopeless, lacks]) == [lacks, unsure]


def test_a_way_is_compared_with_the_best_on_the_block_and_with_who_met_it_where_the_best_did_not() -> (
    None
):
    mine = reading([1.0] * 8, [1.0] * 8)
    full, best = (
        rival([0.5] * 40, [1.0] * 40, "full"),
        rival([0.75] * 8, [1.0] * 8, "best"),
    )
    assert compare_with_frontier(
        mine, [full, best], 1.0, closed=4, enough=30
    ).gains == dict.fromkeys(range(8), 0.25)
    later = rival([0.75] * 8, [1.0] * 8, "later", start=20)
    found = compare_with_frontier(mine, [full, later], 1.0, closed=4, enough=30)
    assert found.against == Opponents(full, later)
    assert found.gains == dict.fromkeys(range(8), 0.5)


def test_to_enter_takes_both_rivals_and_not_to_takes_one() -> None:
    mine = dict.fromkeys(range(80), 1.0)
    weak, even, strong = (
        Rival(
            Config({"model": "old", "prompt": name, "max_tokens": 8}),
            1.0,
            0.0,
            scores,
            {},
        )
        for name, scores in (
            ("weak", dict.fromkeys(range(80), 0.0)),
            ("even", dict.fromkeys(range(80), 1.0)),
            ("strong", dict.fromkeys(range(4), 0.0)),
        )
    )
    order = list(range(80))
    assert compare_pairs(rule(), mine, order, [weak])[0] == "enters"
    answer, looks = compare_pairs(rule(), mine, order, [weak, strong])
    assert (answer, looks[0].rival, looks[0].pairs.n) == ("undecided", strong, 4)
    answer, looks = compare_pairs(rule(), mine, order, [weak, even])
    assert (answer, looks[0].rival) == ("does not enter", even)


def test_examples_are_bought_for_who_is_not_beaten_yet_the_rival_with_the_most_answers_first() -> (
    None
):
    full, few = (
        rival([0.0] * 60, [1.0] * 60, "full"),
        rival([0.0] * 4, [1.0] * 4, "few", start=58),
    )
    order = [*range(30, 80), *range(30)]
    answer, looks = compare_pairs(rule(), {}, [], [few, full])
    assert answer == "undecided"
    assert unmet_examples(order, [], looks) == [*range(30, 60), *range(30), 60, 61]
    bought = order[:30]
    answer, looks = compare_pairs(
        rule(), dict.fromkeys(bought, 1.0), bought, [few, full]
    )
    assert [look.answer for look in looks] == ["undecided", "enters"]
    assert unmet_examples(order, bought, looks) == [60, 61]


def test_a_model_equal_to_the_best_enters_as_seldom_as_said_though_it_beats_the_rival_with_more_answers() -> (
    None
):
    rng, said = np.random.default_rng(8), []
    for _ in range(150):
        luck = rng.random((3, 120))
        mine, best, weak = (
            dict(enumerate((row < q).astype(float)))
            for row, q in zip(luck, (0.7, 0.7, 0.2), strict=True)
        )
        few = Rival(
            Config({"model": "old", "prompt": "best", "max_tokens": 8}),
            1.0,
            0.7,
            dict(list(best.items())[:40]),
            {},
        )
        full = Rival(
            Config({"model": "old", "prompt": "weak", "max_tokens": 8}),
            1.0,
            0.2,
            weak,
            {},
        )
        assert compare_pairs(rule(), mine, range(120), [full])[0] == "enters"
        said.append(compare_pairs(rule(), mine, range(120), [full, few])[0])
    assert said.count("enters") <= 15  # 5 % and three standard errors of it
    assert said.count("does not enter") < 150


def test_so_many_pairs_are_enough_as_show_a_model_that_differs_little_not_to_enter() -> (
    None
):
    for margin in (0.05, 0.1, 0.3):
        asked, twin = rule(margin=margin), np.zeros(rule(margin=margin).enough)
        assert asked.decide(twin, twin)[0] == "does not enter"
        assert (
            asked.decide(twin[: len(twin) // 3], twin[: len(twin) // 3])[0]
            == "undecided"
        )
        assert rule(margin=margin, larger_is_better=False).enough == asked.enough
        wide = rule(low=0.0, high=10.0, margin=10 * margin)
        assert wide.enough == asked.enough
    assert rule(margin=0.05).enough > rule(margin=0.1).enough


def entered(
    rule: EntryRule, runs: int, up: float, down: float, count: int = 160
) -> dict[str, float]:
    """How often each answer is given, where the new model alone is right on `up` of the examples,
    the old on `down`.
    """
    rng, said = np.random.default_rng(5), []
    for _ in range(runs):
        luck = rng.random(count)
        both = rng.random(count) < 0.5
        scores, rivals = (
            (luck < up) | both & (luck >= up + down),
            (luck >= up) & ((luck < up + down) | both),
        )
        said.append(rule.decide(scores.astype(float), rivals.astype(float))[0])
    return {
        answer: said.count(answer) / runs
        for answer in ("enters", "does not enter", "undecided")
    }


def rule(finalists_: int = 1, **more: Any) -> EntryRule:
    values = {
        "low": 0.0,
        "high": 1.0,
        "larger_is_better": True,
        "margin": 0.1,
        "alpha": 0.05 / finalists_,
        "beta": 0.05,
        **more,
    }
    return EntryRule(**values)


def test_an_equal_model_enters_at_most_as_often_as_said_and_a_better_one_mostly() -> (
    None
):
    # The decision at the last pair is the first that fell at any look: three standard errors of 5 %
    # are 3.3 %.
    assert entered(rule(), 400, 0.1, 0.1)["enters"] <= 0.083
    assert (
        entered(rule(), 400, 0.15, 0.05)["does not enter"] <= 0.083
    )  # better by just the margin
    assert entered(rule(), 200, 0.25, 0.02)["enters"] >= 0.95
    assert entered(rule(), 200, 0.05, 0.20)["does not enter"] >= 0.95


def test_two_finalists_together_enter_wrongly_at_most_as_often_as_one() -> None:
    metric = tune.Metric("m", "m", lambda answer, example: 0.0)
    split = EntryRule.of(metric, margin=0.1, alpha=0.05, beta=0.05, finalists=2)
    assert (split.alpha, split.beta) == (0.025, 0.05)
    assert 2 * entered(split, 400, 0.1, 0.1)["enters"] <= 0.083


def test_two_rivals_together_turn_a_better_model_down_wrongly_at_most_as_often_as_one() -> (
    None
):
    metric = tune.Metric("m", "m", lambda answer, example: 0.0)
    split = EntryRule.of(metric, margin=0.1, alpha=0.05, beta=0.05, rivals=2)
    assert (split.alpha, split.beta) == (0.05, 0.025)
    assert (
        2 * entered(split, 400, 0.15, 0.05)["does not enter"] <= 0.083
    )  # better by just the margin than both


def test_where_less_is_better_the_rule_is_turned_round() -> None:
    ours, theirs = np.zeros(60), np.ones(60)
    assert rule(larger_is_better=False).decide(ours, theirs)[0] == "enters"
    assert rule(larger_is_better=False).decide(theirs, ours)[0] == "does not enter"
    assert rule().decide(ours, theirs)[0] == "does not enter"


def test_a_study_whose_draws_are_gone_is_refused_and_nothing_is_bought(
    picky: Server, wide: Path, tmp_path: Path
) -> None:
    bill = picky.bill
    with pytest.raises(StudyError, match="--store"):
        ask_wide(picky, wide, "picky", store=str(tmp_path / "empty.db"))
    assert picky.bill == bill
