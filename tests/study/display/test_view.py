"""The state of a run, put together from its events."""

from __future__ import annotations

from tests.support.watching import began, progress
from tune.study.display.view import Remaining, RunView
from tune.study.events import CallAnswered, CallFailed, CallRetried, ModelSetAside


def answered(draws: int) -> CallAnswered:
    return CallAnswered(
        model="m",
        purpose="search",
        draws=draws,
        dollars=0.01,
        prompt_tokens=10,
        completion_tokens=5,
    )


def test_answers_failures_retries_and_lost_models_are_counted() -> None:
    view = RunView()
    assert not view.began
    for event in began():
        view.take(event)
    assert view.began
    assert view.phase == "search"
    view.take(answered(3))
    view.take(answered(1))
    for kind in ("rate_limit", "rate_limit", "timeout"):
        view.take(
            CallFailed(model="m", purpose="search", kind=kind, message="x", dollars=0)
        )
    view.take(CallRetried(model="m", kind="timeout", attempt=1, wait=0.1))
    view.take(ModelSetAside(model="other", reason="wrong key"))
    assert view.answers == 4
    assert view.failures == {"rate_limit": 2, "timeout": 1}
    assert view.retried == 1
    assert view.aside == {"other": "wrong key"}


def test_rates_are_those_of_the_last_seconds() -> None:
    view = RunView()
    view.take(progress(seconds=0.5, spent=1.0))
    assert view.calls_per_second is None, "one moment has no rate"
    for second in range(1, 101):
        # Ten calls a second at first, two in the end.
        for _ in range(10 if second <= 50 else 2):
            view.take(answered(1))
        view.take(progress(seconds=float(second), spent=1.0 + second / 60))
    assert view.calls_per_second == 2
    assert view.dollars_per_minute is not None
    assert round(view.dollars_per_minute, 6) == 1.0


def test_the_time_left_never_grows() -> None:
    remaining = Remaining()
    shown = [
        remaining.of(progress(seconds=s, left_seconds=left))
        for s, left in ((10, 100), (20, 95), (30, 300), (40, 60))
    ]
    assert shown == [100, 90, None, 60]
    assert Remaining().of(progress(left_seconds=None)) is None
