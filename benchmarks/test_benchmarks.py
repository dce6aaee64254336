"""Every benchmark says how it is run, and what the pages name exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from benchmarks.command_line import commit, make_parser
from benchmarks.rivals import __main__ as rivals
from benchmarks.rivals.methods import METHODS
from benchmarks.worlds import __main__ as worlds

ROOT = Path(__file__).parent.parent

BENCHMARKS = sorted(path.parent.name for path in ROOT.glob("benchmarks/*/__init__.py"))


def test_every_folder_can_be_run() -> None:
    runnable = {path.parent.name for path in ROOT.glob("benchmarks/*/__main__.py")}
    assert set(BENCHMARKS) == runnable
    assert len(BENCHMARKS) > 10


@pytest.mark.parametrize("name", BENCHMARKS)
def test_help_and_the_first_line_say_how_a_benchmark_is_run(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    module = import_module(f"benchmarks.{name}.__main__")
    command, _, description = str(module.__doc__).partition("\n")
    run = f"python -m benchmarks.{name}"
    assert command.startswith("uv run ")
    assert f" {run}" in command
    with pytest.raises(SystemExit) as end:
        module.main(["--help"])
    assert end.value.code == 0
    shown = capsys.readouterr().out
    assert shown.startswith("usage: uv run ")
    assert run in shown
    # The description is shown as it is written, with its lines and lists.
    assert description.strip().splitlines()[0] in shown


@pytest.mark.parametrize("name", BENCHMARKS)
def test_options_in_the_first_line_exist(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    module = import_module(f"benchmarks.{name}.__main__")
    command = str(module.__doc__).partition("\n")[0]
    options = re.findall(r"\[(--[a-z-]+)", command)
    with pytest.raises(SystemExit):
        module.main(["--help"])
    shown = capsys.readouterr().out
    assert [option for option in options if f"  {option} " not in shown + " "] == []


def pages() -> Iterator[Path]:
    """Yield every file whose text may name a benchmark, a test or a module."""
    for pattern in ("*.py", "*.md", "*.toml"):
        yield from ROOT.glob(f"benchmarks/**/{pattern}")
    yield from ROOT.glob("results/*.md")
    yield from ROOT.glob("tune/**/*.py")


def test_every_file_that_a_page_or_a_docstring_names_exists() -> None:
    missing = {}
    for page in pages():
        text = page.read_text(encoding="utf-8")
        files = re.findall(r"(?<![\w/.])(?:benchmarks|tests|tune)/[\w./*-]*[\w/]", text)
        modules = re.findall(r"-m (benchmarks(?:\.\w+)+)", text)
        named = {*files, *(module.replace(".", "/") for module in modules)}
        gone = sorted(name for name in named if not _exists(name))
        if gone and page != Path(__file__):
            missing[page.relative_to(ROOT).as_posix()] = gone
    assert missing == {}


def _exists(name: str) -> bool:
    if "*" in name:
        return any(ROOT.glob(name))
    return (ROOT / name).exists() or (ROOT / f"{name}.py").exists()


def test_one_search_by_a_rival_is_a_row_of_a_table(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert rivals.main(["random", "halving", "--world", "reviews", "--units", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[0].strip("| ") for line in lines] == [
        "method",
        "---",
        METHODS["random"].label,
        METHODS["halving"].label,
    ]
    assert rivals.main(["random", "halving", "--world", "reviews", "--units", "1"]) == 0
    assert capsys.readouterr().out.splitlines() == lines


def test_a_recorded_world_is_a_row_of_a_table(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert worlds.main(["reviews"]) == 0
    header, _, row = capsys.readouterr().out.splitlines()
    cells = dict(zip(header.split(" | "), row.split(" | "), strict=True))
    assert cells["examples"] == "120"
    assert float(cells["best score"]) > float(cells["mean score"])


@pytest.mark.parametrize("module", [rivals, worlds], ids=["rivals", "worlds"])
def test_an_unknown_name_is_refused_with_those_that_exist(
    module: object, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        module.main(["nothing"])  # type: ignore[attr-defined]
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert "is called nothing; there are " in said


def test_the_help_is_the_docstring_after_its_first_line() -> None:
    parser = make_parser(
        "uv run python -m benchmarks.x [--y]\n\nQuestion: why?\n\n- a\n"
    )
    assert parser.prog == "uv run python -m benchmarks.x"
    assert parser.description == "Question: why?\n\n- a"


def test_outside_a_repository_the_commit_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert commit() == "unknown"
