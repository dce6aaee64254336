"""Exports for AutoGen classic and AG2 classic: `llm_config`, `OAI_CONFIG_LIST`, a client class.

The rules were read from `autogen` 0.14 and tested with it (benchmarks/agents/). Beside
`config_list`, an `llm_config` may hold temperature, top_p, max_tokens and few others, and refuses
the rest. An entry accepts any name and passes unknown ones to the `openai` package, which refuses
everything but parameters of chat completions. Both refuse temperatures above 1. All refused
settings go into the entry's `extra_body`, which becomes part of the request unchanged.
"""

from __future__ import annotations

import json
import os
import pprint
import textwrap
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from tune.errors import InputError
from tune.export.deployment import Deployment, is_deployable
from tune.export.python_file import Framework, key_needed
from tune.providers.entries import LISTED_KEY
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

AUTOGEN = Framework(
    title="AutoGen classic and AG2 classic",
    install="autogen[openai]' or 'pyautogen",
    imports=("import autogen", "import openai"),
    clients=("VotingHttp",),
    use="""
import tuned_autogen as tuned

agent = tuned.assistant()
user = autogen.UserProxyAgent("user", human_input_mode="NEVER")
chat = tuned.begin(user, agent, {"text": "..."})
# One answer for each request, by settings alone:
autogen.AssistantAgent("assistant", llm_config=tuned.llm_config())
""",
    code='''
def llm_config():
    """Return the `llm_config` of the best configuration with one answer. It holds your key."""
    found = json.loads(json.dumps(LLM_CONFIG))
    (entry,) = found["config_list"]
    # AutoGen sends a key as it stands in a list, so variables are read here.
    entry["api_key"] = api_key(LLM_KEY_ENV, LLM_KEY_NEEDED)
    for part in ("default_headers", "default_query"):
        for name, value in entry.get(part, {}).items():
            entry[part][name] = os.path.expandvars(value)
    return found


def voting_config():  # voting
    """Return the `llm_config` of the winner, for agents that have `TunedClient`."""  # voting
    entry = {"model": MODEL, "model_client_cls": "TunedClient", "tags": TAGS}  # voting
    return {"config_list": [entry], "cache_seed": None}  # voting
  # voting
  # voting
def assistant(name="assistant", **more):
    """Return an agent with the winner and its system message."""
    # Without one, AutoGen would send a long system message of its own, which was not tuned.
    more.setdefault("system_message", SYSTEM_MESSAGE or "")
    agent = autogen.AssistantAgent(name, llm_config=voting_config(), **more)  # voting
    agent.register_model_client(model_client_cls=TunedClient)  # voting
    return agent  # voting
    return autogen.AssistantAgent(name, llm_config=llm_config(), **more)  # one


def begin(user, agent, inputs, **more):
    """Let a user agent begin a conversation with the tuned prompt; its earlier turns are history.

    Further keywords go to `initiate_chat`.
    """
    *before, last = later_messages(**inputs)
    for turn in before:
        if turn["role"] in ("system", "developer"):
            agent.update_system_message(turn["content"])
            continue
        speakers = (agent, user) if turn["role"] == "assistant" else (user, agent)
        speakers[0].send(turn["content"], speakers[1], request_reply=False, silent=True)
    return user.initiate_chat(agent, message=last["content"], clear_history=False, **more)
''',
)

_CLIENT = '''\
EMPTY = {"content": "", "role": "system"}


class TunedClient:
    """A model client of AutoGen that asks several times and hands back the voted answer."""

    def __init__(self, config, **options):
        self.client = openai.OpenAI(
            base_url=BASE_URL,
            api_key=api_key(),
            default_headers=from_environment(HEADERS),
            default_query=from_environment(QUERY),
            http_client=VotingHttp(N, read_answer),
        )

    def create(self, params):
        """Return the response of the service, with the voted answer as its only choice."""
        asked = {}
        for name in ("messages", "tools", "tool_choice", "functions", "response_format"):
            if params.get(name):
                asked[name] = params[name]
        # An agent without a system message has an empty one.
        asked["messages"] = [one for one in asked["messages"] if one != EMPTY]
        return self.client.chat.completions.create(
            model=MODEL, **asked, **SETTINGS, extra_body=EXTRA_BODY
        )

    def message_retrieval(self, response):
        """Return the texts of the choices; a message as a whole where it calls tools."""
        found = []
        for choice in response.choices:
            message = choice.message
            calls = message.tool_calls or message.function_call
            found.append(message if calls else message.content)
        return found

    def cost(self, response):
        """Return the dollars of all answers."""
        usage = response.usage
        dollars = usage.prompt_tokens * PRICE[0] + usage.completion_tokens * PRICE[1]
        return dollars / 1e6

    @staticmethod
    def get_usage(response):
        """Return the tokens of all answers."""
        usage = response.usage
        return {
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "total_tokens": usage.total_tokens,
            "cost": response.cost,
            "model": response.model,
        }
'''


def client_class() -> str:
    """Return the code of the client class, which votes."""
    return _CLIENT


def constants(winner: Deployment, single: Deployment) -> str:
    """Return what the file for AutoGen has besides the constants of every file."""
    settings = llm_config(single)
    settings["config_list"][0].pop("api_key", None)
    price = [winner.price.input, winner.price.output]
    values = {
        "LLM_CONFIG": settings,
        "LLM_KEY_ENV": single.key_env,
        "TAGS": [TAG, winner.config.model],
        "PRICE": price,
    }
    lines = []
    for name, value in values.items():
        literal = pprint.pformat(value, width=80, sort_dicts=False)
        lines.append(f"{name} = {literal}")
    lines.append(f"LLM_KEY_NEEDED = {key_needed(single)}")
    return textwrap.dedent("\n".join(["", "", "", *lines]))


def llm_config(
    deployment: Deployment, *, environ: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the dictionary for `AssistantAgent(llm_config=...)`.

    Args:
        deployment: the configuration to export.
        environ: where to look up the key, such as `os.environ`. The dictionary then holds the key,
            so keep it in memory. Without it the variable is written as `${NAME}`. `OPENAI_API_KEY`
            is left out, because the `openai` package reads it by itself.

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


def _entry(deployment: Deployment, environ: Mapping[str, str] | None) -> dict[str, Any]:
    """Return one entry of a config list, with every setting in it."""
    config = deployment.config
    _refuse_undeployable(deployment)
    price = deployment.price
    entry: dict[str, Any] = {"model": deployment.model}
    entry |= _place(deployment, environ)
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


def _place(deployment: Deployment, environ: Mapping[str, str] | None) -> dict[str, Any]:
    """Return where the entry's calls go: an address, and Azure's fields for a deployment there.

    AutoGen's client for Azure puts the deployment and the version into each address itself, and
    its other clients would put their path behind the version.
    """
    place: dict[str, Any] = {}
    query = _named(deployment.query, environ)
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
        place["default_headers"] = _named(deployment.headers, environ)
    return place


def _named(
    values: Mapping[str, str | Mapping[str, str]], environ: Mapping[str, str] | None
) -> dict[str, str]:
    """Return headers or a query; `${NAME}` stands for a variable where no environment is given."""
    found: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, str):
            found[name] = value
        elif environ is None:
            found[name] = f"${{{value['env']}}}"
        else:
            found[name] = _look_up(value["env"], environ)
    return found


def _look_up(variable: str, environ: Mapping[str, str]) -> str:
    """Return the value of a variable that holds a secret.

    Raises:
        InputError: it is not set.
    """
    value = environ.get(variable)
    if not value:
        raise InputError(
            f"the environment variable {variable}, which holds the endpoint's key, is not set"
        )
    return value


def _refuse_undeployable(deployment: Deployment) -> None:
    """Refuse a configuration that an agent would call otherwise than it was tuned."""
    config = deployment.config
    if is_deployable(config, raw=deployment.raw, made_by=deployment.made_by):
        return
    trouble = f"n = {config.n} by {config.aggregate!r}"
    if deployment.raw:
        trouble = "a prompt that is no chat"
    elif deployment.made_by:
        trouble = f"a prompt that the function {deployment.made_by} makes"
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
    if deployment.key_env == OPENAI_KEY:
        known = os.environ if environ is None else environ
        if deployment.key_is_optional and not known.get(OPENAI_KEY):
            return {"api_key": "none"}
        # The package reads this one by itself.
        return {}
    stayed_in_memory = deployment.key_env == LISTED_KEY
    if environ is None or (stayed_in_memory and LISTED_KEY not in environ):
        return {"api_key": f"${{{deployment.key_env}}}"}
    return {"api_key": _look_up(deployment.key_env, environ)}
