"""The space: domains, points and readings; and every bad one refused in one sentence."""

from __future__ import annotations

import itertools
import json
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tune.errors import SpaceError
from tune.space import (
    FREE,
    Choice,
    Config,
    Domain,
    Integers,
    Point,
    Space,
    Uniform,
    Value,
    grid_values,
    parse_domain,
    read_toml,
)
from tune.task.prompt_spec import prompt_fields, shots_needed

TOML = r"""
[space]
model = ["small", "large"]
temperature = {low = 0.0, high = 1.2}
n = {low = 1, high = 9, integer = true}
max_tokens = {low = 16, high = 512, integer = true, log = true}
aggregate = ["first", "vote"]

[space.prompt]                      # name = text, or a list of {role, content}, or {file = "…"}
short = "Label this ticket: {text}"
reasoned = "Think step by step, then label: {text}"
chat = [{role = "system", content = "You label."}, {role = "user", content = "{text}"}]
filed = {file = "ask.txt", raw = true}

[space.prompt.few]
text = "{shots}{text} ->"
shots = 4
shot = "{text} -> {label}\n"

[when.large]                        # a model's own domains
max_tokens = [64, 128]

[answer]                            # how the answer is taken out of the text, before metric and vote
pattern = "(?:Answer:)?\\s*(\\w+)\\s*$"
"""


def space(**given: Any) -> Space:
    return Space(**{"model": "m", "prompt": "Label: {text}", **given})


# --- domains


@pytest.mark.parametrize(
    ("domain", "values"),
    [
        (Uniform(0, 0.2), (0.0, 0.05, 0.1, 0.15, 0.2)),
        (Uniform(0.5, 0.5), (0.5,)),
        (Uniform(0, 1, step=0.4), (0.0, 0.4, 0.8, 1.0)),
        (Uniform(0, 0.3, step=0.1), (0.0, 0.1, 0.2, 0.3)),
        (Uniform(0, 0.1 + 0.2, step=0.1), (0.0, 0.1, 0.2, 0.3)),
        (Uniform(-1, 1, step=1), (-1.0, 0.0, 1.0)),
        (Integers(1, 4), (1, 2, 3, 4)),
        (Integers(2.0, 3.0), (2, 3)),  # type: ignore[arg-type]
        (Choice(("a", None, 1, True)), ("a", None, 1, True)),
    ],
)
def test_a_domain_has_these_values(domain: Domain, values: tuple[Value, ...]) -> None:
    assert domain.values == values
    assert domain.size == len(values)
    assert grid_values(domain) == values


@settings(deadline=None)
@given(st.floats(-3, 3), st.floats(0, 3), st.floats(0.01, 2))
def test_a_grid_rises_from_low_to_high_by_its_step(low: float, width: float, step: float) -> None:
    domain = Uniform(low, low + width, step)
    values = domain.values
    assert math.isclose(values[0], low, abs_tol=1e-9)
    assert math.isclose(values[-1], domain.high, abs_tol=1e-8)
    assert all(0 < b - a <= step + 1e-8 for a, b in itertools.pairwise(values))


@settings(deadline=None)
@given(st.integers(1, 2000), st.integers(0, 2000), st.booleans(), st.integers(2, 20))
def test_a_ladder_goes_from_low_to_high_in_few_rungs(
    low: int, width: int, log: bool, rungs: int
) -> None:
    domain = Integers(low, low + width, log=log)
    ladder = domain.spaced(rungs)
    assert ladder[0] == low
    assert ladder[-1] == low + width
    assert len(ladder) <= rungs
    assert sorted(set(ladder)) == list(ladder)
    assert width >= rungs or ladder == domain.values


def test_a_ladder_is_even_by_difference_or_by_ratio() -> None:
    assert Integers(0, 100).spaced(5) == (0, 25, 50, 75, 100)
    assert Integers(1, 256, log=True).spaced(5) == (1, 4, 16, 64, 256)
    assert len(grid_values(Integers(16, 512, log=True))) == 8
    assert len(grid_values(Integers(1, 100))) == 16


def test_a_large_domain_is_counted_without_being_listed() -> None:
    huge = space(max_tokens=Integers(1, 10**12, log=True))
    assert huge.size(free=()) == 10**12
    assert huge.cap({"model": "m"}) == 10**12


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Choice(()), "needs at least one value"),
        (lambda: Choice((1, 2, 1.0)), r"the values of a choice differ, but got \[1, 2, 1.0\]"),
        (lambda: Uniform(1, 0), r"`low <= high` must hold, but got \(low=1.0, high=0.0\)"),
        (lambda: Uniform(0, math.inf), "numbers are wanted, but got high=inf"),
        (lambda: Uniform(math.nan, 1), "numbers are wanted, but got low=nan"),
        (lambda: Uniform("0", 1), "numbers are wanted, but got low='0'"),  # type: ignore[arg-type]
        (lambda: Uniform(False, 1), "numbers are wanted, but got low=False"),
        (lambda: Uniform(0, 1, step=0), "`step > 0` must hold, but got step=0.0"),
        (lambda: Uniform(0, 1, step=math.nan), "numbers are wanted, but got step=nan"),
        (lambda: Uniform(0, 1, step=1e-9), r"`\(high - low\) / step <= 10000` must hold"),
        (lambda: Integers(3, 1), r"`low <= high` must hold, but got \(low=3, high=1\)"),
        (lambda: Integers(1, 2.5), "whole numbers are wanted"),  # type: ignore[arg-type]
        (lambda: Integers(1, math.inf), "numbers are wanted, but got high=inf"),  # type: ignore[arg-type]
        (lambda: Integers(1, "9"), "numbers are wanted, but got high='9'"),  # type: ignore[arg-type]
        (lambda: Integers(0, 9, log=True), "`low >= 1` must hold where log is true, but got low=0"),
    ],
)
def test_a_domain_that_cannot_be_is_refused(make: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        make()


@pytest.mark.parametrize(
    ("name", "written", "domain"),
    [
        ("temperature", 0.5, Choice((0.5,))),
        ("temperature", [0, 0.5, None], Choice((0, 0.5, None))),
        ("temperature", {"low": 0, "high": 1}, Uniform(0, 1)),
        ("temperature", {"low": 0, "high": 1, "step": 0.1}, Uniform(0, 1, 0.1)),
        ("n", {"low": 1, "high": 9}, Integers(1, 9)),
        ("max_tokens", {"low": 16, "high": 64, "log": True}, Integers(16, 64, log=True)),
        ("n", range(1, 4), Choice((1, 2, 3))),
        ("temperature", np.array([0.0, 0.5]), Choice((0.0, 0.5))),
        ("n", [np.int64(3)], Choice((3,))),
        ("top_k", {"low": 1, "high": 40}, Integers(1, 40)),
        ("thinking_budget", {"low": 0, "high": 4, "integer": True}, Integers(0, 4)),
        ("reasoning_effort", ["low", "high"], Choice(("low", "high"))),
        ("logprobs", True, Choice((True,))),
        ("stop", None, Choice(((),))),
        ("stop", "\n", Choice((("\n",),))),
        ("stop", ["\n", None], Choice((("\n",), ()))),
        ("stop", [["\n", "##"], []], Choice((("\n", "##"), ()))),
        ("stop", Choice(("\n", None)), Choice((("\n",), ()))),
        ("verbosity", [], None),
    ],
)
def test_domains_are_read_as_users_write_them(
    name: str, written: Any, domain: Domain | None
) -> None:
    assert parse_domain(name, written) == domain
    if domain is not None:
        assert parse_domain(name, domain) == domain


@pytest.mark.parametrize(
    ("name", "written", "message"),
    [
        ("temperature", "hot", "temperature is a number, but got 'hot'"),
        ("temperature", [0, "0.5"], "temperature is a number, but got '0.5'"),
        ("temperature", True, "temperature is a number, but got True"),
        ("temperature", -0.1, "`0 <= temperature` must hold, but got temperature=-0.1"),
        ("temperature", math.nan, "temperature is a number, but got nan"),
        ("temperature", Uniform(-1, 1), "`0 <= temperature` must hold, but got temperature=-1.0"),
        ("top_p", [0.5, 1.5], "`0 <= top_p <= 1` must hold, but got top_p=1.5"),
        ("presence_penalty", 3, "`-2 <= presence_penalty <= 2` must hold"),
        ("top_k", 2.5, "top_k is a whole number, but got 2.5"),
        ("n", 0, "`1 <= n` must hold, but got n=0"),
        ("n", [1, 2.5], "n is a whole number, but got 2.5"),
        ("n", [None], "n is a whole number, but got None"),
        ("n", Integers(0, 5), "`1 <= n` must hold, but got n=0"),
        ("n", Uniform(1, 5), r"n is a whole number: give Integers\(1, 5\)"),
        ("n", {"low": 3, "high": 1}, r"^n: `low <= high` must hold, but got \(low=3, high=1\)"),
        (
            "n",
            {"low": 1, "high": 9, "step": 2},
            "^n: a range of whole numbers has no step: list its values",
        ),
        ("max_tokens", "many", "max_tokens is a number, but got 'many'"),
        ("max_tokens", -5, "`1 <= max_tokens` must hold"),
        ("temperature", {"low": 0}, "^temperature: a range has low, high and perhaps"),
        ("temperature", {"low": 0, "high": 1, "max": 2}, "a range has low, high and perhaps"),
        (
            "temperature",
            {"low": "a", "high": 1},
            "^temperature: numbers are wanted, but got low='a'",
        ),
        (
            "temperature",
            {"low": 0, "high": 1, "log": True},
            "^temperature: log is for whole numbers",
        ),
        (
            "temperature",
            {"low": 0, "high": 1, "integer": "yes"},
            "integer is true or false, but got 'yes'",
        ),
        ("n", [1, 1], r"^n: the values of a choice differ, but got \[1, 1\]"),
        ("model", ["a", 3], "model is a name, but got 3"),
        ("model", "", "model is a name, but got ''"),
        ("model", {"low": 1, "high": 2}, "model has no range: list its values"),
        ("aggregate", [None], "aggregate is a name, but got None"),
        ("stop", 3, "stop is a text, a list of texts or None, and no text is empty, but got 3"),
        ("stop", [["\n", 3]], "no text is empty, but got"),
        ("stop", [""], "no text is empty"),
        ("stop", {"low": 1, "high": 2}, "stop has no range"),
        (
            "reasoning_effort",
            [["low"]],
            r"is a text, a finite number, or true or false, but got \['low'\]",
        ),
        ("reasoning_effort", [math.inf], "a finite number"),
        ("anything", [{"a": 1}], "anything is a text, a finite number"),
    ],
)
def test_a_value_that_a_dimension_cannot_take_is_refused(
    name: str, written: Any, message: str
) -> None:
    with pytest.raises(SpaceError, match=message):
        parse_domain(name, written)


# --- points and configs


def test_points_are_equal_when_their_values_are() -> None:
    one = Point({"model": "m", "temperature": 1, "stop": ("a",)})
    other = Point({"stop": ["a"], "temperature": 1.0, "model": "m"})  # type: ignore[dict-item]
    assert one == other
    assert hash(one) == hash(other)
    assert one.key == '{"model":"m","stop":["a"],"temperature":1}'
    assert other["stop"] == ("a",)
    assert Point(json.loads(json.dumps(dict(one)))) == one
    assert one != Point({**one, "temperature": True})
    assert one != dict(one)
    assert repr(one) == 'Point({"model":"m","stop":["a"],"temperature":1})'
    assert len(one) == 3


def test_a_config_fills_in_what_is_usual() -> None:
    config = Config(
        {"model": "m", "prompt": "p", "max_tokens": 64.0, "temperature": 0.5, "top_p": None}
    )
    assert (config.model, config.prompt, config.n, config.max_tokens) == ("m", "p", 1, 64)
    assert (config.stop, config.aggregate, config.settings) == ((), "first", {"temperature": 0.5})
    assert (
        Config({**config, "stop": "\n"}).stop == Config({**config, "stop": ["\n"]}).stop == ("\n",)
    )
    assert Config({**config, "stop": None}) == config


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"model": None}, "a config needs a value for 'model'"),
        ({"max_tokens": None}, "a config needs a value for 'max_tokens'"),
        ({"n": 0}, "`1 <= n` must hold, but got n=0"),
        ({"n": "3"}, "n is a number, but got '3'"),
        ({"max_tokens": 1.5}, "max_tokens is a whole number"),
        ({"temperature": "hot"}, "temperature is a number, but got 'hot'"),
        ({"stop": [3]}, "stop is a text, a list of texts"),
        ({"aggregate": 1}, "aggregate is a name"),
        ({"response_format": {"type": "json"}}, "response_format is a text, a finite number"),
    ],
)
def test_a_config_that_cannot_be_is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        Config({"model": "m", "prompt": "p", "max_tokens": 64, **changed})


# --- the space


@pytest.fixture
def example(tmp_path: Path) -> Space:
    (tmp_path / "space.toml").write_text("\ufeff" + TOML, encoding="utf-8")
    return Space.from_mapping(read_toml(tmp_path / "space.toml"))


def test_a_space_file_is_read(example: Space) -> None:
    assert example.models == ("small", "large")
    assert list(example.prompts) == ["short", "reasoned", "chat", "filed", "few"]
    assert example.prompts["few"] == {
        "text": "{shots}{text} ->",
        "shots": 4,
        "shot": "{text} -> {label}\n",
    }
    assert example.domains["temperature"] == Uniform(0, 1.2)
    assert example.domain("max_tokens", "small") == Integers(16, 512, log=True)
    assert example.domain("max_tokens", "large") == Choice((64, 128))
    assert example.answer == {"pattern": r"(?:Answer:)?\s*(\w+)\s*$"}
    assert (example.cap({"model": "small"}), example.cap({"model": "large"})) == (512, 128)
    assert example.size() == 2 * 5 * 25


def test_a_space_survives_a_round_trip_through_json(example: Space) -> None:
    record = json.loads(json.dumps(example.to_mapping()))
    again = Space.from_mapping(record)
    assert again.to_mapping() == record
    assert (again.domains, again.when, again.prompts, again.answer) == (
        example.domains,
        example.when,
        example.prompts,
        example.answer,
    )


leaves = {
    "model": st.lists(st.sampled_from("abc"), min_size=1, unique=True),
    "temperature": st.one_of(
        st.floats(0, 2),
        st.builds(Uniform, st.just(0), st.floats(0, 2), st.just(0.5)),
        st.just([None, 0, 1.5]),
    ),
    "n": st.one_of(st.integers(1, 9), st.builds(Integers, st.just(1), st.integers(1, 4))),
    "max_tokens": st.builds(Integers, st.integers(1, 9), st.integers(9, 12), st.booleans()),
    "stop": st.sampled_from([None, "\n", ["\n", None], [["\n", "##"], "##"]]),
    "aggregate": st.lists(st.sampled_from(["first", "vote", "any"]), min_size=1, unique=True),
    "prompt": st.sampled_from(
        ["{text}", {"a": "{text}", "b": [{"role": "user", "content": "{text}"}]}]
    ),
}
spaces = st.fixed_dictionaries(leaves).map(
    lambda given: Space(**given, when={given["model"][0]: {"temperature": []}})
)
frees = st.lists(st.sampled_from(FREE), unique=True).map(tuple)


@settings(deadline=None)
@given(spaces)
def test_every_space_survives_a_round_trip(any_space: Space) -> None:
    record = json.loads(json.dumps(any_space.to_mapping()))
    again = Space.from_mapping(record)
    assert again.to_mapping() == record
    assert list(again.points()) == list(any_space.points())


def test_a_mapping_of_a_space_has_a_callable_by_its_name_and_paths_as_text() -> None:
    given_space = space(
        answer=json.loads, prompt={"p": {"file": Path("a/b.txt")}}, stop=("\n", None)
    )
    record = given_space.to_mapping()
    assert record["answer"] == "json:loads"
    assert record["space"]["prompt"] == {"p": {"file": str(Path("a/b.txt"))}}
    assert record["space"]["stop"] == [["\n"], []]
    assert json.loads(json.dumps(record)) == record


def test_a_single_prompt_is_named_plain() -> None:
    chat = [{"role": "user", "content": "{text}"}]
    assert space().prompts == {"plain": "Label: {text}"}
    assert space(prompt=chat).prompts == {"plain": chat}


def test_a_model_may_have_its_own_domains_and_lack_a_setting() -> None:
    given_space = space(
        model=["plain", "thinking"],
        prompt={"a": "{text}", "b": "{text}!"},
        temperature=[0, 1],
        when={
            "thinking": {
                "temperature": [],
                "reasoning_effort": ["low", "high"],
                "prompt": "b",
                "n": [],
            }
        },
    )
    assert list(given_space.dimensions("plain")) == [
        "model",
        "prompt",
        "max_tokens",
        "n",
        "stop",
        "aggregate",
        "temperature",
    ]
    assert given_space.paid("thinking") == {
        "model": Choice(("thinking",)),
        "prompt": Choice(("b",)),
        "reasoning_effort": Choice(("low", "high")),
    }
    assert list(given_space.points()) == [
        Point({"model": "plain", "prompt": prompt, "temperature": t})
        for prompt in "ab"
        for t in (0, 1)
    ] + [
        Point({"model": "thinking", "prompt": "b", "reasoning_effort": effort})
        for effort in ("low", "high")
    ]
    assert given_space.configs_of(Point({"model": "thinking", "prompt": "b"}))[0].n == 1


def test_a_setting_that_a_model_refuses_is_dropped_from_its_points() -> None:
    given_space = space(model=["a", "b"], temperature=[0.5, 1])
    given_space.drop("a", "temperature")
    assert "temperature" not in given_space.paid("a")
    assert "temperature" in given_space.paid("b")
    assert given_space.size() == 3
    with pytest.raises(
        SpaceError, match="model 'a' does not take max_tokens, and no call goes out without one"
    ):
        given_space.drop("a", "max_tokens")


def test_the_stop_strings_that_every_config_has_are_common() -> None:
    assert space().common_stop({"model": "m"}) == ()
    assert space(stop="\n").common_stop({"model": "m"}) == ("\n",)
    assert space(stop=[["##", "\n"], ["\n", "##", "x"]]).common_stop({"model": "m"}) == ("##", "\n")
    assert space(stop=["\n", None]).common_stop({"model": "m"}) == ()
    assert space(stop=["\n", "x"]).common_stop({"model": "m", "stop": ("x",)}) == ("x",)
    assert space(stop="\n", when={"m": {"stop": []}}).common_stop({"model": "m"}) == ()


def test_a_space_of_one_point_is_no_error() -> None:
    one = space()
    assert one.size() == 1
    assert (
        list(one.points())
        == [one.sample(random.Random(0))]
        == [Point({"model": "m", "prompt": "plain"})]
    )
    assert [dict(c) for c in one.configs_of(next(one.points()))] == [
        {
            "model": "m",
            "prompt": "plain",
            "n": 1,
            "max_tokens": 256,
            "stop": (),
            "aggregate": "first",
        }
    ]


def test_drawing_is_decided_by_the_seed_and_reaches_every_point() -> None:
    given_space = space(
        model=["a", "b"], temperature=Uniform(0, 0.2), when={"b": {"temperature": [1]}}
    )
    first, second = (
        [given_space.sample(rng) for _ in range(200)]
        for rng in (random.Random(1), random.Random(1))
    )
    assert first == second
    assert set(first) == set(given_space.points())


@settings(deadline=None)
@given(spaces, frees, st.integers(0, 99))
def test_what_is_drawn_may_be_searched_and_is_one_of_the_points(
    any_space: Space, free: tuple[str, ...], seed: int
) -> None:
    point = any_space.sample(random.Random(seed), free)
    assert any_space.is_consistent(point)
    assert set(point) == set(any_space.paid(str(point["model"]), free))
    points = list(any_space.points(free))
    assert point in points
    assert len(points) == len(set(points)) <= any_space.size(free)


# --- temperature 0 and the readings


def test_at_temperature_zero_n_is_one_even_where_its_domain_has_no_one() -> None:
    given_space = space(temperature=0, n=[3, 5])
    assert list(given_space.points(free=())) == [given_space.sample(random.Random(0), free=())]
    assert next(given_space.points(free=()))["n"] == 1
    assert {c.n for c in given_space.configs_of(next(given_space.points()))} == {1}
    assert not given_space.is_consistent({"temperature": 0.0, "n": 3})
    assert given_space.is_consistent({"temperature": 0, "n": 1})
    assert given_space.is_consistent({"temperature": 0.05, "n": 3})
    assert given_space.is_consistent({"n": 3})


def read(given_space: Space, free: tuple[str, ...], **point: Any) -> list[tuple[int, str]]:
    whole = Point({"model": "m", "prompt": "plain", **point})
    return [(c.n, c.aggregate) for c in given_space.configs_of(whole, free)]


def test_values_that_cannot_differ_are_read_once() -> None:
    both = space(n=Integers(1, 3), aggregate=["first", "vote"])
    assert read(both, FREE) == [(1, "first"), (2, "vote"), (3, "vote")]
    assert read(both, FREE, temperature=0) == [(1, "first")]
    assert read(space(n=[3, 5], aggregate=["first", "vote"]), FREE) == [
        (3, "first"),
        (3, "vote"),
        (5, "vote"),
    ]
    assert read(space(n=[5, 3]), FREE) == [(3, "first")]
    assert read(space(n=[1, 3], aggregate=["vote", "any"]), FREE) == [
        (1, "first"),
        (3, "any"),
        (3, "vote"),
    ]


def test_where_only_some_dimensions_are_free_the_others_are_the_points_own() -> None:
    both = space(n=Integers(1, 3), aggregate=["first", "vote"])
    assert read(both, (), n=3, aggregate="vote", max_tokens=9) == [(3, "vote")]
    assert read(both, ("aggregate", "max_tokens"), n=3) == [(3, "first"), (3, "vote")]
    assert read(both, ("aggregate", "max_tokens"), n=1) == [(1, "first")]
    assert read(both, ("n", "max_tokens"), aggregate="vote") == [
        (1, "vote"),
        (2, "vote"),
        (3, "vote"),
    ]
    assert read(both, ("n", "max_tokens"), aggregate="first") == [(1, "first")]


def test_every_smaller_cap_and_stop_is_read_the_cheapest_first() -> None:
    given_space = space(max_tokens=[32, 8], stop=["\n", None])
    found = given_space.configs_of(Point({"model": "m", "prompt": "plain"}))
    assert [(c.max_tokens, c.stop) for c in found] == [
        (8, ("\n",)),
        (8, ()),
        (32, ("\n",)),
        (32, ()),
    ]
    assert [
        c.max_tokens
        for c in given_space.configs_of(
            Point({"model": "m", "prompt": "plain", "max_tokens": 8}), ("n",)
        )
    ] == [8]


@settings(deadline=None)
@given(spaces, frees, st.integers(0, 99))
def test_readings_are_different_configs_of_the_point(
    any_space: Space, free: tuple[str, ...], seed: int
) -> None:
    point = any_space.sample(random.Random(seed), free)
    found = any_space.configs_of(point, free)
    assert found
    assert len(set(found)) == len(found)
    assert [c.n for c in found] == sorted(c.n for c in found)
    for config in found:
        # At n = 1 every free aggregate is called the first; all else is as the point has it.
        assert dict(point) == {k: config[k] for k in point}
        assert config.max_tokens <= any_space.cap(point)
        assert not (point.get("temperature") == 0 and config.n > 1)
        assert config.n > 1 or "aggregate" not in free or config.aggregate == "first"


# --- bad spaces


@pytest.mark.parametrize(
    ("given_space", "message"),
    [
        ({"model": []}, "the domain of 'model' is empty"),
        (
            {"temperature": []},
            "the domain of 'temperature' is empty: leave it out or give it a value",
        ),
        ({"prompt": {}}, "prompts are given by name"),
        ({"prompt": ["a {text}", "b {text}"]}, "prompts are given by name"),
        ({"prompt": 3}, "prompts are given by name"),
        ({"prompt": ""}, "prompt 'plain' is empty"),
        ({"prompt": {"a": " \n"}}, "prompt 'a' is empty"),
        ({"prompt": {"a": []}}, "prompt 'a' is empty"),
        (
            {"prompt": {"text": "{text}", "shots": 4}},
            "prompt 'shots' is a text, a list of messages or a table, but got 4",
        ),
        ({"prompt": {"": "x"}}, "the name of a prompt is a text, but got ''"),
        ({"prompt": {3: "x"}}, "the name of a prompt is a text, but got 3"),
        ({"temprature": 0.5}, "there is no setting 'temprature': is 'temperature' meant?"),
        ({"max_token": 5}, "is 'max_tokens' meant?"),
        (
            {"max_completion_tokens": 5},
            "'max_completion_tokens' cannot be searched: call it max_tokens",
        ),
        ({"seed": [1, 2]}, "'seed' cannot be searched: every draw has a seed of its own"),
        ({"stream": True}, "'stream' cannot be searched"),
        ({"when": []}, "`when` is a table of models or prompts and their own domains"),
        ({"when": {"x": {}}}, r"`when` names 'x', but the space has the models \['m'\]"),
        ({"when": {"m": 5}}, "`when` gives 'm' a table of domains, but got 5"),
        (
            {"when": {"m": {"temperature": "hot"}}},
            "^when.m: temperature is a number, but got 'hot'",
        ),
        (
            {"when": {"m": {"prompt": ["plain", "x"]}}},
            r"^when.m: there is no prompt 'x', the space has \['plain'\]",
        ),
        ({"when": {"m": {"prompt": []}}}, "^when.m: 'prompt' cannot be"),
        ({"when": {"m": {"max_tokens": []}}}, "^when.m: 'max_tokens' cannot be"),
        ({"when": {"m": {"model": "y"}}}, "^when.m: 'model' cannot be 'y'"),
        ({"when": {"m": {"top_pp": 1}}}, "^when.m: there is no setting 'top_pp'"),
    ],
)
def test_a_space_that_cannot_be_is_refused(given_space: dict[str, Any], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        space(**given_space)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({}, r"a space file needs a table \[space\]"),
        ({"space": 3}, r"a space file needs a table \[space\]"),
        ({"space": {"prompt": "x"}}, r"the table \[space\] needs model, but has \['prompt'\]"),
        ({"space": {"model": "m"}}, r"the table \[space\] needs prompt, but has \['model'\]"),
        (
            {"space": {"models": "m", "prompt": "x"}},
            "there is no setting 'models': is 'model' meant?",
        ),
        (
            {"space": {"model": "m", "prompt": "x", "when": {}}},
            r"'when' is no dimension: \[when\] is a table beside \[space\]",
        ),
        (
            {"space": {"model": "m", "prompt": "x"}, "anwser": {}},
            r"a space file has the tables .*, but got 'anwser'",
        ),
    ],
)
def test_a_space_file_with_other_tables_is_refused(record: dict[str, Any], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        Space.from_mapping(record)


def test_tables_that_are_not_the_spaces_own_are_let_be() -> None:
    record = {
        "space": {"model": "m", "prompt": "{text}"},
        "metric": {"name": "contains"},
        "models": {"m": {}},
    }
    assert Space.from_mapping(record).models == ("m",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "the space file '.*' cannot be read: No such file"),
        (b"[space\n", "the space file '.*' is no TOML: .*line 1"),
        (b"x = '\xff'", "is no TOML: .*can't decode byte 0xff"),
    ],
)
def test_a_space_file_that_cannot_be_read_is_refused(
    content: bytes | None, message: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "space.toml").write_bytes(content)
    with pytest.raises(SpaceError, match=message):
        read_toml(tmp_path / "space.toml")


# --- whatever is written, the answer is a space or a sentence

json_values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-3, 300), st.floats(width=32), st.text(max_size=5)
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.one_of(
                st.sampled_from(["low", "high", "step", "log", "integer"]), st.text(max_size=3)
            ),
            inner,
        ),
    ),
    max_leaves=6,
)
dimensions = st.sampled_from(
    ["model", "prompt", *FREE, "temperature", "top_p", "top_k", "reasoning_effort", "other"]
)


@settings(deadline=None, max_examples=300)
@given(dimensions, json_values)
def test_any_value_is_a_domain_or_is_refused_in_a_sentence(name: str, value: Any) -> None:
    try:
        domain = parse_domain(name, value)
    except SpaceError:
        return
    if domain is not None:
        assert domain.size >= 1
        assert parse_domain(name, domain) == domain
        Point({name: grid_values(domain)[-1]})


@settings(deadline=None, max_examples=300)
@given(
    st.dictionaries(dimensions, json_values, max_size=4),
    st.dictionaries(st.sampled_from(["m", "x"]), json_values),
)
def test_any_document_is_a_space_or_is_refused_in_a_sentence(
    table: dict[str, Any], when: dict[str, Any]
) -> None:
    record = {"space": {"model": "m", "prompt": "{text}", **table}, "when": when}
    try:
        found = Space.from_mapping(record)
    except SpaceError:
        return
    point = found.sample(random.Random(0))
    assert found.configs_of(point)
    assert found.cap(point) >= 1
    assert (
        Space.from_mapping(json.loads(json.dumps(found.to_mapping()))).sample(random.Random(0))
        == point
    )


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["n", "max_tokens", "stop", "aggregate", "temperature", "other"]),
        json_values,
    )
)
def test_any_values_are_a_config_or_are_refused_in_a_sentence(values: dict[str, Any]) -> None:
    try:
        config = Config({"model": "m", "prompt": "p", "max_tokens": 9, **values})
    except SpaceError:
        return
    assert config.n >= 1
    assert config.max_tokens >= 1
    assert all(isinstance(text, str) for text in config.stop)
    assert Config(json.loads(json.dumps(dict(config)))) == config


# --- space files that people write


@pytest.mark.parametrize(
    ("text", "size", "readings"),
    [
        ('[space]\nmodel = "m"\nprompt = "Label: {text}"', 1, 1),
        (
            '[space]\nmodel = "m"\ntemperature = [0.0, 0.7]\nn = [1, 5]\naggregate = "vote"\nprompt.a = "{text}"',
            2,
            2,
        ),
        (
            '[space]\nmodel = ["m", "o"]\nprompt = "{text}"\n[when.o]\nreasoning_effort = ["low", "high"]',
            3,
            1,
        ),
        (
            '[space]\nmodel = "m"\nprompt = "{text}"\nstop = ["\\n", ["##", "\\n"]]\nmax_tokens = [1, 2, 3]',
            1,
            6,
        ),
        ('[space]\nmodel = "m"\n[[space.prompt.chat]]\nrole = "user"\ncontent = "{text}"', 1, 1),
    ],
)
def test_small_space_files_mean_what_they_say(
    text: str, size: int, readings: int, tmp_path: Path
) -> None:
    path = tmp_path / "space.toml"
    path.write_text(text)
    found = Space.from_mapping(read_toml(str(path)))
    points = list(found.points())
    assert found.size() == len(points) == size
    assert len(found.configs_of(points[-1])) == readings


def test_the_templates_of_the_space_file_are_prompts(example: Space, tmp_path: Path) -> None:
    (tmp_path / "ask.txt").write_text("{text} is\n")
    assert all(prompt_fields(spec, tmp_path) == {"text"} for spec in example.prompts.values())
    assert {name: shots_needed(spec) for name, spec in example.prompts.items()} == {
        "short": 0,
        "reasoned": 0,
        "chat": 0,
        "filed": 0,
        "few": 4,
    }


# A prompt's own domains


def with_prompts(**more: Any) -> Space:
    return Space(
        model=["m", "l"],
        prompt={"short": "{text}", "long": "Think: {text}"},
        max_tokens=[8, 16],
        n=[1, 3],
        aggregate="vote",
        temperature=[0, 1],
        when={"long": {"max_tokens": [64, 128], "stop": "END"}, "l": {"max_tokens": [32]}},
        **more,
    )


def test_a_prompts_own_domains_go_before_its_models() -> None:
    found = with_prompts()
    point = Point({"model": "l", "prompt": "long", "temperature": 1})
    assert found.cap(point) == 128
    assert found.common_stop(point) == ("END",)
    assert {c.max_tokens for c in found.configs_of(point)} == {64, 128}
    assert {c.stop for c in found.configs_of(point)} == {("END",)}
    assert found.cap({**point, "prompt": "short"}) == 32
    assert found.cap({**point, "prompt": "short", "model": "m"}) == 16


def test_where_all_is_paid_points_keep_to_their_prompts_own_domains() -> None:
    found = with_prompts()
    points = list(found.points(free=()))
    assert {p["max_tokens"] for p in points if p["prompt"] == "long"} == {
        64
    }  # the nearest to what models have
    assert {p["stop"] for p in points if p["prompt"] == "long"} == {("END",)}
    assert all(found.is_consistent(p) for p in points)
    assert len(points) == len(set(points))
    drawn = [found.sample(random.Random(i), free=()) for i in range(50)]
    assert set(drawn) <= set(points)


def test_a_prompts_own_domains_survive_a_round_trip() -> None:
    found = with_prompts()
    again = Space.from_mapping(found.to_mapping())
    assert again.to_mapping() == found.to_mapping()
    assert again.prompt_when == found.prompt_when


@pytest.mark.parametrize("own", [{"temperature": [0]}, {"stop": []}, {"max_tokens": []}])
def test_a_prompt_can_only_have_own_domains_for_what_is_read_off(own: dict[str, Any]) -> None:
    with pytest.raises(SpaceError, match=r"when\.short"):
        Space(model="m", prompt={"short": "{text}"}, when={"short": own})


def test_other_models_keep_the_prompts_own_domains_and_lose_the_models() -> None:
    found = with_prompts().with_models(["new"])
    assert found.models == ("new",)
    assert found.cap({"model": "new", "prompt": "long"}) == 128
    assert found.when == {}
    assert with_prompts().with_models([]).models == ("m", "l")
