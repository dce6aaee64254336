"""Metrics, answer rules and verifiers in a form that another process can be given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from tune.task.callables import found_again
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
    # A Metric holds more than its function: bounds and settings would be lost.
    return None if isinstance(spec, Metric) else found_again(spec)


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
