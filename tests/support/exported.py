"""The content of a `best.json`, and what an exported file does when it is run."""

from __future__ import annotations

import re
import sys
from typing import Any

from tests.runtime.test_best_json import QUALITY, config, plan
from tune.export import Export, make_export
from tune.report.json import FORMAT
from tune.runtime.deployment_record import deployment_record
from tune.space import Config

FEW_SHOT = [
    {"role": "system", "content": 'Be "brief".'},
    {"role": "user", "content": "I like it."},
    {"role": "assistant", "content": "positive"},
    {"role": "user", "content": "{text}"},
]


def best_record(
    single: Config | None = None, options: dict[str, Any] | None = None, **values: Any
) -> dict[str, Any]:
    """Return the content of a `best.json` whose winner has these values.

    Args:
        single: the best configuration with one answer, as the study found it.
        options: of the plan, such as another answer rule.
        values: of the winner.
    """
    given = dict(options or {})
    short = "Label: {text}"
    space = {
        "prompt": {
            "short": short,
            "few": FEW_SHOT,
            "raw": {"text": "{text} is", "raw": True},
        }
    }
    made = plan(**{"space": space, **given})
    winner = config(**{"prompt": "few", **values})
    return {
        "format": FORMAT,
        "config": dict(winner),
        "keeps_limit": None,
        "winner": {"holdout": QUALITY, "tuning": QUALITY},
        "deployment": deployment_record(made, winner, single=single),
        "provenance": {"data": "reviews", "metric": "exact_match", "version": "0.1.0"},
    }


def exported(name: str, **given: Any) -> Export:
    """Return an export of such a `best.json`."""
    return make_export(best_record(**given), name, "best.json")


def run_file(text: str) -> dict[str, Any]:
    """Return the names that an exported Python file defines; tune must not be needed."""
    assert not re.search(r"^(import|from) tune\b(?!d)", text, re.MULTILINE)
    names: dict[str, Any] = {"__name__": "exported"}
    exec(compile(text, "exported.py", "exec"), names)
    assert "exported" not in sys.modules
    return names
