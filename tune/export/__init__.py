"""Exports of a configuration to agent frameworks. No exported file holds a key."""

from tune.export.autogen import TAG, llm_config, oai_config_list
from tune.export.deployment import (
    CapName,
    Deployment,
    is_deployable,
    not_deployable_note,
    notes,
    single_answer_note,
    usual_cap,
)
from tune.export.make import EXPORTS, Export, export_name, make_export
from tune.export.selected import LimitBroken

__all__ = [
    "EXPORTS",
    "TAG",
    "CapName",
    "Deployment",
    "Export",
    "LimitBroken",
    "export_name",
    "is_deployable",
    "llm_config",
    "make_export",
    "not_deployable_note",
    "notes",
    "oai_config_list",
    "single_answer_note",
    "usual_cap",
]
