"""Exports for AutoGen classic and AG2 classic: `llm_config`, `OAI_CONFIG_LIST` and a code snippet.

The rules were read from `autogen` 0.14 and tested with it (benchmarks/agents/). Beside
`config_list`, an `llm_config` may hold temperature, top_p, max_tokens and few others, and refuses
the rest. An entry accepts any name and passes unknown ones to the `openai` package, which refuses
everything but parameters of chat completions. Both refuse temperatures above 1. All refused
settings go into the entry's `extra_body`, which becomes part of the request unchanged.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from tune.errors import InputError
from tune.export.deployment import Deployment, is_deployable
from tune.providers.openai.access import OPENAI_KEY

TAG = "tune"
"""The tag of every exported entry: `filter_dict={"tags": ["tune"]}` finds them."""

# Parameters of chat completions that an entry passes on by name, whatever their value.
_PASSED_ON = frozenset(
    {
        "frequency_penalty",
        "logprobs",
        "presence_penalty",
        "seed",
        "service_tier",
        "store",
        "top_logprobs",
    }
)
# The `openai` package lists the values of these two; a newer value has to go around it.
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh")
_VERBOSITIES = ("low", "medium", "high")


def llm_config(
    deployment: Deployment, *, environ: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the dictionary for `AssistantAgent(llm_config=...)`.

    Args:
        deployment: the configuration to export.
        environ: where to look up the key, such as `os.environ`. The dictionary then holds the key,
            so keep it in memory. Without it there is no key: the `openai` package itself reads
            `OPENAI_API_KEY`, and any other variable is written as `${NAME}`, for
            `os.path.expandvars`.

    Raises:
        InputError: an agent cannot use the configuration, or `environ` lacks the variable.
    """
    entry = _entry(deployment, environ)
    # Of all settings, AutoGen takes these beside the list; the others stay in the entry.
    shared: dict[str, Any] = {}
    for name in ("temperature", "top_p", "max_tokens"):
        if name in entry:
            shared[name] = entry.pop(name)
    # Without cache_seed AutoGen 0.2 answers from a cache, and a temperature would change nothing.
    return {"config_list": [entry], **shared, "cache_seed": None}


def oai_config_list(*deployments: Deployment) -> str:
    """Return the text of an `OAI_CONFIG_LIST` file: one entry for each deployment, and no key.

    Raises:
        InputError: an agent cannot use one of the configurations.
    """
    # Without an environment there is no key: this file may be committed or sent.
    entries = [_entry(deployment, None) for deployment in deployments]
    return json.dumps(entries, indent=2, ensure_ascii=False) + "\n"


def snippet(deployment: Deployment) -> str:
    """Return Python lines that make an agent of the deployment.

    Raises:
        InputError: an agent cannot use the configuration.
    """
    settings = llm_config(deployment)
    lines = ["import autogen", "", f"llm_config = {_literal(settings)}"]
    # AutoGen does not replace variables in a key itself.
    if "${" in settings["config_list"][0].get("api_key", ""):
        lines = ["import os", "", *lines]
        lines.append('entry = llm_config["config_list"][0]')
        lines.append('entry["api_key"] = os.path.expandvars(entry["api_key"])')
    arguments = "llm_config=llm_config"
    # Every text goes in by repr: a template cannot end its literal and become code.
    if deployment.system_message:
        arguments += f", system_message={deployment.system_message!r}"
    lines.append(f'agent = autogen.AssistantAgent("assistant", {arguments})')
    if deployment.template:
        lines.append(
            f"template = {deployment.template!r}"
            "  # a message, with an example's inputs in the braces"
        )
    return "\n".join(lines) + "\n"


def _literal(value: dict[str, Any]) -> str:
    """Return a dictionary as Python source, one top-level item per line."""
    items = [f"    {name!r}: {inner!r},\n" for name, inner in value.items()]
    return "{\n" + "".join(items) + "}"


def _entry(deployment: Deployment, environ: Mapping[str, str] | None) -> dict[str, Any]:
    """Return one entry of a config list, with every setting in it."""
    config = deployment.config
    _refuse_undeployable(deployment)
    price = deployment.price
    entry: dict[str, Any] = {"model": deployment.model}
    entry |= _place(deployment)
    entry |= _key(deployment, environ)
    # AutoGen counts dollars per thousand tokens. The division adds noise in the 17th digit, which
    # rounding takes away.
    entry["price"] = [round(price.input / 1000, 15), round(price.output / 1000, 15)]
    tags = [TAG, config.model, *deployment.tags]
    # AutoGen sums this price up as money. The tag says that nobody is billed.
    if price.notional:
        tags.append("notional-price")
    entry["tags"] = list(dict.fromkeys(tags))
    # Some models refuse `max_tokens` and take the same cap under another name.
    entry[deployment.cap] = config.max_tokens
    if config.stop:
        entry["stop"] = list(config.stop)
    extra: dict[str, Any] = {}
    for name, value in deployment.settings.items():
        if _passes(name, value):
            entry[name] = value
        else:
            extra[name] = value
    # An empty extra_body would be one more key that a reader has to understand.
    if extra:
        entry["extra_body"] = extra
    return entry


def _place(deployment: Deployment) -> dict[str, Any]:
    """Return where the entry's calls go: an address, and Azure's fields for a deployment there.

    AutoGen's client for Azure puts the deployment and the version into each address itself, and
    its other clients would put their path behind the version.
    """
    place: dict[str, Any] = {}
    query = _named(deployment.query)
    if deployment.url is not None:
        parts = urlsplit(deployment.url)
        address = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
        endpoint, is_azure, name = address.partition("/openai/deployments/")
        query = dict(parse_qsl(parts.query)) | query
        if is_azure:
            place |= {"model": unquote(name.rstrip("/")), "api_type": "azure"}
            place["api_version"] = query.pop("api-version", "")
            address = endpoint
        place["base_url"] = address
    if query:
        place["default_query"] = query
    if deployment.headers:
        place["default_headers"] = _named(deployment.headers)
    return place


def _named(values: Mapping[str, str | Mapping[str, str]]) -> dict[str, str]:
    """Return headers or a query with `${NAME}` in the place of what an environment holds."""
    found: dict[str, str] = {}
    for name, value in values.items():
        found[name] = value if isinstance(value, str) else f"${{{value['env']}}}"
    return found


def _refuse_undeployable(deployment: Deployment) -> None:
    """Refuse a configuration that an agent would call otherwise than it was tuned."""
    config = deployment.config
    if is_deployable(config, raw=deployment.raw):
        return
    trouble = f"n = {config.n} by {config.aggregate!r}"
    if deployment.raw:
        trouble = "a prompt that is no chat"
    raise InputError(
        f"an agent chats and reads one answer per request, but this config has {trouble}: "
        "export the best reading with n = 1 and 'first' of a chat prompt"
    )


def _passes(name: str, value: Any) -> bool:
    """Return True if an entry accepts a setting by its own name."""
    # AutoGen's own check stops at 1, although services take temperatures up to 2.
    if name in ("temperature", "top_p"):
        return 0 <= float(value) <= 1
    if name == "reasoning_effort":
        return value in _EFFORTS
    if name == "verbosity":
        return value in _VERBOSITIES
    return name in _PASSED_ON


def _key(deployment: Deployment, environ: Mapping[str, str] | None) -> dict[str, str]:
    """Return the entry's api_key, if it needs one.

    It is left out only for the variable that the `openai` package reads by itself: for any other
    endpoint, leaving it out would send that endpoint OpenAI's key.
    """
    serves_itself = deployment.local and deployment.base_url is None
    # The `openai` package refuses to start without any key, even where the server asks for none.
    if not deployment.key_env or serves_itself:
        return {"api_key": "none"}
    if environ is None:
        if deployment.key_env == OPENAI_KEY:
            return {}
        return {"api_key": f"${{{deployment.key_env}}}"}
    if not environ.get(deployment.key_env):
        raise InputError(
            f"the environment variable {deployment.key_env}, "
            "which holds the endpoint's key, is not set"
        )
    return {"api_key": environ[deployment.key_env]}
