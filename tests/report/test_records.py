"""What a report says of itself: its title, its limits and its verdicts."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.support.reports import BASELINE, EMPTY, WINNER, whole
from tune.report import plain_config
from tune.stats.intervals import Interval


def test_the_title_has_the_goal_unless_something_is_wrong() -> None:
    assert whole().headline == "reviews: best quality"
    over = whole(keeps_limit=False, max_cost=0.002, max_seconds=1.5)
    assert over.headline == (
        "reviews: no configuration keeps the limit of $0.002 per request and 1.5 s per request"
    )
    unread = replace(over, unread_stop=True)
    assert unread.headline == "reviews: the answers are not read rightly"


def test_without_limits_there_are_no_words_for_them() -> None:
    assert whole().limit == ""
    assert whole(max_seconds=2.0).limit == "the limit of 2 s per request"


@pytest.mark.parametrize(
    ("low", "high", "larger", "shown"),
    [
        (-0.04, 0.1, True, True),
        (-0.06, 0.1, True, False),
        (-0.1, 0.04, False, True),
        (-0.1, 0.06, False, False),
    ],
)
def test_non_inferiority_depends_on_the_limit_on_the_worse_side(
    low: float, high: float, larger: bool, shown: bool
) -> None:
    difference = Interval(0.0, low, high, 100)
    study = whole(margin=0.05, difference=difference, larger_is_better=larger)
    assert study.non_inferior is shown
    assert replace(study, margin=None).non_inferior is None
    assert replace(study, difference=None).non_inferior is None


def test_the_quality_of_a_row_is_that_on_the_holdout_if_it_met_it() -> None:
    assert WINNER.quality is WINNER.holdout
    assert replace(WINNER, holdout=None).quality is WINNER.tuning


def test_a_winner_with_the_settings_of_the_baseline_is_the_baseline() -> None:
    assert not whole().winner_is_baseline
    assert not EMPTY.winner_is_baseline
    assert whole(baseline=replace(BASELINE, config=WINNER.config)).winner_is_baseline


def test_agents_have_a_configuration_unless_a_note_says_why_not() -> None:
    assert whole().has_deployable
    assert whole(deployable=None, deployable_note="").has_deployable
    assert not whole(deployable=None, deployable_note="a raw prompt").has_deployable


def test_an_interval_clears_a_value_only_as_a_whole() -> None:
    quality = Interval(0.6, 0.5, 0.7, 50)
    assert whole().clears(quality, 0.49)
    assert not whole().clears(quality, 0.55)
    assert not whole().clears(None, 0.1)
    assert not whole().clears(quality, None)
    errors = whole(larger_is_better=False)
    assert errors.clears(quality, 0.71)
    assert not errors.clears(quality, 0.65)


def test_a_plain_configuration_is_json_without_loss() -> None:
    plain = plain_config(WINNER.config)
    assert json.loads(json.dumps(plain)) == plain
    assert plain["stop"] == ["\n"]
