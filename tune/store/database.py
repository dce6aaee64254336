"""The store's SQLite file, which holds draws, scores and ledgers.

Write-ahead logging lets several processes read while one writes. After a kill, the next process can
read the file with everything that was committed. Every failure is a `StoreError` of one sentence.
"""

from __future__ import annotations

import os
import sqlite3
import time
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tune.errors import StoreError
from tune.store.files import make_private, sync, sync_folder

VERSION = 7
"""The version of the tables; a store of another one is refused."""

# Three names are enough: no other program's database has tables with all of these names.
_OWN = frozenset({"meta", "requests", "draws"})
"""Tables by which a store of any version is known."""

_PATIENCE = 30.0
"""Seconds to wait for another process that is writing."""

# Requests are kept once, as JSON that a person can read; a draw is found by request, generation and
# number. Draws are shared between studies: `uses` says which example of which study asked for the
# first so many draws of a request. It is written before they are bought, so that a killed run
# leaves no draw that nobody can trace. A claim is a purchase under way; `beat` is when its process
# was last heard of. Evidence is what a finished study leaves for later ones. The totals of a ledger
# are kept beside its attempts, so that a reservation is one comparison in SQL.
_TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);

CREATE TABLE IF NOT EXISTS requests (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    request TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS draws (
    id INTEGER PRIMARY KEY,
    request INTEGER NOT NULL REFERENCES requests (id),
    generation TEXT NOT NULL,
    number INTEGER NOT NULL,
    text TEXT NOT NULL,
    finish_reason TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL,
    cached_tokens INTEGER NOT NULL,
    seconds REAL NOT NULL,
    model TEXT NOT NULL,
    tier TEXT NOT NULL,
    token_ends TEXT,
    logprobs TEXT,
    created REAL NOT NULL,
    study TEXT NOT NULL,
    attempt INTEGER REFERENCES attempts (id),
    cost INTEGER NOT NULL,
    UNIQUE (request, generation, number)
);

CREATE TABLE IF NOT EXISTS examples (
    id INTEGER PRIMARY KEY,
    study TEXT NOT NULL,
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    UNIQUE (study, name)
);

CREATE TABLE IF NOT EXISTS uses (
    example INTEGER NOT NULL REFERENCES examples (id),
    request INTEGER NOT NULL REFERENCES requests (id),
    draws INTEGER NOT NULL,
    PRIMARY KEY (example, request)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS uses_of_request ON uses (request);

CREATE TABLE IF NOT EXISTS claims (
    request BLOB NOT NULL,
    generation TEXT NOT NULL,
    owner TEXT NOT NULL,
    beat REAL NOT NULL,
    PRIMARY KEY (request, generation)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS scores (
    key BLOB PRIMARY KEY,
    example TEXT NOT NULL,
    score REAL NOT NULL
);

CREATE TABLE IF NOT EXISTS evidence (
    study TEXT PRIMARY KEY,
    body BLOB NOT NULL
);

CREATE TABLE IF NOT EXISTS ledgers (
    study TEXT PRIMARY KEY,
    budget INTEGER NOT NULL,
    holdout_reserve INTEGER NOT NULL DEFAULT 0,
    settled INTEGER NOT NULL DEFAULT 0,
    reserved INTEGER NOT NULL DEFAULT 0,
    held INTEGER NOT NULL DEFAULT 0,
    uncertain INTEGER NOT NULL DEFAULT 0,
    overshoot INTEGER NOT NULL DEFAULT 0,
    opened INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE IF NOT EXISTS attempts (
    id INTEGER PRIMARY KEY,
    study TEXT NOT NULL REFERENCES ledgers (study),
    purpose TEXT NOT NULL,
    service TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('reserved', 'settled', 'refused', 'uncertain')),
    ceiling INTEGER NOT NULL,
    cost INTEGER NOT NULL DEFAULT 0,
    reason TEXT NOT NULL DEFAULT '',
    call TEXT NOT NULL DEFAULT '',
    created REAL NOT NULL
);

CREATE INDEX IF NOT EXISTS attempts_of_study ON attempts (study, state)
"""


class Database:
    """One connection to the store's file, used by one thread at a time.

    Several processes may each have a connection.

    Args:
        path: a file, or `sqlite:///file`. The file and its folders are made if they do not exist.

    Raises:
        StoreError: the file cannot be opened, is not a store, or has tables of another version.

    Attributes:
        version: as of the last transaction: a number that changes whenever another connection has
            changed the database.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.version = 0
        self.path = _parse_path(path)
        if self.path != ":memory:":
            _make_folder(Path(self.path).parent)
            # The file is made before SQLite opens it, because SQLite would make it readable for
            # everybody.
            with suppress(
                OSError
            ):  # SQLite says in its own words why the file cannot be made
                make_private(Path(self.path))
        try:
            # The event loop may run in another thread than the one that opened the file; never both
            # at once.
            self._connection = sqlite3.connect(
                self.path,
                timeout=_PATIENCE,
                isolation_level=None,
                check_same_thread=False,
            )
        except sqlite3.Error as error:
            raise StoreError(_sentence(error, self.path)) from None
        # A forgotten connection would keep the log of the store from being emptied.
        weakref.finalize(self, self._connection.close)
        self._log = Path(f"{self.path}-wal") if self.path != ":memory:" else None
        self._named = False
        try:
            empty = self._check_owner()
            self._use_write_ahead_log()
            if empty:
                self._make_tables()
        except StoreError:
            self._connection.close()
            raise

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one statement; outside a transaction it is committed at once.

        Raises:
            StoreError: it failed.
        """
        try:
            return self._connection.execute(sql, parameters)
        except sqlite3.Error as error:
            raise StoreError(_sentence(error, self.path)) from None

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> int:
        """Run one statement for each row; to be called within a transaction.

        Returns:
            The number of rows that were changed.

        Raises:
            StoreError: it failed.
        """
        try:
            return self._connection.executemany(sql, rows).rowcount
        except sqlite3.Error as error:
            raise StoreError(_sentence(error, self.path)) from None

    def rows(
        self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[Any]:
        """Every row that a query finds, as tuples.

        Raises:
            StoreError: the file cannot be read.
        """
        try:
            return self._connection.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise StoreError(_sentence(error, self.path)) from None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Write all of what the block writes, or nothing. The write lock is taken at the start.

        Inside another transaction, the block joins that one. An exception that leaves the inner
        block should leave the outer one too. Do not await inside: other coroutines would write into
        it.

        Raises:
            StoreError: another process holds the lock for too long, or the commit failed.
        """
        if self._in_transaction:
            yield
            return
        # IMMEDIATE takes the write lock now. A deferred transaction would fail later, in the
        # middle, when another process writes at the same time.
        self.execute("BEGIN IMMEDIATE")
        try:
            self.version = self.rows("PRAGMA data_version")[0][0]
            yield
            self.execute("COMMIT")
        finally:
            if self._in_transaction:
                self.execute("ROLLBACK")

    @property
    def on_disk(self) -> bool:
        """True if the store is a file. A store in memory has nothing to lose in a power cut."""
        return self._log is not None

    def flush(self) -> None:
        """Write everything committed until now to the disk, so that a power cut cannot take it.

        Any thread may call this.

        Raises:
            StoreError: the disk did not take it.
        """
        if self._log is None:
            return
        try:
            # SQLite has no call that syncs its log alone. The log is a file, so it can be synced
            # from outside;
            # a separate descriptor does not disturb SQLite's locks on the database file.
            descriptor = os.open(self._log, os.O_RDWR)
        except OSError as error:
            raise StoreError(
                f"the log of the store {self.path} cannot be written: {error.strerror}"
            ) from None
        try:
            sync(descriptor)
        except OSError as error:
            raise StoreError(
                f"the disk does not take what the store {self.path} holds ({error.strerror}): mend "
                "that and run the "
                f"same command again"
            ) from None
        finally:
            os.close(descriptor)
        # Once is enough: the log keeps its name while the database is open.
        if not self._named:
            sync_folder(self._log.parent)
            self._named = True

    def discard(self) -> None:
        """Remove the file, if nothing was bought and it holds no more than one study's ledger."""
        # A store with any of these holds something that was paid.
        kept = ("draws", "attempts", "scores")
        with (
            suppress(StoreError, OSError),
            self.transaction(),
        ):  # nobody else writes meanwhile
            rows = sum(
                self.rows(f"SELECT COUNT(*) FROM {table}")[0][0] for table in kept
            )
            studies = self.rows("SELECT COUNT(*) FROM ledgers")[0][0]
            if rows or studies > 1:
                return
            for suffix in ("", "-wal", "-shm"):
                Path(self.path + suffix).unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the file; calling it again does nothing."""
        self._connection.close()

    @property
    def _in_transaction(self) -> bool:
        try:
            return self._connection.in_transaction
        except (
            sqlite3.ProgrammingError
        ):  # it is closed, and the next statement will say so
            return False

    def _check_owner(self) -> bool:
        """Return whether the file is still empty. If it is not, it must be a store."""
        tables = {
            name
            for (name,) in self.rows(
                "SELECT name FROM sqlite_master WHERE type = 'table'"
            )
        }
        if not tables:
            return True
        # The other tables are looked at first: `meta` alone could belong to another program.
        found = (
            self.rows("SELECT value FROM meta WHERE name = 'version'")
            if tables >= _OWN
            else []
        )
        version = found[0][0] if found else ""
        if not version.isdecimal():
            raise StoreError(
                f"{self.path} is a database of something else (it has the table {min(tables)!r}): "
                "give another file as --store"
            )
        if int(version) != VERSION:
            newer = int(version) > VERSION
            who = "a newer" if newer else "an older"
            remedy = (
                "update tune, or give another --store"
                if newer
                else "give another --store, or move this one away"
            )
            raise StoreError(
                f"the store {self.path} was written by {who} version of tune (its tables have "
                f"version {version}, "
                f"this one reads {VERSION}): {remedy}"
            )
        return False

    def _make_tables(self) -> None:
        with self.transaction():
            for statement in _TABLES.split(";"):
                self.execute(statement)
            self.execute(
                "INSERT OR IGNORE INTO meta VALUES ('version', ?)", (str(VERSION),)
            )

    def _use_write_ahead_log(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                mode = self._connection.execute("PRAGMA journal_mode = WAL").fetchone()[
                    0
                ]
                break
            except sqlite3.Error as error:
                # Changing the mode does not wait for a process that is changing it too.
                if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise StoreError(_sentence(error, self.path)) from None
                time.sleep(0.01)
        if mode == "wal":
            # NORMAL loses nothing when a process is killed. A power cut may take the last
            # transactions, so whoever must not lose one calls `flush`: that is one write to the
            # disk for many of them.
            self.execute("PRAGMA synchronous = NORMAL")
        # folders of some networks have no such log: there each transaction is written to the disk
        # by itself
        else:
            self.execute("PRAGMA synchronous = FULL")
            self._log = None


def _parse_path(path: str | os.PathLike[str]) -> str:
    text = os.fspath(path)
    scheme, found, rest = text.partition("://")
    if not found:
        return text
    if scheme != "sqlite":
        # Only the scheme is shown: the rest of such a URL may hold a password.
        raise StoreError(
            f"a store is a SQLite file, but got a {scheme}:// URL: give a path or sqlite:///path"
        )
    # As SQLAlchemy reads such URLs: three slashes for a relative path, four for an absolute one.
    file = rest.removeprefix("/")
    if file == rest or not file:
        raise StoreError(f"a store's URL reads sqlite:///path, but got {text!r}")
    return file


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"the folder {str(folder)!r} for the store cannot be made: {error.strerror}"
        ) from None


def _code(error: sqlite3.Error) -> int:
    """The primary error code of SQLite, or 0 where the failure is not SQLite's own."""
    # The low byte is the primary code; the rest are details.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _sentence(error: sqlite3.Error, path: str) -> str:
    code = _code(error)
    if code == sqlite3.SQLITE_NOTADB:
        return f"{path} is no SQLite database: give another file as --store, or move this one away"
    if code == sqlite3.SQLITE_CORRUPT:
        return (
            f"the store {path} is damaged ({error}): restore a copy of it, or move it away to "
            "begin a new one"
        )
    if code == sqlite3.SQLITE_FULL:
        return (
            f"the disk that holds the store {path} is full: free some space and run the same "
            "command again"
        )
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return (
            f"the store {path} cannot be written ({error}): mend the rights of its folder, or give "
            "another --store"
        )
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        waited = f"for over {_PATIENCE:g} seconds"
        return f"another process has been writing to the store {path} {waited}"
    return f"the store {path} failed: {error}"
