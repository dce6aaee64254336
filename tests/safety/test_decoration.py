"""What only decorates a run cannot end it: its fault is said once, and the result stands."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

import tune
from tune.fakes.server import Server
from tune.fakes.world import LabelledWorld
from tune.plan.read_options import read_options
from tune.safety.decoration import Decorations
from tune.task.metrics import parse_metric
from tune.tuner import run_study

WORLD = LabelledWorld(models={"small": 0.6})
SPACE: dict[str, Any] = {
    "space": {
        "model": ["small"],
        "prompt": "Label this ticket: {text}",
        "temperature": [0.0, 0.5],
        "max_tokens": [8],
    },
    "answer": {"labels": list(WORLD.labels)},
}


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(world=WORLD) as started:
        yield started


def options(server: Server, folder: Path, **more: Any) -> dict[str, Any]:
    entry = {"base_url": server.base_url, "price": [0.1, 0.4]}
    return {
        "target": "label",
        "models": {"small": entry},
        "results": folder / "study",
        **more,
    }


def run(server: Server, folder: Path, **more: Any) -> tune.Study:
    space = tune.Space.from_mapping(SPACE)
    return tune.tune(
        WORLD.examples(24), space, budget=0.003, **options(server, folder, **more)
    )


def broken(*_: object, **__: object) -> NoReturn:
    raise ZeroDivisionError("no more\nthan this")


def test_what_fails_is_told_once_in_one_sentence_and_not_called_again() -> None:
    told: list[str] = []
    calls: list[int] = []

    def fail() -> str:
        calls.append(1)
        raise ValueError("a\nb")

    parts = Decorations(told.append)
    assert [parts.attempt("the chart", fail, "none") for _ in range(3)] == ["none"] * 3
    assert parts.attempt("another", lambda: "made", "none") == "made"
    assert told == [
        "the chart failed and is left out (ValueError: a b); the result stands"
    ]
    assert len(calls) == 1


def test_an_observer_that_leaves_the_process_is_left_out() -> None:
    told: list[str] = []
    assert Decorations(told.append).attempt("the observer", sys.exit, "none") == "none"
    (sentence,) = told
    assert sentence.startswith("the observer failed and is left out (SystemExit")


def test_ctrl_c_is_no_fault_of_a_decoration() -> None:
    def stop() -> NoReturn:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Decorations().attempt("the chart", stop, None)


def test_an_observer_and_a_notice_that_raise_leave_the_result_and_are_named_in_the_report(
    server: Server, tmp_path: Path
) -> None:
    study = run_study(
        read_options(
            data=WORLD.examples(40),
            space=tune.Space.from_mapping(SPACE),
            budget=0.01,
            observer=broken,
            **options(server, tmp_path),
        ),
        display=broken,
    )
    assert study.best.quality is not None
    text = (tmp_path / "study" / "report.md").read_text()
    for part in ("the progress display failed", "the observer failed"):
        assert text.count(part) == 1


@pytest.mark.parametrize(
    ("place", "part"),
    [
        ("tune.result.build.majority_class", "the line of the majority class"),
        ("tune.result.build.estimate_rows", "the estimate beside what happened"),
        ("tune.result.build.costs_of_readings", "the price of the readings"),
        ("tune.result.build.notices", "the notices"),
        ("tune.result.notices.sample_size_note", "the notice of few examples"),
        ("tune.study.announce.estimate", "the estimate"),
        (
            "tune.report.page.quality.frame",
            "the section 'Quality against cost' of report.html",
        ),
        ("tune.study.study.pages_html", "report.html"),
        ("tune.study.study.trials_csv", "trials.csv"),
        ("tune.study.study.markdown", "report.md"),
    ],
)
def test_a_part_of_the_report_that_fails_is_named_in_it_and_the_result_stands(
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    part: str,
) -> None:
    monkeypatch.setattr(place, broken)
    study = run(server, tmp_path)
    assert study.best.quality is not None
    assert (
        json.loads((tmp_path / "study" / "best.json").read_text())["config"]["model"]
        == "small"
    )
    said = f"{part} failed and is left out (ZeroDivisionError: no more than this)"
    assert said in " ".join(str(study).split())
    assert said in (tmp_path / "study" / "report.md").read_text().replace("\\", "")
    again = run(server, tmp_path)
    assert again.record.money.spent_now == 0
    assert said in " ".join(str(again).split())


def test_a_metric_that_the_majority_class_breaks_leaves_the_result(
    server: Server, tmp_path: Path
) -> None:
    """All money was spent by then: the line decorates the report and no more."""
    rows = [
        {**row, "label": "unheard" if i % 2 else row["label"]}
        for i, row in enumerate(WORLD.examples(40))
    ]

    def picky(answer: str | None, example: Any) -> float:
        if answer == "unheard" and len(met) > 1:
            raise KeyError("a label that no model says")
        met.append(answer)
        return 0.5

    met: list[str | None] = []
    space = tune.Space.from_mapping(SPACE)
    study = tune.tune(
        rows, space, budget=0.01, **options(server, tmp_path, metric=picky)
    )
    assert study.best.quality is not None
    assert study.record.majority_score is None
    assert "the line of the majority class failed" in " ".join(study.record.notices)


def test_a_metric_from_1_to_10_is_shown_on_a_terminal(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def ten(answer: str | None, example: Any) -> float:
        return 10.0 if answer == example.target else 1.0

    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setenv("TERM", "xterm")
    # Each event is drawn, however short the run is.
    monkeypatch.setattr("tune.study.display.terminal.EVERY", 0.0)
    from tune.study.display import choose_display

    with choose_display("text", quiet=False) as screen:
        study = run_study(
            read_options(
                data=WORLD.examples(40),
                space=tune.Space.from_mapping(SPACE),
                budget=0.01,
                **options(
                    server, tmp_path, metric=parse_metric(ten, low=1.0, high=10.0)
                ),
            ),
            display=screen,
        )
    assert study.record.notices == ()
    assert "best so far" in shown.getvalue()
