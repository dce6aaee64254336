"""The result of a challenge in words and as a record."""

from __future__ import annotations

import json
from dataclasses import replace

from tune.followup.challenge import ChallengeResult
from tune.followup.challenge.result import FrontierComparison
from tune.space import Config
from tune.stats.intervals import Interval


def test_words_and_record_hold_what_was_found() -> None:
    chosen = Config({"model": "new\x1b[31m", "prompt": "short", "max_tokens": 8})
    found = ChallengeResult(
        answer="does not enter",
        reason="",
        config=chosen,
        cost=0.001,
        rival=chosen,
        rival_cost=0.0005,
        difference=Interval(-0.1, -0.2, 0.01, 60),
        margin=0.05,
        tried=3,
        finalists=2,
        spent=0.06,
        budget=0.5,
        notices=("Beware.",),
    )
    assert "\x1b" not in str(found)
    assert "-0.100 [-0.200, +0.010] on 60 examples" in str(found)
    assert str(found).endswith("Beware.")
    record = found.to_record()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert record["difference"]["examples"] == 60
    assert (record["beside"], record["left_out"]) == (None, [])


def test_whom_it_was_compared_with_on_how_many_pairs_and_who_was_left_out_is_said() -> (
    None
):
    chosen = Config({"model": "new", "prompt": "short", "max_tokens": 8})
    other, third = (
        Config({"model": "old", "prompt": name, "max_tokens": 8, "n": n})
        for name, n in (("a", 3), ("b", 1))
    )
    found = ChallengeResult(
        answer="enters",
        reason="",
        config=chosen,
        cost=0.001,
        rival=chosen,
        rival_cost=0.0005,
        difference=Interval(0.1, 0.05, 0.2, 60),
        margin=0.05,
        tried=1,
        finalists=1,
        spent=0.06,
        budget=0.5,
        beside=FrontierComparison(other, 0.0004, 24, Interval(0.3, 0.1, 0.5, 24)),
        left_out=(FrontierComparison(third, 0.0003, 3),),
    )
    said = str(found)
    assert "against new (short), which costs no more ($0.0005)" in said
    assert (
        "old (a, n = 3) ($0.0004; 24 stored answers to pair with), it is +0.300 [+0.100, +0.500] "
        "on 24" in said
    )
    assert (
        "Left out because of too few stored answers to pair with: old (b): 3." in said
    )
    record = found.to_record()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert (record["beside"]["answers"], record["beside"]["difference"]["mean"]) == (
        24,
        0.3,
    )
    assert [each["answers"] for each in record["left_out"]] == [3]
    nothing = FrontierComparison(other, 0.0004, 0, Interval(0.0, -1.0, 1.0, 0))
    assert "0 stored answers to pair with), it was not compared." in str(
        replace(found, beside=nothing)
    )
