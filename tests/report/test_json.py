"""Results for programs: `best.json`, and the object that `--json` prints."""

from __future__ import annotations

import json
import math
from dataclasses import replace

from tests.support.reports import (
    WINNER,
    whole,
)
from tune.report import (
    best_json,
    plain_config,
    result_json,
)
from tune.space import Config
from tune.stats.intervals import Interval


def test_best_json_holds_what_it_takes_to_deploy_and_to_check() -> None:
    record = json.loads(json.dumps(best_json(whole()), allow_nan=False))
    assert (
        Config(record["config"] | {"stop": tuple(record["config"]["stop"])})
        == WINNER.config
    )
    assert record["prompt"]["template"] == "Review: {text}\nLabel:"
    assert record["prompt"]["messages"] == [
        {"role": "user", "content": "Review: {text}"}
    ]
    assert record["winner"]["holdout"] == {
        "mean": 0.79,
        "low": 0.72,
        "high": 0.86,
        "examples": 120,
    }
    assert record["difference"]["verdict"] == "better"
    assert record["provenance"]["fingerprint"] == "abc123def456"
    assert record["provenance"]["seed"] == 3
    assert record["prices"][0]["date"] == "2026-11-01"


def test_the_json_object_has_the_promised_keys() -> None:
    record = result_json(whole(), results="results/reviews")
    assert list(record) == [
        "best",
        "quality",
        "cost_per_request",
        "keeps_limit",
        "seconds",
        "seconds_per_request",
        "seconds_taken",
        "baseline",
        "runners_up",
        "difference",
        "detectable",
        "confidence",
        "why_wrong",
        "failing",
        "unanswerable",
        "notices",
        "prices",
        "pass_at_k",
        "repeated_splits",
        "spent",
        "spent_now",
        "uncertain",
        "uncertain_reasons",
        "budget",
        "left",
        "left_reason",
        "trials",
        "draws",
        "stopped",
        "results",
    ]
    assert record["best"] == plain_config(WINNER.config)
    assert set(record["quality"]) == {"mean", "low", "high", "examples"}
    assert set(record["cost_per_request"]) == {"mean", "low", "high"}
    assert record["draws"] == {"bought": 5000, "reused": 12}
    assert record["difference"]["verdict"] == "better"


def test_what_json_has_no_word_for_is_null() -> None:
    winner = replace(
        WINNER, cost=Interval(0.1, 0.0, math.inf, 1), seconds_median=math.nan
    )
    record = best_json(whole(winner=winner, detectable=math.inf))
    assert record["winner"]["cost_per_request"] == {
        "mean": 0.1,
        "low": 0.0,
        "high": None,
    }
    assert record["winner"]["seconds"]["median"] is None
