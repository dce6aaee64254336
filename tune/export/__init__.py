"""Exports of a configuration to agent frameworks. No exported file holds a key."""

from collections.abc import Callable
from typing import Any

from tune.export.autogen import TAG, llm_config, oai_config_list, snippet
from tune.export.deployment import (
    Deployment,
    is_deployable,
    not_deployable_note,
    notes,
    single_answer_note,
)

EXPORTERS: dict[str, Callable[[Deployment], dict[str, Any] | str]] = {
    "llm_config": llm_config,
    "oai_config_list": oai_config_list,
    "snippet": snippet,
}
"""Exports by name: each takes a `Deployment` and gives text, or a dictionary for JSON."""

__all__ = [
    "EXPORTERS",
    "TAG",
    "Deployment",
    "is_deployable",
    "llm_config",
    "not_deployable_note",
    "notes",
    "oai_config_list",
    "single_answer_note",
    "snippet",
]
