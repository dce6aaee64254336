"""tune challenge STUDY --model NEW --budget 0.50 [the flags of the run]"""

from __future__ import annotations

from collections.abc import Sequence

from tune.commands import make_confirm, print_notice, print_result, run_command
from tune.commands.flags import build_run_parser, given_options
from tune.safety.escape import for_terminal, json_for_terminal

EPILOG = """\
Exit status: 0 it enters, 3 it does not, 4 undecided within the budget or the data; 1 it failed, 2 bad input.
"""

OF_THE_NEW_MODEL = ("model", "base_url", "key_env", "allow_http", "price", "margin")


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
        metavar="HOST",
        help="let the judge that STUDY names be sent examples and keys there (repeatable)",
    )
    parser.add_argument("study", metavar="STUDY", help="the study's results folder")
    given = vars(parser.parse_args(argv))
    if len(given["model"] or ()) != 1 or given["budget"] is None:
        parser.error("exactly one --model NEW, and --budget USD, are needed")
    own = {name: given.pop(name) for name in OF_THE_NEW_MODEL}
    own["model"] = own["model"][0]
    own["price"] = own["price"][0] if own["price"] else None
    own = {name: value for name, value in own.items() if value is not None}
    quiet, as_json = given["quiet"], given["json"]
    options = {
        name: value
        for name, value in given_options(given).items()
        if name not in ("study", "results")
    }

    def say(sentence: str) -> None:
        if not quiet and not as_json:
            print_notice(sentence)

    def work() -> int:
        from tune.followup.challenge import challenge

        found = challenge(
            given["study"],
            given["data"],
            given["space"],
            budget=given["budget"],
            notice=say,
            confirm=make_confirm(as_json=as_json, quiet=quiet),
            **own,
            **options,
        )
        if as_json:
            return print_result(json_for_terminal(found.to_record()), found.status)
        return found.status if quiet else print_result(for_terminal(found), found.status)

    return run_command(work, resumes=False)
