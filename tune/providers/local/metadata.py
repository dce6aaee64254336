"""Facts that the files of a local model hold: a hash of their content, and the context length."""

from __future__ import annotations

import hashlib
import json
import os
import struct
import threading
from pathlib import Path
from typing import BinaryIO

from tune.errors import InputError

# Hashes by path, size and time of change.
_hashes: dict[tuple[str, int, int], str] = {}
_hashing = threading.Lock()


def content_hash(path: Path) -> str:
    """Return the SHA-256, in hex, of a model file, or of the names and hashes in a folder.

    A file is read once per process, as long as its size and time of change stay the same.
    """
    if path.is_dir():
        return _folder_hash(path)
    state = path.stat()
    key = (str(path.resolve()), state.st_size, state.st_mtime_ns)
    with _hashing:
        if key not in _hashes:
            with path.open("rb") as file:
                _hashes[key] = hashlib.file_digest(file, "sha256").hexdigest()
        return _hashes[key]


def _folder_hash(folder: Path) -> str:
    """Return the hash of all files in a folder that are not hidden."""
    whole = hashlib.sha256()
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in files:
        inside = path.relative_to(folder)
        if not any(part.startswith(".") for part in inside.parts):
            whole.update(f"{inside.as_posix()} {content_hash(path)}\n".encode())
    return whole.hexdigest()


def context_length(path: Path) -> int | None:
    """Return the most tokens of prompt and answer together that a model was made for.

    It is None where its files do not say.

    Raises:
        InputError: a GGUF file breaks off in its header.
    """
    if path.is_dir():
        return _openvino_context_length(path)
    with path.open("rb") as file:
        try:
            return _gguf_context_length(file)
        except (struct.error, KeyError):
            raise InputError(
                f"the file {str(path)!r} is not a whole GGUF model: its header cannot be read"
            ) from None


def _openvino_context_length(folder: Path) -> int | None:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    # Models that see images keep the settings of their text part apart.
    text = config.get("text_config", config)
    if "max_position_embeddings" not in text:
        return None
    return int(text["max_position_embeddings"])


# The header of a GGUF file: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
# It is a list of keys with typed values; these are the formats of the types that are numbers.
_GGUF_NUMBERS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
_GGUF_STRING = 8
_GGUF_ARRAY = 9


def _gguf_context_length(file: BinaryIO) -> int | None:
    _magic, _version, _tensors, entries = _unpack(file, "4sIQQ")
    for _ in range(entries):
        (size,) = _unpack(file, "Q")
        key = file.read(size)
        (kind,) = _unpack(file, "I")
        # The key begins with the architecture, as llama.context_length.
        if key.endswith(b".context_length"):
            return int(_unpack(file, _GGUF_NUMBERS[kind])[0])
        _skip_value(file, kind)
    return None


def _skip_value(file: BinaryIO, kind: int) -> None:
    """Move behind a value of this type."""
    if kind == _GGUF_STRING:
        (size,) = _unpack(file, "Q")
        file.seek(size, os.SEEK_CUR)
    elif kind == _GGUF_ARRAY:
        _skip_array(file)
    else:
        _unpack(file, _GGUF_NUMBERS[kind])


def _skip_array(file: BinaryIO) -> None:
    kind, count = _unpack(file, "IQ")
    if kind in _GGUF_NUMBERS:
        size = struct.calcsize("<" + _GGUF_NUMBERS[kind])
        file.seek(count * size, os.SEEK_CUR)
        return
    for _ in range(count):
        _skip_value(file, kind)


def _unpack(file: BinaryIO, form: str) -> tuple[int, ...]:
    """Read values of this format, in the little-endian order of GGUF."""
    little_endian = "<" + form
    return struct.unpack(little_endian, file.read(struct.calcsize(little_endian)))
