"""What few examples cannot show is said with numbers that hold in worlds where it is tried."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from tune.plan.estimate import RunEstimate, estimate
from tune.plan.estimate_text import estimate_lines
from tune.plan.make import make_plan
from tune.plan.plan import Plan
from tune.plan.read_options import read_options
from tune.plan.sample_size import SMALL_SAMPLE, sample_size_note
from tune.plan.token_counts import offline_endpoints
from tune.space import Space
from tune.stats.alpha_spending import analysis_confidence
from tune.stats.intervals import difference_interval, mean_interval
from tune.task.metrics import Metric

SPACE = Space(model="m", prompt={"p": "{text}"}, temperature=[0.5], max_tokens=8)


def order(count: int, *, size: int = 1, **options: Any) -> Plan:
    """A plan for so many examples, in groups of a size."""
    rows = [
        {"text": f"t{i}", "label": "a", "who": f"w{i // size}"} for i in range(count)
    ]
    group = {"group": "who"} if size > 1 else {}
    return make_plan(
        read_options(
            data=rows,
            space=SPACE,
            budget=1.0,
            **{
                "target": "label",
                "input": "text",
                "price": "m=1/2",
                **group,
                **options,
            },
        )
    )


def numbers(sentence: str) -> list[float]:
    return [
        float(text.replace(",", ""))
        for text in re.findall(r"\d[\d,]*(?:\.\d+)?", sentence)
    ]


@pytest.mark.parametrize(
    ("count", "said"), [(SMALL_SAMPLE - 1, True), (SMALL_SAMPLE, False), (200, False)]
)
def test_it_is_said_below_forty_examples_and_not_above(count: int, said: bool) -> None:
    assert bool(sample_size_note(order(count))) == said


def test_the_widths_and_the_difference_are_those_that_a_report_would_have() -> None:
    sentence = sample_size_note(order(25))
    in_all, held, _, alike, halved, seen, small, _, _, needed, whole = numbers(sentence)
    assert (in_all, held, small) == (25, 10, 0.05)
    for scores, width in (([1.0] * 10, alike), ([0.0, 1.0] * 5, halved)):
        interval = mean_interval(scores, confidence=analysis_confidence(1))
        assert interval.high - interval.low == pytest.approx(width, abs=5e-4)
    rng = np.random.default_rng(5)
    found = 0
    for _ in range(
        300
    ):  # wins alone, so many of them that their deviation is about the assumed one
        ours = rng.choice([0.0, 1.0], p=[1 - seen, seen], size=10)
        found += (
            difference_interval(
                ours, np.zeros(10), confidence=analysis_confidence(1)
            ).low
            > 0
        )
    assert 0.7 <= found / 300 <= 0.95
    assert 800 <= needed <= 950
    assert whole == pytest.approx(needed * 2.5, rel=0.05)


def test_groups_are_counted_and_not_their_rows() -> None:
    sentence = sample_size_note(order(100, size=10))
    assert sentence.startswith(
        "There are only 10 groups of examples in all, 4 of them held back"
    )
    assert "groups of examples held back" in sentence


def test_examples_that_are_copies_count_once() -> None:
    rows = [{"text": f"t{i % 12}", "label": "a"} for i in range(120)]
    plan = make_plan(
        read_options(data=rows, space=SPACE, budget=1.0, target="label", price="m=1/2")
    )
    assert sample_size_note(plan).startswith(
        "There are only 12 groups of examples in all"
    )


def test_one_or_two_held_back_examples_show_no_difference_at_all() -> None:
    for count in (2, 3, 5):
        sentence = sample_size_note(order(count))
        assert "No difference to the baseline is large enough to be seen" in sentence
        assert "inf" not in sentence


def test_without_a_holdout_nothing_can_be_known_of_other_examples() -> None:
    sentence = sample_size_note(order(20, holdout=0.0))
    assert (
        "none is held back: how good the choice is on others cannot be known"
        in sentence
    )
    assert "takes about" in sentence


def test_the_scale_is_the_metrics_own() -> None:
    plain = numbers(sample_size_note(order(25)))
    scaled = numbers(
        sample_size_note(
            order(
                25, metric=Metric("stars", "stars", lambda *_: 1.0, low=0.0, high=100.0)
            )
        )
    )
    assert scaled[3:7] == pytest.approx([100 * value for value in plain[3:7]], rel=0.02)
    assert scaled[7:] == plain[7:]


# --- in the estimate


def estimated(plan: Plan) -> RunEstimate:
    return estimate(plan, offline_endpoints(plan.entries), None)


def test_the_estimate_says_it_in_a_fourth_line_and_else_has_three() -> None:
    few, enough = estimated(order(25)), estimated(order(100))
    assert estimate_lines(few)[3:] == (sample_size_note(order(25)),)
    assert len(estimate_lines(enough)) == 3


def test_the_difference_that_an_estimate_promises_counts_groups() -> None:
    alone, grouped = estimated(order(300)), estimated(order(300, size=10))
    assert grouped.bought.holdout == alone.bought.holdout == 120
    assert grouped.bought.detectable > 2 * alone.bought.detectable
    assert grouped.tuning_detectable > 2 * alone.tuning_detectable
