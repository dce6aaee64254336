"""The configs of a paid point: each that can differ, once, the cheapest first."""

from __future__ import annotations

from tune.space.configs import configs_with
from tune.space.point import Config, Point

POINT = Point({"model": "m", "prompt": "plain", "max_tokens": 16})


def test_values_that_cannot_differ_give_one_config() -> None:
    choices = (("n", (3, 1)), ("aggregate", ("vote", "first")))
    found = configs_with(POINT, choices)
    # One answer is always the first, and the first of three is the first of one.
    assert [(c.n, c.aggregate) for c in found] == [(1, "first"), (3, "vote")]
    assert all(c["model"] == "m" for c in found)


def test_where_one_answer_is_not_offered_the_first_is_read_at_the_smallest_n() -> None:
    choices = (("n", (2, 4)), ("aggregate", ("first", "vote")))
    found = configs_with(POINT, choices)
    assert {(c.n, c.aggregate) for c in found} == {
        (2, "first"),
        (2, "vote"),
        (4, "vote"),
    }


def test_fewer_answers_and_then_smaller_caps_come_first() -> None:
    point = Point({**POINT, "aggregate": "vote"})
    found = configs_with(point, (("max_tokens", (64, 8)), ("n", (2, 1))))
    assert [(c.n, c.max_tokens) for c in found] == [(1, 8), (1, 64), (2, 8), (2, 64)]


def test_a_point_without_free_dimensions_is_one_config() -> None:
    (found,) = configs_with(POINT, ())
    assert found == Config(POINT)
