"""The estimate in words."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tune.plan.answer_forecast import AnswerForecast
from tune.plan.estimate import RunEstimate
from tune.plan.estimate_text import estimate_lines, estimate_table, price_lines
from tune.plan.purchase import Purchase

ROW = AnswerForecast("m", "p", 100, 10, 0, 0.001)
FOUND = RunEstimate(
    rows=(ROW,),
    draw=0.001,
    tuning=60,
    holdout=40,
    points=100,
    bought=Purchase(1.0, 20, 50, 40, 0.2),
    enough=0.5,
    tuning_detectable=0.1,
    prices=(("m", "$1/$2 per million tokens"),),
)


def text(**changes: object) -> str:
    return " ".join(estimate_lines(replace(FOUND, **changes)))  # type: ignore[arg-type]


def test_costs_the_search_and_the_visible_difference_are_named() -> None:
    first, second, third = estimate_lines(FOUND)
    assert first.startswith(
        "Estimate: one answer to one example costs $0.001 on average;"
    )
    assert "since none like them was bought before" in first
    assert second.startswith("$1.00 compares about 20 configurations (50 answers)")
    assert third.startswith("A difference to the baseline of 0.200 is seen there")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ((replace(ROW, learned=5),), "as long as 5 that were bought before."),
        ((replace(ROW, stated=True),), "as long as you state."),
        ((replace(ROW, learned=5), ROW), "before, others assumed to be as long"),
        ((replace(ROW, stated=True), ROW), "state, others assumed"),
    ],
)
def test_lengths_say_where_they_are_known_from(
    rows: tuple[AnswerForecast, ...], words: str
) -> None:
    assert words in text(rows=rows)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"goal": "frontier"},
            "Two configurations that differ by 0.100 are told apart",
        ),
        (
            {"goal": "cheapest", "min_quality": 0.8},
            "better than 0.800 by 0.100, that is shown",
        ),
        ({"goal": "cheapest", "margin": 0.2}, "worse by less than 0.100 on all 60"),
        (
            {"goal": "cheapest", "margin": 0.05},
            ". The margin of 0.050 needs more examples.",
        ),
        ({"goal": "frontier", "tuning_detectable": math.inf}, "too few to show"),
        (
            {"bought": Purchase(1.0, 20, 50, 1, math.inf)},
            "No difference to the baseline",
        ),
        (
            {"bought": Purchase(1.0, 5, 50, 40, 0.2)},
            "too little for a search: about $0.5",
        ),
        ({"sample_size_note": "Only a few."}, "Only a few."),
        (
            {"draw_span": (0.0005, 0.002)},
            "a guess, so that the average may as well be $0.0005",
        ),
    ],
)
def test_the_visible_difference_is_that_of_the_goal(
    changes: dict[str, object], words: str
) -> None:
    assert words in text(**changes)


def test_without_prices_seconds_take_the_place_of_dollars() -> None:
    timed = replace(FOUND, time_limit=900.0, seconds=2.0, search_seconds=600.0)
    said = " ".join(estimate_lines(timed))
    assert "nobody is billed" in said
    assert "$" not in said
    assert price_lines(timed) == ()
    assert "unknown until the first block" in text(time_limit=900.0)
    assert estimate_table(timed)[1].endswith("unknown")


def test_the_table_has_a_row_for_each_model_and_prompt_and_each_other_budget() -> None:
    lines = estimate_table(
        replace(FOUND, others=(Purchase(5.0, 80, 200, 40, math.inf),))
    )
    assert lines[1].endswith(" (assumed)")
    assert lines[2] == (
        "$5.00 would compare about 80 configurations and see no difference (too few examples) on "
        "40 holdout examples."
    )
    assert price_lines(FOUND) == ("m: $1/$2 per million tokens",)


@pytest.mark.parametrize(
    ("bought", "words"),
    [
        (
            Purchase(5.0, 100, 300, 40, 0.2, limit="space"),
            "all 100 configurations of the space",
        ),
        (
            Purchase(5.0, 1, 3, 40, 0.2, limit="space"),
            "the one configuration of the space",
        ),
        (
            Purchase(5.0, 30, 90, 40, 0.2, limit="trials"),
            "about 30 configurations, as many as --trials allows,",
        ),
    ],
)
def test_a_search_that_more_money_does_not_enlarge_says_why(
    bought: Purchase, words: str
) -> None:
    assert f"$5.00 compares {words} (" in text(bought=bought)
    assert (
        f"$5.00 would compare {words} and see"
        in estimate_table(replace(FOUND, others=(bought,)))[-1]
    )
    timed = text(bought=bought, time_limit=60.0, seconds=1.0, search_seconds=60.0)
    assert f"compare {words} (" in timed
