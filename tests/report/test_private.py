"""Reports without the texts of examples."""

from __future__ import annotations

import json

from tests.report.test_serialize import FULL
from tune.report import markdown
from tune.report.private import without_content, without_example
from tune.report.serialize import dump


def test_no_text_of_an_example_is_left_and_every_number_is() -> None:
    private = without_content(FULL)
    assert private.failing is not None
    assert private.failing.doubtful_labels == ()
    assert private.failing.confusion == FULL.failing.confusion  # type: ignore[union-attr]
    assert private.unread[0].samples == ()
    assert private.unread[0].worst == FULL.unread[0].worst
    assert private.winner == FULL.winner
    assert '"example"' not in json.dumps(dump(private))
    assert "## Where it fails" in markdown(private)


def test_one_example_can_be_left_out_alone() -> None:
    record = dump(FULL)
    kept = without_example(record, "1")
    assert kept["unread"][0]["samples"] == []
    assert kept["failing"] == record["failing"]
    assert without_example(record, "2") == record
