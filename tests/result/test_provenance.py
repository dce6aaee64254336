"""What another person needs to get the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from tests.support.house import House
from tune.plan.plan import Plan
from tune.result.provenance import (
    CHECKOUT,
    checkout_commit,
    command_line,
    goal_in_words,
    study_provenance,
)


def test_the_study_can_be_run_again_from_it(build: Callable[..., House]) -> None:
    house = build(seed=3)
    found = study_provenance(house.record())
    assert (found.seed, found.data, found.fingerprint) == (
        3,
        house.plan.data.name,
        house.plan.data.fingerprint,
    )
    assert found.tuning + found.holdout + found.shots == len(house.plan.data.examples)
    assert found.metric == "exact_match"
    assert found.search == "random, knowledge_gradient"
    assert found.date.endswith("Z")
    assert found.version == version("tune-llm")


def test_the_commit_of_a_checkout_is_found_however_git_keeps_it(
    tmp_path: Path,
) -> None:
    commit, branch = "0123456789abcdef" * 2 + "01234567", "refs/heads/main"
    assert checkout_commit(tmp_path) == ""
    git = tmp_path / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text(f"ref: {branch}\n")
    assert checkout_commit(tmp_path) == "", "no commit yet"
    (git / "packed-refs").write_text(f"# pack-refs with: peeled\n{commit} {branch}\n")
    assert checkout_commit(tmp_path) == commit[:12]
    newer = commit[::-1]
    (git / branch).write_text(f"{newer}\n")
    assert checkout_commit(tmp_path) == newer[:12]
    # A worktree has its own HEAD, and shares the branches.
    own = git / "worktrees" / "other"
    own.mkdir(parents=True)
    (own / "HEAD").write_text(f"ref: {branch}\n")
    (own / "commondir").write_text("../..\n")
    other = tmp_path / "other"
    other.mkdir()
    (other / ".git").write_text(f"gitdir: {own}\n")
    assert checkout_commit(other) == newer[:12]
    (own / "HEAD").write_text(f"{commit}\n")
    assert checkout_commit(other) == commit[:12]
    (own / "HEAD").write_text("what is this\n")
    assert checkout_commit(other) == ""


def test_a_report_names_the_commit_of_the_checkout_that_it_ran_from(
    build: Callable[..., House],
) -> None:
    found = study_provenance(build().record())
    assert found.commit == checkout_commit(CHECKOUT)
    assert (CHECKOUT / "tune").is_dir()


def test_only_packages_that_are_installed_are_named(
    build: Callable[..., House], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "tune.result.provenance._PACKAGES", ("numpy", "not-there-at-all")
    )
    found = study_provenance(build().record())
    assert found.versions == {"numpy": version("numpy")}


GOALS: list[tuple[dict[str, Any], str]] = [
    ({}, "best quality"),
    ({"goal": "frontier"}, "the best quality at every cost"),
    ({"min_quality": 0.8}, "the cheapest with a score of at least 0.8"),
    (
        {"margin": 0.05},
        "the cheapest that is not worse than the baseline by more than 0.05",
    ),
    (
        {"max_cost": 0.002, "max_seconds": 1.5},
        "best quality under $0.002 per request within 1.5 s per request",
    ),
]


@pytest.mark.parametrize(("goal", "words"), GOALS)
def test_the_goal_is_said_with_its_limits(
    build: Callable[..., House], goal: dict[str, Any], words: str
) -> None:
    assert goal_in_words(replace(build().plan, **goal)) == words


def test_a_metric_of_errors_has_a_limit_from_above(build: Callable[..., House]) -> None:
    plan: Plan = build().plan
    metric = replace(plan.metric, larger_is_better=False)
    goal = goal_in_words(replace(plan, metric=metric, min_quality=0.2))
    assert goal == "the cheapest with a score of at most 0.2"


def test_the_fastest_is_sought_where_nobody_is_billed(
    build: Callable[..., House],
) -> None:
    plan = build(price="m=0/0", time_limit=60).plan
    assert goal_in_words(replace(plan, goal="frontier")).endswith("at every speed")
    assert goal_in_words(replace(plan, margin=0.1)).startswith("the fastest that is")


@pytest.mark.parametrize(
    ("argv", "command"),
    [
        (["/usr/bin/tune", "--budget", "5"], "tune --budget 5"),
        (["tune.py", "--data", "my file.csv"], "python tune.py --data 'my file.csv'"),
        (["/x/tune/__main__.py", "--budget", "5"], "python -m tune --budget 5"),
        (["/x/pytest/__main__.py", "-q"], ""),
        (["script.py", "--budget", "5"], ""),
        ([], ""),
    ],
)
def test_the_command_is_that_of_our_own_program(argv: list[str], command: str) -> None:
    assert command_line(argv) == command


def test_the_command_shows_no_secret() -> None:
    key = "sk-" + "a1B2" * 12
    shown = command_line(
        ["tune", "--base-url", "https://user:secret@host/v1", "--header", key]
    )
    assert "secret" not in shown
    assert key not in shown
