"""What rows that belong together come to: sums, likeness, and how many rows count as one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.stats.clusters import Clusters, largest_of_each, number_clusters

some_rows = st.lists(
    st.tuples(st.floats(-1, 1).map(lambda x: round(x, 3)), st.integers(0, 6)),
    min_size=1,
    max_size=40,
)


def clusters(rows: list[tuple[float, int]]) -> Clusters:
    return Clusters.of(
        np.array([score for score, _ in rows]), [label for _, label in rows]
    )


def grouped(likeness: float, *, count: int, size: int, seed: int = 0) -> Clusters:
    """Normal scores of such an intraclass correlation."""
    rng = np.random.default_rng(seed)
    shared = np.repeat(rng.standard_normal(count), size)
    own = rng.standard_normal(count * size)
    scores = math.sqrt(likeness) * shared + math.sqrt(1 - likeness) * own
    return Clusters.of(scores, np.repeat(np.arange(count), size).tolist())


def test_sums_and_sizes_are_those_of_the_labels_in_the_order_in_which_they_came() -> (
    None
):
    found = Clusters.of(np.array([1.0, 0.0, 0.5, 1.0]), ["b", "a", "b", "c"])
    assert found.sums.tolist() == [1.5, 0.0, 1.0]
    assert found.sizes.tolist() == [2, 1, 1]
    assert found.squares == pytest.approx(2 * 0.25**2)


@pytest.mark.parametrize(("step", "start"), [(1, 0), (1000, 0), (1, -3), (-1, 6)])
@given(rows=some_rows)
def test_labels_in_an_array_are_numbered_as_those_in_a_list(
    step: int, start: int, rows: list[tuple[float, int]]
) -> None:
    labels = [start + step * label for _, label in rows]
    assert (
        number_clusters(np.array(labels)).tolist() == number_clusters(labels).tolist()
    )


def test_rising_labels_are_numbered_in_their_order() -> None:
    assert number_clusters(np.array([3, 4, 70, 71])).tolist() == [0, 1, 2, 3]
    assert number_clusters(np.array([5])).tolist() == [0]
    assert number_clusters(np.array([], dtype=np.int64)).tolist() == []


@given(some_rows)
def test_the_largest_of_each_cluster_is_what_a_loop_finds(
    rows: list[tuple[float, int]],
) -> None:
    largest: dict[int, float] = {}
    for score, label in rows:
        largest[label] = max(score, largest.get(label, score))
    scores = np.array([score for score, _ in rows])
    found = largest_of_each(scores, [label for _, label in rows])
    assert found.tolist() == list(largest.values())
    assert largest_of_each(scores, None).tolist() == scores.tolist()


def test_without_labels_each_score_is_alone() -> None:
    found = Clusters.of(np.array([0.2, 0.8]), None)
    assert found.sums.tolist() == [0.2, 0.8]
    assert found.sizes.tolist() == [1, 1]
    assert found.rows_together(3) == 1


@given(some_rows)
def test_nothing_is_lost_and_the_numbers_stay_within_their_bounds(
    rows: list[tuple[float, int]],
) -> None:
    found = clusters(rows)
    assert found.sums.sum() == pytest.approx(sum(score for score, _ in rows), abs=1e-9)
    assert found.sizes.sum() == len(rows)
    assert 0 <= found.likeness <= 1
    average, of_rows = (
        len(rows) / len(found.sums),
        float((found.sizes**2).sum()) / len(rows),
    )
    assert 1 - 1e-9 <= found.rows_together(0.0) <= found.rows_together(math.inf) + 1e-9
    assert found.rows_together(math.inf) == pytest.approx(math.sqrt(average * of_rows))
    assert 1 - 1e-9 <= found.count <= len(found.sums) + 1e-9


@given(some_rows, st.floats(0, 50), st.floats(0, 50))
def test_more_belief_in_copies_never_makes_fewer_rows_count_as_one(
    rows: list[tuple[float, int]], some: float, more: float
) -> None:
    found = clusters(rows)
    assert found.rows_together(some) <= found.rows_together(some + more) + 1e-9


@pytest.mark.parametrize("likeness", [0.0, 0.2, 0.6, 0.95])
def test_the_likeness_of_many_clusters_is_found(likeness: float) -> None:
    found = grouped(likeness, count=3000, size=4)
    assert found.likeness == pytest.approx(likeness, abs=0.04)
    assert found.rows_together(10) == pytest.approx(1 + 3 * likeness, abs=0.12)


def test_copies_count_as_one_whatever_is_believed() -> None:
    copies = Clusters.of(
        np.repeat([0.0, 1.0, 1.0, 0.0, 1.0], 4), np.repeat(np.arange(5), 4).tolist()
    )
    assert copies.likeness == 1
    assert copies.rows_together(0.0) == copies.rows_together(10) == 4


def test_where_no_rows_differ_or_all_are_one_cluster_copies_are_assumed() -> None:
    same = Clusters.of(np.ones(12), np.repeat(np.arange(3), 4).tolist())
    one = Clusters.of(np.array([0.0, 1.0, 1.0]), ["a"] * 3)
    assert same.likeness == one.likeness == 1


def test_few_clusters_that_look_independent_are_believed_less_than_many() -> None:
    """Rows of which each cluster has one right and one wrong are less alike than chance makes them."""
    few, many = (
        Clusters.of(np.tile([0.0, 1.0], n), np.repeat(np.arange(n), 2).tolist())
        for n in (4, 200)
    )
    assert few.likeness == many.likeness == 0
    assert few.rows_together(10) > 1.5
    assert many.rows_together(10) < 1.1
