"""Where every price is 0, seconds take the place of dollars: in the search, its estimate, its end
and its frontier.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import tune
from tests.support.watching import after_waves
from tune.commands.cli import main
from tune.errors import BudgetError
from tune.fakes.server import Server
from tune.fakes.world import LabelledWorld
from tune.plan.estimate import estimate
from tune.plan.estimate_text import estimate_lines, estimate_table, price_lines
from tune.plan.make import make_plan
from tune.plan.read_options import read_options
from tune.plan.token_counts import offline_endpoints
from tune.pricing.clock import FIRST_WIDTH
from tune.pricing.prices import Price
from tune.providers.retrying import RetryPolicy
from tune.report import page_html, result_json, summary_lines
from tune.report.comparison import comparison_csv, comparison_tex
from tune.store.database import Database
from tune.store.draws import Store
from tune.store.journal import read_events
from tune.study.events import Progress
from tune.study.stop import Stop
from tune.tuner import _study, run_study

WORLD = LabelledWorld(models={"small": 0.5, "large": 0.8})
MODELS = ("small", "large")
ROWS = WORLD.examples(40)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(models=MODELS, world=WORLD, seconds=0.005) as started:
        yield started


def space() -> tune.Space:
    return tune.Space(
        model=list(MODELS),
        prompt={
            "short": "Label this ticket: {text}",
            "reasoned": "Think step by step, then label: {text}",
        },
        temperature=[0.0, 0.5],
        n=[1, 3],
        max_tokens=[16, 64],
        aggregate=["first", "vote"],
        answer={"labels": list(WORLD.labels)},
    )


def options(server: Server, folder: Path, **more: Any) -> dict[str, Any]:
    entries = {
        name: {"base_url": server.base_url, "price": [0, 0], "alias": "mine"}
        for name in MODELS
    }
    return {
        "target": "label",
        "models": entries,
        "results": folder / "study",
        "time_limit": 30,
        "trials": 5,
        **more,
    }


def run(server: Server, folder: Path, **more: Any) -> tune.Study:
    return tune.tune(ROWS, space(), quiet=True, **options(server, folder, **more))


@dataclass(frozen=True)
class Finished:
    """A study that tests only read, its folder, and its server."""

    study: tune.Study
    folder: Path
    server: Server


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    folder = tmp_path_factory.mktemp("finished")
    with Server(models=MODELS, world=WORLD, seconds=0.005) as server:
        yield Finished(run(server, folder), folder, server)


def events(folder: Path, kind: str) -> list[Any]:
    return [
        event
        for event in read_events(folder / "study" / "study.jsonl")
        if event["event"] == kind
    ]


# --- the whole


def test_a_search_without_a_budget_ends_by_its_time_limit_or_before_and_books_nothing(
    finished: Finished,
) -> None:
    study, folder = finished.study, finished.folder
    assert study.stopped in ("time", "gain", "finished", "trials")
    assert (
        study.record.money.spent == study.record.money.budget == 0.0
        or study.record.money.budget < 1e-11
    )
    assert study.record.money.seconds is not None
    assert study.best.config.model == "large"
    assert study.best.cost is not None
    assert study.best.cost.mean == 0.0
    left = [event["left"] for event in events(folder, "outcome")]
    assert left[0] > 0
    assert events(folder, "phase")[0]["left"] == pytest.approx(
        30 * FIRST_WIDTH, rel=0.2
    )
    assert "nobody is billed" in " ".join(str(study).split())
    text = (folder / "study" / "report.md").read_text()
    assert "## Time" in text
    again = run(finished.server, folder)
    assert again.best.config == study.best.config


def test_an_interrupted_search_goes_on_with_the_steps_and_the_time_that_were_recorded(
    server: Server, tmp_path: Path
) -> None:
    stop = Stop()

    def look(progress: Progress) -> None:
        assert progress.time_limit == 30
        if progress.trials:
            stop.request()

    given: Any = options(server, tmp_path)
    read = read_options(data=ROWS, space=space(), **given)
    patient = RetryPolicy(attempts=2, first_wait=0.01)
    cut = asyncio.run(_study(read, stop, after_waves(look), patient))
    assert cut.stopped == "interrupted"
    first = events(tmp_path, "wave")
    study = run(
        server, tmp_path
    )  # a strategy that asked for other steps would be refused
    assert study.stopped != "interrupted"
    assert events(tmp_path, "wave")[: len(first)] == first
    clocks = [event["clock"][0] for event in events(tmp_path, "outcome")]
    assert clocks == sorted(clocks)


def test_a_longer_time_limit_goes_on(server: Server, tmp_path: Path) -> None:
    server.seconds = 0.1
    short = run(server, tmp_path, time_limit=1, trials=6)
    server.seconds = 0.0
    longer = run(server, tmp_path, time_limit=30, trials=6)
    assert sum(t.draws for t in longer.record.trials) > sum(
        t.draws for t in short.record.trials
    )
    assert [event["time_limit"] for event in events(tmp_path, "continue")] == [30]
    assert (
        events(tmp_path, "continue")[0]["left"] > 25
    )  # seconds of service, not the dollars of a budget of none


def test_the_search_for_a_frontier_weighs_quality_against_seconds(
    tmp_path: Path,
) -> None:
    with Server(models=MODELS, world=WORLD, seconds=0.005) as server:
        study = run(server, tmp_path, goal="frontier")
    seconds = [row.seconds_median for row in study.record.frontier]
    quality: list[float] = []
    for row in study.record.frontier:
        judged = row.holdout or row.tuning
        # The winner is there although another row may beat it.
        if judged is not None and row.config != study.best.config:
            quality.append(judged.mean)
    assert quality == sorted(quality)
    assert len(seconds) >= 1
    assert all(
        row.cost is not None and row.cost.mean == 0.0 for row in study.record.frontier
    )
    frame = study.frontier()
    assert frame["seconds_per_request"].is_monotonic_increasing
    assert (frame["seconds_per_request"] > 0).all()


def test_results_show_seconds_where_dollars_would_be_0(
    finished: Finished,
) -> None:
    study = finished.study
    best = study.best
    assert best.seconds is not None
    assert 0 < best.seconds.low <= best.seconds.mean <= best.seconds.high
    text = (finished.folder / "study" / "report.md").read_text()
    shown = (
        text.split("## Prices")[0]
        + text.split("## How it was made")[0].split("## The estimate")[1]
    )
    assert "$" not in shown
    assert "seconds per request" in shown
    assert "## Quality against seconds" in shown
    assert "Seconds of one answer" in shown
    for width in (None, 80):
        lines = "\n".join(summary_lines(study.record, width))
        assert "$" not in lines
        assert "seconds" in lines
    record = result_json(study.record, results="")
    assert record["cost_per_request"]["mean"] == 0.0
    assert record["seconds_per_request"]["mean"] == best.seconds.mean
    assert record["baseline"]["seconds_per_request"]["mean"] > 0
    assert record["seconds_taken"] > 0
    trials = study.trials_dataframe()
    assert (trials["seconds_spent"] > 0).all()
    assert (trials["seconds_per_request"] > 0).all()
    assert "seconds_per_request" in comparison_csv(study.record)
    assert "$" not in comparison_tex(study.record)


def test_the_chart_is_drawn_over_seconds(finished: Finished) -> None:
    text = page_html(finished.study.record)
    assert "Quality against seconds" in text
    drawn = text.partition('data-chart="quality"')[2].partition("</figure>")[0]
    assert "seconds per request" in drawn
    assert "$" not in drawn
    assert " s</text>" in drawn


def test_models_at_one_address_are_asked_one_after_the_other(
    server: Server, tmp_path: Path
) -> None:
    """Ollama and llama.cpp hold one model at a time: https://docs.ollama.com/faq,
    OLLAMA_MAX_LOADED_MODELS.
    """
    run(server, tmp_path, time_limit=60, trials=6)
    asked = [seen.body["model"] for seen in server.posts]
    changes = sum(one != two for one, two in itertools.pairwise(asked))
    waves = len(events(tmp_path, "wave")) + 1  # and the holdout
    assert changes <= waves
    assert len(set(asked)) == 2


def test_models_that_are_paid_for_are_asked_side_by_side(
    server: Server, tmp_path: Path
) -> None:
    entries = {
        name: {"base_url": server.base_url, "price": [0.1, 0.4]} for name in MODELS
    }
    run(server, tmp_path, models=entries, budget=0.005, time_limit=None)
    steps = events(tmp_path, "wave")[0]["steps"]
    calls = sum(len(examples) for _, _, examples, *_ in steps)
    asked = [seen.body["model"] for seen in server.posts][:calls]
    # The first call of each model goes alone, and beside that of the other one.
    assert set(asked[:2]) == set(MODELS)
    changes = sum(one != two for one, two in itertools.pairwise(asked))
    assert changes > 1


# --- the door


def test_a_model_that_is_billed_needs_a_budget(
    server: Server, tmp_path: Path, capsys: Any
) -> None:
    entries = {
        "small": {"base_url": server.base_url, "price": [0, 0]},
        "large": {"base_url": server.base_url},
    }
    with pytest.raises(BudgetError, match="--budget USD is needed"):
        run(server, tmp_path, models=entries, price="large=0/0.1")
    assert server.requests == []
    (tmp_path / "rows.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in ROWS)
    )
    flags = [
        "--data",
        str(tmp_path / "rows.jsonl"),
        "--target",
        "label",
        "--model",
        "small",
        "--price",
        "small=1/1",
    ]
    assert main(flags) == 2
    assert "--budget USD is needed" in capsys.readouterr().err


def test_the_time_limit_is_15_minutes_unless_said_and_the_estimate_says_so(
    server: Server, tmp_path: Path
) -> None:
    given: Any = options(server, tmp_path, time_limit=None)
    plan = make_plan(read_options(data=ROWS, space=space(), **given))
    assert plan.unbilled
    assert plan.time_limit == 900
    lines = estimate_lines(estimate(plan, offline_endpoints(plan.entries), None))
    assert "nobody is billed" in lines[0]
    assert "15 min" in lines[0]
    assert not any("$" in line for line in lines)


def told(plan: Any, store: Any = None) -> tuple[Any, str]:
    found = estimate(plan, offline_endpoints(plan.entries), store, others=(2.0, 5.0))
    lines = [*estimate_lines(found), *price_lines(found), *estimate_table(found)]
    return found, "\n".join(lines)


def test_the_estimate_says_seconds_and_what_the_time_compares(
    server: Server, tmp_path: Path
) -> None:
    long: Any = options(server, tmp_path, time_limit=900, trials=None)
    found, text = told(make_plan(read_options(data=ROWS, space=space(), **long)))
    assert found.seconds is not None
    assert f"takes about {found.seconds:.3g}" in text
    assert "assumed to take 0.5 s" in text
    assert "$" not in text
    assert f"compare all {found.bought.configs} configurations of the space" in text
    assert 0 < found.search_seconds <= 900
    assert found.holdout_seconds > 0
    short: Any = options(server, tmp_path, time_limit=20, trials=None)
    assert (
        told(make_plan(read_options(data=ROWS, space=space(), **short)))[
            0
        ].bought.configs
        < found.bought.configs
    )
    assert (
        told(make_plan(read_options(data=ROWS, space=space(), **short)))[
            0
        ].search_seconds
        == 20
    )


def test_the_estimate_learns_the_seconds_of_an_answer_from_stored_draws(
    finished: Finished,
) -> None:
    study, folder = finished.study, finished.folder
    given: Any = options(finished.server, folder)
    db = Database(f"sqlite:///{folder}/study/draws.db")
    found, text = told(
        make_plan(read_options(data=ROWS, space=space(), **given)), Store(db)
    )
    db.close()
    assert "that were drawn before" in text
    drawn = {(row.model, row.prompt): row for row in study.record.estimate}
    for row in found.rows:
        assert row.timed > 0
        if (row.model, row.prompt) in drawn:
            assert row.seconds == pytest.approx(
                drawn[row.model, row.prompt].actual_seconds, rel=0.8
            )


def test_seconds_are_unknown_where_nothing_tells_how_long_an_answer_is(
    server: Server, tmp_path: Path
) -> None:
    given: Any = options(server, tmp_path)
    reasons = tune.Space(
        model=list(MODELS),
        prompt="Label: {text}",
        reasoning_effort=["high"],
        answer={"labels": list(WORLD.labels)},
    )
    found, text = told(make_plan(read_options(data=ROWS, space=reasons, **given)))
    assert found.seconds is None
    assert "unknown until the first block" in text
    assert "$" not in text


@pytest.mark.parametrize(
    ("price", "zero"),
    [
        (Price(0, 0), True),
        (Price(0, 0, cached_input=0.0), True),
        (Price(0, 0, request=0.01), False),
        (Price(0, 0.1), False),
        (Price(0, 0, long=((10, Price(1, 1)),)), False),
    ],
)
def test_a_price_is_zero_where_nothing_of_it_is_billed(
    price: Price, zero: bool
) -> None:
    assert price.is_zero is zero


def test_an_observer_is_shown_the_time_that_is_left(
    server: Server, tmp_path: Path
) -> None:
    seen: list[Progress] = []
    given: Any = options(server, tmp_path, time_limit=20, trials=4)
    watch = after_waves(seen.append)
    run_study(read_options(data=ROWS, space=space(), **given), display=watch)
    left = [
        one.left_seconds
        for one in seen
        if one.phase == "search" and one.left_seconds is not None
    ]
    assert left == sorted(left, reverse=True)
    assert 0 <= left[-1] <= left[0] < 20
