"""The files and folders that a start makes, and their removal where nothing came of it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from tune.store.database import Database


class Traces:
    """The files and folders that a run makes before it buys anything.

    Create this before the first of them is made.

    Args:
        journal: the study's journal, in its results folder.
        store: the store's file; `:memory:` is no file.
    """

    def __init__(self, journal: Path, store: str) -> None:
        self._journal, self._store = journal, Path(store.removeprefix("sqlite:///"))
        # What is there before the run belongs to the user, also an empty folder.
        folders = {*self._journal.parents, *self._store.parents}
        paths = {self._journal, self._store, *folders}
        self._new = {path for path in paths if not path.exists()}

    def remove(self, db: Database | None) -> None:
        """Take back what was made, as long as nothing is in it.

        Args:
            db: the store, where it was opened already. It is kept if anything was bought: other
                studies may share it.
        """
        if db is not None and self._store in self._new:
            db.discard()
        with suppress(OSError):
            if self._journal in self._new:
                self._journal.unlink(missing_ok=True)
        # The longest path first: a folder is empty when those in it are gone. One that somebody
        # else uses stays.
        for folder in sorted(
            self._new - {self._journal, self._store}, key=lambda path: -len(path.parts)
        ):
            with suppress(OSError):
                folder.rmdir()
