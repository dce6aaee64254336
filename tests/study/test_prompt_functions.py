"""Studies whose prompts a user's function makes: the same draws, the same study, and its use."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tune
from tune.commands.cli import main
from tune.errors import InputError, StudyError
from tune.fakes.faults import Model
from tune.fakes.server import Server
from tune.fakes.world import LabelledWorld
from tune.followup.answers import study_answers
from tune.followup.challenge import challenge
from tune.followup.check import check
from tune.followup.report import report
from tune.followup.reprice import reprice

WORLD = LabelledWorld(models={"small": 0.7, "large": 0.9})
ROWS = WORLD.examples(40)
CHAT = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Label this ticket: {text}"},
]


def make_text(row: dict[str, str]) -> str:
    return f"Label this ticket: {row['text']}"


def make_chat(row: dict[str, str]) -> list[dict[str, str]]:
    return [
        {"role": "system", "content": "Be brief."},
        CHAT[1] | {"content": make_text(row)},
    ]


PATH = f"{__name__}:make_text"


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    both = {name: Model(0.1, 0.4) for name in WORLD.models}
    with Server(models=both, world=WORLD) as started:
        yield started


def space_of(prompt: Any) -> tune.Space:
    return tune.Space(
        model="small",
        prompt=prompt,
        max_tokens=16,
        temperature=1.0,
        answer={"labels": list(WORLD.labels)},
    )


def run(server: Server, folder: Path, prompt: Any, name: str = "one") -> tune.Study:
    """Tune with one configuration: all that is left to do is to measure it."""
    data = folder / "tickets.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    space = prompt if isinstance(prompt, Path) else space_of(prompt)
    return tune.tune(
        data,
        space,
        target="label",
        input=["text"],
        price="small=0.1/0.4",
        budget=0.1,
        models={"small": {"base_url": server.base_url, "alias": "the service"}},
        results=folder / "results" / name,
        store=str(folder / "draws.db"),
        quiet=True,
    )


@pytest.fixture(scope="module")
def finished(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    return run(server, folder, {"mine": make_text}).folder


@pytest.mark.parametrize(
    ("function", "template"),
    [(make_text, "Label this ticket: {text}"), (make_chat, CHAT)],
)
def test_a_function_sends_what_the_template_sends_and_finds_its_draws(
    server: Server, tmp_path: Path, function: Any, template: Any
) -> None:
    before = len(server.posts)
    found = run(server, tmp_path, {"mine": function})
    bought = len(server.posts)
    assert bought > before
    first = server.posts[before].body["messages"]
    assert [one["content"] for one in first][:-1] == (
        [] if function is make_text else ["Be brief."]
    )
    assert first[-1]["content"].startswith("Label this ticket: ")
    # The same texts under another name and in another study: nothing is bought again.
    again = run(server, tmp_path, {"plain": template}, "two")
    assert len(server.posts) == bought
    assert again.best.quality == found.best.quality


def test_the_same_function_resumes_and_buys_nothing(
    server: Server, tmp_path: Path
) -> None:
    first = run(server, tmp_path, make_text)
    bought = len(server.posts)
    again = run(server, tmp_path, {"make_text": make_text})
    assert len(server.posts) == bought
    assert again.record.money.spent == first.record.money.spent
    assert again.best.config["prompt"] == "make_text"


def test_another_source_is_another_study_and_a_space_file_names_the_function(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    module, file = tmp_path / "own_prompts_file.py", tmp_path / "space.toml"
    module.write_text("def make(row):\n    return 'Label: ' + row['text']\n")
    file.write_text(
        '[space]\nmodel = ["small"]\nmax_tokens = 16\ntemperature = 1.0\n'
        '[space.prompt]\nmine = {call = "own_prompts_file:make"}\n'
        f"[answer]\nlabels = {json.dumps(list(WORLD.labels))}\n"
    )
    found = run(server, tmp_path, file)
    bought = len(server.posts)
    run(server, tmp_path, file)
    assert len(server.posts) == bought
    again = ["answers", str(found.folder), "--config", "0"]
    assert main([*again, "--allow-import"]) == 0
    assert main(again) == 2

    module.write_text("def make(row):\n    return 'Please label: ' + row['text']\n")
    monkeypatch.delitem(sys.modules, "own_prompts_file")
    with pytest.raises(StudyError, match="prompts"):
        run(server, tmp_path, file)
    assert len(server.posts) == bought
    monkeypatch.delitem(sys.modules, "own_prompts_file")


def test_reports_name_the_function(finished: Path) -> None:
    report = (finished / "report.md").read_text()
    assert f"made of each row by {PATH}" in report
    assert f'tuned = tune.load("best.json", prompt="{PATH}")' in report
    assert 'answer = tuned({"text": "..."})' in report
    assert "No export takes the winner" in report
    assert "tune export" not in report
    assert "mine" in (finished / "trials.csv").read_text()
    page = (finished / "report.html").read_text()
    assert "tuned(text=&#34;...&#34;).answer" in page
    assert PATH in page
    record = json.loads((finished / "best.json").read_text())
    call = record["deployment"]["prompt"]["call"]
    assert (call["spec"], call["name"]) == (PATH, PATH)
    assert call["identity"].startswith(f"{PATH}@")
    assert not (finished / "OAI_CONFIG_LIST").exists()


def test_the_winner_answers_with_the_function_given_or_imported(
    server: Server, finished: Path
) -> None:
    row = ROWS[0]["text"]
    for given in ({"prompt": make_text}, {"prompt": PATH}, {"allow_import": True}):
        with tune.load(finished, **given, allow_host=["127.0.0.1"]) as tuned:
            assert tuned(text=row).answer in WORLD.labels
        sent = server.posts[-1].body["messages"]
        assert sent == [{"role": "user", "content": f"Label this ticket: {row}"}]
        with (
            tune.load(finished, **given, allow_host=["127.0.0.1"]) as tuned,
            pytest.raises(InputError, match="the prompt 'mine' needs the inputs"),
        ):
            tuned(question=row)
    with pytest.raises(InputError, match=r"would be imported.*--allow-import"):
        tune.load(finished)


def test_a_function_that_only_the_tuning_process_had_is_asked_for(
    server: Server, tmp_path: Path
) -> None:
    folder = run(
        server, tmp_path, {"mine": lambda row: f"Label this: {row['text']}"}
    ).folder
    with pytest.raises(InputError, match=r"give it with --prompt module:attribute"):
        tune.load(folder)
    with pytest.warns(UserWarning, match="is not the function that was tuned"):
        tune.load(folder, prompt=make_text, allow_host=["127.0.0.1"]).close()
    assert (
        'tune.load("best.json", prompt=your_function)'
        in (folder / "report.md").read_text()
    )
    with pytest.raises(InputError, match="given its space as objects in Python"):
        study_answers(folder, "0")
    space = space_of({"mine": make_text})
    with pytest.raises(StudyError, match="prompts"):
        study_answers(folder, "0", space=space)


def test_an_export_refuses_a_function_in_one_sentence(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in tune_exports():
        out = tmp_path / name
        assert main(["export", str(finished), "--to", name, "--out", f"{out}/"]) == 2
        assert f"is made by the function {PATH}" in capsys.readouterr().err
        assert not out.exists()
    with pytest.raises(InputError, match="agents take a template"):
        tune.Study.load(finished).best.llm_config()


def tune_exports() -> list[str]:
    from tune.export.make import EXPORTS

    return list(EXPORTS)


def test_followups_read_the_study_with_the_function_given_or_imported(
    finished: Path,
) -> None:
    with pytest.raises(InputError, match="--allow-import"):
        study_answers(finished, "0")
    rows = study_answers(finished, "0", allow_import=True)
    given = space_of({"mine": make_text})
    assert rows == study_answers(finished, "0", space=given)
    assert len(rows) >= 24
    with pytest.raises(StudyError, match="prompts"):
        study_answers(finished, "0", space=space_of({"mine": make_chat}))
    report(finished, finished.parent / "again", allow_import=True)


def test_a_check_asks_with_the_function(server: Server, finished: Path) -> None:
    for given in ({"prompt": PATH}, {"allow_import": True}):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = check(finished, budget=0.01, **given, allow_host=["127.0.0.1"])
        assert found.decision in ("holds", "undecided")
        sent = server.posts[-1].body["messages"][0]["content"]
        assert sent.startswith("Label this ticket: ")
    with pytest.raises(InputError, match="--allow-import"):
        check(finished, budget=0.01)


def test_other_prices_are_read_with_the_function_given_again(
    server: Server, finished: Path
) -> None:
    given: dict[str, Any] = {
        "target": "label",
        "input": ["text"],
        "models": {"small": {"base_url": server.base_url, "alias": "the service"}},
        "price": "small=1/4",
        "store": str(finished.parent.parent / "draws.db"),
    }
    data = finished.parent.parent / "tickets.jsonl"
    before = len(server.posts)
    found = reprice(finished, data, space_of({"mine": make_text}), **given)
    assert found.best.config["prompt"] == "mine"
    with pytest.raises(StudyError, match="prompts"):
        reprice(finished, data, space_of({"mine": make_chat}), **given)
    assert len(server.posts) == before


def test_a_challenger_is_asked_with_the_function(
    server: Server, finished: Path
) -> None:
    found = challenge(
        finished,
        finished.parent.parent / "tickets.jsonl",
        space_of({"mine": make_text}),
        model="large",
        budget=0.01,
        base_url=server.base_url,
        price="large=0.1/0.4",
        target="label",
        input=["text"],
        store=str(finished.parent.parent / "draws.db"),
    )
    assert found is not None
    assert server.posts[-1].body["messages"][0]["content"].startswith("Label this")


def test_agents_get_a_template_where_a_function_wins(tmp_path: Path) -> None:
    world = LabelledWorld(models={"small": 0.5}, templates={"carefully": 0.45})
    prompts = {
        "short": "Label this ticket: {text}",
        "mine": lambda row: f"Label this carefully: {row['text']}",
    }
    with Server(models={"small": Model(0.1, 0.4)}, world=world) as server:
        found = tune.tune(
            world.examples(60),
            space_of(prompts),
            target="label",
            price="small=0.1/0.4",
            budget=0.05,
            base_url=server.base_url,
            results=tmp_path / "out",
            quiet=True,
        )
    assert found.best.config["prompt"] == "mine"
    assert found.deployment is not None
    assert found.deployment.config["prompt"] == "short"
    assert "An agent takes a template" in found.record.deployable_note
    report = (tmp_path / "out" / "report.md").read_text()
    assert "hold another configuration, whose prompt is a template." in report
    assert (tmp_path / "out" / "OAI_CONFIG_LIST").exists()
