"""The baseline: the configuration that a user has today."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tune.errors import SpaceError
from tune.plan.values import read_json_value
from tune.providers.entries import Entry
from tune.readout.aggregate import deployable
from tune.space import Config, Space, grid_values
from tune.task.prompt import Prompt


def read_baseline(
    given: Any,
    space: Space,
    prompts: Mapping[str, Prompt],
    entries: Mapping[str, Entry] | None = None,
) -> Config:
    """Return the configuration that a user has today.

    Settings that it leaves out are the provider's defaults. Without a model or a prompt, it has the
    first model of the space and the template with the fewest characters.

    Args:
        given: a mapping, JSON text, or the path of a JSON file; None names nothing.
        space: the space; its models and prompts are the known ones.
        prompts: the templates by name.
        entries: of the models; the baseline has the settings that they fix.

    Raises:
        SpaceError: it names a model or a prompt that the space does not have, or cannot be read.
    """
    # How long a function's prompts are is known of single rows alone, so templates come first.
    shortest = min(
        prompts,
        key=lambda name: (bool(prompts[name].made_by), len(prompts[name].template)),
    )
    record: dict[str, Any] = {"model": space.models[0], "prompt": shortest}
    record |= baseline_record(given)
    for name, known in (("model", space.models), ("prompt", tuple(prompts))):
        if record[name] not in known:
            raise SpaceError(
                f"the baseline has the {name} {record[name]!r}, but the space has {list(known)}"
            )
    entry = (entries or {}).get(str(record["model"]))
    for name in entry.settings if entry is not None else ():
        domain = space.domain(name, str(record["model"]))
        # The first entry of a list is the one that an agent uses.
        if domain is not None:
            record.setdefault(name, grid_values(domain)[0])
    # Every call needs a cap, so the baseline has one even if the user's own calls have none.
    record.setdefault("max_tokens", space.cap(record))
    stop = record.get("stop")
    if isinstance(stop, str):
        stop = (stop,)
    record["stop"] = tuple(stop or space.common_stop(record))
    config = Config(record)
    # With a metric that judges all answers together, nothing makes one answer of them.
    if config.n > 1 and "all" in space.domains["aggregate"].values:
        config = Config({**config, "aggregate": "all"})
    if not deployable(config.aggregate):
        raise SpaceError(
            f"the baseline has the aggregate {config.aggregate!r}, which knows the target, so "
            f"nobody can use it today: give the one that makes an answer of n"
        )
    if config.n == 1:
        # Every rule makes the same of one answer.
        return Config({**config, "aggregate": "first"})
    return config


def baseline_record(given: Any) -> dict[str, Any]:
    """Return the settings that a user gives; an exported `best.json` has them under "config".

    Args:
        given: as `read_baseline` has it.

    Raises:
        SpaceError: it cannot be read.
    """
    if given is None:
        return {}
    record = read_json_value(given, "the baseline")
    if not isinstance(record, Mapping):
        raise SpaceError(
            f"the baseline is a JSON object of settings, but got {record!r}"
        )
    if isinstance(given, Mapping):
        return dict(record)
    inner = record.get("config")
    return dict(inner if isinstance(inner, Mapping) else record)
