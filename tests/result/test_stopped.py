"""Sentences on why a run ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.house import House
from tests.support.reported import searched
from tune.errors import EndpointError, QuotaExhausted
from tune.result.stopped import ENDED, STOPPED, why_stopped
from tune.safety.decoration import Decorations
from tune.study.record import RunRecord, TimeRecord


def why(record: RunRecord) -> str:
    return why_stopped(record, Decorations())


@pytest.mark.parametrize("reason", STOPPED)
def test_each_plain_reason_has_its_sentence(
    build: Callable[..., House], reason: str
) -> None:
    assert why(build().record(stopped=reason)) == STOPPED[reason]


@pytest.mark.parametrize("ending", ENDED)
def test_a_search_that_stopped_by_itself_says_why(
    build: Callable[..., House], ending: str
) -> None:
    record = replace(build().record(), ending=ending)
    assert why(record) == ENDED[ending]
    # Another reason for the end of the whole run comes first.
    assert why(replace(record, stopped="money")) == STOPPED["money"]


def test_a_fault_outside_is_told_in_the_words_of_the_service(
    build: Callable[..., House],
) -> None:
    record = build().record(stopped="quota")
    quota = replace(record, fault=QuotaExhausted("429: no credit"))
    assert why(quota) == (
        "a quota is used up (429: no credit): run the same command again when there is quota or "
        "credit, and the study goes on"
    )
    lost = replace(record, stopped="endpoints", fault=EndpointError("503: down"))
    assert why(lost).startswith("no model is left that answers (503: down):")


@pytest.mark.parametrize(
    ("chance", "shown"), [(0.004, "less than 1 %"), (0.128, "13 %")]
)
async def test_money_that_was_kept_is_told_with_the_chance_of_another_choice(
    build: Callable[..., House],
    monkeypatch: pytest.MonkeyPatch,
    chance: float,
    shown: str,
) -> None:
    monkeypatch.setattr("tune.result.stopped.chance_of_change", lambda *_: chance)
    _, record = await searched(build)
    said = why(replace(record, stopped="gain"))
    assert said.startswith("the rest of the money was expected to gain less than")
    assert said.endswith(f"another $1 has a chance of {shown} to change the choice")


async def test_a_minute_of_the_clock_holds_several_seconds_of_calls_side_by_side(
    build: Callable[..., House], monkeypatch: pytest.MonkeyPatch
) -> None:
    weighed: list[float] = []

    def chance(_: object, __: object, more: float) -> float:
        weighed.append(more)
        return 0.5

    monkeypatch.setattr("tune.result.stopped.chance_of_change", chance)
    _, record = await searched(build)
    plan = replace(record.plan, goal="frontier")
    timed = replace(record, stopped="gain", time=TimeRecord(75.0, 4.0), plan=plan)
    assert why(timed).endswith(
        "another minute has a chance of 50 % to change a choice on the frontier"
    )
    assert weighed == [240.0]


async def test_a_chance_that_cannot_be_computed_is_left_out(
    build: Callable[..., House], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tune.result.stopped.chance_of_change", lambda *_: 1 / 0)
    _, record = await searched(build)
    cheapest = replace(record.plan, goal="cheapest")
    said = why(replace(record, stopped="gain", plan=cheapest))
    assert "was expected to save less than" in said
    assert said.endswith("so it was kept")
