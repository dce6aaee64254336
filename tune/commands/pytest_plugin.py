"""A fixture for pytest, there as soon as tune is installed: it checks an exported config.

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

    Call it as `tune_check(best, data, budget=USD, undecided="fail", **options)`; the options, such
    as `margin`, are those of `tune.plan.followup_options.CheckOptions`. Without `data` the study's
    own holdout is asked again. An undecided check fails the test too, unless `undecided` is "skip"
    or "pass". Notices, such as one on examples that the study was tuned on, become warnings of the
    test. The result is returned.
    """

    def run(
        best: str | Path,
        data: Any = None,
        *,
        budget: float,
        undecided: Literal["fail", "skip", "pass"] = "fail",
        **options: Any,
    ) -> CheckResult:
        # Imported here: pytest loads this plugin in every project where tune is installed.
        from tune.errors import TuneError
        from tune.followup.check import check

        try:
            checked = check(best, data, budget=budget, **options)
        except TuneError as error:
            # One sentence says what is wrong; the traceback would only show our own code.
            pytest.fail(str(error), pytrace=False)
        for notice in checked.notices:
            # pytest lists warnings with the test that caused them.
            warnings.warn(notice, stacklevel=2)
        is_open = checked.decision == "undecided"
        if checked.decision == "regressed" or (is_open and undecided == "fail"):
            # The traceback would only show this fixture.
            pytest.fail(str(checked), pytrace=False)
        if is_open and undecided == "skip":
            pytest.skip(checked.headline)
        return checked

    return run
