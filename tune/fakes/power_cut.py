"""Simulated power cuts: leave of a store only what a disk is sure to hold.

A killed process leaves everything that it wrote, because the system still has it. A power cut
leaves less: what was synced is there. Of what was written later, any beginning may be there, and
the rest may be rubbish.

    watch(store)                      # in the process of the study: notes what is synced of the log
    cut_power(store, rng)             # after the kill: the store as a power cut could leave it
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tune.store.database import Database

# Sizes from https://sqlite.org/fileformat2.html, section 4.1.
HEADER, FRAME_HEADER = 32, 24
"""Bytes before the first frame of a write-ahead log, and before the page in each frame."""


def watch(store: Path) -> None:
    """Have this process note how many bytes of the store's log are on the disk.

    The note is a file beside the store. The log is never copied into the store meanwhile, so that
    its size only grows.
    """
    flush, begin = Database.flush, Database._use_write_ahead_log
    note = sync_note(store)
    note.parent.mkdir(parents=True, exist_ok=True)
    size = min(synced(store), _size(_log(store)))
    file = os.open(note, os.O_RDWR | os.O_CREAT)

    def write(size: int) -> None:
        # One write of fixed length: the process may be killed at any moment, and half a number
        # would be a wrong number.
        os.pwrite(file, f"{size:20d}".encode(), 0)

    def begin_and_never_copy(self: Database) -> None:
        begin(self)
        self.execute("PRAGMA wal_autocheckpoint = 0")

    def flush_and_note(self: Database) -> None:
        # Measured before the flush begins: what is written during it may miss it.
        size = _size(_log(store))
        flush(self)
        write(size)

    write(size)
    Database._use_write_ahead_log = begin_and_never_copy  # type: ignore[method-assign]
    Database.flush = flush_and_note  # type: ignore[method-assign]


def synced(store: Path) -> int:
    """Return how many bytes of the log are known to be on the disk."""
    try:
        return int(sync_note(store).read_text() or 0)
    except OSError:
        return 0


def cut_power(store: Path, rng: random.Random) -> int:
    """Leave of a store what a power cut could have left.

    Returns:
        The bytes of its log that were lost.
    """
    log = _log(store)
    size = _size(log)
    kept = rng.randint(min(synced(store), size), size)
    if size:
        # Half of the time the blocks after the cut hold rubbish: a file system may have made the
        # file longer before it wrote the data.
        torn = rng.randbytes(size - kept) if rng.random() < 0.5 else b""
        with log.open("r+b") as file:
            file.truncate(kept)
            file.seek(kept)
            file.write(torn)
    with suppress(FileNotFoundError):
        # The index of the log is shared memory, which no power cut leaves.
        Path(f"{store}-shm").unlink()
    return size - kept


def frames(log: Path) -> Iterator[tuple[int, bool]]:
    """Yield each frame of a log: the byte where it ends, and whether it ends a transaction."""
    raw = log.read_bytes()
    step = FRAME_HEADER + int.from_bytes(raw[8:12], "big")
    for start in range(HEADER, len(raw) - step + 1, step):
        yield start + step, int.from_bytes(raw[start + 4 : start + 8], "big") > 0


def sync_note(store: Path) -> Path:
    """Return the file in which a process notes how many bytes of the log are synced."""
    return Path(f"{store}-synced")


def _log(store: Path) -> Path:
    return Path(f"{store}-wal")


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0
