"""Spaces without what models are known to refuse; models that end soon are told."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import tune
from tune.fakes.server import Model, Server
from tune.fakes.world import LabelledWorld
from tune.plan import known_models
from tune.plan.known_models import adapt_space, model_notes
from tune.plan.make import make_plan
from tune.plan.read_options import read_options
from tune.providers.entries import Entry
from tune.providers.model_rules import find_rules
from tune.search import SEARCHERS
from tune.space import Choice, Space, Uniform

ROWS = [{"text": f"row {i}", "label": "yes" if i % 3 else "no"} for i in range(30)]


def make_space(model: str, **more: Any) -> Space:
    return Space(model=model, prompt="Label {text}", max_tokens=64, **more)


def adapted(model: str, base_url: str | None = None, **more: Any) -> Space:
    space = make_space(model, **more)
    return adapt_space(space, {model: Entry(model, model, base_url=base_url)})[0]


def test_a_reasoning_model_is_searched_without_temperature() -> None:
    space = adapted("o3", temperature=Uniform(0, 1, 0.5), top_p=[0.9, 1.0])
    assert space.domain("temperature", "o3") is None
    assert space.domain("top_p", "o3") is None


def test_only_the_efforts_that_a_model_takes_are_searched() -> None:
    space = adapted("o3", reasoning_effort=[None, "none", "low", "high", "max"])
    assert space.domain("reasoning_effort", "o3") == Choice((None, "low", "high"))


def test_a_temperature_is_searched_only_where_the_model_does_not_reason() -> None:
    space = adapted(
        "gpt-5.4-mini",
        temperature=Uniform(0, 1, 0.5),
        reasoning_effort=["none", "low"],
    )
    points = list(space.points())
    assert len(points) == 4
    for point in points:
        assert ("temperature" in point) == (point["reasoning_effort"] == "none")


def test_without_an_effort_the_models_own_default_decides() -> None:
    on_request = adapted("gpt-5.4-mini", temperature=[0.0, 1.0])
    by_default = adapted("gpt-6-luna", temperature=[0.0, 1.0])
    assert on_request.domain("temperature", "gpt-5.4-mini") is not None
    assert by_default.domain("temperature", "gpt-6-luna") is None


def test_the_models_own_default_among_the_efforts_keeps_the_temperature() -> None:
    space = adapted(
        "gpt-5.4-mini", temperature=[0.0, 1.0], reasoning_effort=[None, "low"]
    )
    efforts = {
        point["reasoning_effort"] for point in space.points() if "temperature" in point
    }
    assert efforts == {None}


def test_a_narrowed_temperature_is_tied_to_the_effort_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rules = find_rules(Entry("gpt-5.4-mini", "gpt-5.4-mini"))
    assert rules is not None
    strict = replace(rules, vendor=replace(rules.vendor, temperature=1))
    monkeypatch.setattr(known_models, "find_rules", lambda _: strict)
    space = adapted(
        "gpt-5.4-mini", temperature=[0.0, 1.0, 1.5], reasoning_effort=["none", "low"]
    )
    points = list(space.points())
    assert len(points) == 3
    for point in points:
        assert ("temperature" in point) == (point["reasoning_effort"] == "none")


def test_a_temperature_above_the_vendors_most_is_left_out() -> None:
    space = adapted(
        "moonshot-v1-8k",
        "https://api.moonshot.ai/v1",
        temperature=Uniform(0, 1.5, 0.5),
    )
    domain = space.domain("temperature", "moonshot-v1-8k")
    assert domain is not None
    assert tuple(domain.values) == (0.0, 0.5, 1.0)


def test_a_models_own_domain_is_the_users_word() -> None:
    space = adapted("o3", when={"o3": {"temperature": [0.0, 1.0]}})
    assert space.domain("temperature", "o3") == Choice((0.0, 1.0))


def test_the_users_own_space_stays_as_it_is() -> None:
    space = make_space("o3", temperature=[0.0, 1.0])
    adapt_space(space, {"o3": Entry("o3", "o3")})
    assert space.domain("temperature", "o3") == Choice((0.0, 1.0))


def test_an_unknown_model_keeps_everything() -> None:
    space = make_space("mine", temperature=[0.0, 1.0])
    same, notes = adapt_space(space, {"mine": Entry("mine", "mine")})
    assert same.to_mapping() == space.to_mapping()
    assert notes == []


def test_what_is_left_out_is_said_with_its_source() -> None:
    space = make_space("o3", temperature=[0.0, 1.0])
    (note,) = adapt_space(space, {"o3": Entry("o3", "o3")})[1]
    assert note.startswith("o3 takes no temperature, so this is not searched (https://")
    assert "[when.o3]" in note


@pytest.mark.parametrize(
    ("day", "words"),
    [
        (date(2026, 6, 1), None),
        (
            date(2026, 11, 28),
            "o3 is shut down on 2026-12-11; its successor is gpt-5.6-sol",
        ),
        (date(2027, 1, 1), "o3 was to be shut down on 2026-12-11"),
    ],
)
def test_an_end_is_told_when_it_is_near_or_past(
    monkeypatch: pytest.MonkeyPatch, day: date, words: str | None
) -> None:
    monkeypatch.setattr(known_models, "today", lambda: day)
    notes = model_notes({"o3": Entry("o3", "o3")})
    assert [words in note for note in notes] == ([] if words is None else [True])


def test_the_plan_searches_the_adapted_space_and_keeps_the_given_identity() -> None:
    options = {
        "data": ROWS,
        "target": "label",
        "budget": 1.0,
        "space": tune.Space(
            model="o3", prompt="Label {text}", temperature=[0.0, 1.0], max_tokens=64
        ),
    }
    plan = make_plan(read_options(**options))
    assert plan.space.domain("temperature", "o3") is None
    assert "temperature" not in plan.baseline
    assert plan.identity["space"]["space"]["temperature"] == [0.0, 1.0]
    assert any(note.startswith("o3 takes no temperature") for note in plan.notes)


# The searcher "gp" needs torch, which is too large for tests.
@pytest.mark.parametrize("searcher", [name for name in SEARCHERS if name != "gp"])
def test_no_searcher_proposes_what_the_table_rules_out(
    searcher: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rules = find_rules(Entry("gpt-5.4-mini", "gpt-5.4-mini"))
    # The server of the tests stands for the vendor's own host.
    monkeypatch.setattr(known_models, "find_rules", lambda _: rules)
    world = LabelledWorld()
    space = tune.Space(
        model="small",
        prompt="Label this ticket: {text}",
        temperature=Uniform(0, 1, 0.25),
        reasoning_effort=["none", "minimal", "low", "high"],
        max_tokens=16,
        answer={"labels": list(world.labels)},
    )
    with Server({"small": Model()}, world=world) as server:
        tune.tune(
            world.examples(40),
            space,
            target="label",
            budget=0.002,
            base_url=server.base_url,
            price={"small": (0.1, 0.4)},
            results=tmp_path / "study",
            searcher=searcher,
            quiet=True,
        )
        asked = [seen.body for seen in server.posts]
    efforts = {body.get("reasoning_effort") for body in asked}
    # The baseline names no effort, so the model does not reason.
    off = {None, "none"}
    assert efforts <= off | {"low", "high"}
    assert efforts & {"low", "high"}
    assert any("temperature" in body for body in asked)
    for body in asked:
        assert body.get("reasoning_effort") in off or "temperature" not in body
