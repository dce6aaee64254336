"""Conditions between the settings of a model."""

from __future__ import annotations

from tune.space import Integers, Space
from tune.space.conditions import Conditions


def test_settings_stay_only_beside_the_values_that_allow_them() -> None:
    conditions = Conditions()
    conditions.allow_only_with("m", ["temperature"], "effort", ["none"])
    assert conditions.kept({"model": "m", "temperature": 1.0, "effort": "low"}) == {
        "model": "m",
        "effort": "low",
    }
    kept = {"model": "m", "temperature": 1.0, "effort": "none"}
    assert conditions.kept(kept) == kept
    other = {"model": "other", "temperature": 1.0, "effort": "low"}
    assert conditions.kept(other) == other


def test_of_settings_that_exclude_each_other_the_first_stays() -> None:
    conditions = Conditions()
    conditions.allow_one_of("m", ["temperature", "top_p"])
    assert conditions.kept({"model": "m", "temperature": 1.0, "top_p": 0.5}) == {
        "model": "m",
        "temperature": 1.0,
    }
    alone = {"model": "m", "temperature": None, "top_p": 0.5}
    assert conditions.kept(alone) == alone


def test_the_cap_of_a_model_that_reasons_is_bought() -> None:
    space = Space(model=["m", "r"], prompt="{text}", max_tokens=[8, 16])
    space.conditions.pay_for_caps("r")
    assert [dict(point) for point in space.points()] == [
        {"model": "m", "prompt": "plain"},
        {"model": "r", "prompt": "plain", "max_tokens": 8},
        {"model": "r", "prompt": "plain", "max_tokens": 16},
    ]
    for point in space.points():
        caps = {config.max_tokens for config in space.configs_of(point)}
        assert caps == ({8, 16} if point["model"] == "m" else {point["max_tokens"]})


def test_a_copy_learns_by_itself() -> None:
    conditions = Conditions()
    copy = conditions.copied()
    copy.pay_for_caps("m")
    copy.allow_one_of("m", ["a", "b"])
    assert conditions.free_of("m", ["max_tokens"]) == ("max_tokens",)
    assert conditions.kept({"model": "m", "a": 1, "b": 2})["b"] == 2


def test_caps_are_moved_to_the_nearest_one_that_the_model_takes() -> None:
    space = Space(
        model=["m", "n"],
        prompt="{text}",
        max_tokens={"low": 2, "high": 64, "integer": True, "log": True},
    )
    space.conditions.limit_caps("m", 4, None)
    space.conditions.limit_caps("m", None, 32)
    assert space.domain("max_tokens", "m") == Integers(4, 32, log=True)
    assert space.domain("max_tokens", "n") == Integers(2, 64, log=True)
    space.conditions.limit_caps("m", 128, None)
    assert space.cap({"model": "m"}) == 32
