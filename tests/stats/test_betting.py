"""Bets that may be looked at after every score: errors at any look, and power."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.scores import binary, graded
from tests.support.slow import slow
from tune.stats.betting import log_evidence_above, log_evidence_below, p_value

WANTED = math.log(20)
"""The capital that refutes at 5 %."""


def ever(log_evidence: np.ndarray) -> float:
    """In how many of the runs the evidence was enough at some look."""
    return float((log_evidence >= WANTED).any(axis=-1).mean())


def first(log_evidence: np.ndarray) -> np.ndarray:
    """Scores until it was enough; one more than there were where it never was."""
    enough = log_evidence >= WANTED
    return np.where(
        enough.any(axis=-1), enough.argmax(axis=-1) + 1, enough.shape[-1] + 1
    )


@pytest.mark.parametrize("scores", [binary, graded])
@pytest.mark.parametrize("mean", [*slow(0.05, 0.5, 0.75), 0.97])
def test_at_all_looks_together_a_true_mean_is_refuted_at_most_as_often_as_said(
    scores, mean: float
) -> None:
    runs = scores(mean, runs=2000, count=800)
    # Four standard errors of 5 % in 2,000 runs are 2 %.
    assert ever(log_evidence_above(runs, mean, difference=0.05)) <= 0.07
    assert ever(log_evidence_below(runs, mean, difference=0.05)) <= 0.07


@pytest.mark.parametrize("difference", [0.001, 0.02, 0.3, 5.0])
def test_no_guess_of_the_difference_makes_the_test_wrong(difference: float) -> None:
    runs = binary(0.8, runs=2000, count=400)
    assert ever(log_evidence_above(runs, 0.8, difference=difference)) <= 0.07
    assert ever(log_evidence_below(runs, 0.8, difference=difference)) <= 0.07


def test_a_mean_beyond_the_null_is_refuted_even_less_often() -> None:
    assert (
        ever(
            log_evidence_above(binary(0.7, runs=1000, count=500), 0.75, difference=0.05)
        )
        <= 0.01
    )


def test_stopping_when_it_looks_good_does_not_help() -> None:
    """Who stops at the first p below 5 %, and else goes on, is fooled no more often than who does
    not.
    """
    runs = binary(0.5, runs=500, count=300)
    evidence = log_evidence_above(runs, 0.5, difference=0.1)
    assert np.mean([p_value(row) <= 0.05 for row in evidence]) == ever(evidence) <= 0.08
    naive = [
        (row.cumsum() / np.arange(1, 301) - 0.5) * 2 * np.sqrt(np.arange(1, 301))
        for row in runs
    ]
    assert np.mean([(row[20:] > 1.645).any() for row in naive]) > 0.15


@pytest.mark.parametrize("mean", [0.6, 0.8, 0.9])
def test_scores_until_a_decision_are_near_the_least_that_any_test_of_this_kind_needs(
    mean: float,
) -> None:
    null = mean - 0.05
    found = first(
        log_evidence_above(binary(mean, runs=400, count=4000), null, difference=0.05)
    )
    growth = mean * math.log(mean / null) + (1 - mean) * math.log(
        (1 - mean) / (1 - null)
    )
    assert (found <= 4000).mean() > 0.98
    assert found.mean() < 1.15 * WANTED / growth


def test_a_large_difference_is_seen_after_few_scores() -> None:
    assert (
        first(
            log_evidence_below(binary(0.3, runs=400, count=200), 0.75, difference=0.05)
        ).mean()
        < 30
    )
    assert (
        np.median(
            first(
                log_evidence_below(
                    binary(0.0, runs=1, count=200), 0.75, difference=0.05
                )
            )
        )
        < 15
    )


def test_scores_that_spread_less_decide_sooner() -> None:
    spread = first(
        log_evidence_above(binary(0.7, runs=300, count=2000), 0.65, difference=0.05)
    ).mean()
    narrow = first(
        log_evidence_above(graded(0.7, runs=300, count=2000), 0.65, difference=0.05)
    ).mean()
    assert narrow < 0.35 * spread


@pytest.mark.parametrize("concentration", [3, 10])
def test_graded_scores_next_to_their_bound_are_bet_on_nearly_as_well_as_can_be(
    concentration: int,
) -> None:
    """Against the best stake that somebody could choose who knew how the scores are spread."""
    runs = np.random.default_rng(4).beta(
        0.9 * concentration, 0.1 * concentration, (400, 1000)
    )
    growth = max(
        np.log1p(stake * (runs / 0.85 - 1)).mean()
        for stake in np.linspace(0.05, 0.99, 40)
    )
    found = first(log_evidence_above(runs, 0.85, difference=0.05))
    assert found.mean() < 1.25 * WANTED / growth


def failing(mean: float, *, runs: int, count: int, seed: int = 0) -> np.ndarray:
    """Within a few points of each other, and now and then nothing at all."""
    rng, usual = np.random.default_rng(seed), mean / 0.97
    return np.where(
        rng.random((runs, count)) < 0.03,
        0.0,
        rng.beta(40 * usual, 40 * (1 - usual), (runs, count)),
    )


@pytest.mark.parametrize("mean", [0.6, 0.9])
def test_a_few_failures_are_not_taken_for_many_small_deviations(mean: float) -> None:
    """A stake by the variance alone loses nearly all at a failure: at 0.9 it takes 190 scores
    instead of 125.
    """
    runs, null = failing(mean, runs=400, count=1000, seed=5), mean - 0.05
    growth = max(
        np.log1p(stake * (runs / null - 1)).mean()
        for stake in np.linspace(0.05, 0.99, 40)
    )
    found = first(log_evidence_above(runs, null, difference=0.05))
    assert found.mean() < 1.3 * WANTED / growth
    assert np.quantile(found, 0.95) < 400


@pytest.mark.parametrize("mean", [0.6, 0.9])
@pytest.mark.parametrize("scores", [graded, failing])
def test_earlier_scores_that_spread_likewise_make_a_decision_sooner(
    scores, mean: float
) -> None:
    runs, earlier = (
        scores(mean, runs=400, count=600),
        scores(mean, runs=1, count=60, seed=9)[0],
    )
    alone = first(log_evidence_above(runs, mean - 0.05, difference=0.05)).mean()
    told = first(
        log_evidence_above(runs, mean - 0.05, difference=0.05, earlier=earlier)
    ).mean()
    assert told < 0.99 * alone


@pytest.mark.parametrize("factor", [0.1, 10.0])
@pytest.mark.parametrize("scores", [*slow(binary, graded), failing])
@pytest.mark.parametrize("mean", [*slow(0.55), 0.9])
def test_earlier_scores_of_another_spread_make_no_test_wrong(
    scores, mean: float, factor: float
) -> None:
    """Ten times the variance or a tenth of it, as far as the bounds allow."""
    earlier = scores(mean, runs=1, count=100, seed=8)[0]
    earlier = np.clip(mean + math.sqrt(factor) * (earlier - mean), 0, 1)
    runs = scores(mean, runs=1000, count=500, seed=2)
    # Four standard errors of 5 % in 1,000 runs are 2.8 %.
    assert (
        ever(log_evidence_above(runs, mean, difference=0.05, earlier=earlier)) <= 0.078
    )
    assert (
        ever(log_evidence_below(runs, mean, difference=0.05, earlier=earlier)) <= 0.078
    )


@pytest.mark.parametrize("factor", [0.1, 10.0])
def test_earlier_scores_of_another_spread_are_unlearned(factor: float) -> None:
    runs, earlier = (
        graded(0.6, runs=300, count=1500),
        graded(0.6, runs=1, count=100, seed=8)[0],
    )
    wrong = np.clip(0.6 + math.sqrt(factor) * (earlier - 0.6), 0, 1)
    told = first(
        log_evidence_above(runs, 0.55, difference=0.05, earlier=earlier)
    ).mean()
    misled = first(
        log_evidence_above(runs, 0.55, difference=0.05, earlier=wrong)
    ).mean()
    assert told < misled < 1.6 * told


@given(
    st.lists(st.floats(0, 1), max_size=20),
    st.floats(0.05, 0.95),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.lists(st.floats(0, 1), min_size=1, max_size=20),
)
def test_the_capital_is_not_expected_to_grow_while_the_mean_is_the_null(
    earlier: list[float], null: float, inner: float, scores: list[float]
) -> None:
    """Exactly: the next score is one of two around the null, and the expected capital is the one
    before it.
    """
    low, high = null * inner, null + (1 - null) * inner
    chance = 0.5 if high == low else (null - low) / (high - low)
    now = log_evidence_above(scores, null, difference=0.05, earlier=earlier)[-1]
    after = [
        math.exp(
            log_evidence_above(
                [*scores, score], null, difference=0.05, earlier=earlier
            )[-1]
            - now
        )
        for score in (high, low)
    ]
    assert chance * after[0] + (1 - chance) * after[1] == pytest.approx(1.0, rel=1e-6)


def test_earlier_scores_of_0_and_1_leave_the_bet_on_0_and_1_as_it_is() -> None:
    scores, earlier = binary(0.8, runs=1, count=60)[0], [1.0] * 9 + [0.0]
    plain = log_evidence_above(scores, 0.7, difference=0.1)
    assert log_evidence_above(
        scores, 0.7, difference=0.1, earlier=earlier
    ) == pytest.approx(plain)


def test_scores_of_0_and_1_are_bet_on_alike_whether_or_not_that_is_seen_at_once() -> (
    None
):
    """The short way for 0/1 scores agrees with what is learned of them score by score."""
    scores = binary(0.8, runs=1, count=60)[0]
    long = log_evidence_above(np.append(scores, 0.5), 0.7, difference=0.1)[:-1]
    assert long == pytest.approx(
        log_evidence_above(scores, 0.7, difference=0.1), abs=1e-9
    )


def test_pairs_that_seldom_differ_are_not_overrated() -> None:
    differences = np.random.default_rng(6).choice(
        [-1.0, 0.0, 1.0], (500, 1200), p=[0.05, 0.90, 0.05]
    )
    found = first(
        log_evidence_below(differences, 0.05, difference=0.05, low=-1, high=1)
    )
    assert found.mean() < 340  # with a tenth of the belief it takes 380


def test_for_scores_of_0_and_1_the_first_bet_is_the_likelihood_ratio() -> None:
    """With all the capital on the true difference the evidence of 0/1 scores is Wald's."""
    scores = binary(0.8, runs=1, count=50)[0]
    both = log_evidence_above(scores, 0.7, difference=0.1)
    ratio = np.cumsum(np.where(scores == 1, math.log(0.8 / 0.7), math.log(0.2 / 0.3)))
    far = np.cumsum(
        np.log1p(0.9 * (scores / 0.7 - 1))
    )  # 0.3 / 0.3 is more than may ever be staked
    assert both == pytest.approx(
        np.logaddexp(math.log(0.9) + ratio, math.log(0.1) + far)
    )


def test_evidence_never_depends_on_scores_that_are_yet_to_come() -> None:
    scores = graded(0.6, runs=1, count=60)[0]
    whole = log_evidence_above(scores, 0.5, difference=0.05)
    for count in (1, 7, 30):
        assert log_evidence_above(
            scores[:count], 0.5, difference=0.05
        ) == pytest.approx(whole[:count])


@given(st.lists(st.floats(0, 1), max_size=40), st.floats(0, 1), st.floats(0.01, 1))
def test_above_and_below_are_mirror_images(
    scores: list[float], null: float, difference: float
) -> None:
    values = np.array(scores)
    mirrored = log_evidence_above(1 - values, 1 - null, difference=difference)
    assert log_evidence_below(values, null, difference=difference) == pytest.approx(
        mirrored, rel=1e-6, abs=1e-6
    )


def test_paired_differences_of_equals_are_refuted_no_more_often_than_said() -> None:
    rng = np.random.default_rng(6)
    ours, theirs = rng.random((1000, 300)) < 0.8, rng.random((1000, 300)) < 0.8
    differences = ours.astype(float) - theirs
    assert (
        ever(log_evidence_above(differences, 0.0, difference=0.05, low=-1, high=1))
        <= 0.07
    )
    assert (
        ever(log_evidence_below(differences, 0.0, difference=0.05, low=-1, high=1))
        <= 0.07
    )
