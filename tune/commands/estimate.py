"""tune estimate [the flags of a run]"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tune.commands import print_result, run_command
from tune.commands.flags import build_run_parser, given_options
from tune.safety.escape import for_terminal, json_for_terminal

BUDGETS = (2.0, 5.0, 20.0)
"""Budgets in dollars that the table shows; the one in the middle stands in for a missing budget."""


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit status."""
    parser = build_run_parser(
        "tune estimate",
        "Estimate the costs of a run with these flags, and the differences that it could show. "
        "Nothing is sent and nothing is spent: no key is needed. Lengths of answers are learned "
        "from the store of the run, where it holds any.",
    )
    given = parser.parse_args(argv)

    def work() -> int:
        from tune.plan.prompt_preview import sent_lines, sent_record

        plan, found = _estimate(given_options(given))
        if given.json:
            return print_result(
                json_for_terminal(_record(found) | {"sent": sent_record(plan)})
            )
        from tune.plan.estimate_text import estimate_lines, estimate_table, price_lines
        from tune.providers.trusted_hosts import host_lines

        lines = [*host_lines(plan.called_entries), *plan.notes, *sent_lines(plan), ""]
        lines += [
            *estimate_lines(found),
            *price_lines(found),
            "",
            *estimate_table(found),
        ]
        return print_result(for_terminal("\n".join(lines)))

    return run_command(work)


def _estimate(given: dict[str, Any]) -> tuple[Any, Any]:
    from pathlib import Path

    from tune.plan.estimate import estimate
    from tune.plan.identity import study_paths
    from tune.plan.make import make_plan
    from tune.plan.read_options import read_options
    from tune.plan.token_counts import offline_endpoints
    from tune.store.database import Database
    from tune.store.draws import Store

    # An estimate needs no budget from the user.
    options = read_options(**{"budget": BUDGETS[1], **given})
    plan = make_plan(options)
    _, place = study_paths(plan, options)
    # Opening a store makes its file. An estimate must leave nothing behind.
    if not Path(place.removeprefix("sqlite:///")).is_file():
        return plan, estimate(
            plan, offline_endpoints(plan.entries), None, others=BUDGETS
        )
    db = Database(place)
    try:
        return plan, estimate(
            plan, offline_endpoints(plan.entries), Store(db), others=BUDGETS
        )
    finally:
        db.close()


def _record(found: Any) -> dict[str, Any]:
    """Return an estimate in JSON's types, with null for a difference that cannot be seen."""
    from tune.report.serialize import dump

    return _finite(dump(found) | {"is_search": found.is_search})  # type: ignore[no-any-return]


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return list(map(_finite, value))
    # JSON has no infinity.
    return None if isinstance(value, float) and not math.isfinite(value) else value
