"""The display of a terminal: calm, narrow and wide, and gone in the end."""

from __future__ import annotations

import io
import re
import sys

import pytest

from tests.support.watching import BEST, began, progress
from tune.study.display.terminal import Terminal, wrap
from tune.study.display.words import Part
from tune.study.events import CallFailed, Notice


class Screen(io.StringIO):
    """A terminal that keeps what is written to it."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")


def plain(text: str) -> str:
    """The text without colours and movements."""
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)


def shown(screen: Screen, **changes: object) -> list[str]:
    """The lines that one progress draws."""
    terminal = Terminal(screen, now=lambda: 0.0)
    with terminal:
        for event in (*began(), progress(**changes)):
            terminal._next = 0.0
            screen.seek(0)
            screen.truncate()
            terminal(event)
        drawn = screen.getvalue()
    return plain(drawn).replace("\r", "").splitlines()


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_it_fits_every_width_and_says_everything(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = shown(Screen())
    assert max(map(len, lines)) < columns
    assert len(lines) <= (10 if columns == 40 else 5)
    text = " ".join(lines)
    for part in ("searching", "$1.25 of $5.00", "0.750 (0.500 to 0.875)", "vote"):
        assert part in text
    if columns == 200:
        assert lines[0].count("━") == 10
        assert lines[0].count("╌") == 30


def test_a_name_that_never_ends_does_not_fill_the_screen() -> None:
    config = {**BEST.config, "model": "x" * 5000}
    best = type(BEST)(0, config, 0.5, 0.1, 0.9, 8, 0.1, 0.1)
    assert len(shown(Screen(), best=best)) <= 6


def test_it_changes_at_most_four_times_a_second_and_only_where_something_is_new() -> (
    None
):
    screen, now = Screen(), [0.0]
    terminal = Terminal(screen, now=lambda: now[0])
    writes: list[str] = []
    write = screen.write
    screen.write = lambda text: writes.append(text) or write(text)  # type: ignore[method-assign, func-returns-value]
    with terminal:
        for event in began():
            terminal(event)
        writes.clear()
        for step in range(100):
            now[0] += 0.01
            terminal(progress(spent=step / 100))
        assert 1 <= len(writes) <= 4
        now[0] += 1
        terminal(progress())
        writes.clear()
        for _ in range(100):
            now[0] += 1
            terminal(progress())
        assert writes == [], "a still screen cannot flicker"


def test_notices_stand_above_and_the_lines_are_gone_in_the_end() -> None:
    screen = Screen()
    terminal = Terminal(screen)
    with terminal:
        terminal(Notice(text="before the first call"))
        assert "\x1b[?25l" not in screen.getvalue(), "nothing is drawn yet"
        for event in (*began(), progress()):
            terminal(event)
        terminal(Notice(text="[not markup] server:key:8 \x1b[2J"))
        assert "[not markup] server:key:8 \\x1b[2J" in screen.getvalue()
        before = len(screen.getvalue())
    end = screen.getvalue()[before:]
    assert "\x1b[?25h" in end, "the cursor is there again"
    assert "\x1b[2K" in end, "the lines are erased"
    closed = screen.getvalue()
    terminal(progress())
    terminal(Notice(text="too late"))
    assert screen.getvalue() == closed, "a run that was given up may still tell"


def test_no_color_and_a_terminal_without_unicode_are_respected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    screen = Screen()
    screen.encoding = "cp1252"  # type: ignore[misc]
    terminal = Terminal(screen)
    with terminal:
        for event in (*began(), progress()):
            terminal._next = 0.0
            terminal(event)
    drawn = screen.getvalue()
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", drawn)
    plain(drawn).encode("ascii")
    assert "###" in drawn


def test_a_terminal_that_fails_raises_and_is_closed_all_the_same() -> None:
    class Gone(Screen):
        def write(self, text: str) -> int:
            raise OSError("no such terminal")

    terminal = Terminal(Gone())
    with terminal, pytest.raises(OSError, match="no such terminal"):
        terminal(began()[0])


def test_output_of_a_metric_goes_where_it_would_go_without_a_display(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out, screen = io.StringIO(), Screen()
    monkeypatch.setattr(sys, "stdout", out)
    terminal = Terminal(screen)
    with terminal:
        for event in (*began(), progress()):
            terminal(event)
        sys.stdout.write("of a metric\n")
    assert out.getvalue() == "of a metric\n"
    assert "of a metric" not in screen.getvalue()


def test_failures_are_shown_by_kind() -> None:
    screen = Screen()
    terminal = Terminal(screen, now=lambda: 0.0)
    failed = CallFailed(
        model="m", purpose="search", kind="rate_limit", message="x", dollars=0
    )
    with terminal:
        for event in (*began(), failed, progress()):
            terminal._next = 0.0
            terminal(event)
    assert "1 rate limit" in plain(screen.getvalue())


def test_parts_stay_together_and_long_ones_break_between_words() -> None:
    row = [Part("one two"), Part("three"), Part("a part that is far too long")]
    lines = wrap(row, 16, separator=" · ")
    texts = ["".join(part.text for part in line) for line in lines]
    assert texts == ["one two · three", "a part that is", "far too long"]
