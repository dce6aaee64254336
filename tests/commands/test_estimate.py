"""The command that estimates sends nothing, leaves nothing behind, and shows JSON's own numbers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.nobody import nobody_listens
from tune.commands import BAD_INPUT, DONE
from tune.commands.estimate import BUDGETS, main

ROWS = [{"text": f"ticket {i}", "label": "ab"[i % 2]} for i in range(40)]


@pytest.fixture
def flags(tmp_path: Path) -> list[str]:
    data = tmp_path / "rows.json"
    data.write_text(json.dumps(ROWS))
    with nobody_listens() as address:
        given = {
            "--data": str(data),
            "--target": "label",
            "--model": "small",
            "--price": "small=0.1/0.4",
            "--base-url": address,
            "--results": str(tmp_path / "out"),
        }
    words: list[str] = []
    for name, value in given.items():
        words += [name, value]
    return words


def test_an_estimate_needs_no_budget_no_endpoint_and_no_folder(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(flags) == DONE
    shown = capsys.readouterr().out
    assert all(f"${budget:g}" in shown for budget in BUDGETS)
    assert [path.name for path in tmp_path.iterdir()] == ["rows.json"]


def test_the_record_is_json_that_any_parser_reads(
    flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    # Too little money for any difference to be seen.
    assert main([*flags, "--budget", "0.0001", "--json"]) == DONE
    record = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert record["sent"]
    assert record["is_search"] in (True, False)


def test_bad_input_is_one_line(
    flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*flags, "--target", "colour"]) == BAD_INPUT
    said = capsys.readouterr().err
    assert "colour" in said
    assert said.count("\n") == 1
