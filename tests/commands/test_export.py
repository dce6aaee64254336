"""`tune export`: what it prints, what it writes, and how it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.runtime.test_best_json import config, own_hosts  # noqa: F401 - the fixture
from tests.support.exported import best_record
from tune.commands.cli import main


@pytest.fixture
def best(tmp_path: Path) -> Path:
    path = tmp_path / "study" / "best.json"
    path.parent.mkdir()
    record = best_record(n=5, aggregate="vote", single=config(prompt="few"))
    path.write_text(json.dumps(record))
    return path


def test_the_file_goes_to_standard_output_and_the_notes_beside_it(
    best: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(best), "--to", "autogen"]) == 0
    out, err = capsys.readouterr()
    compile(out, "tuned_autogen.py", "exec")
    assert "asks for 5 answers and takes one by 'vote'" in err
    assert "--out FOLDER also writes OAI_CONFIG_LIST" in err


def test_a_folder_is_read_and_files_are_written(
    best: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "agents"
    command = ["export", str(best.parent), "--to", "autogen", "--out", f"{place}/"]
    assert main(command) == 0
    assert capsys.readouterr().out == (
        f"wrote {place}/tuned_autogen.py\nwrote {place}/OAI_CONFIG_LIST\n"
    )
    assert main(command) == 0
    assert sorted(path.name for path in place.iterdir()) == [
        "OAI_CONFIG_LIST",
        "tuned_autogen.py",
    ]


def test_json_is_one_object(
    best: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "t.py"
    assert (
        main(["export", str(best), "--to", "openai", "--out", str(out), "--json"]) == 0
    )
    text, err = capsys.readouterr()
    record = json.loads(text)
    assert err == ""
    assert record["export"] == "openai"
    assert record["written"] == [str(out)]
    assert record["notes"]
    assert list(record["files"]) == ["tuned_openai.py"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["nowhere.json", "--to", "openai"],
            "cannot be read: No such file or directory",
        ),
        (["nowhere.json", "--to", "langchian"], "did you mean langchain?"),
        (["no.json", "--to", "openai"], "is no JSON"),
        (["other.json", "--to", "openai"], "is not the best.json of a study"),
        (["newer.json", "--to", "openai"], "has format 99"),
        (["older.json", "--to", "openai"], "an older version wrote it"),
        (["study", "--to", "openai", "--out", "other.json"], "is no export of tune"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(
    best: Path,
    words: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(best.parent.parent)
    record = json.loads(best.read_text())
    Path("no.json").write_text("{")
    Path("other.json").write_text('{"a": 1}')
    Path("newer.json").write_text(json.dumps(record | {"format": 99}))
    Path("older.json").write_text(json.dumps(record | {"deployment": None}))
    assert main(["export", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert said in err


def test_a_missing_or_wrong_flag_ends_with_status_2(
    best: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in ([str(best)], [str(best), "--into", "openai"]):
        with pytest.raises(SystemExit) as end:
            main(["export", *words])
        assert end.value.code == 2
    assert "there is no option --into" in capsys.readouterr().err


def test_what_breaks_the_limit_is_not_exported(
    best: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = json.loads(best.read_text()) | {"keeps_limit": False}
    best.write_text(json.dumps(record))
    assert main(["export", str(best), "--to", "openai"]) == 5
    assert "so none is exported" in capsys.readouterr().err
