"""Random search: points that are dealt evenly."""

from __future__ import annotations

import itertools
from collections import Counter

from tests.support.searching import (
    PROMPTS,
    play,
)
from tune.search import SEARCHERS
from tune.search.lattice import Lattice
from tune.search.random_search import spread_points
from tune.space import FREE, Space, Uniform


def test_dealing_repeats_no_value_of_a_dimension_before_all_have_come() -> None:
    space = Space(model=["a", "b"], prompt=PROMPTS, temperature=Uniform(0, 1.1, 0.1))
    points = list(itertools.islice(spread_points(Lattice(space, FREE), 4), 24))
    for model in ("a", "b"):
        own = [p for p in points if p["model"] == model]
        assert len(own) == 12
        assert Counter(p["prompt"] for p in own) == dict.fromkeys(PROMPTS, 4)
        assert len({p["temperature"] for p in own}) == 12


def test_dealing_ends_with_every_point_once_where_temperature_zero_forbids_votes() -> (
    None
):
    space = Space(model="a", prompt="{text}", temperature=[0.0, 0.7], n=[1, 3, 5])
    points = list(spread_points(Lattice(space, ()), 0))
    assert sorted((p["temperature"], p["n"]) for p in points) == [
        (0.0, 1),
        (0.7, 1),
        (0.7, 3),
        (0.7, 5),
    ]


def test_at_temperature_zero_one_answer_is_bought_whatever_the_domain_of_n() -> None:
    space = Space(model="a", prompt="{text}", temperature=[0.0, 0.7], n=[3, 5])
    for points in (
        spread_points(Lattice(space, ()), 0),
        (t.point for t in play(SEARCHERS["grid"](space, (), 0), 9)),
    ):
        assert sorted((p["temperature"], p["n"]) for p in points) == [
            (0.0, 1),
            (0.7, 3),
            (0.7, 5),
        ]
