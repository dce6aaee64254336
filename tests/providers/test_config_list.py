"""AutoGen's config lists as a source of models: what is read, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tune.errors import InputError
from tune.pricing.prices import Price
from tune.providers.config_list import as_list, filter_list, read_entry
from tune.providers.entries import Entry, read_entries

KEY = "sk-planted-0123456789abcdef"


def only(*records: Any) -> Entry:
    (entry,) = read_entries(list(records)).values()
    return entry


def test_entries_are_filtered_as_autogen_does_it() -> None:
    records = [
        {"model": "a", "tags": ["cheap", "eu"]},
        {"model": "b", "tags": ["cheap"], "api_type": "azure"},
        {"model": "c"},
    ]

    def left(**wanted: Any) -> list[str]:
        return [record["model"] for record in filter_list(records, wanted)]

    assert left(tags=["eu", "us"]) == ["a"]
    assert left(model=["a", "c"]) == ["a", "c"]
    assert left(model="c") == ["c"], "a text is one value, not its letters"
    assert left(api_type=[None, "openai"]) == ["a", "c"]
    assert left(tags=["cheap"], api_type=["azure"]) == ["b"]
    with pytest.raises(InputError, match="no model left"):
        left(model=["d"])


def test_an_llm_config_is_its_list_with_the_shared_settings() -> None:
    given = {
        "config_list": [{"model": "a"}, {"model": "b", "temperature": 0}],
        "temperature": 1,
    }
    assert as_list(given) == [
        {"temperature": 1, "model": "a"},
        {"temperature": 0, "model": "b"},
    ]
    assert as_list({"a": {}}) == {"a": {}}


def test_a_key_stays_in_memory_and_is_shown_nowhere() -> None:
    entry = only({"model": "m", "base_url": "http://h/v1", "api_key": KEY})
    assert entry.api_key == KEY
    assert entry.variables == ()
    assert KEY not in repr(entry)


@pytest.mark.parametrize("written", ["${MY_KEY}", "$MY_KEY"])
def test_a_key_that_names_a_variable_becomes_its_name(written: str) -> None:
    entry = only({"model": "m", "base_url": "http://h/v1", "api_key": written})
    assert (entry.api_key, entry.key_env) == (None, "MY_KEY")


def test_a_key_for_a_server_that_asks_for_none_is_no_key() -> None:
    entry = only(
        {"model": "m", "base_url": "http://localhost:1/v1", "api_key": "ollama"}
    )
    assert (entry.api_key, entry.key_env) == (None, None)


def test_a_deployment_at_azure_has_its_address_and_its_version() -> None:
    entry = only(
        {
            "model": "my-gpt",
            "api_type": "azure",
            "base_url": "https://mine.openai.azure.com/",
            "api_version": "2024-10-21",
            "api_key": KEY,
        }
    )
    assert (
        entry.base_url
        == "https://mine.openai.azure.com/openai/deployments/my-gpt?api-version=2024-10-21"
    )
    v1 = only(
        {
            "model": "my-gpt",
            "api_type": "azure",
            "azure_endpoint": "https://mine.openai.azure.com/openai/v1",
        }
    )
    assert v1.base_url == "https://mine.openai.azure.com/openai/v1"
    assert v1.key_env == "AZURE_OPENAI_API_KEY", (
        "the variable that AutoGen's client reads"
    )


@pytest.mark.parametrize(
    ("kind", "url", "variable"),
    [
        ("anthropic", "https://api.anthropic.com/v1", "ANTHROPIC_API_KEY"),
        (
            "google",
            "https://generativelanguage.googleapis.com/v1beta/openai",
            "GOOGLE_GEMINI_API_KEY",
        ),
        ("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY"),
        ("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
        ("deepseek", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
        ("ollama", "http://localhost:11434/v1", None),
        ("openai", None, None),
    ],
)
def test_an_api_type_is_the_compatible_endpoint_of_its_service(
    kind: str, url: str | None, variable: str | None
) -> None:
    entry = only({"model": "m", "api_type": kind})
    assert (entry.base_url, entry.key_env) == (url, variable)


def test_the_variable_of_a_service_goes_to_no_other_address() -> None:
    entry = only(
        {"model": "m", "api_type": "anthropic", "base_url": "https://gw.test/v1"}
    )
    assert entry.key_env is None
    server = only(
        {"model": "m", "api_type": "ollama", "client_host": "http://box:11434"}
    )
    assert server.base_url == "http://box:11434/v1"


def test_the_settings_of_an_entry_are_fixed_and_what_the_client_reads_is_left_out() -> (
    None
):
    entry = only(
        {
            "model": "m",
            "temperature": 0.3,
            "max_completion_tokens": 64,
            "stop": ["a", "b"],
            "cache_seed": 41,
            "tags": ["x"],
            "extra_body": {"verbosity": "low", "provider": {"order": ["azure"]}},
            "default_headers": {"X-Title": "tune", "x-key": "${OTHER}"},
            "default_query": {"route": "a"},
        }
    )
    assert entry.settings == {
        "temperature": (0.3,),
        "max_tokens": (64,),
        "stop": (["a", "b"],),
        "verbosity": ("low",),
        "provider": ({"order": ["azure"]},),
    }
    assert entry.headers == {"X-Title": "tune", "x-key": {"env": "OTHER"}}
    assert entry.query == {"route": "a"}


def test_several_entries_for_one_model_are_one() -> None:
    entry = only(
        {"model": "m", "base_url": "http://a/v1", "api_key": KEY, "temperature": 0},
        {"model": "m", "base_url": "http://a/v1", "api_key": f"{KEY}2"},
        {"model": "m", "base_url": "http://a/v1", "api_key": KEY, "temperature": 1},
    )
    assert [place.api_key for place in entry.places] == [KEY, f"{KEY}2"]
    assert entry.settings == {"temperature": (0, None, 1)}
    two = read_entries(
        [
            {"model": "east", "alias": "gpt", "base_url": "http://a/v1"},
            {"model": "west", "alias": "gpt", "base_url": "http://b/v1"},
        ]
    )["gpt"]
    assert [place.model for place in two.places] == ["east", "west"]


def test_a_price_is_per_thousand_tokens() -> None:
    assert only({"model": "m", "price": [0.0001, 0.0004]}).price == Price(0.1, 0.4)
    assert read_entry({"model": "m", "price": [0.002, 0.006]})["price"] == [2.0, 6.0]


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ([{"model": "m", "api_type": "bedrock"}], "'bedrock' has no OpenAI-compatible"),
        ([{"model": "m", "api_type": 7}], "api_type is a text"),
        ([{"model": "m", "api_type": "azure"}], "needs base_url"),
        (
            [
                {
                    "model": "m",
                    "api_type": "azure",
                    "base_url": "https://x.openai.azure.com",
                }
            ],
            "needs api_version",
        ),
        ([{"base_url": "http://h/v1"}], "needs the name of its model"),
        ([{"model": 5}], "needs the name of its model"),
        (
            [{"model": "m", "base_url": 5}],
            "base_url in the entry of model 'm' is a text",
        ),
        ([{"model": "m", "api_key": 5}], "api_key is a text"),
        ([{"model": "m", "timeout": "long"}], "timeout .* is a number above 0"),
        ([{"model": "m", "default_headers": "x"}], "headers .* is a table"),
        (
            [{"model": "m", "extra_body": {"max_tokens": 9}}],
            "has max_tokens, which tune",
        ),
        (
            [{"model": "m", "price": [1, 1]}, {"model": "m", "price": [2, 2]}],
            "different prices",
        ),
        (
            [{"model": "m", "name": "n"}, {"model": "o", "name": "n"}],
            "names that differ",
        ),
        ([7], "got int"),
        ({"config_list": "x"}, "config_list is a list"),
        (
            [
                {
                    "model": "m",
                    "api_type": "azure",
                    "base_url": "https://x.openai.azure.com",
                    "azure_ad_token_provider": "DEFAULT",
                }
            ],
            "AsyncAzureOpenAI",
        ),
    ],
)
def test_a_list_that_cannot_be_is_one_sentence(records: Any, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        read_entries(records)
    assert "\n" not in str(caught.value)


def test_a_key_is_refused_where_others_may_read_it() -> None:
    with pytest.raises(InputError, match="a key stands in the list") as caught:
        read_entries([{"model": "m", "api_key": KEY}], keys=False)
    assert KEY not in str(caught.value)


def test_places_with_a_limit_each_have_it_together() -> None:
    place = {"model": "m", "base_url": "http://a/v1", "requests_per_minute": 60}
    other = {**place, "api_key": KEY}
    assert only(place, other).requests_per_minute == 120
    assert (
        only(place, {**other, "requests_per_minute": None}).requests_per_minute is None
    )
