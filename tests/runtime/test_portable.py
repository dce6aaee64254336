"""The form in which another process is given a metric, an answer rule or a verifier."""

from __future__ import annotations

import functools

from tests.runtime.test_best_json import own_metric
from tune.runtime.portable import portable
from tune.task.metrics import Judge, Metric, parse_metric
from tune.task.prompt import Prompt


def test_only_what_another_process_finds_again_is_portable() -> None:
    assert portable(own_metric) == "tests.runtime.test_best_json:own_metric"
    assert portable({"a": [own_metric, 1, None]}) == {
        "a": ["tests.runtime.test_best_json:own_metric", 1, None]
    }
    for nameless in (
        lambda a, e: True,
        functools.partial(own_metric),
        Metric("m", "m", own_metric),
        Prompt.render,
    ):
        assert portable(nameless) is None


def test_a_judge_is_written_without_what_belongs_to_this_process() -> None:
    table = portable(Judge(model="j", low=0, high=5))
    assert table["name"] == "judge"
    assert (table["model"], table["low"], table["high"]) == ("j", 0, 5)
    assert not {"provider", "service"} & set(table)
    assert parse_metric(table).high == 5
