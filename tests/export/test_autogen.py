"""Exports: what an agent carries, how it is written, and what never leaves."""

from __future__ import annotations

import inspect
import json
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.resources.chat.completions import Completions

import tune.export as export_package
from benchmarks.agents.endpoint import minority_first
from tests.runtime.test_best_json import own_hosts  # noqa: F401 - the fixture
from tests.support.exported import exported, run_file
from tune.errors import InputError
from tune.export import (
    TAG,
    Deployment,
    llm_config,
    notes,
    oai_config_list,
)
from tune.export.autogen import _PASSED_ON
from tune.pricing.prices import Price
from tune.providers.entries import Entry, read_entries
from tune.providers.openai.access import Access, resolve_access
from tune.space import Config

# What AG2 0.14 takes beside config_list: LLMConfig.__init__ has these keywords and no others.
TOP_LEVEL = {
    "config_list",
    "temperature",
    "top_p",
    "max_tokens",
    "seed",
    "cache_seed",
    "timeout",
    "tools",
}


def config(**values: Any) -> Config:
    return Config(
        {
            "model": "small",
            "prompt": "short",
            "max_tokens": 64,
            "temperature": 0.3,
            **values,
        }
    )


def deployment(**values: Any) -> Deployment:
    base: dict[str, Any] = {
        "config": config(),
        "model": "gpt-4.1-nano",
        "price": Price(0.1, 0.4),
    }
    return Deployment(**{**base, **values})


# --- llm_config


def test_an_llm_config_holds_what_was_tuned() -> None:
    assert llm_config(deployment()) == {
        "config_list": [
            {
                "model": "gpt-4.1-nano",
                "price": [0.0001, 0.0004],
                "tags": ["tune", "small"],
            }
        ],
        "temperature": 0.3,
        "max_tokens": 64,
        "cache_seed": None,
    }


@pytest.mark.parametrize("temperature", [1.05, 1.3, 2.0])
def test_a_temperature_that_the_framework_refuses_travels_in_the_extra_body(
    temperature: float,
) -> None:
    made = llm_config(deployment(config=config(temperature=temperature)))
    assert "temperature" not in made
    assert made["config_list"][0]["extra_body"] == {"temperature": temperature}


@pytest.mark.parametrize("temperature", [0, 0.0, 0.5, 1, 1.0])
def test_a_temperature_that_the_framework_takes_is_named(temperature: float) -> None:
    made = llm_config(deployment(config=config(temperature=temperature)))
    assert made["temperature"] == temperature
    assert "extra_body" not in made["config_list"][0]


def test_what_only_an_entry_takes_is_in_the_entry() -> None:
    tuned = config(
        stop=("\n", "END"),
        frequency_penalty=0.2,
        reasoning_effort="low",
        verbosity="high",
        top_p=0.9,
    )
    made = llm_config(deployment(config=tuned))
    assert set(made) <= TOP_LEVEL
    assert made["top_p"] == 0.9
    entry = made["config_list"][0]
    assert entry["stop"] == ["\n", "END"]
    assert (
        entry["frequency_penalty"],
        entry["reasoning_effort"],
        entry["verbosity"],
    ) == (
        0.2,
        "low",
        "high",
    )
    assert "extra_body" not in entry


def test_what_the_openai_package_or_the_framework_would_refuse_is_in_the_extra_body() -> (
    None
):
    tuned = config(
        top_k=40,
        min_p=0.05,
        repetition_penalty=1.1,
        reasoning_effort="max",
        enable_thinking=False,
    )
    entry = llm_config(deployment(config=tuned))["config_list"][0]
    assert entry["extra_body"] == {
        "top_k": 40,
        "min_p": 0.05,
        "repetition_penalty": 1.1,
        "reasoning_effort": "max",
        "enable_thinking": False,
    }
    assert not {"top_k", "min_p", "reasoning_effort"} & set(entry)


def test_a_setting_named_like_a_client_option_cannot_become_one() -> None:
    entry = llm_config(
        deployment(config=config(timeout=3, api_key="stolen", base_url="elsewhere"))
    )["config_list"][0]
    assert "timeout" not in entry
    assert "api_key" not in entry
    assert "base_url" not in entry


def test_a_setting_that_is_left_to_the_service_is_not_written() -> None:
    made = llm_config(deployment(config=config(temperature=None, top_p=None)))
    assert not {"temperature", "top_p"} & set(made)
    assert "extra_body" not in made["config_list"][0]


def test_every_parameter_passed_on_by_name_is_one_that_the_openai_package_knows() -> (
    None
):
    known = set(inspect.signature(Completions.create).parameters)
    assert known >= _PASSED_ON | {
        "temperature",
        "top_p",
        "max_tokens",
        "max_completion_tokens",
        "stop",
    }
    assert known >= {"reasoning_effort", "verbosity", "extra_body"}


def test_a_model_that_refuses_max_tokens_gets_its_cap_under_the_other_name() -> None:
    made = llm_config(deployment(cap="max_completion_tokens"))
    assert "max_tokens" not in made
    assert made["config_list"][0]["max_completion_tokens"] == 64


settings_values = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.floats(0, 2),
        "top_p": st.floats(0.01, 1),
        "top_k": st.integers(1, 100),
        "presence_penalty": st.floats(-2, 2),
        "reasoning_effort": st.sampled_from(["none", "low", "max"]),
        "seed": st.integers(0, 100),
        "own_setting": st.booleans(),
    },
)


@given(settings_values, st.integers(1, 10**6))
def test_no_value_is_changed_or_lost_on_its_way(
    settings: dict[str, Any], cap: int
) -> None:
    tuned = Config({"model": "m", "prompt": "p", "max_tokens": cap, **settings})
    made = llm_config(deployment(config=tuned))
    entry = made["config_list"][0]
    arrives = {**made, **entry, **entry.get("extra_body", {})}
    assert {name: arrives[name] for name in (*settings, "max_tokens")} == {
        **settings,
        "max_tokens": cap,
    }
    assert 0 <= made.get("temperature", 0) <= 1
    assert json.loads(oai_config_list(deployment(config=tuned)))[0]["max_tokens"] == cap


@pytest.mark.parametrize(
    ("price", "per_thousand"),
    [
        (Price(0.1, 0.4), [0.0001, 0.0004]),
        (Price(15, 75), [0.015, 0.075]),
        (Price(0, 0), [0.0, 0.0]),
    ],
)
def test_prices_are_dollars_per_thousand_tokens(
    price: Price, per_thousand: list[float]
) -> None:
    assert (
        llm_config(deployment(price=price))["config_list"][0]["price"] == per_thousand
    )


# --- what can be carried


@pytest.mark.parametrize("export", [llm_config, oai_config_list])
def test_what_cannot_be_carried_is_refused_with_the_way_out(export: Any) -> None:
    with pytest.raises(
        InputError, match=r"n = 5 by 'vote': export the best reading with n = 1"
    ):
        export(deployment(config=config(n=5, aggregate="vote")))
    with pytest.raises(InputError, match="no chat"):
        export(deployment(raw=True))


def test_the_oracle_is_never_exported() -> None:
    with pytest.raises(InputError):
        llm_config(deployment(config=config(n=1, aggregate="any")))


# --- keys and addresses


def test_no_key_is_written_and_the_environment_variable_is_referred_to() -> None:
    assert "api_key" not in llm_config(deployment())["config_list"][0]
    other = deployment(base_url="https://models.example.test/v1", key_env="OTHER_KEY")
    assert llm_config(other)["config_list"][0]["api_key"] == "${OTHER_KEY}"
    assert "OTHER_KEY" in " ".join(notes(other))
    assert llm_config(deployment(key_env=""))["config_list"][0]["api_key"] == "none"


def test_a_server_that_may_ask_for_no_key_gets_a_placeholder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    here = deployment(base_url="http://localhost:1/v1")
    (entry,) = json.loads(oai_config_list(here))
    assert entry["api_key"] == "none"
    assert llm_config(here, environ={})["config_list"][0]["api_key"] == "none"
    named = deployment(base_url="http://localhost:1/v1", key_named=True)
    known = {"OPENAI_API_KEY": "sk-planted"}
    for made in (llm_config(named), llm_config(here, environ=known)):
        assert "api_key" not in made["config_list"][0]
    assert "api_key" not in llm_config(deployment(), environ={})["config_list"][0]


def test_openais_key_is_not_sent_to_an_endpoint_that_has_its_own() -> None:
    entry = json.loads(
        oai_config_list(
            deployment(base_url="https://models.example.test/v1", key_env="OTHER_KEY")
        )
    )[0]
    assert entry["api_key"], (
        "an entry without api_key makes the openai package send OPENAI_API_KEY"
    )


def test_a_key_is_looked_up_only_when_an_environment_is_handed_over() -> None:
    other = deployment(key_env="OTHER_KEY")
    openais = llm_config(deployment(), environ={"OPENAI_API_KEY": "sk-planted"})
    assert "api_key" not in openais["config_list"][0]
    assert (
        llm_config(other, environ={"OTHER_KEY": "sk-planted"})["config_list"][0][
            "api_key"
        ]
        == "sk-planted"
    )
    assert "sk-planted" not in oai_config_list(other)
    with pytest.raises(InputError, match="OTHER_KEY"):
        llm_config(other, environ={"OTHER_KEY": ""})


@pytest.mark.parametrize(
    "address",
    [
        "https://user:planted@models.example.test/v1",
        "https://models.example.test/v1?token=planted",
        "https://models.example.test/v1#planted",
        "https://planted@models.example.test/v1?api-version=1&key=planted",
    ],
)
def test_what_may_be_secret_in_an_address_is_left_out_and_said(address: str) -> None:
    exported = deployment(base_url=address)
    entry = llm_config(exported)["config_list"][0]
    assert entry["base_url"] == "https://models.example.test/v1"
    # Without its version Azure answers nothing. AutoGen's client sends it apart from the address.
    version = {"api-version": "1"} if "api-version" in address else None
    assert entry.get("default_query") == version
    assert "planted" not in oai_config_list(exported) + " ".join(notes(exported))
    assert any("left out" in note for note in notes(exported))


def test_a_model_that_ran_in_process_names_a_server_to_be_started_and_no_hosted_one() -> (
    None
):
    local = deployment(
        model="local:smollm2", local=True, price=Price(1, 2, source="notional")
    )
    entry = llm_config(local)["config_list"][0]
    assert entry["base_url"].startswith("http://localhost")
    assert entry["api_key"] == "none"
    assert "notional-price" in entry["tags"]
    said = " ".join(notes(local))
    assert "serve it behind" in said
    assert "notional" in said


# --- files and lines


def test_an_oai_config_list_is_found_by_its_tag_and_has_every_setting_inside() -> None:
    text = oai_config_list(
        deployment(tags=("triage",)),
        deployment(config=config(model="large", temperature=1.4), model="big"),
    )
    first, second = json.loads(text)
    assert first["tags"] == [TAG, "small", "triage"]
    assert (first["temperature"], first["max_tokens"]) == (0.3, 64)
    assert second["extra_body"] == {"temperature": 1.4}
    assert [e["model"] for e in (first, second) if TAG in e["tags"]] == [
        "gpt-4.1-nano",
        "big",
    ]
    assert text.endswith("]\n")


def test_tags_are_named_once() -> None:
    assert llm_config(deployment(tags=("small", "tune")))["config_list"][0]["tags"] == [
        "tune",
        "small",
    ]


class Framework:
    """Stands for the framework, which needs an older openai and cannot be installed beside tune."""

    class AssistantAgent:
        def __init__(self, name: str, **parts: Any) -> None:
            self.parts = parts

        def register_model_client(self, model_client_cls: type) -> None:
            (entry,) = self.parts["llm_config"]["config_list"]
            assert entry["model_client_cls"] == model_client_cls.__name__
            self.client = model_client_cls(entry)


def autogen_file(monkeypatch: pytest.MonkeyPatch, **given: Any) -> dict[str, Any]:
    monkeypatch.setitem(sys.modules, "autogen", Framework)
    monkeypatch.setenv("K", "key-of-k")
    return run_file(exported("autogen", **given).text)


def test_the_file_has_the_llm_config_with_the_key_that_is_in_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = autogen_file(monkeypatch, temperature=0.3)
    made = names["assistant"]().parts
    (entry,) = made["llm_config"]["config_list"]
    assert (entry["model"], entry["api_key"]) == ("qwen", "key-of-k")
    assert made["llm_config"]["temperature"] == 0.3
    assert made["system_message"] == 'Be "brief".'
    assert "TunedClient" not in names
    monkeypatch.delenv("K")
    with pytest.raises(RuntimeError, match="the environment variable K"):
        names["llm_config"]()
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    server = {"model": "qwen", "base_url": "http://localhost:1/v1", "price": [1, 2]}
    keyless = autogen_file(monkeypatch, options={"models": {"small": server}})
    assert keyless["llm_config"]()["config_list"][0]["api_key"] == "none"


def test_the_client_class_votes_and_counts_all_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with minority_first() as (url, log):
        models = {"small": {"model": "qwen", "base_url": url, "price": [1, 2]}}
        monkeypatch.setenv("OPENAI_API_KEY", "key-of-openai")
        names = autogen_file(
            monkeypatch,
            n=5,
            aggregate="vote",
            temperature=1.4,
            single=config(max_tokens=64),
            options={
                "models": {"small": {**models["small"], "key_env": "OPENAI_API_KEY"}},
                "answer": {"labels": ["billing", "shipping"]},
            },
        )
        client = names["assistant"]().client
        messages = names["messages"](text="It was charged twice.")
        response = client.create({"messages": messages, "cache_seed": 1})
        client.client.close()
        assert client.message_retrieval(response) == ["Label: billing"]
        (body,) = log.bodies
        assert (body["n"], body["temperature"], body["max_tokens"]) == (5, 1.4, 16)
        assert body["messages"] == messages
        due = (log.prompt_tokens * 1 + log.completion_tokens * 2) / 1e6
        response.cost = client.cost(response)
        assert response.cost == pytest.approx(due)
        assert client.get_usage(response)["completion_tokens"] == log.completion_tokens
        # The settings alone are those of the best configuration with one answer.
        assert names["llm_config"]()["max_tokens"] == 64


def test_a_call_of_a_tool_is_handed_over_as_a_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = autogen_file(monkeypatch, n=5, aggregate="vote")
    client = names["TunedClient"]({})
    message = SimpleNamespace(tool_calls=[1], function_call=None, content=None)
    response = SimpleNamespace(choices=[SimpleNamespace(message=message)])
    assert client.message_retrieval(response) == [message]
    client.client.close()


def test_a_winner_without_a_single_answer_says_that_it_was_not_measured() -> None:
    made = exported("autogen", n=5, aggregate="vote")
    assert any("its quality is not known" in note for note in made.notes)
    (entry,) = json.loads(made.files["OAI_CONFIG_LIST"])
    assert "n" not in entry


def test_what_the_list_cannot_do_is_said() -> None:
    notes = " ".join(exported("autogen", temperature=1.4).notes)
    assert "Temperature 1.4 stands in extra_body" in notes
    assert "AutoGen does not fill in ${K} of OAI_CONFIG_LIST" in notes


def test_an_export_does_not_share_its_lists_with_the_next() -> None:
    first = llm_config(deployment())
    first["config_list"].clear()
    assert llm_config(deployment())["config_list"]


def test_every_public_name_is_there_and_sorted() -> None:
    order = sorted(
        export_package.__all__,
        key=lambda name: (not name.isupper(), name.lower() == name, name),
    )
    assert export_package.__all__ == order
    assert all(hasattr(export_package, name) for name in export_package.__all__)


def test_a_deployment_at_azure_has_the_fields_of_autogens_client_for_it() -> None:
    address = (
        "https://mine.openai.azure.com/openai/deployments/my-gpt?api-version=2024-10-21"
    )
    exported = deployment(model="my-gpt", base_url=address, key_env="AZURE_KEY")
    entry = json.loads(oai_config_list(exported))[0]
    assert {
        name: entry[name] for name in ("model", "api_type", "base_url", "api_version")
    } == {
        "model": "my-gpt",
        "api_type": "azure",
        "base_url": "https://mine.openai.azure.com",
        "api_version": "2024-10-21",
    }


@pytest.mark.parametrize(
    "address",
    [
        None,
        "https://mine.openai.azure.com/openai/deployments/my-gpt?api-version=2024-10-21",
        "https://gateway.example.test/v1?api-version=3",
    ],
)
def test_what_is_exported_is_read_as_the_same_model_with_the_same_settings(
    address: str | None,
) -> None:
    exported = deployment(
        config=config(temperature=1.3, response_format="json", extra_body="cheap"),
        model="my-gpt",
        base_url=address,
        key_env="MY_KEY",
        headers={"X-Title": "tune", "x-team": {"env": "TEAM"}},
        query={"route": "a"},
        values={
            "response_format": {"type": "json_object"},
            "extra_body": {"provider": {"sort": "price"}},
        },
    )
    for written in (json.loads(oai_config_list(exported)), llm_config(exported)):
        (entry,) = read_entries(written).values()
        assert (entry.model, entry.key_env) == ("my-gpt", "MY_KEY")
        assert entry.price == Price(exported.price.input, exported.price.output)
        assert entry.headers == exported.headers
        sent = access_of(entry)
        assert sent.url == access_of(Entry("m", "m", base_url=address)).url
        assert sent.query.get("route") == "a"
        if address is not None:
            assert "api-version" in sent.query
        assert entry.settings["temperature"] == (1.3,)
        assert entry.settings["max_tokens"] == (exported.config.max_tokens,)
        assert entry.settings["response_format"] == ({"type": "json_object"},)
        assert entry.settings["provider"] == ({"sort": "price"},)


def access_of(entry: Entry) -> Access:
    """Return the address that an entry calls."""
    return resolve_access(entry.base_url, "key-of-a-test", None, {}, dict(entry.query))
