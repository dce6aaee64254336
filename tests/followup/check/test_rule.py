"""The rules of a check, on scores whose truth is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tests.support.checks import distance
from tests.support.slow import slow
from tune.followup.check.rule import Bounds, NewExamplesRule
from tune.stats.confidence_sequences import SequentialResult
from tune.stats.intervals import Interval
from tune.task.metrics import Metric


def line(
    recorded: float = 0.8,
    scores: Any = (),
    *,
    count: int = 1000,
    larger_is_better: bool = True,
    margin: float = 0.1,
) -> NewExamplesRule:
    metric = Metric("m", "m", distance, larger_is_better=larger_is_better)
    bounds = Bounds.of(metric, margin=margin, alpha=0.05, beta=0.05)
    return NewExamplesRule.of(bounds, recorded, count, scores)


def decided(rule: NewExamplesRule, scores: Any) -> str:
    return rule.bounds.decide(rule.look(scores))


@pytest.mark.parametrize("larger_is_better", [True, False])
def test_each_answer_needs_its_own_error_rate(larger_is_better: bool) -> None:
    metric = Metric("m", "m", distance, larger_is_better=larger_is_better)
    bounds, nothing = (
        Bounds.of(metric, margin=0.05, alpha=0.01, beta=0.1),
        Interval(0.8, 0, 1, 5),
    )
    side = ("p_above", "p_below") if larger_is_better else ("p_below", "p_above")

    def said(better: float, worse: float) -> str:
        return bounds.decide(
            SequentialResult(nothing, **dict(zip(side, (better, worse), strict=True)))
        )

    assert said(0.09, 1.0) == "holds"
    assert said(1.0, 0.09) == "undecided"
    assert said(1.0, 0.009) == "regressed"


@pytest.mark.parametrize("count", [200, 1000])
def test_the_estimate_of_how_many_more_it_takes_is_about_right(count: int) -> None:
    rng, rule, took = np.random.default_rng(1), line(0.9, count=count), list[int]()
    for _ in range(12):
        scores = (rng.random(600) < 0.9).astype(float)
        took.append(
            next(
                (
                    n
                    for n in range(20, 600, 20)
                    if decided(rule, scores[:n]) != "undecided"
                ),
                600,
            )
        )
    start = rule.more(rule.look([]))
    assert 0.6 * np.mean(took) < start < 1.5 * np.mean(took)
    assert 0 < rule.more(rule.look([1.0] * 20)) < start


@pytest.mark.parametrize("larger_is_better", [True, False])
def test_recorded_scores_that_spread_little_make_the_line_decide_sooner(
    larger_is_better: bool,
) -> None:
    rng, took = np.random.default_rng(3), []
    mean = 0.7 if larger_is_better else 0.3
    then, runs = (
        rng.beta(20 * mean, 20 * (1 - mean), 80),
        rng.beta(20 * mean, 20 * (1 - mean), (4, 300)),
    )
    for known in ((), tuple(then)):
        rule = line(mean, known, count=80, larger_is_better=larger_is_better)
        took.append(
            [
                next(
                    (
                        n
                        for n in range(12, 300, 24)
                        if decided(rule, run[:n]) != "undecided"
                    ),
                    300,
                )
                for run in runs
            ]
        )
    assert np.mean(took[1]) < 0.7 * np.mean(took[0])


@pytest.mark.parametrize("recorded", [*slow(0.6, 0.95), 0.8])
def test_what_holds_is_seldom_called_regressed_and_the_other_way_round(
    recorded: float,
) -> None:
    rng, rule = np.random.default_rng(0), line(recorded, count=2000)

    def decisions(truth: float) -> list[str]:
        return [
            decided(rule, (rng.random(400) < truth).astype(float)) for _ in range(30)
        ]

    assert decisions(recorded).count("regressed") <= 2
    assert decisions(recorded - 0.2).count("holds") <= 2
    assert decisions(recorded).count("holds") >= 25
    assert decisions(recorded - 0.2).count("regressed") >= 25


@pytest.mark.parametrize("count", [15, *slow(40, 80)])
def test_where_nothing_changed_a_small_recorded_sample_is_seldom_the_cause_of_a_regression(
    count: int,
) -> None:
    """Held against the recorded mean alone, 23, 14 and 7 % of these are called regressed."""
    rng, regressed = np.random.default_rng(4), 0
    for _ in range(40):
        then = (rng.random(count) < 0.9).astype(float)
        bounds = Bounds.of(
            Metric("m", "m", distance), margin=0.05, alpha=0.05, beta=0.05
        )
        rule = NewExamplesRule.of(bounds, float(then.mean()), count, tuple(then))
        regressed += (
            decided(rule, (rng.random(2000) < 0.9).astype(float)) == "regressed"
        )
    assert regressed <= 2


def test_a_recorded_sample_that_is_too_small_for_the_margin_is_told_with_the_margin_that_can_be_seen() -> (
    None
):
    small, large = (line(0.9, count=count, margin=0.05) for count in (20, 2000))
    least = small.visible(math.inf)
    assert 0.08 < least < 0.25
    assert least < small.visible(1000) < small.visible(100)
    assert large.visible(math.inf) < 0.03
    assert small.more(small.look([])) == 0
    seen = small.look((np.arange(2000) % 10 > 0).astype(float))
    assert small.bounds.decide(seen) == "undecided"
    assert small.hopeless(seen)
    assert not small.hopeless(small.look([1.0] * 8))
    assert not large.hopeless(large.look([1.0] * 8))
