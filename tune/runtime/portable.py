"""Metrics, answer rules and verifiers in a form that another process can be given."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from tune.task.metrics import Judge, Metric


def portable(spec: Any) -> Any:
    """Return a metric, answer rule or verifier in a form for another process, or None.

    A callable becomes "module:attribute", if it is found again there.
    """
    if spec is None or isinstance(spec, str | int | float | bool):
        return spec
    if isinstance(spec, Mapping):
        return {str(name): portable(inner) for name, inner in spec.items()}
    if isinstance(spec, list | tuple):
        return list(map(portable, spec))
    if isinstance(spec, Judge):
        return _portable_judge(spec)
    return _import_path(spec)


def _portable_judge(judge: Judge) -> dict[str, Any]:
    table = asdict(replace(judge, provider=None))
    for bound in ("name", "provider", "service"):  # they belong to this process
        table.pop(bound)
    return {"name": "judge"} | {name: portable(value) for name, value in table.items()}


def _import_path(thing: Any) -> str | None:
    """Return "module:attribute" of a callable, or None where it is not found again there."""
    module, name = (
        getattr(thing, "__module__", None),
        getattr(thing, "__qualname__", ""),
    )
    if module in (None, "__main__") or not callable(thing) or isinstance(thing, Metric):
        return None
    found = inspect.getmodule(thing)
    if found is None or getattr(found, name, None) is not thing:
        return None
    return f"{module}:{name}"
