"""Intervals against exact answers, known tables, and worlds whose truth is known."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.slow import slow
from tune.stats.intervals import (
    Interval,
    difference_interval,
    mean_interval,
    percentile,
    verdict,
)
from tune.stats.student_t import t_quantile

shares = st.floats(0, 1, allow_nan=False).map(lambda x: round(x, 3))
some_scores = st.lists(shares, min_size=1, max_size=30)


def binomial(n: int, p: float) -> np.ndarray:
    """P(k of n) for k = 0..n."""
    return np.array(
        [
            math.exp(math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1))
            * p**k
            * (1 - p) ** (n - k)
            for k in range(n + 1)
        ]
    )


# --- coverage


@pytest.mark.parametrize("n", [10, 20, 40, 100, 200, 400])
def test_zero_one_scores_are_covered_at_least_93_percent_at_every_truth(n: int) -> None:
    intervals = [mean_interval([1.0] * k + [0.0] * (n - k)) for k in range(n + 1)]
    for p in np.linspace(0.02, 0.98, 97):
        inside = np.array([i.low <= p <= i.high for i in intervals])
        assert binomial(n, p) @ inside >= 0.93


@pytest.mark.parametrize("n", [20, 50, 100])
def test_zero_one_intervals_are_hardly_wider_than_wilsons(n: int) -> None:
    z = 1.959964
    for k in range(0, n + 1, 5):
        p = k / n
        wilson = (
            2 * z * math.sqrt(p * (1 - p) / n + z * z / 4 / n / n) / (1 + z * z / n)
        )
        interval = mean_interval([1.0] * k + [0.0] * (n - k))
        assert interval.high - interval.low < 1.15 * wilson


WORLDS: dict[str, tuple[Callable[[np.random.Generator, int], np.ndarray], float]] = {
    "uniform": (lambda rng, n: rng.random(n), 0.5),
    "piled up at 0": (lambda rng, n: rng.beta(0.2, 3.8, n), 0.05),
    "nearly always equal": (
        lambda rng, n: np.where(rng.random(n) < 0.05, 0, 0.9),
        0.855,
    ),
    "means of five repeats": (
        lambda rng, n: rng.binomial(5, rng.beta(0.5, 0.2, n)) / 5,
        0.5 / 0.7,
    ),
}


@pytest.mark.parametrize("n", [10, 60])
@pytest.mark.parametrize("world", list(WORLDS))
def test_other_scores_are_covered_where_the_t_interval_fails(
    world: str, n: int
) -> None:
    draw, truth = WORLDS[world]
    rng = np.random.default_rng(7)
    inside = [
        i.low <= truth <= i.high
        for i in (mean_interval(draw(rng, n)) for _ in range(200))
    ]
    assert np.mean(inside) >= 0.93


@pytest.mark.parametrize("n", [10, 20, 40])
def test_paired_differences_are_covered_and_false_claims_are_few_at_every_truth(
    n: int,
) -> None:
    outcomes = [(w, k) for w in range(n + 1) for k in range(n + 1 - w)]
    limits = {}
    for w, k in outcomes:
        ours, theirs = (
            [1.0] * w + [0.0] * (n - w),
            [0.0] * w + [1.0] * k + [0.0] * (n - w - k),
        )
        limits[w, k] = difference_interval(ours, theirs)
    low, high = (
        np.array([getattr(limits[o], end) for o in outcomes]) for end in ("low", "high")
    )
    for wins in (0.02, 0.1, 0.18, 0.26, 0.34, 0.42, 0.5):
        for losses in (0.0, wins / 4, wins / 2, wins):
            p = np.array([trinomial(n, w, k, wins, losses) for w, k in outcomes])
            truth = wins - losses
            assert p @ ((low <= truth + 1e-9) & (truth - 1e-9 <= high)) >= 0.93
            if wins == losses:
                assert p @ ((low > 0) | (high < 0)) <= 0.055


def trinomial(n: int, w: int, k: int, wins: float, losses: float) -> float:
    ways = math.exp(
        math.lgamma(n + 1)
        - math.lgamma(w + 1)
        - math.lgamma(k + 1)
        - math.lgamma(n - w - k + 1)
    )
    return float(ways * wins**w * losses**k * (1 - wins - losses) ** (n - w - k))


def test_clusters_are_covered_where_rows_taken_alone_are_not() -> None:
    rng = np.random.default_rng(10)
    clustered = alone = 0
    for _ in range(200):
        labels = np.repeat(np.arange(20), rng.integers(1, 7, 20))
        scores = rng.random(len(labels)) < rng.beta(0.8, 0.4, 20)[labels]
        with_clusters, without = (
            mean_interval(scores, clusters=list(labels)),
            mean_interval(scores),
        )
        clustered += with_clusters.low <= 2 / 3 <= with_clusters.high
        alone += without.low <= 2 / 3 <= without.high
    assert clustered / 200 >= 0.93
    assert alone / 200 < 0.88


@pytest.mark.parametrize("count", [5, 20])
@pytest.mark.parametrize("likeness", [*slow(0.0, 1.0), 0.5])
@pytest.mark.parametrize("sizes", [(4, 5), (1, 9)])
def test_differences_of_rows_that_belong_together_are_covered_whatever_they_share(
    count: int, likeness: float, sizes: tuple[int, int]
) -> None:
    rng, inside = np.random.default_rng(14), 0
    for _ in range(300):
        labels = np.repeat(np.arange(count), rng.integers(*sizes, count))
        shared = rng.random(len(labels)) < likeness
        groups, rows = rng.random((2, count))[:, labels], rng.random((2, len(labels)))
        ours, theirs = np.where(shared, groups, rows) < np.array([[0.75], [0.65]])
        shown = difference_interval(ours, theirs, clusters=labels.tolist())
        inside += shown.low <= 0.1 <= shown.high
    assert (
        inside / 300 >= 0.93 - 0.02
    )  # the simulation's luck: 1.4 % is a standard error


def test_rows_of_few_clusters_that_share_nothing_have_a_narrower_difference_than_copies() -> (
    None
):
    """The means of the clusters are the same: only the rows within tell the two apart."""
    labels = np.repeat(np.arange(8), 4)
    means = np.array([0.5, 0.5, 0.25, 0.5, 0.75, 0.5, 0.5, 0.25])
    rows = np.concatenate([np.arange(4) < 4 * mean for mean in means]).astype(float)
    apart = difference_interval(rows, np.zeros(32), clusters=labels.tolist())
    copies = difference_interval(means[labels], np.zeros(32), clusters=labels.tolist())
    assert apart.mean == copies.mean
    assert apart.high - apart.low < 0.85 * (copies.high - copies.low)
    once = difference_interval(means, np.zeros(8))
    assert (copies.low, copies.high) == pytest.approx((once.low, once.high), abs=1e-6)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [((97, 3), (97, 3)), ((49.5, 0.5), (47.5, 2.5)), ((19, 1), (19, 1))],
)
def test_differences_of_graded_scores_near_a_bound_are_hardly_wider_than_ts_and_covered(
    ours: tuple[float, float], theirs: tuple[float, float]
) -> None:
    """With an atom at the bound they were 4 to 9 times as wide."""
    rng, inside, width, usual = np.random.default_rng(16), 0, 0.0, 0.0
    truth = ours[0] / sum(ours) - theirs[0] / sum(theirs)
    for _ in range(200):
        pairs = rng.beta(*ours, 40), rng.beta(*theirs, 40)
        found = difference_interval(*pairs)
        inside += found.low <= truth <= found.high
        width += found.high - found.low
        usual += (
            2
            * t_quantile(0.975, 39)
            * np.std(pairs[0] - pairs[1], ddof=1)
            / math.sqrt(40)
        )
    assert inside / 200 >= 0.93
    assert width / usual <= 1.5


def test_a_failure_that_was_seen_elsewhere_widens_a_difference_and_few_or_equal_pairs_have_the_whole_range() -> (
    None
):
    rng = np.random.default_rng(17)
    ours, theirs = rng.beta(97, 3, (2, 40))
    plain, warned = (
        difference_interval(ours, theirs),
        difference_interval(ours, theirs, seen=[0.97, math.nan, 0.0]),
    )
    assert difference_interval(ours, theirs, seen=[0.97, 0.98]) == plain
    assert warned.low < plain.low - 0.02
    assert warned.high > plain.high + 0.02
    few = difference_interval(ours[:19], theirs[:19])
    assert few.high - few.low > 5 * (plain.high - plain.low)
    equal = difference_interval(np.full(40, 0.75), np.full(40, 0.5))
    assert equal.low < 0.23
    assert equal.high > 0.26


@pytest.mark.parametrize("copies", [True, False])
def test_where_one_group_has_two_fifths_of_the_rows_the_mean_is_covered(
    copies: bool,
) -> None:
    """An average cluster as the one that nobody has seen covered 84 % where the rows of a group are
    copies.
    """
    rng, inside, widths = np.random.default_rng(18), 0, []
    labels = np.repeat(np.arange(61), [40, *[1] * 60])
    for _ in range(300):
        right = rng.random(61)[labels] if copies else rng.random(100)
        found = mean_interval(right < 0.7, clusters=labels.tolist())
        inside += found.low <= 0.7 <= found.high
        widths.append(found.high - found.low)
    assert inside / 300 >= 0.93
    deviation = math.sqrt(0.21 * (1660 if copies else 100)) / 100
    assert np.mean(widths) <= 2 * 2 * 1.96 * deviation


# --- shape


@settings(max_examples=50)
@given(some_scores)
def test_an_interval_holds_its_mean_and_stays_within_the_bounds(
    scores: list[float],
) -> None:
    interval = mean_interval(scores)
    assert 0 <= interval.low <= interval.mean <= interval.high <= 1
    assert interval.n == len(scores)
    assert interval.low < interval.high


@settings(max_examples=50)
@given(some_scores, st.data())
def test_a_better_score_never_lowers_a_limit(
    scores: list[float], data: st.DataObject
) -> None:
    which = data.draw(st.integers(0, len(scores) - 1))
    raised = list(scores)
    raised[which] = data.draw(st.floats(scores[which], 1))
    before, after = mean_interval(scores), mean_interval(raised)
    assert after.low >= before.low - 1e-4
    assert after.high >= before.high - 1e-4


@settings(max_examples=50)
@given(some_scores, st.floats(0.5, 0.98))
def test_more_confidence_is_never_narrower(
    scores: list[float], confidence: float
) -> None:
    narrow, wide = (
        mean_interval(scores, confidence=confidence),
        mean_interval(scores, confidence=0.99),
    )
    assert wide.low <= narrow.low + 1e-6
    assert wide.high >= narrow.high - 1e-6


@settings(max_examples=50)
@given(some_scores, st.floats(-50, 50), st.floats(0.1, 100))
def test_the_scale_of_a_metric_does_not_matter(
    scores: list[float], shift: float, stretch: float
) -> None:
    plain = mean_interval(scores)
    other = mean_interval(
        [shift + stretch * s for s in scores], low=shift, high=shift + stretch
    )
    assert other.low == pytest.approx(
        shift + stretch * plain.low, abs=1e-5 * stretch + 1e-9
    )
    assert other.high == pytest.approx(
        shift + stretch * plain.high, abs=1e-5 * stretch + 1e-9
    )


@settings(max_examples=50)
@given(some_scores)
def test_an_upside_down_metric_gives_the_mirrored_interval(scores: list[float]) -> None:
    up, down = mean_interval(scores), mean_interval([1 - s for s in scores])
    assert down.low == pytest.approx(1 - up.high, abs=1e-5)
    assert down.high == pytest.approx(1 - up.low, abs=1e-5)


@settings(max_examples=50)
@given(some_scores, st.randoms(use_true_random=False))
def test_the_order_of_examples_does_not_matter(scores: list[float], random) -> None:
    shuffled = list(scores)
    random.shuffle(shuffled)
    before, after = mean_interval(scores), mean_interval(shuffled)
    assert (after.low, after.high) == pytest.approx((before.low, before.high), abs=1e-7)


@given(st.lists(st.tuples(shares, shares), min_size=1, max_size=30))
def test_a_difference_turns_round_with_its_sides(
    pairs: list[tuple[float, float]],
) -> None:
    ours, theirs = [a for a, _ in pairs], [b for _, b in pairs]
    forth, back = difference_interval(ours, theirs), difference_interval(theirs, ours)
    assert -1 <= forth.low <= forth.mean <= forth.high <= 1
    assert (back.low, back.high) == pytest.approx((-forth.high, -forth.low), abs=1e-5)


@settings(max_examples=50)
@given(some_scores)
def test_clusters_of_one_change_nothing(scores: list[float]) -> None:
    assert mean_interval(scores, clusters=list(range(len(scores)))) == mean_interval(
        scores
    )


def test_equal_scores_still_leave_room_that_shrinks_with_n() -> None:
    widths = [
        i.high - i.low for i in (mean_interval([0.7] * n) for n in (5, 20, 80, 320))
    ]
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > 0.3
    assert 0 < widths[-1] < 0.02
    perfect = mean_interval([1.0] * 30)
    assert perfect.high == 1
    assert 0.85 < perfect.low < 0.95


def test_repeating_every_row_of_a_cluster_adds_no_certainty() -> None:
    scores = [0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0]
    once = mean_interval(scores)
    thrice = mean_interval(scores * 3, clusters=list(range(10)) * 3)
    assert (thrice.low, thrice.high) == pytest.approx((once.low, once.high), abs=1e-6)
    assert thrice.n == 30


def test_scores_that_are_missing_are_left_out_and_not_scored_zero() -> None:
    assert mean_interval([1.0, math.nan, 0.0, 1.0]) == mean_interval([1.0, 0.0, 1.0])
    pairs = difference_interval([1.0, math.nan, 1.0, 0.0], [0.0, 1.0, math.nan, 0.0])
    assert pairs == difference_interval([1.0, 0.0], [0.0, 0.0])
    clustered = mean_interval([1.0, math.nan, 0.0], clusters=["a", "b", "b"])
    assert clustered == mean_interval([1.0, 0.0], clusters=["a", "b"])


@pytest.mark.parametrize(("high", "slack"), [(1.0, 1e-9), (0.5, 1e-9), (200.0, 2e-7)])
def test_rounding_beyond_a_bound_is_cut_and_more_is_refused(
    high: float, slack: float
) -> None:
    scores = [0.0, high / 2, high + 0.9 * slack]
    assert mean_interval(scores, high=high) == mean_interval(
        [*scores[:2], high], high=high
    )
    with pytest.raises(ValueError, match="scores lie between"):
        mean_interval([*scores[:2], high + 1.1 * slack], high=high)
    with pytest.raises(ValueError, match="scores lie between"):
        mean_interval([-1.1 * slack, *scores[:2]], high=high)


# --- verdicts and planning


@pytest.mark.parametrize(
    ("low", "high", "larger_is_better", "said"),
    [
        (0.01, 0.2, True, "better"),
        (0.01, 0.2, False, "worse"),
        (-0.2, -0.01, True, "worse"),
        (-0.2, -0.01, False, "better"),
        (-0.1, 0.1, True, "not distinguishable"),
        (0.0, 0.3, True, "not distinguishable"),
    ],
)
def test_a_verdict_claims_only_what_excludes_zero(
    low: float, high: float, larger_is_better: bool, said: str
) -> None:
    assert (
        verdict(
            Interval((low + high) / 2, low, high, 40), larger_is_better=larger_is_better
        )
        == said
    )


def test_an_interval_clears_a_value_only_when_it_lies_above_it() -> None:
    assert Interval(0.6, 0.51, 0.7, 50).clears(0.5)
    assert not Interval(0.6, 0.5, 0.7, 50).clears(0.5)


# --- quantiles


def test_percentiles_are_linear_between_neighbours() -> None:
    assert percentile([3.0, 1.0, 2.0], 50) == 2
    assert percentile([1.0, 2.0], 95) == pytest.approx(1.95)
    assert percentile([1.0, math.nan, 3.0], 100) == 3
    assert percentile([4.0], 5) == 4


# --- what cannot be


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mean_interval([]), "at least one score"),
        (lambda: mean_interval([math.nan]), "at least one score"),
        (lambda: mean_interval([0.5, 1.5]), r"between 0.0 and 1.0, but got 0.5 to 1.5"),
        (lambda: mean_interval([0.5], confidence=1.0), "confidence"),
        (lambda: mean_interval([0.5, 0.5], clusters=["a"]), "1 for 2"),
        (lambda: difference_interval([0.5], [0.5, 0.5]), "1 and 2"),
        (lambda: percentile([], 50), "at least one value"),
    ],
)
def test_what_cannot_be_computed_is_refused_with_the_values(
    call: Callable[[], object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("high", [1.0, math.inf])
def test_one_limit_alone_is_that_of_the_whole_interval(high: float) -> None:
    scores = [0.1, 0.4, 0.35, 0.8, 0.2, 0.95]
    whole = mean_interval(scores, high=high)
    low = mean_interval(scores, high=high, only="low")
    up = mean_interval(scores, high=high, only="high")
    assert (low.mean, low.low, low.high) == (whole.mean, whole.low, high)
    assert (up.mean, up.low, up.high) == (whole.mean, 0.0, whole.high)
