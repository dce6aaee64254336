"""tune models [NAME ...] [the flags of a run]"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tune.commands import print_result, run_command
from tune.commands.flags import build_run_parser, given_options
from tune.safety.escape import for_terminal, json_for_terminal

if TYPE_CHECKING:
    from tune.plan.model_table import ModelFacts


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit status."""
    parser = build_run_parser(
        "tune models",
        "Show what is known of models before the first call: the price, the host, the variable "
        "whose key goes there, the settings that the model takes, and the day on which it ends. "
        "With NAMEs, these models; else those that a run with these flags would search, and what "
        "it would search for each. Nothing is sent and nothing is spent.",
    )
    parser.add_argument(
        "names", metavar="NAME", nargs="*", help="A model, as its service names it."
    )
    given = parser.parse_args(argv)

    def work() -> int:
        from tune.plan.model_table import facts_lines, facts_record

        found = _facts(given.names, given_options(given))
        if given.json:
            return print_result(json_for_terminal(list(map(facts_record, found))))
        lines: list[str] = []
        for facts in found:
            lines += [*facts_lines(facts), ""]
        return print_result(for_terminal("\n".join(lines).rstrip()))

    return run_command(work)


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
