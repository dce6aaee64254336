"""The benchmark of speed: its clients reach the server, and its table compares their medians."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree

import pytest

import tune
from benchmarks.speed import large
from benchmarks.speed.__main__ import table
from benchmarks.speed.large import (
    DRAWS,
    Cost,
    fill,
    fill_store,
    page,
    read_again,
    read_store,
    reopen,
)
from benchmarks.speed.large import build as build_large
from benchmarks.speed.page import write_part
from benchmarks.speed.plot import draw
from benchmarks.speed.rows import in_own_process, write_rows
from benchmarks.speed.server import fast_server
from benchmarks.speed.steps import seconds_of_steps
from benchmarks.speed.tail import Course, Load, play
from benchmarks.speed.throughput import CLIENTS, Rate
from benchmarks.speed.trials import run_study
from benchmarks.speed.virtual_time import VirtualTimeLoop
from tune.store.database import Database
from tune.study import readout_file
from tune.study.readout_file import READOUT_FILE


def test_every_client_gets_all_its_answers_from_the_server() -> None:
    with fast_server() as url:
        rates = [asyncio.run(client(url, 20, 4)) for client in CLIENTS.values()]
    assert [rate.calls for rate in rates] == [20, 20, 20]
    assert min(rate.busy for rate in rates) > 0


def test_the_table_compares_medians_with_the_first_client() -> None:
    bare = [Rate(100, busy, 1.0) for busy in (1.0, 0.5, 2.0)]
    fast = [Rate(100, busy, 1.0) for busy in (0.25, 0.1, 0.5)]
    rows = table({"bare": bare, "fast": fast})
    assert rows[2:] == [
        "| bare | 100 | 100, 200, 50 | 1.00 | 10,000 |",
        "| fast | 400 | 400, 1,000, 200 | 4.00 | 2,500 |",
    ]


def test_in_virtual_time_only_computing_takes_time() -> None:
    async def wait() -> float:
        began = asyncio.get_running_loop().time()
        await asyncio.gather(asyncio.sleep(500), asyncio.sleep(1000))
        return asyncio.get_running_loop().time() - began

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        assert runner.run(wait()) >= 1000


def test_the_course_of_a_study_has_all_its_calls_and_phases() -> None:
    course = play(Load(concurrency=4, rows=40, factor=10.0))
    counts = [calls for _, calls in course.in_flight]
    assert len(counts) == 2 * course.calls
    assert 4 < max(counts) <= 8, "two models"
    assert counts[-1] == 0
    names = [name for _, name in course.phases]
    assert names[0] == "search"
    assert names[-1] == "holdout"
    assert course.in_flight[-1][0] <= course.wall


def test_the_ratio_compares_with_a_study_that_is_always_at_full_width() -> None:
    assert Course(Load(0.5, 64), calls=640, wall=10.0).ratio == 2.0


def test_the_plot_has_a_step_for_each_change_and_a_mark_for_each_phase() -> None:
    picture = draw([(0.0, 1), (1.0, 0)], [(0.0, "search"), (0.5, "holdout")], 2.0)
    root = ElementTree.fromstring(picture)
    (line,) = [one for one in root.iter() if one.tag.endswith("polyline")]
    assert len(line.attrib["points"].split()) == 1 + 2 * 2
    texts = [one.text for one in root.iter() if one.tag.endswith("text")]
    assert {"search", "holdout", "2.0 s"} <= set(texts)


def test_a_part_of_the_page_takes_the_place_of_its_older_one(tmp_path: Path) -> None:
    page = tmp_path / "speed.md"
    write_part("First", ["one"], page)
    write_part("Second", ["two"], page)
    write_part("First", ["three"], page)
    assert page.read_text() == "# Speed\n\n## First\n\nthree\n\n## Second\n\ntwo\n"


def test_steps_are_timed_once_the_trials_are_there() -> None:
    took = seconds_of_steps(examples=40, trials=5, steps=2)
    assert len(took) == 2
    assert min(took) > 0


def test_a_study_on_many_rows_is_measured_in_its_own_process(tmp_path: Path) -> None:
    data = tmp_path / "rows.jsonl"
    write_rows(data, 60)
    assert len(data.read_text().splitlines()) == 60
    cost = in_own_process("read", str(data))
    assert cost.busy > 0
    assert cost.megabytes > 1


def test_a_study_has_as_many_trials_as_it_is_measured_for() -> None:
    cost = run_study(5)
    # One more where the baseline is none of them.
    assert cost.trials in (5, 6)
    assert cost.draws >= 8 * 5
    assert cost.busy > 0


def test_a_large_study_runs_over_the_draws_that_were_put_into_its_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readout_file, "LEAST_DRAWS", 1)
    fill(tmp_path, 3, 12)
    build_large(tmp_path, 3, 12)
    journal = (tmp_path / "study.jsonl").read_bytes()
    study = tune.Study.load(tmp_path)
    assert study.record.draws_reused == 3 * 12 * DRAWS
    assert len(study.record.trials) >= 3
    reopen(tmp_path, 3, 12)
    read_again(tmp_path, 3, 12)
    assert (tmp_path / "study.jsonl").read_bytes() == journal
    assert (tmp_path / READOUT_FILE).exists()
    assert page(tmp_path, 3, 12) > 0
    # A run that was interrupted puts no draw there twice.
    before = draws_in(tmp_path)
    fill(tmp_path, 3, 12)
    assert draws_in(tmp_path) == before


def draws_in(folder: Path) -> int:
    with closing(Database(folder / "draws.db")) as db:
        return int(db.rows("SELECT count(*) FROM draws")[0][0])


def test_a_study_that_is_there_is_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def step(name: str, *_: object) -> Cost:
        made.append(name)
        return Cost(2.0, 30.0)

    monkeypatch.setattr(large, "in_own_process", step)
    assert large.made_study(tmp_path / "whole", 3, 12) == Cost(2.0, 30.0)
    assert large.made_study(tmp_path / "whole", 3, 12) == Cost(2.0, 30.0)
    assert made == ["fill", "build"]
    # One that was interrupted has no cost: each process knows only its own.
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "begun").touch()
    assert large.made_study(tmp_path / "part", 3, 12) is None
    assert large.made_study(tmp_path / "part", 3, 12) is None
    assert made == ["fill", "build", "fill", "build"]


def test_a_filled_store_is_opened_and_read(tmp_path: Path) -> None:
    path = tmp_path / "800.db"
    fill_store(path, 800)
    assert not path.with_suffix(".half").exists()
    read = read_store(path, 800)
    assert read.opened > 0
    assert read.per_busy_second > 0
    assert read.per_second > 0
