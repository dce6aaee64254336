"""A request holds what is sent of a configuration, and nothing that is read off its draws."""

from __future__ import annotations

from tune.completion import Message
from tune.runtime.requests import make_request
from tune.space import Config
from tune.space.named_values import NamedValues


def test_only_settings_of_the_model_are_sent_in_a_fixed_order() -> None:
    config = Config(
        {
            "model": "m",
            "prompt": "p",
            "max_tokens": 16,
            "n": 5,
            "aggregate": "vote",
            "top_p": None,
            "temperature": 0.5,
            "reasoning_effort": "low",
        }
    )
    request = make_request(
        config,
        named=NamedValues(),
        service="host/v1",
        model="real",
        prompt=(Message("user", "x"),),
        cap=8,
        stop=("END",),
        passed='{"tools":[]}',
    )
    assert request.settings == (("reasoning_effort", "low"), ("temperature", 0.5))
    assert (request.max_tokens, request.stop, request.model) == (8, ("END",), "real")
    assert '"passed"' in request.canonical
