"""uv run --all-extras --group dev --group benchmarks python -m benchmarks.search [--table FILE]

Question: does our search find better configs than every method that a user could pick instead, for
the same dollars? It writes results/search.md with its plots. From nothing it takes about a day of
one core; --short takes less than an hour of two. No key, no dollar: draws are replayed.

The worlds are made up (`benchmarks/worlds/worlds.py` and `kinds.py` there), recorded tables, or
tables from outside: --table takes a parquet, csv or jsonl file with a row for each answer and
columns such as model, prompt, example and score; flags give other names. Worlds are searched with
free dimensions read off the draws, and with every dimension paid. The true score of each config is
known exactly.

- `benchmarks/rivals/`: the other methods; `ours.py`: ours, and ours with a part taken out;
- `runs.py`: one search; `goals.py`: its judgement; `numbers.py`: medians and paired differences;
  `claims.py`, `page.py`: what was promised, and the page.

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
from dataclasses import dataclass, replace
from pathlib import Path

# One thread for each process: searches run side by side, and seconds of computing mean the same on
# every machine.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from benchmarks.command_line import commit, make_parser
from benchmarks.rivals.bandits import CHECKED
from benchmarks.search.goals import priced
from benchmarks.search.ours import ABLATIONS, EVERY, OURS
from benchmarks.search.page import draw, page
from benchmarks.search.report import Report
from benchmarks.search.runs import (
    COST_SETTINGS,
    KINDS,
    MADE,
    Kept,
    Task,
    keep,
    kinds_of,
    run_all,
    tuning,
    world_of,
)
from benchmarks.worlds.named import RECORDED, SIMULATED, chosen_on
from benchmarks.worlds.outside import add_table_flags, load_tables
from benchmarks.worlds.worlds import FAMILIES, World
from tune.space import FREE

ROOT = Path(__file__).parent.parent.parent

UNITS = (1, 3, 10, 30)
"""Budgets."""

MIDDLE = (3, 10)
"""Budgets of what is slow, and of searches for other goals and with a part taken out."""

BESIDE = ("blendsearch", "tpe", "halving", "ucb", "ucb_pulls")
"""Rivals that search for other goals, under a limit on cost, and in held-out halves too."""

APART = 16
"""Seeds with which ours is run with a part taken out."""

TWICE = 2
"""Times as many seeds on recorded tables and tables from outside: each is but one world."""

SLOW = ("smac",)
"""Rivals whose searches take many seconds each: with few seeds, and at two budgets only."""

SHORT = (
    "random",
    "blendsearch",
    "tpe",
    "halving",
    "ucb",
    "ucb_batches",
    "ucb_pulls",
    "ucb_lrf",
    "racing",
)
"""Rivals of the short version."""


@dataclass(frozen=True)
class Size:
    """The size of a comparison.

    Attributes:
        runs: seeds for each made-up world.
        few: of these, the seeds with which more is run than the plain search: other goals, a limit
            on cost, held-out halves, and slow rivals.
        halves: whether held-out halves are run.
    """

    runs: int
    few: int
    halves: bool


FULL = Size(runs=40, few=8, halves=True)
BRIEF = Size(runs=4, few=2, halves=False)
"""The whole comparison takes about a day of one core, the short one about an hour."""

PLAIN_EVERY = 30.0
"""Seconds between lines where there is no terminal to draw a bar on."""


def plan(
    methods: Sequence[str],
    worlds: Sequence[str],
    units: Sequence[float],
    seed: int,
    size: Size,
) -> list[Task]:
    """Everything to run, seed by seed: what is there when it is stopped early is even.

    Args:
        methods: by name.
        worlds: families and kinds of simulated worlds, recorded tables, tables from outside.
        units: budgets.
        seed: the first seed.
        size: how much is run.
    """
    found: list[Task] = []
    for number in range(TWICE * size.runs):
        for world in worlds:
            if number < size.runs or world not in SIMULATED:
                for method in methods:
                    found += _tasks(method, world, units, seed, number, size)
    return found


def _tasks(
    method: str,
    world: str,
    units: Sequence[float],
    seed: int,
    number: int,
    size: Size,
) -> list[Task]:
    """Return the searches of a method in a world with the seed of a number."""
    few = number < size.few
    middle = [budget for budget in units if budget in MIDDLE]

    def at(budgets: Sequence[float], *settings: str, kind: str = "read") -> list[Task]:
        return [
            Task(world, method, kind, budget, seed + number, setting)
            for setting in settings
            for budget in budgets
        ]

    if method in ABLATIONS:
        return at(middle, "plain") if number < APART and world in FAMILIES else []
    if method in SLOW:
        both = [at(middle, "plain", kind=kind) for kind in KINDS]
        return both[0] + both[1] if few else []
    found = at(units, "plain") + at(units, "plain", kind="paid")
    if few and (method in OURS or method in BESIDE):
        found += at(middle, *COST_SETTINGS)
        found += at(units, "halves") if size.halves else []
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


def paired(tasks: Sequence[Task], kept: Kept) -> list[Task]:
    """Return the tasks that were run, where ours was run with the same seed."""
    ran = [task for task in tasks if kept.find(task.key(EVERY[task.method].version))]
    own = {replace(task, method="") for task in ran if task.method in OURS}
    return [task for task in ran if replace(task, method="") in own]


def differing(tasks: Sequence[Task], kept: Kept) -> list[Task]:
    """Return the tasks that are a search of their own.

    Where nothing can be read off draws, every search is as if every dimension were paid. Where all
    configs cost the same, goals that have to do with cost say nothing.
    """
    there = {
        name: world_of(name, 0, kept.folder) for name in {task.world for task in tasks}
    }
    alike = {name for name, world in there.items() if kinds_of(world) == ("read",)}
    flat = {name for name, world in there.items() if not priced(world)}
    found = []
    for task in tasks:
        again = task.kind == "paid" and task.world in alike
        costless = task.setting in COST_SETTINGS and task.world in flat
        if not again and not costless:
            found.append(task)
    return found


def report(
    tasks: Sequence[Task],
    kept: Kept,
    jobs: int,
    units: Sequence[float],
    *,
    quiet: bool = False,
) -> Report:
    """Run what is missing, and gather everything."""
    tasks = differing(possible(tasks, kept), kept)
    folder = kept.folder
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
        reported=[world for world in worlds if not chosen_on(world)],
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


def keep_tables(worlds: Sequence[World], folder: Path) -> list[str]:
    """Keep tables from outside beside the runs, for all processes; their names."""
    for world in worlds:
        world.best()
        keep(world, folder, world.name)
    return [world.name for world in worlds]


def write(out: Path, found: Report, command: str, size: Size, seconds: float) -> str:
    """Write the page and its plots; the page."""
    plots = {}
    out.parent.mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        if found.methods(kind):
            path = out.with_name(f"{out.stem}-{kind}.svg")
            path.write_text(draw(found, kind), encoding="utf-8")
            plots[kind] = path.name
    ran = {task.method for task in found.found}
    budgets = " and ".join(f"{units:g}" for units in MIDDLE)
    slow = "".join(
        f" So was {EVERY[name].label}, at {budgets} units only."
        for name in SLOW
        if name in ran
    )
    chosen = [w.partition("#")[0] for w in found.everything if w not in found.reported]
    head = f"""`{command}`,
{time.strftime("%Y-%m-%d")}, commit {commit()}, {len(found.found)} searches, {seconds:.0f} s for those that were not
kept from before. Draws are replayed; no dollar was spent.

Regret is by how many points (hundredths of the score's range) the config that a search chose is worse than the best
one of the world, the truth being the mean over all examples and draws. A unit is one draw of the average point on the
tuning examples; {", ".join(f"{units:g}" for units in found.units)} units were given to each method, with {size.runs}
seeds on each made-up family or kind, which takes turns with {MADE} worlds, and with {TWICE * size.runs} on each recorded
table and table from outside. A seed is a split of a world's examples into those that are tuned on and others, an order of
the draws, and where it is made up another world. For other goals, under a limit on cost and in held-out halves, methods
were run with {min(size.runs, size.few)} of the seeds, at {budgets} units.{slow}

In means over several worlds, every world counts alike. Medians have 95 % bootstrap intervals. "Behind ours" is the mean
difference of regret in pairs, with a 95 % interval: above 0, ours is better. A pair has one world and one split, and
that is the unit of the interval. Where nothing can be read off draws, a search is the same with every
dimension paid, and is shown once. Settings of the search were chosen on {", ".join(chosen) or "none of these worlds"};
"the half that is reported" are all others. Ours chooses more answers than it bought only where a study with such a search
could meet that choice on 20 holdout examples (`max_extrapolated_cost` in tune/fakes/drive.py).

{CHECKED}"""
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


def shown(words: Sequence[str]) -> str:
    """Return the command for a page: without what says where files are on this machine."""
    kept: list[str] = []
    left = iter(words)
    for word in left:
        if word in ("--cache", "--out"):
            next(left, None)
        elif word != "--only-kept":
            kept.append(Path(word).name if "/" in word else word)
    return " ".join(["uv run python -m benchmarks.search", *kept])


def main(argv: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = make_parser(__doc__)
    parser.add_argument(
        "--short",
        action="store_true",
        help=f"fewer rivals and seeds: under an hour of two cores (else {FULL.runs} seeds)",
    )
    parser.add_argument(
        "--runs",
        type=int,
        help="seeds, for each made-up world; other tables have twice as many "
        f"(default: {FULL.runs}, with --short {BRIEF.runs})",
    )
    parser.add_argument("--seed", type=int, default=0, help="the first of them")
    parser.add_argument("--units", type=float, nargs="+", default=list(UNITS))
    parser.add_argument("--methods", nargs="+", choices=list(EVERY))
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
    parser.add_argument(
        "--only-kept",
        action="store_true",
        help="run nothing: write the page of the runs that are kept",
    )
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    given = parser.parse_args(argv)
    began = time.monotonic()
    if given.runs is not None and given.runs < 1:
        parser.error(f"--runs must be 1 or more, but is {given.runs}")
    if given.only_run and given.only_kept:
        parser.error("--only-run and --only-kept exclude each other")
    if given.jobs < 1 or min(given.units) <= 0:
        parser.error("--jobs must be 1 or more, and --units above 0")
    kept = Kept(given.cache)
    folder = kept.folder or given.cache.parent
    tables = keep_tables(load_tables(parser, given), folder)
    if not given.worlds and not tables:
        parser.error("there is no world to search: name some, or give a --table")
    size = BRIEF if given.short else FULL
    if given.runs is not None:
        size = replace(size, runs=given.runs)
    methods = given.methods or (SHORT if given.short else list(EVERY))
    if not given.only_run or given.methods is None:
        methods = list(dict.fromkeys([*OURS, *methods]))
    worlds = [*given.worlds, *tables]
    tasks = plan(methods, worlds, given.units, given.seed, size)
    if given.only_kept:
        tasks = paired(tasks, kept)
        if not tasks:
            parser.exit(
                2,
                f"{parser.prog}: error: no run of this plan is kept in {given.cache}\n",
            )
    found = report(tasks, kept, given.jobs, given.units, quiet=given.quiet)
    if not given.only_run:
        print(
            write(
                given.out,
                found,
                shown(sys.argv[1:] if argv is None else argv),
                size,
                time.monotonic() - began,
            )
        )


if __name__ == "__main__":
    main()
