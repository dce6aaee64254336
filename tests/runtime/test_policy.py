"""A policy orders draws in rounds; the usual one orders all of them at once."""

from __future__ import annotations

from tune.runtime.policy import AtOnce, DrawOrder, Round


def test_at_once_orders_all_draws_in_one_round() -> None:
    policy = AtOnce(5)
    first = policy([])
    assert first == DrawOrder(5)
    assert first.later == 0
    assert policy([Round(first, ())]) is None
