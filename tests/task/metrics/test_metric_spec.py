"""Metrics as users give them, and what changes their identity."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tune.errors import InputError, MetricError, SpaceError
from tune.task.example import Example
from tune.task.metrics import METRICS, Judge, Score, parse_metric, responses_metric


def example(target: Any = "positive", **metadata: Any) -> Example:
    return Example(
        id="row-3", inputs={"text": "I liked it."}, target=target, metadata=metadata
    )


def length(answer: str, example: Example) -> float:
    return len(answer) / 100


def near(answer: str, example: Example, tolerance: float = 0.0) -> bool:
    return abs(float(answer) - example.target) <= tolerance


async def slow(answer: str, example: Example) -> float:
    return 1.0


class Graded:
    def __init__(self, marks: dict[str, float]) -> None:
        self.marks = marks

    def __call__(self, answer: str, example: Example) -> Score:
        return Score(self.marks.get(answer, 0.0), f"for {answer}")


def test_a_judge_without_a_model_says_what_it_needs() -> None:
    with pytest.raises(InputError, match=r"'judge' needs a 'model', as in \{\"name\""):
        parse_metric({"name": "judge"})


def test_options_are_passed_on_to_a_callable() -> None:
    assert parse_metric(near).score("3.1", example(3.0)) == 0.0
    assert parse_metric(near, tolerance=0.2).score("3.1", example(3.0)) == 1.0
    with pytest.raises(
        InputError,
        match=r"'near' takes the options \['tolerance'\], but got \['slack'\]",
    ):
        parse_metric(near, slack=0.2)


def test_a_metric_is_found_by_its_path() -> None:
    assert parse_metric(f"{__name__}:length").score("ab", example()) == 0.02
    with pytest.raises(SpaceError, match=r"metric: 'no\.module:x' cannot be loaded"):
        parse_metric("no.module:x")


@pytest.mark.parametrize(
    ("spec", "options", "said"),
    [
        (
            "accuracy",
            {},
            r"no metric 'accuracy': there are \['balanced_accuracy', 'code', 'contains'",
        ),
        (3, {}, "or a callable"),
        (None, {}, "or a callable"),
        (
            "numeric",
            {"tolerance": 1},
            r"takes the options \['relative', 'absolute'\]|\['absolute', 'relative'\]",
        ),
        ("exact_match", {"high": 2.0}, r"options \[\], but got \['high'\]"),
        (lambda answer: 1.0, {}, "metric\\(answer, example\\)"),
        (slow, {}, "coroutine"),
        (Judge("small"), {"low": 1.0}, "takes no options"),
    ],
)
def test_what_is_no_metric_is_refused_with_a_sentence(
    spec: Any, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        parse_metric(spec, **options)


def test_a_metric_passes_as_it_is_and_a_table_is_read_like_keywords() -> None:
    metric = parse_metric("f1")
    assert parse_metric(metric) is metric
    assert (
        parse_metric({"name": "numeric", "absolute": 0.5}).score("3.4", example(3))
        == 1.0
    )
    assert parse_metric({"name": "numeric"}, absolute=0.5) == parse_metric(
        "numeric", absolute=0.5
    )


def test_every_built_in_name_makes_a_metric() -> None:
    for name in set(METRICS) - {
        "balanced_accuracy"
    }:  # which a run makes, from its data
        metric = (
            parse_metric(name, model="small") if name == "judge" else parse_metric(name)
        )
        assert metric.name == name
        assert metric.costs == (name == "judge")


def made(limit: float) -> Any:
    return lambda answer, example: float(answer) > limit


def test_the_identity_follows_whatever_could_change_the_judgement() -> None:
    specs: list[tuple[Any, dict[str, Any]]] = [
        ("exact_match", {}),
        ("numeric", {}),
        ("numeric", {"relative": 0.1}),
        (length, {}),
        (near, {}),
        (near, {"tolerance": 0.1}),
        (made(1.0), {}),
        (made(2.0), {}),
        (Graded({"a": 1.0}), {}),
        (Graded({"a": 0.5}), {}),
        (functools.partial(near, tolerance=0.3), {}),
        (Judge("small"), {}),
        (Judge("large"), {}),
        (Judge("small", high=5.0), {}),
        (Judge("small", settings={}), {}),
    ]
    identities = [parse_metric(spec, **options).identity for spec, options in specs]
    assert len(set(identities)) == len(identities)
    assert identities == [
        parse_metric(spec, **options).identity for spec, options in specs
    ]
    assert parse_metric(made(1.0)).identity == identities[6]


def test_the_identity_is_the_same_in_another_process(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "def score(answer, example, *, marks=frozenset('abc')):\n    return 1.0\n"
    )
    ask = (
        "from tune.task.metrics import *\n"
        "given = ('own:score', 'f1', Judge('small'))\n"
        "print([parse_metric(metric).identity for metric in given])"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", ask],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for _ in range(2)
    }
    assert len(said) == 1


def eval_math(responses: Sequence[str], solution: str, **data: Any) -> dict[str, Any]:
    correct = [response == solution for response in responses]
    return {
        "success": any(correct),
        "expected_success": sum(correct) / len(correct),
        "columns": sorted(data),
    }


def test_a_metric_over_responses_gets_all_of_them_and_every_column() -> None:
    metric = responses_metric(eval_math, target="solution")
    assert metric.over_responses
    assert metric.score(("1", "2"), example("2", level=5)) == 1.0
    assert metric.score(("1", "3"), example("2")) == 0.0
    assert (
        responses_metric(eval_math, "expected_success", target="solution").score(
            ("1", "2"), example("2")
        )
        == 0.5
    )
    assert eval_math(["1"], "1", text="", level=5)["columns"] == ["level", "text"]


def test_an_eval_func_is_a_metric_as_it_is_and_gets_the_target_under_its_own_column() -> (
    None
):
    row = Example("1", {"text": "1 + 1"}, "2", {"level": 5}, target_name="solution")
    metric = parse_metric(eval_math)
    assert metric.score("2", row) == 1.0
    assert metric.score("3", row) == 0.0
    assert not metric.over_responses, (
        "one response at a time: that any of n is right is no quality to deploy"
    )
    assert parse_metric(eval_math, key="expected_success").score("2", row) == 1.0
    assert responses_metric(eval_math).score(("3", "2"), row) == 1.0


def test_an_eval_func_that_returns_no_dict_is_told_so() -> None:
    def eval_func(responses: list[str], **data: Any) -> bool:
        return True

    with pytest.raises(MetricError, match="returns a dict"):
        parse_metric(eval_func).score("2", example("2"))
    with pytest.raises(InputError, match="takes the options"):
        parse_metric(eval_func, colour="red")


def test_a_metric_reads_the_target_by_its_column_too() -> None:
    row = Example("1", {"text": "1 + 1"}, "2", {"level": 5}, target_name="label")
    metric = parse_metric(
        lambda answer, example: (
            answer == example["label"] == example.target and example["level"] == 5
        )
    )
    assert metric.score("2", row) == 1.0
    assert row["text"] == "1 + 1"
    with pytest.raises(
        KeyError, match=r"no column 'colour': it has \['label', 'level', 'text'\]"
    ):
        row["colour"]


def test_a_response_without_an_answer_is_an_empty_one() -> None:
    seen: list[list[str]] = []

    def count(responses: list[str], **data: Any) -> dict[str, float]:
        seen.append(responses)
        return {"success": 0.0}

    assert responses_metric(count).score(("a", None), example()) == 0.0
    assert seen == [["a", ""]]


def test_a_metric_per_response_is_an_ordinary_one() -> None:
    metric = responses_metric(eval_math, per_response=True, target="solution")
    assert not metric.over_responses
    assert metric.score("2", example("2")) == 1.0
    assert metric.score(None, example("2")) == 0.0


def test_an_entry_that_is_not_there_is_named() -> None:
    with pytest.raises(
        MetricError, match=r"'eval_math' gave .* for example 'row-3', but no 'vote'"
    ):
        responses_metric(eval_math, "vote", target="solution").score(
            ("1",), example("2")
        )
    with pytest.raises(
        MetricError, match=r"missing 1 required positional argument: 'solution'"
    ):
        responses_metric(eval_math).score(("1",), example("2"))


def test_the_identity_of_a_metric_over_responses_follows_its_shape() -> None:
    metrics = [
        responses_metric(eval_math),
        responses_metric(eval_math, "expected_success"),
        responses_metric(eval_math, per_response=True),
        responses_metric(eval_math, high=2.0),
    ]
    assert len({metric.identity for metric in metrics}) == len(metrics)
