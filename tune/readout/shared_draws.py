"""Configurations that can be read off the same draws."""

from __future__ import annotations

from tune.space import Config

_READ_OFF = ("n", "aggregate", "max_tokens")
"""Settings that are read off the same draws."""


def shares_draws(bought: Config, config: Config) -> bool:
    """Return whether draws that were bought for a config can be read for another.

    Only n, the aggregate and a smaller cap may differ.
    """
    names = (bought.keys() | config.keys()) - set(_READ_OFF)
    same = all(bought.get(name) == config.get(name) for name in names)
    return same and config.max_tokens <= bought.max_tokens
