"""tune reprice STUDY [the flags of the run, with other prices or limits]"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tune.commands import run_study_command
from tune.commands.flags import build_run_parser, given_options

if TYPE_CHECKING:
    from tune.study.study import Study


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit status."""
    parser = build_run_parser(
        "tune reprice",
        "Read a finished study again under other prices, another limit on cost or seconds, or "
        "another goal: give the command line of the run with STUDY in front and these changed. "
        "Nothing is sent and nothing is spent. The study does not change, except for a note where "
        "another choice is compared on its holdout. With --results DIR the new report is written "
        "there.",
    )
    parser.add_argument("study", metavar="STUDY", help="the study's results folder")
    given = parser.parse_args(argv)

    def work() -> Study:
        # Imported here: `--help` must not wait for numpy.
        from tune.followup.reprice import reprice

        return reprice(given.study, **given_options(given))

    return run_study_command(work, as_json=given.json)
