"""The help and the flag of an option, from what its field says."""

from __future__ import annotations

from tune.plan.option_fields import About, flag_name


def test_a_flag_has_dashes() -> None:
    assert flag_name("max_cost_per_request") == "--max-cost-per-request"


def test_help_names_the_default_and_that_a_flag_may_be_repeated() -> None:
    facts = About("A sentence.", "the run", "N", str, True, ())
    assert facts.help(()) == "A sentence. (repeatable)"
    assert facts.help(("a", "b")) == "A sentence. (repeatable; default: a, b)"
    assert (
        About("A sentence.", "the run", "N", str, False, ()).help(None) == "A sentence."
    )
