"""Why answers are wrong: every answer has one heading, and what is frequent is told with advice."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tune
from tune.completion import Completion
from tune.fakes.faults import Fault, Model
from tune.fakes.server import Server, fail_sometimes
from tune.fakes.world import LabelledWorld
from tune.readout.outcomes import KINDS, count_outcomes
from tune.readout.trial import Trial
from tune.report import markdown, page_html, summary_lines, trials_csv
from tune.space import Config, Point

WORLD = LabelledWorld(models={"small": 0.8})
CONFIG = Config({"model": "m", "prompt": "p", "max_tokens": 8})


def draw(text: str, finish: str = "stop", tokens: int = 4) -> Completion:
    return Completion(text, finish, 5, tokens)


def counted(trial: Trial) -> Any:
    def extract(text: str) -> str | None:
        return None if "?" in text else text or None

    return count_outcomes(
        trial, CONFIG, extract=extract, is_worst=lambda text, _: text != "good"
    )


def test_each_answer_has_one_heading() -> None:
    trial = Trial(0, Point({"model": "m", "prompt": "p"}), 8)
    texts = [
        draw("good"),
        draw("bad"),
        draw("?"),
        draw(""),
        draw("ba", "length"),
        draw("", "content_filter"),
    ]
    trial.draws = {i: [each] for i, each in enumerate(texts)}
    trial.config_failed = {6: "context_length", 7: "content_filter", 8: "timeout"}
    trial.unanswered = {9: "service: 503", 10: "money: no room"}
    found = counted(trial)
    assert (found.wrong, found.no_answer, found.empty, found.cut) == (1, 1, 1, 1)
    assert (found.refused, found.too_long, found.failed) == (2, 1, 2)
    assert found.answers == 10
    assert found.often == KINDS


def test_json_that_the_model_broke_holds_no_answer() -> None:
    trial = Trial(0, Point({"model": "m", "prompt": "p"}), 8, draws={0: [draw("good")]})
    trial.config_failed = {1: "invalid_json"}
    assert counted(trial).no_answer == 1


def test_an_answer_that_is_cut_and_right_all_the_same_is_no_fault() -> None:
    trial = Trial(
        0, Point({"model": "m", "prompt": "p"}), 8, draws={0: [draw("good", "length")]}
    )
    assert counted(trial).often == ()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["good", "bad", "?", " "]),
            st.sampled_from(["stop", "length"]),
        ),
        max_size=20,
    )
)
def test_headings_never_count_an_answer_twice(texts: list[tuple[str, str]]) -> None:
    draws = {i: [draw(*each)] for i, each in enumerate(texts)}
    found = counted(Trial(0, Point({"model": "m", "prompt": "p"}), 8, draws=draws))
    good = sum(text == "good" for text, _ in texts)
    assert (
        sum(found.count(kind) for kind in KINDS)
        == found.answers - good
        == len(texts) - good
    )


def study(folder: Path, model: Model, **server: Any) -> tune.Study:
    space = tune.Space(
        model=["small"],
        prompt={"short": "Label this ticket: {text}"},
        max_tokens=[16, 24],
    )
    with Server(models={"small": model}, world=WORLD, **server) as started:
        return tune.tune(
            data=WORLD.examples(40),
            target="label",
            space=space,
            base_url=started.base_url,
            price=["small=0.1/0.4"],
            budget=0.02,
            results=folder,
        )


def test_empty_answers_of_a_reasoning_model_are_told_with_their_money_and_advice(
    tmp_path: Path,
) -> None:
    found = study(tmp_path, Model(0.1, 0.4, reasoning=40))
    assert found.record.bought.outcomes.share("empty") == 1.0
    line = next(
        line for line in summary_lines(found.record) if "that the search bought" in line
    )
    assert "(100%, with 100% of the money) are empty" in line
    assert (
        "raise max_tokens (at most 24 were allowed) or lower reasoning_effort" in line
    )


@pytest.mark.parametrize(
    ("kind", "heading", "words"),
    [
        ("filtered", "refused", "refused by a content filter"),
        ("refused_content", "refused", "refused by a content filter"),
        ("too_long", "too_long", "too long for the model's context"),
    ],
)
def test_what_is_refused_is_counted_in_every_report(
    tmp_path: Path, kind: Any, heading: str, words: str
) -> None:
    found = study(
        tmp_path, Model(0.1, 0.4), plan=fail_sometimes(0.25, [Fault(kind)], seed=3)
    )
    report = found.record
    assert 0.1 < report.bought.outcomes.share(heading) < 0.5
    assert any(words in line for line in summary_lines(report))
    assert "## Why answers are wrong" in markdown(report)
    assert "Why answers are wrong" in page_html(report)
    rows = list(csv.DictReader(io.StringIO(trials_csv(report))))
    assert sum(int(row[heading]) for row in rows) > 0
    assert found.trials_dataframe()[heading].sum() > 0
    said = found.summary()["why_wrong"]
    assert said["bought"][heading] == report.bought.outcomes.count(heading)
    assert said["best"]["answers"] > 0
    best = json.loads((tmp_path / "best.json").read_text())
    assert best["why_wrong"] == said


def test_answers_that_are_cut_are_told_apart_from_wrong_ones(tmp_path: Path) -> None:
    space = tune.Space(
        model=["small"],
        prompt={"long": "Think step by step, then label this ticket: {text}"},
        max_tokens=[8],
    )
    with Server(models={"small": Model(0.1, 0.4)}, world=WORLD) as started:
        found = tune.tune(
            data=WORLD.examples(40),
            target="label",
            space=space,
            base_url=started.base_url,
            price=["small=0.1/0.4"],
            budget=0.02,
            results=tmp_path,
        )
    counts = found.record.bought.outcomes
    assert counts.share("cut") > 0.5
    assert counts.no_answer == counts.empty == 0
    assert any(
        "cut at max_tokens" in line and "raise max_tokens" in line
        for line in summary_lines(found.record)
    )
