"""Configurations that can be read off the same draws."""

from __future__ import annotations

from tune.readout.shared_draws import shares_draws
from tune.space import Config


def test_what_met_the_holdout_speaks_for_configs_that_differ_in_n_aggregate_and_a_smaller_cap_alone() -> (
    None
):
    five = Config(
        {
            "model": "old",
            "prompt": "short",
            "max_tokens": 8,
            "n": 5,
            "aggregate": "vote",
            "stop": ["."],
        }
    )
    assert shares_draws(five, Config({**five, "n": 1, "aggregate": "first"}))
    assert shares_draws(five, Config({**five, "max_tokens": 4}))
    for other in (
        {"max_tokens": 9},
        {"stop": ()},
        {"prompt": "long"},
        {"temperature": 0.5},
    ):
        assert not shares_draws(five, Config({**five, **other}))
