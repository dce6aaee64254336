"""The displays of a run: each is an observer of its events, and shows them on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from tune.study.events import Event


class Display(Protocol):
    """Shows the events of a run to its user."""

    def shown(self) -> AbstractContextManager[None]:
        """Keep the display open inside the block."""

    def __call__(self, event: Event) -> None:
        """Show one event."""


class Silent:
    """Shows nothing."""

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Nothing needs to be opened or closed."""
        yield

    def __call__(self, event: Event) -> None:
        """Show nothing."""


def choose_display(log_format: str, *, quiet: bool) -> Display:
    """Return the display that suits standard error.

    Args:
        log_format: "text" or "json".
        quiet: show nothing.
    """
    # A standard error that was closed at the start is None.
    if quiet or sys.stderr is None:
        return Silent()
    if log_format == "json":
        from tune.study.display.json_log import JsonLog, json_stream

        return JsonLog(json_stream())
    from tune.study.display.notebook import Notebook, in_notebook

    if in_notebook():
        return Notebook()
    if sys.stderr.isatty() and os.environ.get("TERM") not in ("dumb", "unknown"):
        from tune.study.display.terminal import Terminal

        return Terminal(sys.stderr)
    from tune.study.display.lines import Lines

    return Lines(sys.stderr)
