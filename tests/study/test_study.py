"""What a finished study gives: the best, frames, files, and itself again from its journal."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import tune
from tests.support.fixtures import MODELS, PRICES
from tune.errors import InputError, StoreError, StudyError
from tune.export import not_deployable_note
from tune.fakes.server import Server
from tune.fakes.world import LabelledWorld
from tune.report import ReportConfig
from tune.space import Config
from tune.study.study import Study, recorded_study

WORLD = LabelledWorld(models={"small": 0.5, "large": 0.8})


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Study]:
    with Server(models=MODELS, world=WORLD) as server:
        yield tune.tune(
            data=WORLD.examples(80),
            target="label",
            base_url=server.base_url,
            price=PRICES,
            budget=0.02,
            results=tmp_path_factory.mktemp("study") / "out",
            space=tune.Space(
                model=["small", "large"],
                prompt={
                    "short": "Label this ticket: {text}",
                    "chat": [
                        {"role": "system", "content": "You label tickets."},
                        {
                            "role": "user",
                            "content": "Think step by step, then label: {text}",
                        },
                    ],
                },
                temperature=[0, 0.5],
                n=[1, 3],
                max_tokens=64,
                aggregate=["first", "vote"],
                answer={"labels": list(WORLD.labels)},
            ),
        )


def test_the_best_has_all_that_it_takes_to_use_it(study: Study) -> None:
    best = study.best
    assert set(best.config) >= {
        "model",
        "prompt",
        "n",
        "max_tokens",
        "stop",
        "aggregate",
    }
    assert "{text}" in best.prompt
    assert best.quality is not None
    assert best.quality.low <= best.quality.mean <= best.quality.high
    assert best.cost is not None
    assert best.cost.mean > 0
    if best.config.prompt == "chat":
        assert best.system_message() == "You label tickets."
        assert best.messages[0].role == "system"


def test_llm_config_is_what_one_answer_can_carry_with_its_own_numbers_and_no_key(
    study: Study,
) -> None:
    config = study.best.llm_config()
    (entry,) = config["config_list"]
    assert entry["model"] in ("small", "large")
    assert entry["base_url"].startswith("http://127.0.0.1")
    assert "tune" in entry["tags"]
    assert entry["price"] in ([0.0001, 0.0004], [0.001, 0.004])
    assert "n" not in config
    assert "n" not in entry
    carried = study.deployment
    assert carried is not None
    assert carried.config.n == 1
    shown = study.record.deployable or study.record.winner
    assert shown is not None
    assert shown.config == carried.config
    assert shown.holdout is not None, "it was frozen first, and then it met the holdout"


def test_the_winner_is_exported_with_its_own_vote_and_the_single_answer_beside_it(
    study: Study,
) -> None:
    made = study.best.export("autogen")
    assert f"N = {study.best.config.n}\n" in made.text
    (entry,) = json.loads(made.files["OAI_CONFIG_LIST"])
    carried = study.deployment
    assert carried is not None
    assert entry["model"] == carried.model
    assert [entry] == json.loads((study.folder / "OAI_CONFIG_LIST").read_text())
    again = Study.load(study.folder).best.export("autogen")
    assert again == made
    over = Study(
        replace(study.record, keeps_limit=False),
        study.folder,
        stopped="finished",
        deployment=None,
    )
    with pytest.raises(InputError, match="so none is exported"):
        over.best.export("openai")


def test_a_key_of_another_variable_is_in_the_llm_config_as_agents_need_it(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    carried = study.deployment
    assert carried is not None
    other = Study(
        study.record,
        study.folder,
        stopped="finished",
        deployment=replace(carried, key_env="OTHER_KEY"),
    )
    monkeypatch.setenv("OTHER_KEY", "key-of-another")
    assert other.best.llm_config()["config_list"][0]["api_key"] == "key-of-another"
    monkeypatch.delenv("OTHER_KEY")
    with pytest.raises(InputError, match="OTHER_KEY"):
        other.best.llm_config()


def judged(row: ReportConfig, *, beside: ReportConfig) -> float:
    """The quality by which a row of the frontier is compared with another one."""
    shown = row.holdout or row.tuning
    assert shown is not None
    # The holdout has other examples: beside tuning estimates alone, the worse number counts.
    if beside.holdout is None and row.tuning is not None:
        return min(shown.mean, row.tuning.mean)
    return shown.mean


def test_the_frontier_rises_in_cost_and_quality_and_says_what_is_an_estimate(
    study: Study,
) -> None:
    frame = study.frontier()
    assert len(frame) >= 1
    assert frame["cost_per_request"].is_monotonic_increasing
    rows = study.record.frontier
    for cheaper, row in itertools.combinations(rows, 2):
        # The winner is there although another row may beat it, or it rests on few examples.
        few = cheaper.few and cheaper.config == study.best.config
        if row.config != study.best.config and not few:
            assert judged(cheaper, beside=row) < judged(row, beside=row)
    assert (frame["examples"] >= 1).all()
    assert frame["few"].dtype == bool
    assert (frame["quality_low"] <= frame["quality"]).all()
    assert (frame["quality"] <= frame["quality_high"]).all()


def test_the_trials_frame_has_a_row_for_each_trial(study: Study) -> None:
    frame = study.trials_dataframe()
    assert list(frame["trial"]) == list(range(len(study.record.trials)))
    assert {
        "model",
        "prompt",
        "state",
        "examples",
        "draws",
        "quality",
        "cost_per_request",
        "spent",
    } <= set(frame)
    assert set(frame["state"]) <= {"complete", "stopped", "failed"}
    assert frame["spent"].sum() == pytest.approx(study.record.money.spent, rel=0.6)
    with (study.folder / "trials.csv").open(encoding="utf-8") as file:
        assert next(csv.reader(file)) == list(frame.columns), "one table has one schema"


def test_its_files_say_the_same(study: Study) -> None:
    best = json.loads((study.folder / "best.json").read_text())
    assert best["config"]["model"] == study.best.config.model
    assert best["provenance"]["fingerprint"]
    assert best["provenance"]["seed"] == 0
    assert best["winner"]["holdout"]["mean"] == pytest.approx(study.best.quality.mean)  # type: ignore[union-attr]
    rows = list(csv.DictReader((study.folder / "trials.csv").read_text().splitlines()))
    assert len(rows) == len(study.record.trials)
    entries = json.loads((study.folder / "OAI_CONFIG_LIST").read_text())
    assert entries[0]["model"] == study.best.llm_config()["config_list"][0]["model"]
    text = (study.folder / "report.md").read_text()
    assert f"{study.best.quality.mean:.3f}" in text  # type: ignore[union-attr]
    assert {p.name for p in study.folder.iterdir()} >= {"study.jsonl", "draws.db"}
    assert not list(study.folder.glob("*.part"))


def test_a_report_can_be_written_anywhere(study: Study, tmp_path: Path) -> None:
    path = study.report(tmp_path / "elsewhere" / "deep")
    assert path.read_text().startswith("# ")
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        study.report(tmp_path / "file" / "x")


def test_a_report_that_cannot_be_written_leaves_no_half_of_it(
    study: Study, tmp_path: Path
) -> None:
    (tmp_path / "best.json").mkdir()  # so that it cannot be put in its place
    (tmp_path / "best.json" / "x").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        study.report(tmp_path)
    assert not list(tmp_path.glob("*.part"))


def test_loaded_again_it_is_the_same_study_and_nothing_was_spent(study: Study) -> None:
    again = Study.load(study.folder)
    assert again.best.config == study.best.config
    assert again.record.trials == study.record.trials
    assert again.record.frontier == study.record.frontier
    assert again.best.llm_config() == study.best.llm_config()
    assert again.summary() == {**study.summary(), "spent_now": 0.0}
    assert again.record.money.spent_now == 0.0


def test_there_is_no_study_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no study"):
        Study.load(tmp_path)
    (tmp_path / "study.jsonl").write_text('{"event":"study"}\n')
    with pytest.raises(StudyError, match="no result yet"):
        Study.load(tmp_path)


def test_the_selected_configuration_shows_what_it_documents(study: Study) -> None:
    shown = repr(study.best)
    assert shown.startswith("Best(config=Config(")
    assert " _" not in shown


def test_printed_it_is_the_answer_in_a_few_lines(study: Study) -> None:
    shown = str(study)
    assert study.best.config.model in shown
    assert "holdout" in shown
    assert str(study.folder) in shown
    assert shown == repr(study)


def test_no_word_is_broken_and_no_table_is_wider_than_the_terminal(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    narrow = str(study).splitlines()
    monkeypatch.setenv("COLUMNS", "1000")
    wide = str(study)
    assert [
        line for line in narrow if len(line) > 80 and str(study.folder) not in line
    ] == []
    words = set(wide.split())
    sentences = [
        line
        for line in narrow
        if not line.startswith((" ", "*", "winner", "baseline", "assumed", "runner-up"))
    ]
    assert set(" ".join(sentences).split()) <= words
    assert len(wide.splitlines()) <= 16, "the answer in a few lines"


def test_a_notebook_shows_it_as_html_with_nothing_of_a_model_taken_for_a_tag(
    study: Study,
) -> None:
    shown = study._repr_html_()
    assert "<table>" in shown
    assert "score (95 %)" in shown
    hostile = Study(
        replace(study.record, notices=("<script>alert(1)</script>",)),
        Path("<b>"),
        stopped="finished",
        deployment=None,
    )
    assert "<script>" not in hostile._repr_html_()
    assert "<b>" not in hostile._repr_html_()


def test_that_no_baseline_was_given_is_said_wherever_it_is_shown(study: Study) -> None:
    said = (
        "No baseline was given: it is compared with the first model and the plainest prompt "
        "(small, prompt short"
    )
    report = study.folder / "report.md"
    for text in (
        " ".join(str(study).split()),
        report.read_text(),
        (study.folder / "best.json").read_text(),
    ):
        assert said in text
    assert study.summary()["baseline"]["given"] is False
    assert "baseline (assumed)" in report.read_text()
    assert "baseline (assumed)" in report.with_name("report.html").read_text()


def test_a_winner_that_no_agent_can_carry_says_why(
    study: Study, tmp_path: Path
) -> None:
    why = not_deployable_note(replace_config(study.best.config, n=3, aggregate="vote"))
    assert why.startswith(
        "No agent's llm_config can carry the winner: it asks for 3 answers and reads them by 'vote'"
    )
    assert "agents chat" in not_deployable_note(study.best.config, raw=True)
    record = replace(study.record, deployable=None, deployable_note=why)
    alone = Study(record, tmp_path, stopped="finished", deployment=None)
    alone.report()
    assert why in (tmp_path / "report.md").read_text()
    assert "llm_config()" not in (tmp_path / "report.md").read_text()
    assert why in " ".join(str(alone).split())
    with pytest.raises(StudyError, match="it asks for 3 answers"):
        alone.best.llm_config()


def replace_config(config: Config, **values: object) -> Config:
    return Config({**config, **values})


def test_a_report_needs_no_folder(study: Study) -> None:
    (study.folder / "report.md").unlink()
    assert study.report() == study.folder / "report.md"
    assert (study.folder / "report.md").is_file()


def test_a_result_of_another_version_is_one_sentence(tmp_path: Path) -> None:
    result = {"event": "result", "record": {"report": {"money": {"old": 1}}}}
    with pytest.raises(StudyError, match="written by another version of tune"):
        recorded_study(tmp_path, [result])
