"""Answers that are longer than the estimate are told once."""

from __future__ import annotations

from dataclasses import asdict

from tests.support.order import order
from tune.completion import Completion
from tune.plan.answer_forecast import AnswerForecast
from tune.plan.long_answers import MIN_DRAWS, LengthMonitor, first_forecasts
from tune.plan.token_counts import offline_endpoints
from tune.readout.trial import Trial
from tune.space import Point

PLAN = order()
ROWS = [
    AnswerForecast("small", "short", 10, 5, 0, 2e-5, output_span=(2.0, 12.0)),
    AnswerForecast("large", "short", 10, 5, 0, 2e-4, output_span=(2.0, 12.0)),
]


def trials(tokens: int, draws: int = MIN_DRAWS) -> dict[int, Trial]:
    trial = Trial(0, Point({"model": "small", "prompt": "short"}), 64)
    for position in range(draws):
        trial.draws[position] = [Completion("good", "stop", 10, tokens)]
    return {0: trial}


def test_longer_answers_are_told_once_with_what_the_budget_buys_now() -> None:
    told: list[str] = []
    plan = order(budget=0.01)
    monitor = LengthMonitor(plan, ROWS, offline_endpoints(plan.entries), told.append)
    monitor.look(trials(40))
    monitor.look(trials(50))
    (sentence,) = told
    assert "those of small to the prompt short take 40 tokens instead of 5" in sentence
    assert ", so $0.01 compares about" in sentence


def test_where_the_budget_still_pays_for_the_whole_space_nothing_is_said_of_it() -> (
    None
):
    told: list[str] = []
    monitor = LengthMonitor(PLAN, ROWS, offline_endpoints(PLAN.entries), told.append)
    monitor.look(trials(40))
    (sentence,) = told
    assert "compares" not in sentence


def test_a_length_within_the_span_or_of_few_draws_says_nothing() -> None:
    told: list[str] = []
    monitor = LengthMonitor(PLAN, ROWS, offline_endpoints(PLAN.entries), told.append)
    monitor.look(trials(12))
    monitor.look(trials(40, draws=MIN_DRAWS - 1))
    assert told == []


def test_a_trial_is_looked_at_again_only_where_it_has_new_draws() -> None:
    told: list[str] = []
    monitor = LengthMonitor(PLAN, ROWS, offline_endpoints(PLAN.entries), told.append)
    few = trials(12)
    monitor.look(few)
    held = dict(few[0].draws)
    # Draws whose number is known and nothing else.
    few[0].draws.update({position: range(1) for position in held})  # type: ignore[misc]
    monitor.look(few)
    few[0].draws.update(held)
    few[0].add(MIN_DRAWS, [Completion("good", "stop", 10, 4000)], few[0].cap)
    monitor.look(few)
    (sentence,) = told
    assert "small to the prompt short" in sentence


def test_the_first_estimate_of_a_study_is_read_from_its_journal() -> None:
    event = {"event": "estimate", "rows": [asdict(row) for row in ROWS]}
    assert first_forecasts([{"event": "study"}, event]) == tuple(ROWS)
    assert first_forecasts([{"event": "study"}]) == ()
