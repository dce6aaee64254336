"""A check over real sockets: it holds, it has regressed, or nobody can say; and never more calls
than it takes.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import tune
from tests.support.checks import NEW, WORLD, distance, export, tuned
from tune.commands.cli import main
from tune.errors import BudgetError, DataError, InputError
from tune.fakes.faults import Fault, Model
from tune.fakes.server import Server, fail_every
from tune.fakes.world import LabelledWorld
from tune.followup.check import STATUS, CheckResult, check, check_async
from tune.pricing.amounts import dollars
from tune.pricing.prices import to_picodollars
from tune.runtime.recorded import default_store
from tune.task.metrics import Metric


def test_what_is_as_good_as_recorded_holds_and_stops_long_before_the_data_end(
    server: Server, tmp_path: Path
) -> None:
    found = check(export(tmp_path, server), NEW, budget=0.5, margin=0.15)
    assert (found.decision, found.status, found.reason) == ("holds", 0, "")
    assert found.look.interval.low > found.threshold == pytest.approx(0.75)
    assert found.look.interval.n == len(server.posts) < 150
    assert to_picodollars(found.spent) == server.bill


def test_what_has_become_much_worse_is_seen_after_a_few_calls(tmp_path: Path) -> None:
    worse = LabelledWorld(models={"small": 0.4})
    with Server(models={"small": Model(0.10, 0.40)}, world=worse) as server:
        found = check(export(tmp_path, server), NEW, budget=0.5)
    assert (found.decision, found.status) == ("regressed", 3)
    assert found.look.interval.high < found.threshold
    assert found.look.interval.n < 80


def test_it_never_spends_more_than_the_budget_and_says_that_it_is_undecided(
    server: Server, tmp_path: Path
) -> None:
    found = check(export(tmp_path, server), NEW, budget=0.0002)
    assert (found.decision, found.status, found.reason) == ("undecided", 4, "money")
    assert 0 < server.bill <= to_picodollars(0.0002)
    assert found.more > 0
    assert "the money was used up" in str(found)


def test_a_budget_for_no_call_says_what_one_can_cost(
    server: Server, tmp_path: Path
) -> None:
    found = check(export(tmp_path, server), NEW, budget=0.000001)
    assert (found.decision, found.reason, server.bill) == ("undecided", "money", 0)
    assert found.next_call > found.budget
    assert found.headline.startswith(
        f"Undecided, as the budget is too small for one call, which can cost up to "
        f"{dollars(found.next_call)}: no new example was scored; the line is "
    )


def test_too_few_examples_leave_it_undecided(server: Server, tmp_path: Path) -> None:
    found = check(export(tmp_path, server), NEW[:20], budget=0.5)
    assert (found.decision, found.reason, found.look.interval.n) == (
        "undecided",
        "data",
        20,
    )
    assert "no more examples" in str(found)
    assert f"About {found.more} further examples" in str(found)


def test_a_metric_of_which_less_is_better_regresses_upwards(
    server: Server, tmp_path: Path
) -> None:
    less = Metric("distance", "distance", distance, high=100.0, larger_is_better=False)
    path = export(tmp_path, server, quality=10.0, metric=less)
    assert check(path, NEW, budget=0.5, metric=less, margin=0.2).decision == "holds"
    path = export(tmp_path, server, quality=1.0, metric=less)
    found = check(path, NEW, budget=0.5, metric=less, margin=0.02)
    assert (found.decision, found.threshold) == ("regressed", pytest.approx(3.0))
    assert "above the recorded" in found.headline


def test_it_works_inside_a_running_event_loop_both_ways(
    server: Server, tmp_path: Path
) -> None:
    path = export(tmp_path, server)

    async def inside() -> tuple[CheckResult, CheckResult]:
        return check(path, NEW[:8], budget=0.5), await check_async(
            path, NEW[:8], budget=0.5
        )

    blocking, awaited = asyncio.run(inside())
    assert blocking.look == awaited.look


def test_what_a_run_exports_can_be_checked(server: Server, tmp_path: Path) -> None:
    study = tune.tune(
        data=WORLD.examples(80),
        target="label",
        base_url=server.base_url,
        price="small=0.1/0.4",
        budget=0.01,
        space={
            "space": {
                "model": ["small"],
                "temperature": [0.0, 0.5],
                "max_tokens": [8, 16],
                "prompt": {
                    "short": "Label this ticket: {text}",
                    "few": {
                        "text": "Examples:\n{shots}\n{text}",
                        "shots": 2,
                        "shot": "{text}: {label}\n",
                    },
                },
            },
            "answer": {"labels": list(WORLD.labels)},
        },
        results=tmp_path / "out",
    )
    found = check(tmp_path / "out", NEW[:60], budget=0.05, margin=0.2)
    assert found.config == study.best.config
    assert found.recorded == study.best.quality
    assert found.decision == "holds"
    assert default_store(tmp_path / "out") == str(tmp_path / "out" / "draws.db")


@pytest.mark.parametrize(
    ("more", "error", "message"),
    [
        ({"margin": 0.0}, InputError, "margin"),
        ({"margin": 0.95}, InputError, "cannot regress"),
        ({"alpha": 0.0}, InputError, "error rates"),
        ({"budget": 0.0}, BudgetError, "above 0"),
        ({"data": [{"words": "a", "label": "b"}] * 3}, DataError, "text"),
    ],
)
def test_bad_input_is_refused_before_anything_is_sent(
    server: Server,
    tmp_path: Path,
    more: dict[str, Any],
    error: type[Exception],
    message: str,
) -> None:
    given = {"data": NEW, "budget": 0.5, **more}
    with pytest.raises(error, match=message):
        check(export(tmp_path, server), given.pop("data"), **given)
    assert server.posts == []


def test_the_command_needs_no_data(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tuned(tmp_path, server)
    assert main(["check", str(folder), "--budget", "0.05", "--margin", "0.08"]) == 0
    assert "asked again" in capsys.readouterr().out
    assert main(["check", str(folder), "--budget", "0.05", "--margin", "0.001"]) == 4
    assert "at best, where no answer has changed" in capsys.readouterr().err


# --- what is shown


def command(path: Path, folder: Path, *more: str, rows: int = 600) -> list[str]:
    (folder / "new.jsonl").write_text("\n".join(json.dumps(row) for row in NEW[:rows]))
    return [
        "check",
        str(path),
        "--data",
        str(folder / "new.jsonl"),
        "--budget",
        "0.5",
        "--margin",
        "0.15",
        *more,
    ]


def test_the_command_prints_one_object_and_its_status_is_the_answer(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(command(export(tmp_path, server), tmp_path, "--json"))
        == STATUS["holds"]
        == 0
    )
    record = json.loads(capsys.readouterr().out)
    assert record["decision"] == "holds"
    assert record["recorded"] == {
        "mean": 0.9,
        "low": 0.5,
        "high": 1.0,
        "examples": 200,
        "on": "holdout",
    }
    assert record["quality"]["low"] > record["threshold"]
    assert record["spent"] == pytest.approx(server.bill / 1e12)


def test_the_command_says_it_in_words_and_writes_junit(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    junit = tmp_path / "out.xml"
    path = export(tmp_path, server, quality=0.99)
    assert (
        main(command(path, tmp_path, "--junit", str(junit), "--margin", "0.01"))
        == STATUS["regressed"]
        == 3
    )
    assert capsys.readouterr().out.startswith("It has regressed: exact_match is 0.")
    suite = ElementTree.parse(junit).getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == (
        "1",
        "1",
        "0",
    )
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.get("type") == "regressed"


def test_an_undecided_check_is_an_error_of_junit_and_status_4(
    server: Server, tmp_path: Path
) -> None:
    junit = tmp_path / "out.xml"
    args = command(
        export(tmp_path, server), tmp_path, "--junit", str(junit), "--quiet", rows=10
    )
    assert main(args) == STATUS["undecided"] == 4
    suite = ElementTree.parse(junit).getroot()[0]
    assert (suite.get("failures"), suite.get("errors")) == ("0", "1")
    assert suite.find("testcase/error") is not None


def test_bad_input_to_the_command_is_one_sentence_and_status_2(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = command(export(tmp_path, server), tmp_path, "--margin", "7")
    assert main(args) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert main(["check", str(tmp_path / "none.json"), *args[2:]]) == 2


def test_a_broken_service_gives_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Server(
        models={"small": Model(0.1, 0.4)},
        plan=fail_every(1, Fault("status", status=401)),
    ) as server:
        assert main(command(export(tmp_path, server), tmp_path)) == 1
    assert "tune: " in capsys.readouterr().err
