"""Show foreign text to people safely: it cannot move a cursor, change a colour or hide itself."""

from __future__ import annotations

import re
import sys
import traceback
from types import TracebackType

from tune.safety.redact import scrub_message, scrubbed_json

# Marks that reorder the text around them: what is read would not be what is written.
_REORDERING = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
# Control characters but for line ends and tabs, half characters, and the marks above. As a pattern,
# because long texts would take seconds character by character.
_UNSEEN = re.compile(
    f"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff{''.join(sorted(_REORDERING))}]"
)
_LINE_ENDS = re.compile("\r\n|[\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029]")


def visible(text: str, *, lines: bool = False) -> str:
    r"""Return the text with control characters, reordering marks and half characters as `\x1b`.

    Args:
        text: anything.
        lines: keep line ends and tabs. Without it the text becomes one line.
    """
    # Python's own splitlines knows all of these; a lone carriage return would overwrite the line.
    text = _LINE_ENDS.sub("\n", text)
    if not lines:
        text = text.replace("\n", " ").replace("\t", " ")
    return _UNSEEN.sub(lambda match: _written_out(match[0]), text)


def _written_out(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def for_terminal(text: object) -> str:
    """Return the text that may be written to a terminal. All writing to a terminal passes through
    this.

    Model answers, servers' words, file names and model names can hold anything. Line ends and tabs
    stay.
    """
    return visible(scrub_message(str(text)), lines=True)


def show_tracebacks_scrubbed() -> None:
    """Pass the traceback that ends a program through `for_terminal` too.

    An error of a library may quote a header with a key in it.
    """

    def show(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        sys.stderr.write(
            for_terminal("".join(traceback.format_exception(kind, error, trace)))
        )

    sys.excepthook = show


def json_for_terminal(value: object) -> str:
    """Return a value as one line of JSON without secrets, with control characters escaped."""
    text = scrubbed_json(value)
    return _UNSEEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
