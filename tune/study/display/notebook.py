"""The display of a notebook: it stands below the cell, and is updated in its place."""

from __future__ import annotations

import html
import sys
import time
from collections.abc import Callable
from typing import Any

from tune.safety.escape import for_terminal
from tune.study.display.view import RunView
from tune.study.display.words import rows, share_done
from tune.study.events import Event, Notice, Progress, StudyEnded, StudyFailed

EVERY = 1.0
"""The least seconds between two updates: each is a message to the browser, and is kept."""


def in_notebook() -> bool:
    """Return True where the program runs in the kernel of a notebook."""
    # Whoever runs in a kernel has imported IPython.
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    # A shell in a terminal has no kernel.
    return getattr(shell, "kernel", None) is not None


class Notebook:
    """Shows notices and where a run stands below the cell that runs it.

    Args:
        now: returns seconds that never go back.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._next = 0.0
        self._view = RunView()
        self._notices: list[str] = []
        self._end = ""
        self._handle: Any = None

    def __call__(self, event: Event) -> None:
        """Show one event."""
        self._view.take(event)
        at_once = True
        match event:
            case Notice():
                self._notices.append(for_terminal(event.text))
            case StudyEnded():
                self._end = f"ended: {event.stopped}"
            case StudyFailed():
                self._end = f"failed: {for_terminal(event.message)}"
            case Progress():
                at_once = False
            case _:
                return
        if at_once or self._now() >= self._next:
            self._next = self._now() + EVERY
            self._show()

    def _show(self) -> None:
        from IPython.display import display

        shown = {"text/plain": self._plain(), "text/html": self._html()}
        if self._handle is None:
            self._handle = display(shown, raw=True, display_id=True)
        else:
            self._handle.update(shown, raw=True)

    def _state(self) -> list[str]:
        """Return the lines below the notices."""
        if self._view.progress is None:
            return [self._end] if self._end else []
        lines: list[str] = []
        for row in rows(self._view):
            parts = [for_terminal(part.text) for part in row]
            lines.append(" · ".join(parts))
        if self._end:
            # The phase and the time that is left are over.
            lines[0] = self._end
        return lines

    def _plain(self) -> str:
        return "\n".join([*self._notices, *self._state()])

    def _html(self) -> str:
        """Return notices, a bar and the state; everything is escaped."""
        parts: list[str] = []
        for notice in self._notices:
            parts.append(f"<div>{html.escape(notice)}</div>")
        progress = self._view.progress
        if progress is not None and not self._end:
            done = f"{share_done(progress):.3f}"
            parts.append(f'<progress max="1" value="{done}"></progress>')
        for line in self._state():
            parts.append(f"<div><b>{html.escape(line)}</b></div>")
        return "".join(parts)
