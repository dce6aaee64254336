"""What n of m draws are worth: against enumeration where m is small, against fresh draws where it
is not.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tune.readout.aggregate import best, vote
from tune.stats.arrays import Array, IntArray
from tune.stats.best_of_n import mean_of_best, mean_of_largest, top_weights
from tune.stats.estimate import SubsetEstimate, mean_of_one
from tune.stats.majority_vote import MOST_COUNTED, mean_of_vote
from tune.stats.subsets import SUBSETS, mean_of_choice

WORST = -0.5
NAMES = st.lists(st.sampled_from([-1, 0, 1, 2, 3]), min_size=1, max_size=6)
MARKS = st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=4, max_size=4)


def in_every_order(choose: Callable[[list[int]], float], draws: int, n: int) -> float:
    """The mean of a choice over every subset of n draws in every order in which they can be drawn."""
    return float(
        np.mean(
            [choose(list(order)) for order in itertools.permutations(range(draws), n)]
        )
    )


def voted(names: Sequence[int], marks: Sequence[float], n: int) -> float:
    """The expected score of a vote, by the rule that is used at run time."""

    def score(order: list[int]) -> float:
        winner = vote([None if names[i] < 0 else str(names[i]) for i in order])
        return WORST if winner is None else marks[int(winner)]

    return in_every_order(score, len(names), n)


def scores_of(names: Sequence[int], marks: Sequence[float]) -> list[float]:
    return [WORST if name < 0 else marks[name] for name in names]


def table(rows: Sequence[Sequence[float]]) -> Array:
    return np.array(rows, dtype=float)


# --- against enumeration


@settings(max_examples=60, deadline=None)
@given(NAMES, MARKS)
def test_a_vote_is_worth_its_mean_over_every_subset_in_every_order(
    names: list[int], marks: list[float]
) -> None:
    ns = range(1, len(names) + 1)
    found = mean_of_vote(
        np.array([names]), table([scores_of(names, marks)]), WORST, list(ns)
    )
    for column, n in enumerate(ns):
        assert found.means[0, column] == pytest.approx(
            voted(names, marks, n), abs=1e-12
        )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([1, 2, 3])),
        min_size=1,
        max_size=6,
    )
)
def test_the_best_by_a_verifier_is_worth_its_mean_over_every_subset_in_every_order(
    draws: list[tuple[float, int]],
) -> None:
    ns = range(1, len(draws) + 1)
    scores, verdicts = ([draw[side] for draw in draws] for side in range(2))
    found = mean_of_best(table([scores]), table([verdicts]), list(ns))

    def score(order: list[int]) -> float:
        return scores[
            int(best([str(i) for i in order], lambda i: verdicts[int(i)]) or 0)
        ]

    for column, n in enumerate(ns):
        assert found.means[0, column] == pytest.approx(
            in_every_order(score, len(draws), n), abs=1e-12
        )


@given(st.integers(1, 12), st.data())
def test_the_best_of_n_right_or_wrong_answers_is_the_unbiased_pass_at_n(
    draws: int, data: st.DataObject
) -> None:
    right = data.draw(st.integers(0, draws))
    ns = list(range(1, draws + 1))
    scores = table([[1.0] * right + [0.0] * (draws - right)])
    wanted = [1 - math.comb(draws - right, n) / math.comb(draws, n) for n in ns]
    assert mean_of_best(scores, scores, ns).means[0] == pytest.approx(wanted)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=7))
def test_the_largest_of_n_is_its_mean_over_every_subset(values: list[float]) -> None:
    ns = list(range(1, len(values) + 1))
    wanted = [np.mean([max(s) for s in itertools.combinations(values, n)]) for n in ns]
    assert mean_of_largest(table([values]), ns)[0] == pytest.approx(wanted)


@given(st.integers(1, 200), st.data())
def test_somebody_is_always_the_largest(draws: int, data: st.DataObject) -> None:
    n = data.draw(st.integers(1, draws))
    assert top_weights(draws, n).sum() == pytest.approx(1.0)


@given(NAMES, MARKS)
def test_any_choice_that_can_only_be_called_is_worth_its_mean_over_subsets(
    names: list[int], marks: list[float]
) -> None:
    scores = scores_of(names, marks)
    for n in range(1, len(names) + 1):
        mean, _ = mean_of_choice(
            lambda order: max(scores[i] for i in order), len(names), n, seed=0
        )
        assert mean == pytest.approx(mean_of_largest(table([scores]), [n])[0, 0])


@given(st.lists(st.floats(0, 1), min_size=2, max_size=9))
def test_more_answers_to_pick_from_are_never_worth_less(values: list[float]) -> None:
    ns = list(range(1, len(values) + 1))
    scores = table([values])
    means = mean_of_best(scores, scores, ns).means[0]
    assert (np.diff(means) >= -1e-12).all()
    assert means[0] == pytest.approx(np.mean(values))
    assert means[-1] == pytest.approx(max(values))


@given(NAMES, MARKS, st.randoms(use_true_random=False))
def test_neither_the_order_of_the_draws_nor_the_names_of_the_answers_matter(
    names: list[int], marks: list[float], rng: Random
) -> None:
    ns = list(range(1, len(names) + 1))
    plain = mean_of_vote(np.array([names]), table([scores_of(names, marks)]), WORST, ns)
    shuffled = rng.sample(names, len(names))
    renamed = [name if name < 0 else 40 - name for name in shuffled]
    other = mean_of_vote(
        np.array([renamed]), table([scores_of(shuffled, marks)]), WORST, ns
    )
    for one, two in zip(plain, other, strict=True):
        assert two == pytest.approx(one, nan_ok=True)


# --- ties, silence, edges


def test_equally_frequent_answers_win_equally_often() -> None:
    found = mean_of_vote(
        np.array([[0, 1, 2, 3]]), table([[1, 0, 0, 0]]), 0.0, [1, 2, 3, 4]
    )
    assert found.means[0] == pytest.approx([0.25] * 4)
    two = mean_of_vote(
        np.array([[0, 0, 1, 1]]), table([[1, 1, 0, 0]]), 0.0, [1, 2, 3, 4]
    )
    assert two.means[0] == pytest.approx([0.5] * 4)


def test_two_draws_vote_as_one_would() -> None:
    names = np.array([[0, 0, 1, 2, -1], [0, 1, 1, 1, 1]])
    found = mean_of_vote(names, np.where(names == 0, 1.0, 0.0), 0.0, [1, 2])
    # Of two voters none can outvote the other; silence is what a second draw repairs.
    assert found.means[1, 1] == pytest.approx(found.means[1, 0])
    assert found.means[0, 1] > found.means[0, 0]


def test_silent_draws_take_part_and_do_not_vote() -> None:
    names = np.array([[-1, -1, 0]])
    scores = table([[WORST, WORST, 1.0]])
    wanted = [(1 + 2 * WORST) / 3, (2 + WORST) / 3, 1.0]
    assert mean_of_vote(names, scores, WORST, [1, 2, 3]).means[0] == pytest.approx(
        wanted
    )


def test_where_nobody_votes_the_score_is_the_worst() -> None:
    found = mean_of_vote(np.array([[-1, -1]]), table([[WORST, WORST]]), WORST, [1, 2])
    assert found.means[0] == pytest.approx([WORST, WORST])
    assert found.variances[0] == pytest.approx([0.0, 0.0])


def test_an_example_is_not_scored_for_more_answers_than_it_has_draws() -> None:
    names = np.array([[0, 1]])
    scores = table([[1.0, 0.0]])
    for found in (
        mean_of_vote(names, scores, 0.0, [2, 3]),
        mean_of_best(scores, scores, [2, 3]),
    ):
        assert np.isnan(found.means[0]).tolist() == [False, True]
        assert np.isnan(found.variances[0]).tolist() == [False, True]
    assert np.isnan(mean_of_vote(names, scores, 0.0, [3]).means).all()
    assert np.isnan(mean_of_largest(scores, [3])).all()


def test_no_n_gives_no_column() -> None:
    assert mean_of_vote(
        np.array([[0, 1]]), table([[1.0, 0.0]]), 0.0, []
    ).means.shape == (1, 0)


def test_a_score_that_is_missing_spoils_its_own_example_alone() -> None:
    names = np.array([[0, 1, 1], [0, 1, 1]])
    scores = table([[math.nan, 1, 1], [0, 1, 1]])
    verdicts = table([[1, 2, 3], [1, 2, 3]])
    for found in (
        mean_of_vote(names, scores, 0.0, [1, 2]),
        mean_of_best(scores, verdicts, [1, 2]),
        mean_of_best(scores, scores, [1, 2]),
        mean_of_one(scores),
    ):
        assert np.isnan(found.means[0]).all()
        assert np.isfinite(found.means[1]).all()
        assert np.isfinite(found.variances[1]).all()


def test_a_single_draw_cannot_tell_its_own_variance() -> None:
    one = table([[1.0]])
    for found in (
        mean_of_one(one),
        mean_of_best(one, one, [1]),
        mean_of_vote(np.array([[0]]), one, 0.0, [1]),
    ):
        assert found.means[0, 0] == 1.0
        assert math.isnan(found.variances[0, 0])
    assert math.isnan(mean_of_choice(lambda order: 1.0, 1, 1, seed=0)[1])


def test_large_counts_lose_no_digits() -> None:
    """With a tie in every pair the vote of many is a coin that both sides share."""
    names = np.array([[0, 1] * 32])
    scores = np.where(names == 0, 1.0, 0.0)
    ns = [1, 2, 9, 16, MOST_COUNTED]
    assert mean_of_vote(names, scores, 0.0, ns).means[0] == pytest.approx(
        [0.5] * 5, rel=1e-12
    )
    right = 0.6 * 40
    lone = np.array([[0] * 24 + [1] * 16])
    odd = [n for n in range(1, MOST_COUNTED) if n % 2]
    wanted = [
        sum(math.comb(24, k) * math.comb(16, n - k) for k in range(n // 2 + 1, n + 1))
        / math.comb(40, n)
        for n in odd
    ]
    found = mean_of_vote(lone, np.where(lone == 0, 1.0, 0.0), 0.0, odd).means[0]
    assert right == 24
    assert found == pytest.approx(wanted, rel=1e-12)


def test_too_many_subsets_are_represented_by_random_ones_that_a_seed_fixes() -> None:
    rng = np.random.default_rng(5)
    names = rng.choice(4, size=(1, 40), p=[0.4, 0.3, 0.2, 0.1])
    scores = np.where(names == 0, 1.0, 0.0)
    exact = mean_of_vote(names, scores, 0.0, [9]).means[0, 0]

    def score(order: Sequence[int]) -> float:
        return float(vote([str(names[0, i]) for i in order]) == "0")

    tried = [mean_of_choice(score, 40, 9, seed) for seed in range(20)]
    assert tried[3] == mean_of_choice(score, 40, 9, 3)
    error = math.sqrt(exact * (1 - exact) / SUBSETS)
    assert abs(np.mean([mean for mean, _ in tried]) - exact) < 3 * error / math.sqrt(20)
    assert np.std([mean for mean, _ in tried]) == pytest.approx(error, rel=0.5)


# --- against fresh draws


class Worlds:
    """Examples with known truth: what the model says, how often, and how good that is."""

    def __init__(self, number: int, seed: int, kinds: int = 5) -> None:
        self.rng = np.random.default_rng(seed)
        self.shares = self.rng.dirichlet([0.6] * kinds, size=number)
        # Two kinds of answer are right, one of them in part; the last kind is a text without an
        # answer.
        self.marks = np.array([1.0, 0.5, *[0.0] * (kinds - 2)])
        self.kinds = kinds

    def draw(self, draws: int) -> tuple[IntArray, Array, Array]:
        """Answers (-1 for none), scores, and the verdicts of a verifier that is right more often
        than not.
        """
        at = self.rng.random((len(self.shares), draws, 1))
        kinds = (at > self.shares.cumsum(axis=1)[:, None, :-1]).sum(axis=2)
        scores = self.marks[kinds]
        verdicts = np.round(scores + self.rng.normal(size=kinds.shape), 0)
        return np.where(kinds == self.kinds - 1, -1, kinds), scores, verdicts


def vote_of(worlds: Worlds, draws: int, ns: Sequence[int]) -> SubsetEstimate:
    names, scores, _ = worlds.draw(draws)
    return mean_of_vote(names, scores, 0.0, ns)


def best_of(worlds: Worlds, draws: int, ns: Sequence[int]) -> SubsetEstimate:
    _, scores, verdicts = worlds.draw(draws)
    return mean_of_best(scores, verdicts, ns)


def any_of(worlds: Worlds, draws: int, ns: Sequence[int]) -> SubsetEstimate:
    _, scores, _ = worlds.draw(draws)
    return mean_of_best(scores, scores, ns)


RULES = pytest.mark.parametrize(
    "rule", [vote_of, best_of, any_of], ids=["vote", "best", "any"]
)


def run_fresh(rule: Callable[..., SubsetEstimate], worlds: Worlds, n: int) -> Array:
    """One request per world with n answers, chosen from by the rule that is used at run time."""
    names, scores, verdicts = worlds.draw(n)
    chosen = []
    for row in range(len(names)):
        answers = [None if name < 0 else str(name) for name in names[row].tolist()]
        if rule is vote_of:
            winner = vote(answers)
            chosen.append(0.0 if winner is None else float(worlds.marks[int(winner)]))
        elif rule is best_of:
            places = [str(place) for place in range(n)]
            found = best(places, lambda place, row=row: verdicts[row, int(place)])  # type: ignore[misc]
            chosen.append(float(scores[row, int(found or 0)]))
        else:
            chosen.append(float(scores[row].max()))
    return np.array(chosen)


def check_unbiased(rule: Callable[..., SubsetEstimate], worlds: int, runs: int) -> None:
    ns = [1, 2, 3, 5, 9, 16]
    made = Worlds(worlds, seed=11)
    estimates = np.mean([rule(made, 16, ns).means for _ in range(runs)], axis=0)
    for column, n in enumerate(ns):
        fresh = np.mean([run_fresh(rule, made, n) for _ in range(runs)], axis=0)
        difference = estimates[:, column] - fresh
        error = difference.std(ddof=1) / math.sqrt(worlds)
        assert abs(difference.mean()) < 3 * error, (
            f"n={n}: {difference.mean():+.4f}, standard error {error:.4f}"
        )


@RULES
def test_readings_of_sixteen_draws_agree_with_fresh_runs_in_a_thousand_worlds(
    rule: Callable[..., SubsetEstimate],
) -> None:
    check_unbiased(rule, worlds=1000, runs=2)


@pytest.mark.slow
@RULES
def test_readings_agree_with_many_fresh_runs_in_a_thousand_worlds(
    rule: Callable[..., SubsetEstimate],
) -> None:
    check_unbiased(rule, worlds=1000, runs=60)


@RULES
def test_estimates_of_the_same_draws_are_surer_than_fresh_runs(
    rule: Callable[..., SubsetEstimate],
) -> None:
    made = Worlds(300, seed=3)
    read = np.array([rule(made, 16, [3]).means[:, 0] for _ in range(20)])
    fresh = np.array([rule(made, 3, [3]).means[:, 0] for _ in range(20)])
    assert read.var(axis=0).mean() < 0.5 * fresh.var(axis=0).mean()


# --- the variances


def ratios(
    rule: Callable[..., SubsetEstimate],
    draws: int,
    ns: Sequence[int],
    *,
    examples: int,
    runs: int,
) -> Array:
    """Stated variance over true variance, each averaged over the examples, for each n."""
    made = Worlds(examples, seed=draws)
    found = [rule(made, draws, ns) for _ in range(runs)]
    true = (
        np.array([estimate.means for estimate in found])
        .var(axis=0, ddof=1)
        .mean(axis=0)
    )
    stated = np.array([estimate.variances for estimate in found]).mean(axis=(0, 1))
    return np.asarray(stated / true)


@RULES
@pytest.mark.parametrize(
    ("draws", "ns"),
    [(3, [1, 2, 3]), (5, [1, 3, 5]), (8, [1, 3, 5, 8]), (16, [1, 3, 9, 16])],
)
def test_the_stated_variances_are_true_on_average(
    rule: Callable[..., SubsetEstimate], draws: int, ns: list[int]
) -> None:
    found = ratios(rule, draws, ns, examples=150, runs=50)
    assert found[0] == pytest.approx(1.0, abs=0.1)  # n = 1 is unbiased
    assert (found > 0.7).all(), found
    assert (found < 1.5).all(), found


@pytest.mark.slow
@RULES
def test_the_stated_variances_are_true_on_average_seen_closely(
    rule: Callable[..., SubsetEstimate],
) -> None:
    for draws in (2, 3, 4, 6, 8, 12, 16):
        ns = list(range(1, draws + 1))
        found = ratios(rule, draws, ns, examples=300, runs=150)
        assert found[0] == pytest.approx(1.0, abs=0.04)
        assert (found > (0.75 if draws > 2 else 0.6)).all(), (draws, found)
        assert (found < 1.4).all(), (draws, found)


@given(NAMES, MARKS)
@settings(max_examples=40, deadline=None)
def test_a_variance_is_never_negative_nor_larger_than_scores_can_vary(
    names: list[int], marks: list[float]
) -> None:
    if len(names) < 2:
        return
    scores = table([scores_of(names, marks)])
    ns = list(range(2, len(names) + 1))
    for found in (
        mean_of_vote(np.array([names]), scores, WORST, ns),
        mean_of_best(scores, scores, ns),
    ):
        assert (found.variances >= 0).all()
        assert (found.variances <= 1.5**2 / 2).all()


def test_where_every_draw_scores_the_same_there_is_no_variance() -> None:
    names = np.array([[0, 0, 1, 2]])
    scores = np.ones((1, 4))
    assert mean_of_vote(names, scores, 0.0, [1, 2, 4]).variances[0] == pytest.approx(
        [0.0] * 3
    )
    assert mean_of_best(scores, table([[1, 2, 3, 4]]), [1, 2, 4]).variances[
        0
    ] == pytest.approx([0.0] * 3, abs=1e-15)
    assert mean_of_choice(lambda order: 1.0, 4, 2, seed=1) == (1.0, 0.0)


def test_a_verifier_that_says_nothing_leaves_the_variance_of_the_mean() -> None:
    scores = table([[1.0, 0.0, 0.0, 1.0]])
    found = mean_of_best(scores, np.zeros((1, 4)), [1, 2, 4])
    assert found.means[0] == pytest.approx([0.5] * 3)
    assert found.variances[0] == pytest.approx([1 / 12] * 3)


def test_a_choice_that_can_only_be_called_states_a_rough_variance() -> None:
    made = Worlds(60, seed=8)
    means, stated = [], []
    for _ in range(12):
        _, scores, _ = made.draw(5)
        found = [
            mean_of_choice(lambda order, row=row: max(row[i] for i in order), 5, 3, 0)
            for row in scores.tolist()
        ]
        means.append([mean for mean, _ in found])
        stated.append([variance for _, variance in found])
    ratio = np.mean(stated) / np.var(means, axis=0, ddof=1).mean()
    assert 0.6 < ratio < 2.0
