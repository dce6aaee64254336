"""A check of an export whose keys stand in a config list."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.checks import NEW, WORLD, export
from tune.errors import InputError
from tune.fakes.faults import Model
from tune.fakes.server import Server
from tune.followup.check import check
from tune.followup.check.exported import split_export

KEY = "sk-planted-0123456789abcdef"


@pytest.fixture
def locked() -> Iterator[Server]:
    """A server that lets in nobody without the key."""
    with Server(models={"small": Model(0.1, 0.4)}, world=WORLD, keys=[KEY]) as server:
        yield server


def listed(server: Server, **changes: Any) -> list[dict[str, Any]]:
    entry = {"model": "small", "base_url": server.base_url, "api_key": KEY}
    return [entry | changes]


def test_the_key_of_a_config_list_is_used_and_written_nowhere(
    locked: Server, tmp_path: Path
) -> None:
    best = export(tmp_path, locked)
    found = check(best, NEW, budget=0.5, margin=0.15, models=listed(locked))
    assert found.decision == "holds"
    for file in tmp_path.rglob("*"):
        if file.is_file():
            assert KEY.encode() not in file.read_bytes()


def test_the_list_beside_a_best_json_is_an_export_as_well(
    locked: Server, tmp_path: Path
) -> None:
    place = export(tmp_path, locked).parent / "OAI_CONFIG_LIST"
    same = listed(locked, temperature=0.0, max_tokens=16, stop=[])
    place.write_text(json.dumps(same))
    assert check(place, NEW, budget=0.5, margin=0.15).decision == "holds"
    place.write_text(json.dumps(listed(locked, temperature=0.7)))
    with pytest.raises(InputError, match="they differ in temperature"):
        check(place, NEW, budget=0.5)
    place.write_text(json.dumps(listed(locked, model="other")))
    with pytest.raises(InputError, match="they differ in the model"):
        check(place, NEW, budget=0.5)


def test_a_list_alone_has_no_prompt(locked: Server, tmp_path: Path) -> None:
    place = tmp_path / "OAI_CONFIG_LIST"
    place.write_text(json.dumps(listed(locked)))
    with pytest.raises(InputError, match="has no prompt and no metric"):
        split_export(place)
    assert split_export(tmp_path) == (tmp_path, {})
