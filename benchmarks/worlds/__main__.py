"""uv run --all-extras --group dev python -m benchmarks.worlds [labels sst2 ...]

Question: what is there to find in the worlds that the benchmarks search? It prints a table and
writes nothing. It takes about a minute, because the best config is found by trying all. No key, no
dollar. With --table FILE it shows a table from outside instead.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from benchmarks.command_line import make_parser
from benchmarks.worlds.named import RECORDED, SIMULATED, make_world
from benchmarks.worlds.outside import add_table_flags, load_tables
from benchmarks.worlds.worlds import World
from tune.pricing.amounts import dollars
from tune.report.text import table
from tune.space import FREE

NAMES = (*SIMULATED, *RECORDED)

HEAD = [
    "world",
    "examples",
    "paid points",
    "configs",
    "draws of a point",
    "best score",
    "mean score",
    "median cost of a request",
]


def row(name: str, world: World) -> list[str]:
    """Return the cells of one world."""
    points = list(world.space.points(FREE))
    configs = [config for point in points for config in world.readings(point)]
    scores = [world.worth(config) for config in configs]
    draws = max(answers.shape[1] for answers in world.answers.values())
    return [
        name,
        str(world.examples),
        str(len(points)),
        str(len(configs)),
        str(draws),
        f"{max(scores):.3f}",
        f"{sum(scores) / len(scores):.3f}",
        dollars(world.middle_cost()),
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Print a table of these worlds."""
    parser = make_parser(__doc__)
    parser.add_argument("names", nargs="*", metavar="WORLD", help=", ".join(NAMES))
    parser.add_argument("--seed", type=int, default=0, help="of the made-up worlds")
    add_table_flags(parser)
    given = parser.parse_args(argv)
    unknown = [name for name in given.names if name not in NAMES]
    if unknown:
        parser.error(f"no world is called {unknown[0]}; there are {', '.join(NAMES)}")
    rows = []
    for table_world in load_tables(parser, given):
        rows.append(row(table_world.name.partition("#")[0], table_world))
    names = given.names or ([] if given.table else NAMES)
    rows += [row(name, make_world(name, given.seed)) for name in names]
    print(table(HEAD, rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
