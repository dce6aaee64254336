"""Whole runs that are cut short: by the disk, by another process, by the clock, by Ctrl-C, by a
damaged file.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

import tune
from tests.support.fixtures import PROMPTS
from tests.support.watching import after_waves
from tests.support.watching import notices as on_notices
from tune.commands.cli import main
from tune.errors import StoreError, StudyError
from tune.fakes.faults import Fault, Model
from tune.fakes.server import Server, fail_first
from tune.fakes.world import LabelledWorld
from tune.plan.read_options import read_options
from tune.pricing.prices import to_picodollars
from tune.providers.retrying import RetryPolicy
from tune.readout.trial import Step
from tune.search.history import Searcher
from tune.store.database import Database
from tune.store.draws import Store
from tune.store.journal import read_events
from tune.store.ledger import Ledger
from tune.store.ledger_table import Balance, read_balance
from tune.strategies import Outcome, Problem
from tune.study.events import Progress
from tune.study.stop import Stop, start_timer
from tune.study.stop_reasons import INTERRUPTED
from tune.tuner import _study, run_study

ROOT = Path(__file__).parent.parent
WORLD = LabelledWorld(models={"small": 0.6})
SPACE: dict[str, Any] = {
    "space": {
        "model": ["small"],
        "prompt": PROMPTS,
        "temperature": [0.0, 1.0],
        "n": [1, 3],
        "max_tokens": [8, 32],
        "aggregate": ["first", "vote"],
    },
    "answer": {"labels": list(WORLD.labels)},
}
ROWS = 40
BUDGET = 0.005
QUICK = RetryPolicy(attempts=3, first_wait=0.01, longest_wait=0.02, silence=0.2)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(world=WORLD) as started:
        yield started


def options(server: Server, folder: Path, **more: Any) -> dict[str, Any]:
    # The alias: the seeds of draws follow it, so that servers on two ports answer alike.
    entry = {"base_url": server.base_url, "alias": "the service", "price": [0.1, 0.4]}
    return {
        "target": "label",
        "models": {"small": entry},
        "results": folder / "study",
        "searcher": "random",
        **more,
    }


def run(
    server: Server,
    folder: Path,
    *,
    budget: float = BUDGET,
    space: dict[str, Any] = SPACE,
    **more: Any,
) -> tune.Study:
    return tune.tune(
        WORLD.examples(ROWS),
        tune.Space.from_mapping(space),
        budget=budget,
        **options(server, folder, **more),
    )


def run_and_stop(
    server: Server,
    folder: Path,
    when: Callable[[Progress], bool],
    *,
    budget: float = BUDGET,
    **more: Any,
) -> tune.Study:
    """A run in which somebody presses Ctrl-C as soon as that is so."""
    stop = Stop()

    def look(progress: Progress) -> None:
        if when(progress):
            stop.request()

    given = options(server, folder, **more)
    space = tune.Space.from_mapping(SPACE)
    read = read_options(data=WORLD.examples(ROWS), space=space, budget=budget, **given)
    return asyncio.run(_study(read, stop, after_waves(look)))


def balance(folder: Path) -> Balance:
    with contextlib.closing(Database(folder / "draws.db")) as db:
        found = read_balance(db, read_events(folder / "study.jsonl")[0]["id"])
    assert found is not None
    return found


@pytest.fixture(scope="module")
def calm() -> Iterator[Server]:
    """The server of the study that nothing happens to: a study knows its server by its port."""
    with Server(world=WORLD) as started:
        yield started


@pytest.fixture(scope="module")
def whole(calm: Server, tmp_path_factory: pytest.TempPathFactory) -> tune.Study:
    """The study that nothing happens to."""
    return run(calm, tmp_path_factory.mktemp("whole"))


@pytest.fixture
def copied(whole: tune.Study, tmp_path: Path) -> Path:
    """A copy of the folder of the study that nothing happens to."""
    assert whole.folder is not None
    return Path(shutil.copytree(whole.folder, tmp_path / "study"))


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with the rows and the space, for the command line."""
    return write_files(tmp_path)


def write_files(tmp_path: Path) -> Path:
    (tmp_path / "tickets.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in WORLD.examples(ROWS))
    )
    table = {name: value for name, value in SPACE["space"].items() if name != "prompt"}
    toml = [
        "[space]",
        *(f"{name} = {json.dumps(value)}" for name, value in table.items()),
        "[space.prompt]",
        *(
            f"{name} = {json.dumps(value)}"
            for name, value in SPACE["space"]["prompt"].items()
        ),
        "[answer]",
        f"labels = {json.dumps(list(WORLD.labels))}",
    ]
    (tmp_path / "space.toml").write_text("\n".join(toml))
    return tmp_path


def flags(server: Server, files: Path, *more: str) -> list[str]:
    return [
        "--budget",
        str(BUDGET),
        "--data",
        str(files / "tickets.jsonl"),
        "--target",
        "label",
        "--space",
        str(files / "space.toml"),
        "--base-url",
        server.base_url,
        "--price",
        "small=0.1/0.4",
        "--searcher",
        "random",
        "--results",
        str(files / "study"),
        "--json",
        *more,
    ]


@pytest.fixture(scope="module")
def asked(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Server, Path]]:
    """A server, and the files of a study that the command line made with it."""
    files = write_files(tmp_path_factory.mktemp("asked"))
    with Server(world=WORLD) as server:
        assert main(flags(server, files)) == 0
        yield server, files


# --- the disk


@pytest.mark.parametrize("kilobytes", [2, 200])
def test_a_full_disk_is_one_sentence_and_status_1_and_the_same_command_resumes(
    server: Server, files: Path, capsys: pytest.CaptureFixture[str], kilobytes: int
) -> None:
    command = [
        "bash",
        "-c",
        f'ulimit -f {kilobytes}; exec "$@"',
        "-",
        sys.executable,
        "tune.py",
        *flags(server, files),
    ]
    # Python would leave half a compiled module, which no later process could import.
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    full = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert full.returncode == 1
    assert full.stderr.startswith("tune: ")
    assert full.stderr.count("\n") == 1
    assert str(files / "study") in full.stderr
    paid = draws(files / "study")
    assert main(flags(server, files)) == 0
    record = json.loads(capsys.readouterr().out)
    assert server.bill <= to_picodollars(record["spent"]) <= to_picodollars(BUDGET)
    assert draws(files / "study").items() >= paid.items()
    assert not list((files / "study").glob("*.part"))


def draws(folder: Path) -> dict[tuple[str, int], Any]:
    with contextlib.closing(Database(folder / "draws.db")) as db:
        return {
            (draw.request, draw.number): draw.completion for draw in Store(db).records()
        }


def test_a_report_for_which_there_is_no_room_is_written_by_the_next_run(
    calm: Server,
    tmp_path: Path,
    whole: tune.Study,
    copied: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Everything is bought, and the result is still to be written.
    lines = (copied / "study.jsonl").read_bytes().splitlines(keepends=True)
    assert json.loads(lines[-1])["event"] == "result"
    (copied / "study.jsonl").write_bytes(b"".join(lines[:-1]))
    (copied / "report.md").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(tune.Study, "report", _no_room)
        with pytest.raises(StoreError):
            run(calm, tmp_path)
    assert not (tmp_path / "study" / "report.md").exists()
    again = run(calm, tmp_path)
    assert (tmp_path / "study" / "report.md").exists()
    assert again.best.config == whole.best.config
    assert again.record.money.spent_now == 0


def _no_room(self: object, folder: Path) -> Path:
    raise StoreError("no room")


@pytest.mark.skipif(
    os.name == "nt", reason="rights are not those of POSIX: run it on Linux or macOS"
)
def test_a_read_only_results_folder_is_one_sentence_before_any_call(
    server: Server, files: Path
) -> None:
    with tempfile.TemporaryDirectory() as place:  # others may not enter pytest's
        folder = Path(place)
        folder.chmod(0o755)
        for name in ("tickets.jsonl", "space.toml"):
            shutil.copy(files / name, folder / name)
        (folder / "study").mkdir(mode=0o555)
        code = (
            "import os, sys, encodings.utf_8_sig, tune.commands.cli, tune.tuner, "
            "tune.study.progress, tune.providers.openai.endpoint\n"
            "if os.getuid() == 0: os.setgid(65534); os.setuid(65534)  # root may write anywhere\n"
            "sys.exit(tune.commands.cli.main(sys.argv[1:]))"
        )
        command = [sys.executable, "-c", code, *flags(server, folder)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2, done.stderr
    assert done.stderr == (
        f"tune: the results folder '{folder / 'study'}' cannot be written: Permission denied; "
        f"choose another with --results\n"
    )
    assert server.requests == []


# --- damaged files


def damage_text(folder: Path) -> None:
    (folder / "draws.db").write_bytes(b"this was a database once" * 400)


def damage_pages(folder: Path) -> None:
    raw = bytearray((folder / "draws.db").read_bytes())
    for start in range(4096, len(raw), 4096):
        raw[start : start + 512] = b"\xa5" * 512
    (folder / "draws.db").write_bytes(raw)


def make_newer(folder: Path) -> None:
    with contextlib.closing(sqlite3.connect(folder / "draws.db")) as db:
        db.execute("UPDATE meta SET value = '999' WHERE name = 'version'")
        db.commit()


def tear_the_middle(folder: Path) -> None:
    lines = (folder / "study.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "study.jsonl").write_bytes(
        lines[0] + lines[1][:-9] + b"\n" + b"".join(lines[2:])
    )


@pytest.mark.parametrize(
    ("damage", "words", "status"),
    [
        (
            damage_text,
            "is no SQLite database: give another file as --store, or move this one away",
            1,
        ),
        (damage_pages, "is damaged", 1),
        (make_newer, "was written by a newer version of tune", 1),
        (tear_the_middle, "line 2 of .* is no event: the file is damaged", 2),
    ],
)
def test_a_damaged_file_is_one_sentence_and_is_left_as_it_is(
    asked: tuple[Server, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[Path], None],
    words: str,
    status: int,
) -> None:
    server, files = asked[0], Path(shutil.copytree(asked[1], tmp_path / "files"))
    folder, calls = files / "study", len(server.posts)
    with contextlib.closing(sqlite3.connect(folder / "draws.db")) as db:
        db.execute("PRAGMA journal_mode = DELETE")
    damage(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    capsys.readouterr()
    assert main([*flags(server, files), "--budget", "0.02"]) == status
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("tune: ")
    assert shown.err.count("\n") == 1
    import re

    assert re.search(words, shown.err), shown.err
    assert len(server.posts) == calls
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert after["draws.db"] == before["draws.db"]
    assert after["best.json"] == before["best.json"]


def test_a_torn_last_line_is_said_and_the_study_comes_to_the_same_choice(
    calm: Server, tmp_path: Path, whole: tune.Study, copied: Path
) -> None:
    path, calls = copied / "study.jsonl", len(calm.posts)
    for keep in (0.3, 0.6, 0.9):
        path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])
        notices: list[str] = []
        given: Any = options(calm, tmp_path)
        space = tune.Space.from_mapping(SPACE)
        study = run_study(
            read_options(
                data=WORLD.examples(ROWS), space=space, budget=BUDGET, **given
            ),
            display=on_notices(notices.append),
        )
        assert "the last line of study.jsonl was torn and has been dropped" in notices
        assert study.best.config == whole.best.config
        assert len(calm.posts) == calls


def test_a_study_whose_ledger_is_not_in_the_store_is_refused_before_any_call(
    server: Server, tmp_path: Path
) -> None:
    run_and_stop(server, tmp_path, lambda progress: progress.trials > 0)
    calls = len(server.posts)
    with pytest.raises(StudyError, match="does not hold its ledger: give the --store"):
        run(server, tmp_path, store=str(tmp_path / "other.db"))
    (tmp_path / "study" / "draws.db").unlink()
    with pytest.raises(StudyError, match="does not hold its ledger"):
        run(server, tmp_path)
    assert len(server.posts) == calls


# --- other processes


def script(server: Server, folder: Path) -> list[str]:
    code = f"""
import tune
from tests.test_tuner_survival import *
class Here: base_url = {server.base_url!r}
print(run(Here, Path({str(folder)!r})).stopped)
"""
    return [sys.executable, "-c", code]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT)])}


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_second_process_on_a_study_is_refused_and_the_first_goes_on(
    tmp_path: Path,
) -> None:
    with Server(world=WORLD, seconds=0.05) as slow:
        with subprocess.Popen(
            script(slow, tmp_path), env=environment(), stdout=subprocess.PIPE, text=True
        ) as one:
            wait_for(lambda: len(slow.charges) > 20)
            with pytest.raises(
                StudyError, match="another process is running the study in"
            ):
                run(slow, tmp_path)
            said, _ = one.communicate(timeout=60)
        assert said.strip() in ("finished", "money", "gain")
        assert (
            to_picodollars(tune.Study.load(tmp_path / "study").record.money.settled)
            == slow.bill
        )


def test_two_studies_share_a_store_at_the_same_time_and_each_keeps_its_own_budget(
    tmp_path: Path,
) -> None:
    store = str(tmp_path / "draws.db")
    with Server(world=WORLD, seconds=0.01) as slow:
        code = (
            script(slow, tmp_path)[-1]
            .replace("Path(", "Path(")
            .replace("))).stopped", f"), store={store!r}).stopped")
        )
        with subprocess.Popen(
            [sys.executable, "-c", code],
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
        ) as one:
            wait_for(lambda: len(slow.charges) > 5)
            mine = run(slow, tmp_path / "mine", store=store)
            one.communicate(timeout=60)
        theirs = tune.Study.load(tmp_path / "study")
        for study in (mine, theirs):
            assert study.record.money.spent <= BUDGET
        assert (
            to_picodollars(mine.record.money.settled)
            + to_picodollars(theirs.record.money.settled)
            == slow.bill
        )
        assert mine.best.config == theirs.best.config


async def test_two_studies_that_begin_together_buy_each_draw_once(
    tmp_path: Path,
) -> None:
    store = str(tmp_path / "draws.db")
    with Server(world=WORLD, seconds=0.02) as slow:

        async def one(name: str) -> tune.Study:
            given: Any = options(slow, tmp_path / name, store=store, min_gain=0)
            space = tune.Space.from_mapping(SPACE)
            read = read_options(
                data=WORLD.examples(ROWS), space=space, budget=BUDGET, **given
            )
            return await _study(read, Stop())

        studies = await asyncio.gather(one("a"), one("b"))
    assert (
        sum(to_picodollars(study.record.money.settled) for study in studies)
        == slow.bill
    )
    assert max(study.record.draws_reused for study in studies) > 0
    with contextlib.closing(Database(store)) as db:
        assert (
            unasked(db) == []
        )  # a draw that both had bought would have got a number that neither asked for


def unasked(db: Database) -> list[Any]:
    """Draws that no example of any study asked for."""
    return db.rows(
        "SELECT id FROM draws d WHERE NOT EXISTS (SELECT 1 FROM uses u WHERE u.request = d.request "
        "AND d.number < u.draws)"
    )


def test_after_kill_9_what_was_in_flight_is_uncertain_and_the_budget_is_the_studys(
    tmp_path: Path,
) -> None:
    with Server(world=WORLD, seconds=0.05) as slow:
        with subprocess.Popen(
            script(slow, tmp_path), env=environment(), stdout=subprocess.PIPE
        ) as one:
            wait_for(lambda: len(slow.charges) > 30)
            one.kill()
            one.wait()
        killed = balance(tmp_path / "study")
        assert killed.reserved > 0
        assert killed.settled + killed.reserved <= killed.budget
        wait_for(lambda: slow.at_once == 0)
        held, billed = len(draws(tmp_path / "study")), slow.bill
        study = run(slow, tmp_path)
        money = study.record.money
        assert to_picodollars(money.uncertain) == killed.reserved
        assert (
            to_picodollars(money.settled)
            <= slow.bill
            <= to_picodollars(money.spent)
            <= to_picodollars(BUDGET)
        )
        assert study.record.draws_reused == 0
        assert study.record.draws_bought == len(draws(tmp_path / "study")) > held
        assert "uncertain" in (tmp_path / "study" / "report.md").read_text()
        assert billed - killed.settled <= killed.reserved


# --- the clock and Ctrl-C


def test_the_time_limit_ends_the_search_but_not_the_holdout(tmp_path: Path) -> None:
    with Server(world=WORLD, seconds=0.03) as slow:
        study = run(slow, tmp_path, time_limit=1.2, concurrency=2, budget=0.05)
        assert study.stopped == "time"
        assert study.best.quality is not None
        assert study.record.winner is not None
        assert study.record.winner.holdout is not None
        assert study.record.winner.holdout.n == 16
        calls = len(slow.posts)
        again = run(slow, tmp_path, time_limit=1.2, concurrency=2, budget=0.05)
        assert (again.stopped, len(slow.posts)) == ("time", calls)
        longer = run(slow, tmp_path, time_limit=60, concurrency=32, budget=0.05)
        assert longer.stopped in ("finished", "gain", "money")
        assert sum(t.draws for t in longer.record.trials) > 2 * sum(
            t.draws for t in study.record.trials
        )


@pytest.mark.parametrize(
    ("phase", "closed"),
    [("search", "time"), ("final comparison", "time"), ("holdout", None)],
)
async def test_the_clock_rings_for_the_search_only(
    phase: str, closed: str | None
) -> None:
    ledger = Ledger(Database(":memory:"), "s", 10**12)
    timer = start_timer(
        cast(
            "Any",
            SimpleNamespace(
                plan=SimpleNamespace(time_limit=0.01),
                phase=phase,
                ledger=ledger,
                clock=None,
            ),
        )
    )
    await asyncio.sleep(0.05)
    assert ledger.closed == closed
    timer.cancel()


@pytest.mark.parametrize("phase", ["search", "final comparison", "holdout"])
def test_ctrl_c_in_any_phase_leaves_a_study_that_resumes_to_the_same_choice(
    server: Server, tmp_path: Path, whole: tune.Study, phase: str
) -> None:
    cut = run_and_stop(server, tmp_path, lambda progress: progress.phase == phase)
    assert (tmp_path / "study" / "report.md").exists()
    assert cut.record.money.uncertain == 0
    if phase != "holdout":  # there it comes when everything is bought
        assert cut.stopped == INTERRUPTED
        names = [
            e.get("name")
            for e in read_events(tmp_path / "study" / "study.jsonl")
            if e["event"] == "phase"
        ]
        assert (
            names == ["search"] if phase == "search" else ["search", "final comparison"]
        )
    study = run(server, tmp_path)
    assert study.stopped == whole.stopped
    assert study.best.config == whole.best.config
    assert study.record.winner is not None
    assert study.record.winner.holdout is not None
    assert study.record.money.settled == pytest.approx(whole.record.money.settled)


def greedy(
    problem: Problem, searcher: Searcher, left: float
) -> Generator[list[Step], Outcome, None]:
    """A strategy that wants more than there is money for."""
    point = searcher([])
    assert point is not None
    yield [Step(0, point, tuple(range(problem.examples)), 20, 32)]


def test_ctrl_c_after_the_money_was_used_up_does_not_end_the_study_without_its_holdout(
    server: Server, tmp_path: Path
) -> None:
    cut = run_and_stop(
        server, tmp_path, lambda progress: True, budget=0.0012, strategy=greedy
    )
    assert cut.stopped == INTERRUPTED
    study = run(server, tmp_path, budget=0.0012, strategy=greedy)
    assert study.stopped == "money"
    assert study.record.winner is not None
    assert study.record.winner.holdout is not None
    assert (
        server.bill
        == to_picodollars(study.record.money.settled)
        <= to_picodollars(0.0012)
    )


def test_ctrl_c_wins_over_the_time_limit(tmp_path: Path) -> None:
    with Server(world=WORLD, seconds=0.1) as slow:
        stop = Stop()

        async def press() -> tune.Study:
            loop = asyncio.get_running_loop()
            loop.call_later(1.05, stop.request)
            given: Any = options(slow, tmp_path, time_limit=1.0)
            space = tune.Space.from_mapping(SPACE)
            read = read_options(
                data=WORLD.examples(ROWS), space=space, budget=0.05, **given
            )
            return await _study(read, stop)

        study = asyncio.run(press())
    assert study.stopped == INTERRUPTED


def test_an_endpoint_that_goes_down_ends_the_run_politely_and_the_study_resumes_when_it_is_back(
    tmp_path: Path,
) -> None:
    down = [False]
    fault = Fault("status", status=503, message="maintenance")
    # Several waves, so that the search is not over when the endpoint goes down.
    wide = {**SPACE, "space": {**SPACE["space"], "temperature": [0.0, 0.5, 1.0]}}
    with Server(
        world=WORLD, plan=lambda number, _: fault if down[0] or number == 60 else None
    ) as server:
        whole = run(server, tmp_path / "whole", budget=0.01, space=wide)

        def look(progress: Progress) -> None:
            down[0] = True

        given: Any = options(server, tmp_path)
        space = tune.Space.from_mapping(wide)
        cut = run_study(
            read_options(data=WORLD.examples(ROWS), space=space, budget=0.01, **given),
            display=after_waves(look),
            retry=QUICK,
        )
        assert cut.stopped == "endpoints"
        assert "maintenance" in cut.record.stopped
        assert "the same command goes on" in cut.record.stopped
        down[0] = False
        study = run(server, tmp_path, budget=0.01, space=wide)
        assert study.best.config == whole.best.config
        assert balance(tmp_path / "study").reserved == 0


# --- replays


def test_what_a_config_could_not_answer_is_not_asked_again_when_the_study_resumes(
    tmp_path: Path,
) -> None:
    """One odd answer, once: a resumed run must see the example as the first one did, or it would
    choose otherwise.
    """
    filtered = Fault("refused_content")
    with Server(world=WORLD, plan=fail_first(12, filtered)) as server:
        cut = run_and_stop(
            server,
            tmp_path,
            lambda progress: (
                progress.trials > 4 and progress.phase == "final comparison"
            ),
        )
        asked = len(server.posts)
        resumed = run(server, tmp_path)
        bodies = [json.dumps(seen.body, sort_keys=True) for seen in server.posts]
        assert not set(bodies[:12]) & set(bodies[asked:])
    assert cut.best.config == resumed.best.config or resumed.stopped != INTERRUPTED


def test_a_model_that_refuses_a_parameter_is_not_asked_again_when_the_study_resumes(
    tmp_path: Path,
) -> None:
    model = Model(0.1, 0.4, refuses=frozenset({"temperature"}))
    with Server({"small": model}, world=WORLD) as server:
        run_and_stop(
            server, tmp_path, lambda progress: progress.phase == "final comparison"
        )
        asked = len(server.posts)
        study = run(server, tmp_path)
        assert all("temperature" not in seen.body for seen in server.posts[asked:])
        assert study.best.config.get("temperature") is None


def test_a_copy_of_the_folder_shows_the_study_for_nothing(
    calm: Server, tmp_path: Path, whole: tune.Study, copied: Path
) -> None:
    calls = len(calm.posts)
    again = run(calm, tmp_path)
    assert again.folder == copied
    assert again.best.config == whole.best.config
    assert len(calm.posts) == calls


# --- the end of the money


RULES = " ".join(
    f"Rule {number} is about tickets of kind {number}." for number in range(30)
)
DEAR_CAPS = tune.Space(
    model="small",
    prompt={
        "short": RULES + " Label this ticket: {text}",
        "plain": RULES + " What is this? {text}",
    },
    temperature=tune.Uniform(0, 1, step=0.05),
    max_tokens=4096,
    answer={"labels": list(WORLD.labels)},
)


def hungry(
    problem: Problem, searcher: Searcher, left: float
) -> Generator[list[Step], Outcome, None]:
    """A strategy that goes on while there is money."""
    number = 0
    while (point := searcher([])) is not None:
        outcome = yield [
            Step(
                number,
                point,
                tuple(range(problem.examples)),
                1,
                problem.space.cap(point),
            )
        ]
        number += 1
        if not outcome.complete:
            return


@pytest.mark.parametrize(
    ("strategy", "budget", "share"), [("full", 0.03, 0.75), (hungry, 0.024, 0.5)]
)
def test_ceilings_far_above_what_calls_cost_slow_a_run_down_and_do_not_starve_it(
    tmp_path: Path, strategy: Any, budget: float, share: float
) -> None:
    """One-word answers under a cap of 4096 tokens: a call costs a hundredth of what it could."""
    with Server(world=WORLD, seconds=0.002) as server:
        given: Any = options(server, tmp_path, strategy=strategy, min_gain=0)
        study = tune.tune(WORLD.examples(60), DEAR_CAPS, budget=budget, **given)
    assert (
        server.bill
        == to_picodollars(study.record.money.settled)
        <= to_picodollars(budget)
    )
    events = read_events(tmp_path / "study" / "study.jsonl")
    left = [event["left"] for event in events if event["event"] == "outcome"][-1]
    with contextlib.closing(Database(tmp_path / "study" / "draws.db")) as db:
        ledger = Ledger(db, events[0]["id"], to_picodollars(budget))
        spent = ledger.spent_by_purpose()["search"] / 10**12
    assert spent / (spent + left) >= 0.85
    assert (
        study.record.money.spent >= share * budget
    )  # what the baseline costs is known only where it is tried
    assert server.peak >= 4
    assert study.record.winner is not None
    assert study.record.winner.holdout is not None
    assert study.record.money.left_reason


# --- which example a draw answered


def test_every_draw_of_a_study_answers_an_example_that_is_known(
    copied: Path,
) -> None:
    with contextlib.closing(Database(copied / "draws.db")) as db:
        names = {name for (name,) in db.rows("SELECT name FROM examples")}
        orphans = unasked(db)
        strangers = db.rows(
            "SELECT count(*) FROM scores WHERE example NOT IN (SELECT key FROM examples)"
        )
    assert names == {str(number) for number in range(ROWS)}
    assert orphans == []
    assert strangers == [(0,)]


@pytest.mark.skipif(sys.platform == "win32", reason="files there have no mode")
def test_only_the_owner_can_read_what_a_run_leaves(
    whole: tune.Study,
) -> None:
    assert whole.folder is not None
    modes = {path.name: path.stat().st_mode & 0o777 for path in whole.folder.iterdir()}
    assert set(modes) >= {
        "draws.db",
        "study.jsonl",
        "report.md",
        "report.html",
        "best.json",
        "trials.csv",
        "answers.csv",
        "answers.jsonl",
    }
    assert set(modes.values()) == {0o600}
