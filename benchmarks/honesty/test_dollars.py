"""The part of `benchmarks/honesty/` on predicted and paid dollars, and the worlds that it is made
in.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.honesty import dollars as honesty_dollars
from benchmarks.honesty import lengths as honesty_lengths
from benchmarks.honesty.dollars import CASES, FACTOR, WHOLE, Case
from benchmarks.honesty.lengths import World, made_up
from benchmarks.honesty.tables import Recorded
from tune.pricing.prices import Price, to_dollars
from tune.strategies.blocks import rung_sizes


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def steady(length: int = 12) -> World:
    """A world in which every prompt has the tokens that are counted, and every answer the same
    length.
    """
    world = honesty_lengths.made_up(0)
    return replace(
        world,
        asked=lambda model, prompt, likely, example: likely,
        answered=lambda *_: length,
        _said={},
        _counted={},
    )


# --- the worlds


@pytest.mark.parametrize("seed", range(6))
def test_a_made_up_world_is_made_of_its_seed_and_can_be_planned_for(seed: int) -> None:
    world, again = honesty_lengths.made_up(seed), honesty_lengths.made_up(seed)
    assert world.rows == again.rows
    assert world.prices == again.prices
    assert 2 <= len(world.space.models) <= 4
    plan = honesty_dollars.plan_of(world, 0)
    for point in list(world.space.points(plan.free))[:10]:
        draw = world.draw(rng(), plan, point, 3)
        assert draw == again.draw(rng(), plan, point, 3)
        assert 1 <= draw.completion_tokens <= plan.space.cap(point)
        assert draw.prompt_tokens > 0


def test_nearly_all_answers_of_a_made_up_world_fit_into_its_cap() -> None:
    for seed in range(9):
        world, luck = honesty_lengths.made_up(seed), rng(seed)
        plan = honesty_dollars.plan_of(world, 0)
        points = list(world.space.points(plan.free))
        draws = [
            world.draw(luck, plan, point, e) for point in points for e in range(10)
        ]
        full = [draw.completion_tokens == plan.space.cap(points[0]) for draw in draws]
        assert np.mean(full) < 0.1


def test_lengths_hang_on_the_prompt_and_prices_on_the_model() -> None:
    world, luck = honesty_lengths.made_up(3), rng()
    plan = honesty_dollars.plan_of(world, 0)
    points = list(world.space.points(plan.free))
    mean = {
        prompt: np.mean(
            [
                world.draw(luck, plan, p, e).completion_tokens
                for p in points
                if p["prompt"] == prompt
                for e in range(8)
            ]
        )
        for prompt in ("short", "reasoned")
    }
    assert mean["reasoned"] > 2 * mean["short"]
    draw = world.draw(luck, plan, points[0], 0)
    price = world.prices[str(points[0]["model"])]
    assert world.cost(str(points[0]["model"]), draw) == pytest.approx(
        (price.input * draw.prompt_tokens + price.output * draw.completion_tokens) / 1e6
    )


def test_a_recorded_world_has_the_recorded_lengths_and_prompts_of_about_as_many_words() -> (
    None
):
    tokens = np.array([[[2.0, 4.0]] * 30, [[30.0, 50.0]] * 30])
    table = Recorded(
        name="t",
        cells=(("m", "long", 0.5), ("m", "short", 0.5)),
        caps=(8, 40),
        scores=np.zeros((2, 30, 2)),
        tokens=tokens,
        prompts=np.array([[60.0] * 30, [25.0] * 30]),
        targets=("yes",) * 30,
        prices={"m": Price(1, 2)},
    )
    world = honesty_lengths.replayed(table)
    plan = honesty_dollars.plan_of(world, 0)
    drawn = {}
    for point in world.space.points(plan.free):
        drawn[point["prompt"]] = [
            world.draw(rng(i), plan, point, i % 5) for i in range(20)
        ]
    assert {draw.completion_tokens for draw in drawn["long"]} == {2, 4}
    assert {draw.completion_tokens for draw in drawn["short"]} == {
        30,
        40,
    }  # cut at its own cap
    assert {draw.prompt_tokens for draw in drawn["long"]} == {60}
    counted = {
        row.prompt: row.prompt_tokens
        for row in honesty_dollars.forecast_answers(
            plan, honesty_dollars.offline_endpoints(plan.entries), None
        )
    }
    assert counted["long"] == pytest.approx(60, abs=3)
    assert counted["short"] == pytest.approx(25, abs=3)


# --- a study and its cases


def test_a_study_buys_a_block_of_every_point_and_ever_more_of_ever_fewer() -> None:
    world = steady()
    plan = honesty_dollars.plan_of(world, 0)
    bought = sorted(map(len, honesty_dollars.searched(rng(), world, plan).values()))
    sizes = rung_sizes(len(plan.split.tuning))
    assert len(bought) == honesty_dollars.POINTS
    assert (
        bought.count(sizes[0]) == honesty_dollars.POINTS - 4
    )  # a third of twelve goes on
    assert bought[-1] > sizes[1]


def test_what_an_earlier_study_paid_for_is_known_exactly_where_lengths_never_change() -> (
    None
):
    found = honesty_dollars.cases(rng(), steady(), 0)
    assert set(found) == set(CASES)
    for case in found["an earlier study"]:
        assert case.truth == pytest.approx(
            case.paid, rel=0.25
        )  # prompts differ by example, answers do not
        assert 1 / FACTOR < case.predicted / case.paid < FACTOR
    assert honesty_dollars.shares(found["a first block"]) == 1.0
    assert honesty_dollars.shares(found["a first block"], "truth") == 1.0


def test_a_first_block_is_held_against_what_is_bought_after_it() -> None:
    world = steady()
    found = honesty_dollars.cases(rng(), world, 0)
    plan = honesty_dollars.plan_of(world, 0)
    drawn = honesty_dollars.searched(rng(), world, plan)
    block = rung_sizes(len(plan.split.tuning))[0]
    went_on = sum(
        len(draws) > block for draws in list(drawn.values())[: honesty_dollars.FIRST]
    )
    later = honesty_dollars.POINTS - honesty_dollars.FIRST
    assert (
        abs(len(found["a first block"]) - went_on - later) <= 4
    )  # who goes on is drawn anew


def test_a_table_without_targets_is_asked_for_without_them() -> None:
    world = steady()
    bare = replace(world, rows=[{**row, "target": ""} for row in world.rows])
    assert honesty_dollars.plan_of(bare, 0).data.target is None
    assert honesty_dollars.plan_of(world, 0).data.target == "target"
    guessed = {
        name: honesty_dollars.predicted(honesty_dollars.plan_of(w, 0), None)
        for name, w in (("bare", bare), ("", world))
    }
    assert all(
        guessed["bare"][key] > cost
        for key, cost in guessed[""].items()
        if key[1] != "reasoned"
    )


def test_a_user_states_about_the_mean_length_of_each_prompt_and_of_each_model_and_prompt() -> (
    None
):
    world = steady(40)
    by_prompt, by_both = honesty_dollars.stated(
        rng(), world, honesty_dollars.plan_of(world, 0)
    )
    assert set(by_prompt) == {"short", "described", "reasoned"}
    assert set(by_both) == {
        f"{model}/{prompt}" for model in world.space.models for prompt in by_prompt
    }
    assert all(20 < tokens < 80 for tokens in [*by_prompt.values(), *by_both.values()])


def test_where_models_differ_one_length_for_all_is_wrong_and_one_for_each_is_right() -> (
    None
):
    world = steady()
    talker = world.space.models[0]
    world = replace(
        world,
        answered=lambda _, model, *__: 400 if model == talker else 10,
        _said={},
        _counted={},
    )
    found = honesty_dollars.cases(rng(), world, 0)
    assert honesty_dollars.shares(found["stated by model and prompt"]) > 0.9
    assert honesty_dollars.shares(found["stated by prompt"]) < 0.5


def test_the_store_of_a_study_teaches_its_lengths_and_an_empty_one_does_not() -> None:
    world = steady(77)
    plan = honesty_dollars.plan_of(world, 0)
    store = honesty_dollars.in_store(
        world, plan, honesty_dollars.searched(rng(), world, plan)
    )
    learned, blind = (
        honesty_dollars.predicted(plan, store),
        honesty_dollars.predicted(plan, None),
    )
    output = {
        model: to_dollars(price.cost(0, 77)) for model, price in world.prices.items()
    }
    assert all(cost > output[model] for (model, _), cost in learned.items())
    assert learned != blind
    assert store.lengths()


def test_the_share_counts_both_sides_of_the_factor() -> None:
    rows = [Case(ratio, 1.0, 2.0) for ratio in (0.5, 0.67, 1.0, 1.5, 1.6)]
    assert honesty_dollars.shares(rows) == pytest.approx(3 / 5)
    assert honesty_dollars.shares(rows, "truth") == pytest.approx(2 / 5)


# --- what is said


def test_recorded_made_up_and_whole_studies_are_told_apart_and_each_has_to_hold() -> (
    None
):
    good, bad = [Case(1.0, 1.0, 1.0)] * 10, [Case(3.0, 1.0, 1.0)] * 10
    found = {
        "recorded": dict.fromkeys(CASES, good),
        "made up, labels": dict.fromkeys(CASES, good),
        WHOLE: {"nothing known": bad, "an earlier study": good},
    }
    assert [claim.holds for claim in honesty_dollars.claims(found, 20)] == [
        True,
        True,
        True,
    ]
    assert (
        "100.0% of 10 made up, 100.0% of 10 recorded, 0.0% of 10 whole studies"
        in honesty_dollars.beneath(found)
    )
    found[WHOLE]["an earlier study"] = bad
    assert [claim.holds for claim in honesty_dollars.claims(found, 20)] == [
        False,
        True,
        True,
    ]
    found["recorded"] = dict.fromkeys(CASES, bad)
    assert not any(claim.holds for claim in honesty_dollars.claims(found, 20))


def test_where_nothing_was_promised_it_is_said_how_far_off_a_guess_is_and_how_often_its_span_holds() -> (
    None
):
    near, far = Case(1.0, 1.05, 1.0, (0.5, 1.0)), Case(1.0, 4.0, 4.0, (0.5, 2.0))
    cases = {case: [Case(1.0, 1.0, 1.0)] for case in CASES}
    found = {"recorded": cases | {"nothing known": [near, near, near, far]}, WHOLE: {}}
    said = honesty_dollars.beneath(found)
    assert "near less often: 75.0% of 4 recorded" in said
    assert "100.0% of 1 recorded" in said
    held, wide = honesty_dollars.claims(found, 4)[-2:]
    assert held.text.endswith("75.0% recorded")  # a tenth beyond is near enough
    assert wide.text.endswith("in the median: 2.0 recorded")
    assert (held.holds, wide.holds) == (False, True)
    found["recorded"]["nothing known"] = [near, Case(1.0, 4.0, 4.0, (0.5, 5.0))]
    held, wide = honesty_dollars.claims(found, 4)[-2:]
    assert (held.holds, wide.holds) == (True, False)


def test_the_span_of_a_guess_holds_what_answers_cost_that_are_somewhat_longer_or_shorter() -> (
    None
):
    world = made_up(0)
    plan = honesty_dollars.plan_of(world, 0)
    blind, around = honesty_dollars.predicted(plan, None), honesty_dollars.spans(plan)
    assert set(blind) == set(around)
    assert all(
        around[pair][0] < cost <= around[pair][1] for pair, cost in blind.items()
    )


def test_whole_studies_against_the_server_tell_first_what_is_assumed_and_then_what_was_learned() -> (
    None
):
    found = honesty_dollars.whole_studies(1)
    assert set(found) == {"nothing known", "an earlier study"}
    assert honesty_dollars.shares(found["an earlier study"]) == 1.0
    assert all(
        math.isfinite(case.predicted) and case.paid > 0
        for rows in found.values()
        for case in rows
    )
