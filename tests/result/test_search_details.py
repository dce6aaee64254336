"""What the page shows of a search: readings, effects, curves, the course, and other limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tune
from tune.fakes.faults import Fault, Model
from tune.fakes.server import Server
from tune.fakes.world import LabelledWorld
from tune.followup.reprice import reprice
from tune.report.search_records import LimitChoice, SearchDetails
from tune.result import effects
from tune.result.limit_choices import MOST_LIMITS, round_limits
from tune.space import Config
from tune.stats.linear_effects import LinearEffects

WORLD = LabelledWorld(models={"small": 0.4, "large": 0.9})
SPACE: dict[str, Any] = {
    "model": ["small", "large"],
    "prompt": {"short": "Label this ticket: {text}", "long": "Read it: {text}\nLabel:"},
    "temperature": [0.5],
    "n": [1, 3],
    "max_tokens": [8, 64],
    "aggregate": ["first", "vote"],
}


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    busy = Fault("status", status=503, message="busy")
    with Server(
        models={"small": Model(0.1, 0.4), "large": Model(1.0, 4.0)},
        world=WORLD,
        plan=lambda number, _: busy if number % 40 == 3 else None,
    ) as server:
        yield {
            "data": WORLD.examples(80),
            "target": "label",
            "base_url": server.base_url,
            "price": ["small=0.1/0.4", "large=1/4"],
            "budget": 0.05,
            "min_gain": 0,
            "results": tmp_path_factory.mktemp("details") / "out",
            "space": tune.Space(**SPACE, answer={"labels": list(WORLD.labels)}),
            "quiet": True,
        }


@pytest.fixture(scope="module")
def study(asked: dict[str, Any]) -> tune.Study:
    return tune.tune(**asked)


@pytest.fixture(scope="module")
def details(study: tune.Study) -> SearchDetails:
    return study.record.search


def test_every_reading_is_there_with_its_numbers(
    study: tune.Study, details: SearchDetails
) -> None:
    assert len(details.readings) == study.record.readings
    assert details.left_out == 0
    by_trial = {trial.number: trial for trial in study.record.trials}
    for trial in study.record.trials:
        assert trial.best is not None
        assert trial.quality is not None
        (same,) = [
            one
            for one in details.readings
            if one.trial == trial.number
            and (one.n, one.max_tokens) == (trial.best.n, trial.best.max_tokens)
        ]
        assert same.quality == pytest.approx(trial.quality.mean)
        assert same.cost == pytest.approx(trial.cost)
    assert {one.trial for one in details.readings} == set(by_trial)


def test_a_study_that_is_read_again_has_the_same_details(
    study: tune.Study, details: SearchDetails
) -> None:
    assert tune.Study.load(study.folder).record.search == details


def test_each_limit_has_the_choice_that_reprice_makes(
    study: tune.Study, asked: dict[str, Any], details: SearchDetails
) -> None:
    options = {**asked, "results": None}
    options.pop("quiet")
    choices = details.limits
    assert (choices[-1].max_cost, choices[-1].max_seconds) == (None, None)
    assert len({one.config for one in choices}) > 1
    # Neither limit, each alone, and both: in the middle, where they exclude something.
    costs = sorted({one.max_cost for one in choices if one.max_cost is not None})
    seconds = sorted(
        {one.max_seconds for one in choices if one.max_seconds is not None}
    )
    assert len(choices) == (len(costs) + 1) * (len(seconds) + 1)
    for max_cost in (costs[0], costs[len(costs) // 2], None):
        max_seconds = seconds[len(seconds) // 2] if max_cost != costs[0] else None
        choice = at(choices, max_cost, max_seconds)
        again = reprice(
            study.folder,
            **options
            | {
                "max_cost_per_request": max_cost,
                "max_seconds_per_request": max_seconds,
            },
        )
        assert again.record.winner is not None
        assert again.record.winner.config == choice.config
        assert again.record.winner.trial == choice.trial
        assert choice.keeps is (again.record.keeps_limit is not False)


def test_a_limit_that_nothing_keeps_is_among_the_limits_and_says_so(
    study: tune.Study, asked: dict[str, Any]
) -> None:
    options = {**asked, "results": None}
    options.pop("quiet")
    again = reprice(study.folder, **options | {"max_cost_per_request": 1e-9})
    assert again.record.keeps_limit is False
    assert again.record.search is not None
    assert not at(again.record.search.limits, 1e-9, None).keeps


def at(
    choices: Sequence[LimitChoice], max_cost: float | None, max_seconds: float | None
) -> LimitChoice:
    """The choice under two limits."""
    (found,) = [
        one
        for one in choices
        if (one.max_cost, one.max_seconds) == (max_cost, max_seconds)
    ]
    return found


def test_a_choice_under_both_limits_keeps_both(details: SearchDetails) -> None:
    for choice in details.limits:
        if not choice.keeps:
            continue
        if choice.max_cost is not None:
            assert choice.cost is not None
            assert choice.cost <= choice.max_cost
        if choice.max_seconds is not None:
            assert choice.seconds is not None
            assert choice.seconds <= choice.max_seconds


@pytest.mark.parametrize(
    "values", [[1e-6, 3e-4], [0.9, 1.1, 1.3], [2.0, 900.0], [5e-5, 6e-5]]
)
def test_limits_are_round_and_few(values: list[float]) -> None:
    limits = round_limits(values)
    assert 2 <= len(limits) <= MOST_LIMITS
    assert limits == sorted(limits)
    assert all(
        len(f"{limit:.6g}".strip("0.").replace(".", "")) <= 8 for limit in limits
    )
    assert limits[-1] >= max(values)


def test_a_large_study_has_fewer_limits_over_the_same_span() -> None:
    limits = round_limits([1e-6, 3e-2], 4)
    assert len(limits) == 4
    assert limits[0] == 1e-6
    assert limits[-1] == 5e-2


@pytest.mark.parametrize("values", [[], [0.0, 0.0], [1.0], [float("nan")]])
def test_without_two_values_there_is_no_limit(values: list[float]) -> None:
    assert round_limits(values) == []


def test_the_better_model_is_named_with_an_interval_that_holds_the_truth(
    details: SearchDetails,
) -> None:
    (model,) = [one for one in details.dimensions if one.name == "model"]
    by_value = {effect.value: effect for effect in model.effects}
    # The baseline's value is the reference.
    assert by_value["small"].difference is None
    difference = by_value["large"].difference
    assert difference is not None
    assert difference.low < 0.5 < difference.high
    assert difference.mean > 0.2


def test_free_dimensions_are_compared_on_the_same_draws(details: SearchDetails) -> None:
    free = {one.name: one for one in details.dimensions if one.free}
    assert {"n", "max_tokens"} <= set(free)
    for dimension in free.values():
        (reference,) = (one for one in dimension.effects if one.difference is None)
        for effect in dimension.effects:
            if effect.difference is not None:
                gain = effect.difference.mean
                assert effect.mean == pytest.approx(reference.mean + gain)


def test_every_model_is_there_with_every_prompt_that_it_was_tried_with(
    study: tune.Study, details: SearchDetails
) -> None:
    tried = {
        (str(t.point["model"]), str(t.point["prompt"])) for t in study.record.trials
    }
    assert {(pair.model, pair.prompt) for pair in details.pairs} == tried


def test_curves_over_n_begin_with_one_answer(details: SearchDetails) -> None:
    curves = [curve for curve in details.curves if curve.dimension == "n"]
    assert curves
    for curve in curves:
        values = [point.value for point in curve.points]
        assert values[0] == 1
        assert values == sorted(values)
        costs = [point.cost or 0.0 for point in curve.points]
        assert costs == sorted(costs)


def test_dollars_over_time_end_with_what_was_spent(
    study: tune.Study, details: SearchDetails
) -> None:
    points = details.course.spent
    assert points[-1].spent == pytest.approx(study.record.money.spent)
    assert [point.seconds for point in points] == sorted(p.seconds for p in points)
    assert points[-1].calls == details.course.calls
    # The server was busy now and then.
    assert details.course.refused > 0


def test_the_best_so_far_ends_with_the_best_trial(
    study: tune.Study, details: SearchDetails
) -> None:
    best = details.course.best
    assert best
    assert [point.spent for point in best] == sorted(point.spent for point in best)
    by_trial = {trial.number: trial for trial in study.record.trials}
    last = by_trial[best[-1].trial].quality
    assert last is not None
    assert last.mean == max(t.quality.mean for t in study.record.trials if t.quality)


def test_an_agent_gets_the_settings_of_its_trial_and_no_key(
    study: tune.Study, details: SearchDetails
) -> None:
    by_trial = {one.trial: one.llm_config for one in details.agents}
    for trial in study.record.trials:
        settings = by_trial[trial.number]
        (entry,) = settings["config_list"]
        assert entry["model"] == trial.point["model"]
        assert settings.get("temperature") == trial.point.get("temperature")
        assert entry.get("api_key", "none") == "none"


def test_a_single_config_has_no_effects_and_no_limits(tmp_path: Path) -> None:
    with Server(models={"small": Model(0.1, 0.4)}, world=WORLD) as server:
        study = tune.tune(
            data=WORLD.examples(30),
            target="label",
            base_url=server.base_url,
            price="small=0.1/0.4",
            budget=0.01,
            results=tmp_path / "out",
            quiet=True,
            space=tune.Space(
                model="small",
                prompt={"short": "Label: {text}"},
                n=1,
                max_tokens=16,
                answer={"labels": list(WORLD.labels)},
            ),
        )
    search = study.record.search
    assert search.dimensions == ()
    assert search.curves == ()
    assert isinstance(study.best.config, Config)


@pytest.mark.parametrize(
    "held",
    [
        {},
        {"temperature": "0"},
        {"model": "a"},
        {"prompt": "q"},
        {"model": "b", "prompt": "q"},
    ],
)
def test_the_mean_over_trials_counts_each_trial_once(held: dict[str, str]) -> None:
    levels = []
    for place in range(7):
        levels.append(
            {
                "model": "ab"[place % 2],
                "prompt": "pqr"[place % 3],
                "temperature": str(place % 4),
            }
        )
    columns = effects._columns(levels)
    trials = effects._Trials(levels, effects._counts(levels), np.zeros(7), np.ones(7))
    size = len(columns) + 1
    model = effects._Model(trials, columns, LinearEffects(np.zeros(size), np.eye(size)))
    expected = np.zeros(size)
    expected[0] = 1.0
    for one in levels:
        for level in effects._with_pair({**one, **held}).items():
            if level in columns:
                expected[columns[level]] += 1.0 / 7
    assert model.average(held).tolist() == expected.tolist()
