"""Settings and texts of an exported file."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from openai.resources.chat.completions import Completions

from tests.export.test_autogen import config, deployment
from tests.runtime.test_best_json import own_hosts  # noqa: F401 - the fixture
from tests.support.exported import best_record, run_file
from tune.export import make_export
from tune.export.python_file import NAMED, request_settings


def test_every_named_setting_is_one_that_the_openai_package_knows() -> None:
    assert set(inspect.signature(Completions.create).parameters) >= NAMED


def test_settings_without_a_name_go_around_the_package() -> None:
    made = deployment(config=config(stop=("a",), top_k=3), cap="max_completion_tokens")
    named, others = request_settings(made)
    assert named == {"max_completion_tokens": 64, "stop": ["a"], "temperature": 0.3}
    assert others == {"top_k": 3}


def test_a_system_message_that_needs_inputs_is_no_constant() -> None:
    record = best_record()
    record["deployment"]["prompt"]["turns"][0]["parts"] = ["About ", {"field": "text"}]
    names = run_file(make_export(record, "openai", "best.json").text)
    assert names["SYSTEM_MESSAGE"] is None
    assert names["messages"](text="x")[0] == {"role": "system", "content": "About x"}
    # No agent can have it beforehand, so it comes with the other messages.
    assert names["later_messages"](text="x") == names["messages"](text="x")


def test_an_agents_own_system_message_is_not_sent_twice() -> None:
    names = run_file(make_export(best_record(), "openai", "best.json").text)
    sent = names["messages"](text="x")
    assert names["later_messages"](text="x") == sent[1:]
    plain = run_file(make_export(best_record(prompt="short"), "openai", "b").text)
    assert plain["later_messages"](text="x") == plain["messages"](text="x")


def file_without_a_key(monkeypatch: pytest.MonkeyPatch, **entry: Any) -> Any:
    """Return the `api_key` of an exported file; no variable holds a key."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    models = {"small": {"model": "qwen", "price": [1, 2], **entry}}
    record = best_record(options={"models": models})
    return run_file(make_export(record, "openai", "best.json").text)["api_key"]


def test_a_key_that_the_study_named_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    named = {"base_url": "http://localhost:1/v1", "key_env": "OPENAI_API_KEY"}
    with pytest.raises(RuntimeError, match="OPENAI_API_KEY, which holds the key, is"):
        file_without_a_key(monkeypatch, **named)()


def test_openai_needs_a_key_and_the_service_of_its_variable_may_need_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    own = {"base_url": "https://api.openai.com/v1"}
    for entry in ({}, own):
        with pytest.raises(RuntimeError, match="is not set"):
            file_without_a_key(monkeypatch, **entry)()
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:1/v1")
    assert file_without_a_key(monkeypatch)() == "none"
