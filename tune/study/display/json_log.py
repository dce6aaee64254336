"""The JSON log: one object a line, for programs that watch a run."""

from __future__ import annotations

import atexit
import io
import json
import math
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO

from tune.report.serialize import dump
from tune.safety.redact import scrub_message
from tune.study.events import Event, Progress

EVERY = 5.0
"""The least seconds between two objects of progress within a wave."""


class JsonLog:
    """Writes each event as one JSON object a line: `event`, `time`, and the fields of its record.

    Args:
        stream: takes the lines.
        now: returns seconds that never go back.
    """

    def __init__(
        self, stream: TextIO, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = stream
        self._now = now
        self._next = 0.0

    def __call__(self, event: Event) -> None:
        """Write one event."""
        if isinstance(event, Progress):
            # Twice a second is for people who look; a log is kept.
            if self._now() < self._next:
                return
            self._next = self._now() + EVERY
        fields: dict[str, Any] = dump(event)
        write_line(self._stream, event.event, fields.pop("time"), fields)


def write_line(
    stream: TextIO, event: str, at: float, fields: Mapping[str, Any]
) -> None:
    """Write one object on a line of its own.

    Args:
        stream: takes the line.
        event: the kind of the event.
        at: its time, in seconds since 1970.
        fields: what else it says.
    """
    moment = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    # ASCII, because no stream is too old for it, and no character in it ends a line.
    line = json.dumps(_plain({"event": event, "time": moment, **fields}))
    stream.write(f"{line}\n")
    stream.flush()


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: no secrets, and null for NaN and infinity."""
    if isinstance(value, str):
        return scrub_message(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value


class OutputAsJson(io.TextIOBase):
    """A text stream that makes an `output` event of each line that is written to it.

    Python's warnings, a user's metric and the last words of a command write to standard error, too.
    So a program that reads it as JSON can read all of it.

    Args:
        stream: takes the objects.

    Attributes:
        behind: the same.
    """

    def __init__(self, stream: TextIO) -> None:
        self.behind = stream
        self._rest = ""

    def writable(self) -> bool:
        """It can be written."""
        return True

    def isatty(self) -> bool:
        """It is no terminal: nobody can be asked."""
        return False

    def fileno(self) -> int:
        """Return the descriptor of the stream behind it."""
        return self.behind.fileno()

    def write(self, text: str) -> int:
        """Write the lines of a text that are complete, and keep the rest."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            if line.strip():
                write_line(self.behind, "output", time.time(), {"text": line})
        return len(text)

    def flush(self) -> None:
        """Flush the stream behind it; a line that has no end yet is kept."""
        # Python flushes a stream that it deletes, and the one behind may be closed by then.
        if not self.behind.closed:
            self.behind.flush()

    def finish(self) -> None:
        """Write what has no end of line."""
        if self._rest:
            self.write("\n")


class StandardErrorAsJson:
    """Turns all that its block writes to standard error into JSON."""

    def __init__(self) -> None:
        self._output: OutputAsJson | None = None

    def __enter__(self) -> None:
        # A standard error that was closed at the start is None.
        if sys.stderr is not None:
            self._output = OutputAsJson(sys.stderr)
            sys.stderr = self._output

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        output = self._output
        if output is None:
            return
        if isinstance(error, Exception):
            # Python writes the traceback after this: it shall come as JSON, too.
            atexit.register(output.finish)
            return
        output.finish()
        sys.stderr = output.behind


def json_stream() -> TextIO:
    """Return the stream behind standard error that takes whole objects."""
    stream = sys.stderr
    return stream.behind if isinstance(stream, OutputAsJson) else stream
