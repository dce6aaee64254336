"""Scores that are waited for: by a judge from money that was held, or by running code."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.house import POINT, House
from tune.completion import Completion
from tune.errors import EndpointError
from tune.readout.trial import Trial
from tune.study.answer_scoring import AnswerScoring, JudgeLost
from tune.study.scores import Scores
from tune.study.trial_reader import TrialReader
from tune.task.example import Example
from tune.task.metrics import Judge, parse_metric

YES = Completion("yes", "stop", 2, 1)


class Provider:
    """A judge that counts its calls, and fails if it is told to."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.calls, self.fault = 0, fault

    async def complete(self, request: Any, numbers: range) -> list[Completion]:
        self.calls += 1
        if self.fault is not None:
            raise self.fault
        return [Completion("Score: 8", "stop", 9, 2)]


class Money:
    """A ledger that notes what is released."""

    def __init__(self) -> None:
        self.released: list[int] = []
        self.reserved = 77

    def release_hold(self, amount: int) -> None:
        self.released.append(amount)


def scoring(
    house: House, provider: Provider
) -> tuple[AnswerScoring, TrialReader, Money]:
    metric = parse_metric(Judge(model="j")).bound(provider, service="j")
    plan, money = house.plan, Money()
    metered = SimpleNamespace(ledger=money, ceiling=lambda request, draws: 10)
    reader = TrialReader(
        space=plan.space,
        free=plan.free,
        services=house.run.services,
        extract=plan.extract,
        scores=Scores(metric, plan.examples, house.store),
    )
    judge: Any = SimpleNamespace(metered=metered)
    return AnswerScoring(reader, house.store, judge), reader, money


async def test_a_judge_is_asked_once_for_each_answer_and_what_is_held_too_much_is_let_go(
    build: Callable[..., House],
) -> None:
    provider = Provider()
    made, reader, money = scoring(build(), provider)
    trial = Trial(0, POINT, 12)
    await made.judge(trial, 0, [YES, YES], held=25)
    assert (provider.calls, money.released) == (1, [15])
    assert reader.scores.known("yes", 0) == 8.0
    await made.judge(trial, 0, [YES], held=25)
    assert (provider.calls, money.released) == (1, [15, 25]), "its verdict is known"
    made.release_holds()
    assert money.released[-1] == 77


async def test_a_judge_that_cannot_be_asked_is_lost(
    build: Callable[..., House],
) -> None:
    made, _, _ = scoring(build(), Provider(EndpointError("wrong key")))
    with pytest.raises(JudgeLost, match="wrong key") as caught:
        await made.judge(Trial(0, POINT, 12), 0, [YES], held=0)
    assert isinstance(caught.value.fault, EndpointError)


async def test_code_is_run_once_for_each_answer_beside_the_event_loop(
    build: Callable[..., House],
) -> None:
    house, ran = build(), list[str]()
    loop = asyncio.get_running_loop()

    def runs(answer: str, example: Example) -> bool:
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        ran.append(answer)
        return True

    reader = house.run.evaluator.reader
    reader.scores.metric = parse_metric(runs)
    made = AnswerScoring(reader, house.store, None)
    trial = Trial(0, POINT, 12, draws={0: [YES, YES]})
    await made.run_code(trial, 0)
    await made.run_code(trial, 0)
    assert ran == ["yes"]
    assert reader.scores.known("yes", 0) == 1.0
    assert not made.has_judge
    made.release_holds()
    assert loop.is_running()
