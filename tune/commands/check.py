"""tune check best.json --budget 0.50 [--data new.jsonl]"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from tune.commands import make_confirm, print_notice, print_result, run_command
from tune.commands.flags import add_options, given_options
from tune.commands.parser import Parser
from tune.plan.followup_options import CheckOptions
from tune.safety.escape import for_terminal, json_for_terminal
from tune.safety.redact import scrub

DESCRIPTION = (
    "Test whether an exported config still is as good as it was, for at most so many dollars: on "
    "new labelled examples, or on the study's own holdout."
)

EPILOG = """\
Exit status: 0 it holds, 3 it has regressed, 4 undecided within the budget or the data; 1 the check
failed, 2 bad input, 130 interrupted. Examples are bought in seeded random order, block by block,
until the scores decide. "Holds" and "regressed" are each wrong with at most the stated
probability, however often the scores were looked at, and the uncertainty of the recorded scores
counts too. Without --data the study's own holdout is asked again, and each answer is paired with
the score that it had: that sees smaller changes of the model for less money.
"""


def build_check_parser() -> argparse.ArgumentParser:
    """Return a parser for every flag of a check."""
    parser = Parser(
        prog="tune check",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "best", metavar="BEST.JSON", help="an exported config, or its folder"
    )
    parser.add_argument(
        "--data",
        metavar="FILE",
        help="New labelled examples. The default is the study's own holdout, asked again.",
    )
    parser.add_argument(
        "--budget",
        type=float,
        required=True,
        metavar="USD",
        help="Dollars that are never exceeded.",
    )
    add_options(parser, CheckOptions)
    parser.add_argument("--junit", metavar="FILE", help="Write JUnit's XML there.")
    parser.add_argument(
        "--quiet",
        action="store_true",
        help="Print nothing: the exit status is the answer.",
    )
    parser.add_argument(
        "--json", action="store_true", help="Print one JSON object and nothing else."
    )
    return parser


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit status."""
    given = build_check_parser().parse_args(argv)
    # With --json the notices are in the object.
    is_silent = given.quiet or given.json

    def notice(sentence: str) -> None:
        if not is_silent:
            print_notice(sentence)

    def work() -> int:
        from tune.followup.check import check

        found = check(
            given.best,
            given.data,
            budget=given.budget,
            notice=notice,
            confirm=make_confirm(as_json=given.json, quiet=given.quiet),
            **given_options(given, CheckOptions),
        )
        # Before the output: a reader that closes the pipe must not cost CI its file.
        if given.junit is not None:
            _write_junit(given.junit, found.junit())
        if given.json:
            return print_result(json_for_terminal(found.to_record()), found.status)
        if given.quiet:
            return found.status
        return print_result(for_terminal(found), found.status)

    # Every check asks anew, so the same command does not go on with an interrupted one.
    return run_command(work, resumes=False)


def _write_junit(path: str, text: str) -> None:
    from tune.errors import StudyError
    from tune.store.files import write_private

    try:
        write_private(Path(path), scrub(text))
    except OSError as error:
        raise StudyError(f"{path!r} cannot be written: {error.strerror}") from None
