"""The options as people read them."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import tune
from tune.plan.option_table import OptionRow, option_table, takes_options
from tune.plan.options import Options


def test_the_table_has_a_row_for_each_option() -> None:
    rows = option_table()
    assert [row.name for row in rows] == [one.name for one in fields(Options)]
    assert next(row for row in rows if row.name == "seed") == OptionRow(
        name="seed",
        flag="--seed N",
        type="int",
        default="0",
        sentence="Decides the split, the order of the examples and the search.",
        group="the run",
        repeats=False,
        is_identity=True,
    )
    assert next(row for row in rows if row.name == "quiet").flag == "--quiet"


def test_the_help_of_tune_lists_every_option() -> None:
    for function in (tune.tune, tune.tune_async):
        shown = function.__doc__ or ""
        for row in option_table():
            assert f"{row.name}: {row.sentence}" in shown


def test_parameters_that_a_function_has_itself_stay_where_they_are() -> None:
    @takes_options
    def run(data: Any = None, *, budget: float | None = None, **options: Any) -> None:
        """Do it."""

    import inspect

    names = list(inspect.signature(run).parameters)
    assert names[:2] == ["data", "budget"]
    assert sorted(names) == sorted(one.name for one in fields(Options))
    assert (run.__doc__ or "").startswith("Do it.\n\nOptions:")
