"""tune reconcile STUDY [--billed USD]"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tune.commands import make_confirm, run_study_command
from tune.commands.parser import Parser

if TYPE_CHECKING:
    from tune.study.study import Study


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit status."""
    parser = Parser(
        prog="tune reconcile",
        description="Replace uncertain charges by the bill. Calls whose outcome is unknown stay "
        "charged at the most that they can cost. Without --billed the services are asked for the "
        "bill of each such call; OpenRouter and LiteLLM's proxy tell it. The study may then spend "
        "the difference.",
    )
    parser.add_argument("study", metavar="STUDY", help="the study's results folder")
    parser.add_argument(
        "--billed", type=float, metavar="USD", help="the providers' bill for all of it"
    )
    parser.add_argument(
        "--store",
        metavar="URL",
        help="where its draws are kept, if it was said for the run",
    )
    parser.add_argument(
        "--key-env",
        metavar="NAME",
        help="the environment variable that holds the services' key",
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        metavar="HOST",
        help="let the key go to this host of the study (repeatable)",
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object and nothing else"
    )
    given = parser.parse_args(argv)

    def work() -> Study:
        from tune.followup.reconcile import reconcile

        return reconcile(
            given.study,
            billed=given.billed,
            store=given.store,
            key_env=given.key_env,
            # argparse gives None where the flag is absent.
            allow_host=given.allow_host or (),
            confirm=make_confirm(as_json=given.json, quiet=False),
        )

    return run_study_command(work, as_json=given.json)
