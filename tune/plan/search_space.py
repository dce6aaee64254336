"""What is searched: the space, as it was given, and what of it is read off draws rather than
bought.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tune.errors import InputError, SpaceError
from tune.plan.options import Options
from tune.plan.values import as_names
from tune.readout.aggregate import deployable, parse_aggregate
from tune.space import FREE, Space, read_toml
from tune.task.metrics import Metric
from tune.task.prompt_spec import prompt_fields

EMBEDDED = Path(__file__).parent.parent / "task" / "reviews"
"""The task that a run without --data works on."""

LOCAL_MODEL = "local:smollm2"
"""The model of a run that names none: never a hosted one, whatever keys are in the environment."""


def space_record(data: Any, space: Any) -> tuple[dict[str, Any] | None, Path]:
    """The tables of the space, and the folder that its files are relative to."""
    if space is None:
        return (read_toml(EMBEDDED / "space.toml"), EMBEDDED) if data is None else (None, Path())
    if isinstance(space, Space):
        return space.to_mapping(), Path()
    if isinstance(space, Mapping):
        return dict(space), Path()
    return read_toml(space), Path(space).parent


def template_fields(record: Mapping[str, Any] | None, base: Path) -> frozenset[str]:
    """The columns that the templates name."""
    specs = (record or {}).get("space", {}).get("prompt", {})
    specs = specs if isinstance(specs, Mapping) else {"plain": specs}
    return frozenset[str]().union(
        *(prompt_fields(spec, base, name=name) for name, spec in specs.items())
    )


def read_space(record: Mapping[str, Any]) -> Space:
    """The space of a record; one that names no model has the local one, until flags say otherwise."""
    table = record.get("space")
    if isinstance(table, Mapping) and "model" not in table:
        record = {**record, "space": {**table, "model": [LOCAL_MODEL]}}
    return Space.from_mapping(record)


def free_dimensions(options: Options, metric: Metric) -> tuple[str, ...]:
    """The dimensions that are read off, less those that this metric cannot be read off for."""
    free = as_names(options.free)
    if free == ("none",):
        free = ()
    wrong = sorted(set(free) - set(FREE))
    if wrong:
        raise InputError(
            f"only {list(FREE)} can be read off draws already bought, but got free={wrong}"
        )
    if metric.over_responses:
        return tuple(name for name in free if name not in ("n", "aggregate"))
    if metric.costs:
        return tuple(name for name in free if name not in ("max_tokens", "stop"))
    return free


def check_aggregates(space: Space, metric: Metric, verifier: object) -> None:
    """Refuse ways of making one answer of several that are unknown or cannot be deployed.

    Raises:
        SpaceError: an aggregate is unknown, "best" lacks a verifier, "all" a metric that judges all
        answers together,
            or a model has the oracle alone.
    """
    for model in space.models:
        domain = space.domain("aggregate", model)
        given = [str(name) for name in domain.values] if domain else []
        if "all" in given and not metric.over_responses:
            raise SpaceError(
                'the aggregate "all" hands back every answer, so it needs a metric that judges all of them together '
                '(tune.responses_metric): use "first", "vote" or "best"'
            )
        for name in given:
            parse_aggregate(name)
        if "best" in given and verifier is None:
            raise SpaceError(
                'the aggregate "best" needs a verifier: a callable (answer, example) -> float'
            )
        if not any(deployable(name) for name in given):
            raise SpaceError(
                'the aggregate "any" is the oracle, which knows the target: add one that can be deployed'
            )
