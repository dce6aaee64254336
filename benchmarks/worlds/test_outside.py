"""`benchmarks/worlds/outside.py`: tables from outside are read as they are, or refused in one
sentence.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from benchmarks.rivals.methods import METHODS
from benchmarks.search import __main__ as search
from benchmarks.search.goals import configs
from benchmarks.search.runs import Task, kinds_of, play
from benchmarks.worlds import __main__ as worlds
from benchmarks.worlds.named import chosen_on
from benchmarks.worlds.outside import (
    OutsideTable,
    TableOptions,
    add_table_flags,
    load_outside,
    read_flags,
)
from tune.errors import DataError
from tune.space import FREE

Rows = list[dict[str, Any]]


def table(models: int = 3, examples: int = 12) -> Rows:
    """Return one answer of each model to each example; model m answers every (m + 1)-th rightly."""
    return [
        {
            "model": f"m{model}",
            "example": f"e{example}",
            "score": float(example % (model + 1) == 0),
        }
        for model in range(models)
        for example in range(examples)
    ]


def write_csv(path: Path, rows: Rows) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def write_jsonl(path: Path, rows: Rows) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_packed(path: Path, rows: Rows) -> None:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()))


def write_parquet(path: Path, rows: Rows) -> None:
    parquet.write_table(pa.Table.from_pylist(rows), path)


def load(tmp_path: Path, rows: Rows, **options: Any) -> OutsideTable:
    path = tmp_path / "t.jsonl"
    write_jsonl(path, rows)
    return load_outside(path, TableOptions(**options))


def refusal(tmp_path: Path, rows: Rows, **options: Any) -> str:
    with pytest.raises(DataError) as error:
        load(tmp_path, rows, **options)
    said = str(error.value)
    assert "\n" not in said
    return said


def worths(found: OutsideTable) -> dict[tuple[str, str], float]:
    return {(c.model, c.prompt): found.world.worth(c) for c in configs(found.world)}


# --- what is read


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("t.csv", write_csv),
        ("t.jsonl", write_jsonl),
        ("t.jsonl.gz", write_packed),
        ("t.parquet", write_parquet),
    ],
)
def test_every_format_gives_the_same_world(
    tmp_path: Path, name: str, write: Callable[[Path, Rows], None]
) -> None:
    write(tmp_path / name, table())
    found = load_outside(tmp_path / name)
    assert worths(found) == {
        ("m0", "prompt"): 1.0,
        ("m1", "prompt"): 0.5,
        ("m2", "prompt"): pytest.approx(1 / 3),
    }
    assert found.notes == ()
    assert found.world.examples == 12
    assert found.world.best() == 1.0
    assert found.world.name.startswith("t#")


def test_only_models_and_prompts_are_searched_where_examples_have_one_answer(
    tmp_path: Path,
) -> None:
    world = load(tmp_path, table()).world
    assert {(c.n, c["temperature"]) for c in configs(world)} == {(1, 0.0)}
    assert len(list(world.space.points(()))) == len(list(world.space.points(FREE))) == 3
    assert kinds_of(world) == ("read",)


def test_scores_of_any_range_become_shares_of_it(tmp_path: Path) -> None:
    rows = [{**row, "score": 20 + 60 * row["score"]} for row in table()]
    found = load(tmp_path, rows)
    assert worths(found)["m1", "prompt"] == pytest.approx(0.5)
    assert "scores are from 20 to 80" in found.notes[0]
    wide = load(tmp_path, rows, low=0, high=100)
    assert worths(wide)["m0", "prompt"] == pytest.approx(0.8)
    assert wide.notes == ()
    turned = load(tmp_path, rows, smaller_is_better=True)
    assert worths(turned)["m0", "prompt"] == pytest.approx(0.0)
    graded = load(tmp_path, [{**row, "score": 0.9 * row["score"]} for row in table()])
    assert worths(graded)["m1", "prompt"] == pytest.approx(0.45)


def test_words_of_truth_are_scores(tmp_path: Path) -> None:
    rows = [{**row, "score": str(row["score"] == 1)} for row in table()]
    assert worths(load(tmp_path, rows))["m1", "prompt"] == 0.5


def test_flags_name_the_columns(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    add_table_flags(parser)
    flags = ["--model-column", "llm", "--example-column", "q", "--score-column", "ok"]
    given = parser.parse_args([*flags, "--score-range", "0", "2"])
    rows = [{"llm": r["model"], "q": r["example"], "ok": r["score"]} for r in table()]
    path = tmp_path / "t.jsonl"
    write_jsonl(path, rows)
    found = load_outside(path, read_flags(given))
    assert worths(found)["m0", "prompt"] == 0.5


def test_several_answers_are_draws_and_dollars_are_those_of_the_table(
    tmp_path: Path,
) -> None:
    rows = [
        {**row, "draw": draw, "cost_usd": 0.01 if row["model"] == "m0" else 1e-5}
        for row in table()
        for draw in range(4)
    ]
    world = load(tmp_path, rows).world
    assert {a.shape for a in world.answers.values()} == {(12, 4)}
    costs = {config.model: world.cost(config) for config in configs(world)}
    assert costs["m0"] == pytest.approx(0.01)
    assert costs["m1"] == pytest.approx(1e-5)
    assert {config["temperature"] for config in configs(world)} == {1.0}


def test_temperature_is_searched_where_there_is_a_column(tmp_path: Path) -> None:
    rows = [
        {**row, "temperature": heat, "prompt": "a", "tokens": 10, "prompt_tokens": 40}
        for row in table()
        for heat in (0.0, 0.7)
    ]
    world = load(tmp_path, rows).world
    assert {config["temperature"] for config in configs(world)} == {0.0, 0.7}
    assert world.cost(configs(world)[0]) == pytest.approx((40 * 1 + 10 * 4) / 1e6)


# --- what is missing


def test_a_config_that_lacks_many_examples_is_left_out_and_named(
    tmp_path: Path,
) -> None:
    rows = [r for r in table() if r["model"] != "m1" or r["example"] < "e5"]
    found = load(tmp_path, rows)
    assert {model for model, _ in worths(found)} == {"m0", "m2"}
    assert found.world.examples == 12
    (note,) = found.notes
    assert "1 of 3 configs are left out" in note
    assert "'m1'" in note


def test_examples_that_a_config_lacks_are_left_out_and_named(tmp_path: Path) -> None:
    rows = table()
    rows[3]["score"] = None
    found = load(tmp_path, rows)
    assert len(worths(found)) == 3
    assert found.world.examples == 11
    assert "1 of 12 examples are left out" in found.notes[0]
    assert "'e3'" in found.notes[0]


def test_every_model_has_all_of_its_prompts_at_all_of_its_temperatures(
    tmp_path: Path,
) -> None:
    rows = [
        {**row, "prompt": prompt, "temperature": heat}
        for row in table()
        for prompt in "abc"
        for heat in (0.0, 1.0)
        if (row["model"], prompt, heat) != ("m0", "c", 1.0)
    ]
    found = load(tmp_path, rows)
    assert len(worths(found)) == 8
    assert "lack a config of the same model" in found.notes[0]
    assert "'c', temperature 0" in found.notes[0]
    assert len(list(found.world.space.points(FREE))) == len(found.world.answers) == 16


# --- what is refused


def test_bad_tables_are_refused_in_one_sentence(tmp_path: Path) -> None:
    rows = table()
    assert "no column for the score: name it with --score-column" in refusal(
        tmp_path, [{"model": r["model"], "example": r["example"]} for r in rows]
    )
    assert "it has 'model', 'example', 'score'" in refusal(
        tmp_path, rows, columns={"score": "points"}
    )
    assert "row 37 of" in refusal(tmp_path, [*rows, rows[0]])
    assert "--draw-column" in refusal(tmp_path, [*rows, rows[0]])
    assert "every score of the table" in refusal(
        tmp_path, [{**row, "score": 1} for row in rows]
    )
    assert "has no number in the column 'score': 'good'" in refusal(
        tmp_path, [*rows[1:], {**rows[0], "score": "good"}]
    )
    assert "has no value in the column 'model'" in refusal(
        tmp_path, [*rows[1:], {**rows[0], "model": ""}]
    )
    assert "not within --score-range 0 0.5" in refusal(tmp_path, rows, low=0, high=0.5)
    assert "there must be 2 configs and 10 examples" in refusal(tmp_path, rows[:12])
    assert "there must be 2 configs and 10 examples" in refusal(
        tmp_path, table(examples=5)
    )
    for tokens in (-1, 1e12):
        said = refusal(tmp_path, [{**row, "tokens": tokens} for row in rows])
        assert "has a 'tokens' that is not within 0 and 1e+09" in said
    said = refusal(tmp_path, [{**row, "temperature": -1} for row in rows])
    assert "cannot be searched: `0 <= temperature` must hold" in said
    assert "has no rows" in refusal(tmp_path, [])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.parquet", b"not parquet"),
        ("t.jsonl", b"{not json"),
        ("t.jsonl", b"[1, 2]\n"),
        ("t.csv", b"\xff\xfe\x00"),
        ("t.csv.gz", b"not packed"),
        ("t.xlsx", b""),
        ("none.csv", None),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_one_sentence(
    tmp_path: Path, name: str, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match="cannot be read: ") as error:
        load_outside(tmp_path / name)
    assert "\n" not in str(error.value)


# --- searched


@pytest.mark.parametrize("method", ["random", "ucb"])
def test_a_table_is_searched_within_its_budget(tmp_path: Path, method: str) -> None:
    rows = [{**row, "tokens": 5 + len(row["example"])} for row in table(6, 40)]
    world = load(tmp_path, rows).world
    run = play(Task("t", method, "read", 10, 0), METHODS[method], world)
    assert 0 <= run.spent <= run.dollars
    assert run.regret == 0


def test_the_command_searches_a_table_and_names_it_on_the_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_csv(tmp_path / "mine.csv", table(4, 30))
    command = ["--worlds", "--runs", "1", "--units", "1", "2", "--methods", "random"]
    command += ["--jobs", "1", "--quiet", "--cache", str(tmp_path / "c" / "runs.jsonl")]
    command += ["--out", str(tmp_path / "page.md")]
    search.main([*command, "--table", str(tmp_path / "mine.csv")])
    assert "Outside: mine" in capsys.readouterr().out
    kept = (tmp_path / "c" / "runs.jsonl").read_text()
    assert '"paid' not in kept
    search.main([*command, "--table", str(tmp_path / "mine.csv")])
    assert (tmp_path / "c" / "runs.jsonl").read_text() == kept
    with pytest.raises(SystemExit) as end:
        search.main([*command, "--table", str(tmp_path / "yours.csv")])
    assert end.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "yours.csv' cannot be read: No such file" in line
    with pytest.raises(SystemExit) as end:
        search.main(command)
    assert end.value.code == 2
    assert "no world to search" in capsys.readouterr().err


def test_a_table_from_outside_is_a_row_of_the_table_of_worlds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_csv(tmp_path / "mine.csv", table())
    assert worlds.main(["--table", str(tmp_path / "mine.csv")]) == 0
    assert "| mine | 12 | 3 | 3 | 1 | 1.000 |" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        worlds.main(["--table", str(tmp_path / "yours.csv")])


def test_the_halves_of_the_worlds_go_by_the_name_of_the_file() -> None:
    assert chosen_on("zeroeval_crux#12345678")
    assert not chosen_on("mine#12345678")
