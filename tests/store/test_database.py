from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tune.errors import StoreError
from tune.store.database import VERSION, Database


def insert(db: Database, name: str, value: str = "x") -> None:
    db.execute("INSERT INTO meta VALUES (?, ?)", (name, value))


def names(db: Database) -> set[str]:
    return {name for (name,) in db.rows("SELECT name FROM meta")} - {"version"}


def one_sentence(error: pytest.ExceptionInfo[StoreError]) -> str:
    text = str(error.value)
    assert text
    assert "\n" not in text
    return text


def test_a_new_file_is_made_with_its_folders(tmp_path: Path) -> None:
    path = tmp_path / "results" / "deep" / "draws.db"
    Database(path).close()
    assert path.exists()


def test_it_writes_ahead_and_says_its_version(db: Database) -> None:
    assert db.rows("PRAGMA journal_mode") == [("wal",)]
    assert db.rows("PRAGMA synchronous") == [(1,)]
    assert db.rows("SELECT value FROM meta WHERE name = 'version'") == [(str(VERSION),)]


def test_what_was_written_is_there_when_opened_again(tmp_path: Path) -> None:
    first = Database(tmp_path / "draws.db")
    insert(first, "kept")
    first.close()
    assert names(Database(tmp_path / "draws.db")) == {"kept"}


def test_a_second_connection_sees_what_the_first_committed(db: Database) -> None:
    other = Database(db.path)
    with db.transaction():
        insert(db, "a")
        assert names(other) == set()
    assert names(other) == {"a"}


def insert_and_raise(
    db: Database, *, outer: str = "", inner: str = "", raise_inside: bool = False
) -> None:
    with db.transaction():
        insert(db, outer)
        if inner:
            with db.transaction():
                insert(db, inner)
                if raise_inside:
                    raise KeyError
        raise KeyError


def test_a_transaction_that_is_left_by_an_exception_wrote_nothing(db: Database) -> None:
    with pytest.raises(KeyError):
        insert_and_raise(db, outer="a")
    assert names(db) == set()
    insert(db, "b")
    assert names(db) == {"b"}


@pytest.mark.parametrize("raise_inside", [False, True])
def test_a_nested_transaction_is_undone_with_the_outer_one(
    db: Database, raise_inside: bool
) -> None:
    with pytest.raises(KeyError):
        insert_and_raise(db, outer="a", inner="b", raise_inside=raise_inside)
    assert names(db) == set()


def test_a_nested_transaction_is_committed_with_the_outer_one(db: Database) -> None:
    other = Database(db.path)
    with db.transaction():
        with db.transaction():
            insert(db, "a")
        assert names(other) == set()
        insert(db, "b")
    assert names(other) == {"a", "b"}


def test_many_rows_at_once_are_all_or_nothing(db: Database) -> None:
    with pytest.raises(StoreError), db.transaction():
        db.executemany("INSERT INTO meta VALUES (?, ?)", [("a", "1"), ("a", "2")])
    assert names(db) == set()


@pytest.mark.parametrize("form", ["sqlite:///{}", "{}"])
def test_a_path_and_its_url_are_the_same_store(tmp_path: Path, form: str) -> None:
    path = tmp_path / "a b.db"
    insert(Database(path), "kept")
    assert names(Database(form.format(path))) == {"kept"}


def test_a_relative_url_is_relative(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Database("sqlite:///here.db").close()
    assert (tmp_path / "here.db").exists()


def test_another_kind_of_database_is_refused_without_showing_its_password() -> None:
    with pytest.raises(StoreError, match="postgresql://") as error:
        Database("postgresql://me:hunter2@db.example.org/tune")
    assert "hunter2" not in one_sentence(error)
    assert "sqlite:///path" in one_sentence(error)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite://host/path"])
def test_an_url_without_a_path_is_refused(url: str) -> None:
    with pytest.raises(StoreError, match="sqlite:///path"):
        Database(url)


def test_a_store_of_a_newer_version_is_refused_and_left_as_it_is(
    tmp_path: Path,
) -> None:
    path = tmp_path / "draws.db"
    db = Database(path)
    db.execute("UPDATE meta SET value = ? WHERE name = 'version'", (str(VERSION + 1),))
    db.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="newer version of tune") as error:
        Database(path)
    assert str(VERSION + 1) in one_sentence(error)
    assert path.read_bytes() == before


def test_a_store_of_an_older_version_is_refused_and_left_as_it_is(
    tmp_path: Path,
) -> None:
    path = tmp_path / "draws.db"
    db = Database(path)
    db.execute("UPDATE meta SET value = ? WHERE name = 'version'", (str(VERSION - 1),))
    db.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="an older version of tune") as error:
        Database(path)
    assert "give another --store, or move this one away" in one_sentence(error)
    assert path.read_bytes() == before


@pytest.mark.skipif(
    sys.platform == "win32", reason="files there have no mode: run it on Linux or macOS"
)
def test_only_the_owner_can_read_a_store_and_its_log(tmp_path: Path) -> None:
    db = Database(tmp_path / "draws.db")
    insert(db, "a")
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"draws.db": 0o600, "draws.db-wal": 0o600, "draws.db-shm": 0o600}


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(
    tmp_path: Path,
) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("these are my notes, and none of your business\n" * 100)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="no SQLite database") as error:
        Database(path)
    assert str(path) in one_sentence(error)
    assert path.read_bytes() == before


@pytest.mark.parametrize("table", ["photos (id)", "meta (k, v)", "meta (name, value)"])
def test_a_database_of_something_else_is_refused_and_left_as_it_is(
    tmp_path: Path, table: str
) -> None:
    path = tmp_path / "other.db"
    other = sqlite3.connect(path)
    other.execute(f"CREATE TABLE {table}")
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="database of something else") as error:
        Database(path)
    one_sentence(error)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["other.db"]


def test_a_damaged_store_says_so(tmp_path: Path) -> None:
    path = tmp_path / "draws.db"
    db = Database(path)
    with db.transaction():
        db.executemany(
            "INSERT INTO meta VALUES (?, ?)",
            [(f"name {i}", "x" * 500) for i in range(500)],
        )
    db.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(os.urandom(size - 8192))
    with pytest.raises(StoreError, match="damaged") as error:
        Database(path).rows("SELECT * FROM meta")
    assert str(path) in one_sentence(error)


def test_a_truncated_store_says_so(tmp_path: Path) -> None:
    path = tmp_path / "draws.db"
    Database(path).close()
    os.truncate(path, 5000)
    with pytest.raises(StoreError, match=r"damaged|no SQLite database"):
        Database(path).rows("SELECT * FROM meta")


def test_a_full_disk_is_named_and_loses_nothing(db: Database) -> None:
    insert(db, "paid")
    # SQLite answers as on a full disk when the file may not grow.
    (pages,) = db.rows("PRAGMA page_count")[0]
    db.execute(f"PRAGMA max_page_count = {pages}")

    def buy() -> None:
        with db.transaction():
            insert(db, "more")
            insert(db, "large", "x" * 100_000)

    with pytest.raises(StoreError, match=r"full: free some space") as error:
        buy()
    one_sentence(error)
    assert names(db) == {"paid"}
    db.execute("PRAGMA max_page_count = 100000")
    insert(db, "more")
    assert names(db) == {"paid", "more"}


def test_a_store_that_may_not_be_written_is_named(db: Database) -> None:
    db.execute("PRAGMA query_only = 1")
    with pytest.raises(StoreError, match="cannot be written") as error:
        insert(db, "a")
    assert "--store" in one_sentence(error)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be made") as error:
        Database(tmp_path / "file" / "results" / "draws.db")
    one_sentence(error)


def test_a_folder_in_place_of_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be written") as error:
        Database(tmp_path)
    one_sentence(error)


def test_a_read_only_folder_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    tmp_path.chmod(0o755)
    folder.chmod(0o555)
    script = (
        "import os, sys\n"
        "from tune.store.database import Database\n"
        "from tune.errors import StoreError\n"
        "if os.getuid() == 0: os.setuid(65534)\n"  # the superuser may write anywhere
        f"try: Database({str(folder / 'draws.db')!r})\n"
        "except StoreError as error: sys.stdout.write(str(error))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert "cannot be written" in done.stdout or "cannot be made" in done.stdout


def test_another_process_that_writes_for_too_long_is_named(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tune.store.database._PATIENCE", 0.05)
    other = Database(db.path)
    with (
        db.transaction(),
        pytest.raises(StoreError, match="another process") as error,
        other.transaction(),
    ):
        pass
    one_sentence(error)
    with other.transaction():
        insert(other, "a")


def test_a_closed_database_says_so(db: Database) -> None:
    db.close()
    db.close()
    with pytest.raises(StoreError, match="closed"):
        db.rows("SELECT 1")


_WRITER = """
import sys
from tune.store.database import Database
db = Database(sys.argv[1])
for number in range(200):
    with db.transaction():
        (count,), = db.rows("SELECT count(*) FROM meta")
        db.execute("INSERT INTO meta VALUES (?, ?)", (f"{sys.argv[2]} {number}", str(count)))
"""


def test_several_processes_make_and_write_one_store_at_once(tmp_path: Path) -> None:
    path = tmp_path / "draws.db"
    writers = [
        subprocess.Popen([sys.executable, "-c", _WRITER, str(path), str(i)])
        for i in range(4)
    ]
    assert [writer.wait() for writer in writers] == [0, 0, 0, 0]
    # Each counted what was there while no other could write, so no count was seen twice.
    counts = [
        int(value)
        for (value,) in Database(path).rows(
            "SELECT value FROM meta WHERE name != 'version'"
        )
    ]
    assert sorted(counts) == list(range(1, 801))


def test_a_disk_that_fails_is_one_sentence(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    db.execute("INSERT INTO meta VALUES ('a', 'b')")

    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("tune.store.database.sync", fail)
    with pytest.raises(StoreError, match="the disk does not take what the store"):
        db.flush()
