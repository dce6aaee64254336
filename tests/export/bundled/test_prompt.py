"""The tuned prompt is filled as the search filled it."""

from __future__ import annotations

import pytest

from tests.runtime.test_best_json import PROMPTS, plan
from tune.export.bundled.prompt import fill_prompt
from tune.runtime.json_forms import dump_prompt
from tune.task.example import Example


@pytest.mark.parametrize("name", ["chat", "few", "short"])
def test_the_messages_are_those_that_the_search_sent(name: str) -> None:
    assert name in PROMPTS
    prompt = plan().prompts[name]
    inputs = {"text": "a {text} in {braces}"}
    rendered = prompt.render(Example("1", inputs, "x", {}))
    assert not isinstance(rendered, str)
    sent = [{"role": one.role, "content": one.content} for one in rendered]
    assert fill_prompt(dump_prompt(prompt)["turns"], inputs) == sent


def test_a_missing_input_is_named() -> None:
    turns = [{"role": "user", "parts": ["Label ", {"field": "text"}]}]
    with pytest.raises(KeyError, match="the prompt needs the input 'text'"):
        fill_prompt(turns, {})
