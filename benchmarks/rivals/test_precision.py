"""`benchmarks/rivals/precision.py`: how often the best point is found, as BanditEval counts it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.rivals import __main__ as rivals
from benchmarks.rivals.methods import METHODS
from benchmarks.rivals.precision import equally_priced, precision
from benchmarks.search.ours import OURS
from benchmarks.worlds.outside import load_outside


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Return a table of eight models with 60 examples; the last is clearly the best."""
    rng = np.random.default_rng(0)
    path = tmp_path / "t.jsonl"
    with path.open("w") as file:
        for model in range(8):
            for example in range(60):
                score = int(rng.random() < (0.9 if model == 7 else 0.3))
                row = {"model": f"m{model}", "example": example, "score": score}
                file.write(json.dumps({**row, "tokens": 1 + 9 * model}) + "\n")
    return path


def test_every_answer_costs_the_same(table: Path) -> None:
    world = equally_priced(load_outside(table).world)
    assert {float(p.mean()) for p in world.prompt_tokens.values()} == {1.0}
    assert world.unit(60) == pytest.approx(60e-6)


@pytest.mark.parametrize("name", ["ucb_batches", "ucb_pulls", "ucb_lrf"])
def test_more_answers_find_the_best_point_more_often(table: Path, name: str) -> None:
    world = load_outside(table).world
    few, many = precision(world, METHODS[name], [0.05, 0.8], runs=4)
    assert few <= many == 1.0


def test_ours_has_no_choice_of_its_own(table: Path) -> None:
    with pytest.raises(ValueError, match="makes no choice of its own"):
        precision(load_outside(table).world, OURS["tune"], [0.5], runs=1)


def test_the_command_prints_a_row_for_each_rival(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shares = ["--shares", "0.8", "--runs", "1"]
    assert rivals.main(["ucb_batches", "--table", str(table), *shares]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "| t | best found with 80% |"
    assert lines[2].endswith("| 1.00 |")
    for wrong in (shares, ["--table", str(table)], ["--table", "no.csv", *shares]):
        with pytest.raises(SystemExit) as end:
            rivals.main(wrong)
        assert end.value.code == 2
