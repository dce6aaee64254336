"""Reading the options that a user gives: unknown names and impossible numbers are refused."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from tune.errors import BudgetError, InputError
from tune.plan.options import Options

POSITIVE = (
    "max_cost_per_request",
    "max_seconds_per_request",
    "time_limit",
    "trials",
    "concurrency",
)
"""Options that are numbers above 0, where they are given."""

LOG_FORMATS = ("text", "json")
"""Forms of the progress on standard error."""


def read_options(**given: Any) -> Options:
    """Return the options that a user gives; None stands for the default.

    Raises:
        BudgetError: the budget is not a number of dollars above 0.
        InputError: an option is unknown, or its value cannot be used.
    """
    stated = stated_options(Options, given)
    # Asked of what was stated: the share has a default, which a column replaces.
    if "split" in stated and "holdout" in stated:
        raise InputError(
            "the column of `split` says which examples are held back: give no `holdout` beside it"
        )
    options = Options(**stated)
    _check_numbers(options)
    if options.log_format not in LOG_FORMATS:
        raise InputError(
            f"log_format is {' or '.join(LOG_FORMATS)}, but got {options.log_format!r}"
        )
    return options


def stated_options(kind: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that a user states; None stands for the default, and so is left out.

    Args:
        kind: the dataclass of the options.
        given: what the user gives, by name.

    Raises:
        InputError: an option is unknown.
    """
    known = [one.name for one in fields(kind)]
    # A misspelled option would otherwise be ignored silently, and its default would spend money.
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise InputError(
            f"there is no option {unknown[0]!r}: the options are {', '.join(known)}"
        )
    return {name: value for name, value in given.items() if value is not None}


def _check_numbers(options: Options) -> None:
    budget = options.budget
    if budget is not None and not (_is_number(budget) and budget > 0):
        raise BudgetError(
            f"the budget is a number of dollars above 0, but got {budget!r}"
        )
    _check_range(options)
    for name in POSITIVE:
        value = getattr(options, name)
        # A time limit of infinity is no limit, so the number may be infinite here.
        if value is not None and not (isinstance(value, int | float) and value > 0):
            raise InputError(f"`{name} > 0` must hold, but got {value!r}")


def _check_range(options: Options) -> None:
    min_gain, splits = options.min_gain, options.splits
    if not _is_number(min_gain) or not 0 <= min_gain <= 100:
        raise InputError(
            f"min_gain is a number of points, 0 to 100, but got {min_gain!r}"
        )
    if not _is_number(splits) or not isinstance(splits, int) or not 0 <= splits <= 1000:
        raise InputError(
            f"splits is a number of repetitions, 0 to 1000, but got {splits!r}"
        )


def _is_number(value: Any) -> bool:
    """Return whether a value is a finite number; True and False count as numbers in Python."""
    # NaN compares false with everything, and would pass a check like `not value < 0`.
    is_real = isinstance(value, int | float) and not isinstance(value, bool)
    return is_real and math.isfinite(value)
