"""A score that knows the target is never what is deployed: it is told apart, marked, and kept out
of the best.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import tune
from tests.support.fixtures import MODELS, PRICES
from tune.errors import SpaceError
from tune.fakes.server import Server
from tune.fakes.world import LabelledWorld
from tune.plan.make import make_plan
from tune.plan.read_options import read_options
from tune.task.example import Example
from tune.task.metrics import is_oracle, parse_metric, per_response_metric

WORLD = LabelledWorld(models={"small": 0.55, "large": 0.8})
EXAMPLES = [Example(str(i), {}, "even" if i % 2 == 0 else "odd", {}) for i in range(6)]


def success(responses: Sequence[str], target: str, **_: Any) -> dict[str, float]:
    """EcoOptiGen's: any response is right."""
    right = [response == target for response in responses]
    return {
        "success": float(any(right)),
        "expected_success": 1 - (1 - sum(right) / len(right)) ** len(right),
    }


def shares(responses: Sequence[str], target: str, **_: Any) -> dict[str, float]:
    commonest = Counter(responses).most_common(1)[0][0]
    return {
        "success": float(commonest == target),
        "mean": sum(response == target for response in responses) / len(responses),
        "last": float(responses[-1] == target),
        "first": float(responses[0] == target),
    }


def graded(responses: Sequence[str], target: str, **_: Any) -> dict[str, float]:
    """The best of several grades, under a name that says nothing."""
    return {
        "quality": max(0.9 if response == target else 0.1 for response in responses)
    }


def runs_code(responses: Sequence[str], **_: Any) -> dict[str, float]:
    return {"success": float(any("def " in response for response in responses))}


@pytest.mark.parametrize(
    ("function", "key", "expected"),
    [
        (success, "success", True),
        (success, "expected_success", True),
        (graded, "quality", True),
        (shares, "success", False),
        (shares, "mean", False),
        (shares, "first", False),
        (shares, "last", False),
    ],
)
def test_an_oracle_is_told_by_what_it_does_with_one_right_response_of_four(
    function: Any, key: str, expected: bool
) -> None:
    assert is_oracle(tune.responses_metric(function, key), EXAMPLES) is expected


def test_where_less_is_better_an_oracle_is_one_too() -> None:
    def fewest(responses: Sequence[str], target: str, **_: Any) -> dict[str, float]:
        return {"errors": min(float(response != target) for response in responses)}

    assert is_oracle(
        tune.responses_metric(fewest, "errors", larger_is_better=False), EXAMPLES
    )


def test_where_it_cannot_be_tried_its_author_or_its_name_says_it() -> None:
    tests = [Example("0", {}, {"test": "assert f() == 1"}, {})]
    assert is_oracle(tune.responses_metric(runs_code), tests)
    assert not is_oracle(tune.responses_metric(runs_code, oracle=False), tests)
    assert not is_oracle(
        tune.responses_metric(lambda responses, **_: {"agreement": 1.0}, "agreement"),
        tests,
    )
    assert is_oracle(tune.responses_metric(shares, "mean", oracle=True), EXAMPLES)
    assert not is_oracle(parse_metric("exact_match"), EXAMPLES)


def test_one_by_one_it_judges_as_an_ordinary_metric() -> None:
    metric = tune.responses_metric(success)
    alone = per_response_metric(metric)
    assert not alone.over_responses
    assert alone.identity != metric.identity
    assert [alone.score(answer, EXAMPLES[0]) for answer in ("even", "odd")] == [
        1.0,
        0.0,
    ]


def space(**more: Any) -> dict[str, Any]:
    return {
        "model": ["small", "large"],
        "prompt": "Label this ticket: {text}",
        "temperature": [0.5, 1.0],
        "n": [1, 3],
        "max_tokens": 16,
        "answer": {"labels": list(WORLD.labels)},
        **more,
    }


def test_a_baseline_that_knows_the_target_is_refused() -> None:
    rows = WORLD.examples(20)
    with pytest.raises(SpaceError, match="knows the target"):
        make_plan(
            read_options(
                data=rows,
                space=tune.Space(**space()),
                budget=1.0,
                target="label",
                price=PRICES,
                baseline={"n": 3, "aggregate": "any"},
            )
        )
    with pytest.raises(SpaceError, match="every answer"):
        make_plan(
            read_options(
                data=rows,
                space=tune.Space(**space(aggregate=["all"])),
                budget=1.0,
                target="label",
                price=PRICES,
            )
        )


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(models=MODELS, world=WORLD) as started:
        yield started


def study(server: Server, folder: Path, metric: Any, **more: Any) -> tune.Study:
    return tune.tune(
        WORLD.examples(60),
        tune.Space(**space(**more)),
        target="label",
        base_url=server.base_url,
        budget=0.012,
        price=PRICES,
        results=folder,
        metric=metric,
    )


def test_success_over_all_responses_is_kept_out_of_the_best_and_shown_as_an_oracle(
    server: Server, tmp_path: Path
) -> None:
    metric = tune.responses_metric(success, target="target")
    found = study(server, tmp_path / "study", metric, aggregate=["first", "vote"])
    best = found.best
    assert best.config.aggregate in ("first", "vote")
    assert best.quality is not None
    truth = WORLD.accuracy(
        best.config.model, "Label", float(best.config["temperature"])
    )  # type: ignore[arg-type]
    assert best.quality.low < truth + 0.1, (
        "what one answer, or a vote, is worth, and not any of three"
    )
    notices = found.record.notices
    assert any("is an oracle" in notice for notice in notices)
    assert any("an oracle, a bound" in notice for notice in notices)
    rows = [
        found.record.winner,
        found.record.baseline,
        *found.record.frontier,
        *found.record.runners_up,
    ]
    assert {row.config.aggregate for row in rows if row is not None} <= {
        "first",
        "vote",
    }


def test_a_config_that_is_read_by_all_its_answers_says_so_and_agents_get_one_answer(
    server: Server, tmp_path: Path
) -> None:
    def lenient(responses: Sequence[str], target: str, **_: Any) -> dict[str, float]:
        """Three answers are worth more than one, whatever they say."""
        return {
            "quality": (0.5 if len(responses) > 1 else 0.0)
            + 0.5 * (Counter(responses)[target] / len(responses))
        }

    found = study(
        server,
        tmp_path / "study",
        tune.responses_metric(lenient, "quality", target="target"),
        aggregate=["first", "vote"],
    )
    assert (found.best.config.n, found.best.config.aggregate) == (3, "all")
    assert found.deployment is not None
    assert (found.deployment.config.n, found.deployment.config.aggregate) == (
        1,
        "first",
    )
    assert found.record.deployable is not None
    for row in found.record.frontier:
        assert (row.config.aggregate == "all") == (row.config.n > 1)
    assert found.record.baseline is not None
    assert found.record.baseline.config.aggregate == "first"
