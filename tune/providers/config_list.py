"""AutoGen's config lists, as a file named `OAI_CONFIG_LIST` or an `llm_config` has them.

The rules were read from pyautogen 0.2.35 and ag2 0.11: `config_list_from_json`, `filter_config`,
and the clients that `api_type` chooses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from tune.errors import InputError
from tune.pricing.prices import is_pair
from tune.safety.redact import DUMMIES, remember

CONFIG_LIST = "config_list"
"""The key of an `llm_config` that holds its config list."""


class _Service(NamedTuple):
    """The address and the key's variable with which AutoGen calls models of an `api_type`."""

    base_url: str
    key_env: str | None


# The compatible endpoints of the services, with the variables that AutoGen's clients read.
_SERVICES = {
    "anthropic": _Service("https://api.anthropic.com/v1", "ANTHROPIC_API_KEY"),
    "cerebras": _Service("https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
    "cohere": _Service("https://api.cohere.ai/compatibility/v1", "COHERE_API_KEY"),
    "deepseek": _Service("https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    "google": _Service(
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "GOOGLE_GEMINI_API_KEY",
    ),
    "groq": _Service("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    "mistral": _Service("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "ollama": _Service("http://localhost:11434/v1", None),
    "together": _Service("https://api.together.xyz/v1", "TOGETHER_API_KEY"),
}

# These take the address and the key of the entry itself.
_PLAIN_TYPES = ("openai", "open_ai", "openai_v2", "responses")

_AZURE_KEY = "AZURE_OPENAI_API_KEY"

# Fields that say how AutoGen's client works, and nothing of the request.
_OF_THE_CLIENT = frozenset(
    {
        "allow_format_str_template",
        "cache",
        "cache_seed",
        "context",
        "filter_func",
        "hide_tools",
        "max_retries",
        "native_tool_calls",
        "routing_method",
        "seed",
        "stream",
        "tags",
    }
)

# Other names of our fields.
_SAME = {
    "client_host": "base_url",
    "default_headers": "headers",
    "extra_headers": "headers",
    "default_query": "query",
    "extra_query": "query",
    "max_completion_tokens": "max_tokens",
}

_IN_ENVIRONMENT = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


def filter_list(records: Sequence[Any], wanted: Mapping[str, Any]) -> list[Any]:
    """Return the entries of a list that have one of the wanted values in each named field.

    Of a field that is a list, such as `tags`, one common value is enough. None among the wanted
    values also takes entries without the field.

    Raises:
        InputError: no entry is left.
    """
    found: list[Any] = []
    for record in records:
        values = record if isinstance(record, Mapping) else {"model": record}
        if all(_fits(values.get(name), one) for name, one in wanted.items()):
            found.append(record)
    if not found:
        raise InputError(
            f"no entry of the config list has {dict(wanted)}, so there is no model left"
        )
    return found


def _fits(value: Any, wanted: Any) -> bool:
    # AutoGen wants lists. One value alone can only mean a list of it.
    if isinstance(wanted, str) or not isinstance(
        wanted, list | tuple | set | frozenset
    ):
        wanted = [wanted]
    if isinstance(value, list | tuple):
        return any(each in wanted for each in value)
    return value in wanted


def as_list(given: Any) -> Any:
    """Return the config list of an `llm_config`, with the settings beside it in each entry.

    Anything else is returned unchanged.
    """
    if not isinstance(given, Mapping) or CONFIG_LIST not in given:
        return given
    records = given[CONFIG_LIST]
    if not isinstance(records, list | tuple):
        raise InputError(
            f"config_list is a list of entries, but got {type(records).__name__}"
        )
    shared = {name: value for name, value in given.items() if name != CONFIG_LIST}
    # An entry's own value goes before the shared one, as in AutoGen.
    return [
        {**shared, **record} if isinstance(record, Mapping) else record
        for record in records
    ]


def read_entry(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry of a config list with our fields, and its settings under "settings".

    A key in it stays under "api_key", unless it only names a variable: that becomes "key_env". The
    price becomes dollars per million tokens.

    Raises:
        InputError: it asks for something that is not done.
    """
    fields: dict[str, Any] = {}
    for name, value in record.items():
        if name not in _OF_THE_CLIENT and value is not None:
            fields[_SAME.get(name, name)] = value
    for name in ("headers", "query"):
        if isinstance(fields.get(name), Mapping):
            fields[name] = {
                key: _by_variable(value) for key, value in fields[name].items()
            }
    _place_key(fields)
    if is_pair(fields.get("price")):
        # Rounding takes away what the multiplication adds in the 17th digit.
        fields["price"] = [round(1000 * float(part), 12) for part in fields["price"]]
    return fields


def place_endpoint(fields: dict[str, Any]) -> None:
    """Replace api_type, api_version and Azure's names by the address and the variable of a key.

    Raises:
        InputError: the type is unknown, or Azure's address is missing.
    """
    kind = fields.pop("api_type", None) or "openai"
    version = fields.pop("api_version", None)
    for name, header in (
        ("organization", "OpenAI-Organization"),
        ("project", "OpenAI-Project"),
    ):
        if name in fields:
            fields["headers"] = {header: fields.pop(name), **fields.get("headers", {})}
    if not isinstance(kind, str):
        raise InputError(f"api_type is a text, but got {kind!r}")
    if kind.startswith("azure"):
        _place_azure(fields, version)
        return
    if version is not None:
        fields["query"] = {"api-version": version, **fields.get("query", {})}
    if kind in _PLAIN_TYPES:
        return
    if kind not in _SERVICES:
        raise InputError(
            f"the api_type {kind!r} has no OpenAI-compatible endpoint that is known: leave it out "
            f"and name the base_url of one, or of a gateway; known are "
            f"{', '.join(sorted([*_SERVICES, 'azure', 'openai']))}"
        )
    service = _SERVICES[kind]
    if "base_url" in fields:
        # The variable is meant for the service itself, not for any address in a file.
        _check_ollama_path(kind, fields)
        return
    fields["base_url"] = service.base_url
    if service.key_env is not None and "api_key" not in fields:
        fields.setdefault("key_env", service.key_env)


def _check_ollama_path(kind: str, fields: dict[str, Any]) -> None:
    # AutoGen's client names the server alone, since it speaks Ollama's own protocol.
    url = fields["base_url"]
    if (
        kind == "ollama"
        and isinstance(url, str)
        and not url.rstrip("/").endswith("/v1")
    ):
        fields["base_url"] = f"{url.rstrip('/')}/v1"


def _place_azure(fields: dict[str, Any], version: Any) -> None:
    """Set the address of a deployment at Azure, in the form that its client calls.

    See https://learn.microsoft.com/azure/ai-foundry/openai/reference.
    """
    endpoint = fields.pop("azure_endpoint", None) or fields.get("base_url")
    deployment = fields.pop("azure_deployment", None) or fields.get("model")
    if fields.pop("azure_ad_token_provider", None) is not None:
        raise InputError(
            "azure_ad_token_provider lives in a client: in Python, give "
            "{NAME: {'client': openai.AsyncAzureOpenAI(...)}} in place of the entry"
        )
    if not isinstance(endpoint, str) or not isinstance(deployment, str):
        raise InputError(
            "an entry with api_type azure needs base_url, as in https://NAME.openai.azure.com, "
            "and model, the name of the deployment"
        )
    url = endpoint.rstrip("/")
    has_path = "/deployments/" in url or url.endswith("/openai/v1")
    if not has_path:
        url = f"{url.removesuffix('/openai')}/openai/deployments/{quote(deployment)}"
    if version is None and "api-version=" not in url and "/openai/v1" not in url:
        raise InputError(
            "an entry with api_type azure needs api_version, as in 2024-10-21, or the address of "
            "Azure's v1 interface, https://NAME.openai.azure.com/openai/v1"
        )
    if version is not None and "api-version=" not in url:
        url = f"{url}?api-version={version}"
    fields["base_url"] = url
    if "api_key" not in fields:
        fields.setdefault("key_env", _AZURE_KEY)


def _by_variable(value: Any) -> Any:
    """Return a header's value as an entry has it: `${NAME}` names a variable."""
    named = _IN_ENVIRONMENT.fullmatch(value) if isinstance(value, str) else None
    return value if named is None else {"env": named[1] or named[2]}


def _place_key(fields: dict[str, Any]) -> None:
    """Keep a key, or put the variable that it names under "key_env"."""
    token = fields.pop("azure_ad_token", None)
    key = fields.pop("api_key", token)
    if key is None:
        return
    # ag2 wraps keys in pydantic's SecretStr.
    if hasattr(key, "get_secret_value"):
        key = key.get_secret_value()
    if not isinstance(key, str):
        raise InputError("api_key is a text, but got something else")
    named = _IN_ENVIRONMENT.fullmatch(key.strip())
    if named is not None:
        fields.setdefault("key_env", named[1] or named[2])
    elif key.strip() and key.strip().lower() not in DUMMIES:
        remember([key.strip()])
        fields["api_key"] = key.strip()
