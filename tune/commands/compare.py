"""tune compare A B"""

from __future__ import annotations

from collections.abc import Sequence

from tune.commands import print_result, run_command
from tune.commands.kept_flags import add_kept_flags, read_kept_flags
from tune.commands.parser import Parser
from tune.safety.escape import for_terminal, json_for_terminal


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit status."""
    parser = Parser(
        prog="tune compare",
        description="Compare two studies or two configurations, paired on the examples that both "
        "answered, with the examples that changed sides. Nothing is sent and nothing is spent.",
    )
    for name in ("A", "B"):
        parser.add_argument(
            name.lower(),
            metavar=name,
            help="a results folder, which stands for its winner, or FOLDER:CONFIG with the number "
            "of a trial, winner, baseline or runner-up K",
        )
    add_kept_flags(parser)
    given = parser.parse_args(argv)

    def work() -> int:
        from tune.followup.compare import compare

        found = compare(given.a, given.b, **read_kept_flags(given))
        if given.json:
            return print_result(json_for_terminal(found.to_record()))
        return print_result(for_terminal(found))

    return run_command(work, resumes=False)
