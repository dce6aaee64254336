"""Facts that the files of a local model hold: the hash of their content, and the context length."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from tests.support.genai import write_gguf
from tune.errors import InputError
from tune.providers.local.metadata import content_hash, context_length


def test_the_hash_is_the_contents_and_follows_changes(tmp_path: Path):
    path = write_gguf(tmp_path / "a.gguf")
    copy = Path(shutil.copy(path, tmp_path / "b.gguf"))
    assert (
        content_hash(path)
        == content_hash(copy)
        == hashlib.sha256(path.read_bytes()).hexdigest()
    )
    write_gguf(copy, salt=" and more")
    assert content_hash(copy) != content_hash(path)


def test_a_file_is_hashed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = write_gguf(tmp_path / "a.gguf")
    first = content_hash(path)
    monkeypatch.setattr(hashlib, "file_digest", None)
    assert content_hash(path) == first


def test_a_folders_hash_covers_names_and_contents_but_nothing_hidden(tmp_path: Path):
    def folder(name: str, **files: str) -> Path:
        for file, text in files.items():
            inside = tmp_path / name / file.replace("__", "/")
            inside.parent.mkdir(parents=True, exist_ok=True)
            inside.write_text(text)
        return tmp_path / name

    first = content_hash(folder("a", x="1", sub__y="2"))
    assert content_hash(folder("b", x="1", sub__y="2")) == first
    assert content_hash(folder("c", x="2", sub__y="1")) != first
    assert content_hash(folder("d", x="1", sub__z="2")) != first
    (tmp_path / "b" / ".cache").mkdir()
    (tmp_path / "b" / ".cache" / "lock").touch()
    assert content_hash(tmp_path / "b") == first


@pytest.mark.parametrize("context", [4096, 131072, None])
def test_the_context_is_read_from_a_gguf_header(tmp_path: Path, context: int | None):
    assert context_length(write_gguf(tmp_path / "a.gguf", context=context)) == context


@pytest.mark.parametrize("size", [10, 30, 60, 130])
def test_half_a_gguf_header_is_refused(tmp_path: Path, size: int):
    path = write_gguf(tmp_path / "a.gguf")
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(InputError, match="its header cannot be read"):
        context_length(path)


@pytest.mark.parametrize(
    ("config", "context"),
    [
        ('{"max_position_embeddings": 2048}', 2048),
        ('{"text_config": {"max_position_embeddings": 8192}}', 8192),
        ("{}", None),
        ("no json", None),
    ],
)
def test_the_context_is_read_from_the_config_of_a_folder(
    tmp_path: Path, config: str, context: int | None
):
    assert context_length(tmp_path) is None
    (tmp_path / "config.json").write_text(config)
    assert context_length(tmp_path) == context
