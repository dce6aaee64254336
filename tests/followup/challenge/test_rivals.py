"""Configs of the frontier that a new model must beat."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.challenges import reading, rival
from tests.support.reports import BASELINE, WINNER, whole
from tune.followup.challenge.rivals import (
    Opponents,
    Rival,
    find_opponents,
    is_more_expensive,
    read_rivals,
)
from tune.readout import Reading
from tune.readout.trial import Trial
from tune.space import Config, Point
from tune.stats.intervals import Interval


def test_a_rival_costs_more_only_where_the_same_examples_show_it() -> None:
    mine = reading([1.0] * 8, [1.0, 2.0] * 4)
    assert not is_more_expensive(rival([1.0] * 8, [1.0, 2.0] * 4), mine)
    assert is_more_expensive(
        rival([1.0] * 8, [1.1, 2.1] * 4), mine
    )  # a little, and always
    assert not is_more_expensive(
        rival([1.0] * 8, [0.5, 2.7] * 4), mine
    )  # more on average, by luck
    assert is_more_expensive(
        Rival(mine.config, 3.0, 1.0, {20: 1.0}, {20: 3.0}), mine
    )  # no example in common: the means
    assert not is_more_expensive(
        rival([1.0], [9.0]), reading([1.0], [1.0])
    )  # one example shows nothing


def against(
    rivals: list[Rival],
    mine: Reading,
    sign: float = 1.0,
    closed: int = 0,
    enough: int = 4,
) -> Opponents:
    found = find_opponents(rivals, mine, sign, closed=closed, enough=enough)
    assert found is not None
    return found


def test_the_rival_is_the_best_that_costs_no_more() -> None:
    mine = reading([1.0] * 4, [1.0] * 4)
    cheap, good, dear = (
        rival([0.2] * 4, [0.5] * 4),
        rival([0.6] * 4, [0.9] * 4),
        rival([0.9] * 4, [2.0] * 4),
    )
    assert against([cheap, good, dear], mine) == Opponents(good)
    assert against([cheap, good, dear], mine, -1.0) == Opponents(
        cheap
    )  # where less is better
    assert find_opponents([dear], mine, 1.0, closed=0, enough=4) is None


def test_the_best_and_the_best_with_answers_enough_are_both_to_be_beaten_and_others_are_left_out() -> (
    None
):
    mine = reading([1.0] * 40, [1.0] * 40)
    full, few, fewer = (
        rival([q] * n, [0.5] * n, name)
        for q, n, name in ((0.5, 40, "a"), (0.6, 10, "b"), (0.7, 9, "c"))
    )
    assert against([full, few, fewer], mine, enough=30) == Opponents(
        full, fewer, (few,)
    )
    assert against([full, few, fewer], mine, enough=10) == Opponents(few, fewer)
    assert against([full, few, fewer], mine, enough=9) == Opponents(fewer)
    assert Opponents(full, fewer, (few,)).compared == (full, fewer)


def test_a_config_of_few_examples_counts_only_where_no_other_costs_as_little() -> None:
    mine = reading([1.0] * 8, [1.0] * 8)
    lucky = replace(rival([0.9] * 8, [0.5] * 8, "lucky"), few=True)
    known, dear = rival([0.5] * 8, [0.5] * 8), rival([0.5] * 8, [2.0] * 8)
    assert against([lucky, known, dear], mine) == Opponents(known)
    # The new model is not the cheapest config then.
    assert against([lucky, dear], mine) == Opponents(lucky)
    # Its answers may all be to examples that are not for the verdict.
    assert against([lucky, dear], mine, closed=8) == Opponents(lucky)


def test_answers_on_the_examples_of_the_trying_are_none_to_decide_on() -> None:
    mine = reading([1.0] * 40, [1.0] * 40)
    early, late = (
        rival([0.9] * 20, [0.5] * 20, "early"),
        rival([0.5] * 20, [0.5] * 20, "late", start=20),
    )
    assert (early.answers_from(16), late.answers_from(16)) == (4, 20)
    assert against([early, late], mine, closed=16) == Opponents(
        early
    )  # four are enough there
    assert against([early, late], mine, closed=16, enough=8) == Opponents(late, early)


def test_where_no_rival_has_answers_enough_half_of_what_the_fullest_has_will_do() -> (
    None
):
    mine = reading([1.0] * 40, [1.0] * 40)
    poor, good = (
        rival([0.3] * 40, [0.5] * 40, "poor"),
        rival([0.8] * 24, [0.5] * 24, "good"),
    )
    assert against([poor, good], mine, enough=1000) == Opponents(good)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(1, 60)), min_size=1, max_size=6),
    st.integers(1, 80),
    st.integers(0, 20),
)
def test_whoever_looks_better_than_the_rival_is_the_best_or_named_as_left_out(
    held: list[tuple[float, int]], enough: int, closed: int
) -> None:
    rivals = [
        rival([mean] * count, [0.5] * count, str(i))
        for i, (mean, count) in enumerate(held)
    ]
    found = against(
        rivals, reading([1.0] * 60, [1.0] * 60), closed=closed, enough=enough
    )
    better = [each for each in rivals if each.mean > found.rival.mean]
    assert set(map(id, better)) <= {id(found.best), *map(id, found.left_out)}
    top = max(
        found.rival.answers_from(closed),
        *(each.answers_from(closed) for each in rivals),
    )
    assert found.rival.answers_from(closed) >= min(enough, top / 2)
    for each in found.left_out:
        assert each.answers_from(closed) < enough


class Kept:
    """Stands for an evaluator: trials with draws of so many tuning examples, and their readings.

    Args:
        answered: the tuning examples of each trial.
        scores: of each trial's configuration on all examples, those of the holdout too.
    """

    def __init__(self, answered: list[int], scores: list[list[float]]) -> None:
        self.answered = answered
        self.scores = scores
        self.reader = self

    def replay(self, _: object, trials: dict[int, Trial], __: object) -> None:
        for number, count in enumerate(self.answered):
            trials[number] = Trial(number, Point({}), 8)
            trials[number].draws = dict.fromkeys(range(count), ())

    def read(self, trial: Trial, configs: list[Config]) -> list[Reading]:
        scores = self.scores[trial.number]
        return [replace(reading(scores, [0.1] * len(scores)), config=configs[0])]


@pytest.mark.parametrize("tuning", [4, 7, 8, 60])
async def test_a_baseline_on_few_tuning_examples_is_no_rival_that_is_preferred(
    tuning: int,
) -> None:
    """It meets the holdout, so it has as many stored answers as the winner."""
    cost = Interval(0.1, 0.1, 0.1, 60)
    winner = replace(WINNER, trial=0, tuning=Interval(0.7, 0.6, 0.8, tuning), cost=cost)
    baseline = replace(
        BASELINE, trial=1, tuning=Interval(1.0, 0.6, 1.0, tuning), cost=cost
    )
    report = whole(winner=winner, baseline=baseline, frontier=())
    # 100 tuning examples at most: half of them are enough.
    evaluator: Any = Kept([100, tuning], [[0.7] * 160, [0.4] * 160])
    wave = {"event": "wave", "phase": "search", "steps": []}
    outcome = {
        "event": "outcome",
        "stopped": None,
        "left": 1.0,
        "unanswered": [],
        "config_failed": [],
        "failed": [],
    }
    rivals = await read_rivals(evaluator, report, [wave, outcome])
    assert [each.config for each in rivals] == [winner.config, baseline.config]
    # The winner is never marked, as the study selected it.
    assert [each.few for each in rivals] == [False, tuning < 50]
    mine = reading([1.0] * 40, [1.0] * 40)
    expected = winner if tuning < 50 else baseline
    assert against(rivals, mine).rival.config == expected.config
