"""Paid points as whole numbers on axes."""

from __future__ import annotations

import itertools

import pytest

from tests.support.searching import (
    SPACES,
    conditional,
    plain,
    tiny,
)
from tune.search.lattice import Lattice
from tune.space import FREE, Choice, Point, Space


def test_models_with_equal_domains_share_an_axis_and_others_have_their_own() -> None:
    lattice = Lattice(conditional(), FREE)
    assert [axis.key for axis in lattice.axes["small"]] == ["prompt", "temperature"]
    assert [axis.key for axis in lattice.axes["large"]] == [
        "prompt",
        "temperature@large",
    ]
    assert [axis.key for axis in lattice.axes["thinker"]] == [
        "prompt",
        "reasoning_effort",
    ]
    assert set(lattice.keys) == {
        "model",
        "prompt",
        "temperature",
        "temperature@large",
        "reasoning_effort",
    }


@pytest.mark.parametrize("where", SPACES)
def test_a_points_numbers_give_the_point_back(where: str) -> None:
    make, free = SPACES[where]
    lattice = Lattice(make(), free)
    for model in lattice.models:
        for point in itertools.islice(lattice.points(model), 200):
            indexes = lattice.indexes(point)
            assert indexes is not None
            assert lattice.point(indexes) == point


def test_one_answer_has_numbers_where_the_space_only_has_votes() -> None:
    """A searcher learns nothing of a point without numbers."""
    space = Space(model="m", prompt={"p": "{text}"}, n=[1, 3], aggregate="vote")
    lattice = Lattice(space, ())
    points = list(lattice.points("m"))
    assert [(p["n"], p["aggregate"]) for p in points] == [(1, "first"), (3, "vote")]
    for point in points:
        assert lattice.point(lattice.indexes(point) or {}) == point
    strange = Point({**points[1], "aggregate": "best"})
    assert lattice.indexes(strange) is None


def test_a_number_off_the_grid_counts_as_the_nearest_and_a_strange_word_as_nothing() -> (
    None
):
    lattice = Lattice(tiny(), FREE)
    point = Point({"model": "large", "prompt": "plain", "temperature": 0.4})
    assert lattice.indexes(point) == {"model": 1, "prompt": 0, "temperature": 1}
    assert lattice.indexes(Point({**point, "prompt": "gone"})) is None
    assert lattice.indexes(Point({**point, "temperature": True})) is None


def test_a_choice_of_numbers_is_an_ordered_axis_and_a_choice_of_words_is_not() -> None:
    space = Space(
        model="a",
        prompt="{text}",
        top_p=[1.0, 0.5],
        verbosity=Choice(("low", "high")),
        think=[True, False],
    )
    axes = {axis.name: axis for axis in Lattice(space, FREE).axes["a"]}
    assert (axes["top_p"].values, axes["top_p"].ordered) == ((0.5, 1.0), True)
    assert (axes["verbosity"].ordered, axes["think"].ordered) == (False, False)


def test_neighbours_differ_in_one_dimension_by_one_step() -> None:
    lattice = Lattice(plain(), FREE)
    here = Point({"model": "small", "prompt": "short", "temperature": 0.1})
    near = [
        {k: v for k, v in p.items() if here[k] != v} for p in lattice.neighbours(here)
    ]
    assert sorted(map(str, near)) == sorted(
        map(
            str,
            [
                {"model": "large"},
                {"prompt": "long"},
                {"prompt": "reasoned"},
                {"temperature": 0.0},
                {"temperature": 0.2},
            ],
        )
    )
    assert list(lattice.neighbours(Point({"model": "gone"}))) == []
