"""Announcements: what is shown, what is kept for the report, and faults that end no run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.house import House
from tests.support.watching import notices as on_notices
from tune.study.announce import Announcer


def announcer() -> tuple[Announcer, list[str]]:
    shown: list[str] = []
    return Announcer({"the display": on_notices(shown.append)}), shown


def test_what_is_told_is_shown_and_kept_once() -> None:
    made, shown = announcer()
    made.tell("one")
    made.tell("one")
    made.show("two")
    assert shown == ["one", "one", "two"]
    assert list(made.told) == ["one"]


def test_a_display_that_fails_is_left_out_and_the_report_says_so() -> None:
    def broken(sentence: str) -> None:
        raise OSError("no terminal")

    made = Announcer({"the progress display": on_notices(broken)})
    made.tell("one")
    assert next(iter(made.told)) == "one"
    assert any("the progress display failed" in sentence for sentence in made.told)


def test_columns_that_a_finished_study_was_not_sliced_by_are_named(
    build: Callable[..., House],
) -> None:
    made, shown = announcer()
    failing = SimpleNamespace(slices=[SimpleNamespace(column="channel")])
    known: Any = SimpleNamespace(
        record=SimpleNamespace(failing=failing), folder=Path("results/a")
    )
    made.missing_slices(known, replace(build().plan, by=("channel",)))
    assert shown == []
    made.missing_slices(known, replace(build().plan, by=("channel", "length")))
    (sentence,) = shown
    assert sentence.startswith(
        "this study ended without slices by length: tune reprice"
    )


@pytest.mark.parametrize("content", [True, False])
def test_notes_that_may_show_targets_are_kept_only_if_content_is(
    build: Callable[..., House], content: bool
) -> None:
    made, shown = announcer()
    plan = replace(build().plan, notes=("the target 'yes' is rare",), content=content)
    made.prompts(plan)
    assert shown[0] == "the target 'yes' is rare"
    assert ("the target 'yes' is rare" in made.told) is content
    assert any("Columns in the prompts" in line for line in shown)


def test_the_first_estimate_of_a_study_is_kept(build: Callable[..., House]) -> None:
    house = build()
    made, shown = announcer()
    for _ in range(2):
        made.estimate(house.plan, house.run.services, house.store, house.journal)
    kept = [event for event in house.journal.events if event["event"] == "estimate"]
    assert len(kept) == 1
    assert kept[0]["budget"] == house.plan.budget
    assert any(line.startswith("Estimate") for line in shown)


def test_a_metric_that_runs_no_code_needs_no_sandbox(
    build: Callable[..., House],
) -> None:
    made, shown = announcer()
    made.sandbox(build().plan)
    assert shown == []
