"""The command line: flags are the keywords of `tune.tune`, with dashes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NoReturn

from tune.commands import (
    BAD_INPUT,
    print_notice,
    print_result,
    run_as_process,
    run_study_command,
)
from tune.commands.flags import build_run_parser, given_options
from tune.commands.parser import did_you_mean
from tune.safety.escape import show_tracebacks_scrubbed
from tune.task.callables import leave_working_directory

if TYPE_CHECKING:
    from tune.study.study import Study

COMMANDS = {
    "answers": (
        "tune.commands.answers",
        "show the answers of any configuration of a study to each example, for nothing",
    ),
    "challenge": (
        "tune.commands.challenge",
        "ask whether a new model would enter a study's frontier",
    ),
    "check": (
        "tune.commands.check",
        "test on new examples whether an exported config still holds",
    ),
    "compare": (
        "tune.commands.compare",
        "compare two studies or configurations, paired on the examples that both answered",
    ),
    "estimate": (
        "tune.commands.estimate",
        "what a run would cost and could see; sends nothing, spends nothing",
    ),
    "export": (
        "tune.commands.export",
        "write the winner for an agent framework, or the search for Optuna, CSV or Parquet",
    ),
    "list": (
        "tune.commands.list",
        "list the studies of a results folder with winners and dollars",
    ),
    "models": (
        "tune.commands.models",
        "what is known of models: price, host and key, settings, end of life; sends nothing",
    ),
    "report": (
        "tune.commands.report",
        "write the report of a study again: finished, interrupted or running",
    ),
    "reprice": (
        "tune.commands.reprice",
        "read a finished study again under other prices or limits, for nothing",
    ),
    "forget": (
        "tune.commands.forget",
        "remove the texts of one example from a study and its store",
    ),
    "reconcile": (
        "tune.commands.reconcile",
        "book what the provider billed in place of uncertain charges",
    ),
}
"""Commands besides a run, by their first word: the module with its `main`, and its purpose."""

EPILOG = """\
With no more than --budget, a small language model that runs on this machine is tuned on product
reviews: no key is needed and nobody is billed. The same command again shows the result for $0; with
a larger --budget it goes on. Exit status: 0 done, 1 the run failed, 2 bad input, 5 no configuration
keeps the limits, 130 interrupted (the same command resumes).

other commands (each has its own --help):
""" + "\n".join(f"  tune {name:10s} {what}" for name, (_, what) in COMMANDS.items())


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    # Data often lies in the working directory. A file there named like a module must not be
    # imported.
    leave_working_directory()
    if words and words[0] in COMMANDS:
        # Imported now: `tune --help` should not wait for modules that it does not need.
        command: Callable[[Sequence[str]], int] = import_module(
            COMMANDS[words[0]][0]
        ).main
        return command(words[1:])
    if words and not words[0].startswith("-"):
        print_notice(
            f"there is no command {words[0]!r}{did_you_mean(words[0], COMMANDS)} "
            "(tune --help lists all commands)"
        )
        return BAD_INPUT
    if not _wants_json_log(words):
        return _main(words)
    from tune.study.display.json_log import StandardErrorAsJson

    with StandardErrorAsJson():
        return _main(words)


def _wants_json_log(words: Sequence[str]) -> bool:
    """Return True if standard error shall be JSON, also where the flags cannot be read."""
    flag = "--log-format"
    return f"{flag}=json" in words or (flag, "json") in pairwise(words)


def _main(words: Sequence[str]) -> int:
    """Run a study, by its flags."""
    parser = build_run_parser(epilog=EPILOG)
    given = parser.parse_args(words)
    # importlib.metadata is slow, so it is imported only here.
    if given.version:
        from importlib.metadata import version

        return print_result(f"tune {version('tune-llm')}")
    options = given_options(given)
    # A space, a list of models or a price may say that nobody is billed: the plan finds out.
    if not options.keys() & {"budget", "price", "space", "models"}:
        parser.error(
            "--budget USD is needed: the dollars that are never exceeded, as in --budget 5"
        )
    return _run(options, as_json=given.json)


def run() -> NoReturn:
    """Run the command line as the program `tune`, and end the process with its status."""
    show_tracebacks_scrubbed()
    run_as_process(main)


def _run(given: dict[str, Any], *, as_json: bool) -> int:
    def work() -> Study:
        from tune.plan.read_options import read_options
        from tune.study.display import choose_display
        from tune.tuner import run_study

        options = read_options(**given)
        # One who reads the result as JSON wants nothing else, unless a log was asked for.
        quiet = options.quiet or (as_json and options.log_format == "text")
        with choose_display(options.log_format, quiet=quiet) as display:
            return run_study(options, display=display)

    return run_study_command(work, as_json=as_json)
