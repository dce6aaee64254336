"""A limit that no configuration keeps is the headline, and nothing is exported as if it were kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tune
from tests.support.fixtures import MODELS, PRICES, dimensions
from tune.commands import DONE, NO_CONFIG, run_study_command
from tune.errors import StudyError
from tune.fakes.server import Server
from tune.fakes.world import LabelledWorld

WORLD = LabelledWorld(models={"small": 0.55, "large": 0.8})


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(models=MODELS, world=WORLD) as started:
        yield started


def tuned(server: Server, folder: Path, **more: Any) -> tune.Study:
    return tune.tune(
        data=WORLD.examples(40),
        target="label",
        space=tune.Space(**dimensions(model=["large"])),
        trials=2,
        base_url=server.base_url,
        price=PRICES,
        budget=0.02,
        results=folder,
        **more,
    )


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"max_cost_per_request": 1e-7}, "the limit of $0.0000001 per request"),
        ({"max_seconds_per_request": 1e-7}, "the limit of 1e-07 s per request"),
    ],
)
def test_a_limit_that_nothing_keeps_is_the_headline_and_nothing_is_exported(
    server: Server,
    tmp_path: Path,
    limits: dict[str, float],
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "OAI_CONFIG_LIST").write_text("an earlier result's")
    study = tuned(server, tmp_path, **limits)
    assert (
        f"no configuration keeps {words}"
        in (tmp_path / "report.md").read_text().splitlines()[0]
    )
    assert (
        f"<title>data: no configuration keeps {words}"
        in (tmp_path / "report.html").read_text()
    )
    assert str(study).startswith(f"No configuration that was tried keeps {words}.")
    assert json.loads((tmp_path / "best.json").read_text())["keeps_limit"] is False
    assert study.summary()["keeps_limit"] is False
    assert not (tmp_path / "OAI_CONFIG_LIST").exists()
    with pytest.raises(StudyError, match="no configuration keeps the limit"):
        study.best.llm_config()
    assert run_study_command(lambda: study, as_json=False) == NO_CONFIG == 5
    assert "The best configuration found" not in capsys.readouterr().out
    again = tuned(server, tmp_path, **limits)
    assert run_study_command(lambda: again, as_json=True) == NO_CONFIG
    assert json.loads(capsys.readouterr().out)["keeps_limit"] is False


def test_a_limit_that_is_kept_is_said_to_be(server: Server, tmp_path: Path) -> None:
    study = tuned(server, tmp_path, max_cost_per_request=1.0)
    assert study.record.keeps_limit is True
    assert json.loads((tmp_path / "best.json").read_text())["keeps_limit"] is True
    assert (tmp_path / "OAI_CONFIG_LIST").exists()
    assert run_study_command(lambda: study, as_json=True) == DONE
    assert tuned(server, tmp_path / "none").record.keeps_limit is None
