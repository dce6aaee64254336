"""The main job over real sockets: a server that keeps its own bill, and a truth that is known."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

import tune
from tests.support.fixtures import MODELS, PRICES, dimensions
from tests.support.nobody import nobody_listens
from tune.errors import EndpointError, InputError, MetricError, StudyError
from tune.fakes.faults import Fault, Model
from tune.fakes.server import Seen, Server, fail_sometimes
from tune.fakes.world import LabelledWorld
from tune.pricing.prices import to_picodollars
from tune.study.side_phases import SIDE_PHASES

WORLD = LabelledWorld(models={"small": 0.55, "large": 0.8})
SPACE = dimensions()
BUDGET = 0.03


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(models=MODELS, world=WORLD) as started:
        yield started


@dataclass(frozen=True)
class Finished:
    """A finished study that tests only read.

    Attributes:
        bill: the bill of its server, in picodollars, when it ended.
        posts: the requests of the study.
    """

    study: tune.Study
    server: Server
    folder: Path
    bill: int
    posts: tuple[Seen, ...]

    def again(self, folder: Path | None = None, **more: Any) -> dict[str, Any]:
        """Return the options of the study, in its folder or another one."""
        given = {"models": one_service(self.server), "concurrency": 64, **more}
        return options(self.server, folder or self.folder, **given)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    folder = tmp_path_factory.mktemp("finished")
    with Server(models=MODELS, world=WORLD) as server:
        given = {"models": one_service(server), "concurrency": 64}
        study = tune.tune(**options(server, folder, **given))
        yield Finished(study, server, folder, server.bill, tuple(server.posts))


def options(server: Server, folder: Path, **more: Any) -> dict[str, Any]:
    return {
        "data": WORLD.examples(120),
        "target": "label",
        "space": tune.Space(**SPACE),
        "base_url": server.base_url,
        "price": PRICES,
        "budget": BUDGET,
        "results": folder / "study",
        **more,
    }


def one_service(server: Server) -> dict[str, dict[str, str]]:
    """Entries with an alias: the seeds of draws follow it, so that servers on two ports answer
    alike.
    """
    return {
        name: {"base_url": server.base_url, "alias": "the service"}
        for name in ("small", "large")
    }


def test_a_run_finds_a_config_that_beats_the_baseline_and_says_what_the_server_billed(
    finished: Finished,
) -> None:
    study = finished.study
    money = study.record.money
    assert to_picodollars(money.spent) == finished.bill <= to_picodollars(BUDGET)
    assert money.uncertain == 0
    baseline, best = study.record.baseline, study.best
    assert baseline is not None
    assert baseline.config.model == "small"
    assert best.quality is not None
    assert baseline.holdout is not None
    assert best.quality.mean > baseline.holdout.mean
    assert study.record.verdict == "better"


def test_what_is_read_off_is_near_the_truth_that_the_server_answers_from(
    finished: Finished,
) -> None:
    for row in finished.study.record.frontier:
        if row.tuning is None:
            # Its n is extrapolated.
            assert row.config == finished.study.best.config
            continue
        template = "step by step" if row.config.prompt == "reasoned" else "Label"
        heat = float(row.config.get("temperature", 1.0))  # type: ignore[arg-type]  # the baseline leaves it to the server
        truth = WORLD.accuracy(row.config.model, template, heat)
        if row.config.n == 1 and row.tuning.n >= 40 and row.config.max_tokens == 64:
            assert row.tuning.low - 0.1 < truth < row.tuning.high + 0.1


def test_the_same_call_again_costs_nothing_and_gives_the_same_best(
    finished: Finished,
) -> None:
    first, calls = finished.study, len(finished.server.posts)
    again = tune.tune(**finished.again())
    assert len(finished.server.posts) == calls
    assert again.best.config == first.best.config
    assert again.record.money.spent_now == 0
    assert again.record.money.spent == first.record.money.spent


def test_another_folder_with_the_same_store_reads_the_draws_that_are_there(
    finished: Finished, tmp_path: Path
) -> None:
    store = copy_store(finished.folder, tmp_path)
    calls = len(finished.server.posts)
    again = tune.tune(**finished.again(tmp_path, store=store))
    assert again.record.draws_reused > 0.5 * finished.study.record.draws_bought
    # What is held costs nothing, so the same money goes further; but no draw is asked for a second
    # time.
    posts = [*finished.posts, *finished.server.posts[calls:]]
    asked = [json.dumps(seen.body, sort_keys=True) for seen in posts]
    assert len(asked) > len(finished.posts)
    assert len(set(asked)) == len(asked)


def copy_store(folder: Path, to: Path) -> str:
    """Copy the store of a finished study; return the copy's name."""
    with (
        closing(sqlite3.connect(folder / "study" / "draws.db")) as source,
        closing(sqlite3.connect(to / "draws.db")) as copy,
    ):
        source.backup(copy)
    return str(to / "draws.db")


def test_fresh_buys_its_own_draws(finished: Finished, tmp_path: Path) -> None:
    store = copy_store(finished.folder, tmp_path)
    given = finished.again(tmp_path, store=store, budget=0.01)
    fresh = tune.tune(**given, fresh=True)
    assert fresh.record.draws_reused == 0
    assert fresh.record.money.spent > 0


def test_a_larger_budget_continues_the_study_and_a_smaller_one_is_refused(
    server: Server, tmp_path: Path
) -> None:
    first = tune.tune(**options(server, tmp_path, budget=0.01))
    more = tune.tune(**options(server, tmp_path, budget=0.03))
    assert more.record.money.spent > first.record.money.spent
    assert len(more.record.trials) >= len(first.record.trials)
    assert (
        to_picodollars(more.record.money.spent) == server.bill <= to_picodollars(0.03)
    )
    # Draws of its first part are the study's own, as the dollars are.
    held = draws_of(tmp_path / "study" / "draws.db")
    assert (more.record.draws_bought, more.record.draws_reused) == (held, 0)
    with pytest.raises(StudyError, match="lower"):
        tune.tune(**options(server, tmp_path, budget=0.02))


def draws_of(store: Path) -> int:
    """Return how many draws a store holds."""
    with closing(sqlite3.connect(store)) as db:
        count: int = db.execute("SELECT count(*) FROM draws").fetchone()[0]
    return count


def test_a_folder_of_another_study_is_refused_with_the_difference(
    finished: Finished,
) -> None:
    with pytest.raises(StudyError, match="data"):
        tune.tune(**finished.again(data=WORLD.examples(100)))
    with pytest.raises(StudyError, match="seed"):
        tune.tune(**finished.again(seed=1))


def test_it_works_inside_a_running_event_loop_both_ways(
    server: Server, tmp_path: Path
) -> None:
    async def inside() -> tuple[tune.Study, tune.Study]:
        blocking = tune.tune(**options(server, tmp_path, budget=0.01))
        awaited = await tune.tune_async(
            **options(server, tmp_path, budget=0.01, results=tmp_path / "other")
        )
        return blocking, awaited

    blocking, awaited = asyncio.run(inside())
    assert blocking.best.config == awaited.best.config


def test_concurrency_changes_nothing_but_the_time(
    finished: Finished, tmp_path: Path
) -> None:
    many = finished.study
    one = tune.tune(**finished.again(tmp_path, concurrency=1))
    assert one.best.config == many.best.config
    assert [t.point for t in one.record.trials] == [t.point for t in many.record.trials]


def test_faults_that_pass_change_neither_the_best_nor_break_the_budget(
    finished: Finished, tmp_path: Path
) -> None:
    faults = [
        Fault("status", status=503),
        Fault("status", status=429, retry_after="0.01"),
    ]
    plan = fail_sometimes(0.1, faults, seed=1)
    with Server(models=MODELS, world=WORLD, plan=plan) as rough:
        study = tune.tune(**options(rough, tmp_path, models=one_service(rough)))
        assert to_picodollars(study.record.money.settled) == rough.bill
    assert study.best.config == finished.study.best.config


def test_a_refused_parameter_becomes_conditional_for_that_model_and_is_no_score(
    tmp_path: Path,
) -> None:
    models = {**MODELS, "large": Model(1.0, 4.0, refuses=frozenset({"temperature"}))}
    with Server(models=models, world=WORLD) as server:
        study = tune.tune(**options(server, tmp_path))
    failed = [t for t in study.record.trials if t.state == "failed"]
    assert failed
    assert all("temperature" in t.reason and t.quality is None for t in failed)
    large = [
        t
        for t in study.record.trials
        if t.point["model"] == "large" and t.state != "failed"
    ]
    assert large
    assert all("temperature" not in t.point for t in large)


def test_a_limit_on_the_cost_per_request_is_kept_by_the_choice(
    server: Server, tmp_path: Path
) -> None:
    study = tune.tune(**options(server, tmp_path, max_cost_per_request=3e-6))
    assert study.best.cost is not None
    assert study.best.cost.mean <= 3e-6


def test_an_interrupted_run_is_resumed_to_the_same_result(
    finished: Finished, tmp_path: Path
) -> None:
    whole = finished.study
    with Server(models=MODELS, world=WORLD, seconds=0.02) as slow:
        script = tmp_path / "script.py"
        script.write_text(_script(slow, tmp_path / "study"))
        for _ in range(2):
            process = subprocess.Popen(
                [sys.executable, str(script)],
                env={**os.environ, "PYTHONPATH": _paths()},
            )
            time.sleep(1.5)
            process.send_signal(signal.SIGKILL)
            process.wait()
        study = tune.tune(**options(slow, tmp_path, models=one_service(slow)))
        money = study.record.money
        assert to_picodollars(money.spent) >= slow.bill
        assert money.spent <= BUDGET
    if money.uncertain == 0:
        assert study.best.config.prompt == whole.best.config.prompt


def _script(server: Server, folder: Path) -> str:
    return f"""
import json, signal, tune
from tune.fakes.world import LabelledWorld
signal.signal(signal.SIGINT, signal.default_int_handler)  # also where these tests run in the background of a shell
world = LabelledWorld(models={dict(WORLD.models)!r})
study = tune.tune(
    data=world.examples(120), target="label", models={one_service(server)!r}, price={PRICES!r}, budget={BUDGET},
    results={str(folder)!r}, space=tune.Space.from_mapping({tune.Space(**SPACE).to_mapping()!r}),
)
print(json.dumps(study.summary()))
"""


def _paths() -> str:
    here = Path(__file__).parent
    return os.pathsep.join([str(here.parent), str(here)])


def test_ctrl_c_leaves_a_report_and_a_study_that_resumes(
    tmp_path: Path,
) -> None:
    with Server(models=MODELS, world=WORLD, seconds=0.5) as slow:
        script = tmp_path / "script.py"
        script.write_text(_script(slow, tmp_path / "study"))
        env = {**os.environ, "PYTHONPATH": _paths()}
        process = subprocess.Popen(
            [sys.executable, str(script)],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        deadline = time.monotonic() + 60
        while len(slow.charges) < 20 and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
        assert "KeyboardInterrupt" in errors
        study = tune.Study.load(tmp_path / "study")
        assert study.stopped == "interrupted"
        assert study.record.money.uncertain == 0
        assert to_picodollars(study.record.money.spent) == slow.bill
        assert (tmp_path / "study" / "report.md").exists()
        slow.seconds = 0.0
        again = tune.tune(**options(slow, tmp_path, models=one_service(slow)))
        assert again.stopped != "interrupted"
        assert again.record.money.spent > study.record.money.spent


def test_a_metric_that_raises_stops_the_run_and_loses_nothing(
    server: Server, tmp_path: Path
) -> None:
    def broken(answer: str | None, example: Any) -> float:
        if (
            int(example.id) % 2
        ):  # some of every block: a search that is content may never meet a single one
            raise KeyError("no such field")
        return 1.0

    with pytest.raises(MetricError, match=r"'\d*[13579]'"):
        tune.tune(**options(server, tmp_path, metric=broken))
    bill = server.bill
    assert bill > 0
    study = tune.tune(
        **options(
            server,
            tmp_path,
            budget=0.02,
            results=tmp_path / "mended",
            store=str(tmp_path / "study" / "draws.db"),
        )
    )
    assert study.record.draws_reused > 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"data": "no/such/file.csv"}, "no/such/file.csv"),
        ({"data": []}, "holds no row"),
        ({"target": "colour"}, "colour"),
        ({"budget": 0.0}, "budget"),
        ({"budget": -1}, "budget"),
        ({"budget": 1e-9}, "too small"),
        ({"budget": 1e30}, "0 < budget <= 1,000,000 dollars"),
        ({"price": ["small=0.1/0.4"]}, "--price large=IN/OUT"),
        ({"baseline": {"model": "huge"}}, "huge"),
        ({"metric": "no_such"}, "no_such"),
        ({"searcher": "no_such"}, "no_such"),
        ({"models": {"small": {"api_key": "sk-planted"}}}, "api_key|API key"),
        ({"unheard": 1}, "unheard"),
    ],
)
def test_bad_input_is_one_sentence_before_any_call(
    server: Server, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words) as caught:
        tune.tune(**options(server, tmp_path, **change))
    assert "\n" not in str(caught.value)
    assert "sk-planted" not in str(caught.value)
    assert server.posts == []


def test_a_wrong_key_and_an_endpoint_that_is_not_there_are_found_before_any_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-wrong")
    with Server(models=("small", "large"), keys={"sk-right"}) as server:
        with pytest.raises(EndpointError) as caught:
            tune.tune(**options(server, tmp_path))
        assert "sk-planted-wrong" not in str(caught.value)
        assert server.posts == []
    with nobody_listens() as address:
        order = options(server, tmp_path, results=tmp_path / "gone", base_url=address)
        with pytest.raises(EndpointError, match=r"127\.0\.0\.1"):
            tune.tune(**order)


def test_one_point_is_no_error_and_is_evaluated(server: Server, tmp_path: Path) -> None:
    space = tune.Space(
        model="small",
        prompt="Label this ticket: {text}",
        max_tokens=16,
        temperature=0.5,
        answer=SPACE["answer"],
    )
    one = {
        "temperature": 0.5
    }  # the baseline too, else it is a second point, and luck may prefer it
    study = tune.tune(
        **options(server, tmp_path, space=space, price=["small=0.1/0.4"], baseline=one)
    )
    assert study.best.config["temperature"] == 0.5
    assert study.best.quality is not None


def test_what_the_users_own_split_holds_back_is_asked_of_the_choice_and_the_baseline_alone(
    server: Server, tmp_path: Path
) -> None:
    rows = [
        {**row, "side": "test" if i % 4 == 0 else "train"}
        for i, row in enumerate(WORLD.examples(80))
    ]
    held = {row["text"] for row in rows if row["side"] == "test"}
    study = tune.tune(**options(server, tmp_path, data=rows, split="side"))
    assert study.best.quality is not None
    assert study.best.quality.n == len(held) == 20
    asked = {text: set[str]() for text in held}
    for seen in server.posts:
        text = seen.body["messages"][-1]["content"].removeprefix("Label this ticket: ")
        if text in asked:
            asked[text].add(f"{seen.body['model']} {seen.body.get('temperature')}")
    assert all(1 <= len(ways) <= 2 for ways in asked.values())


def test_all_paid_works_too(server: Server, tmp_path: Path) -> None:
    study = tune.tune(**options(server, tmp_path, free=(), budget=0.02))
    assert study.best.config.n >= 1
    assert {"n", "max_tokens", "aggregate"} <= set(study.record.trials[-1].point)


@pytest.mark.parametrize(
    "searcher", ["random", "grid", "blendsearch", "cfo", "tpe", "nsga2"]
)
@pytest.mark.parametrize("strategy", ["full", "halving"])
def test_every_searcher_and_strategy_comes_to_a_choice(
    server: Server, tmp_path: Path, searcher: str, strategy: str
) -> None:
    study = tune.tune(
        **options(
            server,
            tmp_path,
            budget=0.01,
            searcher=searcher,
            strategy=strategy,
            trials=8,
            data=WORLD.examples(40),
        )
    )
    assert study.best.quality is not None
    assert server.bill <= to_picodollars(0.01)


def test_no_key_is_in_any_file_of_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-secret")
    with Server(
        models=("small", "large"), world=WORLD, keys={"sk-planted-secret"}
    ) as server:
        study = tune.tune(**options(server, tmp_path, budget=0.01))
    assert "sk-planted" not in json.dumps(study.best.llm_config())
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {p.name for p in files} >= {
        "best.json",
        "report.html",
        "report.md",
        "trials.csv",
        "answers.csv",
        "answers.jsonl",
        "study.jsonl",
        "OAI_CONFIG_LIST",
        "draws.db",
    }
    for path in files:
        assert b"sk-planted" not in path.read_bytes()


def test_models_of_several_endpoints_are_searched_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRST_KEY", "sk-one")
    monkeypatch.setenv("SECOND_KEY", "sk-two")
    with (
        Server(models={"small": Model(0.1, 0.4)}, world=WORLD, keys={"sk-one"}) as one,
        Server(
            models={"big-v2": Model(1.0, 4.0)},
            world=LabelledWorld(default=0.8),
            keys={"sk-two"},
        ) as two,
    ):
        models = {
            "small": {
                "base_url": one.base_url,
                "key_env": "FIRST_KEY",
                "price": [0.1, 0.4],
            },
            "large": {
                "model": "big-v2",
                "base_url": two.base_url,
                "key_env": "SECOND_KEY",
                "price": [1.0, 4.0],
            },
        }
        study = tune.tune(
            **options(one, tmp_path, models=models, base_url=None, price=[])
        )
        assert one.posts
        assert two.posts
        assert (
            to_picodollars(study.record.money.spent)
            == one.bill + two.bill
            <= to_picodollars(BUDGET)
        )
        assert {body.body["model"] for body in two.posts} == {"big-v2"}


def test_where_the_choice_is_a_vote_what_agents_can_carry_is_told_apart_too(
    server: Server, tmp_path: Path
) -> None:
    space = tune.Space(
        **{**SPACE, "temperature": tune.Uniform(0.5, 1.0, step=0.25), "n": [1, 5]}
    )
    given = {"space": space, "budget": 0.04, "min_gain": 0}
    given["models"] = one_service(server)
    study = tune.tune(**options(server, tmp_path, **given))
    assert study.best.config.n == 5
    events = [
        json.loads(line)
        for line in (tmp_path / "study" / "study.jsonl").read_text().splitlines()
    ]
    phases = [event["name"] for event in events if event["event"] == "phase"]
    assert [name for name in phases if name not in SIDE_PHASES] == [
        "search",
        "single-answer comparison",
        "final comparison",
    ]
    single = study.record.deployable
    assert single is not None
    assert single.config.n == 1
    assert single.tuning is not None
    assert single.tuning.n >= 16, "not picked by a lucky first block"
    again = tune.tune(**options(server, tmp_path, **given))
    assert again.record.money.spent_now == 0
    assert again.record.deployable == single


def test_a_model_whose_context_is_as_large_as_the_cap_is_searched_with_smaller_ones(
    tmp_path: Path,
) -> None:
    """ogx-ai/ogx#4534: prompt and max_tokens count together."""
    world = LabelledWorld(models={"small": 0.9, "large": 0.4})
    models = {**MODELS, "small": replace(MODELS["small"], context=256)}
    with Server(models=models, world=world) as server:
        given = options(server, tmp_path, models=one_service(server), seed=1)
        given |= {
            "data": world.examples(60),
            "space": tune.Space(
                model=["large", "small"],
                prompt="Label this ticket: {text}",
                max_tokens=[16, 256],
            ),
        }
        study = tune.tune(**given)
        refused = [seen for seen in server.posts if seen.status == 400]
    assert study.best.config.model == "small"
    assert len(refused) == 1
    assert to_picodollars(study.record.money.spent) == server.bill
    assert any("max_tokens above 128" in line for line in report_lines(study))


def report_lines(study: tune.Study) -> list[str]:
    return (Path(study.folder) / "report.md").read_text().splitlines()
