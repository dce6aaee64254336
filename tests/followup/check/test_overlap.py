"""Examples that the study had already, or that belong together, are told of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from tests.support.checks import NEW, WORLD, export
from tune.fakes.server import Server
from tune.followup.check import check


def test_examples_that_the_config_was_chosen_by_are_said_before_they_are_paid_for(
    server: Server, tmp_path: Path
) -> None:
    path = export(tmp_path, server)
    kept = json.loads(path.read_text())["deployment"]["seen"]
    parts = {part: len(marks.split()) for part, marks in kept.items()}
    assert parts == {"tuning": 24, "holdout": 16, "shots": 0}
    said: list[int] = []
    found = check(
        path,
        [*WORLD.examples(40), *NEW[:20]],
        budget=0.5,
        margin=0.5,
        notice=lambda _: said.append(len(server.posts)),
    )
    assert (
        found.overlap == {"tuning": 24, "holdout": 16} == found.to_record()["overlap"]
    )
    assert said == [0, 0, 0]  # where calls go, and two notices
    tuning, holdout = found.notices
    assert tuning.startswith("24 of the 60 examples are tuning examples of the study")
    assert '"holds" is optimistic' in tuning
    assert "whether the model has changed" in holdout
    assert found.to_record()["notices"] == list(found.notices)
    assert str(found).endswith(holdout)
    assert "new examples" not in found.headline


def test_new_examples_are_called_new_and_nothing_is_said_of_them(
    server: Server, tmp_path: Path
) -> None:
    found = check(export(tmp_path, server), NEW, budget=0.5, margin=0.15)
    assert (found.overlap, found.notices) == ({}, ())
    assert "new examples" in found.headline
    assert ElementTree.fromstring(found.junit()).find("testsuite/properties") is None


def test_an_example_is_the_same_where_the_prompt_shows_the_same(
    server: Server, tmp_path: Path
) -> None:
    path = export(tmp_path, server)
    rows = [
        {
            "id": f"other-{row['id']}",
            "when": "today",
            "text": row["text"],
            "label": "praise",
        }
        for row in WORLD.examples(40)
    ]
    assert sum(check(path, rows, budget=0.5, margin=0.5).overlap.values()) == 40
    rows = [row | {"text": row["text"] + "."} for row in rows]
    assert check(path, rows, budget=0.5, margin=0.5).overlap == {}


def by_customer(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Four rows of each customer."""
    return [row | {"customer": f"c{i // 4}"} for i, row in enumerate(rows)]


def test_rows_of_one_group_are_told_of_before_they_are_paid_for(
    server: Server, tmp_path: Path
) -> None:
    path = export(
        tmp_path, server, rows=by_customer(WORLD.examples(40)), group="customer"
    )
    assert json.loads(path.read_text())["deployment"]["group"] == "customer"
    said: list[tuple[str, int]] = []
    found = check(
        path,
        by_customer(NEW[:60]),
        budget=0.5,
        margin=0.5,
        notice=lambda text: said.append((text, len(server.posts))),
    )
    (notice,) = found.notices
    assert notice.startswith(
        "The 60 examples are 15 groups with the same 'customer' or the same inputs"
    )
    assert "more often than stated" in notice
    assert said[1:] == [(notice, 0)]  # the first says where calls go
    assert notice in str(found)
    assert found.to_record()["notices"] == [notice]


def test_where_the_column_of_groups_is_not_there_that_is_said(
    server: Server, tmp_path: Path
) -> None:
    path = export(
        tmp_path, server, rows=by_customer(WORLD.examples(40)), group="customer"
    )
    (notice,) = check(path, NEW[:60], budget=0.5, margin=0.5).notices
    assert "with the same 'customer' together, and these have no such column" in notice


def test_a_row_of_each_group_is_an_observation_of_its_own(
    server: Server, tmp_path: Path
) -> None:
    path = export(
        tmp_path, server, rows=by_customer(WORLD.examples(40)), group="customer"
    )
    assert check(path, by_customer(NEW[:60])[::4], budget=0.5, margin=0.5).notices == ()


def test_copies_of_one_input_are_told_of_without_a_column(
    server: Server, tmp_path: Path
) -> None:
    rows = [
        row | {"id": f"{row['id']}-{copy}"} for row in NEW[:20] for copy in range(3)
    ]
    (notice,) = check(export(tmp_path, server), rows, budget=0.5, margin=0.5).notices
    assert notice.startswith("The 60 examples are 20 groups with the same inputs, ")


def test_a_file_from_before_it_was_kept_is_checked_all_the_same(
    server: Server, tmp_path: Path
) -> None:
    path = export(tmp_path, server)
    record = json.loads(path.read_text())
    del record["deployment"]["seen"], record["deployment"]["group"]
    path.write_text(json.dumps(record))
    assert check(path, WORLD.examples(40), budget=0.5, margin=0.5).overlap == {}
