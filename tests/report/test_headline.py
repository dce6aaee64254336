"""The answer in three sentences: no claim goes beyond its interval."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tests.support.reports import (
    BASELINE,
    EMPTY,
    WINNER,
    cells,
    whole,
)
from tune.report import (
    answer,
    markdown,
    summary_lines,
)
from tune.stats.intervals import Interval


@pytest.mark.parametrize(
    ("difference", "larger_is_better", "said", "never"),
    [
        (
            Interval(0.1, 0.01, 0.2, 50),
            True,
            "It is better than the baseline",
            "cannot tell",
        ),
        (
            Interval(-0.1, -0.2, -0.01, 50),
            True,
            "It is worse than the baseline",
            "better",
        ),
        (
            Interval(0.1, -0.01, 0.2, 50),
            True,
            "The data cannot tell it from the baseline",
            "better",
        ),
        (
            Interval(-0.1, -0.2, -0.01, 50),
            False,
            "It is better than the baseline",
            "cannot tell",
        ),
        (
            Interval(0.1, 0.01, 0.2, 50),
            False,
            "It is worse than the baseline",
            "cannot tell",
        ),
    ],
)
def test_no_gain_is_claimed_that_the_interval_does_not_carry(
    difference: Interval, larger_is_better: bool, said: str, never: str
) -> None:
    study = whole(difference=difference, larger_is_better=larger_is_better)
    comparison = answer(study)[1]
    assert said in comparison
    assert never not in comparison
    assert cells(markdown(study))[1][4] == study.verdict


def test_a_baseline_that_could_not_be_run_is_said_with_the_reason() -> None:
    why = "the model does not take stop: 400: no stop"
    said = answer(whole(baseline=None, difference=None, baseline_failure=why))
    assert said[1] == (
        "The baseline could not be run, so nothing is compared with it and no gain is claimed: "
        f"{why}."
    )
    # The search may have scored it.
    said = answer(whole(difference=None, baseline_failure=f"{why}."))
    assert said[1].endswith(f"no gain is claimed. It could not be run there: {why}.")
    nothing = whole(winner=None, baseline=None, baseline_failure=why)
    assert f"The baseline could not be run: {why}." in answer(nothing)


def test_what_could_not_have_been_seen_is_said() -> None:
    study = whole(difference=Interval(0.01, -0.1, 0.12, 120))
    assert "a difference below 0.120 would mostly go unseen" in answer(study)[1]
    assert (
        "The 120 holdout examples show a difference to the baseline of 0.120 or more"
        in markdown(study)
    )
    hopeless = whole(difference=Interval(0.01, -0.9, 0.9, 1), detectable=math.inf)
    assert "inf" not in answer(hopeless)[1]
    assert (
        "can be seen with 80 % probability: there are too few holdout examples"
        in markdown(hopeless)
    )
    assert "The 120 holdout examples show" in "".join(summary_lines(whole()))
    assert (
        sum("0.120" in line for line in summary_lines(study)) == 2
    )  # in the answer, and a limit; not said twice


@pytest.mark.parametrize(
    ("holdout", "larger_is_better", "majority_score", "said"),
    [
        (Interval(0.6, 0.5, 0.7, 50), True, 0.49, "whole interval clears"),
        (Interval(0.6, 0.5, 0.7, 50), True, 0.55, "interval does not clear"),
        (Interval(0.3, 0.2, 0.4, 50), False, 0.45, "whole interval clears"),
        (Interval(0.3, 0.2, 0.4, 50), False, 0.25, "interval does not clear"),
        (None, True, 0.49, "which the winner has not met"),
    ],
)
def test_the_majority_class_is_cleared_by_an_interval_and_not_by_a_mean(
    holdout: Interval | None, larger_is_better: bool, majority_score: float, said: str
) -> None:
    winner = replace(WINNER, holdout=holdout)
    study = whole(
        winner=winner,
        majority_score=majority_score,
        larger_is_better=larger_is_better,
        difference=None,
    )
    assert said in answer(study)[2]


def test_a_number_the_search_chose_by_is_called_flattering() -> None:
    study = whole(winner=replace(WINNER, holdout=None), baseline=None, difference=None)
    first, second, _ = answer(study)
    assert "0.830 on 100 tuning examples" in first
    assert "flatters" in first
    assert "no gain is claimed" in second
    assert "every number here is a tuning estimate" in markdown(study)


def test_two_configs_that_were_not_compared_carry_no_claim() -> None:
    assert "no gain is claimed" in answer(whole(difference=None))[1]
    assert cells(markdown(whole(difference=None)))[1][4] == "not compared"


def test_a_winner_that_is_the_baseline_is_shown_once_and_says_so() -> None:
    study = whole(
        baseline=replace(WINNER, name="baseline"), difference=Interval(0, 0, 0, 120)
    )
    assert "It is the baseline itself" in answer(study)[1]
    assert [row[0] for row in cells(markdown(study).split("\n\n")[2])].count(
        "baseline"
    ) == 0


def test_a_lower_score_that_is_better_is_said() -> None:
    assert "a lower score is better" in answer(whole(larger_is_better=False))[0]
    assert "lower is better" in markdown(whole(larger_is_better=False)).split("\n\n")[2]


def test_an_interrupted_run_says_that_it_can_be_taken_up_again() -> None:
    study = whole(interrupted=True, stopped="interrupted")
    assert "found so far" in answer(study)[0]
    assert "the same command takes it up again" in markdown(study)
    early = replace(EMPTY, interrupted=True, baseline=BASELINE)
    assert "interrupted before anything was scored" in answer(early)[0]
    stopped = "it was interrupted; the same command resumes it"
    said = " ".join(answer(replace(early, stopped=stopped)))
    assert said.count("the same command resumes it") == 1
    assert "The baseline scores 0.240 on 120 holdout examples" in answer(early)[1]
