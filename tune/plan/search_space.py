"""The space that is searched, and the dimensions of it that are read off draws."""

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
"""The folder of the task for a run without --data."""

LOCAL_MODEL = "local:smollm2"
"""The model of a run that names none: never a hosted one, whatever keys are in the environment."""


def space_record(data: Any, space: Any) -> tuple[dict[str, Any] | None, Path]:
    """Return the tables of the space, and the folder that its files are relative to.

    The tables are None where the space is made from the data.
    """
    # The embedded task brings its own templates; other data gets templates for its columns.
    if space is None and data is None:
        return read_toml(EMBEDDED / "space.toml"), EMBEDDED
    if space is None:
        return None, Path()
    if isinstance(space, Space):
        return space.to_mapping(), Path()
    if isinstance(space, Mapping):
        return dict(space), Path()
    return read_toml(space), Path(space).parent


def template_fields(record: Mapping[str, Any] | None, base: Path) -> frozenset[str]:
    """Return the columns that the templates name."""
    specs = (record or {}).get("space", {}).get("prompt", {})
    if not isinstance(specs, Mapping):
        # One prompt may be given without a name.
        specs = {"plain": specs}
    found: set[str] = set()
    for name, spec in specs.items():
        found |= prompt_fields(spec, base, name=name)
    return frozenset(found)


def read_space(record: Mapping[str, Any]) -> Space:
    """Return the space of its tables; without a model it has the local one."""
    # `--model` may name the models later, so a space without any is not an error yet.
    table = record.get("space")
    if isinstance(table, Mapping) and "model" not in table:
        # Never a hosted model by default: that could spend money which the user did not mean to.
        record = {**record, "space": {**table, "model": [LOCAL_MODEL]}}
    return Space.from_mapping(record)


def free_dimensions(options: Options, metric: Metric) -> tuple[str, ...]:
    """Return the dimensions that are read off draws, as far as the metric allows it.

    Raises:
        InputError: a dimension cannot be read off draws.
    """
    free = as_names(options.free)
    # On the command line an empty list cannot be given.
    if free == ("none",):
        free = ()
    wrong = sorted(set(free) - set(FREE))
    if wrong:
        raise InputError(
            f"only {list(FREE)} can be read off draws already bought, but got free={wrong}"
        )
    bought: tuple[str, ...] = ()
    if metric.over_responses:
        # Such a metric judges all answers together, as they were bought.
        bought = ("n", "aggregate")
    elif metric.costs:
        # Every text that a judge reads is paid for, so shorter readings are not free.
        bought = ("max_tokens", "stop")
    return tuple(name for name in free if name not in bought)


def check_aggregates(space: Space, metric: Metric, verifier: object) -> None:
    """Refuse aggregates that are unknown or cannot be deployed.

    Raises:
        SpaceError: an aggregate is unknown, "best" has no verifier, "all" has no metric that judges
            all answers together, "confident" has no logprobs, or a model has only the oracle.
    """
    for model in space.models:
        domain = space.domain("aggregate", model)
        given = list(map(str, domain.values)) if domain else []
        _check_model_aggregates(given, metric, verifier)
        logprobs = space.domain("logprobs", model)
        asked = logprobs is not None and all(logprobs.values)
        # An own empty domain says that this model has none: then it is a plain vote.
        has_none = "logprobs" in space.when.get(model, {}) and logprobs is None
        if "confident" in given and not asked and not has_none:
            raise SpaceError(
                'the aggregate "confident" weighs votes by the probabilities of tokens: '
                "add logprobs = true to the space"
            )


def _check_model_aggregates(given: list[str], metric: Metric, verifier: object) -> None:
    if "all" in given and not metric.over_responses:
        raise SpaceError(
            'the aggregate "all" hands back every answer, so it needs a metric that judges all of '
            'them together (tune.responses_metric): use "first", "vote" or "best"'
        )
    for name in given:
        parse_aggregate(name)
    if "best" in given and verifier is None:
        raise SpaceError(
            'the aggregate "best" needs a verifier: a callable (answer, example) -> float'
        )
    if not any(map(deployable, given)):
        raise SpaceError(
            'the aggregate "any" is the oracle, which knows the target: add one that can be '
            "deployed"
        )
