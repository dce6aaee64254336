"""A new model against the frontier of a finished study: only the new model is bought."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tune
from tests.support.challenges import asked
from tune.commands.cli import main
from tune.errors import BudgetError, EndpointError, InputError, PriceError, StudyError
from tune.fakes.faults import Model
from tune.fakes.server import Server
from tune.fakes.world import LabelledWorld
from tune.followup.challenge import ChallengeResult, challenge
from tune.pricing.prices import to_picodollars

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
