"""The display of a terminal: a few lines that stay in their place while the run works."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TextIO

from tune.safety.decoration import Decorations
from tune.safety.escape import visible
from tune.safety.redact import scrub_message
from tune.study.display.view import RunView
from tune.study.display.words import Part, rows, share_done
from tune.study.events import Event, Notice

if TYPE_CHECKING:
    from rich.text import Text

EVERY = 0.5
"""The least seconds between two changes of what is shown."""

LONGEST_BAR = 40
"""Characters of the bar, at most."""

SHORTEST_BAR = 8
"""Characters below which a bar says nothing."""

MOST_LINES = 4
"""Lines of one row, at most: a long name must not fill the screen."""


class Terminal:
    """Shows where a run stands in a few lines, and prints notices above them.

    The lines are gone when the block ends, so that what is printed next begins on a clean line.

    Args:
        stream: the terminal.
        now: returns seconds that never go back.
    """

    def __init__(
        self, stream: TextIO, now: Callable[[], float] = time.monotonic
    ) -> None:
        # Imported only where it is shown: a short command need not wait for it.
        from rich.console import Console
        from rich.live import Live

        console = Console(file=stream)
        self._console = console
        self._now = now
        self._view = RunView()
        self._next = 0.0
        self._shown = ""
        self._open = False
        self._started = False
        # A second Ctrl-C closes the display while the run may still tell of its last calls.
        self._lock = threading.Lock()
        self._live = Live(
            console=console,
            auto_refresh=False,
            transient=True,
            # Else what a user's metric prints would be lost, or go to another stream.
            redirect_stdout=sys.stdout is not None and sys.stdout.isatty(),
        )

    def __enter__(self) -> Terminal:
        self._open = True
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._open = False
            # A terminal that fails must not end a run that has cost money.
            Decorations().attempt("the progress display", self._live.stop, None)

    def __call__(self, event: Event) -> None:
        """Show one event."""
        with self._lock:
            if not self._open:
                return
            self._view.take(event)
            if isinstance(event, Notice):
                self._print(event.text)
            # Questions and notices before the first call need no lines below them.
            elif self._view.began and self._now() >= self._next:
                self._refresh()

    def _print(self, text: str) -> None:
        """Print a sentence above the lines."""
        # Without markup and emoji codes, because a sentence may hold data with square brackets or
        # a name such as `server:key:8`.
        self._console.print(
            visible(scrub_message(text), lines=True),
            markup=False,
            emoji=False,
            highlight=False,
        )

    def _refresh(self) -> None:
        """Draw the lines anew, if they have changed."""
        self._next = self._now() + EVERY
        if not self._started:
            self._started = True
            self._live.start()
        text = self._drawn()
        # Nothing is written where nothing has changed: a still screen cannot flicker.
        if text.plain != self._shown:
            self._shown = text.plain
            self._live.update(text, refresh=True)

    def _drawn(self) -> Text:
        """Return the lines for the present width."""
        from rich.text import Text

        # One column less: some terminals begin a new line when the last column is written.
        width = max(20, self._console.width - 1)
        plain = self._console.options.ascii_only
        lines: list[list[Part]] = []
        for number, row in enumerate(rows(self._view)):
            laid = wrap(row, width, separator=", " if plain else " · ")
            if number == 0:
                laid = self._with_bar(laid, width, plain=plain)
            lines += laid[:MOST_LINES]
        text = Text(no_wrap=True, overflow="ellipsis")
        for number, line in enumerate(lines):
            if number:
                text.append("\n")
            for part in line:
                text.append(part.text, part.style)
        return text

    def _with_bar(
        self, lines: list[list[Part]], width: int, *, plain: bool
    ) -> list[list[Part]]:
        """Return the first row with a bar, where there is room for one."""
        progress = self._view.progress
        used = sum(len(part.text) for part in lines[0])
        room = min(LONGEST_BAR, width - used - 2)
        if progress is None or len(lines) > 1 or room < SHORTEST_BAR:
            return lines
        full, empty = ("#", "-") if plain else ("━", "╌")
        filled = round(room * share_done(progress))
        bar = [
            Part("  "),
            Part(full * filled, "cyan"),
            Part(empty * (room - filled), "bright_black"),
        ]
        return [[*lines[0], *bar]]


def wrap(row: Sequence[Part], width: int, *, separator: str) -> list[list[Part]]:
    """Return the parts of a row on as many lines as they need.

    A part that is wider than a line is broken between words.

    Args:
        row: the parts.
        width: of a line.
        separator: stands between two parts.
    """
    lines: list[list[Part]] = [[]]
    used = 0
    for part in row:
        text = visible(scrub_message(part.text))
        pieces = _pieces(text, width)
        between = len(separator) if used else 0
        if used and used + between + len(pieces[0]) > width:
            lines.append([])
            used, between = 0, 0
        if between:
            lines[-1].append(Part(separator, "bright_black"))
        lines[-1].append(Part(pieces[0], part.style))
        used += between + len(pieces[0])
        for piece in pieces[1:]:
            lines.append([Part(piece, part.style)])
            used = len(piece)
    return lines


def _pieces(text: str, width: int) -> list[str]:
    """Break a text between words, into pieces of at most a width."""
    if len(text) <= width:
        return [text]
    import textwrap

    return textwrap.wrap(text, width) or [""]
