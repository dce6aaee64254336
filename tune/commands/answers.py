"""tune answers STUDY [--config N] [--out FILE]"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tune.commands import print_result, run_command
from tune.commands.kept_flags import add_kept_flags, read_kept_flags
from tune.commands.parser import Parser
from tune.safety.escape import for_terminal, json_for_terminal

MOST_LINES = 20
"""Answers that a terminal shows; the file has all of them."""


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit status."""
    parser = Parser(
        prog="tune answers",
        description="Show the answers of a configuration to each example: wrong ones first. They "
        "are read from the study's store; nothing is sent and nothing is spent.",
    )
    parser.add_argument("study", metavar="STUDY", help="the study's results folder")
    parser.add_argument(
        "--config",
        metavar="N",
        help="the number of a trial (its best reading is taken), winner, baseline or runner-up K; "
        "the default is the winner and the baseline",
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="write all answers there: a .jsonl or a .csv file",
    )
    parser.add_argument(
        "--no-content",
        action="store_true",
        help="without the texts of examples and answers",
    )
    add_kept_flags(parser)
    given = parser.parse_args(argv)
    # Before any work: another ending would be found out only at the end of it.
    if given.out and Path(given.out).suffix not in (".jsonl", ".csv"):
        parser.error(f"--out is a .jsonl or a .csv file, but got {given.out!r}")

    def work() -> int:
        from tune.followup.answers import study_answers, write_answers
        from tune.report.answers import answer_lines

        rows = study_answers(
            given.study,
            given.config,
            content=not given.no_content,
            **read_kept_flags(given),
        )
        if given.out:
            write_answers(rows, given.out)
        if given.json:
            return print_result(json_for_terminal({"answers": list(map(asdict, rows))}))
        lines = answer_lines(rows, MOST_LINES)
        if given.out:
            lines.append(f"All {len(rows)} are in {given.out}.")
        return print_result(for_terminal("\n".join(lines)))

    return run_command(work, resumes=False)
