"""Rows of the frontier have the same columns, whatever is known of a configuration."""

from __future__ import annotations

from tune.report.frontier_table import frontier_rows
from tune.report.records import ReportConfig
from tune.space import Config
from tune.stats.intervals import Interval

CONFIG = Config(
    {
        "model": "small",
        "prompt": "short",
        "n": 1,
        "max_tokens": 16,
        "aggregate": "first",
        "stop": (),
        "temperature": 0.5,
    }
)


def test_numbers_that_are_not_known_are_empty_cells() -> None:
    known = ReportConfig(
        name="frontier",
        config=CONFIG,
        tuning=Interval(0.8, 0.7, 0.9, 40),
        cost=Interval(0.002, 0.001, 0.003, 40),
    )
    full, bare = frontier_rows([known, ReportConfig(name="frontier", config=CONFIG)])
    assert list(full) == list(bare)
    assert (full["model"], full["temperature"]) == ("small", 0.5)
    assert (full["quality"], full["quality_low"], full["quality_high"]) == (
        0.8,
        0.7,
        0.9,
    )
    assert (full["cost_per_request"], full["examples"]) == (0.002, 40)
    assert full["holdout"] is None
    assert (bare["quality"], bare["examples"]) == (None, 0)
