"""Draws and scores, kept for ever: what was paid once is never bought again."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tune.completion import Completion, Request
from tune.store.database import Database
from tune.store.draw_rows import COMPLETION, bindable, completion_of, row_columns

_HELD = "request = (SELECT id FROM requests WHERE key = ?) AND generation = ?"
_INTO_DRAWS = (
    f"INTO draws (request, generation, number, {COMPLETION}, created, study, attempt, cost) "
    "VALUES ((SELECT id FROM requests WHERE key = ?), " + ", ".join("?" * 17) + ")"
)
_PENDING = 256
"""Scores that may wait in memory before they are written together."""
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class DrawRecord:
    """One draw with everything that the store knows about it, for exports and benchmarks.

    Attributes:
        request: the request's canonical JSON.
        generation: "" for draws that all studies share, else the fresh study that they belong to.
        number: the draw's number within its request and generation, from 0.
        completion: what was bought.
        study: the study that paid.
        attempt: the attempt in the ledger that paid, or None.
        cost: picodollars; the draws of one call share its prompt evenly.
        created: seconds since 1970.
    """

    request: str
    generation: str
    number: int
    completion: Completion
    study: str
    attempt: int | None
    cost: int
    created: float


@dataclass(frozen=True, slots=True)
class Use:
    """An example of a study that asks for the first draws of a request.

    Attributes:
        example: the example's id.
        key: identifies its content, as scores do.
        request: what is asked for it; a judge's request about its answer counts too.
        draws: how many draws.
    """

    example: str
    key: str
    request: Request
    draws: int


@dataclass(frozen=True, slots=True)
class BoughtDraw:
    """The answers of one call that was paid.

    Attributes:
        request: the request that was sent.
        numbers: the wanted numbers, one for each completion.
        completions: the answers.
        costs: picodollars of each completion.
        attempt: the attempt in the ledger that paid.
    """

    request: Request
    numbers: range
    completions: Sequence[Completion]
    costs: Sequence[int]
    attempt: int | None = None

    def __post_init__(self) -> None:
        if not len(self.numbers) == len(self.completions) == len(self.costs):
            raise ValueError(
                f"{len(self.numbers)} numbers and {len(self.costs)} costs "
                f"for {len(self.completions)} completions"
            )


class Store:
    """Draws by request and number, and scores by metric, example and answer, in one database.

    Args:
        db: the database; a ledger in the same one can settle in the same transaction.
        generation: "" shares its draws with every study. A fresh study, which must not see old
            draws, gives its own name: it sees exactly the draws that were bought under that name,
            also when it is resumed.
        study: whose examples `note_uses` notes; "" notes none.
    """

    def __init__(self, db: Database, *, generation: str = "", study: str = "") -> None:
        self.db = db
        self.generation = generation
        self.study = study
        self._scores: dict[bytes, float] = {}
        self._pending: dict[bytes, str] = {}
        self._noted: dict[tuple[str, bytes], int] = {}
        # Requests that had no row before this study, by the version of the database at that time.
        # So no draw of them is stored as long as nobody else has written.
        self._new: dict[bytes, int] = {}
        self._watched: dict[bytes, dict[int, tuple[Completion, str]]] = {}

    def draws(self, request: Request, numbers: range) -> dict[int, Completion]:
        """Return the numbered draws that are held, by number, in order.

        What another process has bought since the last transaction of this one may be left out.
        """
        if not numbers or self._is_new(request):
            return {}
        rows = self.db.rows(
            f"SELECT number, {COMPLETION} FROM draws WHERE {_HELD} AND number BETWEEN ? AND ? "
            "ORDER BY number",
            (request.key, self.generation, min(numbers), max(numbers)),
        )
        return {row[0]: completion_of(row[1:]) for row in rows if row[0] in numbers}

    def draws_and_payers(
        self, request: Request, numbers: range
    ) -> dict[int, tuple[Completion, str]]:
        """Return the numbered draws that are held, each with the study that paid it."""
        rows = self.db.rows(
            f"SELECT number, study, {COMPLETION} FROM draws WHERE {_HELD} "
            "AND number BETWEEN ? AND ? ORDER BY number",
            (request.key, self.generation, min(numbers), max(numbers)),
        )
        return {
            row[0]: (completion_of(row[2:]), row[1])
            for row in rows
            if row[0] in numbers
        }

    def held(self, request: Request) -> int:
        """Return the number of draws that are held without a gap, from draw 0."""
        held = self._taken(request.key, 0)
        return next(number for number in range(len(held) + 1) if number not in held)

    def count_used(self, study: str) -> int:
        """Return the number of held draws that a study's examples ask for."""
        rows = self.db.rows(
            "SELECT COUNT(*) FROM draws WHERE generation = ? AND request IN (SELECT u.request "
            "FROM uses u JOIN examples e ON e.id = u.example WHERE e.study = ?)",
            (self.generation, study),
        )
        count: int = rows[0][0]
        return count

    def put(
        self,
        request: Request,
        numbers: range,
        completions: Sequence[Completion],
        *,
        study: str,
        attempt: int | None = None,
        costs: Sequence[int] | None = None,
    ) -> tuple[int, ...]:
        """Keep draws, in the caller's transaction if there is one. Nothing is ever overwritten.

        Args:
            request: the request that was sent.
            numbers: the wanted numbers, one for each completion.
            completions: the answers.
            study: the study that paid.
            attempt: the attempt in the ledger that paid.
            costs: picodollars of each completion; 0 if not given.

        Returns:
            The given numbers. If another process took a wanted one, it is the next free number.
        """
        if costs is None:
            costs = [0] * len(completions)
        bought = BoughtDraw(request, numbers, completions, costs, attempt)
        return self.put_all([bought], study=study)[0]

    def put_all(
        self, together: Sequence[BoughtDraw], *, study: str
    ) -> list[tuple[int, ...]]:
        """Keep the draws of several calls in one transaction, as `put` does for one call."""
        with self.db.transaction():
            given = self._put_as_wanted(together, study)
            if given is None:
                given = [self._put_where_free(one, study) for one in together]
        for one, numbers in zip(together, given, strict=True):
            self._new.pop(one.request.key, None)
            watched = self._watched.get(one.request.key)
            if watched is not None:
                pairs = [(completion, study) for completion in one.completions]
                watched.update(zip(numbers, pairs, strict=True))
        return given

    def _put_as_wanted(
        self, together: Sequence[BoughtDraw], study: str
    ) -> list[tuple[int, ...]] | None:
        """Insert draws at the wanted numbers; return None, and insert nothing, if one is taken."""
        rows: list[tuple[Any, ...]] = []
        for one in together:
            rows += self._rows_of(one, one.numbers, study)
        self.db.execute("SAVEPOINT wanted")
        # A row that does not fit is left out: its number is taken, or its request has no row yet.
        if self.db.executemany(f"INSERT OR IGNORE {_INTO_DRAWS}", rows) == len(rows):
            self.db.execute("RELEASE wanted")
            return [tuple(one.numbers) for one in together]
        self.db.execute("ROLLBACK TO wanted")
        self.db.execute("RELEASE wanted")
        return None

    def _put_where_free(self, bought: BoughtDraw, study: str) -> tuple[int, ...]:
        """Insert the draws of a call at the wanted numbers, or at the next that are free."""
        request = bought.request
        self._row_of(request)
        taken = self._taken(request.key, min(bought.numbers, default=0))
        given: list[int] = []
        for wanted in bought.numbers:
            number = wanted
            while number in taken:
                number += 1
            taken.add(number)
            given.append(number)
        rows = self._rows_of(bought, given, study)
        self.db.executemany(f"INSERT {_INTO_DRAWS}", rows)
        return tuple(given)

    def _rows_of(
        self, bought: BoughtDraw, numbers: Sequence[int], study: str
    ) -> list[tuple[Any, ...]]:
        """Return the rows of the draws of a call, at these numbers."""
        now = time.time()
        rows: list[tuple[Any, ...]] = []
        for number, completion, cost in zip(
            numbers, bought.completions, bought.costs, strict=True
        ):
            rows.append(
                (
                    bought.request.key,
                    self.generation,
                    number,
                    *row_columns(completion),
                    now,
                    study,
                    bought.attempt,
                    cost,
                )
            )
        return rows

    def watch(self, request: Request) -> dict[int, tuple[Completion, str]]:
        """Return a mapping that takes in the draws of a request when they are put, and who paid.

        So whoever buys draws need not read them back.
        """
        return self._watched.setdefault(request.key, {})

    def unwatch(self, request: Request) -> None:
        """End `watch`."""
        self._watched.pop(request.key, None)

    def note_uses(self, uses: Iterable[Use]) -> None:
        """Keep which examples of the study ask for which draws; call it before they are bought."""
        fresh = [
            use
            for use in uses
            if self._noted.get((use.example, use.request.key), 0) < use.draws
        ]
        if not fresh or not self.study:
            return
        with self.db.transaction():
            self.db.executemany(
                "INSERT OR IGNORE INTO examples (study, name, key) VALUES (?, ?, ?)",
                [(self.study, bindable(use.example), use.key) for use in fresh],
            )
            self._make_requests([use.request for use in fresh])
            self.db.executemany(
                "INSERT INTO uses VALUES ((SELECT id FROM examples WHERE study = ? AND name = ?), "
                "(SELECT id FROM requests WHERE key = ?), ?) "
                "ON CONFLICT DO UPDATE SET draws = max(draws, excluded.draws)",
                [
                    (self.study, bindable(use.example), use.request.key, use.draws)
                    for use in fresh
                ],
            )
        self._noted |= {(use.example, use.request.key): use.draws for use in fresh}

    def share_uses(self, request: Request, other: Request) -> None:
        """Note that the examples that ask for draws of a request ask for those of another one too.

        So the other one is erased together with its examples.
        """
        with self.db.transaction():
            row = self._row_of(other)
            self.db.execute(
                "INSERT INTO uses SELECT example, ?, 1 FROM uses WHERE request = "
                "(SELECT id FROM requests WHERE key = ?) ON CONFLICT DO NOTHING",
                (row, request.key),
            )

    def records(self, *, study: str | None = None) -> Iterator[DrawRecord]:
        """Return every draw of every generation in the order of purchase.

        Args:
            study: return only the draws that this study paid.
        """
        last = 0
        while rows := self.db.rows(
            "SELECT d.id, r.request, generation, number, study, attempt, cost, created, "
            f"{COMPLETION} "
            "FROM draws d JOIN requests r ON r.id = d.request "
            "WHERE d.id > ? AND (? IS NULL OR study = ?) ORDER BY d.id LIMIT ?",
            (last, study, study, _PAGE),
        ):
            for row in rows:
                _, request, generation, number, payer, attempt, cost, created = row[:8]
                yield DrawRecord(
                    request,
                    generation,
                    number,
                    completion_of(row[8:]),
                    payer,
                    attempt,
                    cost,
                    created,
                )
            last = rows[-1][0]

    def lengths(self, most: int = 20_000) -> list[tuple[str, float, float, float, int]]:
        """Return the mean sizes of the latest draws, by request and over all generations.

        Args:
            most: the number of draws to look at.

        Returns:
            A request's canonical JSON, its mean prompt tokens, mean completion tokens and mean
            seconds, and the number of draws behind these means.
        """
        rows = self.db.rows(
            "SELECT r.request, AVG(d.prompt_tokens), AVG(d.completion_tokens), AVG(d.seconds), "
            "COUNT(*) "
            "FROM (SELECT request, prompt_tokens, completion_tokens, seconds FROM draws ORDER BY "
            "id DESC LIMIT ?) d "
            "JOIN requests r ON r.id = d.request GROUP BY d.request",
            (most,),
        )
        return [
            (text, prompts, tokens, seconds, count)
            for text, prompts, tokens, seconds, count in rows
        ]

    def score(self, metric: str, example: str, answer: str | None) -> float | None:
        """Return the metric's score of an answer to an example; None if it was never asked.

        Args:
            metric: the metric's identity. It changes whenever the metric could judge differently.
            example: identifies the example and its content.
            answer: the answer, or None if the text held none.
        """
        key = _score_key(metric, example, answer)
        if key not in self._scores:
            rows = self.db.rows("SELECT score FROM scores WHERE key = ?", (key,))
            if not rows:
                return None
            self._scores[key] = rows[0][0]
        return self._scores[key]

    def put_score(
        self, metric: str, example: str, answer: str | None, score: float
    ) -> None:
        """Keep a score; the first one of an answer stays. `flush` writes the waiting scores."""
        if not math.isfinite(score):
            raise ValueError(f"a score is a finite number, but got {score!r}")
        key = _score_key(metric, example, answer)
        if key in self._scores:
            return
        self._scores[key] = float(score)
        self._pending[key] = example
        if len(self._pending) >= _PENDING:
            self.flush()

    def flush(self) -> None:
        """Write the scores that wait in memory, after each wave and before closing."""
        if not self._pending:
            return
        with self.db.transaction():
            self.db.executemany(
                "INSERT OR IGNORE INTO scores VALUES (?, ?, ?)",
                [
                    (key, example, self._scores[key])
                    for key, example in self._pending.items()
                ],
            )
        self._pending.clear()

    def _row_of(self, request: Request) -> int:
        """Return the row of a request, which is made if there is none."""
        find = "SELECT id FROM requests WHERE key = ?"
        found = self.db.rows(find, (request.key,))
        # The rows of a study's requests are made before its calls. So the JSON is rarely needed.
        if not found:
            self.db.execute(
                "INSERT OR IGNORE INTO requests (key, request) VALUES (?, ?)",
                (request.key, request.canonical),
            )
            found = self.db.rows(find, (request.key,))
        row: int = found[0][0]
        return row

    def _make_requests(self, requests: Sequence[Request]) -> None:
        """Make rows for requests, and take note of those that had none."""
        last = self.db.rows("SELECT coalesce(max(id), 0) FROM requests")[0][0]
        self.db.executemany(
            "INSERT OR IGNORE INTO requests (key, request) VALUES (?, ?)",
            [(request.key, request.canonical) for request in requests],
        )
        for (key,) in self.db.rows("SELECT key FROM requests WHERE id > ?", (last,)):
            self._new[key] = self.db.version

    def _is_new(self, request: Request) -> bool:
        """Tell whether no draw of a request can be there, without looking for one."""
        return self._new.get(request.key) == self.db.version

    def _taken(self, key: bytes, start: int) -> set[int]:
        """The numbers from `start` on that are held."""
        rows = self.db.rows(
            f"SELECT number FROM draws WHERE {_HELD} AND number >= ?",
            (key, self.generation, start),
        )
        return {number for (number,) in rows}


@lru_cache(maxsize=1024)
def _score_key(metric: str, example: str, answer: str | None) -> bytes:
    return hashlib.sha256(json.dumps([metric, example, answer]).encode()).digest()
