"""`tune models`: what is known of models, and nothing is sent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tune.commands import BAD_INPUT, DONE
from tune.commands.cli import main
from tune.fakes.server import Server
from tune.fakes.vendors import strict_models


def test_named_models_need_no_data_and_no_key(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert main(["models", "gpt-6-luna", "o3"]) == DONE
    shown = capsys.readouterr().out
    assert shown.count("at api.openai.com (OPENAI_API_KEY)") == 2


def test_the_models_of_a_run_are_shown_with_what_is_searched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"text": f"row {i}", "label": "yes" if i % 3 else "no"} for i in range(30)]
    data = tmp_path / "rows.jsonl"
    data.write_text("\n".join(map(json.dumps, rows)))
    flags = ["--data", str(data), "--target", "label", "--model", "o3"]
    assert main(["models", *flags, "--json"]) == DONE
    (record,) = json.loads(capsys.readouterr().out)
    assert record["name"] == "o3"
    assert "temperature" not in record["searched"]
    assert "prompt" in record["searched"]


def test_a_wrong_flag_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["models", "o3", "--no-such-flag"])
    assert caught.value.code == BAD_INPUT


def test_a_probe_asks_the_models_within_a_budget(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with Server(strict_models()) as server:
        flags = ["models", "o3", "--base-url", server.base_url, "--price", "o3=2/8"]
        assert main([*flags, "--probe"]) == BAD_INPUT
        assert "--budget USD" in capsys.readouterr().err
        assert server.posts == []
        assert main([*flags, "--probe", "--budget", "0.05", "--json"]) == DONE
    (record,) = json.loads(capsys.readouterr().out)
    assert record["probed"]["answers"] == "answers"
    assert record["probed"]["settings"]["stop"].startswith("refused: ")
    assert 0 < record["probed"]["spent"] <= 0.05
