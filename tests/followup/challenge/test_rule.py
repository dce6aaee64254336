"""The rule by which a new model enters, on pairs whose truth is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tune
from tests.support.challenges import rival
from tune.followup.challenge.rivals import (
    Rival,
)
from tune.followup.challenge.rule import EntryRule, compare_pairs, unmet_examples
from tune.space import Config


def test_to_enter_takes_both_rivals_and_not_to_takes_one() -> None:
    mine = dict.fromkeys(range(80), 1.0)
    weak, even, strong = (
        Rival(
            Config({"model": "old", "prompt": name, "max_tokens": 8}),
            1.0,
            0.0,
            scores,
            {},
        )
        for name, scores in (
            ("weak", dict.fromkeys(range(80), 0.0)),
            ("even", dict.fromkeys(range(80), 1.0)),
            ("strong", dict.fromkeys(range(4), 0.0)),
        )
    )
    order = list(range(80))
    assert compare_pairs(rule(), mine, order, [weak])[0] == "enters"
    answer, looks = compare_pairs(rule(), mine, order, [weak, strong])
    assert (answer, looks[0].rival, looks[0].pairs.n) == ("undecided", strong, 4)
    answer, looks = compare_pairs(rule(), mine, order, [weak, even])
    assert (answer, looks[0].rival) == ("does not enter", even)


def test_examples_are_bought_for_who_is_not_beaten_yet_the_rival_with_the_most_answers_first() -> (
    None
):
    full, few = (
        rival([0.0] * 60, [1.0] * 60, "full"),
        rival([0.0] * 4, [1.0] * 4, "few", start=58),
    )
    order = [*range(30, 80), *range(30)]
    answer, looks = compare_pairs(rule(), {}, [], [few, full])
    assert answer == "undecided"
    assert unmet_examples(order, [], looks) == [*range(30, 60), *range(30), 60, 61]
    bought = order[:30]
    answer, looks = compare_pairs(
        rule(), dict.fromkeys(bought, 1.0), bought, [few, full]
    )
    assert [look.answer for look in looks] == ["undecided", "enters"]
    assert unmet_examples(order, bought, looks) == [60, 61]


@pytest.mark.slow
def test_a_model_equal_to_the_best_enters_as_seldom_as_said_though_it_beats_the_rival_with_more_answers() -> (
    None
):
    rng, said = np.random.default_rng(8), []
    for _ in range(150):
        luck = rng.random((3, 120))
        mine, best, weak = (
            dict(enumerate((row < q).astype(float)))
            for row, q in zip(luck, (0.7, 0.7, 0.2), strict=True)
        )
        few = Rival(
            Config({"model": "old", "prompt": "best", "max_tokens": 8}),
            1.0,
            0.7,
            dict(list(best.items())[:40]),
            {},
        )
        full = Rival(
            Config({"model": "old", "prompt": "weak", "max_tokens": 8}),
            1.0,
            0.2,
            weak,
            {},
        )
        assert compare_pairs(rule(), mine, range(120), [full])[0] == "enters"
        said.append(compare_pairs(rule(), mine, range(120), [full, few])[0])
    assert said.count("enters") <= 15  # 5 % and three standard errors of it
    assert said.count("does not enter") < 150


def test_so_many_pairs_are_enough_as_show_a_model_that_differs_little_not_to_enter() -> (
    None
):
    for margin in (0.05, 0.1, 0.3):
        asked, twin = rule(margin=margin), np.zeros(rule(margin=margin).enough)
        assert asked.decide(twin, twin)[0] == "does not enter"
        assert (
            asked.decide(twin[: len(twin) // 3], twin[: len(twin) // 3])[0]
            == "undecided"
        )
        assert rule(margin=margin, larger_is_better=False).enough == asked.enough
        wide = rule(low=0.0, high=10.0, margin=10 * margin)
        assert wide.enough == asked.enough
    assert rule(margin=0.05).enough > rule(margin=0.1).enough


def entered(
    rule: EntryRule, runs: int, up: float, down: float, count: int = 160
) -> dict[str, float]:
    """How often each answer is given, where the new model alone is right on `up` of the examples,
    the old on `down`.
    """
    rng, said = np.random.default_rng(5), []
    for _ in range(runs):
        luck = rng.random(count)
        both = rng.random(count) < 0.5
        scores, rivals = (
            (luck < up) | both & (luck >= up + down),
            (luck >= up) & ((luck < up + down) | both),
        )
        said.append(rule.decide(scores.astype(float), rivals.astype(float))[0])
    return {
        answer: said.count(answer) / runs
        for answer in ("enters", "does not enter", "undecided")
    }


def rule(finalists_: int = 1, **more: Any) -> EntryRule:
    values = {
        "low": 0.0,
        "high": 1.0,
        "larger_is_better": True,
        "margin": 0.1,
        "alpha": 0.05 / finalists_,
        "beta": 0.05,
        **more,
    }
    return EntryRule(**values)


@pytest.mark.slow
def test_an_equal_model_enters_at_most_as_often_as_said_and_a_better_one_mostly() -> (
    None
):
    # The decision at the last pair is the first that fell at any look: three standard errors of 5 %
    # are 3.3 %.
    assert entered(rule(), 400, 0.1, 0.1)["enters"] <= 0.083
    assert (
        entered(rule(), 400, 0.15, 0.05)["does not enter"] <= 0.083
    )  # better by just the margin
    assert entered(rule(), 200, 0.25, 0.02)["enters"] >= 0.95
    assert entered(rule(), 200, 0.05, 0.20)["does not enter"] >= 0.95


def test_two_finalists_together_enter_wrongly_at_most_as_often_as_one() -> None:
    metric = tune.Metric("m", "m", lambda answer, example: 0.0)
    split = EntryRule.of(metric, margin=0.1, alpha=0.05, beta=0.05, finalists=2)
    assert (split.alpha, split.beta) == (0.025, 0.05)
    assert 2 * entered(split, 400, 0.1, 0.1)["enters"] <= 0.083


@pytest.mark.slow
def test_two_rivals_together_turn_a_better_model_down_wrongly_at_most_as_often_as_one() -> (
    None
):
    metric = tune.Metric("m", "m", lambda answer, example: 0.0)
    split = EntryRule.of(metric, margin=0.1, alpha=0.05, beta=0.05, rivals=2)
    assert (split.alpha, split.beta) == (0.05, 0.025)
    assert (
        2 * entered(split, 400, 0.15, 0.05)["does not enter"] <= 0.083
    )  # better by just the margin than both


def test_where_less_is_better_the_rule_is_turned_round() -> None:
    ours, theirs = np.zeros(60), np.ones(60)
    assert rule(larger_is_better=False).decide(ours, theirs)[0] == "enters"
    assert rule(larger_is_better=False).decide(theirs, ours)[0] == "does not enter"
    assert rule().decide(ours, theirs)[0] == "does not enter"
