"""Private files: only their owner can read them, and nobody sees half of one."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from tune.store.files import PRIVATE, make_private, sync, sync_folder, write_private


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_private_file_is_made_empty_and_an_existing_one_stays(tmp_path: Path) -> None:
    path = tmp_path / "file"
    make_private(path)
    assert path.read_bytes() == b""
    path.write_text("kept")
    make_private(path)
    assert path.read_text() == "kept"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_only_its_owner_can_read_it_also_where_it_replaces_an_open_file(
    tmp_path: Path,
) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, "new")
    assert (path.read_text(), mode(path)) == ("new", PRIVATE)
    make_private(tmp_path / "other")
    assert mode(tmp_path / "other") == PRIVATE


def test_half_a_character_is_written_as_an_escape(tmp_path: Path) -> None:
    write_private(tmp_path / "file", "é \ud800")
    assert (tmp_path / "file").read_text(encoding="utf-8") == "é \\ud800"


def test_a_file_that_cannot_be_written_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_private(path, "old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_private(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_files_and_folders_are_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(os, "fsync", synced.append)
    sync(7)
    sync_folder(tmp_path)
    assert synced[0] == 7
    assert len(synced) == 2
    sync_folder(tmp_path / "missing")  # a folder that cannot be synced is no fault
    assert len(synced) == 2
