"""A smaller max_tokens is chosen only where a few draws showed where it cuts, if services tell no
token boundaries.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import tune
from tests.support.fixtures import MODELS, PRICES
from tune.completion import Completion
from tune.fakes.race import problem, reading, standing
from tune.fakes.server import Server
from tune.fakes.world import LabelledWorld, first_tokens, tokens
from tune.readout import Reading
from tune.readout.token_rates import rates_of
from tune.readout.trial import Trial
from tune.readout.truncate import cut
from tune.space import Point
from tune.strategies import Outcome
from tune.strategies.measured_truncation import (
    is_guessed,
    measure_caps,
    record_measured_caps,
    select_measured,
)

LONG = "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20"
"""Twenty tokens of one or two characters, before words of many."""


class DigitsFirst(LabelledWorld):
    """Counts aloud, then names the label, then goes on in long words: by characters the label seems
    to come early.
    """

    def __call__(
        self,
        model: str,
        prompt: str,
        settings: Mapping[str, Any],
        seed: int,
        index: int,
    ) -> str:
        label = super().__call__(model, prompt, settings, seed, index)
        return (
            f"{LONG} Answer: {label}. "
            + "notwithstanding circumstances considered " * 8
        )


def draw(text: str, cap: int = 1000) -> Completion:
    whole = tokens(text)
    reason = "stop" if whole <= cap else "length"
    return Completion(first_tokens(text, cap), reason, 10, min(cap, whole))


TEXT = f"{LONG} Answer: praise. " + "notwithstanding circumstances considered " * 8


def test_a_cut_by_characters_keeps_too_much_where_short_tokens_come_first_unless_it_was_measured() -> (
    None
):
    said, fresh = draw(TEXT), draw(TEXT, 15)
    assert "praise" in cut(said, 15).text
    rates = rates_of({0: [said]}, {15: [fresh, draw(TEXT, 15)]})
    measured = cut(said, 15, (), rates)
    assert abs(len(measured.text) - len(fresh.text)) <= 2
    assert (measured.tokens, measured.exact) == (15, False)


def test_what_was_measured_counts_for_the_same_model_and_prompt() -> None:
    point = Point({"model": "m", "prompt": "p", "temperature": 0.5})
    trials = {
        0: Trial(0, Point({"model": "m", "prompt": "p", "temperature": 0.7}), 64),
        1: Trial(1, Point({"model": "m", "prompt": "q"}), 64),
    }
    bought = {position: [draw(TEXT, 15)] for position in range(3)} | {
        3: [draw("one two")]
    }
    measuring = {9: Trial(9, point, 15, draws=bought)}
    assert record_measured_caps(trials, measuring) == [0]
    assert trials[0].measured == {
        15: tuple(bought[position][0] for position in range(4))
    }
    assert trials[1].measured == {}
    assert record_measured_caps(trials, measuring) == [], "it is no news again"
    assert record_measured_caps(trials, {9: Trial(9, point, 30)}) == [], (
        "nothing was bought"
    )


def guessed(cap: int, score: float, cost: float, **more: Any) -> Reading:
    one = reading([score] * 200, cost=cost, max_tokens=cap, **more)
    return Reading(**{**vars(one), "approximate": cap < 64})


def test_an_unmeasured_cut_gives_way_to_the_best_that_is_known() -> None:
    small, large = guessed(16, 0.9, 1e-4), guessed(64, 0.9, 4e-4)
    open_trial = replace(standing(small, large), cap=64)
    assert is_guessed(open_trial, small)
    choice = select_measured(problem(examples=400), {0: open_trial})
    assert choice is not None
    assert choice.reading == large
    known = replace(open_trial, measured=frozenset({16}))
    choice = select_measured(problem(examples=400), {0: known})
    assert choice is not None
    assert choice.reading == small
    choice = select_measured(problem(examples=400, max_cost=2e-4), {0: open_trial})
    assert choice is not None
    assert choice.reading == small, "everything else breaks the limit"


def test_the_cap_that_would_be_chosen_is_measured_with_what_the_money_pays_for() -> (
    None
):
    small, large = guessed(16, 0.9, 1e-4), guessed(64, 0.9, 4e-4)
    view = {0: replace(standing(small, large), cap=64)}
    asked = problem(examples=400, ceiling=lambda point, draws, cap: 1e-3 * draws)
    (step,) = next(measure_caps(asked, lambda: view, 7, 1.0))
    assert (step.trial, step.examples, step.draws, step.cap) == (
        7,
        tuple(range(16)),
        1,
        16,
    )
    (step,) = next(measure_caps(asked, lambda: view, 7, 6.5e-3))
    assert len(step.examples) == 6
    assert list(measure_caps(asked, lambda: view, 7, 2e-3)) == []
    view = {0: replace(view[0], measured=frozenset({16}))}
    assert list(measure_caps(asked, lambda: view, 7, 1.0)) == []


def test_it_ends_when_the_choice_rests_on_what_was_measured() -> None:
    small, large = guessed(16, 0.9, 1e-4), guessed(64, 0.9, 4e-4)
    views = [{0: replace(standing(small, large), cap=64)}]
    waves = measure_caps(problem(examples=400), lambda: views[-1], 7, 1.0)
    next(waves)
    views.append({0: replace(views[0][0], measured=frozenset({16}))})
    with pytest.raises(StopIteration):
        waves.send(Outcome(views[-1], 1.0, complete=True))


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(
        models=MODELS, world=DigitsFirst(models={"small": 0.7, "large": 0.8})
    ) as started:
        yield started


def test_a_study_whose_answers_begin_with_digits_chooses_no_cap_that_cuts_the_label(
    server: Server, tmp_path: Path
) -> None:
    world = DigitsFirst(models={"small": 0.7, "large": 0.8})
    asked: dict[str, Any] = {
        "data": world.examples(120),
        "target": "label",
        "base_url": server.base_url,
        "price": PRICES,
        "budget": 0.02,
        "holdout": 0.2,
        "space": tune.Space(
            model="small",
            prompt="Label this ticket: {text}",
            temperature=[0.5, 1.0],
            max_tokens=[12, 18, 30, 60],
            answer={"labels": list(world.labels)},
        ),
    }
    study = tune.tune(**asked, results=tmp_path / "study")
    assert study.best.config.max_tokens >= 30, "the label is token 23"
    assert study.record.winner is not None
    assert study.record.winner.holdout is not None
    assert study.record.winner.tuning is not None
    assert (
        abs(study.record.winner.tuning.mean - study.record.winner.holdout.mean) < 0.35
    )
    events = [
        json.loads(line)
        for line in (tmp_path / "study" / "study.jsonl").read_text().splitlines()
    ]
    assert any(
        event["event"] == "wave" and event["phase"].startswith("caps")
        for event in events
    )
    assert all(row.number < 1000 for row in study.record.trials)
    # A larger budget goes on from there, and what was measured is not bought again.
    more = tune.tune(**{**asked, "budget": 0.022}, results=tmp_path / "study")
    assert more.best.config.max_tokens >= 30
