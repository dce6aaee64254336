"""A fixture for pytest, there as soon as tune is installed: does an exported config still hold?

def test_the_labeller_still_holds(tune_check):
    tune_check("best.json", "new.jsonl", budget=0.50, margin=0.05)
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

if TYPE_CHECKING:
    from tune.followup.check import CheckResult


@pytest.fixture
def tune_check() -> Callable[..., CheckResult]:
    """Check a `best.json` on new labelled examples, and fail the test where it has regressed.

    Called as `tune_check(best, data, budget=USD, margin=0.05, undecided="fail", **options)`; the
    options are those of `tune.followup.check.check_async`. Without `data` the study's own holdout
    is asked again. A check that money or examples do not decide fails the test too, unless
    `undecided` is "skip" or "pass". What a reader must not miss, such as examples that the study
    was tuned on, is a warning of the test. What was found out is returned.
    """

    def run(
        best: str | Path,
        data: Any = None,
        *,
        budget: float,
        margin: float = 0.05,
        undecided: Literal["fail", "skip", "pass"] = "fail",
        **options: Any,
    ) -> CheckResult:
        from tune.followup.check import check

        checked = check(best, data, budget=budget, margin=margin, **options)
        for notice in checked.notices:
            warnings.warn(notice, stacklevel=2)
        if checked.decision == "regressed" or (
            checked.decision == "undecided" and undecided == "fail"
        ):
            pytest.fail(str(checked), pytrace=False)
        if checked.decision == "undecided" and undecided == "skip":
            pytest.skip(checked.headline)
        return checked

    return run
