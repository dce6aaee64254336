"""tune report STUDY [--out DIR] [--explain]"""

from __future__ import annotations

from collections.abc import Sequence

from tune.commands import print_result, run_command
from tune.commands.kept_flags import add_kept_flags, read_kept_flags
from tune.commands.parser import Parser
from tune.safety.escape import for_terminal, json_for_terminal


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit status."""
    parser = Parser(
        prog="tune report",
        description="Write the report of a study again: finished, interrupted or running. Nothing "
        "is sent and nothing is spent. Of a study without a result, the report shows what it has "
        "found until now.",
    )
    parser.add_argument("study", metavar="STUDY", help="the study's results folder")
    parser.add_argument(
        "--out", metavar="DIR", help="write the files there; the default is STUDY"
    )
    parser.add_argument(
        "--no-content",
        action="store_true",
        help="without the texts of examples and answers",
    )
    parser.add_argument(
        "--answers",
        metavar="N",
        type=int,
        help="examples whose answers the report shows (default: all; beyond 20 MB they are on "
        "further pages)",
    )
    parser.add_argument(
        "--explain",
        action="store_true",
        help="say of each wave what was bought and why",
    )
    add_kept_flags(parser)
    given = parser.parse_args(argv)

    if given.answers is not None and given.answers < 0:
        parser.error(f"--answers is a number from 0, but got {given.answers}")

    def work() -> int:
        # Imported here: `--help` must not wait for numpy.
        from tune.followup.report import report

        study = report(
            given.study,
            given.out,
            content=not given.no_content,
            answers=given.answers,
            **read_kept_flags(given),
        )
        if given.json:
            return print_result(json_for_terminal(study.summary()))
        lines = [str(study)]
        if given.explain:
            waves = study.record.search.course.waves
            lines = [*(wave.line for wave in waves), "", *lines]
        return print_result(for_terminal("\n".join(lines)))

    return run_command(work, resumes=False)
