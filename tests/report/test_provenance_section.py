"""The facts that it takes to get the same numbers again."""

from __future__ import annotations

from dataclasses import replace

from tests.support.reports import (
    WINNER,
    cells,
    provenance,
    whole,
)
from tune.report import (
    best_json,
    markdown,
)
from tune.report.provenance_section import provenance_section


def test_a_later_look_is_recorded_with_the_confidence_that_it_has() -> None:
    study = whole(look=3, confidence=0.9975)
    assert (best_json(study)["look"], best_json(study)["confidence"]) == (3, 0.9975)
    assert "this is look 3, and each of its intervals is 99.75 % sure" in markdown(
        study
    )
    assert (
        "look"
        not in markdown(whole(winner=replace(WINNER, holdout=None))).split(
            "## How it was made"
        )[1]
    )


def test_facts_that_are_not_known_have_no_row() -> None:
    facts = {row[0]: row[1] for row in cells(provenance_section(whole()))[1:]}
    assert facts["tune"] == "0.1.0, commit 1234abc"
    assert facts["examples"] == "200 tuning, 120 holdout, 12 set aside for prompts"
    assert facts["versions"] == "numpy 2.4"
    bare = whole(provenance=provenance(), larger_is_better=False)
    found = provenance_section(bare)
    facts = {row[0]: row[1] for row in cells(found)[1:]}
    assert facts["tune"] == "0.1.0"
    assert facts["metric"] == "exact_match, lower is better"
    assert not {"versions", "search"} & set(facts)
    assert "```" not in found
