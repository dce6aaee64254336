"""The models of a server nearby: asked for where nobody named one."""

from __future__ import annotations

import pytest

from tests.support.nobody import nobody_listens
from tests.support.order import ROWS
from tune.errors import InputError
from tune.fakes.server import Model, Server
from tune.plan.make import make_plan
from tune.plan.plan import Plan
from tune.plan.read_options import read_options
from tune.providers.openai.served_models import (
    is_nearby,
    offer_models,
    served_models,
)


def test_an_address_is_nearby_or_not() -> None:
    assert is_nearby("http://localhost:11434/v1")
    assert is_nearby("http://192.168.1.7:8000/v1")
    assert not is_nearby("https://api.groq.com/openai/v1")


def test_a_server_is_asked_for_its_models() -> None:
    with Server(models={"qwen": Model(), "llama": Model()}) as server:
        assert served_models(server.base_url) == ["llama", "qwen"]
        assert server.bill == 0
    with Server(models={"m": Model()}, lists_models=False) as server:
        assert served_models(server.base_url) == []


def test_a_server_that_is_not_there_is_told() -> None:
    with (
        nobody_listens() as url,
        pytest.raises(InputError, match="and the server cannot be asked"),
    ):
        served_models(url)


def test_the_sentence_names_the_models_and_the_flag() -> None:
    words = offer_models("http://localhost:1/v1", ["a", "b"])
    assert "has a, b: name one or several, as in --model a" in words
    assert "and 5 more" in offer_models("u", [f"m{i}" for i in range(25)])
    assert (
        offer_models("u", []) == "no model is named for u: name one with --model NAME"
    )


def order(base_url: str, **given: object) -> Plan:
    return make_plan(
        read_options(data=ROWS, target="label", base_url=base_url, **given)
    )


def test_without_a_model_those_of_the_server_are_offered() -> None:
    with Server(models={"llama": Model()}) as server:
        with pytest.raises(InputError, match="as in --model llama"):
            order(server.base_url)
        plan = order(server.base_url, model="llama", price="llama=0/0")
        assert plan.space.models == ("llama",)
    # A host far away is not asked for anything that the user did not name.
    with pytest.raises(InputError, match=r"groq.com/openai/v1: name one"):
        order("https://api.groq.com/openai/v1")
