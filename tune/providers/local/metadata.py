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

_hashes: dict[tuple[str, int, int], str] = {}
_hashing = threading.Lock()


def content_hash(path: Path) -> str:
    """SHA-256, in hex, of a model file; of the names and hashes of all files, for a folder.

    A file is read once per process, as long as its size and time of change stay the same.
    """
    if path.is_dir():
        whole = hashlib.sha256()
        for inner in sorted(inner for inner in path.rglob("*") if inner.is_file()):
            inside = inner.relative_to(path)
            if not any(part.startswith(".") for part in inside.parts):
                whole.update(f"{inside.as_posix()} {content_hash(inner)}\n".encode())
        return whole.hexdigest()
    state = path.stat()
    key = (str(path.resolve()), state.st_size, state.st_mtime_ns)
    with _hashing:
        if key not in _hashes:
            with path.open("rb") as file:
                _hashes[key] = hashlib.file_digest(file, "sha256").hexdigest()
        return _hashes[key]


def context_length(path: Path) -> int | None:
    """The most tokens of prompt and answer together that a model was made for, or None where its
    files do not say.
    """
    if path.is_dir():
        try:
            config = json.loads((path / "config.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        text = config.get("text_config", config)
        return int(text["max_position_embeddings"]) if "max_position_embeddings" in text else None
    with path.open("rb") as file:
        try:
            return _gguf_context_length(file)
        except (struct.error, KeyError):
            raise InputError(
                f"the file {str(path)!r} is no whole GGUF model: its header cannot be read"
            ) from None


# The header of a GGUF file: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
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
_GGUF_STRING, _GGUF_ARRAY = 8, 9


def _gguf_context_length(file: BinaryIO) -> int | None:
    _, _, _, entries = _unpack(file, "4sIQQ")
    for _ in range(entries):
        (size,) = _unpack(file, "Q")
        key = file.read(size)
        (kind,) = _unpack(file, "I")
        if key.endswith(b".context_length"):
            return int(_unpack(file, _GGUF_NUMBERS[kind])[0])
        _skip(file, kind)
    return None


def _skip(file: BinaryIO, kind: int) -> None:
    if kind == _GGUF_STRING:
        file.seek(_unpack(file, "Q")[0], os.SEEK_CUR)
    elif kind == _GGUF_ARRAY:
        kind, count = _unpack(file, "IQ")
        if kind in _GGUF_NUMBERS:
            file.seek(count * struct.calcsize("<" + _GGUF_NUMBERS[kind]), os.SEEK_CUR)
        else:
            for _ in range(count):
                _skip(file, kind)
    else:
        _unpack(file, _GGUF_NUMBERS[kind])


def _unpack(file: BinaryIO, form: str) -> tuple[int, ...]:
    return struct.unpack("<" + form, file.read(struct.calcsize("<" + form)))
