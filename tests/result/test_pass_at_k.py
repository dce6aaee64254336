"""What else the draws say: pass@k, repeated splits, and the table for papers."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tune
from tune.errors import InputError
from tune.fakes.server import Server
from tune.fakes.world import LabelledWorld
from tune.followup.reprice import reprice

WORLD = LabelledWorld(models={"large": 0.6})


@pytest.fixture(scope="module")
def asked() -> Iterator[dict[str, Any]]:
    with Server(models=["large"], world=WORLD) as server:
        yield {
            "data": WORLD.examples(60),
            "target": "label",
            "models": {"large": {"base_url": server.base_url, "price": [1.0, 4.0]}},
            "space": tune.Space(
                model=["large"],
                prompt={"short": "Label this ticket: {text}"},
                temperature=[0.8],
                n=[4],
                max_tokens=[16],
                aggregate=["vote"],
                answer={"labels": list(WORLD.labels)},
            ),
            "quiet": True,
        }


@pytest.fixture(scope="module")
def study(
    asked: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> tune.Study:
    return tune.tune(
        **asked,
        budget=0.05,
        splits=20,
        results=tmp_path_factory.mktemp("beyond") / "study",
    )


def test_pass_at_k_rises_with_k_and_is_a_bound_for_what_can_be_deployed(
    study: tune.Study,
) -> None:
    found = study.record.pass_at_k
    assert [oracle.k for oracle in found][:3] == [1, 2, 4]
    means = [oracle.quality.mean for oracle in found]
    assert means == sorted(means)
    assert means[0] < means[-1]
    winner = study.record.winner
    assert winner is not None
    assert winner.tuning is not None
    assert means[-1] >= winner.tuning.mean, (
        "whoever knows the target picks at least as well as a vote"
    )
    assert all(
        oracle.quality.low <= oracle.quality.mean <= oracle.quality.high
        for oracle in found
    )
    assert "pass@4" in (study.folder / "report.md").read_text()
    assert study.summary()["pass_at_k"][0]["k"] == 1
    assert (
        json.loads((study.folder / "best.json").read_text())["pass_at_k"][-1]["mean"]
        == means[-1]
    )


def test_repeated_splits_show_the_spread_and_cost_nothing(study: tune.Study) -> None:
    repeats = study.record.repeats
    assert repeats is not None
    assert repeats.repetitions == 20
    assert 0.5 <= repeats.same_choice <= 1.0, (
        "there is one setting, and that of the baseline"
    )
    winner = study.record.winner
    assert winner is not None
    assert winner.tuning is not None
    assert repeats.quality == pytest.approx(
        winner.tuning.mean, abs=3 * repeats.quality_deviation / 20**0.5 + 0.01
    )
    assert 0 < repeats.quality_deviation < 0.2
    assert "## Repeated splits" in (study.folder / "report.md").read_text()


def test_a_finished_study_shows_the_spread_when_it_is_read_again(
    study: tune.Study, asked: dict[str, Any], tmp_path: Path
) -> None:
    given = {name: value for name, value in asked.items() if name != "quiet"}
    again = reprice(study.folder, **given, splits=5)
    assert again.record.repeats is not None
    assert again.record.repeats.repetitions == 5


@pytest.mark.parametrize("splits", [-1, True, 2.5, 1001])
def test_a_number_of_splits_that_cannot_be_is_refused(
    splits: Any, asked: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="splits is a number of repetitions"):
        tune.tune(**asked, budget=0.05, splits=splits, results=tmp_path / "study")


def test_the_table_is_there_for_spreadsheets_and_for_latex(study: tune.Study) -> None:
    rows = list(
        csv.DictReader(io.StringIO((study.folder / "comparison.csv").read_text()))
    )
    by_name = {row["configuration"]: row for row in rows}
    winner = study.record.winner
    assert winner is not None
    assert winner.quality is not None
    assert float(by_name["winner"]["quality"]) == winner.quality.mean
    assert by_name["pass@4 (oracle)"]["on"] == "tuning"
    tex = (study.folder / "comparison.tex").read_text()
    assert tex.count(r"\\") == len(rows) + 1
    assert f"{winner.quality.mean:.3f} [{winner.quality.low:.3f}" in tex
