"""One request to a loaded model."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from tune.completion import Completion, Message, Request
from tune.errors import TransientError
from tune.providers.local.job import EncodedPrompt, Job

REQUEST = Request("local:x", "m", (Message("user", "hi"),), 8)
DRAW = Completion("yes", "stop", 1, 1)


def job(numbers: range = range(3), **settings: float) -> Job:
    return Job(EncodedPrompt((1, 2), None, ()), REQUEST, settings, numbers, Future())


def test_greedy_draws_are_one_sequence() -> None:
    assert (job().greedy, job().width) == (False, 3)
    assert (job(temperature=0.0).greedy, job(temperature=0.0).width) == (True, 1)
    assert job(temperature=0.5).width == 3


def test_the_first_number_decides_the_seed() -> None:
    assert job(range(2, 5)).seed == REQUEST.seed(2)
    assert job(range(2, 3)).seed == job(range(2, 9)).seed != job(range(3)).seed


def test_an_outcome_reaches_the_caller_once() -> None:
    one = job()
    one.resolve([DRAW])
    one.resolve(TransientError("too late", charged=False))
    assert one.future.result() == [DRAW]


def test_a_fault_is_raised_where_the_draws_are_awaited() -> None:
    one = job()
    one.resolve(TransientError("broke", charged=False))
    with pytest.raises(TransientError, match="broke"):
        one.future.result()


def test_a_caller_who_is_gone_gets_nothing() -> None:
    one = job()
    assert one.future.cancel()
    one.resolve([DRAW])
    assert one.future.cancelled()
