"""tune check best.json --budget 0.50 [--data new.jsonl]"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from tune.commands import Parser, make_confirm, print_notice, print_result, run_command
from tune.safety.escape import for_terminal, json_for_terminal
from tune.safety.redact import scrub

EPILOG = """\
Exit status: 0 it holds, 3 it has regressed, 4 undecided within the budget or the data; 1 the check failed,
2 bad input, 130 interrupted. Examples are bought in seeded random order, block by block, until the scores decide.
"Holds" and "regressed" are each wrong with at most the stated probability, however often the scores were looked at,
and the uncertainty of the recorded scores counts too. Without --data the study's own holdout is asked again, and each
answer is paired with the score that it had: that sees smaller changes of the model for less money.
"""


def build_check_parser() -> argparse.ArgumentParser:
    """Every flag of a check."""
    parser = Parser(
        prog="tune check",
        description="Test whether an exported config still is as good as it was, for at most so many dollars: on new "
        "labelled examples, or on the study's own holdout.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "best", metavar="BEST.JSON", help="what a run exported, or its results folder"
    )
    parser.add_argument(
        "--data",
        metavar="FILE",
        help="new labelled examples (default: the study's own holdout is asked again)",
    )
    parser.add_argument(
        "--budget", type=float, required=True, metavar="USD", help="dollars that are never exceeded"
    )
    parser.add_argument(
        "--margin", type=float, metavar="SHARE", help="how much worse may still hold (default 0.05)"
    )
    parser.add_argument(
        "--alpha", type=float, metavar="P", help='how often "regressed" may be wrong (default 0.05)'
    )
    parser.add_argument(
        "--beta", type=float, metavar="P", help='how often "holds" may be wrong (default 0.05)'
    )
    parser.add_argument("--metric", metavar="NAME", help="instead of the recorded metric")
    parser.add_argument(
        "--verifier", metavar="MODULE:ATTR", help="instead of the recorded verifier"
    )
    parser.add_argument(
        "--input",
        action="append",
        metavar="COL",
        help="a column that fills the template (repeatable)",
    )
    parser.add_argument("--target", metavar="COL", help="the column that holds what is wanted")
    parser.add_argument("--base-url", metavar="URL", help="where the model answers now")
    parser.add_argument(
        "--key-env", metavar="NAME", help="the environment variable that holds its key"
    )
    parser.add_argument("--price", metavar="IN/OUT", help="dollars per million tokens now")
    parser.add_argument(
        "--seed", type=int, metavar="N", help="of the order of examples (default 0)"
    )
    parser.add_argument("--concurrency", type=int, metavar="N", help="calls in flight (default 64)")
    parser.add_argument(
        "--store", metavar="URL", help="where draws are kept (default draws.db beside the study)"
    )
    parser.add_argument(
        "--allow-code",
        action="store_true",
        default=None,
        help="let the metric run what models write",
    )
    parser.add_argument(
        "--allow-import",
        action="store_true",
        default=None,
        help="import the modules that BEST.JSON names",
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        metavar="HOST",
        help="let BEST.JSON send examples and keys there (repeatable)",
    )
    parser.add_argument(
        "--allow-http",
        action="store_true",
        default=None,
        help="let a key go unencrypted outside private networks",
    )
    parser.add_argument("--junit", metavar="FILE", help="write JUnit's XML there")
    parser.add_argument(
        "--quiet", action="store_true", help="print nothing: the exit status says it"
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object and nothing else"
    )
    return parser


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit status."""
    given = vars(build_check_parser().parse_args(argv))
    best, data, budget, junit = (given.pop(name) for name in ("best", "data", "budget", "junit"))
    as_json, quiet = given.pop("json"), given.pop("quiet")
    options = {name: value for name, value in given.items() if value is not None}

    def say(sentence: str) -> None:
        if not quiet and not as_json:
            print_notice(sentence)

    def work() -> int:
        from tune.errors import StudyError
        from tune.followup.check import check
        from tune.store.files import write_private

        checked = check(
            best,
            data,
            budget=budget,
            notice=say,
            confirm=make_confirm(as_json=as_json, quiet=quiet),
            **options,
        )
        if junit is not None:
            try:
                write_private(Path(junit), scrub(checked.junit()))
            except OSError as error:
                raise StudyError(f"{junit!r} cannot be written: {error.strerror}") from None
        if as_json:
            return print_result(json_for_terminal(checked.to_record()), checked.status)
        return checked.status if quiet else print_result(for_terminal(checked), checked.status)

    return run_command(work, resumes=False)
