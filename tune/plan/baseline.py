"""The config that a user has today."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tune.errors import SpaceError
from tune.plan.values import read_json_value
from tune.readout.aggregate import deployable
from tune.space import Config, Space
from tune.task.prompt import Prompt


def read_baseline(given: Any, space: Space, prompts: Mapping[str, Prompt]) -> Config:
    """The config that a user has today; without one, the first model and the plainest template at
    its defaults.

    The plainest template is the one with the fewest characters.

    Raises:
        SpaceError: it names a model or a prompt that the space has not, or cannot be read.
    """
    model = space.models[0]
    plainest = min(prompts, key=lambda name: len(prompts[name].template))
    record: dict[str, Any] = {"model": model, "prompt": plainest} | _baseline_record(given)
    for name, known in (("model", space.models), ("prompt", tuple(prompts))):
        if record[name] not in known:
            raise SpaceError(
                f"the baseline has the {name} {record[name]!r}, but the space has {list(known)}"
            )
    record.setdefault("max_tokens", space.cap(record))
    if isinstance(record.get("stop"), str):
        record["stop"] = (record["stop"],)
    record["stop"] = tuple(record.get("stop") or space.common_stop(record))
    config = Config(record)
    if config.n > 1 and "all" in space.domains["aggregate"].values:
        config = Config({**config, "aggregate": "all"})
    if not deployable(config.aggregate):
        raise SpaceError(
            f"the baseline has the aggregate {config.aggregate!r}, which knows the target, so nobody can use it today: "
            f"give the one that makes an answer of n"
        )
    if config.n < 1 or config.max_tokens < 1:
        raise SpaceError(
            f"the baseline needs n >= 1 and max_tokens >= 1, but has {config.n} and {config.max_tokens}"
        )
    return config


def _baseline_record(given: Any) -> dict[str, Any]:
    """Return the settings that a user gives; those of an exported `best.json` stand under "config"."""
    if given is None:
        return {}
    record = read_json_value(given, "the baseline")
    if not isinstance(record, Mapping):
        raise SpaceError(f"the baseline is a JSON object of settings, but got {record!r}")
    inner = record.get("config")
    return dict(inner if isinstance(inner, Mapping) and not isinstance(given, Mapping) else record)
