"""Hand a configuration to the frameworks that shall use it. No file that is exported holds a key."""

from collections.abc import Callable
from typing import Any

from tune.export.autogen import TAG, llm_config, oai_config_list, snippet
from tune.export.deployment import Deployment, addition, carriable, notes, obstacle

EXPORTERS: dict[str, Callable[[Deployment], dict[str, Any] | str]] = {
    "llm_config": llm_config,
    "oai_config_list": oai_config_list,
    "snippet": snippet,
}
"""What can be exported, by name: each takes a `Deployment` and gives text, or a dictionary to be
written as JSON.
"""

__all__ = [
    "EXPORTERS",
    "TAG",
    "Deployment",
    "addition",
    "carriable",
    "llm_config",
    "notes",
    "oai_config_list",
    "obstacle",
    "snippet",
]
