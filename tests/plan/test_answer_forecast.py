"""The forecast of an answer: counted prompts, and stated, learned or guessed lengths."""

from __future__ import annotations

import pytest

from tests.support.order import order
from tune.completion import Completion
from tune.plan.answer_forecast import AnswerForecast, estimate_rows, forecast_answers
from tune.plan.token_counts import offline_endpoints
from tune.pricing.prices import Price
from tune.readout.trial import Trial
from tune.space import Point


def test_every_model_has_a_forecast_with_every_prompt() -> None:
    plan = order()
    rows = forecast_answers(plan, offline_endpoints(plan.entries), None)
    assert [(row.model, row.prompt) for row in rows] == [
        ("small", "short"),
        ("small", "reasoned"),
        ("large", "short"),
        ("large", "reasoned"),
    ]
    small, large = rows[0], rows[2]
    assert large.draw == pytest.approx(10 * small.draw)
    assert rows[1].output_tokens > small.output_tokens  # it is asked to think aloud
    assert small.learned == 0
    assert not small.stated
    assert small.output_span is not None


def test_a_stated_length_needs_no_span() -> None:
    plan = order(output_tokens=["short=7", "small/reasoned=9"])
    rows = forecast_answers(plan, offline_endpoints(plan.entries), None)
    stated = {(row.model, row.prompt): row for row in rows if row.stated}
    assert set(stated) == {
        ("small", "short"),
        ("large", "short"),
        ("small", "reasoned"),
    }
    assert stated["small", "short"].output_tokens == 7
    assert all(row.output_span is None for row in stated.values())


def test_a_forecast_stands_beside_what_happened() -> None:
    rows = [
        AnswerForecast("m", "p", 10, 5, 0, 2e-5),
        AnswerForecast("m", "q", 10, 5, 0, 2e-5),
    ]
    trial = Trial(0, Point({"model": "m", "prompt": "p"}), 16)
    trial.draws[0] = [
        Completion("good", "stop", 10, 4, seconds=1.0),
        Completion("bad", "stop", 10, 8, seconds=2.0),
    ]
    (row,) = estimate_rows(rows, {0: trial}, {"m": Price(1.0, 2.0)})
    assert (row.prompt, row.draws, row.actual_tokens, row.actual_seconds) == (
        "p",
        2,
        6,
        1.5,
    )
    assert row.actual == pytest.approx(10e-6 + 6 * 2e-6)
    assert row.predicted == 2e-5
