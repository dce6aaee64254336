"""Buying blocks by their value, in a world whose truth is known."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tune.fakes.race import PRICES, PROMPTS, FakeLedger, World, play, some_space
from tune.readout.trial import Step
from tune.search import SEARCHERS, Observation, Searcher
from tune.space import Point, Space, Uniform
from tune.strategies import STRATEGIES, Outcome, Problem, Standing
from tune.strategies.blocks import block_sizes
from tune.strategies.knowledge_gradient import KnowledgeGradient
from tune.strategies.race import Race
from tune.strategies.settings import KnowledgeGradientSettings

SETTINGS = KnowledgeGradientSettings()

COARSE = Uniform(0, 1.2, 0.4)


def searcher(world: World) -> Searcher:
    return SEARCHERS["random"](world.space, world.free, world.seed)


def search(
    world: World,
    units: float,
    ask: Searcher | None = None,
    ledger: FakeLedger | None = None,
    settings: KnowledgeGradientSettings = SETTINGS,
) -> FakeLedger:
    """The search alone, without its final comparison."""
    ledger = ledger or FakeLedger(world, units * world.unit())
    strategy = KnowledgeGradient(settings)
    ledger.drive(strategy(world.problem(), ask or searcher(world), ledger.left))
    return ledger


def a_world(**changes: object) -> World:
    settings: dict[str, object] = {
        "examples": 60,
        "space": some_space(temperature=COARSE),
    }
    return World(**(settings | changes))  # type: ignore[arg-type]


# --- money


@settings(max_examples=12)
@given(
    examples=st.sampled_from([1, 7, 40]),
    units=st.floats(0.01, 6),
    slack=st.sampled_from([1.0, 4.0, 20.0]),
    noise=st.sampled_from([0.0, 0.5]),
    seed=st.integers(0, 99),
)
def test_no_wave_asks_for_more_than_there_is_and_what_is_the_final_comparisons_stays(
    examples: int, units: float, slack: float, noise: float, seed: int
) -> None:
    # No call may cost more than its ceiling.
    ceiling = slack * (1 + noise)
    world = a_world(examples=examples, slack=ceiling, noise=noise, seed=seed)
    ledger = search(world, units)
    assert ledger.left >= 0
    assert all(len(wave) <= SETTINGS.most_steps for wave in ledger.waves)
    if len(ledger.waves) > 1 and not noise:
        assert ledger.left >= SETTINGS.final_share * units * world.unit() * (1 - 1e-9)


def test_without_a_dollar_only_models_that_cost_nothing_are_raced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert search(a_world(), 0.0).waves == []
    monkeypatch.setattr("tune.fakes.race.PRICES", dict.fromkeys(PRICES, 0.0))
    assert (
        len(
            search(
                a_world(examples=10, space=some_space(temperature=[0.0, 0.5])), 0.0
            ).points
        )
        >= SETTINGS.blind_steps
    )


# --- waves


def test_the_first_wave_is_a_small_block_for_the_baseline_and_for_every_model_and_prompt() -> (
    None
):
    baseline = Point({"model": "small", "prompt": "plain"})
    first = search(a_world(baseline=baseline), 20).waves[0]
    assert first[0].point == baseline
    assert len(first) == SETTINGS.blind_steps
    assert {step.point["model"] for step in first} == set(PRICES)
    assert {step.point["prompt"] for step in first} == set(PROMPTS)
    (size,) = {len(step.examples) for step in first}
    assert size in block_sizes(60)[:3]
    assert {step.draws for step in first} == {1}


def test_a_baseline_that_the_searcher_would_never_propose_is_begun_with_little_money_too() -> (
    None
):
    baseline = Point({"model": "large", "prompt": "reasoned"})
    world = a_world(baseline=baseline, slack=1.0)
    assert search(world, 2.0).points[0] == baseline


def first_blocks(ledger: FakeLedger) -> list[int]:
    """Return the number of examples in the first block of each point, in order."""
    found: dict[Point, int] = {}
    for step in (step for wave in ledger.waves for step in wave):
        found.setdefault(step.point, len(step.examples))
    return list(found.values())


def test_little_money_tries_many_points_with_two_examples_and_much_money_none() -> None:
    temperatures = [round(0.1 * step, 1) for step in range(13)]
    world = World(space=some_space(temperature=temperatures, n=1, max_tokens=64))
    little = first_blocks(search(world, 0.3))
    assert set(little) == {2}
    assert len(little) > 60 / 8
    much = first_blocks(search(world, 30))
    assert statistics.median(much) == 8


def test_first_blocks_stay_as_large_as_they_were_when_the_cost_of_calls_was_learned() -> (
    None
):
    temperatures = [round(0.1 * step, 1) for step in range(13)]
    world = World(space=some_space(temperature=temperatures, n=1, max_tokens=64))
    ledger = search(world, 4)
    known = len({step.point for step in ledger.waves[0]})
    later = first_blocks(ledger)[known:]
    assert len(later) > 10
    assert set(later) == {8}


def growth(ledger: FakeLedger) -> set[tuple[int, int]]:
    """Return (examples before, examples after) of each block that came after a first one."""
    found: set[tuple[int, int]] = set()
    for step in (step for wave in ledger.waves for step in wave):
        if step.examples[0] > 0:
            found.add((step.examples[0], step.examples[-1] + 1))
    return found


def test_trials_meet_examples_in_blocks_that_double_or_go_half_the_way() -> None:
    ledger = search(a_world(), 10)
    sizes = block_sizes(60)
    halves = [(one + two) // 2 for one, two in itertools.pairwise(sizes)]
    assert {size for block in growth(ledger) for size in block} <= {*sizes, *halves}
    assert max(len(held) for held in ledger.held.values()) > 8


def test_few_examples_and_little_money_make_smaller_blocks() -> None:
    temperatures = [round(0.1 * step, 1) for step in range(13)]
    world = World(
        examples=200, space=some_space(temperature=temperatures, n=1, max_tokens=64)
    )
    little, much = growth(search(world, 2)), growth(search(world, 200))
    # Here the examples are few, whatever the money.
    assert {(8, 12), (12, 16)} <= little & much
    assert (8, 16) not in little | much
    assert (16, 24) in little
    assert (16, 32) in much
    assert (16, 24) not in much
    # One example more would be a wave for nothing.
    assert (2, 3) not in little


def test_more_draws_are_bought_of_hot_points_and_never_of_those_at_temperature_zero() -> (
    None
):
    ledger = search(a_world(), 20)
    most = {trial: max(held.values()) for trial, held in ledger.held.items() if held}
    assert {most[t] for t in most if ledger.points[t]["temperature"] == 0} <= {1}
    assert max(most.values()) > 1


def test_where_every_dimension_is_paid_for_trials_are_bought_with_their_own_n() -> None:
    space = some_space(temperature=[0.0, 0.6], n=[1, 3])
    ledger = search(a_world(space=space, free=(), examples=20), 15)
    assert len(ledger.points) > 5
    assert all(step.draws == step.point["n"] for wave in ledger.waves for step in wave)


CAPS = (8, 16, 64)


def families_and_caps(ledger: FakeLedger) -> dict[tuple[object, object], list[object]]:
    """The caps that each model and prompt was tried with, in the order in which trials were begun."""
    found: dict[tuple[object, object], list[object]] = {}
    for _, point in sorted(ledger.points.items()):
        found.setdefault((point["model"], point["prompt"]), []).append(
            point["max_tokens"]
        )
    return found


@pytest.mark.parametrize("units", [1, 6])
def test_a_model_and_prompt_are_first_tried_with_a_cap_that_cuts_the_least(
    units: int,
) -> None:
    space = some_space(
        temperature=[0.0, 0.6], n=1, aggregate="first", max_tokens=list(CAPS)
    )
    begun = families_and_caps(search(a_world(space=space, free=()), units))
    assert len(begun) > 6
    assert {caps[0] for caps in begun.values()} == {max(CAPS)}
    if units > 1:
        assert {cap for caps in begun.values() for cap in caps} == set(CAPS)


def test_where_the_largest_cap_is_refused_smaller_ones_are_tried() -> None:
    space = some_space(temperature=0.0, n=1, aggregate="first", max_tokens=list(CAPS))
    world = a_world(
        space=space, free=(), failing=lambda point: point["max_tokens"] == max(CAPS)
    )
    begun = families_and_caps(search(world, 6))
    assert all(caps[0] == max(CAPS) for caps in begun.values())
    assert any(len(caps) > 1 for caps in begun.values())


def test_a_model_whose_large_cap_is_beyond_the_limit_on_cost_is_tried_with_a_small_one() -> (
    None
):
    space = some_space(
        model="large", temperature=0.0, n=1, aggregate="first", max_tokens=list(CAPS)
    )

    class Capped(World):
        """A world where an answer costs as much as its cap allows."""

        def cost(self, config: Mapping[str, object], n: int) -> float:
            return super().cost(config, n) * int(config["max_tokens"]) / max(CAPS)  # type: ignore[call-overload]

    world = Capped(space=space, free=(), examples=40, slack=1.0, max_cost=1e-4)
    begun = families_and_caps(search(world, 6))
    assert len(begun) == len(PROMPTS)
    assert max(CAPS) not in {caps[0] for caps in begun.values()}


def test_all_that_is_left_of_a_points_examples_may_be_bought_at_once_but_not_for_much_of_the_money() -> (
    None
):
    leaps = 0
    for seed in range(2):
        space = some_space(temperature=[0.0, 0.3, 0.6], n=1, max_tokens=list(CAPS))
        world = a_world(space=space, free=(), examples=120, seed=seed)
        ledger = FakeLedger(world, 40 * world.unit())
        left, sizes = ledger.left, block_sizes(120)
        for wave in search(world, 40, ledger=ledger).waves:
            long = [
                s
                for s in wave
                if s.examples[-1] + 1 == 120 and s.examples[0] < sizes[-2]
            ]
            leaps += len(long)
            for step in long:
                cost = len(step.examples) * world.cost(step.point, step.draws)
                assert cost <= SETTINGS.long_share * left * (1 + 1e-9)
    assert leaps > 0


def calls_in_each_wave(ledger: FakeLedger) -> float:
    """Return the mean number of calls in a wave."""
    sizes = [sum(len(step.examples) for step in wave) for wave in ledger.waves]
    return statistics.mean(sizes)


def test_a_wave_of_a_few_calls_is_filled_up() -> None:
    # Much money for a few points: few blocks are worth it by themselves.
    world = a_world(examples=400, space=some_space(temperature=[0.0, 0.8]))
    unfilled = search(world, 30, settings=replace(SETTINGS, full_wave=0))
    filled = search(world, 30)
    assert len(filled.waves) < len(unfilled.waves)
    assert calls_in_each_wave(filled) > calls_in_each_wave(unfilled)


def test_two_runs_on_the_same_outcomes_make_the_same_waves() -> None:
    one, other = search(a_world(), 8), search(a_world(), 8)
    assert len(one.waves) > 3
    assert one.waves == other.waves
    assert one.waves != search(a_world(seed=1), 8).waves


# --- odd spaces, odd searchers, odd models


def test_a_space_of_one_point_is_bought_no_further_than_it_teaches_anything() -> None:
    ledger = search(
        a_world(
            space=some_space(model="small", prompt={"plain": "{text}"}, temperature=0.0)
        ),
        30,
    )
    assert len(ledger.points) == 1
    assert ledger.left > 0


def test_a_searcher_that_runs_dry_ends_nothing_but_the_fresh_points() -> None:
    world = a_world()
    points = iter(
        [Point({"model": m, "prompt": "plain", "temperature": 0.4}) for m in PRICES]
    )
    ledger = search(world, 20, lambda _: next(points, None))
    assert {point["model"] for point in ledger.points.values()} == set(PRICES)
    assert len(ledger.waves) > 1
    assert search(world, 20, lambda _: None).waves == []


def test_of_a_large_space_so_many_points_are_weighed_and_few_more_after_each_wave() -> (
    None
):
    world = a_world(space=some_space(temperature=Uniform(0, 1.2, 0.01)))
    inner, asked = searcher(world), list[int]()

    def counting(history: Sequence[Observation]) -> Point | None:
        asked.append(len(history))
        return inner(history)

    ledger = search(world, 2, counting)
    assert world.space.size(world.free) > SETTINGS.candidates
    assert asked[: SETTINGS.candidates] == [0] * SETTINGS.candidates
    assert (
        SETTINGS.candidates
        < len(asked)
        <= SETTINGS.candidates + SETTINGS.fresh * len(ledger.waves)
    )


def test_trials_that_all_fail_are_each_tried_once_and_teach_nothing() -> None:
    world = a_world(failing=lambda _: True, space=some_space(temperature=[0.0, 0.5]))
    ledger = search(world, 20)
    assert ledger.left == 20 * world.unit()
    assert len(set(ledger.points.values())) == len(ledger.points)


class Refusing(FakeLedger):
    """A service whose small model takes no temperature, which is found out by asking."""

    def buy(self, steps: Sequence[Step]) -> Outcome:
        if any(self.world.failing(step.point) for step in steps):
            self.world.space.drop("small", "temperature")
        return super().buy(steps)


def test_a_setting_that_a_model_was_found_not_to_take_is_not_tried_again() -> None:
    space: Space = some_space(temperature=Uniform(0, 1.2, 0.1))
    world = a_world(
        space=space, failing=lambda p: p["model"] == "small" and "temperature" in p
    )
    ledger = search(world, 10, ledger=Refusing(world, 10 * world.unit()))
    refused = [any(world.failing(step.point) for step in wave) for wave in ledger.waves]
    assert refused == [True] + [False] * (len(refused) - 1)
    assert any(
        p["model"] == "small" and "temperature" not in p for p in ledger.points.values()
    )
    assert len(set(ledger.points.values())) == len(ledger.points)


# --- what comes of it


def regrets(strategy: str, units: float, seeds: int) -> np.ndarray:
    found = []
    for seed in range(seeds):
        world = World(
            seed=seed, examples=80, space=some_space(temperature=Uniform(0, 1.2, 0.2))
        )
        choice, _ = play(
            world, STRATEGIES[strategy], searcher(world), units * world.unit()
        )
        assert choice is not None
        found.append(world.best() - world.truth(choice.reading.config))
    return np.array(found)


@pytest.mark.slow
@pytest.mark.parametrize("units", [3, 10])
def test_it_comes_as_near_to_the_best_as_halving_and_far_nearer_than_full_passes(
    units: int,
) -> None:
    ours, halving, full = (
        regrets(name, units, 12) for name in ("knowledge_gradient", "halving", "full")
    )
    luck = float(np.std(ours - halving, ddof=1)) / len(ours) ** 0.5
    assert ours.mean() <= halving.mean() + 2 * luck
    assert (
        ours.mean() < 0.6 * full.mean()
    )  # seen: 0.077 and 0.18 at 3 units, 0.02 and 0.13 at 10


def test_a_limit_on_the_cost_is_kept_in_truth() -> None:
    kept = []
    for seed in range(10):
        world = a_world(seed=seed, examples=40, max_cost=1.3e-4, noise=0.5)
        choice, _ = play(world, KnowledgeGradient(), searcher(world), 4 * world.unit())
        assert choice is not None
        kept.append(
            world.cost(choice.reading.config, choice.reading.config.n) <= 1.3e-4
        )
    assert statistics.mean(kept) >= 0.9


def test_a_step_of_a_search_with_sixty_trials_takes_milliseconds() -> None:
    world = a_world(examples=400, space=some_space(temperature=Uniform(0, 1.2, 0.01)))
    points = iter(list(world.space.points(world.free))[::3])
    race = KnowledgeGradient()(world.problem(), lambda _: next(points, None), 1.0)
    wave, took = race.send(None), list[float]()  # type: ignore[arg-type]
    standings: dict[int, Standing] = {}
    while len(took) < 5:
        for step in wave:
            held = dict.fromkeys(range(step.examples[-1] + 1), step.draws)
            standings[step.trial] = world.standing(step.trial, step.point, held)
        start = time.process_time()
        wave = race.send(Outcome(dict(standings), 1.0, complete=True))
        took.append(time.process_time() - start)
    assert len(standings) > 50
    assert statistics.median(took) < 1.0  # seen: 0.15 s, on a busy machine


# --- prices


def priced_field(prompt: float, each: float, slack: float, draws: int) -> Race:
    """A race in which one trial of so many draws was bought, in calls of which a part is paid
    once.
    """

    def ceiling(_point: Point, draws: int, _cap: int) -> float:
        return slack * (prompt + 2 * each * draws)

    problem = Problem(**{**vars(a_world().problem()), "ceiling": ceiling})
    race = Race(problem, 1.0)
    state = race.add(Point({"model": "tiny", "prompt": "plain", "temperature": 0.4}))
    race.order(state, 8, draws)
    seen = Standing(
        0, state.point, 8, (), False, each + prompt / draws, prompt_cost=prompt
    )
    race.update(Outcome({0: seen}, 1.0, complete=True))
    return race


@settings(max_examples=40)
@given(
    prompt=st.floats(1e-6, 1e-3),
    each=st.floats(1e-6, 1e-3),
    slack=st.floats(1, 20),
    seen=st.sampled_from([1, 3, 5]),
    asked=st.integers(1, 40),
)
def test_a_trial_of_few_draws_tells_what_many_in_one_call_will_cost(
    prompt: float, each: float, slack: float, seen: int, asked: int
) -> None:
    race = priced_field(prompt, each, slack, seen)
    state = race.states[0]
    assert race.expected_price(state, asked) == pytest.approx(prompt + each * asked)
    twin = race.unlisted(Point({**state.point, "temperature": 0.8}))
    assert race.expected_price(twin, asked) == pytest.approx(prompt + each * asked)
    assert race.expected_price(state, asked) <= race.ceiling(state, asked) * (1 + 1e-9)
    assert race.expected_price(state, 0) == 0


def test_to_ask_for_a_price_enters_nothing() -> None:
    race = priced_field(1e-4, 1e-5, 4.0, 1)
    probe = race.unlisted(
        Point({"model": "large", "prompt": "shots", "temperature": 0.4})
    )
    assert list(race.states) == [0]
    assert probe.ladder == (1, 3, 5)
    assert probe.ladder == race.ladder(probe.point)
