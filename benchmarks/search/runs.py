"""One search of `benchmarks/search/`: in which world, by which method, for how much; and the runs
that are kept.
"""

from __future__ import annotations

import json
import pickle
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rivals.methods import Method
from benchmarks.search.goals import (
    enough,
    judge_cheapest,
    judge_choice,
    judge_frontier,
)
from benchmarks.search.ours import EVERY
from benchmarks.worlds.named import RECORDED, SIMULATED
from benchmarks.worlds.simulated_ledger import Counts, SimulatedLedger
from benchmarks.worlds.worlds import World
from tune.readout.trial import Step
from tune.space import FREE
from tune.strategies import Outcome, Selection, final_comparison

WORLDS = 3
"""Counted up when `benchmarks/worlds/` makes other worlds, or its `simulated_ledger.py` charges
other dollars: then every kept run is made anew.
"""

MADE = 8
"""Made-up worlds of a family or kind; seeds take turns."""

TUNING = 200
"""Tuning examples, at most: two thirds of the world's where it has fewer than 300."""

KINDS = {"read": FREE, "paid": ()}
"""Free dimensions, by kind of search: read off draws, or every dimension paid."""

COST_SETTINGS = ("limited", "cheapest", "frontier")
"""A request may cost at most what the median config costs; the cheapest config that is good enough
is searched (`goals.GOOD_ENOUGH`); the best at every cost.
"""

SETTINGS = ("plain", *COST_SETTINGS, "halves")
"""All there is to choose from; those that have to do with cost; the truth is what a config is worth
on the half of the examples that the tuning examples do not come from.
"""


@dataclass(frozen=True)
class Task:
    """A search that is to be run.

    Attributes:
        world: a family or kind of made-up worlds, a recorded one, or a table from outside.
        method: its name.
        kind: "read" or "paid".
        units: dollars, in units of the world.
        seed: of the world in its family, of the examples, the draws and the method.
        setting: one of SETTINGS.
    """

    world: str
    method: str
    kind: str
    units: float
    seed: int
    setting: str = "plain"

    def key(self, version: int) -> str:
        """Return the key under which the run is kept."""
        world = f"{self.world}/{self.seed}/{self.setting}/{self.kind}/{self.units:g}"
        return f"{WORLDS}/{world}/{self.method}/{version}"


@dataclass(frozen=True)
class Run:
    """The result of one search.

    Attributes:
        regret: points by which the selected config is worse than the best one.
        dollars: the budget.
        spent: the dollars that were spent.
        trials: the trials that were started.
        steps: the number of waves, with the selection.
        median_seconds: the median time of computing for a step.
        worst_seconds: the longest time of computing for a step.
        feasible: the selected config keeps the limit on cost in truth, or is good enough where the
            cheapest is searched.
        chosen: the key of the selected config; "" if nothing was scored. Then the regret is that
            of a config picked at random.
        excess: how much more the selected config costs than the cheapest one that is good enough,
            as a share of that.
    """

    regret: float
    dollars: float
    spent: float
    trials: int
    steps: int
    median_seconds: float
    worst_seconds: float
    feasible: bool
    chosen: str
    excess: float = 0.0

    @property
    def unspent(self) -> float:
        """The share of the budget that was left."""
        return 1 - self.spent / self.dollars


Found = dict[Task, Run]


# --- worlds


@lru_cache(maxsize=64)
def world_of(name: str, seed: int, folder: Path | None = None) -> World:
    """The world of a seed. One that was made before is read back from the folder: knowing its truth
    takes seconds.

    A table from outside must have been kept there (`keep`).
    """
    number = seed % MADE if name in SIMULATED else 0
    path = None if folder is None else _path(folder, name, number)
    if path is not None and path.exists():
        found: World = pickle.loads(path.read_bytes())
        return found
    made = SIMULATED[name](number) if name in SIMULATED else RECORDED[name]()
    made.best()
    if folder is not None:
        keep(made, folder, name, number)
    return made


def keep(world: World, folder: Path, name: str, number: int = 0) -> None:
    """Keep a world in a folder, for `world_of` in this and other processes."""
    path = _path(folder, name, number)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{time.time_ns()}")
    part.write_bytes(pickle.dumps(world))
    part.replace(path)


def _path(folder: Path, name: str, number: int) -> Path:
    return folder / f"{WORLDS}-{name}-{number}.pickle"


def kinds_of(world: World) -> tuple[str, ...]:
    """Return the kinds of search that differ in a world.

    Where nothing can be read off the draws, both kinds are the same search.
    """
    free, paid = (len(list(world.space.points(names))) for names in (FREE, ()))
    return tuple(KINDS) if paid > free else ("read",)


def tuning(examples: int) -> int:
    """Return the number of tuning examples in a world of so many examples."""
    return min(TUNING, 2 * examples // 3)


def halves(examples: int, seed: int) -> tuple[Counts, Counts]:
    """Two random halves of the examples: to tune on, and to judge by."""
    order = np.random.default_rng([seed, examples]).permutation(examples)
    return order[: examples // 2], order[examples // 2 :]


# --- one search


def play(task: Task, method: Method, world: World) -> Run:
    """Run a search."""
    pool, judged = (
        halves(world.examples, task.seed) if task.setting == "halves" else (None, None)
    )
    examples = tuning(world.examples) if pool is None else min(TUNING, len(pool))
    limit = world.middle_cost() if task.setting == "limited" else None
    goal = task.setting if task.setting in ("cheapest", "frontier") else "quality"
    dollars = task.units * world.unit(examples)
    ledger = SimulatedLedger(
        world, KINDS[task.kind], dollars, task.seed, examples, pool, limit
    )
    ledger.goal = goal
    ledger.min_quality = enough(world) if goal == "cheapest" else None
    problem, clock = ledger.problem(), list[float]()
    searcher = method.searcher(world.space, KINDS[task.kind], task.seed)
    strategy = method.strategy_for(goal)
    ledger.drive(timed(strategy(problem, searcher, dollars), clock))
    if method.choose is None:
        choice = ledger.drive(
            timed(final_comparison(problem, ledger.standings, ledger.left), clock)
        )
        reading = choice.shown if isinstance(choice, Selection) else None
    else:
        reading = method.choose(problem, ledger.standings)
    config = None if reading is None else reading.config
    if goal == "frontier":
        judgement = judge_frontier(world, ledger.standings, reading)
    elif goal == "cheapest":
        judgement = judge_cheapest(world, config)
    else:
        judgement = judge_choice(world, config, limit, judged)
    return Run(
        regret=judgement.regret,
        dollars=dollars,
        spent=ledger.spent,
        trials=len(ledger.trials),
        steps=len(clock),
        median_seconds=float(np.median(clock)),
        worst_seconds=max(clock),
        feasible=judgement.feasible,
        chosen="" if config is None else config.key,
        excess=judgement.excess,
    )


def timed(
    strategy: Generator[list[Step], Outcome, Any], clock: list[float]
) -> Generator[list[Step], Outcome, Any]:
    """A strategy that notes down the seconds that each of its steps takes."""
    outcome: Outcome | None = None
    while True:
        began = time.process_time()
        try:
            steps = strategy.send(outcome)  # type: ignore[arg-type]
        except StopIteration as stop:
            return stop.value
        finally:
            clock.append(time.process_time() - began)
        outcome = yield steps


# --- all of them


class Kept:
    """Runs in a file of JSON lines, so that what was run once is not run again.

    Args:
        path: the file; None keeps nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._known: dict[str, dict[str, Any]] = {}
        if path is not None and path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                # A process that was killed may have left half a line.
                if line.endswith("}"):
                    record = json.loads(line)
                    self._known[record.pop("key")] = record

    @property
    def folder(self) -> Path | None:
        """The folder of the worlds that were searched; None where nothing is kept."""
        return None if self.path is None else self.path.parent / "worlds"

    def find(self, key: str) -> Run | None:
        """The run of a key, or None."""
        record = self._known.get(key)
        return None if record is None else Run(**record)

    def add(self, key: str, run: Run) -> None:
        """Keep a run."""
        self._known[key] = asdict(run)
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"key": key, **asdict(run)}) + "\n")


def run_all(
    tasks: Iterable[Task],
    kept: Kept,
    jobs: int = 1,
    done: Callable[[], None] = lambda: None,
) -> Found:
    """Every task's run: those that are kept, and the others side by side in so many processes.

    Args:
        tasks: what is to be run.
        kept: what was run before; new runs are added as they end.
        jobs: processes.
        done: called after each new run.
    """
    found: Found = {}
    missing: list[Task] = []
    for task in dict.fromkeys(tasks):
        run = kept.find(task.key(EVERY[task.method].version))
        if run is None:
            missing.append(task)
        else:
            found[task] = run
    for task, run in _new(missing, kept.folder, jobs):
        kept.add(task.key(EVERY[task.method].version), run)
        found[task] = run
        done()
    return found


def _new(
    tasks: list[Task], folder: Path | None, jobs: int
) -> Iterator[tuple[Task, Run]]:
    if jobs == 1 or len(tasks) < 2:
        for task in tasks:
            yield task, _run((task, folder))[1]
        return
    with get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap_unordered(
            _run, [(task, folder) for task in tasks], chunksize=4
        )


def _run(order: tuple[Task, Path | None]) -> tuple[Task, Run]:
    task, folder = order
    return task, play(
        task, EVERY[task.method], world_of(task.world, task.seed % MADE, folder)
    )
