"""tune list [RESULTS]"""

from __future__ import annotations

from collections.abc import Sequence

from tune.commands import print_result, run_command
from tune.commands.parser import Parser
from tune.safety.escape import for_terminal, json_for_terminal


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit status."""
    parser = Parser(
        prog="tune list",
        description="List the studies of a results folder with their winners and their dollars.",
    )
    parser.add_argument(
        "results",
        metavar="RESULTS",
        nargs="?",
        default="results",
        help="the folder with the studies (default: results)",
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object and nothing else"
    )
    given = parser.parse_args(argv)

    def work() -> int:
        from tune.followup.listing import list_studies, listing

        studies = list_studies(given.results)
        if given.json:
            records = [one.to_record() for one in studies]
            return print_result(json_for_terminal({"studies": records}))
        return print_result(for_terminal(listing(studies)))

    return run_command(work, resumes=False)
