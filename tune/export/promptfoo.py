"""Export for promptfoo: a provider and a prompt in YAML."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from tune.export.deployment import Deployment
from tune.export.python_file import MADE_BY, request_settings
from tune.export.selected import Selected

# Settings that promptfoo has a name for; all others are passed through.
_NAMED = frozenset(
    {
        "temperature",
        "top_p",
        "max_tokens",
        "max_completion_tokens",
        "stop",
        "seed",
        "frequency_penalty",
        "presence_penalty",
        "reasoning_effort",
    }
)


def promptfoo(
    selected: Selected, deployment: Deployment, cautions: Sequence[str]
) -> str:
    """Return the YAML of a configuration file, without its tests."""
    named, others = request_settings(deployment)
    config: dict[str, Any] = {}
    if deployment.url is not None:
        config["apiBaseUrl"] = deployment.url
    # Without it, promptfoo reads OPENAI_API_KEY and sends that key to whatever host.
    config["apiKeyEnvar"] = deployment.key_env or "TUNE_NO_KEY"
    if deployment.key_is_optional:
        config["apiKeyRequired"] = False
    passed = dict(others)
    for name, value in named.items():
        target = config if name in _NAMED else passed
        target[name] = value
    if deployment.headers:
        config["headers"] = _headers(deployment)
    if passed:
        config["passthrough"] = passed
    provider = {
        "id": f"openai:chat:{deployment.model}",
        "label": f"tuned {deployment.config.model}",
        "config": config,
    }
    prompt = {
        "id": f"tuned-{deployment.config.prompt}",
        "label": deployment.config.prompt,
        # promptfoo reads JSON as chat messages, and fills the fields of each.
        "raw": _messages(deployment.turns),
    }
    said = [f"{MADE_BY} for promptfoo: {selected.provenance}. It holds no key."]
    lines = []
    for sentence in (*said, *cautions):
        lines += textwrap.wrap(sentence, 96)
    comments = "".join(f"# {line}\n" for line in lines)
    return comments + _yaml({"providers": [provider], "prompts": [prompt]})


def no_temperature(deployment: Deployment) -> list[str]:
    """Return the sentence on promptfoo's own temperature, where none was tuned."""
    if "temperature" in deployment.config.settings:
        return []
    return [
        "No temperature was tuned, and promptfoo may send one of its own (0) in place of the "
        "service's default."
    ]


def _headers(deployment: Deployment) -> dict[str, str]:
    """Return the headers; promptfoo fills in variables of the environment."""
    found = {}
    for name, value in deployment.headers.items():
        if isinstance(value, str):
            found[name] = value
        else:
            found[name] = "{{env." + value["env"] + "}}"
    return found


def _messages(turns: Sequence[Mapping[str, Any]]) -> str:
    """Return the prompt as the JSON of chat messages, with promptfoo's fields."""
    messages = []
    for turn in turns:
        texts = []
        for part in turn["parts"]:
            if isinstance(part, str):
                texts.append(_literal(part))
            else:
                texts.append("{{" + part["field"] + "}}")
        messages.append({"role": turn["role"], "content": "".join(texts)})
    return json.dumps(messages, ensure_ascii=False, indent=2)


def _literal(text: str) -> str:
    """Return text that promptfoo's templates leave as it is."""
    if "{{" in text or "{%" in text or "{#" in text:
        return "{% raw %}" + text + "{% endraw %}"
    return text


def _yaml(value: Any, indent: str = "") -> str:
    """Return a value in block style; every text is quoted as JSON, which YAML reads too."""
    lines = []
    if isinstance(value, dict):
        for name, inner in value.items():
            if isinstance(inner, dict | list) and inner:
                lines.append(f"{indent}{name}:\n{_yaml(inner, indent + '  ')}")
            else:
                lines.append(f"{indent}{name}: {_scalar(inner)}\n")
        return "".join(lines)
    for inner in value:
        if isinstance(inner, dict):
            text = _yaml(inner, indent + "  ")
            lines.append(f"{indent}- {text.lstrip()}")
        else:
            lines.append(f"{indent}- {_scalar(inner)}\n")
    return "".join(lines)


def _scalar(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
