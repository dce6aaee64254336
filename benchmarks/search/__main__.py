"""uv run --all-extras --group dev --group benchmarks python -m benchmarks.search [--table FILE]

Question: does our search find better configs than every method that a user could pick instead, for
the same dollars? It writes results/search.md with its plots. From nothing it takes about four hours
of one core. No key, no dollar: draws are replayed.

The worlds are made up (`benchmarks/worlds/worlds.py` and `kinds.py` there), recorded tables, or
tables from outside: --table takes a parquet, csv or jsonl file with a row for each answer and
columns such as model, prompt, example and score; flags give other names. Worlds are searched with
free dimensions read off the draws, and with every dimension paid. The true score of each config is
known exactly.

- `benchmarks/rivals/`: the other methods; `ours.py`: ours, and ours with a part taken out;
- `runs.py`: one search; `numbers.py`: medians and paired differences; `page.py`: the page.

Every run is kept in results/search/runs.jsonl. So a second call makes only what is new: a method
whose `version` was counted up, more seeds, or other budgets.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

# One thread for each process: searches run side by side, and seconds of computing mean the same on
# every machine.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from benchmarks.command_line import commit, make_parser
from benchmarks.search.ours import ABLATIONS, EVERY, OURS
from benchmarks.search.page import Report, draw, page
from benchmarks.search.runs import (
    KINDS,
    MADE,
    RECORDED,
    SETTINGS,
    SIMULATED,
    Kept,
    Task,
    keep,
    kinds_of,
    run_all,
    tuning,
    world_of,
)
from benchmarks.worlds.outside import (
    TableOptions,
    add_table_flags,
    load_outside,
    read_flags,
)
from benchmarks.worlds.worlds import FAMILIES
from tune.errors import DataError
from tune.space import FREE

ROOT = Path(__file__).parent.parent.parent

REACH = (5.0,)
"""More budgets for ours alone, in units: where it comes within a point of the best."""

BESIDE = ("blendsearch", "tpe", "halving")
"""Rivals that run under a limit on cost and in held-out halves too."""

FEW = 8
"""Seeds with which more is run than every method, with free dimensions read and paid, and ours in
every setting: rivals under a limit on cost and in held-out halves, and more budgets.
"""

APART = 16
"""Seeds with which ours is run with a part taken out."""

TWICE = 2
"""Times as many seeds on recorded tables and tables from outside: each is but one world."""

SLOW = ("smac",)
"""Rivals whose searches take many seconds each: with so few seeds, and at the first two budgets
only.
"""

PLAIN_EVERY = 30.0
"""Seconds between lines where there is no terminal to draw a bar on."""


def plan(
    methods: Sequence[str], worlds: Sequence[str], units: Sequence[float], seeds: range
) -> list[Task]:
    """Everything to run, seed by seed: what is there when it is stopped early is even.

    Args:
        methods: by name.
        worlds: families and kinds of simulated worlds, recorded tables, tables from outside.
        units: budgets.
        seeds: for each made-up world; the others have twice as many.
    """
    found = []
    for seed in range(seeds.start, seeds.start + TWICE * len(seeds)):
        few, apart = (seed - seeds.start < count for count in (FEW, APART))
        here = [name for name in worlds if seed in seeds or name not in SIMULATED]
        for world in here:
            for method in methods:
                if method in ABLATIONS:
                    if apart and world in FAMILIES:
                        found += [
                            Task(world, method, "read", budget, seed)
                            for budget in units[:2]
                        ]
                    continue
                if method in SLOW:
                    if few:
                        found += [
                            Task(world, method, kind, budget, seed)
                            for kind in KINDS
                            for budget in units[:2]
                        ]
                    continue
                found += [
                    Task(world, method, kind, budget, seed)
                    for kind in KINDS
                    for budget in units
                ]
                if few and method in OURS:
                    found += [
                        Task(world, method, "read", budget, seed)
                        for budget in REACH
                        if budget not in units
                    ]
                if method in OURS or (few and method in BESIDE):
                    found += [
                        Task(world, method, "read", budget, seed, setting)
                        for setting in SETTINGS[1:]
                        for budget in units
                    ]
    return found


def possible(tasks: Sequence[Task], kept: Kept) -> list[Task]:
    """Return the tasks that were run before or can run here.

    Each method that cannot run is named in a line on standard error.
    """
    lost = [
        task
        for task in tasks
        if not EVERY[task.method].installed
        and kept.find(task.key(EVERY[task.method].version)) is None
    ]
    for name, count in Counter(task.method for task in lost).items():
        method = EVERY[name]
        print(
            f"{count} searches by {method.label} are left out: the package {method.needs} is not "
            "installed;"
            " uv run --group benchmarks has it",
            file=sys.stderr,
        )
    gone = set(lost)
    return [task for task in tasks if task not in gone]


def report(
    tasks: Sequence[Task],
    kept: Kept,
    jobs: int,
    units: Sequence[float],
    *,
    quiet: bool = False,
) -> Report:
    """Run what is missing, and gather everything."""
    tasks = possible(tasks, kept)
    folder = kept.folder
    alike = {
        name
        for name in {task.world for task in tasks}
        if kinds_of(world_of(name, 0, folder)) == ("read",)
    }
    tasks = [task for task in tasks if task.kind == "read" or task.world not in alike]
    missing = sum(
        kept.find(task.key(EVERY[task.method].version)) is None for task in tasks
    )
    with counting(missing, quiet=quiet) as done:
        found = run_all(tasks, kept, jobs, done)

    def exhausting(task: Task) -> float:
        world = world_of(task.world, task.seed % MADE, folder)
        return world.exhausting(tuning(world.examples))

    worlds = dict.fromkeys(task.world for task in tasks)
    return Report(
        found=found,
        simulated=[world for world in worlds if world in SIMULATED],
        recorded=[world for world in worlds if world in RECORDED],
        outside=[world for world in worlds if world not in {*SIMULATED, *RECORDED}],
        ours=next(iter(OURS)),
        labels={name: method.label for name, method in EVERY.items()},
        ablations=list(ABLATIONS),
        units=units,
        exhausting=exhausting,
        points={
            name: len(list(world_of(name, 0, folder).space.points(FREE)))
            for name in worlds
        },
    )


def keep_tables(paths: Sequence[Path], options: TableOptions, kept: Kept) -> list[str]:
    """Read tables from outside and keep them beside the runs; their names.

    What was left out of a table is said on standard error.

    Raises:
        DataError: a table cannot be searched.
    """
    names = []
    for path in paths:
        world, notes = load_outside(path, options)
        for note in notes:
            print(note, file=sys.stderr)
        world.best()
        keep(world, kept.folder, world.name)
        names.append(world.name)
    return list(dict.fromkeys(names))


def write(out: Path, found: Report, command: str, runs: int, seconds: float) -> str:
    """Write the page and its plots; the page."""
    plots = {}
    out.parent.mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        if found.methods(kind):
            path = out.with_name(f"{out.stem}-{kind}.svg")
            path.write_text(draw(found, kind), encoding="utf-8")
            plots[kind] = path.name
    ran = {task.method for task in found.found}
    budgets = " and ".join(f"{units:g}" for units in found.units[:2])
    slow = "".join(
        f" So was {EVERY[name].label}, at {budgets} units only."
        for name in SLOW
        if name in ran
    )
    head = f"""`{command}`,
{time.strftime("%Y-%m-%d")}, commit {commit()}, {len(found.found)} searches, {seconds:.0f} s for those that were not
kept from before. Draws are replayed; no dollar was spent.

Regret is by how many points (hundredths of the score's range) the config that a search chose is worse than the best
one of the world, the truth being the mean over all examples and draws. A unit is one draw of the average point on the
tuning examples; {", ".join(f"{units:g}" for units in found.units)} units were given to each method, {runs} times on
each family of simulated worlds, which takes turns with {MADE} of them, and {TWICE * runs} times on each recorded table.
Each seed has its own tuning examples and draw order. Under a limit on cost and in held-out halves, rivals were run
with {min(runs, FEW)} of the seeds.{slow} Medians have 95 % bootstrap intervals. "Behind ours" is the mean difference
of regret in runs with the same seed, with a 95 % interval: above 0, ours is better. Simulated and recorded worlds are
never in one number. Ours chooses more answers than it bought only where a study with such a search could meet that
choice on 20 holdout examples (`max_extrapolated_cost` in tune/fakes/drive.py)."""
    text = page(found, head, plots)
    out.write_text(text, encoding="utf-8")
    return text


@contextmanager
def counting(total: int, *, quiet: bool) -> Iterator[Callable[[], None]]:
    """A bar of the runs that are made, or a line now and then where there is no terminal."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    plain = not quiet and not sys.stderr.isatty()
    columns = (
        TextColumn("searches"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    bar = Progress(
        *columns, console=Console(stderr=True), disable=quiet or plain, transient=True
    )
    task = bar.add_task("searches", total=total)
    begun = said = time.monotonic()
    count = 0

    def done() -> None:
        nonlocal said, count
        count += 1
        bar.advance(task)
        if plain and time.monotonic() - said > PLAIN_EVERY:
            said = time.monotonic()
            print(
                f"{count} of {total} searches, {said - begun:.0f} s",
                file=sys.stderr,
                flush=True,
            )

    with bar:
        yield done


def main(argv: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = make_parser(__doc__)
    parser.add_argument(
        "--runs",
        type=int,
        default=40,
        help="seeds, for each family of worlds; recorded tables have twice as many",
    )
    parser.add_argument("--seed", type=int, default=0, help="the first of them")
    parser.add_argument("--units", type=float, nargs="+", default=[3, 10, 30])
    parser.add_argument(
        "--methods", nargs="+", choices=list(EVERY), default=list(EVERY)
    )
    parser.add_argument(
        "--worlds",
        nargs="*",
        choices=[*SIMULATED, *RECORDED],
        default=[*SIMULATED, *RECORDED],
    )
    add_table_flags(parser)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument(
        "--cache", type=Path, default=ROOT / "results" / "search" / "runs.jsonl"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "search.md")
    parser.add_argument(
        "--only-run", action="store_true", help="make and keep the runs, write no page"
    )
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    given = parser.parse_args(argv)
    began = time.monotonic()
    kept = Kept(given.cache)
    try:
        tables = keep_tables(given.table, read_flags(given), kept)
    except DataError as error:
        parser.error(str(error))
    if not given.worlds and not tables:
        parser.error("there is no world to search: name some, or give a --table")
    methods = (
        given.methods
        if given.only_run
        else list(dict.fromkeys([*OURS, *given.methods]))
    )
    tasks = plan(
        methods,
        [*given.worlds, *tables],
        given.units,
        range(given.seed, given.seed + given.runs),
    )
    found = report(tasks, kept, given.jobs, given.units, quiet=given.quiet)
    if not given.only_run:
        shown = ["-m benchmarks.search", *(sys.argv[1:] if argv is None else argv)]
        print(
            write(
                given.out,
                found,
                "uv run python " + " ".join(shown),
                given.runs,
                time.monotonic() - began,
            )
        )


if __name__ == "__main__":
    main()
