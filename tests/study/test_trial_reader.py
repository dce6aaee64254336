"""Readings of trials: by the rules of the study, and again when something has changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.support.house import CAPS, POINT, House, unsure
from tune.space import Point, Space
from tune.study.scores import Scores
from tune.study.trial_reader import SHORT, TrialReader


async def test_configs_are_those_that_can_be_read_off_and_deployed(
    build: Callable[..., House],
) -> None:
    house = build()
    await house.buy(cap=8)
    reader, trial = house.run.evaluator.reader, house.run.trials[0]
    configs = reader.configs(trial)
    assert {config.max_tokens for config in configs} == {
        cap for cap in CAPS if cap <= 8
    }
    assert {config.aggregate for config in configs} == {"first", "vote"}


async def test_readings_are_kept_until_they_are_forgotten(
    build: Callable[..., House],
) -> None:
    house = build()
    await house.buy()
    reader, trial = house.run.evaluator.reader, house.run.trials[0]
    first = reader.readings(trial)
    assert reader.readings(trial) is first
    reader.forget(0)
    assert reader.readings(trial) is not first


async def test_readings_follow_how_many_answers_a_call_gives(
    build: Callable[..., House],
) -> None:
    house = build()
    await house.buy()
    reader, trial = house.run.evaluator.reader, house.run.trials[0]
    cheap = max(reading.cost for reading in reader.readings(trial))
    house.endpoint.most_n = 1
    assert max(reading.cost for reading in reader.readings(trial)) > cheap


async def test_a_failed_trial_is_not_read(build: Callable[..., House]) -> None:
    house = build()
    await house.buy()
    reader, trial = house.run.evaluator.reader, house.run.trials[0]
    assert reader.read(replace(trial, state="failed"), reader.configs(trial)) == []


async def test_outcomes_say_why_answers_are_wrong(build: Callable[..., House]) -> None:
    house = build(unsure)
    await house.buy(examples=16, draws=1)
    reader, trial = house.run.evaluator.reader, house.run.trials[0]
    config = next(config for config in reader.configs(trial) if config.max_tokens == 12)
    found = reader.outcomes(trial, config)
    assert found.answers == 16
    assert 0 < found.wrong < 16


def test_draws_are_bought_with_the_stops_that_all_readings_share(
    build: Callable[..., House],
) -> None:
    space = Space(
        model="m",
        prompt={"p": "{text}"},
        temperature=[0.5],
        max_tokens=12,
        stop=[["\n"], ["\n", "x"]],
    )
    reader = build(space=space).run.evaluator.reader
    assert reader.bought_stop(POINT) == ("\n",)
    assert reader.bought_stop(Point({**POINT, "stop": ("x",)})) == ("x",)


def test_the_answer_in_a_short_text_is_looked_for_once(
    build: Callable[..., House],
) -> None:
    evaluator = build().run.evaluator
    seen: list[str] = []

    def find(text: str) -> str | None:
        seen.append(text)
        return text[:1] or None

    reader = TrialReader(
        space=evaluator.reader.space,
        free=(),
        services={},
        extract=find,
        scores=Scores(evaluator.metric, evaluator.examples, evaluator.store),
    )
    long = "b" * (SHORT + 1)
    for text in ("a", "a", long, long):
        assert reader.extract(text) == text[0]
    # Long texts hardly repeat, and keeping them all would take much memory.
    assert seen == ["a", long, long]


async def test_a_trial_is_read_from_its_digest_and_no_text_is_looked_at(
    build: Callable[..., House],
) -> None:
    house = build(unsure)
    await house.buy(examples=16, draws=3)
    reader, trial = house.run.evaluator.reader, house.run.trials[0]
    configs = reader.configs(trial)
    readings, columns = reader.read(trial, configs), reader.columns(trial)
    outcomes = [reader.outcomes(trial, config) for config in configs]
    kinds = reader.kinds(trial)
    tokens = [reader.cut_tokens(trial, config.max_tokens, ()) for config in configs]
    reader.keep(trial)
    # Draws whose number is known and nothing else.
    trial.draws.update({position: range(3) for position in trial.draws})  # type: ignore[misc]
    for was, now in zip(readings, reader.read(trial, configs), strict=True):
        assert was.config == now.config
        assert was.scores.tolist() == now.scores.tolist()
        assert was.costs.tolist() == now.costs.tolist()
        assert was.seconds.tolist() == now.seconds.tolist()
    assert [reader.outcomes(trial, config) for config in configs] == outcomes
    assert reader.kinds(trial).tolist() == kinds.tolist()
    assert reader.columns(trial).seconds.tolist() == columns.seconds.tolist()
    for config, was in zip(configs, tokens, strict=True):
        now = reader.cut_tokens(trial, config.max_tokens, ())
        assert now.tolist() == was.tolist()


async def test_a_digest_is_of_one_trial_and_not_of_another_with_its_number(
    build: Callable[..., House],
) -> None:
    house = build(unsure)
    await house.buy(examples=16, draws=3)
    reader, trial = house.run.evaluator.reader, house.run.trials[0]
    reader.keep(trial)
    half = {place: drawn for place, drawn in trial.draws.items() if place < 8}
    other = replace(trial, draws=half)
    assert reader.digest(other) is None
    (first, *_) = reader.read(other, reader.configs(trial))
    assert first.n_examples == 8
    assert reader.digest(trial) is not None
