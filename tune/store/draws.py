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

_COMPLETION = (
    "text, finish_reason, prompt_tokens, completion_tokens, reasoning_tokens, cached_tokens, "
    "seconds, model, tier, token_ends, logprobs"
)
_HELD = "request = (SELECT id FROM requests WHERE key = ?) AND generation = ?"
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

    def draws(self, request: Request, numbers: range) -> dict[int, Completion]:
        """Return the numbered draws that are held, by number, in order."""
        if not numbers:
            return {}
        rows = self.db.rows(
            f"SELECT number, {_COMPLETION} FROM draws WHERE {_HELD} AND number BETWEEN ? AND ? "
            "ORDER BY number",
            (request.key, self.generation, min(numbers), max(numbers)),
        )
        return {row[0]: _completion(row[1:]) for row in rows if row[0] in numbers}

    def draws_and_payers(
        self, request: Request, numbers: range
    ) -> dict[int, tuple[Completion, str]]:
        """Return the numbered draws that are held, each with the study that paid it."""
        rows = self.db.rows(
            f"SELECT number, study, {_COMPLETION} FROM draws WHERE {_HELD} "
            "AND number BETWEEN ? AND ? ORDER BY number",
            (request.key, self.generation, min(numbers), max(numbers)),
        )
        return {
            row[0]: (_completion(row[2:]), row[1]) for row in rows if row[0] in numbers
        }

    def held(self, request: Request) -> int:
        """Return the number of draws that are held without a gap, from draw 0."""
        held = self._taken(request.key, 0)
        return next(number for number in range(len(held) + 1) if number not in held)

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
        if not len(numbers) == len(completions) == len(costs):
            raise ValueError(
                f"{len(numbers)} numbers and {len(costs)} costs for {len(completions)} completions"
            )
        key, now = request.key, time.time()
        given = []
        with self.db.transaction():
            row = self._row_of(request)
            taken = self._taken(key, min(numbers, default=0))
            for wanted in numbers:
                number = wanted
                while number in taken:
                    number += 1
                taken.add(number)
                given.append(number)
            self.db.executemany(
                f"INSERT INTO draws (request, generation, number, {_COMPLETION}, created, study, "
                "attempt, cost) "
                "VALUES (" + ", ".join("?" * 18) + ")",
                [
                    (
                        row,
                        self.generation,
                        number,
                        *_columns(completion),
                        now,
                        study,
                        attempt,
                        cost,
                    )
                    for number, completion, cost in zip(
                        given, completions, costs, strict=True
                    )
                ],
            )
        return tuple(given)

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
            self.db.executemany(
                "INSERT OR IGNORE INTO requests (key, request) VALUES (?, ?)",
                [(use.request.key, use.request.canonical) for use in fresh],
            )
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
            f"{_COMPLETION} "
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
                    _completion(row[8:]),
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

    def _taken(self, key: bytes, start: int) -> set[int]:
        """The numbers from `start` on that are held."""
        rows = self.db.rows(
            f"SELECT number FROM draws WHERE {_HELD} AND number >= ?",
            (key, self.generation, start),
        )
        return {number for (number,) in rows}


def _score_key(metric: str, example: str, answer: str | None) -> bytes:
    return hashlib.sha256(json.dumps([metric, example, answer]).encode()).digest()


def _columns(completion: Completion) -> tuple[Any, ...]:
    ends, logprobs = completion.token_ends, completion.logprobs
    return (
        bindable(completion.text),
        bindable(completion.finish_reason),
        completion.prompt_tokens,
        completion.completion_tokens,
        completion.reasoning_tokens,
        completion.cached_tokens,
        completion.seconds,
        bindable(completion.model),
        bindable(completion.tier),
        None if ends is None else json.dumps(ends, separators=(",", ":")),
        None if logprobs is None else json.dumps(logprobs, separators=(",", ":")),
    )


def _completion(row: Sequence[Any]) -> Completion:
    (
        text,
        finish_reason,
        prompt,
        taken,
        reasoning,
        cached,
        seconds,
        model,
        tier,
        ends,
        logprobs,
    ) = row
    return Completion(
        text=_readable(text),
        finish_reason=_readable(finish_reason),
        prompt_tokens=prompt,
        completion_tokens=taken,
        reasoning_tokens=reasoning,
        cached_tokens=cached,
        seconds=seconds,
        model=_readable(model),
        tier=_readable(tier),
        token_ends=None if ends is None else _token_ends(ends),
        logprobs=None if logprobs is None else tuple(json.loads(logprobs)),
    )


# Short answers repeat, and reading JSON takes most of the time of reading a draw.
@lru_cache(maxsize=4096)
def _token_ends(text: str) -> tuple[int, ...]:
    return tuple(json.loads(text))


def bindable(text: str) -> str | bytes:
    """Return a text as SQLite takes it: as bytes if it has half surrogate pairs.

    Models send such halves, and UTF-8 has no form for them.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def _readable(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "surrogatepass")
