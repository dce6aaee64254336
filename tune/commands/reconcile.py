"""tune reconcile STUDY --billed USD"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tune.commands import Parser, finish

if TYPE_CHECKING:
    from tune.study import Study


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit status."""
    parser = Parser(
        prog="tune reconcile",
        description="Replace what is uncertain (calls whose outcome nobody knows stay charged at the most they can "
        "cost) by what the provider billed for the whole study. The study may then spend the difference.",
    )
    parser.add_argument("study", metavar="STUDY", help="the study's results folder")
    parser.add_argument("--billed", type=float, required=True, metavar="USD", help="the provider's bill for all of it")
    parser.add_argument("--store", metavar="URL", help="where its draws are kept, if it was said for the run")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    given = parser.parse_args(argv)

    def work() -> Study:
        from tune.reconcile import reconcile

        return reconcile(given.study, billed=given.billed, store=given.store)

    return finish(work, as_json=given.json)
