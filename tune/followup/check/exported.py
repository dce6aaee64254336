"""Exports that a check takes: a `best.json`, or the `OAI_CONFIG_LIST` beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tune.errors import InputError
from tune.plan.model_source import is_config_list, read_models
from tune.providers.entries import Entry
from tune.runtime.best_json import DeploymentRecord
from tune.runtime.recorded import find_place

LIST = "OAI_CONFIG_LIST"
"""The name of the config list that a study writes."""


def split_export(best: str | Path) -> tuple[Path, dict[str, Entry]]:
    """Return the `best.json` of an export, and the entries of a config list that was given instead.

    Raises:
        InputError: no `best.json` lies beside the list.
    """
    place = Path(best)
    if not _is_list(place):
        return place, {}
    beside = place.parent / "best.json"
    if not beside.is_file():
        raise InputError(
            f"{str(place)!r} has no prompt and no metric, and no best.json lies beside it: "
            f"give the best.json, and --models {place} for its keys"
        )
    return beside, read_models(place)


def _is_list(place: Path) -> bool:
    if not place.is_file() or place.name == "best.json":
        return False
    return is_config_list(place)


def check_carries(
    listed: Mapping[str, Entry], deployment: DeploymentRecord, name: str
) -> None:
    """Check that a config list carries the configuration of the `best.json` beside it.

    A list has the best configuration with one answer, and the winner may ask for several.

    Args:
        listed: the entries of the list; nothing is checked without one.
        deployment: of the `best.json`.
        name: of the list, for messages.

    Raises:
        InputError: it carries another one, whose prompt and quality are not recorded.
    """
    if not listed:
        return
    config = deployment.config
    entry = find_place(listed, deployment.entries[config.model])
    differing = [] if config.n == 1 else ["n"]
    for setting, values in ({} if entry is None else entry.settings).items():
        value = config.get(setting)
        # Tables are written without their names.
        is_plain = not any(isinstance(one, Mapping | list) for one in values)
        if is_plain and value not in values:
            differing.append(setting)
    if entry is None or differing:
        raise InputError(
            f"{name!r} carries another configuration than the best.json beside it (they differ in "
            f"{', '.join(differing) or 'the model'}): give the best.json to check the winner"
        )
