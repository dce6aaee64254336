"""Strategies in a world whose truth is known: what they ask for, what they find, and what they
never do.
"""

from __future__ import annotations

import itertools
import math
import statistics
import time
from collections.abc import Generator, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tune.fakes.race import PRICES, Till, World, play, problem, reading, some_space, standing
from tune.readout import Reading
from tune.readout.trial import Step
from tune.search import SEARCHERS, Observation, Searcher
from tune.space import FREE, Point, Uniform
from tune.strategies import STRATEGIES, Outcome, Selection, Standing, final_comparison
from tune.strategies.paired import adjusted_means, paired_difference, quality_table
from tune.strategies.race import Proposals, Race, WavePlan, rung_sizes


def searcher(world: World, name: str = "random", seed: int = 0) -> Searcher:
    return SEARCHERS[name](world.space, world.free, seed)


def run(
    world: World, strategy: str, units: float, name: str = "random"
) -> tuple[Selection | None, Till]:
    return play(
        world, STRATEGIES[strategy], searcher(world, name, world.seed), units * world.unit()
    )


# --- what every strategy keeps to


@settings(max_examples=40, deadline=None)
@given(
    strategy=st.sampled_from(sorted(STRATEGIES)),
    examples=st.sampled_from([1, 2, 7, 20, 60]),
    units=st.sampled_from([0.001, 0.05, 0.3, 1.0, 4.0, 12.0]),
    slack=st.sampled_from([1.0, 4.0, 25.0]),
    flip=st.booleans(),
    free=st.sampled_from([FREE, ()]),
    limit=st.sampled_from([None, 5e-5, 1e-9]),
    with_baseline=st.booleans(),
    seed=st.integers(0, 3),
)
def test_any_race_ends_within_its_money_and_with_a_choice_if_anything_was_scored(
    strategy: str,
    examples: int,
    units: float,
    slack: float,
    flip: bool,
    free: tuple[str, ...],
    limit: float | None,
    with_baseline: bool,
    seed: int,
) -> None:
    paid = {} if free else {"n": 3, "aggregate": "vote", "max_tokens": 64, "stop": ()}
    baseline = Point({"model": "small", "prompt": "plain", **paid}) if with_baseline else None
    world = World(
        examples=examples,
        slack=slack,
        flip=flip,
        free=free,
        max_cost=limit,
        baseline=baseline,
        seed=seed,
        space=some_space(temperature=[0.0, 0.6, 1.2]),
        failing=lambda point: point["prompt"] == "brief" and point["model"] == "small",
    )
    choice, till = run(world, strategy, units)
    assert not till.refused
    assert till.worst <= 1.0
    scored = [r for s in till.standings.values() for r in s.readings]
    assert (choice is not None) == bool(scored)
    begun: dict[int, Point] = {}
    for step in itertools.chain.from_iterable(till.waves):
        assert step.examples
        assert set(step.examples) <= set(range(examples))
        assert len(set(step.examples)) == len(step.examples)
        assert step.draws == 1 or step.point.get("temperature") != 0
        assert step.cap == world.space.cap(step.point)
        assert begun.setdefault(step.trial, step.point) == step.point
    assert sorted(begun) == list(range(len(begun)))
    assert len(set(begun.values())) == len(begun)
    if baseline is not None and begun:
        answers = int(baseline.get("n", 1))  # type: ignore[call-overload]
        assert (
            begun[0] == baseline
            or 5 * 8 * world.slack * world.cost(baseline, answers) > units * world.unit()
        )


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("name", ["random", "tpe", "blendsearch"])
def test_the_same_outcomes_make_the_same_waves(strategy: str, name: str) -> None:
    world = World(examples=60)
    dollars = 8 * world.unit()
    sent: list[Outcome] = []

    class Recording(Till):
        def buy(self, steps: Sequence[Step]) -> Outcome:
            sent.append(super().buy(steps))
            return sent[-1]

    till = Recording(world, dollars)
    till.drive(STRATEGIES[strategy](world.problem(), searcher(world, name), dollars))
    searched, money = len(till.waves), till.left
    standings = dict(till.standings)
    choice = till.drive(final_comparison(world.problem(), standings, money))

    again = STRATEGIES[strategy](world.problem(), searcher(world, name), dollars)
    assert replay(again, sent[:searched])[0] == till.waves[:searched]
    waves, value = replay(final_comparison(world.problem(), standings, money), sent[searched:])
    assert waves == till.waves[searched:]
    assert isinstance(choice, Selection)
    assert isinstance(value, Selection)
    assert (value.reading, value.runners_up, value.feasible) == (
        choice.reading,
        choice.runners_up,
        choice.feasible,
    )
    assert value.shown.config == choice.shown.config


def replay(
    strategy: Generator[list[Step], Outcome, object], sent: Sequence[Outcome]
) -> tuple[list[list[Step]], object]:
    waves: list[list[Step]] = []
    for outcome in [None, *sent]:
        try:
            waves.append(strategy.send(outcome))  # type: ignore[arg-type]
        except StopIteration as stop:
            return waves, stop.value
    raise AssertionError("the strategy goes on")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_when_a_wave_is_refused_in_part_no_other_is_asked_for(strategy: str) -> None:
    world = World()
    race = STRATEGIES[strategy](world.problem(), searcher(world), 10 * world.unit())
    till = Till(world, 10 * world.unit())
    outcome = till.buy(race.send(None))  # type: ignore[arg-type]
    with pytest.raises(StopIteration):
        race.send(Outcome(outcome.standings, outcome.left, complete=False))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_where_nothing_can_be_paid_for_nothing_is_asked_for(strategy: str) -> None:
    choice, till = run(World(), strategy, 1e-6)
    assert choice is None
    assert till.waves == []


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_where_every_trial_fails_the_race_ends_without_a_choice(strategy: str) -> None:
    world = World(failing=lambda _: True, space=some_space(temperature=[0.0, 0.5]))
    choice, till = run(world, strategy, 20)
    assert choice is None
    assert till.left == 20 * world.unit()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_space_of_one_point_is_evaluated(strategy: str) -> None:
    world = World(
        space=some_space(model="small", prompt={"plain": "{text}"}, temperature=0.0), examples=30
    )
    choice, till = run(world, strategy, 3)
    assert choice is not None
    assert choice.runners_up == ()
    assert till.points == {0: Point({"model": "small", "prompt": "plain", "temperature": 0.0})}


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("examples", [1, 2])
def test_one_or_two_examples_are_enough_for_a_race(strategy: str, examples: int) -> None:
    choice, till = run(World(examples=examples), strategy, 40)
    assert choice is not None
    assert len(till.points) > 5


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_models_that_cost_nothing_end_the_race_with_the_space(
    strategy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tune.fakes.race.PRICES", dict.fromkeys(PRICES, 0.0))
    world = World(
        space=some_space(temperature=[0.0, 0.5], prompt={"plain": "{text}", "shots": "{text}"}),
        examples=40,
    )
    choice, till = play(world, STRATEGIES[strategy], searcher(world), 1.0)
    assert choice is not None
    assert len(till.points) == world.space.size(FREE)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_searcher_that_proposes_one_point_for_ever_is_taken_to_have_no_other(
    strategy: str,
) -> None:
    world = World(examples=20)
    only = Point({"model": "tiny", "prompt": "plain", "temperature": 0.0})
    _, till = play(world, STRATEGIES[strategy], lambda _: only, 50 * world.unit())
    assert list(till.points.values()) == [only]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_trial_with_nothing_scored_yet_is_neither_chosen_nor_in_the_way(strategy: str) -> None:
    world = World(examples=40)

    class Slow(Till):
        def buy(self, steps: Sequence[Step]) -> Outcome:
            outcome = super().buy(steps)
            empty = {
                n: Standing(n, s.point, 0, (), False, 0.0)
                for n, s in outcome.standings.items()
                if n % 2 == 0
            }
            self.standings.update(empty)
            return Outcome({**outcome.standings, **empty}, outcome.left, outcome.complete)

    till = Slow(world, 6 * world.unit())
    till.drive(STRATEGIES[strategy](world.problem(), searcher(world), till.left))
    choice = till.drive(final_comparison(world.problem(), till.standings, till.left))
    assert isinstance(choice, Selection) == (len(till.points) > 1)
    assert not isinstance(choice, Selection) or choice.reading.trial % 2 == 1


# --- what the searcher is told


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("flip", [False, True])
def test_the_searcher_is_told_of_every_trial_once_as_a_share_of_the_range_and_never_otherwise_later(
    strategy: str, flip: bool
) -> None:
    world = World(
        examples=40,
        flip=flip,
        failing=lambda p: p["prompt"] == "brief",
        baseline=Point({"model": "tiny", "prompt": "plain"}),
    )
    inner = searcher(world)
    heard: list[list[Observation]] = []

    def listening(history: Sequence[Observation]) -> Point | None:
        heard.append(list(history))
        return inner(history)

    _, till = play(world, STRATEGIES[strategy], listening, 120 * world.unit())
    for earlier, later in itertools.pairwise(heard):
        assert [str(t) for t in later[: len(earlier)]] == [str(t) for t in earlier]
    last = heard[-1]
    assert len({t.point for t in last}) == len(last)
    assert len(last) > 5
    for telling in last:
        if world.failing(telling.point) or telling.point not in till.points.values():
            assert math.isnan(telling.score)
        else:
            assert 0 <= telling.score <= 1
            assert telling.cost > 0
    good = [t.score for t in last if t.point["model"] == "large" and not math.isnan(t.score)]
    bad = [t.score for t in last if t.point["model"] == "tiny" and not math.isnan(t.score)]
    assert statistics.mean(good) > statistics.mean(bad)


def test_a_trial_beyond_the_limit_is_told_less_the_further_it_is_beyond() -> None:
    race = Race(problem(max_cost=1e-3), 1.0)
    for i, cost in enumerate((0.5e-3, 2e-3, 4e-3)):
        one = standing(reading([1.0] * 10, cost=cost, trial=i, temperature=i / 10))
        race.add(one.point)
        race.standings[i] = one
    race.tell_searcher(list(race.states.values()))
    assert [t.score for t in race.history] == pytest.approx([1.0, 0.5, 0.25])
    assert [t.cost for t in race.history] == pytest.approx([0.5e-3, 2e-3, 4e-3])


# --- full


def test_full_brings_every_trial_to_all_examples_and_the_largest_n_one_after_the_other() -> None:
    world = World(examples=50)
    till = Till(world, 40 * world.unit())
    till.drive(STRATEGIES["full"](world.problem(), searcher(world), till.left))
    assert len(till.points) > 3
    for trial, held in till.held.items():
        draws = 1 if till.points[trial]["temperature"] == 0 else 5
        assert held == dict.fromkeys(range(50), draws)
    assert [step.trial for wave in till.waves for step in wave] == [0, *range(len(till.points))]


def test_full_goes_on_with_cheaper_points_when_the_dear_ones_cannot_be_paid_for() -> None:
    world = World(examples=50)
    dear = [Point({"model": "large", "prompt": "shots", "temperature": t}) for t in (0.1, 0.2, 0.3)]
    cheap = Point({"model": "tiny", "prompt": "plain", "temperature": 0.1})
    points = iter([Point({**cheap, "temperature": 0.0}), *dear, cheap])
    told: list[Observation] = []

    def listed(history: Sequence[Observation]) -> Point | None:
        told[:] = history
        return next(points, None)

    _, till = play(world, STRATEGIES["full"], listed, 50 * 8 * PRICES["tiny"])
    assert [p["model"] for p in till.points.values()] == ["tiny", "tiny"]
    assert [t.point for t in told if math.isnan(t.score)] == dear


# --- halving


def test_blocks_grow_with_the_data_and_double_up_to_all_of_it() -> None:
    assert rung_sizes(1) == [1]
    assert rung_sizes(8) == [8]
    assert rung_sizes(100) == [8, 16, 32, 64, 100]
    assert rung_sizes(2000) == [12, 24, 48, 96, 192, 384, 768, 1536, 2000]


def test_halving_begins_with_one_small_block_of_several_points_over_all_models() -> None:
    world = World(baseline=Point({"model": "small", "prompt": "plain"}))
    first = STRATEGIES["halving"](world.problem(), searcher(world), 10 * world.unit()).send(None)  # type: ignore[arg-type]
    assert first[0].point == world.baseline
    assert {step.point["model"] for step in first} == set(PRICES)
    assert {step.examples for step in first} == {tuple(range(8))}
    assert {step.draws for step in first} == {1}


def test_no_first_trial_eats_a_small_budget() -> None:
    world = World(examples=200)
    _, till = run(world, "halving", 1.5)
    assert len(till.points) >= 5


def test_fewer_and_fewer_trials_go_on_to_more_and_more_examples() -> None:
    _, till = run(World(), "halving", 10)
    reached = [max(held) + 1 for held in till.held.values() if held]
    counts = [sum(r >= size for r in reached) for size in rung_sizes(120)]
    assert counts[0] == len(till.points)
    assert counts[1] <= counts[0] / 2
    assert counts == sorted(counts, reverse=True)
    assert counts[2] >= 2


def test_more_draws_go_to_hot_survivors_only_and_only_while_a_larger_n_wins() -> None:
    _, till = run(World(), "halving", 20)
    for trial, held in till.held.items():
        most = max(held.values())
        if till.points[trial]["temperature"] == 0 or max(held) < 8:
            assert most == 1
        assert most in (1, 3, 5, 10)
    assert any(max(held.values()) >= 5 for held in till.held.values())


def test_a_share_of_the_money_is_left_for_the_endgame() -> None:
    world = World(slack=2.0)
    till = Till(world, 10 * world.unit())
    till.drive(STRATEGIES["halving"](world.problem(), searcher(world), till.left))
    assert till.left >= 0.2 * 10 * world.unit() * (1 - 1e-9)


def test_later_brackets_are_proposed_after_the_searcher_has_heard_of_the_earlier_ones() -> None:
    world = World(examples=60)
    heard: list[int] = []
    inner = searcher(world)

    def listening(history: Sequence[Observation]) -> Point | None:
        heard.append(len(history))
        return inner(history)

    play(world, STRATEGIES["halving"], listening, 400 * world.unit())
    brackets = sorted(set(heard))
    assert brackets[0] == 0
    assert len(brackets) >= 3


@pytest.mark.parametrize("budget", [60, 300, 700, 2000])
def test_dear_points_do_not_end_a_search_that_cheap_ones_could_go_on_with(budget: int) -> None:
    world = World(examples=100)
    cheap = SEARCHERS["random"](some_space(model="tiny"), FREE, 0)
    dear = iter(
        [Point({"model": "large", "prompt": "reasoned", "temperature": t / 10}) for t in range(3)]
    )
    _, till = play(
        world,
        STRATEGIES["halving"],
        lambda h: next(dear, None) or cheap(h),
        budget * PRICES["tiny"],
    )
    assert sum(p["model"] == "tiny" for p in till.points.values()) >= min(5, budget // 40)


# --- what comes of it


def regrets(strategy: str, units: float, seeds: range, **changes: object) -> list[float]:
    found = []
    for seed in seeds:
        world = World(
            seed=seed, examples=80, space=some_space(temperature=Uniform(0, 1.2, 0.2)), **changes
        )  # type: ignore[arg-type]
        choice, _ = run(world, strategy, units)
        assert choice is not None
        found.append(world.best() - world.truth(choice.reading.config))
    return found


def test_halving_comes_nearer_to_the_best_than_full_passes_at_equal_money() -> None:
    for units, near in ((3, 0.08), (10, 0.04)):
        ours, theirs = (
            statistics.median(regrets(name, units, range(9))) for name in ("halving", "full")
        )
        assert ours <= near
        assert ours < theirs / 2


def test_errors_are_made_few_where_fewer_is_better() -> None:
    assert statistics.median(regrets("halving", 10, range(7), flip=True)) <= 0.04


def test_a_limit_on_the_cost_is_kept_and_the_best_below_it_found() -> None:
    for limit in (2.5e-5, 1.3e-4):
        found = []
        for seed in range(6):
            world = World(seed=seed, examples=80, max_cost=limit, noise=0.5)
            choice, _ = run(world, "halving", 10)
            assert choice is not None
            assert choice.feasible
            assert world.cost(choice.reading.config, choice.reading.config.n) <= limit
            found.append(world.best() - world.truth(choice.reading.config))
        assert statistics.median(found) <= 0.06


def test_where_no_config_keeps_the_limit_the_closest_is_chosen_and_said_not_to() -> None:
    choice, _ = run(World(max_cost=1e-9, examples=40), "halving", 5)
    assert choice is not None
    assert not choice.feasible
    assert choice.reading.config.model == "tiny"
    assert choice.reading.config.n == 1


def test_of_models_that_are_equally_good_the_cheapest_is_chosen() -> None:
    models = [
        run(World(seed=seed, examples=100, quality=lambda _: 1.0), "halving", 5)[
            0
        ].reading.config.model  # type: ignore[union-attr]
        for seed in range(5)
    ]
    assert models == ["tiny"] * 5
    world = World(examples=200, quality=lambda p: 0.9 if p["model"] == "large" else 0.6)
    choice, _ = run(world, "halving", 8)
    assert choice is not None
    assert choice.reading.config.model == "large"


def test_the_baseline_wins_where_it_is_the_best() -> None:
    best = Point({"model": "small", "prompt": "plain"})
    world = World(baseline=best, quality=lambda p: 0.95 if p == best else 0.4, examples=60)
    choice, _ = run(world, "halving", 6)
    assert choice is not None
    assert choice.reading.trial == 0


# --- the endgame


def test_finalists_meet_the_rest_of_the_examples_before_they_get_more_draws() -> None:
    world = World(
        examples=60, quality=lambda _: 0.7, space=some_space(temperature=[0.5, 0.7], model="small")
    )
    till = Till(world, 1.0)
    points = list(world.space.points(FREE))[:3]
    till.buy([Step(i, p, tuple(range(8 * (i + 1))), 1, 64) for i, p in enumerate(points)])
    till.waves.clear()
    choice = till.drive(final_comparison(world.problem(), till.standings, till.left))
    assert [(s.trial, s.examples, s.draws) for s in till.waves[0]] == [(0, tuple(range(8, 16)), 1)]
    draws = [step.draws for wave in till.waves for step in wave]
    assert draws == sorted(draws)
    assert draws[-1] > 1
    assert all(step.examples[-1] == 59 for wave in till.waves for step in wave if step.draws > 1)
    assert isinstance(choice, Selection)
    assert choice.reading.n_examples == 60


def test_who_is_clearly_behind_drops_out_and_a_clear_winner_ends_the_race() -> None:
    world = World(
        examples=200,
        quality=lambda p: {"tiny": 0.1, "small": 0.5, "large": 0.95}[str(p["model"])],
        space=some_space(temperature=0.0, prompt={"plain": "{text}"}),
    )
    till = Till(world, 1.0)
    till.buy([Step(i, p, tuple(range(16)), 1, 64) for i, p in enumerate(world.space.points(FREE))])
    choice = till.drive(final_comparison(world.problem(), till.standings, till.left))
    assert isinstance(choice, Selection)
    assert choice.reading.config.model == "large"
    assert [r.config.model for r in choice.runners_up] == ["small", "tiny"]
    assert max(max(held) for held in till.held.values()) < 100


def test_an_endgame_without_money_freezes_at_once() -> None:
    world = World(examples=40)
    till = Till(world, 1.0)
    till.buy(
        [
            Step(i, p, tuple(range(8)), 1, 64)
            for i, p in enumerate(list(world.space.points(FREE))[:4])
        ]
    )
    till.waves.clear()
    assert isinstance(till.drive(final_comparison(world.problem(), till.standings, 0.0)), Selection)
    assert till.waves == []


# --- the parts


def test_the_best_reading_keeps_the_limits_and_ties_go_to_the_cheaper() -> None:
    one, other = (
        reading([0.5, 1.0], cost=2e-3),
        reading([1.0, 0.5], cost=1e-3, n=3, aggregate="vote"),
    )
    dear = reading([1.0, 1.0], cost=5e-3, n=5, aggregate="vote")
    assert standing(one, other, dear).best(problem()) == dear
    assert standing(one, other, dear).best(problem(max_cost=3e-3)) == other
    assert standing(one, other, dear).best(problem(larger_is_better=False)) == other
    assert standing(one, other, dear).best(problem(max_cost=1e-4)) is None
    assert standing(one, other, dear).best(problem(max_seconds=0.1)) is None
    assert standing(one, failed=True).best(problem()) is None


def test_a_large_n_that_was_read_on_a_lucky_few_does_not_stand_for_the_trial() -> None:
    whole, few = reading([0.5] * 40), reading([1.0] * 5, n=5, aggregate="vote")
    assert standing(whole, few).best(problem()) == whole


def test_a_limit_is_not_held_against_a_trial_while_more_examples_may_clear_it() -> None:
    one = Reading(**{**vars(reading([1.0] * 4)), "costs": np.array([0.2, 1.0, 1.8, 1.4]) * 1e-3})
    limited = problem(max_cost=1e-3)
    assert limited.limit_use(one) > 1
    assert standing(one).best(limited) == one
    assert standing(one).best(limited, errors=0.0) is None


def test_what_a_config_costs_that_could_answer_nothing_is_beyond_any_limit() -> None:
    spoiled = Reading(**{**vars(reading([0.0] * 4)), "costs": np.full(4, np.nan)})
    assert problem(max_cost=1.0).limit_use(spoiled) == math.inf
    assert problem().limit_use(spoiled) == 0.0
    assert standing(spoiled).best(problem()) == spoiled


def test_quality_is_a_share_of_the_range_and_turned_where_smaller_is_better() -> None:
    metric = problem(low=-1.0, high=3.0)
    assert metric.quality([-1.0, 0.0, 3.0]).tolist() == [0.0, 0.25, 1.0]
    assert problem(low=-1.0, high=3.0, larger_is_better=False).quality([0.0]).tolist() == [0.75]


def test_levels_take_out_which_examples_a_trial_has_met() -> None:
    rng = np.random.default_rng(0)
    ease, skill = rng.normal(0, 0.3, 60), np.array([0.7, 0.5, 0.3])
    values = skill[:, None] + ease
    easy = np.argsort(ease)
    values[0, easy[30:]] = np.nan  # the best has met the hard half only
    plain = np.nanmean(values, axis=1)
    assert plain[0] < plain[1]
    assert np.argsort(-adjusted_means(values)).tolist() == [0, 1, 2]


def test_levels_draw_those_with_few_examples_to_the_rest_and_leave_the_unknown_unknown() -> None:
    values = np.full((3, 40), np.nan)
    values[0, :] = 0.6
    values[1, :2] = 1.0
    found = adjusted_means(values)
    assert found[0] < found[1] < 0.95
    assert math.isnan(found[2])
    assert np.isnan(adjusted_means(np.full((2, 3), np.nan))).all()


@given(
    st.lists(
        st.lists(st.sampled_from([0.0, 0.5, 1.0, math.nan]), min_size=5, max_size=5),
        min_size=1,
        max_size=6,
    )
)
def test_levels_stay_within_the_range_of_what_was_scored(rows: list[list[float]]) -> None:
    values = np.array(rows)
    found = adjusted_means(values)
    known = found[~np.isnan(found)]
    assert ((known >= -0.51) & (known <= 1.51)).all()
    assert (np.isnan(found) == np.isnan(values).all(axis=1)).all()


def test_a_difference_is_paired_and_a_few_equal_scores_are_no_certainty() -> None:
    rows = quality_table(problem(), [reading([0.0, 1.0, 1.0]), reading([1.0, 1.0], start=1)])
    assert paired_difference(*rows) == (0.0, pytest.approx(math.sqrt(0.5 / 3 / 2)), 2)
    assert not paired_difference(*rows).clearly_worse
    assert paired_difference(rows[0][:1], rows[1][:1]).standard_error == math.inf
    far = quality_table(problem(), [reading([0.0] * 40), reading([1.0] * 40)])
    assert paired_difference(*far).clearly_worse
    assert not paired_difference(*far[:, :2]).clearly_worse


def test_a_wave_is_planned_at_ceilings_until_costs_are_known_and_then_at_what_was_seen() -> None:
    world = World(slack=10.0)
    race = Race(world.problem(), 1.0)
    tiny, large = (
        race.add(Point({"model": m, "prompt": "plain", "temperature": 0.5}))
        for m in ("tiny", "large")
    )
    assert race.expected_price(tiny, 3) == pytest.approx(30 * PRICES["tiny"])
    race.order(tiny, 8, 1)
    race.update(
        Outcome({0: world.standing(0, tiny.point, dict.fromkeys(range(8), 1))}, 1.0, complete=True)
    )
    assert race.expected_price(tiny, 3) == pytest.approx(3 * PRICES["tiny"])
    assert race.expected_price(large, 1) == pytest.approx(PRICES["large"])
    assert race.expected_cost(tiny, 10, 3) == pytest.approx((8 * 2 + 2 * 3) * PRICES["tiny"])


def test_a_wave_leaves_room_for_the_ceiling_of_its_last_call() -> None:
    world = World(slack=10.0)
    race = Race(world.problem(), 1.0)
    one = race.add(Point({"model": "tiny", "prompt": "plain", "temperature": 0.5}))
    race.order(one, 8, 1)
    race.update(
        Outcome(
            {0: world.standing(0, one.point, dict.fromkeys(range(8), 1))},
            20 * PRICES["tiny"],
            complete=True,
        )
    )
    assert WavePlan(race, race.left).affords(one, 8 + 11, 1)
    assert not WavePlan(race, race.left).affords(one, 8 + 12, 1)
    assert not WavePlan(race, 5 * PRICES["tiny"]).affords(one, 8 + 6, 1)


def test_an_order_asks_only_for_what_is_new() -> None:
    race = Race(problem(), 1.0)
    one = race.add(Point({"model": "tiny", "prompt": "plain", "temperature": 0.5}))
    assert [(s.examples, s.draws) for s in race.order(one, 3, 1)] == [((0, 1, 2), 1)]
    assert [(s.examples, s.draws) for s in race.order(one, 5, 1)] == [((3, 4), 1)]
    assert [(s.examples, s.draws) for s in race.order(one, 6, 3)] == [((0, 1, 2, 3, 4, 5), 3)]
    assert race.order(one, 4, 1) == []


def test_draws_grow_to_the_next_n_that_a_reading_could_have() -> None:
    space = some_space(n={"low": 1, "high": 9, "integer": True})
    race = Race(problem(space=space), 1.0)
    hot = race.add(Point({"model": "tiny", "prompt": "plain", "temperature": 0.5}))
    cold = race.add(Point({"model": "tiny", "prompt": "plain", "temperature": 0.0}))
    assert (hot.ladder[0], hot.ladder[-1], cold.ladder) == (1, 9, (1,))
    seen = []
    while not seen or race.more_draws(hot) > seen[-1]:
        hot.draws = race.more_draws(hot) if seen else 1
        seen.append(hot.draws)
        winning = reading([0.9] * 8, n=hot.draws, aggregate="vote" if hot.draws > 1 else "first")
        race.standings[0] = standing(reading([0.5] * 8), winning)
    assert seen == [1, 3, 7, 9]
    hot.draws = 3
    race.standings[0] = standing(
        reading([0.9] * 8), reading([0.9] * 8, cost=3e-3, n=3, aggregate="vote")
    )
    assert race.more_draws(hot) == 3


def test_a_paid_n_is_bought_as_it_stands() -> None:
    race = Race(problem(free=()), 1.0)
    point = Point(
        {**some_space().sample(__import__("random").Random(1), ()), "n": 5, "temperature": 0.5}
    )
    assert race.add(point).ladder == (5,)


def test_a_step_of_a_long_race_takes_milliseconds() -> None:
    world = World(examples=200, space=some_space(temperature=Uniform(0, 1.2, 0.01)))
    race = Race(world.problem(), 1.0)
    for i, point in enumerate(itertools.islice(world.space.points(FREE), 300)):
        state = race.add(point)
        race.order(state, 8 * 2 ** (i % 4), 1)
        race.standings[i] = world.standing(i, point, dict.fromkeys(range(state.examples), 1))
    race.ranking()
    took = []
    for _ in range(5):
        start = time.process_time()
        race.ranking()
        took.append(time.process_time() - start)
    assert statistics.median(took) < 0.2  # seen: 15 ms


def test_a_searcher_that_has_nothing_left_is_asked_no_more_than_once_a_time() -> None:
    asked: list[int] = []

    def exhausted(history: Sequence[Observation]) -> None:
        asked.append(len(history))

    world = World()
    proposals = Proposals(Race(world.problem(), 1.0), exhausted)
    assert proposals.next() is not None or asked == [0]  # the baseline, where there is one
    before = len(asked)
    assert [proposals.next() for _ in range(5)] == [None] * 5
    assert len(asked) == before + 5
