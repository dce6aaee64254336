from __future__ import annotations

import json
import math
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.store import statements
from tune.completion import Completion, Message, Request
from tune.errors import StoreError
from tune.store.database import Database
from tune.store.draws import Store, Use

REQUEST = Request(
    "api.example.org/v1",
    "small",
    (Message("user", "Label: fine"),),
    64,
    settings=(("temperature", 0.7),),
)


def completion(text: str = "positive", **changes: object) -> Completion:
    return Completion(
        **{
            "text": text,
            "finish_reason": "stop",
            "prompt_tokens": 9,
            "completion_tokens": 2,
            **changes,
        }
    )  # type: ignore[arg-type]


@pytest.fixture
def store(db: Database) -> Store:
    return Store(db)


def buy(
    store: Store, numbers: range, request: Request = REQUEST, study: str = "s"
) -> tuple[int, ...]:
    return store.put(
        request, numbers, [completion(f"draw {n}") for n in numbers], study=study
    )


def test_a_draw_comes_back_as_it_was_bought(store: Store) -> None:
    bought = Completion(
        text='{"label": "süß 🍰"}\n\0',
        finish_reason="length",
        prompt_tokens=120,
        completion_tokens=64,
        reasoning_tokens=12,
        cached_tokens=100,
        seconds=1.25,
        model="small-2026-01-01",
        tier="default",
        token_ends=(3, 7, 19),
        logprobs=(-0.5, 0.0, -1.25),
    )
    assert store.put(REQUEST, range(1), [bought], study="s") == (0,)
    assert store.draws(REQUEST, range(1)) == {0: bought}


def test_the_study_that_paid_is_found_beside_each_draw(store: Store) -> None:
    answer = Completion("yes", "stop", prompt_tokens=1, completion_tokens=1)
    store.put(REQUEST, range(1), [answer], study="one")
    store.put(REQUEST, range(1, 3), [answer] * 2, study="two")
    assert store.draws_and_payers(REQUEST, range(1, 5)) == {
        1: (answer, "two"),
        2: (answer, "two"),
    }
    assert store.draws_and_payers(REQUEST, range(2))[0] == (answer, "one")


ANSWERS = st.builds(
    Completion,
    text=st.text(st.characters(), max_size=30),  # half surrogate pairs included
    finish_reason=st.sampled_from(["stop", "length", "content_filter"]),
    prompt_tokens=st.integers(0, 2**53),
    completion_tokens=st.integers(0, 2**53),
    seconds=st.floats(0, 1e6),
    model=st.text(st.characters(), max_size=5),
    token_ends=st.none() | st.lists(st.integers(0, 10**6), max_size=5).map(tuple),
)


@settings(max_examples=60)
@given(bought=ANSWERS)
def test_any_answer_can_be_kept(bought: Completion) -> None:
    store = Store(Database(":memory:"))
    store.put(REQUEST, range(1), [bought], study="s")
    assert store.draws(REQUEST, range(1)) == {0: bought}


def test_draws_are_found_by_number_and_those_that_are_missing_are_left_out(
    store: Store,
) -> None:
    buy(store, range(2))
    buy(store, range(4, 6))
    assert list(store.draws(REQUEST, range(10))) == [0, 1, 4, 5]
    assert list(store.draws(REQUEST, range(1, 5))) == [1, 4]
    assert list(store.draws(REQUEST, range(0, 10, 4))) == [0, 4]
    assert store.draws(REQUEST, range(0)) == {}


def test_held_counts_up_to_the_first_gap(store: Store) -> None:
    assert store.held(REQUEST) == 0
    buy(store, range(1, 3))
    assert store.held(REQUEST) == 0
    buy(store, range(1))
    assert store.held(REQUEST) == 3
    buy(store, range(4, 5))
    assert store.held(REQUEST) == 3


def test_draws_of_other_requests_are_not_seen(store: Store) -> None:
    buy(store, range(1))
    for other in (
        Request("elsewhere", "small", REQUEST.prompt, 64, settings=REQUEST.settings),
        Request(
            REQUEST.service, "large", REQUEST.prompt, 64, settings=REQUEST.settings
        ),
        Request(REQUEST.service, "small", "Label: fine", 64, settings=REQUEST.settings),
        Request(
            REQUEST.service, "small", REQUEST.prompt, 63, settings=REQUEST.settings
        ),
        Request(
            REQUEST.service,
            "small",
            REQUEST.prompt,
            64,
            ("\n",),
            settings=REQUEST.settings,
        ),
        Request(REQUEST.service, "small", REQUEST.prompt, 64),
    ):
        assert store.held(other) == 0


def test_a_request_that_means_the_same_has_the_same_draws(store: Store) -> None:
    buy(
        store,
        range(1),
        Request("s", "m", "t", 8, settings=(("temperature", 1), ("top_p", 0.5))),
    )
    assert (
        store.held(
            Request("s", "m", "t", 8, settings=(("top_p", 0.5), ("temperature", 1.0)))
        )
        == 1
    )


def test_a_number_that_is_taken_is_never_overwritten_and_the_next_free_one_is_given(
    store: Store,
) -> None:
    buy(store, range(3))
    again = [completion("later a"), completion("later b")]
    assert store.put(REQUEST, range(1, 3), again, study="t") == (3, 4)
    assert [d.text for d in store.draws(REQUEST, range(9)).values()] == [
        "draw 0",
        "draw 1",
        "draw 2",
        "later a",
        "later b",
    ]


@settings(max_examples=40)
@given(orders=st.lists(st.tuples(st.integers(0, 6), st.integers(1, 4)), max_size=8))
def test_whatever_is_put_gets_numbers_of_its_own(orders: list[tuple[int, int]]) -> None:
    store = Store(Database(":memory:"))
    kept: dict[int, str] = {}
    for which, (start, count) in enumerate(orders):
        texts = [f"{which}.{i}" for i in range(count)]
        given_numbers = store.put(
            REQUEST,
            range(start, start + count),
            [completion(t) for t in texts],
            study="s",
        )
        assert len(set(given_numbers)) == count
        assert all(number >= start + i for i, number in enumerate(given_numbers))
        assert not kept.keys() & set(given_numbers)
        kept |= zip(given_numbers, texts, strict=True)
    assert {n: d.text for n, d in store.draws(REQUEST, range(100)).items()} == kept


def test_it_belongs_to_the_transaction_of_the_caller(
    db: Database, store: Store
) -> None:
    def fail() -> None:
        with db.transaction():
            buy(store, range(2))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert store.held(REQUEST) == 0
    assert list(store.records()) == []
    buy(store, range(2))
    assert store.held(REQUEST) == 2


def test_numbers_and_completions_go_together(store: Store) -> None:
    with pytest.raises(ValueError, match="3 numbers"):
        store.put(REQUEST, range(3), [completion()], study="s")
    with pytest.raises(ValueError, match="2 costs"):
        store.put(REQUEST, range(1), [completion()], study="s", costs=[1, 2])


def test_a_fresh_study_sees_only_draws_of_its_own_also_when_it_is_resumed(
    db: Database,
) -> None:
    buy(Store(db), range(3))
    fresh = Store(db, generation="study-7")
    assert fresh.held(REQUEST) == 0
    assert fresh.put(
        REQUEST, range(2), [completion("new"), completion("newer")], study="study-7"
    ) == (0, 1)
    resumed = Store(Database(db.path), generation="study-7")
    assert [d.text for d in resumed.draws(REQUEST, range(9)).values()] == [
        "new",
        "newer",
    ]
    assert [d.text for d in Store(db).draws(REQUEST, range(9)).values()] == [
        "draw 0",
        "draw 1",
        "draw 2",
    ]


def test_the_records_say_who_paid_what_for_which_request(
    db: Database, store: Store
) -> None:
    store.put(
        REQUEST,
        range(2),
        [completion("a"), completion("b")],
        study="one",
        attempt=7,
        costs=[12, 10],
    )
    Store(db, generation="two").put(REQUEST, range(1), [completion("c")], study="two")
    first, second, third = store.records()
    assert json.loads(first.request) == json.loads(REQUEST.canonical)
    assert [r.completion.text for r in (first, second, third)] == ["a", "b", "c"]
    assert [(r.number, r.cost, r.attempt, r.study) for r in (first, second)] == [
        (0, 12, 7, "one"),
        (1, 10, 7, "one"),
    ]
    assert (third.generation, third.number, third.cost, third.attempt) == (
        "two",
        0,
        0,
        None,
    )
    assert [r.completion.text for r in store.records(study="two")] == ["c"]
    assert third.created >= first.created > 1.7e9


def test_sizes_are_those_of_the_latest_draws(store: Store) -> None:
    other = Request("s", "other", "prompt", 8)
    for number, tokens in enumerate((2, 4, 6)):
        store.put(
            REQUEST,
            range(number, number + 1),
            [completion(completion_tokens=tokens)],
            study="s",
        )
    buy(store, range(2), other)
    means = {text: (tokens, count) for text, _, tokens, _, count in store.lengths(3)}
    assert sorted(means.values()) == [(2.0, 2), (6.0, 1)], "the last three: two and one"


def test_sizes_are_those_of_twenty_thousand_draws_unless_said(store: Store) -> None:
    buy(store, range(1), Request("s", "before", "prompt", 8))
    buy(store, range(20_000))
    assert [count for *_, count in store.lengths()] == [20_000]
    assert sorted(count for *_, count in store.lengths(20_001)) == [1, 20_000]


def test_the_records_are_read_page_by_page(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tune.store.draws._PAGE", 3)
    buy(store, range(10))
    assert [r.number for r in store.records()] == list(range(10))


def test_a_person_can_read_the_file(db: Database, store: Store) -> None:
    buy(store, range(2))
    buy(store, range(1), Request("s", "m", "Sag: schön", 8))
    with closing(sqlite3.connect(db.path)) as file:
        rows = file.execute(
            "SELECT json_extract(requests.request, '$.model'), count(*), min(text) "
            "FROM requests JOIN draws ON draws.request = requests.id GROUP BY requests.id"
        )
        assert rows.fetchall() == [("small", 2, "draw 0"), ("m", 1, "draw 0")]
        asked = file.execute("SELECT request FROM requests").fetchall()
    assert "schön" in asked[1][0]


def test_a_score_is_found_by_metric_example_and_answer(store: Store) -> None:
    store.put_score("exact", "example 1", "yes", 1.0)
    store.put_score("exact", "example 1", None, 0.0)
    store.put_score("exact", "example 1", "", 0.25)
    assert store.score("exact", "example 1", "yes") == 1.0
    assert store.score("exact", "example 1", None) == 0.0
    assert store.score("exact", "example 1", "") == 0.25
    assert store.score("exact", "example 2", "yes") is None
    assert store.score("other", "example 1", "yes") is None


def test_names_cannot_run_into_each_other(store: Store) -> None:
    store.put_score("a", "b,c", "d", 1.0)
    assert store.score("a,b", "c", "d") is None
    assert store.score("a", "b", 'c","d') is None


def test_scores_are_durable_once_flushed(db: Database, store: Store) -> None:
    store.put_score("exact", "e", "half \ud800", 0.5)
    assert Store(db).score("exact", "e", "half \ud800") is None
    store.flush()
    store.flush()
    assert Store(Database(db.path)).score("exact", "e", "half \ud800") == 0.5


def test_scores_are_written_by_themselves_when_many_wait(
    db: Database, store: Store
) -> None:
    for i in range(300):
        store.put_score("exact", str(i), "x", i / 300)
    assert db.rows("SELECT count(*) FROM scores")[0][0] >= 256


def test_the_first_score_of_an_answer_stays(db: Database, store: Store) -> None:
    store.put_score("judge", "e", "x", 0.5)
    store.put_score("judge", "e", "x", 0.9)
    assert store.score("judge", "e", "x") == 0.5
    store.flush()
    other = Store(db)
    other.put_score("judge", "e", "x", 0.9)
    other.flush()
    assert Store(db).score("judge", "e", "x") == 0.5


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_no_score_is_not_kept(store: Store, bad: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        store.put_score("exact", "e", "x", bad)


def test_a_score_says_which_example_it_is_of(db: Database, store: Store) -> None:
    store.put_score("exact", "content of e", "x", 0.5)
    store.flush()
    assert db.rows("SELECT example, score FROM scores") == [("content of e", 0.5)]


def uses(db: Database) -> list[tuple[str, str, str, int]]:
    return db.rows(
        "SELECT e.study, e.name, r.request, u.draws FROM uses u JOIN examples e ON e.id = "
        "u.example "
        "JOIN requests r ON r.id = u.request ORDER BY e.study, e.name"
    )


def test_which_example_of_which_study_a_draw_answered_is_known_before_it_is_bought(
    db: Database,
) -> None:
    text = REQUEST.canonical
    Store(db, study="a").note_uses([Use("7", "key of 7", REQUEST, 2)])
    other = Store(db, study="b")
    other.note_uses(
        [Use("1", "key of 1", REQUEST, 1), Use("2", "key of 2", REQUEST, 3)]
    )
    other.note_uses(
        [Use("2", "key of 2", REQUEST, 1)]
    )  # fewer than it has asked for already
    Store(db, study="b").note_uses(
        [Use("1", "key of 1", REQUEST, 5), Use("1", "key of 1", REQUEST, 4)]
    )
    assert uses(db) == [("a", "7", text, 2), ("b", "1", text, 5), ("b", "2", text, 3)]
    assert buy(other, range(2)) == (0, 1)


def test_without_a_study_no_use_is_noted(db: Database, store: Store) -> None:
    store.note_uses([Use("7", "key of 7", REQUEST, 2)])
    assert uses(db) == []


def test_scores_that_could_not_be_written_wait_for_the_next_time(
    db: Database, store: Store
) -> None:
    store.put_score("exact", "e", "x", 0.5)
    db.execute("PRAGMA query_only = 1")
    with pytest.raises(StoreError):
        store.flush()
    db.execute("PRAGMA query_only = 0")
    store.flush()
    assert Store(db).score("exact", "e", "x") == 0.5


_BUYER = """
import sys
from tune.completion import Completion, Request
from tune.store.database import Database
from tune.store.draws import Store, Use
store = Store(Database(sys.argv[1]))
request = Request("s", "m", "t", 8)
for i in range(60):
    start = store.held(request)
    given = store.put(request, range(start, start + 2), [Completion(f"{sys.argv[2]} {i}", "stop", 1, 1)] * 2, study="s")
    assert all(number >= start for number in given)
"""


def test_two_processes_that_buy_the_same_numbers_keep_all_of_them(
    tmp_path: Path,
) -> None:
    path = tmp_path / "draws.db"
    buyers = [
        subprocess.Popen([sys.executable, "-c", _BUYER, str(path), who])
        for who in ("a", "b", "c")
    ]
    assert [buyer.wait() for buyer in buyers] == [0, 0, 0]
    draws = Store(Database(path)).draws(Request("s", "m", "t", 8), range(1000))
    assert list(draws) == list(range(360))
    assert sorted(d.text for d in draws.values()) == sorted(
        f"{who} {i}" for who in "abc" for i in range(60) for _ in "12"
    )


# What needs no look


def test_a_request_that_is_new_is_not_looked_for_until_another_process_writes(
    db: Database,
) -> None:
    store = Store(db, study="s")
    store.note_uses([Use("1", "k", REQUEST, 1)])
    with statements(db) as found:
        assert store.draws(REQUEST, range(3)) == {}
    assert not any("FROM draws" in sql for sql in found)
    buy(Store(Database(db.path)), range(1))
    with db.transaction():
        assert list(store.draws(REQUEST, range(3))) == [0]


def test_a_new_request_is_looked_for_once_it_has_draws(db: Database) -> None:
    store = Store(db, study="s")
    store.note_uses([Use("1", "k", REQUEST, 1)])
    buy(store, range(2))
    assert list(store.draws(REQUEST, range(3))) == [0, 1]


def test_a_request_that_another_study_has_noted_is_looked_for(db: Database) -> None:
    other, store = Store(db, study="other"), Store(db, study="s")
    other.note_uses([Use("1", "k", REQUEST, 1)])
    buy(other, range(1))
    store.note_uses([Use("1", "k", REQUEST, 1)])
    assert list(store.draws(REQUEST, range(3))) == [0]


def test_a_watched_request_shows_its_draws_and_their_payers_as_they_are_put(
    store: Store,
) -> None:
    put = store.watch(REQUEST)
    buy(store, range(2), study="mine")
    assert put == store.draws_and_payers(REQUEST, range(9))
    store.unwatch(REQUEST)
    buy(store, range(2, 3))
    assert list(put) == [0, 1]
