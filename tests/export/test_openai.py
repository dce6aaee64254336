"""The file for the `openai` package calls and reads as it was tuned."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.agents.endpoint import minority_first
from tests.runtime.test_best_json import own_hosts  # noqa: F401 - the fixture
from tests.support.exported import exported, run_file

ANSWER = {"labels": ["billing", "shipping"]}


def options(url: str) -> dict[str, Any]:
    entry = {
        "model": "qwen",
        "base_url": url,
        "price": [1, 2],
        "key_env": "OTHER_KEY",
        "headers": {"X-Title": "t", "X-Account": {"env": "ACCOUNT"}},
    }
    return {"models": {"small": entry}, "answer": ANSWER}


@pytest.mark.parametrize(
    ("values", "answer"),
    [({}, "shipping"), ({"n": 5, "aggregate": "vote"}, "billing")],
    ids=["one", "vote"],
)
def test_it_answers_with_the_tuned_settings_and_the_right_key(
    values: dict[str, Any], answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTHER_KEY", "key-of-another")
    monkeypatch.setenv("ACCOUNT", "account-7")
    with minority_first() as (url, log):
        made = exported("openai", **values, top_k=4, stop=("#",), options=options(url))
        names = run_file(made.text)
        assert names["answer"](text="It was charged twice.") == answer
        names["client"]().close()
        (body,) = log.bodies
        assert (body["model"], body["max_tokens"], body["top_k"]) == ("qwen", 16, 4)
        assert body["stop"] == ["#"]
        assert [one["role"] for one in body["messages"]][:2] == ["system", "user"]
        assert set(log.keys) == {"key-of-another"}
        assert names["from_environment"](names["HEADERS"]) == {
            "X-Title": "t",
            "X-Account": "account-7",
        }


def test_a_prompt_that_is_continued_is_sent_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = exported("openai", prompt="raw").text
    assert "completions.create(prompt=" in text
    assert "chat.completions" not in text
    assert run_file(text)["messages"](text="It")[0]["content"] == "It is"


def test_a_service_that_asks_for_no_key_is_called_without_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The study named no key, and the server is on this machine."""
    with minority_first() as (url, log):
        given = options(url)
        del given["models"]["small"]["key_env"]
        text = exported("openai", options=given).text
        for key in ("", "key-of-openai"):
            monkeypatch.setenv("OPENAI_API_KEY", key)
            names = run_file(text)
            monkeypatch.delenv("ACCOUNT", raising=False)
            with pytest.raises(RuntimeError, match="variable ACCOUNT"):
                names["client"]()
            monkeypatch.setenv("ACCOUNT", "account-7")
            assert names["ask"](text="It was charged twice.")
            names["client"]().close()
        assert list(log.keys) == ["none", "key-of-openai"]
