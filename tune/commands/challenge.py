"""tune challenge STUDY --model NEW --budget 0.50 [the flags of the run]"""

from __future__ import annotations

from collections.abc import Sequence

from tune.commands import make_confirm, print_notice, print_result, run_command
from tune.commands.flags import build_run_parser, given_options
from tune.safety.escape import for_terminal, json_for_terminal

EPILOG = """\
Exit status: 0 it enters, 3 it does not, 4 undecided within the budget or the data; 1 it failed, 2 bad input.
"""


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit status."""
    parser = build_run_parser(
        "tune challenge",
        "Ask whether a new model would enter the frontier of a finished study: the command line of the run with STUDY "
        "in front, where --model, --base-url, --price and --budget are the new model's. Only the new model is bought, "
        "and the verdicts of a judge; it is asked in every way in which the frontier's configs are, and paired with "
        "the draws that the study holds of the best that costs no more and of the best with draws enough.",
        EPILOG,
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="HOST",
        help="let the judge that STUDY names be sent examples and keys there (repeatable)",
    )
    parser.add_argument("study", metavar="STUDY", help="the study's results folder")
    given = parser.parse_args(argv)
    options = given_options(given)
    if len(options.get("model", ())) != 1 or "budget" not in options:
        parser.error("exactly one --model NEW, and --budget USD, are needed")
    (options["model"],) = options["model"]
    if "price" in options:
        options["price"] = options["price"][0]
    quiet = options.pop("quiet", False)
    # The challenge writes no report, so a folder for one says nothing.
    options.pop("results", None)

    def say(sentence: str) -> None:
        if not quiet and not given.json:
            print_notice(sentence)

    def work() -> int:
        from tune.followup.challenge import challenge

        found = challenge(
            given.study,
            notice=say,
            allow_host=given.allow_host,
            confirm=make_confirm(as_json=given.json, quiet=quiet),
            **options,
        )
        if given.json:
            return print_result(json_for_terminal(found.to_record()), found.status)
        return found.status if quiet else print_result(for_terminal(found), found.status)

    return run_command(work, resumes=False)
