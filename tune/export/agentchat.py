"""Export for AutoGen's agentchat: a client class, and a component in JSON."""

from __future__ import annotations

from typing import Any

from tune.export.deployment import Deployment
from tune.export.python_file import (
    MADE_BY,
    Framework,
    address_and_query,
    json_text,
    request_settings,
)
from tune.export.selected import Selected
from tune.providers.openai.access import OPENAI_KEY

AGENTCHAT = Framework(
    title="AutoGen agentchat 0.7",
    install="autogen-agentchat' 'autogen-ext[openai]",
    imports=(
        "from autogen_agentchat.agents import AssistantAgent",
        "from autogen_core.model_context import UnboundedChatCompletionContext",
        "from autogen_core.models import AssistantMessage",
        "from autogen_core.models import SystemMessage",
        "from autogen_core.models import UserMessage",
        "from autogen_ext.models.openai import OpenAIChatCompletionClient",
    ),
    always=True,
    use="""
import tuned_agentchat as tuned

result = await tuned.agent(text="...").run(task=tuned.task(text="..."))
print(tuned.read_answer(result.messages[-1].content))
# The client alone, as a model for any agent:
reply = await tuned.TunedClient().create(tuned.client_messages(text="..."))
""",
    code='''
MODEL_INFO = {
    "vision": False,
    "function_calling": True,
    "json_output": True,
    "structured_output": True,
    "family": "unknown",
}


class TunedClient(OpenAIChatCompletionClient):
    """The tuned model as a client of agentchat; keywords are handed on."""

    component_provider_override = f"{__name__}.TunedClient"

    def __init__(self, **more):
        # The client sends the settings, because agentchat has no name for some of them.
        http = AsyncVotingHttp(N, read_answer, settings={**SETTINGS, **EXTRA_BODY})
        given = {
            "model": MODEL,
            "base_url": BASE_URL,
            "api_key": api_key(),
            "default_headers": from_environment(HEADERS),
            "default_query": from_environment(QUERY),
            "model_info": MODEL_INFO,
            # The search sent no names.
            "include_name_in_message": False,
            **more,
        }
        super().__init__(http_client=http, **{k: v for k, v in given.items() if v is not None})

    def _to_config(self):
        # Nothing is written down: the class holds it all, and the environment holds the key.
        return self.component_config_schema(model=MODEL)


def client_messages(**inputs):
    """Return the messages of the tuned prompt for `TunedClient().create`."""
    found = []
    for one in messages(**inputs):
        if one["role"] in ("system", "developer"):
            found.append(SystemMessage(content=one["content"]))
        elif one["role"] == "assistant":
            found.append(AssistantMessage(content=one["content"], source="assistant"))
        else:
            found.append(UserMessage(content=one["content"], source="user"))
    return found


def agent(name="assistant", *, options=None, **inputs):
    """Return an agent that has seen all messages of the prompt but the last one."""
    context = UnboundedChatCompletionContext(initial_messages=client_messages(**inputs)[:-1])
    return AssistantAgent(
        name,
        TunedClient(),
        model_context=context,
        # It stands among the messages.
        system_message=None,
        **(options or {}),
    )


def task(**inputs):
    """Return the last message of the prompt, which is the agent's task."""
    return messages(**inputs)[-1]["content"]
''',
)

_COMPONENT_SETTINGS = (
    "temperature",
    "top_p",
    "max_tokens",
    "stop",
    "seed",
    "frequency_penalty",
    "presence_penalty",
)
"""Settings that a component's JSON keeps; it drops every other one without a word."""


def component(selected: Selected, deployment: Deployment, module: str) -> str:
    """Return the component for `ChatCompletionClient.load_component`, as JSON.

    It names the framework's own client if that can hold every setting, and else our class.
    """
    named, others = request_settings(deployment)
    kept = {name: named[name] for name in _COMPONENT_SETTINGS if name in named}
    address, query = address_and_query(deployment)
    # A component has no query, and headers may be secret.
    plain = not deployment.headers and not query
    holds_all = kept == named and not others and plain
    # A component names no variable, and has no placeholder for one that is not set.
    own_key = deployment.key_env not in ("", OPENAI_KEY)
    open_key = bool(deployment.key_env) and deployment.key_is_optional
    if selected.n > 1 or own_key or open_key or not holds_all:
        return _component(
            f"{module}.TunedClient",
            {"model": deployment.model},
            f"{MADE_BY}: {selected.provenance}. The class is in {module}.py, which must be "
            "importable; it reads the key from the environment.",
        )
    config: dict[str, Any] = {"model": deployment.model, **kept}
    if address is not None:
        config["base_url"] = address
    if not deployment.key_env:
        config["api_key"] = "none"
    config["include_name_in_message"] = False
    config["model_info"] = {
        "vision": False,
        "function_calling": True,
        "json_output": True,
        "structured_output": True,
        "family": "unknown",
    }
    return _component(
        "autogen_ext.models.openai.OpenAIChatCompletionClient",
        config,
        f"{MADE_BY}: {selected.provenance}. {_key_sentence(deployment)}",
    )


def _key_sentence(deployment: Deployment) -> str:
    if not deployment.key_env:
        return "No key is sent."
    return f"The key is read from {deployment.key_env}."


def _component(provider: str, config: dict[str, Any], description: str) -> str:
    return json_text(
        {
            "provider": provider,
            "component_type": "model",
            "version": 1,
            "component_version": 1,
            "description": description,
            "label": "tuned",
            "config": config,
        }
    )
