"""The reasons for which a run ends."""

from __future__ import annotations

from tune.study import stop_reasons


def every_reason() -> list[str]:
    return [
        value
        for name, value in vars(stop_reasons).items()
        if name.isupper() and isinstance(value, str)
    ]


def test_a_reason_stands_for_one_end_only() -> None:
    """A journal keeps the word alone."""
    found = every_reason()
    assert len(found) == 6
    assert len(set(found)) == 6


def test_a_run_goes_on_only_after_what_passes_or_was_wished() -> None:
    """Given again, a command goes on after a pause, and shows the result after any other end."""
    ends = set(every_reason()) - stop_reasons.PAUSES
    assert ends == {
        stop_reasons.FINISHED,
        stop_reasons.ENOUGH,
        stop_reasons.UNREAD,
    }
    assert set(every_reason()) >= stop_reasons.PAUSES
