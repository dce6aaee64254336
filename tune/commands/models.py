"""tune models [NAME ...] [--probe] [the flags of a run]"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tune.commands import print_notice, print_result, run_command
from tune.commands.flags import build_run_parser, given_options
from tune.safety.escape import for_terminal, json_for_terminal

if TYPE_CHECKING:
    from tune.followup.probe import Probed
    from tune.plan.model_table import ModelFacts


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit status."""
    parser = build_run_parser(
        "tune models",
        "Show what is known of models before the first call: the price, the host, the variable "
        "whose key goes there, the settings that the model takes, and the day on which it ends. "
        "With NAMEs, these models; else those that a run with these flags would search, and what "
        "it would search for each. Nothing is sent and nothing is spent, unless --probe is given.",
    )
    parser.add_argument(
        "--probe",
        action="store_true",
        help="Ask each model for a few tokens, and show which settings it takes. Needs --budget, "
        "which all the calls together keep.",
    )
    parser.add_argument(
        "names", metavar="NAME", nargs="*", help="A model, as its service names it."
    )
    given = parser.parse_args(argv)

    def work() -> int:
        from tune.plan.model_table import facts_lines, facts_record

        options = given_options(given)
        found = _facts(given.names, options)
        asked = _probe(found, options) if given.probe else {}
        if given.json:
            records = []
            for facts in found:
                record = facts_record(facts)
                if given.probe:
                    record["probed"] = asked[facts.entry.name].record()
                records.append(record)
            return print_result(json_for_terminal(records))
        lines: list[str] = []
        for facts in found:
            lines += facts_lines(facts)
            if given.probe:
                lines += asked[facts.entry.name].lines()
            lines.append("")
        return print_result(for_terminal("\n".join(lines).rstrip()))

    return run_command(work)


def _probe(found: list[ModelFacts], options: dict[str, Any]) -> dict[str, Probed]:
    """Ask the models for a few tokens.

    Raises:
        InputError: there is no budget, or a model has no price.
    """
    from tune.errors import BudgetError
    from tune.followup.probe import probe
    from tune.plan.models import find_prices
    from tune.providers.trusted_hosts import host_lines

    if options.get("budget") is None:
        raise BudgetError(
            "--probe sends calls, so it needs --budget USD: the dollars that all of them together "
            "may cost, as in --budget 0.05"
        )
    entries = {facts.entry.name: facts.entry for facts in found}
    prices = find_prices(list(entries.values()), options.get("price"))
    for line in host_lines(entries.values()):
        print_notice(line)
    place = options.get("store") or "results/draws.db"
    return asyncio.run(
        probe(
            entries,
            prices,
            budget=float(options["budget"]),
            store=place,
            notice=print_notice,
        )
    )


def _facts(names: list[str], options: dict[str, Any]) -> list[ModelFacts]:
    """Return the facts of the named models, or else of those of a run."""
    from tune.plan.make import make_plan
    from tune.plan.model_table import model_facts
    from tune.plan.models import named_entries
    from tune.plan.read_options import read_options

    # Showing models needs no budget from the user.
    read = read_options(**{"budget": 1.0, **options})
    if names:
        return model_facts(named_entries(names, {}, read).values(), read.price)
    plan = make_plan(read)
    return model_facts(plan.entries.values(), read.price, plan.space)
