"""The section of the page on using the winner: its settings, its prompt, and agents."""

from __future__ import annotations

import json
import re
from typing import Any

from tune.report.records import Report, plain_config
from tune.report.text import describe_config
from tune.report.use_section import (
    agent_paragraphs,
    can_be_used,
    load_call,
    prompt_inputs,
)

_FIELD = re.compile(r"\{([A-Za-z_]\w{0,40})\}")

MOST_FIELDS = 6
"""Fields in the example of a call."""


def use(report: Report) -> dict[str, Any] | None:
    """Return what a user copies into a program; None without a winner."""
    if report.winner is None:
        return None
    config = report.winner.config
    return {
        "name": describe_config(config),
        "settings": json.dumps(plain_config(config), indent=2, ensure_ascii=False),
        "template": report.template,
        "answer": report.answer,
        "agents": agent_paragraphs(report),
        "load": load_call(report),
        "call": _call(report),
    }


def _call(report: Report) -> str:
    """Return the call in Python; "" if nothing may be used as if it kept the limit."""
    if report.template is None or not can_be_used(report):
        return ""
    # A dict keeps the order, and each field of the template once.
    fields = dict.fromkeys(
        _FIELD.findall(report.template.text) or prompt_inputs(report)
    )
    arguments = ", ".join(f'{name}="..."' for name in list(fields)[:MOST_FIELDS])
    return f"tuned({arguments}).answer"
