"""What a study learns of its models survives kill -9 at any moment: it is in the journal when it is
learned.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tune
from tests.test_tuner_survival import (
    ROWS,
    SPACE,
    WORLD,
    environment,
    options,
    script,
    wait_for,
)
from tune.fakes.faults import Fault, Model
from tune.fakes.replies import Reply, error_reply
from tune.fakes.server import Server, fail_every
from tune.plan.read_options import read_options
from tune.pricing.prices import to_picodollars
from tune.providers.capabilities import Capabilities, Fact
from tune.providers.retrying import RetryPolicy
from tune.space import Space
from tune.store.journal import read_events
from tune.study.lessons import Lessons
from tune.study.resume import read_history
from tune.tuner import run_study

QUICK = RetryPolicy(attempts=3, first_wait=0.01, longest_wait=0.02, silence=5.0)

QUIRKS: dict[str, dict[str, Any]] = {
    "n is ignored": {"models": {"small": Model(fault=Fault("fewer"))}},
    "n is at most 2": {"models": {"small": Model(most_n=2)}},
    "usage counts the first choice": {
        "models": {"small": Model(fault=Fault("first_usage"))}
    },
    "much is refused, and every fifth call fails": {
        "models": {
            "small": Model(
                refuses=frozenset({"n", "temperature", "seed", "max_tokens"})
            )
        },
        "plan": fail_every(5, Fault("status", status=503)),
    },
}
"""Servers that are odd in a way which changes what a strategy sees."""


@pytest.fixture(params=QUIRKS)
def odd(request: pytest.FixtureRequest) -> Iterator[Server]:
    with Server(world=WORLD, **QUIRKS[request.param]) as server:
        yield server


def run(
    server: Server, folder: Path, *, budget: float = 0.0015, **more: Any
) -> tune.Study:
    given: Any = options(server, folder, **more)
    space = tune.Space.from_mapping(SPACE)
    return run_study(
        read_options(data=WORLD.examples(24), space=space, budget=budget, **given),
        retry=QUICK,
    )


def test_a_study_resumes_from_any_line_of_its_journal(
    odd: Server, tmp_path: Path
) -> None:
    whole = run(odd, tmp_path)
    lines = (tmp_path / "study" / "study.jsonl").read_bytes().splitlines(keepends=True)
    for count in (len(lines) // 3, len(lines) // 2, len(lines) - 2):
        killed = tmp_path / f"killed after {count}"
        shutil.copytree(tmp_path / "study", killed / "study")
        (killed / "study" / "study.jsonl").write_bytes(b"".join(lines[:count]))
        study = run(odd, killed)
        assert study.record.money.spent <= study.record.money.budget
        assert study.stopped in ("finished", "gain", "money", whole.stopped)
        again = (killed / "study" / "study.jsonl").read_bytes()
        assert again.startswith(b"".join(lines[:count]))
    assert odd.bill <= 0.002 * 10**12 * len(lines)


def test_a_largest_n_is_learned_once_and_the_ledger_equals_the_bill(
    tmp_path: Path,
) -> None:
    with Server({"small": Model(most_n=2)}, world=WORLD) as server:
        study = run(server, tmp_path)
        facts = [
            e
            for e in read_events(tmp_path / "study" / "study.jsonl")
            if e.get("kind") == "most_n"
        ]
        assert [fact["number"] for fact in facts] == [2]
        assert {charge.n for charge in server.charges} == {1, 2}
        assert to_picodollars(study.record.money.settled) == server.bill
        refused = [seen.number for seen in server.posts if seen.status == 400]
        calls = len(server.posts)
        run(server, tmp_path, budget=0.004)
        more = [seen.number for seen in server.posts if seen.status == 400]
        assert more == refused, "a study that goes on knows the largest n"
        assert len(server.posts) > calls


def test_inputs_that_always_fail_are_counted_in_every_result(tmp_path: Path) -> None:
    fault = Fault("status", status=500)
    poison = WORLD.examples(24)[5]["text"]
    with Server(
        world=WORLD, plan=lambda _, body: fault if poison in str(body) else None
    ) as server:
        study = run(server, tmp_path, budget=0.003, holdout=0.05)
    best = json.loads((tmp_path / "study" / "best.json").read_text())
    assert best["unanswerable"] == study.summary()["unanswerable"] == {"small": 1}
    assert "counted as unanswerable" in (tmp_path / "study" / "report.md").read_text()


@pytest.mark.parametrize("calls", [20])
def test_a_server_that_ignores_n_and_kill_9(tmp_path: Path, calls: int) -> None:
    models = {"small": Model(fault=Fault("fewer"))}
    with Server(models, world=WORLD, seconds=0.01) as server:
        with subprocess.Popen(
            script(server, tmp_path), env=environment(), stdout=subprocess.PIPE
        ) as process:
            wait_for(lambda: len(server.charges) > calls or process.poll() is not None)
            process.kill()
            process.wait()
        given: Any = options(server, tmp_path)
        space = tune.Space.from_mapping(SPACE)
        study = run_study(
            read_options(data=WORLD.examples(ROWS), space=space, budget=0.01, **given),
            retry=QUICK,
        )
        assert study.best.config
        events = read_events(tmp_path / "study" / "study.jsonl")
        assert any(
            event["event"] == "fact" and event["name"] == "n" for event in events
        )
        assert server.bill <= 0.01 * 10**12


def test_each_lesson_is_written_once_and_comes_back() -> None:
    events: list[dict[str, Any]] = []

    def fresh(write: Any) -> Lessons:
        space = Space(
            model=["a", "b"], prompt="{text}", temperature=[0.0, 1.0], max_tokens=2
        )
        return Lessons(space, Capabilities(), write)

    first = fresh(lambda event, **fields: events.append({"event": event, **fields}))
    first.capabilities.refuse("s", "a", "n")
    first.capabilities.refuse("s", "a", "n")
    first.refuse("a", "temperature")
    first.narrow("a", "max_tokens", None, 4, None)
    first.allow_only_with("b", "temperature", "reasoning_effort", ("none", None))
    first.allow_one_of("b", ("temperature", "top_p"))
    first.set_aside("b", "it is gone")
    first.give_up("a", 3, "500")
    assert [event["event"] for event in events] == [
        "fact",
        "learned",
        "narrowed",
        "only_with",
        "one_of",
        "aside",
        "unanswerable",
    ]
    second = fresh(None)
    for event in events:
        second.recall(event)
    for lessons in (first, second):
        assert lessons.capabilities.facts == {Fact("s", "a", "refuses", "n")}
        assert "temperature" not in lessons.space.dimensions("a")
        assert lessons.space.cap({"model": "a"}) == 4
        point = {"model": "b", "temperature": 1.0, "top_p": 0.5}
        assert "top_p" not in lessons.space.point_of(point)
        reasoning = {**point, "reasoning_effort": "low"}
        assert "temperature" not in lessons.space.point_of(reasoning)
        assert lessons.space.models == ("a",)
        assert lessons.aside == {"b": "it is gone"}
        assert lessons.unanswerable == {("a", 3): "500"}


def test_a_lesson_of_the_holdout_bears_on_nothing_before_it_unless_the_study_is_continued() -> (
    None
):
    faults: dict[str, Any] = {"unanswered": [], "config_failed": [], "failed": []}
    events: list[dict[str, Any]] = [
        {"event": "fact", "name": "first"},
        {"event": "phase", "name": "search", "left": 3.0},
        {"event": "wave", "phase": "search", "steps": []},
        {"event": "fact", "name": "in the wave"},
        {"event": "outcome", "stopped": None, "left": 2.0, **faults},
        {"event": "phase", "name": "final comparison", "left": 2.0},
        {"event": "wave", "phase": "final comparison", "steps": []},
        {"event": "fact", "name": "in the final comparison"},
        {"event": "outcome", "stopped": None, "left": 1.0, **faults},
        {"event": "choice"},
        {"event": "fact", "name": "in the holdout"},
    ]
    history = read_history(events)
    assert [lesson["name"] for lesson in history.first] == ["first"]
    assert [[lesson["name"] for lesson in wave.lessons] for wave in history.waves] == [
        ["in the wave"],
        ["in the final comparison"],
    ]
    assert [lesson["name"] for lesson in history.last] == ["in the holdout"]
    continued = read_history([*events, {"event": "continue", "left": 9.0}])
    (only,) = continued.waves
    assert [lesson["name"] for lesson in only.lessons] == [
        "in the wave",
        "in the final comparison",
        "in the holdout",
    ]
    assert continued.last == []


@pytest.mark.parametrize(
    ("value", "low", "high", "left"),
    [
        (1.2, 0, 1, (0.0, 0.5, 1.0)),
        (0.5, 1, 1, (1.0,)),
        (0.5, None, None, (0.0, 1.0, 1.2)),
        (0.5, 3, 4, None),
    ],
)
def test_a_refused_value_narrows_the_domain_and_keeps_the_dimension(
    value: float, low: float | None, high: float | None, left: tuple[float, ...] | None
) -> None:
    space = Space(
        model=["a", "b"],
        prompt="{text}",
        temperature=[0.0, 0.5, 1.0, 1.2],
        max_tokens=8,
    )
    Lessons(space).narrow("a", "temperature", value, low, high)
    domain = space.domain("temperature", "a")
    assert (None if domain is None else domain.values) == left
    other = space.domain("temperature", "b")
    assert other is not None
    assert other.values == (0.0, 0.5, 1.0, 1.2)


def refuse_small_caps(body: dict[str, Any]) -> Reply | None:
    """Refuse as OpenAI refuses other values below their least."""
    if body.get("max_tokens", 16) >= 16:
        return None
    message = (
        "Invalid 'max_tokens': integer below minimum value. Expected a value >= 16, but got "
        f"{body['max_tokens']} instead."
    )
    return error_reply(400, message, "integer_below_min_value", "max_tokens")


def refuse_large_caps(body: dict[str, Any]) -> Reply | None:
    if body.get("max_tokens", 1) <= 4:
        return None
    message = "Invalid max_tokens value, the valid range of max_tokens is [1, 4]"
    return error_reply(400, message)


@pytest.mark.parametrize(
    ("strict", "cap"), [(refuse_small_caps, 16), (refuse_large_caps, 4)]
)
def test_a_cap_that_is_refused_is_moved_and_no_configuration_is_lost(
    strict: Any, cap: int, tmp_path: Path
) -> None:
    space = {**SPACE, "space": {**SPACE["space"], "max_tokens": [8]}}
    with Server({"small": Model(strict=strict)}, world=WORLD) as server:
        given: Any = options(server, tmp_path)

        def go(budget: float) -> tune.Study:
            return run_study(
                read_options(
                    data=WORLD.examples(24),
                    space=tune.Space.from_mapping(space),
                    budget=budget,
                    **given,
                ),
                retry=QUICK,
            )

        study = go(0.001)
        refused = [seen for seen in server.posts if seen.status == 400]
        assert len(refused) == 1
        assert all(trial.state != "failed" for trial in study.record.trials)
        assert {seen.body["max_tokens"] for seen in server.posts} == {8, cap}
        assert to_picodollars(study.record.money.settled) == server.bill
        # A study that goes on replays its waves with the caps that they found out. Only the
        # baseline still asks for its own.
        more = go(0.002)
        assert len([seen for seen in server.posts if seen.status == 400]) <= 2
        assert to_picodollars(more.record.money.settled) == server.bill


def test_a_wave_that_was_killed_after_its_cap_was_moved_is_replayed_with_that_cap(
    tmp_path: Path,
) -> None:
    space = {**SPACE, "space": {**SPACE["space"], "max_tokens": [8]}}
    with Server({"small": Model(strict=refuse_large_caps)}, world=WORLD) as server:
        given: Any = options(server, tmp_path)
        journal = Path(given["results"]) / "study.jsonl"

        def go(until: str) -> tune.Study:
            """Go on with a study whose journal ends before its first event of a kind."""
            lines = []
            if journal.is_file():
                lines = journal.read_text().splitlines(keepends=True)
            events = [json.loads(line)["event"] for line in lines]
            if until:
                journal.write_text("".join(lines[: events.index(until)]))
            return run_study(
                read_options(
                    data=WORLD.examples(24),
                    space=tune.Space.from_mapping(space),
                    budget=0.001,
                    **given,
                ),
                retry=QUICK,
            )

        go("")
        killed = go("outcome")
        spent = server.bill
        resumed = go("result")
        assert server.bill == spent, "nothing is bought again"
        assert resumed.record.winner is not None
        assert resumed.record.winner == killed.record.winner
        assert resumed.record.trials == killed.record.trials
