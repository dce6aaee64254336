"""The words and the codes of an error body, whatever its form."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

# Not behind a bracket: "[1,100]" is a range.
_SEPARATED = re.compile(r"(?<![\[(\d.,])(\d{1,3}(?:,\d{3})+)(?![\d])")


def plain_numbers(text: str) -> str:
    """Return a text with numbers such as 128,000 written as 128000."""
    return _SEPARATED.sub(lambda found: found[1].replace(",", ""), text)


def error_words(error: object) -> str:
    """Return the words of an error body, whatever its form."""
    if isinstance(error, str):
        return error
    if isinstance(error, Mapping):
        for name in (
            "error",
            "message",
            "detail",
            "msg",
            "error_description",
            "errors",
        ):
            if error.get(name):
                words = _with_raw(error_words(error[name]), error.get("metadata"))
                if name == "error" and isinstance(error[name], str):
                    words = _with_message(words, error.get("message"))
                return _with_sentence(words, error.get("param"))
    if isinstance(error, list) and error:
        return "; ".join(error_words(part) for part in error)
    return "" if error is None else json.dumps(error, ensure_ascii=False, default=str)


def _with_raw(words: str, metadata: object) -> str:
    """Return the words, and those of the vendor behind a router.

    OpenRouter keeps the vendor's words in `error.metadata.raw`.
    """
    raw = metadata.get("raw") if isinstance(metadata, Mapping) else None
    if not isinstance(raw, str) or not raw.strip():
        return words
    try:
        vendor = error_words(json.loads(raw))
    except (ValueError, RecursionError):
        # It is plain text, or nested too deeply to be read.
        vendor = raw
    return f"{words}: {vendor}"


def _with_message(words: str, message: object) -> str:
    """Return the words and the message: NestJS and Spring say "Bad Request" under `error`."""
    told = error_words(message)
    return f"{words}: {told}" if told and told not in words else words


def _with_sentence(words: str, param: object) -> str:
    """Return the words, and the sentence that a service puts into the field for a name.

    AQBot-Desktop/AQBot#93 has one: the message itself is "Param Incorrect".
    """
    if not isinstance(param, str) or " " not in param.strip():
        return words
    return f"{words}: {param}"


def error_codes(error: object) -> str:
    """Return every code and type that an error body names, in one lowercase string."""
    if isinstance(error, list):
        return " ".join(map(error_codes, error))
    if not isinstance(error, Mapping):
        return ""
    codes: list[str] = []
    for name in ("code", "type", "status"):
        if error.get(name) is not None:
            codes.append(str(error[name]))
    for name in ("error", "innererror", "metadata"):
        if name in error:
            codes.append(error_codes(error[name]))
    return " ".join(codes).lower()
