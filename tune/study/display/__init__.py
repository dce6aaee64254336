"""The displays of a run: each is an observer of its events, and shows them on standard error."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager, nullcontext

from tune.study.events import Observer, ignore


def choose_display(log_format: str, *, quiet: bool) -> AbstractContextManager[Observer]:
    """Return the display that suits standard error: it is open inside a `with` block.

    Args:
        log_format: "text" or "json".
        quiet: show nothing.
    """
    # A standard error that was closed at the start is None.
    if quiet or sys.stderr is None:
        return nullcontext(ignore)
    if log_format == "json":
        from tune.study.display.json_log import JsonLog, json_stream

        return nullcontext(JsonLog(json_stream()))
    from tune.study.display.notebook import Notebook, in_notebook

    if in_notebook():
        return nullcontext(Notebook())
    if sys.stderr.isatty() and os.environ.get("TERM") not in ("dumb", "unknown"):
        from tune.study.display.terminal import Terminal

        return Terminal(sys.stderr)
    from tune.study.display.lines import Lines

    return nullcontext(Lines(sys.stderr))
