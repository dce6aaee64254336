"""The power fails at every frame of a study's write-ahead log: no dollar is forgotten, and the
study resumes.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import tune
from tests.test_tuner_survival import SPACE, WORLD, options
from tune.fakes import power_cut
from tune.fakes.server import Server
from tune.pricing.prices import to_picodollars
from tune.store.database import Database
from tune.store.journal import read_events
from tune.store.ledger_marks import check_ledger
from tune.store.ledger_table import read_balance

ROWS, BUDGET = 16, 0.0008
RESUMED = 6
"""Cuts at which the whole study is run on; at every one its ledger is held against the bill."""


@dataclass(frozen=True)
class Moment:
    """What there was just before a write to the disk ended.

    Attributes:
        log: bytes of the log that were on the disk after it.
        journal: bytes of the study's journal.
        requests: requests that the server had seen.
    """

    log: int
    journal: int
    requests: int


@dataclass
class Film:
    """A short study, moment by moment: its store and log as they were at its end, and what was
    when.
    """

    store: bytes
    log: Path
    journal: bytes
    moments: list[Moment]
    charges: list[tuple[int, int]]
    server: Server

    def moment(self, end: int) -> Moment:
        """The last moment at which the power can fail so that the log ends here."""
        ended = Moment(end, len(self.journal), 1 << 30)
        return next((moment for moment in self.moments if moment.log > end), ended)

    def bill(self, moment: Moment) -> int:
        """Picodollars of all requests that were sent until then."""
        return sum(cost for number, cost in self.charges if number < moment.requests)

    def leave(self, folder: Path, end: int) -> Moment:
        """Leave the study as the power cut leaves it."""
        moment = self.moment(end)
        folder.mkdir(parents=True)
        (folder / "draws.db").write_bytes(self.store)
        (folder / "draws.db-wal").write_bytes(self.log.read_bytes()[:end])
        (folder / "study.jsonl").write_bytes(self.journal[: moment.journal])
        return moment


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Film]:
    folder = tmp_path_factory.mktemp("film")
    store, journal = folder / "study" / "draws.db", folder / "study" / "study.jsonl"
    moments: list[Moment] = []
    flush = Database.flush
    with pytest.MonkeyPatch.context() as patch, Server(world=WORLD) as server:
        held = Database(
            store
        )  # as long as it is open, no other copies the log into the store
        held.execute("PRAGMA wal_autocheckpoint = 0")

        def flush_and_note(self: Database) -> None:
            log = Path(f"{store}-wal").stat().st_size
            flush(self)
            moments.append(Moment(log, journal.stat().st_size, len(server.posts)))

        begin = Database._use_write_ahead_log

        def begin_and_never_copy(self: Database) -> None:
            begin(self)
            self.execute("PRAGMA wal_autocheckpoint = 0")

        patch.setattr(Database, "flush", flush_and_note)
        patch.setattr(Database, "_use_write_ahead_log", begin_and_never_copy)
        study = run(server, folder)
        kept = folder / "log"
        kept.write_bytes(Path(f"{store}-wal").read_bytes())
        charges = [(charge.number, charge.picodollars) for charge in server.charges]
        found = Film(
            store.read_bytes(), kept, journal.read_bytes(), moments, charges, server
        )
        assert study.record.winner is not None
        held.close()
        patch.undo()
        yield found  # the study knows its server by its port


def run(server: Server, folder: Path) -> tune.Study:
    given = options(server, folder, concurrency=4, min_gain=0)
    return tune.tune(
        WORLD.examples(ROWS), tune.Space.from_mapping(SPACE), budget=BUDGET, **given
    )


def test_at_every_frame_the_ledger_knows_all_that_was_billed(
    film: Film, tmp_path: Path
) -> None:
    ends = list(power_cut.frames(film.log))
    assert sum(commits for _, commits in ends) > 100
    assert len(film.moments) > 20
    for end, commits in ends:
        folder = tmp_path / str(end)
        moment = film.leave(folder, end if commits else end - 100)
        events = read_events(folder / "study.jsonl")
        with contextlib.closing(Database(folder / "draws.db")) as db:
            if not events:
                continue
            study = events[0]["id"]
            check_ledger(db, study, events, folder)
            balance = read_balance(db, study)
            charged = 0 if balance is None else balance.spent + balance.reserved
            assert film.bill(moment) <= charged <= to_picodollars(BUDGET), (end, moment)


def test_the_study_resumes_within_its_budget_wherever_the_power_failed(
    film: Film, tmp_path: Path
) -> None:
    ends = [end for end, commits in power_cut.frames(film.log) if commits]
    server = film.server
    for end in random.Random(0).sample(ends, RESUMED):
        before = server.bill
        moment = film.leave(tmp_path / str(end) / "study", end)
        study = run(server, tmp_path / str(end))
        assert film.bill(moment) + server.bill - before <= to_picodollars(BUDGET)
        assert study.stopped in ("finished", "money", "gain")
        assert study.record.winner is not None


def test_a_torn_log_is_read_up_to_its_last_whole_transaction(tmp_path: Path) -> None:
    store = tmp_path / "draws.db"
    db = Database(store)
    power_cut.sync_note(store).write_text("0")
    for name in "abcdef":
        db.execute("INSERT INTO meta VALUES (?, ?)", (name, "x"))
    copy = tmp_path / "copy.db"
    for ending in ("", "-wal"):
        Path(f"{copy}{ending}").write_bytes(Path(f"{store}{ending}").read_bytes())
    power_cut.sync_note(copy).write_text(
        str(
            next(
                end
                for end, commits in power_cut.frames(Path(f"{store}-wal"))
                if commits
            )
        )
    )
    assert power_cut.cut_power(copy, random.Random(3)) > 0
    with contextlib.closing(Database(copy)) as left:
        names = [
            name
            for (name,) in left.rows(
                "SELECT name FROM meta WHERE name <> 'version' ORDER BY name"
            )
        ]
    assert names == list("abcdef")[: len(names)]
    assert len(names) < 6
