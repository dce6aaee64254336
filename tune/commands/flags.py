"""The flags of a run, which other commands take too: the keywords of `tune.tune`, with dashes."""

from __future__ import annotations

import argparse
from typing import Any

from tune.commands import Parser

WHAT = "Find the best model, prompt and settings for a task, for at most so many dollars."

APART = ("data", "space", "budget", "quiet", "json", "version")
"""Flags that are no options of `tune.tune`."""


def build_run_parser(
    prog: str = "tune", description: str = WHAT, epilog: str = ""
) -> argparse.ArgumentParser:
    """Every flag of a run.

    Args:
        prog: the command's name.
        description: what it does.
        epilog: what its help ends with.
    """
    parser = Parser(
        prog=prog,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    parser.add_argument(
        "--budget",
        type=float,
        metavar="USD",
        help="dollars that are never exceeded; not needed where every price is 0",
    )

    task = parser.add_argument_group("the task")
    task.add_argument(
        "--data", metavar="FILE", help="jsonl, json, csv, parquet, or hf:org/name:split"
    )
    task.add_argument(
        "--input",
        action="append",
        metavar="COL",
        help="a column that fills the templates (repeatable)",
    )
    task.add_argument("--target", metavar="COL", help="the column that holds what is wanted")
    task.add_argument(
        "--metric", metavar="NAME", help="exact_match, contains, numeric, ..., or module:attribute"
    )
    task.add_argument(
        "--allow-code",
        action="store_true",
        default=None,
        help="let the metric run what models write, within limits",
    )
    task.add_argument(
        "--holdout",
        type=float,
        metavar="SHARE",
        help="examples kept for the final check (default 0.4)",
    )
    task.add_argument(
        "--split",
        metavar="COL",
        help="or a column that says it: train or tuning, test or holdout, shots",
    )
    task.add_argument(
        "--by",
        action="append",
        metavar="COL",
        help="show the quality by this column's values (repeatable)",
    )
    task.add_argument("--group", metavar="COL", help="keep rows with the same value on one side")

    search = parser.add_argument_group("what is searched")
    search.add_argument("--space", metavar="FILE", help="a TOML file: see the README")
    search.add_argument("--model", action="append", metavar="NAME", help="a model (repeatable)")
    search.add_argument("--base-url", metavar="URL", help="an OpenAI-compatible endpoint")
    search.add_argument(
        "--key-env",
        metavar="NAME",
        help="the environment variable with its key (default: OPENAI_API_KEY, for OpenAI, the host of OPENAI_BASE_URL, "
        "and this machine alone)",
    )
    search.add_argument(
        "--allow-http",
        action="store_true",
        default=None,
        help="let a key go unencrypted outside private networks",
    )
    search.add_argument(
        "--price",
        action="append",
        metavar="MODEL=IN/OUT",
        help="dollars per million tokens (repeatable); +FEE adds dollars per request, ',confirmed' takes a price that "
        "is far below the published one",
    )
    search.add_argument(
        "--output-tokens",
        action="append",
        metavar="[NAME=]N",
        help="how long answers are, for the estimate: of a prompt, a model or MODEL/PROMPT (repeatable)",
    )
    search.add_argument(
        "--max-cost-per-request", type=float, metavar="USD", help="what a config may cost in use"
    )
    search.add_argument(
        "--max-seconds-per-request", type=float, metavar="S", help="how long it may take"
    )
    search.add_argument(
        "--goal",
        metavar="{quality,cheapest,frontier}",
        help="the best (default), the cheapest that is good enough, or the best at every cost",
    )
    search.add_argument(
        "--min-quality", type=float, metavar="Q", help="for cheapest: a score that is good enough"
    )
    search.add_argument(
        "--margin",
        type=float,
        metavar="M",
        help="for cheapest: how much worse than the baseline it may be",
    )
    search.add_argument("--baseline", metavar="FILE|JSON", help="the config you use today")
    search.add_argument(
        "--searcher", metavar="NAME", help="random, grid, blendsearch, cfo, tpe, nsga2, gp"
    )
    search.add_argument(
        "--strategy",
        metavar="NAME",
        help="knowledge_gradient (default), halving (for cheapest), full",
    )
    search.add_argument(
        "--verifier", metavar="MODULE:ATTR", help='judges answers for the aggregate "best"'
    )

    run = parser.add_argument_group("the run")
    run.add_argument(
        "--seed", type=int, metavar="N", help="of the split, the order and the search (default 0)"
    )
    run.add_argument(
        "--concurrency", type=int, metavar="N", help="calls in flight per endpoint (default 64)"
    )
    run.add_argument(
        "--time-limit",
        type=float,
        metavar="S",
        help="seconds for the search (default 900 where every price is 0)",
    )
    run.add_argument(
        "--min-gain", type=float, metavar="POINTS", help="end when less is expected (default 0.1)"
    )
    run.add_argument(
        "--splits",
        type=int,
        metavar="K",
        help="show the spread over K random splits; costs nothing",
    )
    run.add_argument("--trials", type=int, metavar="N", help="the most paid points that are tried")
    run.add_argument("--results", metavar="DIR", help="default results/<data>-<fingerprint>")
    run.add_argument(
        "--store",
        metavar="URL",
        help="where draws are kept (default draws.db in the results folder)",
    )
    run.add_argument(
        "--fresh", action="store_true", default=None, help="ignore draws that other studies bought"
    )
    run.add_argument(
        "--keep-going",
        action="store_true",
        default=None,
        help="search on though no prompt's answers are read rightly",
    )
    run.add_argument(
        "--no-content",
        action="store_true",
        default=None,
        help="keep texts of examples and answers out of the report",
    )
    run.add_argument("--quiet", action="store_true", help="show no progress")
    run.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    return parser


def given_options(given: dict[str, Any]) -> dict[str, Any]:
    """The options of `tune.tune` among parsed flags: those that were given."""
    return {name: value for name, value in given.items() if value is not None and name not in APART}
