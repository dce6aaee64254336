"""Ctrl-C, SIGTERM and SIGHUP end a run in good order, whatever it waits for; output that nobody
takes is no fault.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import tune
from tune.commands.cli import main
from tune.errors import BudgetExhausted, RateLimited
from tune.fakes.server import Server
from tune.fakes.world import LabelledWorld
from tune.providers.limited import Limited
from tune.providers.retrying import Retrying
from tune.safety.interrupts import TOGETHER, Requests, raised
from tune.store.database import Database
from tune.store.ledger import Ledger

ROOT = Path(__file__).parent.parent.parent
WORLD = LabelledWorld(models={"small": 0.6})

AS_A_TERMINAL_STARTS_IT = """
import os, signal, sys
for name in ("SIGINT", "SIGHUP", "SIGTERM"):  # these tests may run where a shell has signals ignored
    signal.signal(getattr(signal, name), signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""

pytestmark = pytest.mark.skipif(
    os.name == "nt", reason="signals are those of POSIX: run it on Linux or macOS"
)


@pytest.fixture
def slow() -> Iterator[Server]:
    with Server(world=WORLD, seconds=0.3) as started:
        yield started


def command(server: Server, folder: Path, *more: str) -> list[str]:
    (folder / "tickets.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in WORLD.examples(40))
    )
    (folder / "space.toml").write_text(
        '[space]\nmodel = ["small"]\ntemperature = [0.0, 0.5, 1.0]\nmax_tokens = [8]\n'
        'prompt = "Label this ticket: {text}"\n'
    )
    return [
        sys.executable,
        str(ROOT / "tune.py"),
        "--budget",
        "0.01",
        "--data",
        str(folder / "tickets.jsonl"),
        "--target",
        "label",
        "--space",
        str(folder / "space.toml"),
        "--base-url",
        server.base_url,
        "--price",
        "small=0.1/0.4",
        "--results",
        str(folder / "study"),
        "--metric",
        "contains",
        *more,
    ]


def wait_for_calls(
    server: Server, process: subprocess.Popen[str], count: int = 4
) -> None:
    deadline = time.monotonic() + 60
    while (
        len(server.posts) < count
        and time.monotonic() < deadline
        and process.poll() is None
    ):
        time.sleep(0.02)


# --- the process


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_settles_what_is_in_flight_writes_the_best_so_far_and_exits_130(
    slow: Server, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = command(slow, tmp_path, "--json")
    process = subprocess.Popen(
        [sys.executable, "-c", AS_A_TERMINAL_STARTS_IT, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for_calls(slow, process)
    process.send_signal(getattr(signal, name))
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    record = json.loads(out)
    assert record["stopped"] == "interrupted"
    assert record["uncertain"] == 0
    assert (tmp_path / "study" / "report.md").exists()
    assert round(record["spent"] * 10**12) == slow.bill
    slow.seconds = 0.0
    assert main(command(slow, tmp_path, "--json")[2:]) == 0
    assert json.loads(capsys.readouterr().out)["stopped"] != "interrupted"


@pytest.mark.parametrize(
    "shell", ["{} | true", "{} > /dev/full", "{} >&-", "{} 2>&-", "{} > /dev/full 2>&1"]
)
def test_output_that_nobody_takes_is_at_most_one_sentence_and_the_study_is_written(
    tmp_path: Path, shell: str
) -> None:
    with Server(world=WORLD) as server:
        words = " ".join(
            f"'{word}'" for word in command(server, tmp_path, "--json", "--trials", "2")
        )
        line = "set -o pipefail; " + shell.format(words)
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True)
        assert "Traceback" not in done.stderr
        assert "Exception ignored" not in done.stderr
        assert done.stderr.count("\n") <= 1
        assert tune.Study.load(tmp_path / "study").best.quality is not None
        if "true" in shell or shell.endswith("full"):
            assert done.returncode == 1
            assert done.stderr.startswith(
                "tune: the result cannot be written to standard output: "
            )
        elif ">&-" in shell:
            assert done.returncode == 0


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["check", "--help"]])
def test_help_for_a_full_disk_is_no_traceback(words: list[str]) -> None:
    line = f"'{sys.executable}' tune.py {' '.join(words)} > /dev/full"
    done = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode in (0, 1)  # argparse keeps an error of a long help to itself
    assert done.stderr == "" or done.stderr.startswith("tune: ")
    assert done.stderr.count("\n") <= 1


# --- what waits


async def test_a_wait_of_a_retry_ends_when_the_ledger_is_closed() -> None:
    ledger = Ledger(Database(":memory:"), "s", 10**12)

    async def refuse(*_: Any) -> Any:
        asyncio.get_running_loop().call_soon(ledger.close, "interrupted")
        raise RateLimited("slow down", retry_after=100.0)

    inner: Any = SimpleNamespace(complete=refuse)
    with pytest.raises(BudgetExhausted, match="interrupted"):
        await Retrying(inner, sleep=ledger.sleep).complete(None, range(1))  # type: ignore[arg-type]


async def test_a_wait_for_a_limit_per_minute_ends_when_the_ledger_is_closed() -> None:
    ledger = Ledger(Database(":memory:"), "s", 10**12)

    async def answer(*_: Any) -> Any:
        return []

    inner: Any = SimpleNamespace(complete=answer)
    limited = Limited(inner, requests_per_minute=0.001, sleep=ledger.sleep)
    await limited.complete(None, range(1))  # type: ignore[arg-type]
    waiting = asyncio.create_task(limited.complete(None, range(1)))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    ledger.close("interrupted")
    with pytest.raises(BudgetExhausted, match="interrupted"):
        await waiting
    assert limited.in_flight == 0


async def test_nobody_begins_to_wait_on_a_closed_ledger() -> None:
    ledger = Ledger(Database(":memory:"), "s", 10**12)
    ledger.close("time")
    with pytest.raises(BudgetExhausted, match="time"):
        await ledger.sleep(1000)
    ledger.reopen()
    await ledger.sleep(0)


# --- the thread


def test_signals_that_come_together_are_one_request_and_later_ones_are_another() -> (
    None
):
    now = [100.0]
    requests = Requests(clock=lambda: now[0])
    for wait, count in ((0.0, 1), (0.1, 1), (TOGETHER + 0.1, 2)):
        now[0] += wait
        requests.add()
        assert requests.count == count


def test_a_handler_of_somebody_else_stays() -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: seen.append(number))
    try:
        with raised():
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen == [signal.SIGTERM]
