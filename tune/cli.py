"""The command line: flags are the keywords of `tune.tune`, with dashes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from tune.commands import DONE, finish

if TYPE_CHECKING:
    from tune.study import Study

COMMANDS = {
    "reconcile": ("tune.commands.reconcile", "book what the provider billed in place of uncertain charges"),
}
"""Commands besides a run, by their first word: the module whose `main` runs it, and what it does."""

EPILOG = """\
With no more than --budget, a small language model that runs on this machine is tuned on product reviews:
no key is needed and nobody is billed. Exit status: 0 done, 1 the run failed, 2 bad input, 130 interrupted
(the same command resumes). The same command again shows the result for $0; with a larger --budget it goes on.

other commands (each has its own --help):
""" + "\n".join(f"  tune {name:10s} {what}" for name, (_, what) in COMMANDS.items())


def build_parser() -> argparse.ArgumentParser:
    """Every flag of a run."""
    parser = argparse.ArgumentParser(
        prog="tune",
        description="Find the best model, prompt and settings for a task, for at most so many dollars.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    parser.add_argument("--budget", type=float, metavar="USD", help="dollars that are never exceeded")

    task = parser.add_argument_group("the task")
    task.add_argument("--data", metavar="FILE", help="jsonl, json, csv, parquet, or hf:org/name:split")
    task.add_argument("--input", action="append", metavar="COL", help="a column that fills the templates (repeatable)")
    task.add_argument("--target", metavar="COL", help="the column that holds what is wanted")
    task.add_argument("--metric", metavar="NAME", help="exact_match, contains, numeric, ..., or module:attribute")
    task.add_argument("--holdout", type=float, metavar="SHARE", help="examples kept for the final check (default 0.4)")
    task.add_argument("--group", metavar="COL", help="keep rows with the same value on one side of that split")

    search = parser.add_argument_group("what is searched")
    search.add_argument("--space", metavar="FILE", help="a TOML file: see the README")
    search.add_argument("--model", action="append", metavar="NAME", help="a model (repeatable)")
    search.add_argument("--base-url", metavar="URL", help="an OpenAI-compatible endpoint")
    search.add_argument(
        "--price", action="append", metavar="MODEL=IN/OUT", help="dollars per million tokens (repeatable)"
    )
    search.add_argument("--max-cost-per-request", type=float, metavar="USD", help="what a config may cost in use")
    search.add_argument("--max-seconds-per-request", type=float, metavar="S", help="how long it may take")
    search.add_argument("--baseline", metavar="FILE|JSON", help="the config you use today")
    search.add_argument("--searcher", metavar="NAME", help="random, grid, blendsearch, cfo, tpe, nsga2, gp")
    search.add_argument("--strategy", metavar="NAME", help="halving, full")
    search.add_argument("--verifier", metavar="MODULE:ATTR", help='judges answers for the aggregate "best"')

    run = parser.add_argument_group("the run")
    run.add_argument("--seed", type=int, metavar="N", help="of the split, the order and the search (default 0)")
    run.add_argument("--concurrency", type=int, metavar="N", help="calls in flight per endpoint (default 64)")
    run.add_argument("--time-limit", type=float, metavar="S", help="seconds for the search")
    run.add_argument("--trials", type=int, metavar="N", help="the most paid points that are tried")
    run.add_argument("--results", metavar="DIR", help="default results/<data>-<fingerprint>")
    run.add_argument("--store", metavar="URL", help="where draws are kept (default draws.db in the results folder)")
    run.add_argument("--fresh", action="store_true", default=None, help="ignore draws that other studies bought")
    run.add_argument("--quiet", action="store_true", help="show no progress")
    run.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words and words[0] in COMMANDS:
        command: Callable[[Sequence[str]], int] = import_module(COMMANDS[words[0]][0]).main
        return command(words[1:])
    parser = build_parser()
    given = vars(parser.parse_args(words))
    quiet, as_json = given.pop("quiet"), given.pop("json")
    if given.pop("version"):
        from importlib.metadata import version

        sys.stdout.write(f"tune {version('tune-llm')}\n")
        return DONE
    if given["budget"] is None:
        parser.error("--budget USD is needed: the dollars that are never exceeded, as in --budget 5")
    return _run(given, quiet=quiet or as_json, as_json=as_json)


def _run(given: dict[str, Any], *, quiet: bool, as_json: bool) -> int:
    apart = ("data", "space", "budget")
    options = {name: value for name, value in given.items() if value is not None and name not in apart}

    def work() -> Study:
        from tune.progress import Screen
        from tune.tuner import run_study

        screen = Screen(quiet=quiet)
        with screen.shown():
            return run_study(
                given["data"],
                space=given["space"],
                budget=given["budget"],
                options=options,  # type: ignore[arg-type]
                observer=screen,
                notice=screen.say,
            )

    return finish(work, as_json=as_json)
