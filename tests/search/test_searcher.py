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
from collections import Counter
from collections.abc import Callable, Sequence
from importlib.util import find_spec

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tune.errors import InputError
from tune.search import SEARCHERS, Observation, Searcher
from tune.search.lattice import Lattice
from tune.search.random_search import spread_points
from tune.search.searcher import LimitedSearcher, UniqueSearcher
from tune.space import FREE, Choice, Integers, Point, Space, Uniform

# The Gaussian process takes the better part of a second for a proposal, and torch is no dependency
# of ours.
GP = pytest.param(
    "gp",
    marks=[
        pytest.mark.slow,
        pytest.mark.skipif(find_spec("torch") is None, reason="needs torch: uv pip install torch"),
    ],
)
USABLE = [GP if name == "gp" else name for name in SEARCHERS]
LEARNERS = [name for name in USABLE if name not in ("random", "grid")]

PROMPTS = {"short": "{text}", "long": "Read: {text}", "reasoned": "Think. {text}"}


def plain() -> Space:
    return Space(
        model=["small", "large"],
        prompt=PROMPTS,
        temperature=Uniform(0, 1.2, 0.1),
        n=Integers(1, 5),
        max_tokens=[16, 64],
        aggregate=["first", "vote"],
    )


def conditional() -> Space:
    return Space(
        model=["small", "large", "thinker"],
        prompt=PROMPTS,
        temperature=Uniform(0, 1, 0.25),
        when={
            "large": {"temperature": {"low": 0.0, "high": 2.0, "step": 0.5}},
            "thinker": {"temperature": [], "reasoning_effort": ["low", "medium", "high"]},
        },
    )


def tiny() -> Space:
    return Space(model=["small", "large"], prompt="{text}", temperature=[0.0, 0.5])


SPACES: dict[str, tuple[Callable[[], Space], tuple[str, ...]]] = {
    "plain": (plain, FREE),
    "conditional": (conditional, FREE),
    "all paid": (plain, ()),
    "tiny": (tiny, FREE),
}


def quality(point: Point) -> float:
    """A known truth with one narrow optimum: the large model, the long prompt, temperature 0.4."""
    score = 0.75 if point["model"] == "large" else 0.5
    score += {"long": 0.1, "reasoned": 0.05}.get(str(point["prompt"]), 0.0)
    return score - 0.5 * abs(float(point.get("temperature", 0.9)) - 0.4)  # type: ignore[arg-type]


def price(point: Point) -> float:
    return 2e-3 if point["model"] == "large" else 1e-4


def told(point: Point) -> Observation:
    return Observation(point, quality(point), price(point))


def play(searcher: Searcher, turns: int) -> list[Observation]:
    """Ask and tell one by one, at most so many times."""
    history: list[Observation] = []
    while len(history) < turns and (point := searcher(history)) is not None:
        history.append(told(point))
    return history


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
def test_every_point_lies_on_the_grids_of_its_models_own_dimensions(name: str, where: str) -> None:
    make, free = SPACES[where]
    space = make()
    for telling in play(SEARCHERS[name](space, free, 1), 25):
        point = telling.point
        paid = space.paid(str(point["model"]), free)
        assert set(point) == set(paid)
        assert all(point[dimension] in domain.values for dimension, domain in paid.items())
        assert space.is_consistent(point)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    batches=st.lists(st.integers(1, 5), min_size=1, max_size=6),
    seed=st.integers(0, 5),
    scores=st.lists(
        st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0, math.nan]), min_size=30, max_size=30
    ),
)
@pytest.mark.parametrize("where", ["plain", "conditional", "all paid"])
@pytest.mark.parametrize("name", USABLE)
def test_a_fresh_searcher_fed_the_history_proposes_what_the_old_one_does(
    name: str, where: str, batches: list[int], seed: int, scores: list[float]
) -> None:
    make, free = SPACES[where]
    old = SEARCHERS[name](make(), free, seed)
    history = [
        told(
            Point(
                {"model": "small", "prompt": "long", "temperature": 0.5, "n": 1, "max_tokens": 64}
            )
        )
    ]
    for batch in batches:
        points = [old(history) for _ in range(batch)]
        for point in points:
            if point is not None:
                history = [*history, Observation(point, scores[len(history) - 1], price(point))]
    fresh = SEARCHERS[name](make(), free, seed)
    assert [fresh(history) for _ in range(3)] == [old(history) for _ in range(3)]


@pytest.mark.parametrize("name", USABLE)
def test_a_history_fed_in_pieces_is_as_good_as_fed_at_once(name: str) -> None:
    history = play(SEARCHERS[name](plain(), FREE, 7), 24)
    at_once, piecewise = (SEARCHERS[name](plain(), FREE, 7) for _ in range(2))
    for cut in (5, 6, 13):
        piecewise(history[:cut])
    # What it was asked on the way was in the history, so it is not taken twice.
    assert piecewise(history) == at_once(history)


@pytest.mark.parametrize("name", USABLE)
def test_several_asks_before_a_telling_give_a_batch_of_different_points(name: str) -> None:
    searcher = SEARCHERS[name](plain(), FREE, 2)
    history = play(searcher, 14)
    batch = [searcher(history) for _ in range(8)]
    assert None not in batch
    assert len({*batch, *(telling.point for telling in history)}) == 22


@pytest.mark.parametrize("name", USABLE)
def test_what_was_proposed_stays_taken_until_it_is_told(name: str) -> None:
    searcher = SEARCHERS[name](tiny(), FREE, 0)
    first, second = searcher([]), searcher([])
    assert first is not None
    later = [searcher([told(first)]) for _ in range(3)]
    assert second not in later
    assert Counter(p is None for p in later) == {False: 2, True: 1}


@pytest.mark.parametrize("name", USABLE)
def test_points_that_nobody_proposed_are_taken_in_and_never_proposed(name: str) -> None:
    space = tiny()
    strangers = [
        Point({"model": "small", "prompt": "plain", "temperature": 0.5}),  # a point of the space
        Point({"model": "small", "prompt": "plain"}),  # at the provider's default temperature
        Point({"model": "small", "prompt": "plain", "temperature": 0.33}),  # off the grid
        Point({"model": "small", "prompt": "gone", "temperature": 0.5}),  # no such prompt
        Point({"model": "gone", "prompt": "plain"}),  # no such model
    ]
    history = [Observation(point, 0.9, 1e-3) for point in strangers]
    searcher = SEARCHERS[name](space, FREE, 0)
    found = []
    while (point := searcher(history)) is not None:
        found.append(point)
        history.append(told(point))
    assert len(found) == 3
    assert strangers[0] not in found


@pytest.mark.parametrize("name", USABLE)
def test_a_search_in_which_every_trial_fails_goes_on_to_the_end(name: str) -> None:
    searcher = SEARCHERS[name](conditional(), FREE, 0)
    history: list[Observation] = []
    while (point := searcher(history)) is not None:
        history.append(Observation(point, math.nan, math.nan))
    assert len(history) == conditional().size(FREE)


@pytest.mark.parametrize("name", USABLE)
def test_the_seed_decides_the_points(name: str) -> None:
    runs = [[t.point for t in play(SEARCHERS[name](plain(), FREE, seed), 12)] for seed in (0, 0, 1)]
    assert runs[0] == runs[1] != runs[2]


@pytest.mark.parametrize("name", USABLE)
def test_the_first_points_see_every_model(name: str) -> None:
    for seed in range(5):
        first = [t.point["model"] for t in play(SEARCHERS[name](conditional(), FREE, seed), 6)]
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
        assert [logging.getLogger(logger).level for logger in ("optuna", "flaml.tune")] == before


@pytest.mark.parametrize("name", LEARNERS)
def test_an_ask_after_three_hundred_tellings_takes_milliseconds(name: str) -> None:
    wide = Space(
        model=["a", "b", "c"], prompt=PROMPTS, temperature=Uniform(0, 2), top_p=Uniform(0, 1)
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
    assert statistics.median(took) < (5.0 if name == "gp" else 0.2)  # seen: 500 ms, and 1 to 40 ms


@pytest.mark.parametrize(
    ("name", "package"),
    [("tpe", "optuna"), ("nsga2", "optuna"), ("blendsearch", "flaml"), ("cfo", "flaml")],
)
def test_a_missing_package_is_named_with_the_extra_that_brings_it(
    name: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        InputError, match=rf"'{name}' needs the package {package}.*tune-llm\[search\]"
    ):
        SEARCHERS[name](tiny(), FREE, 0)


def test_the_gaussian_process_names_torch_where_it_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(InputError, match="'gp' needs the package torch"):
        SEARCHERS["gp"](tiny(), FREE, 0)


def test_blendsearch_without_optuna_says_so_and_cfo_does_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(InputError, match="'blendsearch' needs the package optuna"):
        SEARCHERS["blendsearch"](tiny(), FREE, 0)
    assert SEARCHERS["cfo"](tiny(), FREE, 0)([]) is not None


def test_importing_the_searchers_imports_no_library() -> None:
    code = "import tune.search, sys; print({'flaml', 'optuna', 'torch', 'pandas', 'scipy'} & set(sys.modules))"
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


# --- random and grid


def test_dealing_repeats_no_value_of_a_dimension_before_all_have_come() -> None:
    space = Space(model=["a", "b"], prompt=PROMPTS, temperature=Uniform(0, 1.1, 0.1))
    points = list(itertools.islice(spread_points(Lattice(space, FREE), 4), 24))
    for model in ("a", "b"):
        own = [p for p in points if p["model"] == model]
        assert len(own) == 12
        assert Counter(p["prompt"] for p in own) == dict.fromkeys(PROMPTS, 4)
        assert len({p["temperature"] for p in own}) == 12


def test_dealing_ends_with_every_point_once_where_temperature_zero_forbids_votes() -> None:
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
        assert sorted((p["temperature"], p["n"]) for p in points) == [(0.0, 1), (0.7, 3), (0.7, 5)]


def test_a_grid_begins_with_the_ends_and_the_middle_and_then_halves_the_gaps() -> None:
    space = Space(model=["a", "b"], prompt="{text}", temperature=Uniform(0, 1, 0.125))
    temperatures = [t.point["temperature"] for t in play(SEARCHERS["grid"](space, FREE, 0), 18)]
    assert set(temperatures[:6]) == {0.0, 0.5, 1.0}
    assert set(temperatures[6:10]) == {0.25, 0.75}
    assert set(temperatures[10:]) == {0.125, 0.375, 0.625, 0.875}


# --- the lattice


def test_models_with_equal_domains_share_an_axis_and_others_have_their_own() -> None:
    lattice = Lattice(conditional(), FREE)
    assert [axis.key for axis in lattice.axes["small"]] == ["prompt", "temperature"]
    assert [axis.key for axis in lattice.axes["large"]] == ["prompt", "temperature@large"]
    assert [axis.key for axis in lattice.axes["thinker"]] == ["prompt", "reasoning_effort"]
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


def test_a_number_off_the_grid_counts_as_the_nearest_and_a_strange_word_as_nothing() -> None:
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
    near = [{k: v for k, v in p.items() if here[k] != v} for p in lattice.neighbours(here)]
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


class Stubborn:
    """A library that always wants the same point."""

    def __init__(self, point: Point | None) -> None:
        self.point = point
        self.learned: list[Observation] = []

    def learn(self, telling: Observation) -> None:
        self.learned.append(telling)

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


def test_where_a_library_insists_on_one_point_its_neighbours_come_before_points_at_random() -> None:
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
        told(point) for point in itertools.islice(spread_points(Lattice(plain(), FREE), 0), 5)
    ]
    for cut in (0, 2, 2, 5):
        asker(history[:cut])
    assert library.learned == history
