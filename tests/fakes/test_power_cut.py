"""A simulated power cut takes only what was not synced."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tune.fakes import power_cut


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store whose log has 1,000 bytes, of which 600 are known to be on the disk."""
    path = tmp_path / "draws.db"
    Path(f"{path}-wal").write_bytes(bytes(range(250)) * 4)
    Path(f"{path}-shm").write_bytes(b"index")
    power_cut.sync_note(path).write_text(f"{600:20d}")
    return path


@pytest.mark.parametrize("seed", range(20))
def test_synced_bytes_stay_and_the_index_in_memory_goes(store: Path, seed: int) -> None:
    log = Path(f"{store}-wal")
    before = log.read_bytes()
    lost = power_cut.cut_power(store, random.Random(seed))
    assert 0 <= lost <= 400
    assert log.read_bytes()[: 1000 - lost] == before[: 1000 - lost]
    assert not Path(f"{store}-shm").exists()


def test_some_cuts_leave_rubbish_behind_what_is_kept(store: Path) -> None:
    log = Path(f"{store}-wal")
    before = log.read_bytes()
    sizes = set()
    for seed in range(20):
        log.write_bytes(before)
        lost = power_cut.cut_power(store, random.Random(seed))
        sizes.add("rubbish" if len(log.read_bytes()) == 1000 and lost else "shorter")
    assert sizes == {"rubbish", "shorter"}


def test_without_a_note_nothing_is_known_to_be_synced(tmp_path: Path) -> None:
    assert power_cut.synced(tmp_path / "draws.db") == 0
    assert power_cut.cut_power(tmp_path / "draws.db", random.Random(0)) == 0


def test_frames_are_read_off_a_log(tmp_path: Path) -> None:
    page = 512
    header = bytes(8) + page.to_bytes(4, "big") + bytes(20)
    middle = bytes(4) + (0).to_bytes(4, "big") + bytes(16 + page)
    commit = bytes(4) + (7).to_bytes(4, "big") + bytes(16 + page)
    log = tmp_path / "log"
    log.write_bytes(header + middle + commit + b"half a frame")
    assert list(power_cut.frames(log)) == [(32 + 536, False), (32 + 2 * 536, True)]
