"""Text of others where people see it: nothing in it moves a cursor, changes a colour or hides what
is written.
"""

from __future__ import annotations

import re
import sys
import traceback
import unicodedata
from types import TracebackType

from tune.safety.redact import scrub_message, scrubbed_json

# Marks that reorder the text around them: what is read would not be what is written.
_REORDERING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_LINE_ENDS = re.compile("\r\n|[\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029]")


def visible(text: str, *, lines: bool = False) -> str:
    """The text with every control character, reordering mark and half character written out, as
    `\\x1b`.

    Args:
        text: anything.
        lines: whether line ends and tabs stay; without it the text becomes one line.
    """
    text = _LINE_ENDS.sub("\n", text)
    if not lines:
        text = text.replace("\n", " ").replace("\t", " ")
    return "".join(_written_out(c) if _is_unseen(c) else c for c in text)


def _is_unseen(character: str) -> bool:
    return (
        unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\t"
    ) or character in _REORDERING


def _written_out(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def for_terminal(text: object) -> str:
    """What may be written to a terminal: whoever writes there passes it through this.

    Model answers, words of servers, file names and names of models can hold anything. Line ends and
    tabs stay.
    """
    return visible(scrub_message(str(text)), lines=True)


def show_tracebacks_scrubbed() -> None:
    """Pass also the traceback that ends a program through `for_terminal`: an error of a library may
    quote a header.
    """

    def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sys.stderr.write(for_terminal("".join(traceback.format_exception(kind, error, trace))))

    sys.excepthook = show


def json_for_terminal(value: object) -> str:
    """Return a value as a line of JSON without secrets; what a terminal would obey is escaped as
    JSON escapes it.
    """
    text = scrubbed_json(value)
    return "".join(f"\\u{ord(c):04x}" if c != "\n" and _is_unseen(c) else c for c in text)
