"""The command that lists studies: a table, or one JSON object."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tune.commands import BAD_INPUT, DONE
from tune.commands.list import main


def test_a_folder_is_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "study.jsonl").write_text('{"event": "x"}\n')
    assert main([str(tmp_path)]) == DONE
    assert "another version" in capsys.readouterr().out
    assert main([str(tmp_path), "--json"]) == DONE
    (study,) = json.loads(capsys.readouterr().out)["studies"]
    assert study["folder"] == str(tmp_path / "old")


def test_the_default_is_the_folder_of_results(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([]) == BAD_INPUT
    assert "there is no folder 'results'" in capsys.readouterr().err
