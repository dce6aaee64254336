"""uv run --all-extras --group dev python -m benchmarks.warm [--seeds 12] [--table FILE]

Question: does a study find better configs for the same dollars if an earlier study in the store
guides what it buys first (`--warm-start`), and what does an earlier study cost that misleads? It
writes results/warm.md. Twelve seeds take about half an hour of one core. No key, no dollar: draws
are replayed.

The earlier study spends 3 units. Then the later one is searched with 1 and 3 units, with what the
earlier one left and without it: the same examples, draws and seed. A unit is the dollars of one
average config on all tuning examples. Pairs of studies are made up (`pairs.py`), or come from
tables from outside: --table may be given several times.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import get_context
from pathlib import Path

# One thread for each process; several are slower for small matrices.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from benchmarks.command_line import commit, make_parser
from benchmarks.warm.pairs import MADE_UP, MakePair, of_tables
from benchmarks.warm.runs import EARLIER_UNITS, regrets
from benchmarks.worlds.outside import add_table_flags, load_outside, read_flags
from tune.errors import DataError
from tune.report.text import table
from tune.stats.student_t import t_quantile

UNITS = (1.0, 3.0)
"""Budgets of the later study."""

ROOT = Path(__file__).parent.parent.parent


def measure(
    makers: Mapping[str, MakePair], seeds: int, jobs: int
) -> dict[str, np.ndarray]:
    """Return regrets by pair: seeds x budgets x (without, with).

    Args:
        makers: of the pairs, by name.
        seeds: of each.
        jobs: processes that search side by side.
    """
    found = {}
    with get_context("spawn").Pool(jobs) as pool:
        for name, make in makers.items():
            runs = pool.starmap(
                regrets, [(make, seed, UNITS) for seed in range(seeds)], 1
            )
            found[name] = np.array(runs)
            means = found[name].mean(axis=0).round(2).tolist()
            print(f"{name}: {means}", file=sys.stderr, flush=True)
    return found


def page(made_up: Mapping[str, np.ndarray], tables: Mapping[str, np.ndarray]) -> str:
    """Return the page."""
    first = next(iter(made_up.values()))
    parts = [
        "# Warm start: earlier studies in the store",
        f"Measured at {commit()} with `python -m benchmarks.warm`, {len(first)} seeds. Regret is "
        "how many points (of 100) the selected config is worse than the best one, in truth. "
        f'The earlier study spent {EARLIER_UNITS:g} units. "Change" is paired: with the earlier '
        "study less without it, on the same examples and draws, with its 95 % interval over seeds. "
        "Below 0 is better.",
        "## Made-up pairs of tasks",
        _table(made_up),
    ]
    if tables:
        parts += [
            "## Tables from outside",
            "All seeds of a table have the same models, so the intervals hold for that table only.",
            _table(tables),
        ]
    return "\n\n".join(parts) + "\n"


def _table(found: Mapping[str, np.ndarray]) -> str:
    header = ["the earlier study"]
    for budget in UNITS:
        unit = "unit" if budget == 1 else "units"
        header += [f"{budget:g} {unit}: without", "with", "change"]
    rows = []
    for name, runs in found.items():
        row = [name]
        for place in range(len(UNITS)):
            without, with_it = runs[:, place].T
            row += [f"{without.mean():.2f}", f"{with_it.mean():.2f}"]
            row.append(_change(with_it - without))
        rows.append(row)
    return table(header, rows)


def _change(differences: np.ndarray) -> str:
    count = len(differences)
    mean = float(differences.mean())
    if count < 2:
        return f"{mean:+.2f}"
    half = t_quantile(0.975, count - 1) * differences.std(ddof=1) / np.sqrt(count)
    return f"{mean:+.2f} ({mean - half:+.2f} to {mean + half:+.2f})"


def main(argv: Sequence[str] | None = None) -> int:
    parser = make_parser(__doc__)
    parser.add_argument(
        "--seeds", type=int, default=12, help="pairs of each kind (default: 12)"
    )
    parser.add_argument(
        "--jobs", type=int, default=1, help="processes side by side (default: 1)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=ROOT / "results" / "warm.md",
        help="the page (default: results/warm.md)",
    )
    add_table_flags(parser)
    given = parser.parse_args(argv)
    for name in ("seeds", "jobs"):
        if getattr(given, name) < 1:
            parser.error(f"--{name} is a number from 1, but got {getattr(given, name)}")
    try:
        worlds = [load_outside(path, read_flags(given)).world for path in given.table]
    except DataError as error:
        parser.error(str(error))
    made_up = measure(MADE_UP, given.seeds, given.jobs)
    tables = measure(of_tables(worlds), given.seeds, given.jobs)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(page(made_up, tables), encoding="utf-8")
    print(given.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
