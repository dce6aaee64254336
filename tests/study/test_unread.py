"""Answers that are not read rightly end a run after the first blocks; answers that are merely wrong
do not.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import tune
from tune.commands import FAILED, run_study_command
from tune.errors import StudyError
from tune.fakes.faults import Model
from tune.fakes.server import Server
from tune.report import markdown

ROWS = [{"text": f"#{i} how many?", "answer": f"{i * 37 % 1000}"} for i in range(40)]
CITIES = [
    {"text": f"#{i} which city?", "answer": f"City{i * 37 % 1000}ville"}
    for i in range(40)
]
PROMPTS = {"a": "Say: {text}", "b": "Think: {text}"}


PORT_OF: dict[Path, int] = {}
"""Where the server of a study listened: its address is a part of what makes it that study."""


def number_in(prompt: str) -> int:
    return int(prompt.rpartition("#")[2].split()[0])


def sentence(
    _model: str, prompt: str, _settings: Mapping[str, Any], _seed: int, _index: int
) -> str:
    return (
        f"Thank you for asking. The result is {number_in(prompt) * 37 % 1000} pieces."
    )


def city(
    _model: str, prompt: str, _settings: Mapping[str, Any], _seed: int, _index: int
) -> str:
    return f"It must be City{number_in(prompt) * 37 % 1000}ville, I think."


def wrong(
    _model: str, prompt: str, _settings: Mapping[str, Any], seed: int, index: int
) -> str:
    rng = random.Random(f"{prompt}{seed}{index}")
    return (
        f"First {rng.randint(0, 999)}, then {rng.randint(0, 999)}, so the answer is "
        f"{1000 + number_in(prompt)}"
    )


def study(
    folder: Path, world: Any, rows: Any = ROWS, model: Model | None = None, **more: Any
) -> Any:
    space = more.pop("space", {"answer": more.pop("answer", None)})
    made = tune.Space(
        **{
            "model": ["m"],
            "prompt": PROMPTS,
            "temperature": [0.5, 1.0],
            "max_tokens": 64,
            **space,
        }
    )
    server = Server(models={"m": model or Model(0.1, 0.4)}, world=world)
    server.port = PORT_OF.get(folder, 0)
    with server:
        PORT_OF[folder] = server.port
        entry = {"base_url": server.base_url, "alias": "s", "price": [0.1, 0.4]}
        found = tune.tune(
            data=rows,
            target="answer",
            space=made,
            results=folder,
            budget=0.01,
            models={"m": entry},
            **more,
        )
        return found, len(server.posts)


def test_a_run_whose_answers_are_not_read_stops_and_names_the_rule(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found, calls = study(tmp_path, sentence)
    assert found.stopped == "unread"
    assert calls <= 40  # of 192 that both prompts and temperatures have
    (first, second) = found.record.unread
    assert (first.misread, second.misread) == (True, True)
    assert json.loads(first.rule) == {"number": True}
    assert first.rule_score == 1.0
    said = str(found)
    assert "not read rightly" in said
    assert said.count("where") >= 3  # three answers beside their targets
    assert "--keep-going" in said
    assert "not read rightly" in markdown(found.record).splitlines()[0]
    with pytest.raises(StudyError):
        _ = found.best
    assert run_study_command(lambda: found, as_json=True) == FAILED
    assert (
        json.loads(capsys.readouterr().out)["why_wrong"]["unread"][0]["rule"]
        == first.rule
    )
    assert not (tmp_path / "OAI_CONFIG_LIST").exists()


def test_the_rule_that_is_named_works_and_costs_nothing_twice(tmp_path: Path) -> None:
    found, _ = study(tmp_path / "one", sentence, store=str(tmp_path / "draws.db"))
    rule = json.loads(found.record.unread[0].rule)
    again, _ = study(
        tmp_path / "two", sentence, store=str(tmp_path / "draws.db"), answer=rule
    )
    assert again.best.quality.mean == 1.0
    assert again.record.draws_reused >= found.record.draws_bought


def test_the_same_command_shows_the_stop_for_nothing_and_keep_going_goes_on(
    tmp_path: Path,
) -> None:
    found, _ = study(tmp_path, sentence)
    again, calls = study(tmp_path, sentence)
    assert (calls, again.stopped, again.record.unread) == (
        0,
        "unread",
        found.record.unread,
    )
    on, more = study(tmp_path, sentence, keep_going=True)
    assert more > 0
    assert on.stopped != "unread"
    assert on.record.winner is not None
    assert any(one.misread for one in on.record.unread)


def test_a_stop_that_was_recorded_is_resumed_to_the_same_result(tmp_path: Path) -> None:
    found, _ = study(tmp_path, sentence)
    lines = (tmp_path / "study.jsonl").read_text().splitlines(keepends=True)
    assert [json.loads(line)["event"] for line in lines[-2:]] == ["outcome", "result"]
    assert json.loads(lines[-2])["stopped"] == "unread"
    (tmp_path / "study.jsonl").write_text(
        "".join(lines[:-1])
    )  # as if it had been killed before it was written
    again, calls = study(tmp_path, sentence)
    assert (calls, again.stopped) == (0, "unread")
    assert again.record.unread == found.record.unread
    assert again.record.trials == found.record.trials


def test_a_target_in_the_text_that_no_rule_finds_is_told_with_a_metric(
    tmp_path: Path,
) -> None:
    found, _ = study(tmp_path, city, CITIES, answer={"whole": True})
    assert found.stopped == "unread"
    assert found.record.unread[0].standing > 10
    assert '"contains"' in str(found) or found.record.unread[0].rule


@pytest.mark.parametrize("answer", [{"number": True}, None])
def test_answers_that_are_merely_wrong_are_a_warning(
    tmp_path: Path, answer: Any
) -> None:
    found, _ = study(tmp_path, wrong, answer=answer, metric="numeric")
    assert found.stopped != "unread"
    assert found.record.winner is not None
    assert [one.misread for one in found.record.unread] == [False, False]
    assert "they are wrong" in str(found).replace("\n", " ")


def test_one_prompt_that_is_read_keeps_the_run_going_and_the_other_is_told(
    tmp_path: Path,
) -> None:
    def mixed(
        model: str, prompt: str, settings: Mapping[str, Any], seed: int, index: int
    ) -> str:
        if prompt.startswith("Say"):
            return str(number_in(prompt) * 37 % 1000)
        return sentence(model, prompt, settings, seed, index)

    found, _ = study(tmp_path, mixed)
    assert found.stopped != "unread"
    assert [(one.prompt, one.misread) for one in found.record.unread] == [("b", True)]
    assert "Prompt 'b'" in str(found)


def test_nothing_but_empty_texts_is_a_stop_with_its_own_advice(tmp_path: Path) -> None:
    found, _ = study(
        tmp_path, sentence, model=Model(0.1, 0.4, reasoning=80), answer={"number": True}
    )
    assert found.stopped == "unread"
    assert "Raise max_tokens" in str(found).replace("\n", " ")
