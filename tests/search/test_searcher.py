"""Searchers: nothing twice, nothing off the grid, and the same points from the same history."""

from __future__ import annotations

import itertools
import logging
import math
import random
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.searching import (
    LEARNERS,
    PROMPTS,
    SPACES,
    USABLE,
    conditional,
    plain,
    play,
    tiny,
    told,
)
from tune.errors import InputError
from tune.search import SEARCHERS, Observation
from tune.search.lattice import Lattice
from tune.search.random_search import spread_points
from tune.search.searcher import LimitedSearcher, UniqueSearcher
from tune.space import FREE, Point, Space, Uniform

# --- what holds for every searcher


@pytest.mark.parametrize("name", USABLE)
@pytest.mark.parametrize("where", ["tiny", "conditional"])
def test_a_small_space_is_searched_to_its_end_and_no_point_comes_twice(
    name: str, where: str
) -> None:
    make, free = SPACES[where]
    history = play(SEARCHERS[name](make(), free, 3), 1000)
    points = [telling.point for telling in history]
    assert len(set(points)) == len(points)
    assert set(points) == set(make().points(free))


@pytest.mark.parametrize("name", USABLE)
def test_a_space_of_one_point_is_proposed_once_and_then_nothing(name: str) -> None:
    searcher = SEARCHERS[name](Space(model="small", prompt="{text}"), FREE, 0)
    only = searcher([])
    assert only == Point({"model": "small", "prompt": "plain"})
    assert searcher([]) is None
    assert searcher([told(Point({**only, "prompt": "short"}))]) is None


@pytest.mark.parametrize("name", USABLE)
@pytest.mark.parametrize("where", SPACES)
def test_every_point_lies_on_the_grids_of_its_models_own_dimensions(
    name: str, where: str
) -> None:
    make, free = SPACES[where]
    space = make()
    for telling in play(SEARCHERS[name](space, free, 1), 25):
        point = telling.point
        paid = space.paid(str(point["model"]), free)
        assert set(point) == set(paid)
        assert all(
            point[dimension] in domain.values for dimension, domain in paid.items()
        )
        assert space.is_consistent(point)


@pytest.mark.parametrize("name", USABLE)
def test_a_search_in_which_every_trial_fails_goes_on_to_the_end(name: str) -> None:
    searcher = SEARCHERS[name](conditional(), FREE, 0)
    history: list[Observation] = []
    while (point := searcher(history)) is not None:
        history.append(Observation(point, math.nan, math.nan))
    assert len(history) == conditional().size(FREE)


@pytest.mark.parametrize("name", USABLE)
def test_the_seed_decides_the_points(name: str) -> None:
    runs = [
        [t.point for t in play(SEARCHERS[name](plain(), FREE, seed), 12)]
        for seed in (0, 0, 1)
    ]
    assert runs[0] == runs[1] != runs[2]


@pytest.mark.parametrize("name", USABLE)
def test_the_first_points_see_every_model(name: str) -> None:
    for seed in range(5):
        first = [
            t.point["model"]
            for t in play(SEARCHERS[name](conditional(), FREE, seed), 6)
        ]
        # A grid is shuffled, so it is only nearly even; the others take the models in turns.
        assert len(set(first)) >= (2 if name == "grid" else 3)


@pytest.mark.parametrize("name", LEARNERS)
def test_what_is_told_draws_the_search_to_good_points(name: str) -> None:
    wide = Space(
        model=["small", "large"],
        prompt=PROMPTS,
        temperature=Uniform(0, 2),
        top_p=Uniform(0, 1, 0.1),
    )
    blind, seeing = [], []
    for seed in range(3):
        blind += [t.score for t in play(SEARCHERS["random"](wide, FREE, seed), 60)[30:]]
        seeing += [t.score for t in play(SEARCHERS[name](wide, FREE, seed), 60)[30:]]
    assert statistics.mean(seeing) > statistics.mean(blind) + 0.05


@pytest.mark.parametrize("name", USABLE)
def test_nothing_is_printed_logged_or_warned_and_levels_are_put_back(
    name: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    before = [logging.getLogger(logger).level for logger in ("optuna", "flaml.tune")]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        play(SEARCHERS[name](plain(), FREE, 0), 40)
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []
    if before[0]:
        assert [
            logging.getLogger(logger).level for logger in ("optuna", "flaml.tune")
        ] == before


@pytest.mark.parametrize("name", LEARNERS)
def test_an_ask_after_three_hundred_tellings_takes_milliseconds(name: str) -> None:
    wide = Space(
        model=["a", "b", "c"],
        prompt=PROMPTS,
        temperature=Uniform(0, 2),
        top_p=Uniform(0, 1),
    )
    history = [
        Observation(p, random.Random(p.key).random(), 1e-3)
        for p in itertools.islice(spread_points(Lattice(wide, FREE), 9), 300)
    ]
    searcher = SEARCHERS[name](wide, FREE, 0)
    searcher(history)
    took = []
    for _ in range(5):
        start = time.process_time()
        searcher(history)
        took.append(time.process_time() - start)
    assert statistics.median(took) < (
        5.0 if name == "gp" else 0.2
    )  # seen: 500 ms, and 1 to 40 ms


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("tpe", "optuna"),
        ("nsga2", "optuna"),
        ("blendsearch", "flaml"),
        ("cfo", "flaml"),
    ],
)
def test_a_missing_package_is_named_with_the_extra_that_brings_it(
    name: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        InputError,
        match=rf"'{name}' needs the package {package}.*pip install \"\.\[search\]\"",
    ):
        SEARCHERS[name](tiny(), FREE, 0)


def test_importing_the_searchers_imports_no_library() -> None:
    code = (
        "import tune.search, sys; print({'flaml', 'optuna', 'torch', 'pandas', 'scipy'} & "
        "set(sys.modules))"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
        == "set()\n"
    )


@pytest.mark.parametrize("name", USABLE)
def test_a_setting_that_a_model_refuses_is_left_out_from_then_on(name: str) -> None:
    space = tiny()
    searcher = SEARCHERS[name](space, FREE, 0)
    waiting = [searcher([]) for _ in range(2)]
    space.drop("small", "temperature")
    history = [
        Observation(p, math.nan if p["model"] == "small" else 0.5, 1e-3)
        for p in waiting
        if p is not None
    ]
    points = []
    while (point := searcher(history)) is not None:
        points.append(point)
    assert Point({"model": "small", "prompt": "plain"}) in points
    assert not any(p["model"] == "small" and "temperature" in p for p in points)
    assert not set(points) & set(waiting)


class Stubborn:
    """A library that always wants the same point."""

    def __init__(self, point: Point | None) -> None:
        self.point = point
        self.learned: list[Observation] = []

    def learn(self, observation: Observation) -> None:
        self.learned.append(observation)

    def propose(self, asked: int) -> Point | None:
        return self.point


@given(most=st.none() | st.integers(0, 9), asked=st.integers(0, 12))
def test_at_most_so_many_points_are_proposed_and_being_asked_for_more_is_known(
    most: int | None, asked: int
) -> None:
    point = Point({"model": "m", "prompt": "p"})
    limited = LimitedSearcher(lambda _: point, most)
    found = [limited([]) for _ in range(asked)]
    given = asked if most is None else min(most, asked)
    assert found == [point] * given + [None] * (asked - given)
    assert limited.refused == (asked > given)


def test_where_a_library_insists_on_one_point_its_neighbours_come_before_points_at_random() -> (
    None
):
    lattice = Lattice(plain(), FREE)
    here = Point({"model": "small", "prompt": "short", "temperature": 0.6})
    asker = UniqueSearcher(Stubborn(here), lattice, spread_points(lattice, 0), seed=0)
    near = set(lattice.neighbours(here))
    points = [asker([]) for _ in range(2 + len(near))]
    assert points[0] == here
    assert set(points[1:-1]) == near
    assert points[-1] not in {here, *near, None}


def test_where_a_library_has_nothing_to_say_points_are_dealt() -> None:
    lattice = Lattice(tiny(), FREE)
    asker = UniqueSearcher(Stubborn(None), lattice, spread_points(lattice, 0), seed=0)
    assert [asker([]) for _ in range(4)] == list(spread_points(lattice, 0))


def test_a_library_is_told_everything_once_and_in_order() -> None:
    lattice = Lattice(tiny(), FREE)
    library = Stubborn(None)
    asker: Callable[[Sequence[Observation]], Point | None] = UniqueSearcher(
        library, lattice, spread_points(lattice, 0), seed=0
    )
    history = [
        told(point)
        for point in itertools.islice(spread_points(Lattice(plain(), FREE), 0), 5)
    ]
    for cut in (0, 2, 2, 5):
        asker(history[:cut])
    assert library.learned == history
