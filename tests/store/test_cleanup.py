"""A start that fails costs nothing, asks nobody it need not ask, and leaves nothing behind."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import tune
from tune.errors import EndpointError, InputError, StudyError
from tune.fakes.server import Server
from tune.fakes.world import LabelledWorld
from tune.store.cleanup import Traces
from tune.store.database import Database
from tune.store.ledger import Ledger
from tune.task.metrics import parse_metric

WORLD = LabelledWorld(models={"small": 0.6})
ROWS = WORLD.examples(20)
NOBODY = SimpleNamespace(base_url="http://127.0.0.1:1/v1")
"""Where nobody listens."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(world=WORLD) as started:
        yield started


def run(
    server: Any, *, rows: Any = ROWS, budget: float = 0.01, **more: Any
) -> tune.Study:
    space = tune.Space(
        model="small",
        prompt="Label this ticket: {text}",
        max_tokens=8,
        answer=list_of_labels(),
    )
    entry = {"small": {"base_url": server.base_url, "price": [0.1, 0.4]}}
    return tune.tune(
        rows, space, budget=budget, target="label", models=entry, quiet=True, **more
    )


def list_of_labels() -> Any:
    return {"labels": list(WORLD.labels)}


def raises(answer: str | None, example: Any) -> float:
    return float(example["no such column"])


def is_no_number(answer: str | None, example: Any) -> Any:
    return "good"


def leaves_its_bounds(answer: str | None, example: Any) -> float:
    return 7.0


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        (raises, "no such column"),
        (is_no_number, "gave 'good'"),
        (leaves_its_bounds, "between 0 and 1"),
    ],
)
def test_a_metric_is_tried_on_one_row_before_an_endpoint_is_asked(
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    metric: Any,
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=words) as caught:
        run(server, metric=metric)
    assert "tried on one row before anything is bought" in str(caught.value)
    assert server.requests == []
    assert list(tmp_path.iterdir()) == []


def test_a_metric_is_tried_with_what_is_wanted_in_its_own_form() -> None:
    met: list[Any] = []

    def look(answer: Any, example: Any) -> float:
        met.append(answer)
        return 1.0

    for target in ("yes", 3, ["a", "b"], None):
        example = tune.task.example.Example("1", {"text": "t"}, target, {})
        parse_metric(look).try_on(example)
    assert met == ["yes", "3", '["a", "b"]', ""]


def test_a_budget_that_is_too_small_is_told_before_an_endpoint_is_asked(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="too small"):
        run(server, budget=1e-7)
    assert server.requests == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "place", [{}, {"results": "deep/er/out"}, {"store": "else/where/draws.db"}]
)
def test_an_endpoint_that_does_not_answer_leaves_no_folder_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: dict[str, str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EndpointError):
        run(NOBODY, **place)
    assert list(tmp_path.iterdir()) == []


def test_a_searcher_that_raises_at_once_leaves_no_folder_behind(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.chdir(tmp_path)
    with pytest.raises(ZeroDivisionError):
        run(server, searcher=broken)
    assert list(tmp_path.iterdir()) == []


def test_what_was_there_before_stays(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    study = run(server)
    before = {
        path: path.stat().st_size
        for path in tmp_path.rglob("*")
        if path.suffix != ".db"
    }
    with pytest.raises(StudyError):  # another study in its folder
        run(server, results=study.folder, seed=1)
    with pytest.raises(EndpointError):
        run(NOBODY, seed=2)
    assert {
        path: path.stat().st_size
        for path in tmp_path.rglob("*")
        if path.suffix != ".db"
    } == before
    assert run(server).record.money.spent_now == 0


def test_a_store_that_another_study_has_begun_to_use_stays(tmp_path: Path) -> None:
    traces = Traces(tmp_path / "out" / "study.jsonl", str(tmp_path / "draws.db"))
    with contextlib.closing(Database(tmp_path / "draws.db")) as mine:
        Ledger(mine, "mine", 1)
        with contextlib.closing(Database(tmp_path / "draws.db")) as theirs:
            Ledger(theirs, "theirs", 1)
        traces.remove(mine)
    assert (tmp_path / "draws.db").exists()
