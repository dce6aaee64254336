"""Domains as users write them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.json_values import json_values
from tune.errors import SpaceError
from tune.space import (
    FREE,
    Choice,
    Domain,
    Integers,
    Point,
    Uniform,
    grid_values,
    parse_domain,
)


@pytest.mark.parametrize(
    ("name", "written", "domain"),
    [
        ("temperature", 0.5, Choice((0.5,))),
        ("temperature", [0, 0.5, None], Choice((0, 0.5, None))),
        ("temperature", {"low": 0, "high": 1}, Uniform(0, 1)),
        ("temperature", {"low": 0, "high": 1, "step": 0.1}, Uniform(0, 1, 0.1)),
        ("n", {"low": 1, "high": 9}, Integers(1, 9)),
        (
            "max_tokens",
            {"low": 16, "high": 64, "log": True},
            Integers(16, 64, log=True),
        ),
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
@given(dimensions, json_values)
def test_any_value_is_a_domain_or_is_refused_in_a_sentence(
    name: str, value: Any
) -> None:
    try:
        domain = parse_domain(name, value)
    except SpaceError:
        return
    if domain is not None:
        assert domain.size >= 1
        assert parse_domain(name, domain) == domain
        Point({name: grid_values(domain)[-1]})
