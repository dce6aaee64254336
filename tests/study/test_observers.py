"""Observers: each gets every event from one thread, and a broken one ends nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tune
from tune.errors import InputError
from tune.fakes.faults import Fault, fail_first
from tune.fakes.server import Server
from tune.fakes.world import LabelledWorld
from tune.safety.decoration import Decorations
from tune.study.events import Event, Notice
from tune.study.observers import Observers

WORLD = LabelledWorld(models={"small": 0.6})
SPACE: dict[str, Any] = {
    "space": {
        "model": ["small"],
        "prompt": "Label this ticket: {text}",
        "temperature": [0.0, 0.5],
        "max_tokens": [8],
    },
    "answer": {"labels": list(WORLD.labels)},
}


@pytest.fixture
def server() -> Iterator[Server]:
    fault = Fault("status", status=429, retry_after="0.01")
    with Server(world=WORLD, plan=fail_first(2, fault)) as started:
        yield started


def run(server: Server, folder: Path, **more: Any) -> tune.Study:
    given: dict[str, Any] = {
        "target": "label",
        "models": {"small": {"base_url": server.base_url, "price": [0.1, 0.4]}},
        "results": folder / "study",
        "budget": 0.01,
        "quiet": True,
        **more,
    }
    space = tune.Space.from_mapping(SPACE)
    return tune.tune(WORLD.examples(40), space, **given)


def test_an_observer_is_told_of_the_whole_run_from_one_thread(
    server: Server, tmp_path: Path
) -> None:
    seen: list[Event] = []
    threads: set[int] = set()

    def watch(event: Event) -> None:
        seen.append(event)
        threads.add(threading.get_ident())

    study = run(server, tmp_path, observer=watch)
    assert len(threads) == 1
    kinds = [event.event for event in seen]
    for kind in (
        "notice",
        "study_began",
        "phase_began",
        "wave_chosen",
        "call_answered",
        "call_failed",
        "call_retried",
        "trial_scored",
        "wave_done",
        "progress",
        "winner_chosen",
        "study_ended",
    ):
        assert kind in kinds
    assert kinds[-1] == "study_ended"
    assert [event.time for event in seen] == sorted(event.time for event in seen)
    by_kind: dict[str, Any] = {event.event: event for event in seen}
    assert by_kind["call_failed"].kind == "rate_limit"
    assert by_kind["call_retried"].model == "small"
    assert by_kind["progress"].spent == study.record.money.spent
    assert by_kind["winner_chosen"].best.config == study.best.config
    assert by_kind["study_ended"].summary == study.summary()
    dollars = sum(e.dollars for e in seen if e.event == "call_answered")  # type: ignore[attr-defined]
    assert dollars == pytest.approx(study.record.money.spent)
    phases = [event.phase for event in seen if event.event == "phase_began"]  # type: ignore[attr-defined]
    assert phases[0] == "search"
    assert phases[-1] == "holdout"
    # The same again is shown for nothing, and ends at once.
    seen.clear()
    run(server, tmp_path, observer=watch)
    assert [event.event for event in seen] == ["study_ended"]


def test_a_run_that_fails_says_so_to_its_observer(
    server: Server, tmp_path: Path
) -> None:
    seen: list[Any] = []
    with pytest.raises(InputError):
        run(server, tmp_path, observer=seen.append, baseline={"model": "other"})
    assert seen[-1].event == "study_failed"
    assert "other" in seen[-1].message


def test_an_observer_that_is_none_is_refused(server: Server, tmp_path: Path) -> None:
    async def later(event: Event) -> None:
        raise AssertionError

    class Later:
        async def __call__(self, event: Event) -> None:
            raise AssertionError

    with pytest.raises(InputError, match="the observer is a callable, but got 3"):
        run(server, tmp_path, observer=3)
    with pytest.raises(InputError, match="the observer is a plain function"):
        run(server, tmp_path, observer=later)
    with pytest.raises(InputError, match="the observer is a plain function"):
        run(server, tmp_path, observer=Later())
    with pytest.raises(InputError, match="no_such_module"):
        run(server, tmp_path, observer="no_such_module:watch")
    assert server.posts == []


def test_an_observer_that_raises_is_named_once_and_not_called_again(
    server: Server, tmp_path: Path
) -> None:
    calls: list[Event] = []

    def broken(event: Event) -> None:
        calls.append(event)
        raise RuntimeError("no such window")

    study = run(server, tmp_path, observer=broken)
    assert len(calls) == 1
    (sentence,) = [s for s in study.record.notices if "observer" in s]
    assert sentence.startswith("the observer failed and is left out (RuntimeError: no")


def test_the_others_hear_of_the_one_that_failed() -> None:
    heard: list[Event] = []

    def broken(event: Event) -> None:
        raise RuntimeError("no such window")

    def tell(sentence: str) -> None:
        observers(Notice(text=sentence))

    observers = Observers(
        {"the observer": broken, "the display": heard.append}, Decorations(tell)
    )
    observers(Notice(text="one"))
    observers(Notice(text="two"))
    texts = [event.text for event in heard if isinstance(event, Notice)]
    assert len(texts) == 3
    assert sorted(texts)[1].startswith("the observer failed")
