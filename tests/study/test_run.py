"""A run: its phases in order, what a resumed one recalls, and the record that it leaves."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Generator
from typing import Any

import pytest

from tests.support.house import POINT, House, story, unsure
from tune.completion import Request
from tune.errors import ParameterRejected, ProviderError, QuotaExhausted
from tune.providers.capabilities import Capabilities, Fact
from tune.readout.trial import Step
from tune.search.searcher import Searcher
from tune.space import Point, Space
from tune.strategies import Outcome, Problem
from tune.strategies.problem import NO_WORTH
from tune.study.comparisons import SINGLE_ANSWERS
from tune.study.resume import dump_steps
from tune.study.stop_reasons import ENOUGH, FINISHED, INTERRUPTED, QUOTA
from tune.study.wave import Wave

HOT = Point({**POINT, "temperature": 0.9})


def eight(
    problem: Problem, searcher: Searcher, left: float
) -> Generator[list[Step], Outcome, None]:
    """A strategy that buys eight examples of one point."""
    yield [Step(0, POINT, tuple(range(8)), 3, 12)]


def two_points(
    problem: Problem, searcher: Searcher, left: float
) -> Generator[list[Step], Outcome, None]:
    """A strategy that buys eight examples of each of two points, one after the other."""
    yield [Step(0, POINT, tuple(range(8)), 3, 12)]
    yield [Step(1, HOT, tuple(range(8)), 3, 12)]


def warm() -> Space:
    """A space whose temperature can be dropped."""
    return Space(
        model="m",
        prompt={"p": "{text}"},
        temperature=[0.5, 0.9],
        n=[1, 2, 3],
        max_tokens=12,
    )


def phases(house: House) -> list[str]:
    return [
        event["name"] for event in house.journal.events if event["event"] == "phase"
    ]


def kinds(house: House) -> list[str]:
    return [event["event"] for event in house.journal.events]


# The phases


async def test_a_run_searches_compares_selects_and_meets_the_holdout(
    build: Callable[..., House],
) -> None:
    house = build(unsure, strategy=eight)
    record = await house.run.go()
    assert phases(house)[0] == "search"
    assert "final comparison" in phases(house)
    assert kinds(house)[-2:] == ["choice", "holdout"]
    assert record.stopped == FINISHED
    assert record.selection is not None
    assert set(record.holdout) >= {record.selection.shown.config, house.plan.baseline}
    assert house.run.phase == "holdout"


async def test_the_end_of_a_search_that_saved_is_kept_for_later_readings(
    build: Callable[..., House],
) -> None:
    def saves(
        problem: Problem, searcher: Searcher, left: float
    ) -> Generator[list[Step], Outcome, str]:
        yield from eight(problem, searcher, left)
        return NO_WORTH

    house = build(unsure, strategy=saves)
    record = await house.run.go()
    assert (record.stopped, record.ending) == (FINISHED, NO_WORTH)
    # A report that is made again replays the journal without the strategy.
    again = build(unsure, strategy=saves, after=house)
    assert again.record().ending == NO_WORTH
    plain = build(unsure, strategy=eight)
    assert (await plain.run.go()).ending == ""


async def test_money_that_ends_is_said_and_the_holdout_is_met_all_the_same(
    build: Callable[..., House],
) -> None:
    house = build(story, strategy=two_points, budget=0.0012, space=warm())
    record = await house.run.go()
    assert record.stopped == "money"
    assert record.holdout != {}
    assert house.ledger.spent <= house.ledger.budget


async def test_a_quota_pauses_the_run_before_the_holdout(
    build: Callable[..., House],
) -> None:
    def used_up(call: int) -> ProviderError | None:
        return QuotaExhausted("no credit is left") if call > 10 else None

    house = build(unsure, strategy=two_points, failures=used_up, space=warm())
    record = await house.run.go()
    assert record.stopped == QUOTA
    assert record.holdout == {}
    assert isinstance(record.fault, QuotaExhausted)
    assert "choice" not in kinds(house)


async def test_a_pause_before_anything_was_scored_is_raised(
    build: Callable[..., House],
) -> None:
    house = build(
        unsure, strategy=eight, failures=lambda _: QuotaExhausted("no credit is left")
    )
    with pytest.raises(QuotaExhausted):
        await house.run.go()


async def test_without_the_selected_model_the_holdout_is_worth_nothing(
    build: Callable[..., House],
) -> None:
    """So its loss pauses the run there, also where another model is left."""
    house = build(unsure, strategy=eight)
    assert house.run.evaluator.failures.needed == frozenset()
    await house.run.go()
    assert house.run.evaluator.failures.needed == {"m"}


@pytest.mark.parametrize(
    ("stops", "kept"),
    [
        ([None, "money"], "money"),
        (["money", "time"], "money"),
        ([ENOUGH, "money"], "money"),
        ([ENOUGH, None], ENOUGH),
    ],
)
def test_the_first_reason_to_stop_is_kept_but_money_that_was_kept_and_then_used_is_said(
    build: Callable[..., House], stops: list[str | None], kept: str
) -> None:
    run = build().run
    for stopped in stops:
        run._note_stop("final comparison", stopped)
    assert run._stopped == kept


@pytest.mark.parametrize(
    ("phase", "stopped", "kept"),
    [
        ("settings", "money", None),
        ("caps", ENOUGH, None),
        ("caps", QUOTA, QUOTA),
        (SINGLE_ANSWERS, ENOUGH, None),
        (SINGLE_ANSWERS, "money", "money"),
    ],
)
def test_what_ends_a_phase_beside_the_final_comparison_seldom_ends_the_run(
    build: Callable[..., House], phase: str, stopped: str, kept: str | None
) -> None:
    run = build().run
    run._note_stop(phase, stopped)
    assert run._stopped == kept


# Resuming


def lesson() -> dict[str, Any]:
    return {"model": "m", "parameter": "temperature", "words": "no"}


def takes_temperature(house: House) -> bool:
    return "temperature" in house.plan.space.dimensions("m")


async def test_a_parameter_refused_before_the_first_wave_is_dropped_on_resume(
    build: Callable[..., House],
) -> None:
    first = build(unsure, strategy=eight, space=warm())
    first.journal.append("learned", **lesson())
    house = build(unsure, strategy=eight, space=warm(), after=first)
    seen = []

    def watched(
        problem: Problem, searcher: Searcher, left: float
    ) -> Generator[list[Step], Outcome, None]:
        seen.append(takes_temperature(house))
        yield from eight(problem, searcher, left)

    house = build(unsure, strategy=watched, space=warm(), after=first)
    assert takes_temperature(house)
    await house.run.go()
    assert seen == [False]


@pytest.mark.parametrize("whole", [True, False])
async def test_a_parameter_refused_in_a_wave_is_dropped_when_that_is_replayed(
    build: Callable[..., House], whole: bool
) -> None:
    """Whether the wave had come to its end or not."""
    first = build(unsure, space=warm())
    await first.buy(examples=8)
    step = Step(0, POINT, tuple(range(8)), 3, 12)
    steps = [[step.trial, dict(step.point), list(step.examples), step.draws, step.cap]]
    first.journal.append("phase", name="search", left=0.005)
    first.journal.append("wave", phase="search", steps=json.loads(json.dumps(steps)))
    first.journal.append("learned", **lesson())
    if whole:
        faults: dict[str, Any] = {"unanswered": [], "config_failed": [], "failed": []}
        first.journal.append("outcome", stopped=None, left=0.004, **faults)
    seen = []

    def watched(
        problem: Problem, searcher: Searcher, left: float
    ) -> Generator[list[Step], Outcome, None]:
        seen.append(takes_temperature(house))
        yield [step]
        seen.append(takes_temperature(house))

    house = build(unsure, strategy=watched, space=warm(), after=first)
    await house.run.go()
    assert seen == [True, False], "known at the moment at which it was learned"


async def test_a_parameter_refused_on_the_holdout_is_dropped_when_that_is_met_again(
    build: Callable[..., House],
) -> None:
    first = build(unsure, strategy=eight, space=warm())
    await first.run.go()
    first.journal.append("learned", **lesson())
    house = build(unsure, strategy=eight, space=warm(), after=first)
    await house.run.go()
    assert not takes_temperature(house)


async def test_a_refusal_is_learned_and_a_resumed_run_asks_for_nothing_again(
    build: Callable[..., House],
) -> None:
    def refuses(request: Request, rng: random.Random) -> str:
        if dict(request.settings).get("temperature") == 0.9:
            raise ParameterRejected("no temperature", parameter="temperature")
        return unsure(request, rng)

    first = build(refuses, strategy=two_points, space=warm())
    record = await first.run.go()
    assert record.trials[1].state == "failed"
    again = build(unsure, strategy=two_points, space=warm(), after=first)
    same = await again.run.go()
    assert again.endpoint.calls == 0
    assert same.selection is not None
    assert record.selection is not None
    assert same.selection.shown.config == record.selection.shown.config
    assert (same.trials[1].state, same.trials[1].reason) == (
        "failed",
        record.trials[1].reason,
    )


# The record


async def test_the_record_is_what_the_run_has_at_its_end(
    build: Callable[..., House],
) -> None:
    house = build(unsure, strategy=eight)
    record = await house.run.go()
    assert record.plan is house.plan
    assert record.money.balance == house.ledger.balance
    assert record.money.spent_now == house.ledger.spent_now
    assert record.money.holdout_spent == house.ledger.spent_by_purpose()["holdout"]
    assert 0 < record.money.holdout_reserve <= 0.4 * house.ledger.budget
    assert record.models["m"].bought == house.endpoint.draws
    assert record.models["m"].reused == 0
    assert record.time is None
    assert list(record.events) == house.journal.events
    assert record.standings == record.weighed == house.run.standings.current()


async def test_a_resumed_wave_begins_with_what_was_known_before_it(
    build: Callable[..., House],
) -> None:
    killed = build()
    steps = [Step(0, POINT, (0, 1), 1, 12)]
    lesson = Fact("m", "m", "takes", "temperature 0.5")
    killed.journal.append("phase", name="search", left=0.005)
    killed.journal.append("wave", phase="search", steps=dump_steps(steps))
    killed.journal.append("fact", **lesson._asdict())
    house = build(after=killed)
    begun: list[Capabilities] = []

    async def buy(*_: Any, known: Capabilities | None = None) -> Wave:
        assert known is not None
        begun.append(known)
        return Wave()

    house.run.evaluator.run = buy  # type: ignore[method-assign]
    await house.run._wave("search", steps, house.run.standings.weighed)
    (known,) = begun
    assert lesson not in known
    assert lesson in house.run.lessons.capabilities


async def test_an_unanswerable_example_is_recorded_with_its_model(
    build: Callable[..., House],
) -> None:
    house = build()
    house.run.lessons.give_up("m", 3, "500 again and again")
    house.run.lessons.give_up("m", 5, "500 again and again")
    record = house.record(stopped=INTERRUPTED)
    assert record.unanswerable == {
        ("m", 3): "500 again and again",
        ("m", 5): "500 again and again",
    }
