"""Strategies in a world whose truth is known: what they ask for, what they find, and what they
never do.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Generator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tune.fakes.race import PRICES, FakeLedger, World, play, some_space
from tune.readout.trial import Step
from tune.search import SEARCHERS, Searcher
from tune.space import FREE, Point, Uniform
from tune.strategies import STRATEGIES, Outcome, Selection, Standing, final_comparison
from tune.strategies.problem import ALL_BOUGHT, NO_WORTH
from tune.strategies.race import Race


def searcher(world: World, name: str = "random", seed: int = 0) -> Searcher:
    return SEARCHERS[name](world.space, world.free, seed)


def run(
    world: World, strategy: str, units: float, name: str = "random"
) -> tuple[Selection | None, FakeLedger]:
    return play(
        world,
        STRATEGIES[strategy],
        searcher(world, name, world.seed),
        units * world.unit(),
    )


# --- what every strategy keeps to


@settings(max_examples=40)
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
    baseline = (
        Point({"model": "small", "prompt": "plain", **paid}) if with_baseline else None
    )
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
    choice, ledger = run(world, strategy, units)
    assert not ledger.refused
    assert ledger.worst <= 1.0
    scored = [r for s in ledger.standings.values() for r in s.readings]
    assert (choice is not None) == bool(scored)
    begun: dict[int, Point] = {}
    for step in itertools.chain.from_iterable(ledger.waves):
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
            or 5 * 8 * world.slack * world.cost(baseline, answers)
            > units * world.unit()
        )


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("name", ["random", "tpe", "blendsearch"])
def test_the_same_outcomes_make_the_same_waves(strategy: str, name: str) -> None:
    coarse = some_space(temperature=Uniform(0, 1.2, 0.4))
    world = World(examples=60, space=coarse)
    dollars = 8 * world.unit()
    sent: list[Outcome] = []

    class Recording(FakeLedger):
        def buy(self, steps: Sequence[Step]) -> Outcome:
            sent.append(super().buy(steps))
            return sent[-1]

    ledger = Recording(world, dollars)
    ledger.drive(STRATEGIES[strategy](world.problem(), searcher(world, name), dollars))
    searched, money = len(ledger.waves), ledger.left
    standings = dict(ledger.standings)
    choice = ledger.drive(final_comparison(world.problem(), standings, money))

    again = STRATEGIES[strategy](world.problem(), searcher(world, name), dollars)
    assert replay(again, sent[:searched])[0] == ledger.waves[:searched]
    waves, value = replay(
        final_comparison(world.problem(), standings, money), sent[searched:]
    )
    assert waves == ledger.waves[searched:]
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
    ledger = FakeLedger(world, 10 * world.unit())
    outcome = ledger.buy(race.send(None))  # type: ignore[arg-type]
    with pytest.raises(StopIteration):
        race.send(Outcome(outcome.standings, outcome.left, complete=False))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_where_nothing_can_be_paid_for_nothing_is_asked_for(strategy: str) -> None:
    choice, ledger = run(World(), strategy, 1e-6)
    assert choice is None
    assert ledger.waves == []


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_where_every_trial_fails_the_race_ends_without_a_choice(strategy: str) -> None:
    world = World(failing=lambda _: True, space=some_space(temperature=[0.0, 0.5]))
    choice, ledger = run(world, strategy, 20)
    assert choice is None
    assert ledger.left == 20 * world.unit()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_space_of_one_point_is_evaluated(strategy: str) -> None:
    world = World(
        space=some_space(model="small", prompt={"plain": "{text}"}, temperature=0.0),
        examples=30,
    )
    choice, ledger = run(world, strategy, 3)
    assert choice is not None
    assert choice.runners_up == ()
    assert ledger.points == {
        0: Point({"model": "small", "prompt": "plain", "temperature": 0.0})
    }


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("examples", [1, 2])
def test_one_or_two_examples_are_enough_for_a_race(
    strategy: str, examples: int
) -> None:
    choice, ledger = run(World(examples=examples), strategy, 40)
    assert choice is not None
    assert len(ledger.points) > 5


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_models_that_cost_nothing_end_the_race_with_the_space(
    strategy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tune.fakes.race.PRICES", dict.fromkeys(PRICES, 0.0))
    world = World(
        space=some_space(
            temperature=[0.0, 0.5], prompt={"plain": "{text}", "shots": "{text}"}
        ),
        examples=40,
    )
    choice, ledger = play(world, STRATEGIES[strategy], searcher(world), 1.0)
    assert choice is not None
    assert len(ledger.points) == world.space.size(FREE)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_searcher_that_proposes_one_point_for_ever_is_taken_to_have_no_other(
    strategy: str,
) -> None:
    world = World(examples=20)
    only = Point({"model": "tiny", "prompt": "plain", "temperature": 0.0})
    _, ledger = play(world, STRATEGIES[strategy], lambda _: only, 50 * world.unit())
    assert list(ledger.points.values()) == [only]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_trial_with_nothing_scored_yet_is_neither_chosen_nor_in_the_way(
    strategy: str,
) -> None:
    world = World(examples=40)

    class Slow(FakeLedger):
        def buy(self, steps: Sequence[Step]) -> Outcome:
            outcome = super().buy(steps)
            empty = {
                n: Standing(n, s.point, 0, (), False, 0.0)
                for n, s in outcome.standings.items()
                if n % 2 == 0
            }
            self.standings.update(empty)
            return Outcome(
                {**outcome.standings, **empty}, outcome.left, outcome.complete
            )

    ledger = Slow(world, 6 * world.unit())
    ledger.drive(STRATEGIES[strategy](world.problem(), searcher(world), ledger.left))
    choice = ledger.drive(
        final_comparison(world.problem(), ledger.standings, ledger.left)
    )
    assert isinstance(choice, Selection) == (len(ledger.points) > 1)
    assert not isinstance(choice, Selection) or choice.reading.trial % 2 == 1


# --- what comes of it


def regrets(
    strategy: str, units: float, seeds: range, **changes: object
) -> list[float]:
    found = []
    for seed in seeds:
        world = World(
            seed=seed,
            examples=80,
            space=some_space(temperature=Uniform(0, 1.2, 0.2)),
            **changes,
        )  # type: ignore[arg-type]
        choice, _ = run(world, strategy, units)
        assert choice is not None
        found.append(world.best() - world.truth(choice.reading.config))
    return found


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


def test_where_no_config_keeps_the_limit_the_closest_is_chosen_and_said_not_to() -> (
    None
):
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
    world = World(
        baseline=best, quality=lambda p: 0.95 if p == best else 0.4, examples=60
    )
    choice, _ = run(world, "halving", 6)
    assert choice is not None
    assert choice.reading.trial == 0


def test_a_step_of_a_long_race_takes_milliseconds() -> None:
    world = World(examples=200, space=some_space(temperature=Uniform(0, 1.2, 0.01)))
    race = Race(world.problem(), 1.0)
    for i, point in enumerate(itertools.islice(world.space.points(FREE), 300)):
        state = race.add(point)
        race.order(state, 8 * 2 ** (i % 4), 1)
        race.standings[i] = world.standing(
            i, point, dict.fromkeys(range(state.examples), 1)
        )
    race.ranking()
    took = []
    for _ in range(5):
        start = time.process_time()
        race.ranking()
        took.append(time.process_time() - start)
    assert statistics.median(took) < 0.2  # seen: 15 ms


ONE_MODEL = {"model": ["tiny"], "prompt": {"plain": "{text}", "brief": "{text}"}}


@pytest.mark.parametrize("name", list(STRATEGIES))
def test_a_search_that_ends_with_money_left_says_why(name: str) -> None:
    world = World(
        space=some_space(**ONE_MODEL, temperature=[0.5], n=1, aggregate=["first"]),
        examples=16,
    )
    plenty = 100 * world.unit()
    rich = STRATEGIES[name](world.problem(), searcher(world, "grid"), plenty)
    assert FakeLedger(world, plenty).drive(rich) in (NO_WORTH, ALL_BOUGHT)
    # A search without money for the next block has saved nothing.
    little = 0.4 * world.unit()
    poor = STRATEGIES[name](world.problem(), searcher(world, "grid"), little)
    assert FakeLedger(world, little).drive(poor) is None
