"""Nothing that others wrote moves a cursor or changes a colour on a terminal."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.commands import run_command, run_study_command
from tune.commands.cli import main
from tune.errors import InputError
from tune.safety.escape import for_terminal, json_for_terminal
from tune.study.display.lines import Lines
from tune.study.events import Notice

HOSTILE = "\x1b[2J\x1b]0;title\x07\x9b31m\u202egpj.exe\r\x00\x7f"


def harmless(text: str) -> bool:
    return not [
        c
        for c in text
        if c not in "\n\t" and (ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or c == "\u202e")
    ]


@given(st.text())
def test_whatever_is_said_no_character_of_it_is_obeyed(text: str) -> None:
    assert harmless(for_terminal(text))
    for_terminal(text).encode()  # half a character is written out as well


@given(
    st.recursive(
        st.text() | st.none(),
        lambda v: st.lists(v) | st.dictionaries(st.text(), v),
        max_leaves=5,
    )
)
def test_escaped_json_is_the_same_json(value: object) -> None:
    line = json_for_terminal(value)
    assert harmless(line)
    assert json.loads(line) == value
    line.encode()


@pytest.mark.parametrize("command", ["run", "estimate", "check"])
def test_file_names_are_shown_escaped(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    name = HOSTILE.replace("\x00", "")
    Path(f"{name}.csv").write_text("text,label\na\n")
    words = {
        "run": ["--budget", "1", "--data", f"{name}.csv"],
        "estimate": ["estimate", "--data", f"{name}.csv"],
        "check": ["check", f"{name}.json", "--data", "x.csv", "--budget", "1"],
    }[command]
    assert main(words) == 2
    said = "".join(capsys.readouterr())
    assert "\\x1b" in said
    assert harmless(said)


def test_arguments_that_are_quoted_are_shown_escaped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(
            ["--budget", "1", "--data", "a.csv", HOSTILE]
        )  # as a shell's `*` may give the name of a file
    said = "".join(capsys.readouterr())
    assert "unrecognized arguments" in said
    assert harmless(said)


def test_errors_results_and_notices_are_shown_escaped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail() -> int:
        raise InputError(f"the service said {HOSTILE}")

    class Found:
        stopped = "interrupted"

        def __str__(self) -> str:
            return HOSTILE

        def summary(self) -> dict[str, str]:
            return {"best": HOSTILE + "\ud800"}

    run_command(fail)
    run_study_command(Found, as_json=False)  # type: ignore[arg-type]
    run_study_command(Found, as_json=True)  # type: ignore[arg-type]
    Lines(sys.stderr)(Notice(text=HOSTILE))
    read = capsys.readouterr()
    assert read.err.count("\\x1b[2J") == 2
    assert read.out.count("\\x1b[2J") == 1
    assert read.out.count("\\u001b[2J") == 1
    assert harmless(read.out)
    assert harmless(read.err)
