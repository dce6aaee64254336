"""Ways of asking a new model, tried on a few examples."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.support.challenges import reading, rival
from tune.followup.challenge.rivals import (
    Opponents,
)
from tune.followup.challenge.screening import (
    BLOCK,
    ScreenedConfig,
    compare_with_frontier,
    finalists,
    most_informative,
    pool_size,
    screening_steps,
)
from tune.space import Config


@given(st.integers(1, 500))
def test_the_block_is_chosen_from_a_part_that_the_verdict_leaves_alone(
    tuning: int,
) -> None:
    block = most_informative([rival([0.0] * tuning, [1.0] * tuning)], tuning)
    assert len(block) == min(BLOCK, tuning) == len(set(block))
    assert max(block) < pool_size(tuning) <= max(BLOCK, tuning // 2)


def test_the_examples_that_tell_most_are_those_on_which_the_frontier_differs() -> None:
    scores = [1.0 if position in (3, 9, 13) else 0.5 for position in range(60)]
    block = most_informative(
        [rival(scores, [1.0] * 60), rival([0.5] * 60, [1.0] * 60)], 60
    )
    assert block[:3] == (3, 9, 13)


def test_ways_of_one_prompt_share_their_draws_where_the_study_reads_them_off() -> None:
    base = {"model": "new", "prompt": "short"}
    one, five = (
        Config({**base, "max_tokens": 8}),
        Config({**base, "max_tokens": 32, "n": 5, "aggregate": "vote"}),
    )
    other = Config({**base, "prompt": "long", "max_tokens": 8})
    shared = screening_steps(
        [one, five, other], ("n", "max_tokens", "stop", "aggregate"), [2, 5]
    )
    assert [
        (step.draws, step.cap, step.examples, group) for step, group in shared.items()
    ] == [
        (5, 32, (2, 5), [one, five]),
        (1, 8, (2, 5), [other]),
    ]
    assert len(screening_steps([one, five, other], (), [2, 5])) == 3  # all paid


def tried(gains: list[float], name: str) -> ScreenedConfig:
    return ScreenedConfig(
        reading([0.0], [1.0], prompt=name), None, dict(enumerate(gains))
    )


def test_the_second_goes_on_only_where_the_block_does_not_tell_it_from_the_best() -> (
    None
):
    best, close, far = (
        tried([1, 0, 1, 0], "a"),
        tried([0, 1, 1, 0], "b"),
        tried([-1, -1, 0, -1], "c"),
    )
    assert finalists([far, close, best]) == [
        close,
        best,
    ]  # equal: both, in the order given
    assert finalists([far, best]) == [best]
    assert finalists([far]) == [far]
    assert finalists([best, tried([], "unscored")])[0] is best


def test_a_way_whose_best_rival_has_answers_enough_goes_on_beside_one_whose_has_not() -> (
    None
):
    best, enough = (
        rival([0.9] * 4, [1.0] * 4, "best"),
        rival([0.5] * 40, [1.0] * 40, "enough"),
    )
    lacks = ScreenedConfig(
        reading([0.0], [1.0], prompt="a"),
        Opponents(enough, best),
        dict(enumerate([1, 1, 1, 1])),
    )
    second, third = tried([0.9, 1, 1, 1], "b"), tried([0, 1, 0, 0.2], "c")
    whole = ScreenedConfig(third.reading, Opponents(enough), third.gains)
    unsure = ScreenedConfig(second.reading, Opponents(enough, best), second.gains)
    assert finalists([unsure, whole, lacks]) == [lacks, whole]
    hopeless = ScreenedConfig(
        third.reading, Opponents(enough), dict(enumerate([-1, -1, 0, 0]))
    )
    assert finalists([unsure, hopeless, lacks]) == [lacks, unsure]


def test_a_way_is_compared_with_the_best_on_the_block_and_with_who_met_it_where_the_best_did_not() -> (
    None
):
    mine = reading([1.0] * 8, [1.0] * 8)
    full, best = (
        rival([0.5] * 40, [1.0] * 40, "full"),
        rival([0.75] * 8, [1.0] * 8, "best"),
    )
    assert compare_with_frontier(
        mine, [full, best], 1.0, closed=4, enough=30
    ).gains == dict.fromkeys(range(8), 0.25)
    later = rival([0.75] * 8, [1.0] * 8, "later", start=20)
    found = compare_with_frontier(mine, [full, later], 1.0, closed=4, enough=30)
    assert found.against == Opponents(full, later)
    assert found.gains == dict.fromkeys(range(8), 0.5)
