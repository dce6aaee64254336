"""The orders of a wave: found before it is bought, kept in the journal, the same ever after."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import pytest

from tests.support.house import POINT, House, unsure
from tune.completion import Completion
from tune.readout.trial import Reason, Step, Trial
from tune.report.wave_lines import BASELINE, CUT, DRAWS, EXAMPLES, LEADER, NEW
from tune.search.searcher import Searcher
from tune.space import Point, Space
from tune.strategies import STRATEGIES, Outcome, Problem
from tune.strategies.measured_truncation import PHASES
from tune.study.explain import record_reasons, wave_orders

HOT = Point({**POINT, "temperature": 0.9})
DRAW = Completion("yes", "stop", 9, 1)


def step(
    trial: int, examples: range, draws: int, point: Point = POINT, **reason: Any
) -> Step:
    return Step(trial, point, tuple(examples), draws, 12, Reason(**reason))


def test_each_kind_of_order_is_found_by_what_its_trial_has() -> None:
    half = Trial(1, HOT, 12, draws={k: [DRAW] for k in range(6)})
    # These were asked for, so they are no new examples.
    half.config_failed[6] = "context_length"
    half.unanswered[7] = "service: down"
    steps = [
        step(0, range(8), 1),
        step(1, range(8, 24), 1, HOT, place=LEADER, gain=0.01, price=0.5),
        step(2, range(4), 1, HOT),
    ]
    found = wave_orders("search", steps, {1: half}, POINT)
    assert [order.kind for order in found] == [BASELINE, EXAMPLES, NEW]
    assert found[1][2:7] == (16, 1, 0.01, 0.5, LEADER)
    (more,) = wave_orders("search", [step(1, range(8), 3, HOT)], {1: half}, POINT)
    assert (more.kind, more.examples, more.draws) == (DRAWS, 8, 3)
    (both,) = wave_orders("search", [step(1, range(16), 3, HOT)], {1: half}, POINT)
    assert (both.kind, both.examples) == (EXAMPLES, 8)
    (cut,) = wave_orders(PHASES[0], [step(10**6, range(8), 1)], {}, POINT)
    assert cut.kind == CUT


def test_waves_are_numbered_over_the_whole_journal() -> None:
    orders = wave_orders("search", [step(0, range(8), 1)], {}, None)
    events = [{"event": "wave"}, {"event": "outcome"}, {"event": "wave"}]
    fields = record_reasons(events, orders, timed=False)
    assert fields["line"].startswith("wave 3: ")
    assert fields["why"] == [list(order) for order in orders]


def two_waves(
    problem: Problem, searcher: Searcher, left: float
) -> Generator[list[Step], Outcome, None]:
    """A strategy of a user, which gives its own reason once."""
    yield [step(0, range(8), 3)]
    yield [step(0, range(8, 16), 3, purpose="to be sure")]


def explained(house: House) -> list[str]:
    lines: list[str] = []
    house.run.explain = lines.append
    return lines


async def test_a_replay_says_the_same_lines_and_the_record_has_them(
    build: Callable[..., House],
) -> None:
    first = build(unsure, strategy=two_waves, baseline={"temperature": 0.5})
    lines = explained(first)
    await first.run.go()
    assert lines[0].startswith("wave 1: the baseline on 8 examples")
    assert lines[1].endswith("to be sure")
    again = build(
        unsure, strategy=two_waves, baseline={"temperature": 0.5}, after=first
    )
    same = explained(again)
    record = await again.run.go()
    assert again.endpoint.calls == 0
    assert same == lines
    kept = [event["line"] for event in record.events if event["event"] == "wave"]
    assert kept == lines


async def test_a_wave_that_was_cut_short_keeps_its_line(
    build: Callable[..., House],
) -> None:
    """The process ended inside the second wave."""
    whole = build(unsure, strategy=two_waves)
    lines = explained(whole)
    await whole.run.go()
    waves = [k for k, e in enumerate(whole.journal.events) if e["event"] == "wave"]
    del whole.journal.events[waves[1] + 1 :]
    resumed = build(unsure, strategy=two_waves, after=whole)
    same = explained(resumed)
    await resumed.run.go()
    assert same == lines


@pytest.mark.parametrize("strategy", list(STRATEGIES))
async def test_every_strategy_of_ours_says_what_a_wave_costs(
    build: Callable[..., House], strategy: str
) -> None:
    space = Space(
        model="m",
        prompt={"p": "{text}", "q": "Label: {text}"},
        temperature=[0.2, 0.5, 0.8, 1.0],
        n=[1, 3],
        max_tokens=12,
    )
    house = build(unsure, strategy=strategy, space=space, min_gain=0.0)
    lines = explained(house)
    await house.run.go()
    assert "the baseline" in lines[0]
    assert all(" for about $" in line for line in lines)
    valued = [line for line in lines if "expected gain" in line]
    assert bool(valued) == (strategy == "knowledge_gradient")
