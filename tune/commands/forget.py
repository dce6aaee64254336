"""tune forget STUDY --example ID"""

from __future__ import annotations

from collections.abc import Sequence

from tune.commands import print_result, run_command
from tune.commands.parser import Parser
from tune.safety.escape import for_terminal, json_for_terminal


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit status."""
    parser = Parser(
        prog="tune forget",
        description="Remove the texts of one example from a study: its prompts, answers and scores "
        "from the store, and its traces in the journal, the report and the answers. Payments stay "
        "in the ledger.",
    )
    parser.add_argument("study", metavar="STUDY", help="the study's results folder")
    parser.add_argument(
        "--example", required=True, metavar="ID", help="the row's `id`, else its number"
    )
    parser.add_argument(
        "--store",
        metavar="URL",
        help="where its draws are kept, if it was said for the run",
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object and nothing else"
    )
    given = parser.parse_args(argv)

    def work() -> int:
        from tune.followup.forget import forget

        forgotten = forget(given.study, given.example, store=given.store)
        if given.json:
            return print_result(json_for_terminal(forgotten.to_record()))
        return print_result(for_terminal(forgotten))

    # The same command again goes on where Ctrl-C ended it: nothing is erased twice.
    return run_command(work)
