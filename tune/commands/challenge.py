"""tune challenge STUDY --model NEW --budget 0.50 [the flags of the run]"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from tune.commands import make_confirm, print_notice, print_result, run_command
from tune.commands.flags import add_options, build_run_parser, given_options
from tune.plan.followup_options import ChallengeRates
from tune.safety.escape import for_terminal, json_for_terminal

DESCRIPTION = """\
Ask whether a new model would enter the frontier of a finished study. Give the command line of the
run with STUDY in front; --model, --base-url, --price, --margin and --budget are the new model's.
Only the new model is bought, and the verdicts of a judge. It is asked in every way in which the
frontier's configs are. Its scores are paired with the draws that the study holds of the best config
that costs no more, and of the best with enough draws.
"""

EPILOG = """\
Exit status: 0 it enters, 3 it does not, 4 undecided within the budget or the data; 1 it failed,
2 bad input.
"""


def build_challenge_parser() -> argparse.ArgumentParser:
    """Return a parser for every flag of a challenge."""
    parser = build_run_parser("tune challenge", DESCRIPTION, EPILOG)
    # A run has --margin already.
    add_options(parser, ChallengeRates, besides=["margin"])
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="HOST",
        help="A host to which the study's judge may send examples and keys. (repeatable)",
    )
    parser.add_argument("study", metavar="STUDY", help="the study's results folder")
    return parser


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit status."""
    parser = build_challenge_parser()
    given = parser.parse_args(argv)
    options = given_options(given) | given_options(given, ChallengeRates)
    if len(options.get("model", ())) != 1 or "budget" not in options:
        parser.error("exactly one --model NEW, and --budget USD, are needed")
    # A run takes several models and prices; a challenge asks about one.
    (options["model"],) = options["model"]
    if "price" in options:
        options["price"] = options["price"][0]
    quiet = options.pop("quiet", False)
    is_silent = quiet or given.json
    # A challenge writes no report, so a folder for one says nothing.
    options.pop("results", None)

    def notice(sentence: str) -> None:
        if not is_silent:
            print_notice(sentence)

    def work() -> int:
        from tune.followup.challenge import challenge

        found = challenge(
            given.study,
            notice=notice,
            allow_host=given.allow_host,
            confirm=make_confirm(as_json=given.json, quiet=quiet),
            **options,
        )
        if given.json:
            return print_result(json_for_terminal(found.to_record()), found.status)
        if quiet:
            return found.status
        return print_result(for_terminal(found), found.status)

    return run_command(work, resumes=False)
