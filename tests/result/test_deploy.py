"""The configuration that agents can use."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.house import House, unsure
from tests.support.reported import reading
from tune.export import llm_config
from tune.providers.entries import Entry
from tune.report import ReportConfig
from tune.result import build_report, deploy
from tune.result.deploy import cap_name, deployable_note, keeps_limit
from tune.space import Config, Space
from tune.stats.intervals import Interval


async def test_what_agents_carry_is_deployed_with_its_own_values(
    build: Callable[..., House],
) -> None:
    house = build(unsure)
    record = await house.run.go()
    report = build_report(record)
    deployment = deploy(record, report)
    assert record.single_answer is not None
    assert deployment is not None
    assert (deployment.config, deployment.config.n) == (record.single_answer.config, 1)
    assert (deployment.key_env, deployment.key_named) == ("OPENAI_API_KEY", False)
    assert llm_config(deployment)["config_list"][0]["model"] == "m"
    assert deploy(replace(record, single_answer=None), report) is None


async def test_a_key_that_the_user_named_must_be_there(
    build: Callable[..., House],
) -> None:
    house = build(unsure)
    record = house.record(single_answer=reading(0.5, 1.0))
    here = Entry("m", "m", base_url="http://localhost:1/v1")
    for entry, named in ((here, False), (replace(here, key_env="K"), True)):
        one = replace(record, plan=replace(house.plan, entries={"m": entry}))
        deployment = deploy(one, build_report(one))
        assert deployment is not None
        assert (deployment.key_named, deployment.key_is_optional) == (named, not named)


async def test_a_local_model_is_deployed_without_a_key(
    build: Callable[..., House],
) -> None:
    house = build(unsure)
    entry = Entry("m", "local:small", base_url="http://u:secret@h/v1?k=s")
    plan = replace(house.plan, entries={"m": entry})
    record = replace(house.record(single_answer=reading(0.5, 1.0)), plan=plan)
    deployment = deploy(record, build_report(record))
    assert deployment is not None
    assert (deployment.key_env, deployment.local, deployment.base_url) == (
        "",
        True,
        "http://h/v1",
    )


async def test_the_cap_has_the_name_that_the_run_learned(
    build: Callable[..., House],
) -> None:
    record = await build(unsure).run.go()
    config = record.plan.baseline
    fact = {"event": "fact", "kind": "refuses", "model": "m", "name": "max_tokens"}
    assert cap_name(record, config) == "max_tokens"
    learned = replace(record, events=(*record.events, fact))
    assert cap_name(learned, config) == "max_completion_tokens"
    other = replace(record, events=(*record.events, {**fact, "model": "x"}))
    assert cap_name(other, config) == "max_tokens"
    report = build_report(learned)
    assert report.deployment_record["cap"] == "max_completion_tokens"
    deployment = deploy(learned, report)
    assert deployment is not None
    assert deployment.cap == "max_completion_tokens"


LIMITS: list[tuple[float | None, float | None, bool | None]] = [
    (None, None, None),
    (2.0, None, True),
    (0.5, None, False),
    (None, 2.0, True),
    (None, 0.5, False),
    (2.0, 0.5, False),
]


@pytest.mark.parametrize(("cost", "seconds", "keeps"), LIMITS)
def test_a_selection_keeps_its_limits_if_its_means_do(
    build: Callable[..., House],
    cost: float | None,
    seconds: float | None,
    keeps: bool | None,
) -> None:
    plan = replace(build().plan, max_cost=cost, max_seconds=seconds)
    choice = reading(0.5, 1.0)
    assert keeps_limit(plan, choice, ReportConfig("winner", choice.config)) is keeps


def test_a_holdout_whose_whole_interval_is_above_the_limit_breaks_it(
    build: Callable[..., House],
) -> None:
    plan = replace(build().plan, max_cost=2.0)
    choice = reading(0.5, 1.0)
    row = ReportConfig("winner", choice.config, cost=Interval(2.5, 1.9, 3.0, 8))
    assert keeps_limit(plan, choice, row) is True
    above = replace(row, cost=Interval(2.5, 2.1, 3.0, 8))
    assert keeps_limit(plan, choice, above) is False


def test_an_unknown_time_is_above_no_limit(build: Callable[..., House]) -> None:
    plan = replace(build().plan, max_seconds=0.5)
    choice = reading(0.5, 1.0)
    unknown = replace(choice, seconds=choice.seconds + math.nan)
    assert keeps_limit(plan, unknown, ReportConfig("winner", choice.config)) is True


def test_a_prompt_to_continue_is_the_reason_for_another_configuration(
    build: Callable[..., House],
) -> None:
    prompts = {"p": "Label: {text}", "raw": {"text": "{text} is", "raw": True}}
    space = Space(model="m", prompt=prompts, temperature=[0.5], max_tokens=[8])
    plan = build(space=space).plan
    values = {"model": "m", "temperature": 0.5, "max_tokens": 8}
    winner = ReportConfig("winner", Config({**values, "prompt": "raw"}))
    single = ReportConfig("one answer", Config({**values, "prompt": "p"}))
    assert deployable_note(plan, winner, single, reading(0.5, 1.0)) == (
        "An agent chats; the full winner has a prompt that the model continues as a text."
    )
