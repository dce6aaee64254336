"""Processor time of a large study: shown again, reported, and read again at other prices.

Its draws are put into the store first, as if another study had bought them: buying them one by one
would take most of the time. Then the study runs over them, and each step is measured in a process
of its own. In a folder that is kept, a run that was interrupted goes on where it ended, and what is
there is not made again.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from unittest import mock

import tune
from benchmarks.speed.rows import most_megabytes
from tune.completion import Completion, Request
from tune.fakes.provider import FakeEndpoint
from tune.followup.reprice import reprice
from tune.plan.make import make_plan
from tune.plan.read_options import read_options
from tune.plan.token_counts import offline_endpoints
from tune.providers.capabilities import Capabilities
from tune.providers.stack import StackContext, build_stack
from tune.report import pages_html
from tune.result.search_details import search_details
from tune.space import Point
from tune.store.database import Database
from tune.store.draws import Store
from tune.store.ledger import Ledger
from tune.study.connect import make_evaluator
from tune.study.readout_file import READOUT_FILE

TRIALS, EXAMPLES, DRAWS = 300, 500, 8
WANTED = 5.0
"""Seconds of processor time that each step may take."""

PAGE_WANTED = 3.0
"""Seconds of processor time that the page may take, of those of its step."""

STORES = (100_000, 10_000_000)
"""Draws in a store that is opened and read."""

MODEL = "made-up"
_SERVICE = "127.0.0.1:9/v1"
_CAP = 16
_BUDGET = 10_000.0
_ANSWERS = ("yes", "no", "yes", "maybe yes")
_WORDS = ("good", "bad", "fine", "poor", "great", "late", "cheap", "kind")
_PRICE = {MODEL: (0.5, 2.0)}
_OTHER_PRICE = {MODEL: (1.0, 1.0)}
# Keys of the reads that are timed.
_READS = 2_000
# Requests of a store that are made together: one transaction of all would double its file.
_AT_ONCE = 50_000

T = TypeVar("T")


def world(_: Request, rng: random.Random) -> str:
    """Answer by chance: what is measured does not depend on it."""
    return rng.choice(_ANSWERS)


def order(trials: int, examples: int) -> dict[str, Any]:
    """Return the options of the study: as many prompts as trials, three fifths for the search."""
    rng = random.Random(0)
    rows = []
    for number in range(examples * 5 // 3):
        words = " ".join(rng.choice(_WORDS) for _ in range(12))
        rows.append({"text": f"{number} {words}", "label": rng.choice(("yes", "no"))})
    space = tune.Space(
        model=MODEL,
        prompt={f"p{number}": f"{number}: {{text}}" for number in range(trials)},
        temperature=1.0,
        n=[1, 2, 4, DRAWS],
        aggregate=["vote", "first"],
        max_tokens=[_CAP // 2, _CAP],
    )
    return {
        "data": rows,
        "space": space,
        "target": "label",
        "base_url": f"http://{_SERVICE}",
        "strategy": "full",
        "searcher": "grid",
        "trials": trials,
        "quiet": True,
    }


def fill(folder: Path, trials: int, examples: int) -> None:
    """Put the draws of every prompt into the store of a study that has not begun."""
    plan = make_plan(
        read_options(**order(trials, examples), price=_PRICE, budget=_BUDGET)
    )
    db = Database(folder / "draws.db")
    store = Store(db)
    context = StackContext(store, Ledger(db, "fill", 1), Capabilities(), concurrency=1)
    endpoint = offline_endpoints(plan.entries)[MODEL]
    service = build_stack(plan.entries[MODEL], endpoint, plan.prices[MODEL], context)
    evaluator = make_evaluator(plan, {MODEL: service}, store)
    fake = FakeEndpoint(world, service=service.id)
    for number in range(trials):
        point = Point({"model": MODEL, "prompt": f"p{number}", "temperature": 1.0})
        first = evaluator.requests.make(point, _CAP, (), 0)
        # Put there by a run that was interrupted.
        if store.draws(first, range(DRAWS)):
            continue
        # One transaction for each prompt: a commit takes longer than a row.
        with db.transaction():
            for position in range(len(plan.split.tuning)):
                request = evaluator.requests.make(point, _CAP, (), position)
                store.put(request, range(DRAWS), _answers(fake, request), study="fill")
    db.close()


def _answers(fake: FakeEndpoint, request: Request) -> list[Completion]:
    return [fake.draw(request, number) for number in range(DRAWS)]


def build(folder: Path, trials: int, examples: int) -> None:
    """Run the study over the draws that are there. The holdout is bought from a fake."""

    def fake(*_: object, **__: object) -> FakeEndpoint:
        return FakeEndpoint(world, service=_SERVICE)

    with mock.patch("tune.providers.endpoints.open_endpoint", fake):
        tune.tune(
            **order(trials, examples), price=_PRICE, budget=_BUDGET, results=folder
        )


def reopen(folder: Path, trials: int, examples: int) -> None:
    """Give the command of the finished study again."""
    tune.tune(**order(trials, examples), price=_PRICE, budget=_BUDGET, results=folder)


def report(folder: Path, *_: int) -> None:
    """Write the report of the finished study anew."""
    tune.Study.load(folder).report(folder / "report")


def read_again(folder: Path, trials: int, examples: int) -> None:
    """Read the finished study at other prices."""
    reprice(folder, **order(trials, examples), price=_OTHER_PRICE)


def page(folder: Path, trials: int, examples: int) -> float:
    """Make the page of the finished study from its draws; return the seconds that it alone took."""
    spent = 0.0

    def timed(make: Callable[..., T]) -> Callable[..., T]:
        def call(*given: Any) -> T:
            nonlocal spent
            began = time.process_time()
            made = make(*given)
            spent += time.process_time() - began
            return made

        return call

    with (
        tempfile.TemporaryDirectory(prefix="page-") as results,
        mock.patch("tune.result.build.search_details", timed(search_details)),
        mock.patch("tune.study.study.pages_html", timed(pages_html)),
    ):
        options = order(trials, examples)
        reprice(folder, **options, price=_OTHER_PRICE, results=results)
    return spent


STEPS: dict[str, Callable[[Path, int, int], float | None]] = {
    "fill": fill,
    "build": build,
    "reopen": reopen,
    "report": report,
    "reprice": read_again,
    "page": page,
}
"""The steps by name. One that returns seconds has measured a part of itself."""


@dataclass(frozen=True)
class Cost:
    """The cost of one step.

    Attributes:
        busy: seconds of processor time, from the moment at which tune is imported.
        megabytes: the largest memory of its process.
    """

    busy: float
    megabytes: float


def in_own_process(step: str, folder: Path, trials: int, examples: int) -> Cost:
    """Run one step in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.speed.large", step, str(folder)]
    command += [str(trials), str(examples)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Cost(*json.loads(done.stdout.splitlines()[-1]))


def lines(
    trials: int = TRIALS,
    examples: int = EXAMPLES,
    stores: Iterable[int] = STORES,
    folder: Path | None = None,
) -> list[str]:
    """Measure a study and the stores, and return the tables.

    Args:
        trials: of the study.
        examples: of the study's search.
        stores: draws in each store.
        folder: where the study and the stores are kept; without it they are thrown away.
    """
    with ExitStack() as stack:
        if folder is None:
            place = tempfile.TemporaryDirectory(prefix="large-")
            folder = Path(stack.enter_context(place))
        study = folder / f"study-{trials}x{examples}"
        return [
            *study_lines(study, trials, examples),
            "",
            *store_lines(folder, stores),
        ]


def made_study(folder: Path, trials: int, examples: int) -> Cost | None:
    """Make the study unless it is there, and return the cost of running it.

    None where it took several processes, as a run before was interrupted.
    """
    noted, begun = folder / "build.json", folder / "begun"
    if not noted.exists():
        folder.mkdir(parents=True, exist_ok=True)
        in_own_process("fill", folder, trials, examples)
        in_parts = begun.exists()
        begun.touch()
        cost = in_own_process("build", folder, trials, examples)
        known = None if in_parts else [cost.busy, cost.megabytes]
        noted.write_text(json.dumps(known), encoding="utf-8")
    found = json.loads(noted.read_text(encoding="utf-8"))
    return None if found is None else Cost(*found)


def study_lines(folder: Path, trials: int, examples: int) -> list[str]:
    """Measure the steps of one study, and return their table."""
    built = made_study(folder, trials, examples)
    costs = {}
    for name in ("reopen", "report", "page", "reprice"):
        costs[name] = in_own_process(name, folder, trials, examples)
    kept = folder / READOUT_FILE
    kept.unlink(missing_ok=True)
    # It keeps what it reads again, for the next run of this benchmark.
    without = in_own_process("reprice", folder, trials, examples)
    named = {
        "show the finished study again": costs["reopen"],
        "write its report again": costs["report"],
        "reprice": costs["reprice"],
        "the page of a reprice alone: its data and the file": costs["page"],
        "reprice, without what was kept": without,
    }
    if built is not None:
        named["the study itself, over draws that were bought before"] = built
    ran = len(tune.Study.load(folder).record.trials)
    found = [
        f"A study of {ran} trials × {examples} examples × {DRAWS} draws, read at n 1, 2, 4 and "
        f"{DRAWS}, two caps and two aggregates.",
        f"Each step in a process of its own, without the import of tune. Wanted: {WANTED:g} s for "
        f"the first three, {PAGE_WANTED:g} s for the page.",
        "",
        "| step | s of processor time | memory, MB |",
        "| --- | ---: | ---: |",
    ]
    for name, cost in named.items():
        found.append(f"| {name} | {cost.busy:.2f} | {cost.megabytes:,.0f} |")
    return found


def store_lines(place: Path, stores: Iterable[int]) -> list[str]:
    """Measure stores of several sizes, and return their table."""
    found = [
        f"Stores of {DRAWS} draws for each request. {_READS:,} requests are read at random, one "
        "after another.",
        "",
        "| draws in a store | size, MB | to open it, ms | draws read a second of processor time "
        "| draws read a second |",
        "| ---: | ---: | ---: | ---: | ---: |",
    ]
    for size in stores:
        path = place / f"{size}.db"
        if not path.exists():
            fill_store(path, size)
        read = read_store(path, size)
        found.append(
            f"| {size:,} | {path.stat().st_size / 1e6:,.0f} | {1e3 * read.opened:.1f} "
            f"| {read.per_busy_second:,.0f} | {read.per_second:,.0f} |"
        )
    return found


def _request(number: int) -> Request:
    return Request(_SERVICE, MODEL, f"prompt {number} {'x' * 80}", _CAP)


def fill_store(path: Path, size: int) -> None:
    """Make a store of so many draws, eight of each request."""
    # Under another name until it is whole, so that half a store is not taken for one.
    half = path.with_suffix(".half")
    half.unlink(missing_ok=True)
    db = Database(half)
    Store(db)
    requests = size // DRAWS
    for start in range(0, requests, _AT_ONCE):
        made = map(_request, range(start, min(start + _AT_ONCE, requests)))
        with db.transaction():
            rows = ((one.key, one.canonical) for one in made)
            db.executemany("INSERT INTO requests (key, request) VALUES (?, ?)", rows)
            db.execute(
                "INSERT INTO draws (request, generation, number, text, finish_reason, "
                "prompt_tokens, completion_tokens, reasoning_tokens, cached_tokens, seconds, "
                "model, tier, created, study, cost) "
                "SELECT r.id, '', v.value, 'billing', 'stop', 30, 2, 0, 0, 0.5, 'm', 'default', "
                "1.0, 's', 100 FROM requests r, json_each(?) v WHERE r.id > ?",
                (json.dumps(list(range(DRAWS))), start),
            )
    db.close()
    half.rename(path)


class Reading(NamedTuple):
    """The speed of a store.

    Attributes:
        opened: seconds until it was open.
        per_busy_second: draws read in a second of processor time.
        per_second: draws read in a second.
    """

    opened: float
    per_busy_second: float
    per_second: float


def read_store(path: Path, size: int) -> Reading:
    """Open a store and read draws of it."""
    rng = random.Random(0)
    asked = [_request(rng.randrange(size // DRAWS)) for _ in range(_READS)]
    # Keys are made when requests are: they are no part of reading.
    keys = [one.key for one in asked]
    began = time.perf_counter()
    db = Database(path)
    store = Store(db)
    opened = time.perf_counter() - began
    began, busy = time.perf_counter(), time.process_time()
    for one in asked:
        assert len(store.draws(one, range(DRAWS))) == DRAWS
    busy, took = time.process_time() - busy, time.perf_counter() - began
    db.close()
    draws = DRAWS * len(keys)
    return Reading(opened, draws / busy, draws / took)


def main() -> None:
    """Measure one step; the part of the page calls it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=STEPS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("trials", type=int)
    parser.add_argument("examples", type=int)
    given = parser.parse_args()
    began = time.process_time()
    busy = STEPS[given.step](given.folder, given.trials, given.examples)
    if busy is None:
        busy = time.process_time() - began
    print(json.dumps([busy, most_megabytes()]))


if __name__ == "__main__":
    main()
