"""The kind and the length of the targets, on rows of known kinds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

import tune
from tune.plan.make import make_plan
from tune.plan.output_length import TargetKind
from tune.plan.read_options import read_options
from tune.plan.targets import Targets, read_targets


def targets_of(values: Sequence[Any], **options: Any) -> Targets:
    """Read the targets of 60 rows that have these values in turn."""
    rows = [
        {"text": f"Ticket {i}", "label": values[i % len(values)]} for i in range(60)
    ]
    settings = {"target": "label"} | options
    plan = make_plan(
        read_options(
            data=rows,
            space=tune.Space(model=["m"], prompt={"p": "{text}"}, max_tokens=64),
            budget=1.0,
            base_url="http://127.0.0.1:9/v1",
            price={"m": (0.1, 0.4)},
            **settings,
        )
    )
    return read_targets(plan)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["refund", "praise"], "label"),
        (["0", "1"], "label"),
        (["1", "2", "3", "4", "5"], "label"),
        ([f"intent {i}" for i in range(8)], "label"),
        ([f"${i}.50" for i in range(60)], "number"),
        ([f"{i:,}" for i in range(980, 1040)], "number"),
        ([f"-{i}%" for i in range(1, 61)], "number"),
        ([i / 7 for i in range(60)], "number"),
        ([f"number {i}" for i in range(60)], "text"),
        ([f"[{i}, 2]" for i in range(60)], "text"),
        ([*(str(i) for i in range(59)), "none"], "text"),
    ],
)
def test_labels_recur_and_numbers_are_numbers_from_end_to_end(
    values: Sequence[Any], kind: TargetKind
) -> None:
    assert targets_of(values).kind == kind


def test_the_length_is_the_mean_in_tokens() -> None:
    short, long = targets_of(["yes", "no"]), targets_of(["yes " * 30, "no " * 30])
    assert short.tokens is not None
    assert long.tokens is not None
    assert 1 <= short.tokens < 3
    assert 20 < long.tokens < 60


def test_tests_of_code_and_absent_targets_have_no_length() -> None:
    assert targets_of(["assert f(1) == 2"], metric="code", allow_code=True) == Targets(
        None, "text"
    )
    unlabelled = targets_of(["a"], target="", metric=lambda *_: 0.0)
    assert unlabelled == Targets(None, "text")
