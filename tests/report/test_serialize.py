"""Records as JSON and back: nothing is lost, and other versions can be read."""

from __future__ import annotations

import json
from dataclasses import replace

from tests.support.reports import EMPTY, WINNER, whole
from tune.readout.outcomes import Outcomes
from tune.report import (
    Confusion,
    DoubtfulLabel,
    EstimateRow,
    Failing,
    PassAtK,
    RepeatedSplits,
    Report,
    Sample,
    SearchAnswers,
    Slice,
    Unread,
)
from tune.report.serialize import dump, load
from tune.stats.intervals import Interval

FULL = whole(
    failing=Failing(
        "holdout",
        Confusion(("a", "b"), ((5, 1, 0, 0), (0.5, 7.5, 0, 0))),
        (Slice("channel", "web", Interval(0.5, 0.4, 0.6, 9)),),
        (DoubtfulLabel("7", "a", "b", 3, 9, "text"),),
    ),
    pass_at_k=(PassAtK(2, Interval(0.9, 0.8, 0.95, 9)),),
    repeats=RepeatedSplits(20, 0.8, 0.01, None, None, 0.7),
    estimate=(EstimateRow("m", "p", 1e-4, 2e-4, 10, 20, 30),),
    unread=(Unread("p", 20, 19, 2, 0, 18, (Sample("1", "text", "", "yes"),)),),
    bought=SearchAnswers(Outcomes(answers=9, cut=2), {"cut": 0.3}, True, 64),
)


def through_json(report: Report) -> Report:
    return load(Report, json.loads(json.dumps(dump(report))))


def test_every_record_comes_back_as_it_was() -> None:
    assert through_json(FULL) == FULL
    assert through_json(EMPTY) == EMPTY


def test_a_configuration_comes_back_as_a_key_of_mappings() -> None:
    found = through_json(FULL).winner
    assert found is not None
    assert found.config == WINNER.config
    assert found.config["stop"] == ("\n",)
    assert {found.config: 1}[WINNER.config] == 1


def test_what_another_version_wrote_can_be_read() -> None:
    record = dump(FULL)
    del record["runners_up"]
    record["a field of tomorrow"] = 1
    record["money"]["another one"] = 2
    assert load(Report, record) == replace(FULL, runners_up=())
