"""The studies of chaos runs, and the processes that run them.

Each process of a study is forked from one that has everything imported already, so that starting
one takes milliseconds; with `cli` it is a real `python tune.py`.
"""

from __future__ import annotations

import faulthandler
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tune
from tune.errors import TuneError
from tune.fakes.faults import Fault, Model
from tune.fakes.power_cut import watch
from tune.fakes.world import LabelledWorld, chance
from tune.plan.read_options import read_options
from tune.providers.retrying import RetryPolicy
from tune.tuner import run_study

ROOT = Path(__file__).parent.parent.parent
AMPLE = 2.0
"""A budget in dollars that is never used up by any task here, whatever is lost."""

LONGEST = 480.0
"""The seconds after which a process counts as one that does not end."""

QUICK = RetryPolicy(
    attempts=10,
    seconds=60.0,
    first_wait=0.01,
    longest_wait=0.1,
    longest_retry_after=0.2,
    silence=1.5,
)
"""The retries of a run, with short waits: a simulated server recovers in milliseconds."""

PROMPTS = {
    "short": "Label this ticket: {text}",
    "reasoned": "Think step by step, then label: {text}",
}

WORLD = LabelledWorld(models={"small": 0.5, "large": 0.75})


def answer_text(
    model: str, prompt: str, settings: Mapping[str, Any], seed: int, index: int
) -> str:
    """Answer as the labelled world does; the judge answers with a score."""
    if model == "judge":
        return f"Score: {int(chance('verdict', prompt) * 11)}"
    return WORLD(model, prompt, settings, seed, index)


LARGE = Model(1.0, 4.0)
SMALL = Model(0.1, 0.4)


@dataclass(frozen=True)
class Task:
    """A tuning task. Two studies of one task make the same choice if their faults pass.

    Attributes:
        large: the larger model; a study has to find out which parameters it refuses.
        small: the smaller model.
        judged: a model judges the answers, paid from the same budget.
    """

    searcher: str = "random"
    strategy: str = "halving"
    rows: int = 32
    seed: int = 0
    trials: int = 5
    large: Model = LARGE
    judged: bool = False
    small: Model = SMALL

    @property
    def models(self) -> dict[str, Model]:
        return {"small": self.small, "large": self.large} | (
            {"judge": Model(0.2, 0.8)} if self.judged else {}
        )


TASKS = {
    "grid": Task("grid"),
    "random": Task(seed=1, rows=36),
    "tpe": Task("tpe", seed=2, rows=28),
    "full": Task(strategy="full", seed=3, rows=28, trials=3),
    "cfo": Task("cfo", seed=4),
    "one at a time": Task(seed=5, large=replace(LARGE, refuses=frozenset({"n"}))),
    "no temperature": Task(
        seed=6, large=replace(LARGE, refuses=frozenset({"temperature"}))
    ),
    "thinking": Task(seed=7, large=replace(LARGE, reasoning=9)),
    "wide": Task(
        "grid",
        "full",
        seed=9,
        rows=100,
        trials=2,
        large=replace(LARGE, refuses=frozenset({"n"})),
    ),
    "judged": Task(seed=8, rows=28, trials=3, judged=True),
}


@dataclass(frozen=True)
class Kill:
    """The end of one process: a signal, `after` seconds past its request number `at`.

    Attributes:
        at: requests that the process has sent before.
        after: seconds to wait after that request.
        signal: the signal; SIGINT is Ctrl-C.
        twice: send the signal twice.
        cut: the power fails as well: only synced bytes are sure to be left.
    """

    at: int
    after: float = 0.0
    signal: int = signal.SIGKILL
    twice: bool = False
    cut: bool = False


@dataclass(frozen=True)
class ChaosRun:
    """One study with the faults of its server and the kills of its processes.

    Attributes:
        kind: for tables.
        budgets: dollars; after the study has ended it goes on with the next.
        faults: the faults that a share of the requests meet, up to request number `until`.
        seconds: the time that an answer takes.
        outage: from this request on nothing is answered, until a process has given up.
        kills: one for each process, in order; later processes are not killed.
        cli: start processes from the command line.
        vendor: the way in which the models state their bills, as text.
    """

    kind: str
    task: Task
    budgets: tuple[float, ...] = (AMPLE,)
    concurrency: int = 16
    faults: tuple[Fault, ...] = ()
    share: float = 0.0
    until: int | None = None
    seconds: float = 0.002
    timeout: float = 60.0
    outage: int | None = None
    kills: tuple[Kill, ...] = ()
    time_limit: float | None = None
    cli: bool = False
    seed: int = 0
    vendor: str = ""


# --- a process of a study


def order(run: ChaosRun, url: str, folder: Path) -> dict[str, Any]:
    """Return the options of the study."""
    task = run.task
    entries = {
        name: {
            "base_url": url,
            # Without an alias the seeds of draws would follow the port of the server.
            "alias": "chaos",
            "price": [model.input, model.output],
            "timeout": run.timeout,
        }
        for name, model in task.models.items()
    }
    return {
        "target": "label",
        "searcher": task.searcher,
        "strategy": task.strategy,
        "trials": task.trials,
        "seed": task.seed,
        "models": entries,
        "results": str(folder / "study"),
        "concurrency": run.concurrency,
        **({"time_limit": run.time_limit} if run.time_limit is not None else {}),
        **({"metric": tune.Judge(model="judge", max_tokens=16)} if task.judged else {}),
    }


SPACE: dict[str, Any] = {
    "space": {
        "model": ["small", "large"],
        "prompt": PROMPTS,
        "temperature": [0, 0.5, 1],
        "n": [1, 2, 3],
        "max_tokens": [16, 64],
        "aggregate": ["first", "vote"],
    },
    "answer": {"labels": list(WORLD.labels)},
}


def run_process(run: ChaosRun, budget: float, url: str, folder: Path) -> None:
    """Run a study in this process, and leave its outcome in `end.json`."""
    sink = os.open(folder / "stderr.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    # A shell starts its background jobs without this handler.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    faulthandler.dump_traceback_later(LONGEST - 5)
    if any(kill.cut for kill in run.kills):
        watch(folder / "study" / "draws.db")
    try:
        study = run_study(
            read_options(
                data=WORLD.examples(run.task.rows),
                space=SPACE,
                budget=budget,
                **order(run, url, folder),
            ),
            retry=QUICK,
        )
        end = study.summary()
    except TuneError as error:
        traceback.print_exc()
        end = {"error": f"{type(error).__name__}: {error}"}
    except KeyboardInterrupt:
        end = {"stopped": "interrupted", "best": None}
    (folder / "end.json").write_text(json.dumps(end))


class StudyProcess:
    """A process of a study, forked or from the command line."""

    def __init__(self, run: ChaosRun, budget: float, url: str, folder: Path) -> None:
        self.folder, self.cli = folder, run.cli
        (folder / "end.json").unlink(missing_ok=True)
        if run.cli:
            with (
                (folder / "end.json").open("w") as out,
                (folder / "stderr.txt").open("a") as errors,
            ):
                self._popen = subprocess.Popen(
                    _command(run, budget, url, folder), stdout=out, stderr=errors
                )
        else:
            self._process = fork_server().Process(
                target=run_process, args=(run, budget, url, folder), daemon=True
            )
            self._process.start()

    @property
    def code(self) -> int | None:
        """The exit status; None while the process runs."""
        return self._popen.poll() if self.cli else self._process.exitcode

    def send(self, number: int) -> None:
        """Send a signal if the process still runs."""
        if self.code is None:
            pid = self._popen.pid if self.cli else self._process.pid
            assert pid is not None
            os.kill(pid, number)

    def end(self) -> dict[str, Any]:
        """Return the outcome in the form of `--json`, or {"error": ...}."""
        try:
            record: dict[str, Any] = json.loads((self.folder / "end.json").read_text())
        except (OSError, ValueError):
            words = (
                (self.folder / "stderr.txt").read_text().strip()
                if (self.folder / "stderr.txt").exists()
                else ""
            )
            last = words.splitlines()[-1] if words else "no words"
            return (
                {"stopped": "interrupted"}
                if self.code == 130
                else {"error": f"status {self.code}: {last}"}
            )
        return record


def fork_server() -> Any:
    """Return the context that forks processes from one that has everything imported."""
    paths = [str(ROOT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    os.environ["PYTHONPATH"] = os.pathsep.join(
        dict.fromkeys(path for path in paths if path)
    )
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        [
            "__main__",
            "benchmarks.chaos.process",
            "aiohttp",
            "optuna",
            "pandas",
        ]
    )
    return context


def _command(run: ChaosRun, budget: float, url: str, folder: Path) -> list[str]:
    options = order(run, url, folder)
    entries = "".join(
        f"[models.{name}]\n{_toml(entry)}"
        for name, entry in options.pop("models").items()
    )
    prompts = f"[space.prompt]\n{_toml(PROMPTS)}"
    space = {name: value for name, value in SPACE["space"].items() if name != "prompt"}
    answer = f"[answer]\n{_toml(SPACE['answer'])}"
    (folder / "space.toml").write_text(
        f"[space]\n{_toml(space)}{prompts}{answer}{entries}"
    )
    rows = "".join(json.dumps(row) + "\n" for row in WORLD.examples(run.task.rows))
    (folder / "tickets.jsonl").write_text(rows)
    flags = [
        part
        for name, value in options.items()
        for part in (f"--{name.replace('_', '-')}", str(value))
    ]
    files = [
        "--data",
        str(folder / "tickets.jsonl"),
        "--space",
        str(folder / "space.toml"),
    ]
    return [
        sys.executable,
        str(ROOT / "tune.py"),
        "--budget",
        str(budget),
        *files,
        *flags,
        "--json",
    ]


def _toml(table: Mapping[str, Any]) -> str:
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in table.items())
