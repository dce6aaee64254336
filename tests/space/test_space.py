"""The space: its points, its configs, and what a run learns about it."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.json_values import json_values
from tune.errors import SpaceError
from tune.space import (
    FREE,
    Choice,
    Integers,
    Point,
    Space,
    Uniform,
    read_toml,
)

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

[answer]                            # the rule that takes the answer out of the text
pattern = "(?:Answer:)?\\s*(\\w+)\\s*$"
"""


def space(**given: Any) -> Space:
    return Space(**{"model": "m", "prompt": "Label: {text}", **given})


def test_a_large_domain_is_counted_without_being_listed() -> None:
    huge = space(max_tokens=Integers(1, 10**12, log=True))
    assert huge.size(free=()) == 10**12
    assert huge.cap({"model": "m"}) == 10**12


@pytest.fixture
def example(tmp_path: Path) -> Space:
    (tmp_path / "space.toml").write_text("\ufeff" + TOML, encoding="utf-8")
    return Space.from_mapping(read_toml(tmp_path / "space.toml"))


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
    "n": st.one_of(
        st.integers(1, 9), st.builds(Integers, st.just(1), st.integers(1, 4))
    ),
    "max_tokens": st.builds(
        Integers, st.integers(1, 9), st.integers(9, 12), st.booleans()
    ),
    "stop": st.sampled_from([None, "\n", ["\n", None], [["\n", "##"], "##"]]),
    "aggregate": st.lists(
        st.sampled_from(["first", "vote", "any"]), min_size=1, unique=True
    ),
    "prompt": st.sampled_from(
        ["{text}", {"a": "{text}", "b": [{"role": "user", "content": "{text}"}]}]
    ),
}


spaces = st.fixed_dictionaries(leaves).map(
    lambda given: Space(**given, when={given["model"][0]: {"temperature": []}})
)


frees = st.lists(st.sampled_from(FREE), unique=True).map(tuple)


@given(spaces)
def test_every_space_survives_a_round_trip(any_space: Space) -> None:
    record = json.loads(json.dumps(any_space.to_mapping()))
    again = Space.from_mapping(record)
    assert again.to_mapping() == record
    assert list(again.points()) == list(any_space.points())


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
        SpaceError,
        match="model 'a' does not take max_tokens, and no call goes out without one",
    ):
        given_space.drop("a", "max_tokens")


def test_the_stop_strings_that_every_config_has_are_common() -> None:
    assert space().common_stop({"model": "m"}) == ()
    assert space(stop="\n").common_stop({"model": "m"}) == ("\n",)
    assert space(stop=[["##", "\n"], ["\n", "##", "x"]]).common_stop(
        {"model": "m"}
    ) == ("##", "\n")
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


def test_at_temperature_zero_n_is_one_even_where_its_domain_has_no_one() -> None:
    given_space = space(temperature=0, n=[3, 5])
    assert list(given_space.points(free=())) == [
        given_space.sample(random.Random(0), free=())
    ]
    assert next(given_space.points(free=()))["n"] == 1
    assert {c.n for c in given_space.configs_of(next(given_space.points()))} == {1}
    assert not given_space.is_consistent({"temperature": 0.0, "n": 3})
    assert given_space.is_consistent({"temperature": 0, "n": 1})
    assert given_space.is_consistent({"temperature": 0.05, "n": 3})
    assert given_space.is_consistent({"n": 3})


def read(
    given_space: Space, free: tuple[str, ...], **point: Any
) -> list[tuple[int, str]]:
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
        (1, "first"),
        (2, "vote"),
        (3, "vote"),
    ]
    assert read(both, ("n", "max_tokens"), aggregate="first") == [(1, "first")]


@pytest.mark.parametrize("rules", [["first", "vote"], ["vote"]])
def test_one_answer_is_one_point_whatever_makes_one_of_several(
    rules: list[str],
) -> None:
    given_space = space(n=[1, 3], aggregate=rules)
    found = [(p["n"], p["aggregate"]) for p in given_space.points(())]
    assert found.count((1, "first")) == 1
    assert len(found) == 1 + len(rules)


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
        # At n = 1 every aggregate is called the first; all else is as the point has it.
        asked = {**point, "aggregate": "first"} if config.n == 1 else point
        assert {k: asked[k] for k in point} == {k: config[k] for k in point}
        assert config.max_tokens <= any_space.cap(point)
        assert not (point.get("temperature") == 0 and config.n > 1)
        assert config.n > 1 or config.aggregate == "first"


dimensions = st.sampled_from(
    [
        "model",
        "prompt",
        *FREE,
        "temperature",
        "top_p",
        "top_k",
        "reasoning_effort",
        "other",
    ]
)


@settings(max_examples=300)
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
        Space.from_mapping(json.loads(json.dumps(found.to_mapping()))).sample(
            random.Random(0)
        )
        == point
    )


def with_prompts(**more: Any) -> Space:
    return Space(
        model=["m", "l"],
        prompt={"short": "{text}", "long": "Think: {text}"},
        max_tokens=[8, 16],
        n=[1, 3],
        aggregate="vote",
        temperature=[0, 1],
        when={
            "long": {"max_tokens": [64, 128], "stop": "END"},
            "l": {"max_tokens": [32]},
        },
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


def test_other_models_keep_the_prompts_own_domains_and_lose_the_models() -> None:
    found = with_prompts().with_models(["new"])
    assert found.models == ("new",)
    assert found.cap({"model": "new", "prompt": "long"}) == 128
    assert found.when == {}
    assert with_prompts().with_models([]).models == ("m", "l")


def test_the_state_of_a_space_changes_with_what_is_learned_of_its_dimensions() -> None:
    space = Space(model=["a", "b"], prompt="{text}", temperature=[0.0, 1.0])
    states = [space.state()]
    assert space.state() == states[0]
    space.drop("a", "temperature")
    states.append(space.state())
    space.narrow("b", "temperature", 1.0, None, None)
    states.append(space.state())
    space.narrow("b", "max_tokens", 256, None, 100)
    states.append(space.state())
    space.conditions.pay_for_caps("a")
    states.append(space.state())
    space.remove_model("b")
    states.append(space.state())
    for i, state in enumerate(states):
        assert states.index(state) == i
