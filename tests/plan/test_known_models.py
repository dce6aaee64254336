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
from tune.space.domain_spec import dump_domain

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
    strict = replace(rules, temperature=(0, 1))
    monkeypatch.setattr(known_models, "endpoint_rules", lambda _: strict)
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
    note, _ = adapt_space(space, {"o3": Entry("o3", "o3")})[1]
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
    monkeypatch.setattr(known_models, "endpoint_rules", lambda _: rules)
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
            budget=0.001,
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


def test_a_default_space_gives_a_reasoning_model_thousands_of_tokens_and_its_efforts() -> (
    None
):
    plan = make_plan(
        read_options(data=ROWS, target="label", budget=1.0, model=["o3", "gpt-4o-mini"])
    )
    space = plan.space
    assert space.domain("max_tokens", "o3") == Choice((1024, 2048, 4096, 8192))
    assert space.domain("reasoning_effort", "o3") == Choice(("low", "medium", "high"))
    assert space.domain("temperature", "o3") is None
    classic = space.domain("max_tokens", "gpt-4o-mini")
    assert classic is not None
    assert max(classic.values) == 256
    assert space.domain("reasoning_effort", "gpt-4o-mini") is None
    assert plan.baseline["max_tokens"] == 8192
    # The caps are bought, since a smaller one cannot be read off hidden reasoning.
    caps = {
        point.get("max_tokens") for point in space.points() if point["model"] == "o3"
    }
    assert caps == {1024, 2048, 4096, 8192}
    for point in space.points():
        assert ("max_tokens" in point) == (point["model"] == "o3")
    assert any("o3 reasons in hidden tokens" in note for note in plan.notes)


def test_a_reasoning_name_at_another_host_gets_them_too() -> None:
    plan = make_plan(
        read_options(
            data=ROWS,
            target="label",
            budget=1.0,
            model="openai/o3",
            base_url="https://openrouter.ai/api/v1",
            price={"openai/o3": (2, 8)},
        )
    )
    assert plan.space.cap({"model": "openai/o3"}) == 8192
    assert plan.space.domain("temperature", "openai/o3") is None


def test_the_embedded_prompts_give_way_to_what_a_reasoning_model_needs() -> None:
    plan = make_plan(read_options(budget=1.0, model="o3"))
    for prompt in plan.space.prompts:
        assert plan.space.cap({"model": "o3", "prompt": prompt}) == 8192


def test_a_users_small_cap_for_a_reasoning_model_stays_and_is_told() -> None:
    space, notes = adapt_space(make_space("o3"), {"o3": Entry("o3", "o3")})
    assert space.cap({"model": "o3"}) == 64
    assert any("answers may be empty" in note for note in notes)


@pytest.mark.parametrize(
    ("model", "base_url", "given", "left"),
    [
        ("gpt-4", None, {"max_tokens": [64, 100_000]}, {"max_tokens": [64, 4096]}),
        (
            "gpt-4",
            None,
            {"max_tokens": {"low": 16, "high": 100_000, "integer": True, "log": True}},
            {"max_tokens": {"low": 16, "high": 4096, "integer": True, "log": True}},
        ),
        ("o3", None, {"stop": [None, "END"]}, {"stop": []}),
        (
            "gpt-4o-mini",
            None,
            {"stop": [["a"], ["a", "b", "c", "d", "e"]]},
            {"stop": [["a"]]},
        ),
        ("gpt-5", None, {"verbosity": ["low"]}, {"verbosity": ["low"]}),
        ("o3", None, {"verbosity": ["low"]}, {"verbosity": []}),
        ("gpt-4o-mini", None, {"verbosity": ["low"]}, {"verbosity": []}),
        (
            "grok-4.5",
            "https://api.x.ai/v1",
            {"presence_penalty": [0.0, 1.0]},
            {"presence_penalty": []},
        ),
        (
            "claude-haiku-4-5",
            "https://api.anthropic.com/v1",
            {"reasoning_effort": ["low"], "temperature": [0.0, 1.5]},
            {"reasoning_effort": [], "temperature": [0.0]},
        ),
    ],
)
def test_every_bound_of_the_table_narrows_its_dimension(
    model: str, base_url: str | None, given: dict[str, Any], left: dict[str, Any]
) -> None:
    space = Space(**{"model": model, "prompt": "{text}", "max_tokens": 64, **given})
    found, _ = adapt_space(space, {model: Entry(model, model, base_url=base_url)})
    for name, values in left.items():
        domain = found.domain(name, model)
        assert ([] if domain is None else dump_domain(domain)) == values


def test_a_prompts_own_stop_is_not_sent_to_a_model_that_takes_none() -> None:
    space = make_space("o3", when={"plain": {"stop": ["END"]}})
    found, _ = adapt_space(space, {"o3": Entry("o3", "o3")})
    assert found.common_stop({"model": "o3", "prompt": "plain"}) == ()


def test_of_temperature_and_top_p_a_model_may_take_only_one() -> None:
    found = adapted(
        "claude-haiku-4-5",
        "https://api.anthropic.com/v1",
        temperature=[None, 0.5],
        top_p=[0.9, 1.0],
    )
    points = list(found.points())
    assert all(
        not ({"temperature", "top_p"} <= set(p) and p["temperature"]) for p in points
    )
    assert {p.get("top_p") for p in points if p.get("temperature") is None} == {
        0.9,
        1.0,
    }
    assert sum(p.get("temperature") == 0.5 for p in points) == 1


def test_what_the_user_says_of_a_model_goes_before_the_table() -> None:
    entries = {
        "o3": Entry("o3", "o3", takes={"sampling": "yes", "efforts": ("low",)}),
        "own": Entry(
            "own",
            "own",
            base_url="http://127.0.0.1:9/v1",
            takes={"temperature": (0, 1)},
        ),
    }
    space = Space(
        model=list(entries),
        prompt="{text}",
        max_tokens=2048,
        temperature=[0.5, 1.5],
        reasoning_effort=["low", "high"],
    )
    found, _ = adapt_space(space, entries)
    assert found.domain("temperature", "o3") == Choice((0.5, 1.5))
    assert found.domain("reasoning_effort", "o3") == Choice(("low",))
    assert found.domain("temperature", "own") == Choice((0.5,))


def test_a_model_that_is_served_elsewhere_only_is_said_so_with_the_place() -> None:
    (note, *_) = model_notes({"pro": Entry("pro", "gpt-5-pro")})
    assert "pro is not served by chat completions" in note
    assert "it is served by /v1/responses" in note
