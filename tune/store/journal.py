"""The journal of a study: one JSON object a line, only ever appended, held by one process at a
time.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from tune.errors import StoreError, StudyError
from tune.safety.redact import scrubbed_json
from tune.store.files import make_private, sync, sync_folder


class Journal:
    """An append-only file of events.

    Opening takes a lock that lasts until `close`, so that two processes never write one study. A
    torn last line, as a killed process or a full disk leaves it, is cut off with a notice; a torn
    line elsewhere is an error.

    Args:
        path: the file; its folder is made where it is missing.
        notice: told in one sentence when a torn line was dropped.

    Raises:
        StudyError: the folder cannot be written, another process holds the study, or the file is
        damaged.
    """

    _mark: Callable[[], Sequence[int]] | None = None

    def __init__(
        self, path: str | Path, *, notice: Callable[[str], None] = lambda _: None
    ) -> None:
        self.path = Path(path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            make_private(self.path)
            self._file: IO[bytes] = self.path.open(
                "a+b", buffering=0
            )  # nothing is left to be written at the end
        except OSError as error:
            raise StudyError(
                f"the results folder {str(self.path.parent)!r} cannot be written: "
                f"{error.strerror}; "
                f"choose another with --results"
            ) from None
        sync_folder(self.path.parent)
        # The lock belongs to the open file, so a killed process gives it back without help.
        if not _lock(self._file):
            self._file.close()
            raise StudyError(
                f"another process is running the study in {str(self.path.parent)!r}: wait for it "
                "to end"
            )
        try:
            self.events: list[dict[str, Any]] = list(self._load(notice))
        except StudyError:
            self.close()
            raise

    def _load(self, notice: Callable[[str], None]) -> Iterator[dict[str, Any]]:
        self._file.seek(0)
        whole, lines = 0, self._file.read().splitlines(keepends=True)
        for number, line in enumerate(lines, start=1):
            event = _parse(line)
            if event is None:
                # Only the last line can be torn by a kill. Damage in the middle has another cause,
                # and dropping a line there would change what a resumed study decides.
                if b"".join(lines[number:]).strip():
                    raise StudyError(
                        f"line {number} of {str(self.path)!r} is no event: the file is damaged"
                    )
                notice(
                    f"the last line of {self.path.name} was torn and has been dropped"
                )
                self._file.truncate(whole)
                return
            whole += len(line)
            yield event

    def follow(self, mark: Callable[[], Sequence[int]]) -> None:
        """Write the mark of the study's ledger into every event from now on, as `ledger`.

        Args:
            mark: called before each event. It returns after the ledger and all draws are on the
                disk, so that no event speaks of draws that a power cut takes away.
        """
        self._mark = mark

    def append(self, event: str, **fields: Any) -> dict[str, Any]:
        """Write one event and have it on disk before returning.

        Raises:
            StoreError: the disk is full or the folder is gone; what is there stays whole.
        """
        record = {"event": event, **fields}
        if self._mark is not None:
            record["ledger"] = list(self._mark())
        line = memoryview(dump_event(record).encode("utf-8", "backslashreplace"))
        # Remembered so that a half-written line can be cut off again.
        size = os.fstat(self._file.fileno()).st_size
        try:
            while line:
                # An unbuffered write may take only a part of the bytes.
                line = line[self._file.write(line) :]
            sync(self._file.fileno())
        except OSError as error:
            with suppress(OSError):
                self._file.truncate(size)
            raise StoreError(
                f"{str(self.path)!r} cannot be written: {error.strerror}; mend that and run the "
                "same command again"
            ) from None
        self.events.append(record)
        return record

    def close(self) -> None:
        """Give the lock back."""
        self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def dump_event(event: Mapping[str, Any]) -> str:
    """Return the line of an event.

    Half a surrogate pair becomes its escape in JSON when the line is encoded.
    """
    return scrubbed_json(event, separators=(",", ":")) + "\n"


def read_events(path: str | Path) -> list[dict[str, Any]]:
    """Return the events of a journal without taking its lock, also while its study is running.

    Raises:
        StudyError: there is no such file.
    """
    try:
        lines = Path(path).read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise StudyError(
            f"there is no study at {str(path)!r}: {error.strerror}"
        ) from None
    return [event for line in lines if (event := _parse(line)) is not None]


def is_held(path: str | Path) -> bool:
    """Return whether a process holds a journal now, because its study is running."""
    try:
        # For appending, as the lock wants it; nothing is written.
        with Path(path).open("a+b", buffering=0) as file:
            return not _lock(file)
    except OSError:
        return False


def _parse(line: bytes) -> dict[str, Any] | None:
    """The event on a line, or None where the line is torn."""
    # A line without its end was torn while it was written, even if it happens to be valid JSON.
    if not line.endswith(b"\n"):
        return None
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "event" in event else None


def _lock(file: IO[bytes]) -> bool:
    """Take the file for this process until it is closed; False where another has it."""
    if sys.platform == "win32":
        import msvcrt

        try:
            file.seek(1 << 40)  # far beyond the end, so that readers are not kept out
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        # flock, not lockf: closing another descriptor of the same file must not release the lock.
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
