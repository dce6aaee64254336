"""Events: each record is frozen, explained, and in the documentation."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from tune.study import events
from tune.study.events import EVENTS, KINDS, BestSoFar, ChosenStep, Event, Notice

PAGE = Path(__file__).parents[2] / "docs" / "watch.md"


def test_every_kind_of_event_is_listed_frozen_and_explained() -> None:
    names = [kind.event for kind in EVENTS]
    assert len(set(names)) == len(names)
    defined = [kind for kind in vars(events).values() if isinstance(kind, type)]
    assert set(EVENTS) == {
        kind for kind in defined if issubclass(kind, Event) and kind is not Event
    }
    for kind in EVENTS:
        assert kind.__doc__
        for field in fields(kind):
            assert field.name == "time" or f"{field.name}: " in kind.__doc__
    with pytest.raises(AttributeError):
        Notice(text="one").text = "two"  # type: ignore[misc]


def test_the_page_has_every_event_with_its_fields() -> None:
    page = PAGE.read_text()
    for kind in EVENTS:
        start = f"| `{kind.__name__}` | `{kind.event}` |"
        (row,) = [line for line in page.splitlines() if line.startswith(start)]
        for field in fields(kind):
            assert field.name == "time" or f"`{field.name}`" in row
    for field in (*fields(BestSoFar), *fields(ChosenStep)):
        assert f"`{field.name}`" in page
    for name in KINDS:
        assert f'"{name}"' in page
