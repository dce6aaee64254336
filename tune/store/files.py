"""Files that outlive a power cut and that only their owner can read."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

PRIVATE = 0o600
"""The mode of a file that holds texts of the user's customers."""


def make_private(path: Path) -> None:
    """Make an empty file that only its owner can read. An existing file stays as it was."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, PRIVATE))


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, so that no reader ever sees half of it.

    Raises:
        OSError: the folder cannot be written, or the disk is full; what was there stays.
    """
    # Half a character, which a label may have and UTF-8 has not, is written as JSON escapes it.
    write_private_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_private_bytes(path: Path, data: bytes) -> None:
    """Do the same for a file of bytes.

    Raises:
        OSError: the folder cannot be written, or the disk is full; what was there stays.
    """
    # Written beside and renamed: a rename within one folder is atomic.
    beside = path.with_name(path.name + ".part")
    try:
        beside.unlink(missing_ok=True)
        make_private(beside)
        beside.write_bytes(data)
        # Windows refuses os.rename where the target exists; os.replace works everywhere.
        os.replace(beside, path)
    except OSError:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise


def sync(descriptor: int) -> None:
    """Have what was written to an open file on the disk itself.

    Raises:
        OSError: the disk did not take it.
    """
    if sys.platform == "darwin":
        import fcntl

        fcntl.fcntl(
            descriptor, fcntl.F_FULLFSYNC
        )  # fsync there leaves it in the disk's own memory
    else:
        os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Have the names of new files on the disk: a file that is synced can still lose its name."""
    if sys.platform == "win32":  # folders cannot be opened there
        return
    with suppress(OSError):  # some network folders cannot be synced
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
