"""What is frozen: the config of which the most is believed, also one that asks for more answers
than were bought.
"""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tune
from tune.fakes.race import (
    PRICES,
    PROMPTS,
    World,
    play,
    problem,
    reading,
    some_space,
    standing,
)
from tune.readout import Reading
from tune.search import SEARCHERS
from tune.space import Config, Point
from tune.strategies import STRATEGIES, Selection, Standing, final_comparison
from tune.strategies.select import (
    may_extrapolate,
    select_config,
    untested_selection,
)

# --- among what was bought


def test_nothing_scored_means_no_choice() -> None:
    assert select_config(problem(), {}) is None
    assert select_config(problem(), {0: standing(reading([1.0]), failed=True)}) is None
    with pytest.raises(StopIteration) as ended:
        next(final_comparison(problem(), {}, 1.0))
    assert ended.value.value is None


def test_a_tie_goes_to_the_cheaper_and_a_gain_beyond_half_a_point_does_not() -> None:
    scores = [1.0] * 120 + [0.0] * 80
    cheap, dear = (
        reading(scores, cost=1e-4),
        reading(scores, cost=1e-3, trial=1, temperature=0.6),
    )
    assert chosen(cheap, dear) == cheap
    scores[150] = 0.2  # a tenth of a point
    assert chosen(cheap, reading(scores, cost=1e-3, trial=1, temperature=0.6)) == cheap
    scores[120:130] = [1.0] * 10  # five points
    better = reading(scores, cost=1e-3, trial=1, temperature=0.6)
    assert chosen(cheap, better) == better


def chosen(*readings: Reading) -> Reading:
    choice = select_config(
        problem(examples=400), {r.trial: standing(r) for r in readings}
    )
    assert choice is not None
    return choice.reading


def test_among_readings_of_one_trial_a_larger_n_must_be_worth_its_cost() -> None:
    single, vote = (
        reading([0.5, 1.0] * 50, cost=1e-4),
        reading([0.5, 1.0] * 50, cost=3e-4, n=3, aggregate="vote"),
    )
    choice = select_config(problem(), {0: standing(single, vote)})
    assert choice is not None
    assert choice.reading == single
    good = reading([0.9, 1.0] * 50, cost=3e-4, n=3, aggregate="vote")
    choice = select_config(problem(), {0: standing(single, good)})
    assert choice is not None
    assert choice.reading == good


@pytest.mark.parametrize(("examples", "cap"), [(8, 64), (40, 64), (200, 16)])
def test_a_cap_that_cut_nothing_yet_is_trusted_only_after_many_examples(
    examples: int, cap: int
) -> None:
    scores = [1.0, 1.0, 0.0, 1.0] * (examples // 4)
    small, large = (
        reading(scores, cost=max_tokens * 1e-6, max_tokens=max_tokens)
        for max_tokens in (16, 64)
    )
    choice = select_config(problem(examples=200), {0: standing(small, large)})
    assert choice is not None
    assert choice.reading.config.max_tokens == cap


@pytest.mark.parametrize(
    ("examples", "longest", "cap"), [(8, 2, 16), (8, 6, 64), (40, 6, 16), (40, 14, 64)]
)
def test_a_cap_far_above_the_longest_answer_is_trusted_after_fewer_examples(
    examples: int, longest: int, cap: int
) -> None:
    scores = [1.0, 1.0, 0.0, 1.0] * (examples // 4)
    small, large = (reading(scores, max_tokens=max_tokens) for max_tokens in (16, 64))
    one = replace(standing(small, large), longest=longest)
    choice = select_config(problem(examples=200), {0: one})
    assert choice is not None
    assert choice.reading.config.max_tokens == cap


def test_a_cap_is_smaller_only_than_those_that_keep_the_limits() -> None:
    small, large = (
        reading([1.0] * 8, cost=max_tokens * 1e-6, max_tokens=max_tokens)
        for max_tokens in (16, 64)
    )
    choice = select_config(problem(max_cost=3e-5), {0: standing(small, large)})
    assert choice is not None
    assert choice.reading == small
    assert choice.feasible


def test_more_answers_that_keep_the_limits_at_a_small_cap_alone_are_chosen_where_they_are_far_better() -> (
    None
):
    single = reading([0.0, 1.0] * 4, cost=3e-5, max_tokens=64)
    vote = reading([1.0] * 8, cost=3e-5, max_tokens=16, n=5, aggregate="vote")
    dear = reading([1.0] * 8, cost=9e-5, max_tokens=64, n=5, aggregate="vote")
    choice = select_config(problem(max_cost=4e-5), {0: standing(single, vote, dear)})
    assert choice is not None
    assert choice.reading == vote


def test_luck_on_a_few_examples_does_not_beat_a_good_record_on_many() -> None:
    few = reading([1.0] * 8, trial=0)
    many = reading([1.0] * 195 + [0.0] * 5, trial=1, model="large", prompt="shots")
    others = [
        reading([1.0, 0.0] * 4, trial=2 + i, temperature=0.7 + i / 10) for i in range(6)
    ]
    assert chosen(few, *others).trial == 0
    assert chosen(few, many, *others) == many


def test_the_choice_keeps_the_limits_with_confidence_where_one_can() -> None:
    def costing(mean: float, spread: float, trial: int, score: float) -> Reading:
        one = reading([score] * 50, trial=trial, temperature=trial / 10)
        costs = mean + spread * np.tile([-1.0, 1.0], 25)
        return Reading(**{**vars(one), "costs": costs})

    limited = problem(max_cost=1e-3)
    border, safe = costing(0.99e-3, 0.5e-3, 0, 0.9), costing(0.8e-3, 0.5e-3, 1, 0.8)
    assert limited.limit_use(border) < 1 < limited.limit_use(border, 1.645)
    choice = select_config(limited, {0: standing(border), 1: standing(safe)})
    assert choice is not None
    assert (choice.reading, choice.feasible) == (safe, True)
    choice = select_config(limited, {0: standing(border)})
    assert choice is not None
    assert (choice.reading, choice.feasible) == (border, False)


# --- more answers than were bought


def pair(
    trial: int,
    model: str,
    prompt: str,
    single: float,
    three: float,
    cost: float = 1e-4,
    **values: object,
) -> Standing:
    """A trial that was read with one answer and with three: shares of forty examples that were
    right.
    """
    asked = {"trial": trial, "model": model, "prompt": prompt, **values}
    return standing(
        reading(shares(single), cost=cost, aggregate="first", **asked),  # type: ignore[arg-type]
        reading(shares(three), cost=3 * cost, n=3, aggregate="vote", **asked),  # type: ignore[arg-type]
    )


def one(
    trial: int,
    model: str,
    prompt: str,
    single: float,
    *,
    cost: float = 1e-4,
    **values: object,
) -> Standing:
    """A trial of which one answer to each example was bought."""
    return standing(
        reading(
            shares(single),
            trial=trial,
            model=model,
            prompt=prompt,
            cost=cost,
            aggregate="first",
            **values,
        )
    )


def shares(right: float) -> list[float]:
    return [1.0] * round(40 * right) + [0.0] * (40 - round(40 * right))


def frozen(*standings: Standing, **changes: object) -> Selection:
    by_number = {s.trial: s for s in standings}
    choice = select_config(problem(**changes), by_number)
    assert choice is not None
    if choice.extrapolated is not None:
        assert may_extrapolate(problem(**changes), by_number)
    return choice


ELSEWHERE = [
    pair(i, model, prompt, 0.5, 0.7)
    for i, (model, prompt) in enumerate([("tiny", "plain"), ("small", "brief")])
]
GAINS = [*ELSEWHERE, pair(8, "large", "shots", 0.3, 0.5, temperature=1.1)]
"""Trials that gained by more answers, one of the model and prompt that is the best with one."""

BEST = one(2, "large", "shots", 0.8)


def test_more_answers_are_chosen_unbought_where_they_gained_for_the_same_model_and_prompt() -> (
    None
):
    choice = frozen(*GAINS, BEST)
    assert choice.reading == BEST.readings[0]
    assert choice.extrapolated is not None
    config = choice.shown.config
    assert (config.n, config.aggregate, config.model, config.prompt) == (
        5,
        "vote",
        "large",
        "shots",
    )
    assert config["temperature"] == BEST.point["temperature"]
    assert choice.extrapolated.cost == pytest.approx(5 * BEST.readings[0].cost)
    assert np.isnan(choice.extrapolated.seconds).all()


def test_more_answers_are_not_chosen_unbought_where_they_gained_for_others_alone() -> (
    None
):
    choice = frozen(*ELSEWHERE, BEST)
    assert choice.shown == BEST.readings[0]
    flat = pair(8, "large", "shots", 0.3, 0.3, temperature=1.1)
    assert frozen(*ELSEWHERE, flat, BEST).shown == BEST.readings[0]


def test_what_more_answers_might_bring_is_asked_where_nothing_was_compared() -> None:
    live = {one.trial: one for one in (*ELSEWHERE, BEST)}
    hope = untested_selection(problem(), live)
    assert hope is not None
    assert hope.reading == BEST.readings[0]
    assert hope.shown.config.n == 5
    assert (
        untested_selection(problem(), {one.trial: one for one in (*GAINS, BEST)})
        is None
    ), "they were, and it is chosen"
    flat = pair(8, "large", "shots", 0.3, 0.3, temperature=1.1)
    assert untested_selection(problem(), live | {8: flat}) is None, (
        "they were, and gained nothing"
    )


def test_two_that_vote_are_not_chosen_over_an_equal_one() -> None:
    scores = shares(0.8)
    single = reading(
        scores, trial=2, model="large", prompt="shots", cost=1e-4, aggregate="first"
    )
    both = reading(
        scores, trial=2, model="large", prompt="shots", cost=2e-4, n=2, aggregate="vote"
    )
    choice = frozen(*GAINS, standing(single, both), max_extrapolated_cost=0.0)
    assert choice.shown == single


def test_answers_that_are_always_the_same_are_never_bought_several_times() -> None:
    for seed in range(3):
        world = Deterministic(examples=60, seed=seed)
        searcher = SEARCHERS["random"](world.space, world.free, seed)
        choice, _ = play(
            world, STRATEGIES["knowledge_gradient"], searcher, 1.5 * world.unit()
        )
        assert choice is not None
        assert choice.shown.config.n == 1


class Deterministic(World):
    """A model says the same each time it is asked the same."""

    def chances(self, point: Point) -> np.ndarray:
        luck = np.random.default_rng(
            zlib.crc32(repr((self.seed, point["model"], point["prompt"])).encode())
        )
        return np.asarray(
            luck.random(self.examples) < super().chances(point), dtype=float
        )


def test_a_few_answers_are_bought_to_see_whether_more_of_them_gain() -> None:
    hopeful = {one.trial: one for one in (*ELSEWHERE, BEST)}
    (step,) = next(final_comparison(problem(), hopeful, 1.0))
    assert (step.trial, step.examples, step.draws) == (BEST.trial, tuple(range(16)), 3)
    known = {one.trial: one for one in (*GAINS, BEST)}
    assert [
        len(step.examples) for step in next(final_comparison(problem(), known, 1.0))
    ] != [16]


def test_more_answers_than_a_trial_itself_has_are_chosen_too() -> None:
    choice = frozen(*ELSEWHERE, pair(3, "large", "shots", 0.7, 0.9))
    assert (choice.reading.config.n, choice.shown.config.n) == (3, 5)
    assert choice.shown.cost == pytest.approx(5e-4)


def test_a_prompt_that_is_paid_once_for_all_answers_is_in_what_they_will_cost_once() -> (
    None
):
    choice = frozen(*GAINS, replace(BEST, prompt_cost=0.6e-4))
    assert choice.shown.cost == pytest.approx(0.6e-4 + 5 * 0.4e-4)


def test_where_nothing_has_several_answers_none_are_foreseen() -> None:
    singles = [one(i, model, "plain", 0.5) for i, model in enumerate(PRICES)]
    trials = [*singles, one(9, "large", "shots", 0.8)]
    assert frozen(*trials).extrapolated is None
    assert not may_extrapolate(problem(), {s.trial: s for s in trials})


@pytest.mark.parametrize("three", [0.5, 0.3])
def test_where_more_answers_gained_nothing_none_are_foreseen(three: float) -> None:
    flat = [
        pair(i, model, prompt, 0.5, three)
        for i, (model, prompt) in enumerate(zip(PRICES, PROMPTS, strict=False))
    ]
    choice = frozen(*flat, one(9, "small", "reasoned", 0.8))
    assert choice.shown.config.n == 1
    assert choice.extrapolated is None


def test_answers_that_are_always_the_same_are_not_asked_for_again() -> None:
    choice = frozen(*GAINS, one(2, "large", "shots", 0.8, temperature=0))
    assert choice.shown.config["temperature"] == 0
    assert choice.extrapolated is None


def test_no_more_answers_than_a_limit_on_cost_leaves_room_for() -> None:
    assert frozen(*GAINS, BEST, max_cost=6e-4).shown.config.n == 5
    assert frozen(*GAINS, BEST, max_cost=4e-4).shown.config.n == 3
    choice = frozen(*GAINS, BEST, max_cost=2e-4)
    assert (choice.shown.config.n, choice.feasible) == (1, True)


def test_no_more_answers_than_the_holdout_can_pay_for() -> None:
    for dollars, n in ((5.01e-4, 5), (4.99e-4, 3), (3.01e-4, 3), (2.99e-4, 1)):
        assert frozen(*GAINS, BEST, max_extrapolated_cost=dollars).shown.config.n == n
    bought = pair(3, "large", "shots", 0.7, 0.9)
    assert (
        frozen(*GAINS, bought, max_extrapolated_cost=1e-6).shown == bought.readings[1]
    ), "what was bought was seen"


def test_the_holdout_must_pay_for_the_baseline_beside_more_answers() -> None:
    now = one(9, "small", "plain", 0.4, cost=2e-4)
    known = {"baseline": now.point, "baseline_config": now.readings[0].config}
    for dollars, n in ((7.01e-4, 5), (6.99e-4, 3), (4.99e-4, 1)):
        assert (
            frozen(
                *GAINS, now, BEST, max_extrapolated_cost=dollars, **known
            ).shown.config.n
            == n
        )
    unread = {
        **known,
        "baseline": Point({**now.point, "temperature": 0.1}),
        "ceiling": lambda point, n, cap: 1e-3 * n,
    }
    assert (
        frozen(*GAINS, BEST, max_extrapolated_cost=1.49e-3, **unread).shown.config.n
        == 3
    )


def test_more_answers_are_put_together_as_those_that_a_trial_has() -> None:
    single, three = pair(3, "large", "shots", 0.7, 0.9).readings
    judged = standing(
        single, replace(three, config=Config({**three.config, "aggregate": "best"}))
    )
    config = frozen(
        *GAINS, judged, space=some_space(aggregate=["first", "vote", "best"])
    ).shown.config
    assert (config.n, config.aggregate) == (5, "best")


def test_two_are_no_vote() -> None:
    two = some_space(n=[1, 2, 3])
    assert frozen(*GAINS, BEST, space=two).shown.config.n == 3
    assert (
        frozen(*GAINS, BEST, space=two, max_extrapolated_cost=2.5e-4).shown.config.n
        == 1
    )


def test_how_long_more_answers_take_is_unknown_so_a_limit_on_seconds_rules_them_out() -> (
    None
):
    choice = frozen(*GAINS, BEST, max_seconds=60.0)
    assert choice.extrapolated is None
    assert choice.feasible


def test_other_goals_and_agents_that_take_one_answer_choose_only_what_was_bought() -> (
    None
):
    assert frozen(*GAINS, BEST, max_extrapolated_cost=0.0).shown == BEST.readings[0]
    assert frozen(*GAINS, BEST, goal="frontier").extrapolated is None
    assert frozen(*GAINS, BEST, goal="cheapest", min_quality=0.99).extrapolated is None
    assert frozen(*GAINS, BEST, free=("max_tokens",)).extrapolated is None


def test_a_smaller_cap_is_kept_where_more_answers_are_foreseen() -> None:
    caps = [
        reading(
            [0.5, 1.0] * 100,
            trial=2,
            model="large",
            prompt="shots",
            cost=cap * 1e-6,
            max_tokens=cap,
        )
        for cap in (32, 64)
    ]
    choice = frozen(
        *GAINS, standing(*caps), examples=400, space=some_space(max_tokens=[32, 64])
    )
    assert choice.extrapolated is not None
    assert choice.shown.config.max_tokens == choice.reading.config.max_tokens == 32


def test_what_was_not_tested_falls_back_to_what_it_rests_on() -> None:
    choice = frozen(*GAINS, BEST)
    assert choice.tested({choice.shown.config}) is choice
    assert choice.tested(()).shown == choice.reading
    bought = frozen(BEST)
    assert bought.tested(()) is bought


@settings(max_examples=20)
@given(
    units=st.sampled_from([0.1, 0.3, 1.0, 3.0]),
    limit=st.sampled_from([None, 3e-4, 5e-5]),
    flip=st.booleans(),
    seed=st.integers(0, 5),
)
def test_what_is_foreseen_can_be_bought_and_rests_on_what_was(
    units: float, limit: float | None, flip: bool, seed: int
) -> None:
    world = World(
        space=some_space(temperature=tune.Uniform(0, 1.2, 0.4), n=[1, 3]),
        examples=60,
        seed=seed,
        max_cost=limit,
        flip=flip,
        noise=0.3,
    )
    searcher = SEARCHERS["random"](world.space, world.free, seed)
    choice, ledger = play(
        world, STRATEGIES["knowledge_gradient"], searcher, units * world.unit()
    )
    if choice is None or choice.extrapolated is None:
        return
    point = ledger.standings[choice.reading.trial].point
    bought = max(r.config.n for r in ledger.standings[choice.reading.trial].whole())
    assert choice.shown.config in world.space.configs_of(point, world.free)
    assert choice.shown.config.n > choice.reading.config.n
    assert choice.reading.config.n <= bought
    assert choice.shown.config.items() - choice.reading.config.items() <= {
        ("n", choice.shown.config.n),
        ("aggregate", "vote"),
    }
    assert any(
        s.readings and max(r.config.n for r in s.readings) > 1
        for s in ledger.standings.values()
    )
    assert choice.feasible == (world.problem().limit_use(choice.shown, 1.645) <= 1.0)


def test_a_choice_of_foreseen_answers_is_better_in_truth() -> None:
    gains = []
    for seed in range(8):
        world = World(examples=100, seed=seed)
        searcher = SEARCHERS["random"](world.space, world.free, seed)
        choice, _ = play(
            world, STRATEGIES["knowledge_gradient"], searcher, 8 * world.unit()
        )
        assert choice is not None
        gains.append(
            world.truth(choice.shown.config) - world.truth(choice.reading.config)
        )
    assert np.mean(gains) > 0.005
    assert min(gains) > -0.02
