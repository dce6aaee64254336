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
    # asdict copies deeply, and a provider with its open connections cannot be copied.
    table = asdict(replace(judge, provider=None))
    # These belong to this process: the other one connects its own provider.
    for bound in ("name", "provider", "service"):
        table.pop(bound)
    # "judge" is the name of the metric, by which `parse_metric` finds it.
    found: dict[str, Any] = {"name": "judge"}
    for name, value in table.items():
        found[name] = portable(value)
    return found


def _import_path(thing: Any) -> str | None:
    """Return "module:attribute" of a callable, or None where it is not found again there."""
    module = getattr(thing, "__module__", None)
    name = getattr(thing, "__qualname__", "")
    # "__main__" is another module in each process.
    if module in (None, "__main__"):
        return None
    # A Metric holds more than its function: bounds and settings would be lost.
    if not callable(thing) or isinstance(thing, Metric):
        return None
    found = inspect.getmodule(thing)
    # A method or a function inside another one has a dotted name, which getattr does not find.
    if found is None or getattr(found, name, None) is not thing:
        return None
    return f"{module}:{name}"
