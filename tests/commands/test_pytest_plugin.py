"""The fixture: a test that uses it passes, fails or is skipped as the check says."""

from __future__ import annotations

import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tune.followup.check import CheckDecision, CheckResult
from tune.space import Config
from tune.stats.confidence_sequences import SequentialResult
from tune.stats.intervals import Interval

pytest_plugins = ["pytester"]

INNER = """
from tests.commands.test_pytest_plugin import checked, asked
from tune.commands.pytest_plugin import tune_check


def test_it(tune_check, monkeypatch):
    monkeypatch.setattr("tune.followup.check.check", asked({decision!r}, *{notices!r}))
    found = tune_check("best.json", [], budget=0.5, {more})
    assert found.decision == {decision!r}
    assert found.budget == 0.5
"""


def checked(decision: CheckDecision, **more: Any) -> CheckResult:
    """What a check might have found."""
    values: dict[str, Any] = {
        "decision": decision,
        "reason": "money" if decision == "undecided" else "",
        "recorded": Interval(0.9, 0.85, 0.94, 200),
        "on_holdout": True,
        "margin": 0.05,
        "threshold": 0.85,
        "look": SequentialResult(Interval(0.8, 0.7, 0.87, 90), 1.0, 0.03),
        "alpha": 0.05,
        "beta": 0.05,
        "data": "new",
        "available": 300,
        "paired": False,
        "visible": 0.03,
        "unanswered": 0,
        "spent": 0.01,
        "uncertain": 0.0,
        "budget": 0.5,
        "more": 40 if decision == "undecided" else 0,
        "larger_is_better": True,
        "metric": "exact_match",
        "config": Config({"model": "small", "prompt": "short", "max_tokens": 8}),
        "seed": 0,
        **more,
    }
    return CheckResult(**values)


def asked(decision: CheckDecision, *notices: str) -> Any:
    """Stands in for `tune.followup.check.check`."""

    def check(
        best: object, data: object, *, budget: float, **options: Any
    ) -> CheckResult:
        assert "margin" not in options  # the check has the default
        return checked(
            decision, budget=budget, seed=options.pop("seed", 0), notices=notices
        )

    return check


def run(
    pytester: pytest.Pytester,
    decision: CheckDecision,
    more: str = "",
    notices: tuple[str, ...] = (),
) -> tuple[dict[str, int], str]:
    return run_file(
        pytester, INNER.format(decision=decision, more=more, notices=notices)
    )


def run_file(pytester: pytest.Pytester, text: str) -> tuple[dict[str, int], str]:
    """Run a test file; return its outcomes and what pytest printed."""
    pytester.makepyfile(text)
    pytester.makeini(
        "[pytest]\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = default"
    )
    # In a file's own namespace the fixture shadows the plugin's, so it does not matter whether tune
    # is installed.
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    return result.parseoutcomes(), result.stdout.str()


def test_a_config_that_holds_passes(pytester: pytest.Pytester) -> None:
    assert run(pytester, "holds")[0] == {"passed": 1}


def test_a_config_that_has_regressed_fails_with_what_was_found_and_no_traceback(
    pytester: pytest.Pytester,
) -> None:
    outcomes, said = run(pytester, "regressed")
    assert outcomes == {"failed": 1}
    assert (
        "It has regressed: exact_match is 0.800 on 90 new examples, more than 0.05 below"
        in said
    )
    assert "Traceback" not in said
    assert "pytest.fail" not in said


def test_a_check_that_cannot_begin_fails_with_one_sentence(
    pytester: pytest.Pytester,
) -> None:
    outcomes, said = run_file(
        pytester,
        "from tune.commands.pytest_plugin import tune_check\n"
        "def test_it(tune_check):\n"
        "    tune_check('missing.json', [], budget=0.5)\n",
    )
    assert outcomes == {"failed": 1}
    assert "'missing.json'" in said
    assert "Traceback" not in said
    assert "check(best, data" not in said


def test_what_is_undecided_fails_unless_the_user_says_otherwise(
    pytester: pytest.Pytester,
) -> None:
    outcomes, said = run(pytester, "undecided")
    assert outcomes == {"failed": 1}
    assert "About 40 further examples" in said


@pytest.mark.parametrize(("wish", "outcome"), [("skip", "skipped"), ("pass", "passed")])
def test_what_is_undecided_can_be_skipped_or_let_pass(
    pytester: pytest.Pytester, wish: str, outcome: str
) -> None:
    assert run(pytester, "undecided", f"undecided={wish!r}")[0] == {outcome: 1}


def test_options_reach_the_check(pytester: pytest.Pytester) -> None:
    assert run(pytester, "holds", "seed=7")[0] == {"passed": 1}


def test_what_a_reader_must_not_miss_is_a_warning_of_a_test_that_passes(
    pytester: pytest.Pytester,
) -> None:
    outcomes, said = run(
        pytester, "holds", notices=("24 of the 60 examples are tuning examples.",)
    )
    assert outcomes == {"passed": 1, "warnings": 1}
    assert "24 of the 60 examples are tuning examples." in said


def test_the_plugin_is_announced_under_the_module_that_has_the_fixture() -> None:
    project = tomllib.loads(
        (Path(__file__).parent.parent.parent / "pyproject.toml").read_text()
    )["project"]
    assert hasattr(
        import_module(project["entry-points"]["pytest11"]["tune"]), "tune_check"
    )


def test_the_record_of_a_check_has_no_more_than_json_knows() -> None:
    import json

    for decision in ("holds", "regressed", "undecided"):
        record = checked(decision).to_record()
        assert json.loads(json.dumps(record, allow_nan=False)) == record


def test_the_words_name_the_error_rates_of_each_limit() -> None:
    said = str(checked("holds", alpha=0.01, beta=0.1))
    assert (
        "at least 0.700 (wrong at most 10 % of the time) and at most 0.870 (wrong at most 1 %)"
        in said
    )
    turned = str(checked("holds", alpha=0.01, beta=0.1, larger_is_better=False))
    assert (
        "at least 0.700 (wrong at most 1 % of the time) and at most 0.870 (wrong at most 10 %)"
        in turned
    )


def test_what_is_uncertain_and_what_is_missing_is_said() -> None:
    said = str(
        checked(
            "undecided",
            uncertain=0.002,
            unanswered=3,
            on_holdout=False,
            notices=("Beware\x1b[31m.",),
        )
    )
    assert "whose outcome is unknown" in said
    assert "did not answer 3 examples" in said
    assert "200 tuning examples" in said
    assert said.endswith("Beware\\x1b[31m.")
