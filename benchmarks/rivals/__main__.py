"""uv run --all-extras --group dev --group benchmarks python -m benchmarks.rivals [tpe grid ...]

Question: what does one search by each rival find? It prints a table, writes nothing, and takes
about a minute. No key, no dollar: draws are replayed.

A rival is a method that a user could pick instead of `tune`. Each one searches the same world with
the same examples, draws and dollars. `benchmarks.search` compares them with ours over many seeds.

With --table FILE and --shares it prints how often a rival finds the best point of a table from
outside with a share of all answers. BanditEval's paper has this measure (`precision.py`).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from benchmarks.command_line import make_parser
from benchmarks.rivals.methods import METHODS
from benchmarks.rivals.precision import precision
from benchmarks.search.runs import KINDS, Run, Task, play, world_of
from benchmarks.worlds.named import RECORDED, SIMULATED
from benchmarks.worlds.outside import add_table_flags, load_tables
from benchmarks.worlds.worlds import World
from tune.report.text import table

BANDITS = ("ucb_batches", "ucb_pulls", "ucb_lrf")
"""Rivals whose paper counts how often the best point is found."""

HEAD = ["method", "regret, points of 100", "spent", "trials"]


def row(label: str, run: Run) -> list[str]:
    """Return the cells of one search."""
    return [
        label,
        f"{run.regret:.1f}",
        f"{run.spent / run.dollars:.0%}",
        str(run.trials),
    ]


def precisions(
    world: World, names: Sequence[str], shares: Sequence[float], runs: int
) -> str:
    """Return a table of how often rivals find the best point of a table from outside."""
    rows = []
    for name in names or BANDITS:
        found = precision(world, METHODS[name], shares, runs)
        rows.append([METHODS[name].label, *(f"{share:.2f}" for share in found)])
    title = world.name.partition("#")[0]
    return table([title, *(f"best found with {share:.0%}" for share in shares)], rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Search one world with each rival, and print what each of them found."""
    parser = make_parser(__doc__)
    parser.add_argument("methods", nargs="*", metavar="METHOD", help=", ".join(METHODS))
    parser.add_argument("--world", choices=[*SIMULATED, *RECORDED], default="labels")
    parser.add_argument("--kind", choices=KINDS, default="read", help="free dimensions")
    parser.add_argument("--units", type=float, default=3.0, help="the budget")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--shares",
        type=float,
        nargs="+",
        help="shares of all answers of a --table: prints how often the best point is found",
    )
    parser.add_argument("--runs", type=int, default=20, help="searches with each share")
    add_table_flags(parser)
    given = parser.parse_args(argv)
    if bool(given.shares) != bool(given.table):
        parser.error("--shares and --table go together")
    unknown = [name for name in given.methods if name not in METHODS]
    if unknown:
        known = ", ".join(METHODS)
        parser.error(f"no method is called {unknown[0]}; there are {known}")
    if given.shares:
        for world in load_tables(parser, given):
            print(precisions(world, given.methods, given.shares, given.runs))
        return 0
    rows = []
    for name in given.methods or METHODS:
        method = METHODS[name]
        if not method.installed:
            print(f"{method.label} is left out: {method.needs} is not installed")
            continue
        task = Task(given.world, name, given.kind, given.units, given.seed)
        run = play(task, method, world_of(given.world, given.seed))
        rows.append(row(method.label, run))
    print(table(HEAD, rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
