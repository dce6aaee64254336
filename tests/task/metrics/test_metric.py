"""Metrics: the built-in ones, callables, EcoOptiGen's shape, and a model as a judge."""

from __future__ import annotations

import functools
import math
import subprocess
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.completion import Completion, Request
from tune.errors import AnswerError, InputError, MetricError, SpaceError, TransientError
from tune.task.example import Example
from tune.task.metrics import METRICS, Judge, Metric, Score, parse_metric, responses_metric


def example(target: Any = "positive", **metadata: Any) -> Example:
    return Example(id="row-3", inputs={"text": "I liked it."}, target=target, metadata=metadata)


def value(name: str, answer: str | None, target: Any, **options: Any) -> float:
    return parse_metric(name, **options).score(answer, example(target))


def length(answer: str, example: Example) -> float:
    return len(answer) / 100


def near(answer: str, example: Example, tolerance: float = 0.0) -> bool:
    return abs(float(answer) - example.target) <= tolerance


def broken(answer: str, example: Example) -> float:
    return {"a": 1.0}[answer]


async def slow(answer: str, example: Example) -> float:
    return 1.0


class Graded:
    def __init__(self, marks: dict[str, float]) -> None:
        self.marks = marks

    def __call__(self, answer: str, example: Example) -> Score:
        return Score(self.marks.get(answer, 0.0), f"for {answer}")


# --- exact_match, contains, regex


@pytest.mark.parametrize(
    ("answer", "target", "score"),
    [
        ("positive", "positive", 1.0),
        (" Positive\n", "positive", 1.0),
        ("very  GOOD", "Very good", 1.0),
        ("positive.", "positive", 0.0),
        ("b", ["a", "b"], 1.0),
        ("c", ("a", "b"), 0.0),
        ("3", 3, 1.0),
        ("3", 3.0, 1.0),
        ("true", True, 1.0),
        ("STRASSE", "straße", 1.0),
        (None, "positive", 0.0),
    ],
)
def test_exact_match_is_blind_to_case_and_space_and_takes_any_accepted_target(
    answer: str | None, target: Any, score: float
) -> None:
    assert value("exact_match", answer, target) == score


@pytest.mark.parametrize(
    ("answer", "target", "score"),
    [
        ("It is Paris, of course", "paris", 1.0),
        ("New\n York", "new york", 1.0),
        ("London", ["Paris", "Rome"], 0.0),
        ("Rome", ["Paris", "Rome"], 1.0),
        ("in 1984", 1984, 1.0),
    ],
)
def test_contains_looks_for_any_accepted_target_in_the_answer(
    answer: str, target: Any, score: float
) -> None:
    assert value("contains", answer, target) == score


def test_regex_takes_the_target_as_a_pattern() -> None:
    assert value("regex", "order 66", r"order \d+") == 1.0
    assert value("regex", "Order 66", r"order \d+") == 0.0
    assert value("regex", "Order 66", r"order \d+", ignore_case=True) == 1.0
    assert value("regex", "b", ["^a$", "^b$"]) == 1.0
    with pytest.raises(MetricError, match=r"'regex' raised on example 'row-3'"):
        value("regex", "b", "(")


@pytest.mark.parametrize(
    "name", ["exact_match", "contains", "regex", "numeric", "json", "f1", "rouge_l"]
)
@pytest.mark.parametrize("target", [None, [], [None]])
def test_a_metric_that_compares_names_the_example_that_has_no_target(
    name: str, target: Any
) -> None:
    with pytest.raises(MetricError, match="'row-3' has no target"):
        value(name, "answer 1", target)


# --- numeric


@pytest.mark.parametrize(
    ("answer", "target", "options", "score"),
    [
        ("so 1,234.5", 1234.5, {}, 1.0),
        ("so 1,234.50 dollars", "$1234.5", {}, 1.0),
        ("first 3, then 4", 3, {}, 0.0),
        ("3.1416", math.pi, {}, 0.0),
        ("3.1416", math.pi, {"relative": 1e-4}, 1.0),
        ("0.001", 0, {"relative": 0.1}, 0.0),
        ("0.001", 0, {"absolute": 0.01}, 1.0),
        ("-5", 5, {}, 0.0),
        ("7", [6, 7], {}, 1.0),
        ("#### 42", "6 times 7\n#### 42", {}, 1.0),
        ("no number", 3, {}, 0.0),
    ],
)
def test_numeric_compares_the_last_number_up_to_a_tolerance(
    answer: str, target: Any, options: dict[str, float], score: float
) -> None:
    assert value("numeric", answer, target, **options) == score


def test_a_target_without_a_number_is_named() -> None:
    with pytest.raises(MetricError, match=r"target of example 'row-3' holds no number: 'seven'"):
        value("numeric", "7", "seven")


# --- json

WANTED = {"name": "Ada Lovelace", "year": 1815, "tags": ["maths", {"deep": True}], "died": None}


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        (
            '{"name": "ada  lovelace", "year": 1815.0, "tags": ["maths", {"deep": true}], "died": null}',
            1.0,
        ),
        ('Here: {"name": "Ada Lovelace", "year": 1816, "tags": [], "died": null, "more": 1}', 0.5),
        ('{"year": "1815"}', 0.0),
        ('{"year": true}', 0.0),
        ('{"tags": ["maths", {"deep": 1}]}', 0.0),
        ("no object", 0.0),
    ],
)
def test_json_is_the_share_of_the_targets_fields_that_are_equal(answer: str, score: float) -> None:
    assert value("json", answer, WANTED) == score


def test_a_json_target_may_be_written_as_text_and_must_have_fields() -> None:
    assert value("json", '{"a": 1}', '{"a": 1, "b": 2}') == 0.5
    assert value("json", '{"a": 1}', [{"a": 2}, {"a": 1}]) == 1.0
    for target in ("not json", "{}", "[1]", 3):
        with pytest.raises(MetricError, match="no JSON object with fields"):
            value("json", '{"a": 1}', target)


# --- f1 and ROUGE


@pytest.mark.parametrize(
    ("answer", "target", "score"),
    [
        ("The Eiffel Tower!", "eiffel tower", 1.0),
        ("in the Eiffel Tower", "Eiffel Tower", 0.8),
        ("tower tower", "tower", 2 / 3),
        ("Rome", "Paris", 0.0),
        ("Rome", ["Paris", "Rome"], 1.0),
        ("the", "a", 1.0),
        ("the", "Rome", 0.0),
    ],
)
def test_f1_is_that_of_the_words_as_squad_counts_them(
    answer: str, target: Any, score: float
) -> None:
    assert value("f1", answer, target) == pytest.approx(score)


def test_rouge_l_is_the_longest_common_subsequence() -> None:
    # 3 of 4 words in order, of 5 in the target: precision 3/4, recall 3/5.
    assert value("rouge_l", "the cat sat there", "the black cat sat down") == pytest.approx(
        2 / (4 / 3 + 5 / 3)
    )
    assert value("rouge_l", "cats", "cat") == 0.0
    assert value("rouge_l", "cats", "cat", stemmer=True) == 1.0
    assert value("rouge_l", "b", ["a", "b"]) == 1.0


def test_without_its_package_rouge_l_is_refused_before_anything_is_bought(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from tune.task.metrics import text_metrics as texts

    texts.rouge_scorer.cache_clear()
    monkeypatch.setitem(sys.modules, "rouge_score.rouge_scorer", None)
    with pytest.raises(InputError, match=r"pip install 'tune-llm\[rouge\]'"):
        parse_metric("rouge_l")


@given(st.text(max_size=40), st.text(min_size=1, max_size=40))
def test_every_built_in_metric_stays_within_its_bounds(answer: str, target: str) -> None:
    for name in ("exact_match", "contains", "f1", "rouge_l"):
        assert 0.0 <= value(name, answer, target) <= 1.0


@given(st.text(min_size=1, max_size=40))
def test_an_answer_that_is_the_target_scores_full(target: str) -> None:
    for name in ("exact_match", "contains", "f1"):
        assert value(name, target, target) == 1.0


# --- callables


@pytest.mark.parametrize(
    ("found", "score"),
    [
        (True, 1.0),
        (False, 0.0),
        (1, 1.0),
        (0.25, 0.25),
        (Score(0.5, "half"), 0.5),
        (Fraction(1, 4), 0.25),
        (np.float32(0.5), 0.5),
        (np.bool_(True), 1.0),
        (1.0 + 1e-12, 1.0),
        (-1e-12, 0.0),
    ],
)
def test_a_callable_may_return_a_bool_a_number_or_a_score(found: Any, score: float) -> None:
    assert parse_metric(lambda answer, example: found).score("a", example()) == score


@pytest.mark.parametrize("found", [None, "0.5", [], {}, object()])
def test_anything_else_is_refused_with_the_example_and_the_metric(found: Any) -> None:
    with pytest.raises(
        MetricError, match=r"'picky' must return a bool, a number or a Score.*'row-3'"
    ):
        parse_metric(lambda answer, example: found, name="picky").score("a", example())


@pytest.mark.parametrize("found", [1.5, -0.1, math.nan, math.inf, Score(math.nan), Score(2.0)])
def test_a_value_outside_the_bounds_is_refused_with_the_example_and_the_metric(found: Any) -> None:
    with pytest.raises(
        MetricError, match=r"'wild' must lie between 0 and 1, but gave .* for example 'row-3'"
    ):
        parse_metric(lambda answer, example: found, name="wild").score("a", example())


def test_a_callable_that_raises_is_named_with_the_example_and_the_cause() -> None:
    with pytest.raises(
        MetricError, match=r"'broken' raised on example 'row-3': KeyError: 'b'"
    ) as raised:
        parse_metric(broken).score("b", example())
    assert isinstance(raised.value.__cause__, KeyError)


def test_no_answer_is_the_worst_answer_and_no_callable_is_asked() -> None:
    assert parse_metric(broken).score(None, example()) == 0.0
    assert parse_metric(broken, low=-1.0).score(None, example()) == -1.0
    assert parse_metric(broken, high=9.0, larger_is_better=False).score(None, example()) == 9.0


def test_a_callable_gets_its_name_bounds_and_direction_with_it() -> None:
    metric = parse_metric(length, name="characters", high=50.0, larger_is_better=False)
    assert (metric.name, metric.low, metric.high, metric.worst) == ("characters", 0.0, 50.0, 50.0)
    assert not metric.costs
    assert not metric.over_responses
    assert parse_metric(length).name == "length"
    with pytest.raises(InputError, match="`low < high`"):
        parse_metric(length, low=1.0, high=1.0)


def test_options_are_passed_on_to_a_callable() -> None:
    assert parse_metric(near).score("3.1", example(3.0)) == 0.0
    assert parse_metric(near, tolerance=0.2).score("3.1", example(3.0)) == 1.0
    with pytest.raises(
        InputError, match=r"'near' takes the options \['tolerance'\], but got \['slack'\]"
    ):
        parse_metric(near, slack=0.2)


def test_a_comment_is_there_for_who_asks() -> None:
    metric = parse_metric(Graded({"a": 0.5}))
    assert metric.review("a", example()) == Score(0.5, "for a")
    assert metric.name == "Graded"


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
    assert parse_metric({"name": "numeric", "absolute": 0.5}).score("3.4", example(3)) == 1.0
    assert parse_metric({"name": "numeric"}, absolute=0.5) == parse_metric("numeric", absolute=0.5)


def test_every_built_in_name_makes_a_metric() -> None:
    for name in set(METRICS) - {"balanced_accuracy"}:  # which a run makes, from its data
        metric = parse_metric(name, model="small") if name == "judge" else parse_metric(name)
        assert metric.name == name
        assert metric.costs == (name == "judge")


# --- identity


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
    assert identities == [parse_metric(spec, **options).identity for spec, options in specs]
    assert parse_metric(made(1.0)).identity == identities[6]


def test_the_identity_is_the_same_in_another_process(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "def score(answer, example, *, marks=frozenset('abc')):\n    return 1.0\n"
    )
    ask = "from tune.task.metrics import *; print([parse_metric(m).identity for m in ('own:score', 'f1', Judge('small'))])"
    said = {
        subprocess.run(
            [sys.executable, "-c", ask], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    }
    assert len(said) == 1


# --- EcoOptiGen's shape


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


def test_an_eval_func_is_a_metric_as_it_is_and_gets_the_target_under_its_own_column() -> None:
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
    with pytest.raises(KeyError, match=r"no column 'colour': it has \['label', 'level', 'text'\]"):
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
        responses_metric(eval_math, "vote", target="solution").score(("1",), example("2"))
    with pytest.raises(MetricError, match=r"missing 1 required positional argument: 'solution'"):
        responses_metric(eval_math).score(("1",), example("2"))


def test_the_identity_of_a_metric_over_responses_follows_its_shape() -> None:
    metrics = [
        responses_metric(eval_math),
        responses_metric(eval_math, "expected_success"),
        responses_metric(eval_math, per_response=True),
        responses_metric(eval_math, high=2.0),
    ]
    assert len({metric.identity for metric in metrics}) == len(metrics)


# --- a judge


class Bench:
    """A provider that says what it was told to say, call after call, and keeps what it was asked."""

    def __init__(self, *verdicts: str | Exception) -> None:
        self.verdicts = list(verdicts)
        self.asked: list[tuple[Request, range]] = []

    async def complete(self, request: Request, numbers: range) -> list[Completion]:
        self.asked.append((request, numbers))
        verdict = self.verdicts.pop(0)
        if isinstance(verdict, Exception):
            raise verdict
        return [Completion(verdict, "stop", 10, 5)]


def judged(bench: Bench, **options: Any) -> Metric:
    return parse_metric(Judge("small", **options)).bound(bench, service="local")


async def test_a_judge_asks_its_provider_and_reads_the_score() -> None:
    bench = Bench("Score: 7")
    metric = judged(bench)
    assert (metric.low, metric.high, metric.costs, metric.model) == (0.0, 10.0, True, "small")
    assert await metric.judge("It was fine.", example("positive")) == 7.0
    (request, numbers) = bench.asked[0]
    assert (request.service, request.model, request.max_tokens, numbers) == (
        "local",
        "small",
        256,
        range(1),
    )
    assert request.setting("temperature") == 0
    (message,) = request.prompt
    asked = message.content  # type: ignore[union-attr]
    for shown in ("I liked it.", "It was fine.", "positive", "from 0 (", "to 10 ("):
        assert shown in asked


@pytest.mark.parametrize(
    ("verdict", "score"),
    [
        ("Score: 7", 7.0),
        ("score 7.5", 7.5),
        ("**Score:** 8/10", 8.0),
        ("First I thought Score: 2, but then\nScore: 9", 9.0),
        ("On a score (0-10) I would say Score: 4", 4.0),
        ("3", 3.0),
        (" 3/10 ", 3.0),
        ("Score: 11", None),
        ("Score: -1", None),
        ("I would give it a 7", None),
        ("", None),
        ("Score: high", None),
    ],
)
def test_a_verdict_is_read_within_bounds_or_not_at_all(verdict: str, score: float | None) -> None:
    assert Judge("small").read(verdict) == score


def test_a_judge_may_have_bounds_and_a_pattern_of_its_own() -> None:
    assert Judge("small", low=-5.0, high=5.0).read("Score: -3") == -3.0
    assert Judge("small", low=1.0, high=5.0, pattern=r"\[\[(\d)(\.\d)?\]\]").read("so [[4]]") == 4.0
    assert Judge("small", pattern=r"=(\w+)").read("=many") is None


async def test_an_unreadable_verdict_is_asked_for_once_more_as_another_draw() -> None:
    bench = Bench("well...", "Score: 6")
    assert await judged(bench).judge("a", example()) == 6.0
    assert [numbers for _, numbers in bench.asked] == [range(1), range(1, 2)]
    assert bench.asked[0][0] == bench.asked[1][0]


async def test_two_unreadable_verdicts_are_a_missing_score_and_not_zero() -> None:
    bench = Bench("well...", "Score: 99", "never asked")
    assert math.isnan(await judged(bench).judge("a", example()))
    assert len(bench.asked) == 2


async def test_a_judge_that_cannot_answer_is_not_the_configs_fault_and_other_faults_pass() -> None:
    assert math.isnan(
        await judged(Bench(AnswerError("too long", reason="context_length"))).judge("a", example())
    )
    with pytest.raises(TransientError):
        await judged(Bench(TransientError("503", charged=False))).judge("a", example())


async def test_no_answer_is_judged_worst_without_a_call() -> None:
    bench = Bench()
    assert await judged(bench, low=1.0).judge(None, example()) == 1.0
    assert not bench.asked


async def test_a_metric_that_costs_nothing_is_judged_like_it_is_scored() -> None:
    assert await parse_metric("exact_match").judge("positive", example()) == 1.0
    assert await parse_metric("exact_match").judge(None, example()) == 0.0


async def test_a_judge_needs_a_provider_and_is_not_scored_without_waiting() -> None:
    metric = parse_metric("judge", model="small")
    with pytest.raises(InputError, match="nobody handed a provider"):
        await metric.judge("a", example())
    with pytest.raises(TypeError, match="await judge"):
        metric.score("a", example())


async def test_templates_show_columns_and_nothing_that_is_filled_in_is_read_again() -> None:
    bench = Bench("Score: 1", "Score: 1")
    metric = judged(
        bench, template='Q: {question}\nT: {text}\nR: {target}\nA: {answer} of {high}; {"json": 1}'
    )
    await metric.judge("{target} {nobody}", example(["x", 1]))
    (message,) = bench.asked[0][0].prompt
    wanted = 'Q: I liked it.\nT: I liked it.\nR: ["x", 1]\nA: {target} {nobody} of 10; {"json": 1}'
    assert message.content == wanted  # type: ignore[union-attr]
    two = Example("9", {"premise": "p", "claim": "c"}, None, {})
    await metric.judge("a", Example("9", {**two.inputs, "text": "t"}, None, {}))
    (message,) = bench.asked[1][0].prompt
    assert "Q: premise: p\nclaim: c\ntext: t\n" in message.content  # type: ignore[union-attr]
    assert "R: (none given)" in message.content  # type: ignore[union-attr]


async def test_a_template_that_names_a_field_nobody_has_is_refused() -> None:
    with pytest.raises(InputError, match=r"names \{txet\}"):
        await judged(Bench(), template="{txet} {answer}").judge("a", example())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"low": 5.0, "high": 5.0}, "`low < high`"),
        ({"template": "no field"}, "must show the answer"),
        ({"max_tokens": 0}, "`max_tokens >= 1`"),
        ({"pattern": "("}, "no regular expression"),
        ({"pattern": "score"}, "needs a group"),
        ({"shout": True}, "takes the options"),
    ],
)
def test_a_judge_that_cannot_be_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse_metric("judge", model="small", **options)


def test_a_judge_keeps_its_identity_but_for_who_answers() -> None:
    metric = parse_metric(Judge("small"))
    one, other = metric.bound(Bench(), service="a"), metric.bound(Bench(), service="b")
    assert one.identity == metric.bound(Bench(), service="a").identity
    assert one.identity != other.identity
    assert metric.bound(Bench(), service="a", model="small-2").model == "small-2"
    assert parse_metric("f1").bound(Bench(), service="a") == parse_metric("f1")
    assert "Bench" not in repr(one)
