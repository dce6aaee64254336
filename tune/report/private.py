"""Records without the texts of examples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tune.report.records import Report
from tune.report.serialize import dump, load

# One convention, so that a new record with texts cannot be forgotten in a list of types.
_EXAMPLE = "example"
"""The field that names the example in every record with texts of one example."""


def without_content(report: Report) -> Report:
    """Return the report without all that shows the texts of single examples."""
    return load(Report, _without(dump(report), lambda record: _EXAMPLE in record))


def without_example(record: Any, example: str) -> Any:
    """Return a dumped record without what it shows of this example."""
    return _without(record, lambda inner: inner.get(_EXAMPLE) == example)


def _without(record: Any, drop: Callable[[Mapping[str, Any]], bool]) -> Any:
    if isinstance(record, dict):
        return {name: _without(inner, drop) for name, inner in record.items()}
    if isinstance(record, list):
        kept = []
        for inner in record:
            # Only whole records are dropped: half a record could not be read again.
            if not (isinstance(inner, dict) and drop(inner)):
                kept.append(_without(inner, drop))
        return kept
    return record
