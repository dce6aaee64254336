"""The result of a check in words, as a record and as JUnit's XML."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.support.checks import NEW, WORLD, export
from tune.fakes.server import Server
from tune.followup.check import CheckResult, check
from tune.space import Config
from tune.stats.confidence_sequences import SequentialResult
from tune.stats.intervals import Interval


def test_familiar_examples_are_properties_in_junit(
    server: Server, tmp_path: Path
) -> None:
    found = check(export(tmp_path, server), WORLD.examples(40), budget=0.5, margin=0.5)
    assert found.decision == "holds"
    suite = ElementTree.fromstring(found.junit())[0]
    properties = [
        (each.get("name"), each.get("value")) for each in suite.iter("property")
    ]
    assert properties[0] == ("examples of the study's tuning", "24")
    assert ("notice", found.notices[0]) in properties
    assert suite.find("testcase/system-out") is not None
    assert [part.tag for part in suite] == [
        "properties",
        "testcase",
    ]  # the order that JUnit's schema asks for


def test_hostile_names_are_written_out(server: Server, tmp_path: Path) -> None:
    found = check(export(tmp_path, server), NEW[:8], budget=0.5)
    hostile = CheckResult(
        **{name: getattr(found, name) for name in CheckResult.__slots__}
        | {"data": "<a>\x1b[31m&"}
    )
    case = ElementTree.fromstring(hostile.junit()).find("testsuite/testcase")
    assert case is not None
    assert case.get("name") == "<a>\\x1b[31m&"


FOUND = CheckResult(
    decision="holds",
    reason="",
    recorded=Interval(0.9, 0.85, 0.95, 200),
    on_holdout=True,
    margin=0.05,
    threshold=0.85,
    look=SequentialResult(Interval(0.91, 0.87, 0.96, 120), 0.01, 0.9),
    paired=False,
    visible=0.04,
    alpha=0.05,
    beta=0.1,
    data="new.jsonl",
    available=300,
    unanswered=0,
    spent=0.12,
    uncertain=0.0,
    budget=0.5,
    more=0,
    larger_is_better=True,
    metric="exact_match",
    config=Config({"model": "m", "prompt": "p", "max_tokens": 8}),
    seed=0,
)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "It holds: exact_match is 0.910 on 120 new examples, not more than 0.05"),
        ({"decision": "regressed"}, "It has regressed: exact_match is 0.910 on 120"),
        ({"overlap": {"tuning": 5}}, "0.910 on 120 examples"),
        (
            {"larger_is_better": False},
            "not more than 0.05 above the recorded 0.900",
        ),
        (
            {"decision": "undecided", "reason": "money"},
            "Undecided, as the money was used up",
        ),
        (
            {"decision": "undecided", "reason": "data"},
            "Undecided, as there were no more examples",
        ),
        (
            {
                "paired": True,
                "look": replace(FOUND.look, interval=Interval(-0.01, -0.03, 0.01, 120)),
            },
            "It holds: exact_match has changed by -0.010 on 120 of the study's 300 holdout",
        ),
        (
            {"paired": True, "decision": "regressed"},
            "it is more than 0.05 lower than it was.",
        ),
        (
            {"look": replace(FOUND.look, interval=Interval(0.5, 0.0, 1.0, 0))},
            "no new example was scored",
        ),
    ],
)
def test_the_headline_says_the_answer_and_its_grounds(
    changes: dict[str, Any], words: str
) -> None:
    assert words in replace(FOUND, **changes).headline


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "is at least 0.870 (wrong at most 10 % of the time)"),
        (
            {"larger_is_better": False},
            "is at least 0.870 (wrong at most 5 % of the time)",
        ),
        ({"on_holdout": False}, "on 200 tuning examples"),
        ({"visible": math.inf}, "no margin is shown to hold in 80 % of cases"),
        ({"uncertain": 0.02}, "$0.02 of it for calls whose outcome is unknown"),
        ({"unanswered": 3}, "The service did not answer 3 examples"),
        ({"more": 60}, "About 60 further examples, $0.06, would show that it holds"),
        ({"more": 60, "spent": 0.0}, "About 60 further examples would show"),
    ],
)
def test_the_sentences_beneath_give_limits_costs_and_what_is_missing(
    changes: dict[str, Any], words: str
) -> None:
    assert words in " ".join(str(replace(FOUND, **changes)).split())


def test_the_record_is_json_without_infinity() -> None:
    nothing = replace(FOUND.look, interval=Interval(math.nan, 0.0, 1.0, 0))
    record = replace(FOUND, visible=math.inf, look=nothing).to_record()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert (record["visible_margin"], record["quality"]["mean"]) == (None, None)


@pytest.mark.parametrize(
    ("decision", "status", "fault"),
    [("holds", 0, None), ("regressed", 3, "failure"), ("undecided", 4, "error")],
)
def test_the_decision_is_the_exit_status_and_the_fault_of_junit(
    decision: Any, status: int, fault: str | None
) -> None:
    found = replace(FOUND, decision=decision)
    assert found.status == status
    suite = ElementTree.fromstring(found.junit())[0]
    case = suite.find("testcase")
    assert case is not None
    assert [part.tag for part in case] == [fault or "system-out"]
    counts = (suite.get("failures"), suite.get("errors"))
    assert counts == (str(int(fault == "failure")), str(int(fault == "error")))
