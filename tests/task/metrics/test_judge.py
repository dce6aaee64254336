"""A judge: what it is asked, how its verdict is read, and what it costs."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tune.completion import Completion, Request
from tune.errors import AnswerError, InputError, NoRoom, TransientError
from tune.task.example import Example
from tune.task.metrics import Judge, Metric, parse_metric


def example(target: Any = "positive", **metadata: Any) -> Example:
    return Example(
        id="row-3", inputs={"text": "I liked it."}, target=target, metadata=metadata
    )


class Bench:
    """A provider that says what it was told to say, call after call, and keeps the requests."""

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
    assert (metric.low, metric.high, metric.costs, metric.model) == (
        0.0,
        10.0,
        True,
        "small",
    )
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
def test_a_verdict_is_read_within_bounds_or_not_at_all(
    verdict: str, score: float | None
) -> None:
    assert Judge("small").read(verdict) == score


def test_a_judge_may_have_bounds_and_a_pattern_of_its_own() -> None:
    assert Judge("small", low=-5.0, high=5.0).read("Score: -3") == -3.0
    assert (
        Judge("small", low=1.0, high=5.0, pattern=r"\[\[(\d)(\.\d)?\]\]").read(
            "so [[4]]"
        )
        == 4.0
    )
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


async def test_a_judge_that_cannot_answer_is_not_the_configs_fault_and_other_faults_pass() -> (
    None
):
    assert math.isnan(
        await judged(Bench(AnswerError("too long", reason="context_length"))).judge(
            "a", example()
        )
    )
    no_room = Bench(NoRoom("too long", most=4))
    assert math.isnan(await judged(no_room).judge("a", example()))
    with pytest.raises(TransientError):
        await judged(Bench(TransientError("503", charged=False))).judge("a", example())


async def test_no_answer_is_judged_worst_without_a_call() -> None:
    bench = Bench()
    assert await judged(bench, low=1.0).judge(None, example()) == 1.0
    assert not bench.asked


async def test_a_judge_needs_a_provider_and_is_not_scored_without_waiting() -> None:
    metric = parse_metric("judge", model="small")
    with pytest.raises(InputError, match="the provider for 'small' is missing"):
        await metric.judge("a", example())
    with pytest.raises(TypeError, match="await judge"):
        metric.score("a", example())


async def test_templates_show_columns_and_nothing_that_is_filled_in_is_read_again() -> (
    None
):
    bench = Bench("Score: 1", "Score: 1")
    metric = judged(
        bench,
        template='Q: {question}\nT: {text}\nR: {target}\nA: {answer} of {high}; {"json": 1}',
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
