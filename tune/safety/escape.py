"""Show foreign text to people safely: it cannot move a cursor, change a colour or hide itself."""

from __future__ import annotations

import re
import sys
import traceback
import unicodedata
from types import TracebackType

from tune.safety.redact import scrub_message, scrubbed_json

# Marks that reorder the text around them: what is read would not be what is written.
_REORDERING = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
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
    return "".join(map(_shown, text))


def _shown(character: str) -> str:
    return _written_out(character) if _is_unseen(character) else character


def _is_unseen(character: str) -> bool:
    return (
        unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\t"
    ) or character in _REORDERING


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
    return "".join(
        f"\\u{ord(c):04x}" if c != "\n" and _is_unseen(c) else c for c in text
    )
