"""Flags that cannot be read end the program with one line."""

from __future__ import annotations

import argparse
from collections.abc import Callable

import pytest

from tune.commands import BAD_INPUT
from tune.commands.cli import COMMANDS, main
from tune.commands.parser import Parser, did_you_mean


@pytest.fixture
def parser() -> Parser:
    made = Parser(prog="tune check")
    made.add_argument("best")
    made.add_argument("--budget", type=float, required=True)
    made.add_argument("--max-tokens", type=int)
    made.add_argument("--stop")
    return made


@pytest.fixture
def error_of(
    capsys: pytest.CaptureFixture[str],
) -> Callable[[Callable[[], object]], str]:
    """Return the message with which a call ends the program."""

    def run(call: Callable[[], object]) -> str:
        with pytest.raises(SystemExit) as caught:
            call()
        assert caught.value.code == BAD_INPUT
        return capsys.readouterr().err

    return run


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["best.json", "--bugdet", "5"],
            "there is no option --bugdet; did you mean --budget?",
        ),
        (
            ["best.json", "--budget", "5", "--max_tokns=7"],
            "there is no option --max_tokns; did you mean --max-tokens?",
        ),
        (["best.json", "--colour", "red"], "there is no option --colour"),
        (["best.json"], "the following arguments are required: --budget"),
        (
            ["best.json", "--budget", "much"],
            "--budget takes a number, but got 'much'",
        ),
        (
            ["best.json", "--budget", "5", "--max-tokens", "1.5"],
            "--max-tokens takes a whole number, but got '1.5'",
        ),
        (["best.json", "--budget"], "--budget needs a value"),
        (["best.json", "--budget", "5", "x"], "unrecognized arguments: x"),
    ],
)
def test_an_error_is_one_line_with_the_name_that_was_probably_meant(
    parser: Parser,
    error_of: Callable[[Callable[[], object]], str],
    words: list[str],
    message: str,
) -> None:
    said = error_of(lambda: parser.parse_args(words))
    assert said == f"tune check: {message} (tune check --help lists all options)\n"


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        (["b", "--bud", "5"], "budget", 5.0),
        (["b", "--budget=5", "--stop", "--- the end"], "stop", "--- the end"),
        (["b", "--budget=5", "--stop=--end"], "stop", "--end"),
        (["--budget=5", "--", "--odd name.json"], "best", "--odd name.json"),
        (["--budget=5", "--", "--odd.json"], "best", "--odd.json"),
    ],
)
def test_all_that_argparse_reads_is_read(
    parser: Parser, words: list[str], name: str, value: object
) -> None:
    plain = argparse.ArgumentParser(parents=[parser], add_help=False)
    assert getattr(plain.parse_args(words), name) == value
    assert getattr(parser.parse_args(words), name) == value


def test_the_words_of_the_process_are_the_default(
    parser: Parser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["tune", "b", "--budget", "2"])
    assert parser.parse_args().budget == 2


@pytest.mark.parametrize(
    ("word", "known", "expected"),
    [
        ("chek", ["check", "forget"], "; did you mean check?"),
        ("--bugdet", ["--budget", "--data"], "; did you mean --budget?"),
        ("--fx", ["--budget", "--data", "-h"], ""),
        ("", ["check"], ""),
    ],
)
def test_only_a_name_that_is_much_alike_is_suggested(
    word: str, known: list[str], expected: str
) -> None:
    assert did_you_mean(word, known) == expected


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_command_suggests_its_flags(
    command: str, error_of: Callable[[Callable[[], object]], str]
) -> None:
    said = error_of(lambda: main([*filter(None, [command]), "--jsno"]))
    assert "; did you mean --json?" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["chek", "best.json"], "there is no command 'chek'; did you mean check?"),
        (["tickets.csv"], "there is no command 'tickets.csv' (tune --help"),
    ],
)
def test_a_misspelled_command_is_one_line_with_the_nearest_one(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == BAD_INPUT
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
