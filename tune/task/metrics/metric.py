"""The metric itself, and every form in which a user may give one."""

from __future__ import annotations

import functools
import inspect
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tune.completion import Provider
from tune.errors import InputError, MetricError
from tune.safety.sandbox import unprotected
from tune.task.callables import fingerprint, import_object, reraise_as
from tune.task.example import Example
from tune.task.metrics import text_metrics as texts
from tune.task.metrics.code import Code
from tune.task.metrics.judge import Judge
from tune.task.metrics.score import Answer, Score, check_score

METRICS: dict[str, Callable[..., Any]] = {
    "exact_match": texts.exact_match,
    "balanced_accuracy": texts.balanced_accuracy,
    "one_of": texts.exact_match,
    "same_set": texts.same_set,
    "contains": texts.contains,
    "regex": texts.regex,
    "numeric": texts.numeric,
    "json": texts.json_fields,
    "f1": texts.token_f1,
    "rouge_l": texts.rouge_l,
    "judge": Judge,
    "code": Code,
}
"""The built-in metrics by name. Scores are kept under that name: a rule that changes takes a new
one.
"""


@dataclass(frozen=True, slots=True)
class Metric:
    """A judgement that knows its name, its bounds and its direction.

    Attributes:
        name: for people.
        identity: changes whenever the metric could judge otherwise; scores are kept under it.
        function: `(answer, example)` to a bool, a number or a `Score`; awaited where the metric
            costs.
        low: the least value it can give.
        high: the largest.
        larger_is_better: False for errors, distances and the like.
        costs: whether each score costs dollars (a judge); then `judge` is awaited and `score` is
            refused.
        over_responses: whether it judges all n responses of a request at once.
        oracle: whether over all responses it knows the target and picks by it, as "any of n is
            right" does; None where nobody said.
        key: the entry of the function's result that is the score, where it gives several.
        runs_code: whether it runs what models write: refused unless the user allows it, and then
            called from several threads side by side.
        weigh: how much an example counts in a mean; its score, from 0 to 1, is already multiplied
            by that. None where all count the same.
    """

    name: str
    identity: str
    function: Callable[..., Any] = field(repr=False, compare=False)
    low: float = 0.0
    high: float = 1.0
    larger_is_better: bool = True
    costs: bool = False
    over_responses: bool = False
    runs_code: bool = False
    oracle: bool | None = None
    key: str = ""
    weigh: Callable[[Example], float] | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise InputError(
                f"metric {self.name!r}: `low < high` must hold, but got (low={self.low}, high={self.high})"
            )

    @property
    def worst(self) -> float:
        """The worst value: what an example gets whose answer is missing or cannot be had."""
        return self.low if self.larger_is_better else self.high

    @property
    def mean_high(self) -> float:
        """The largest mean there can be: 1 where scores hold the weights of their examples."""
        return self.high if self.weigh is None else 1.0

    @property
    def model(self) -> str:
        """The model that a metric asks that costs, by the name it has among the study's models, or
        "".
        """
        return self.function.model if isinstance(self.function, Judge) else ""

    def check(self, examples: Iterable[Example]) -> None:
        """See that a metric that runs code can judge these examples, and that there is something to
        hold the code.

        Raises:
            InputError: an example has no test, or this system cannot hold a program.
        """
        if isinstance(self.function, Code):
            unprotected()
            for example in examples:
                self.function.task("", example)

    def try_on(self, example: Example) -> None:
        """See that the metric can judge: it is given what is wanted of an example as if that were
        the answer.

        A metric that costs, or that runs what models write, is not tried.

        Raises:
            InputError: it raised, returned no number or left its bounds.
        """
        if self.costs or self.runs_code:
            return
        target = example.target
        wanted = (
            ""
            if target is None
            else target
            if isinstance(target, str)
            else json.dumps(target, default=str)
        )
        try:
            self.score((wanted,) if self.over_responses else wanted, example)
        except MetricError as error:
            raise InputError(
                f"the metric was tried on one row before anything is bought: {error}"
            ) from error

    def score(self, answer: Answer, example: Example) -> float:
        """The value of an answer; the worst where there is none.

        Raises:
            MetricError: the metric raised, returned no number or left its bounds; names the
            example.
        """
        return self.review(answer, example).value

    def review(self, answer: Answer, example: Example) -> Score:
        """As `score`, with the metric's comment."""
        if self.costs:
            raise TypeError(f"the metric {self.name!r} costs: await judge(answer, example)")
        if answer is None:
            return Score(self.worst, "no answer")
        with reraise_as(MetricError, f"the metric {self.name!r} raised on example {example.id!r}"):
            found = self.function(answer, example)
        return check_score(
            found, metric=self.name, example=example.id, low=self.low, high=self.high
        )

    async def judge(self, answer: str | None, example: Example) -> float:
        """The value of an answer by a metric that may cost; NaN where the judge could not be read.

        Raises:
            MetricError: as `score`.
            ProviderError: the judge could not be asked.
            BudgetExhausted: the verdict's ceiling does not fit.
        """
        if not self.costs or answer is None:
            return self.worst if answer is None else self.score(answer, example)
        score: Score = await self.function(answer, example)
        if math.isnan(score.value):
            return math.nan
        return check_score(
            score, metric=self.name, example=example.id, low=self.low, high=self.high
        ).value

    def bound(self, provider: Provider, *, service: str, model: str = "") -> Metric:
        """This metric with the provider that its judge's calls go through, so that the study's
        ledger meters them.

        Args:
            provider: answers the judge's requests. service: who that is, as in `Request.service`;
            it is part of the identity, so bind before scoring. model: the name that the service has
            for the judge's model, where it is another.
        """
        if not isinstance(self.function, Judge):
            return self
        judge = replace(
            self.function, provider=provider, service=service, model=model or self.function.model
        )
        return _made(judge)


def parse_metric(spec: Any, **options: Any) -> Metric:
    """Read a metric as users give it.

    Args:
        spec: a name of `METRICS`, a callable `(answer, example)` to a bool, a number or a `Score`,
        its name as
            `"module:attribute"`, a `Judge`, a `Code`, a `Metric`, or a table with the `name` and
            the options.
        options: what the metric takes by keyword; for a callable also `name`, `low`, `high` and
            `larger_is_better`, which belong to the metric and are not passed on.

    Raises:
        InputError: there is no such metric, or it does not take such an option.
    """
    if isinstance(spec, Mapping):
        return parse_metric(
            spec.get("name"), **{k: v for k, v in {**spec, **options}.items() if k != "name"}
        )
    if isinstance(spec, str) and ":" in spec:
        return parse_metric(import_object(spec, "metric"), **options)
    if isinstance(spec, str):
        return _built_in(spec, options)
    if isinstance(spec, Metric | Judge | Code):
        if options:
            raise InputError(
                f"a metric that is made already takes no options, but got {sorted(options)}"
            )
        return spec if isinstance(spec, Metric) else _made(spec)
    if not callable(spec):
        raise InputError(
            f"a metric is one of {sorted(METRICS)}, 'module:attribute' or a callable (answer, example), "
            f"but got {spec!r}"
        )
    return _from_callable(spec, options)


def responses_metric(
    function: Callable[..., Mapping[str, Any]],
    key: str = "success",
    *,
    per_response: bool = False,
    oracle: bool | None = None,
    target: str = "",
    low: float = 0.0,
    high: float = 1.0,
    larger_is_better: bool = True,
) -> Metric:
    """A metric of EcoOptiGen's shape, `eval_func(responses, **data) -> dict`.

    Args:
        function: gets the n responses as a list, and every column of the example by keyword. key:
        which entry of its result is the score. per_response: it judges each response by itself, so
        one is passed at a time and n stays free to read off;
            otherwise it needs all n at once, and n has to be bought.
        oracle: whether the score knows the target and picks by it, as `success` does, which is 1
        when any response is
            right. Nobody can deploy that, so each response is judged by itself then, and the oracle
            is only shown. Unless it is said, the function is tried on a few examples.
        target: the name by which the function takes the target; by default that of its column.
        low: the least value it can give.
        high: the largest.
        larger_is_better: False for errors, distances and the like.
    """

    def judge(answer: Answer, example: Example) -> Any:
        responses = [answer] if isinstance(answer, str) else [one or "" for one in answer or ()]
        name = target or example.target_name or "target"
        found = function(responses, **{**example.columns, name: example.target})
        if not isinstance(found, Mapping):
            raise MetricError(
                f"the metric {function.__name__!r} gave {found!r} for example {example.id!r}: a function that takes "
                f"`responses` returns a dict, as in {{{key!r}: True}}"
            )
        if key not in found:
            raise MetricError(
                f"the metric {function.__name__!r} gave {sorted(found)} for example {example.id!r}, but no {key!r}: "
                f"name the entry that is the score with `key`"
            )
        return found[key]

    shape = json.dumps([key, target, per_response, low, high, larger_is_better])
    return Metric(
        name=f"{getattr(function, '__name__', 'responses')}[{key}]",
        identity=f"responses:{fingerprint(function)}{shape}",
        function=judge,
        low=low,
        high=high,
        larger_is_better=larger_is_better,
        over_responses=not per_response,
        oracle=oracle,
        key=key,
    )


def _built_in(name: str, options: Mapping[str, Any]) -> Metric:
    if name not in METRICS:
        raise InputError(
            f"there is no metric {name!r}: there are {sorted(METRICS)}, or give module:attribute"
        )
    function = METRICS[name]
    _check_options(name, function, options)
    if function in (Judge, Code):
        return _made(function(**options))
    if name == "balanced_accuracy" and not options.get("weights"):
        raise InputError(
            "balanced_accuracy needs the weights of the labels: a run finds them in its data"
        )
    if name == "rouge_l":
        texts.rouge_scorer()  # says now, not after the first dollar, that the package is missing
    given = f"({json.dumps(options, sort_keys=True)})" if options else ""
    made = functools.partial(function, **options) if options else function
    if name != "balanced_accuracy":
        return Metric(name, f"{name}{given}", made)
    high = max(1.0, *options["weights"].values())
    weigh = functools.partial(texts.label_weight, **options)
    return Metric(name, f"{name}{given}", made, high=high, weigh=weigh)


def _made(function: Judge | Code) -> Metric:
    if isinstance(function, Code):
        return Metric("code", function.identity, function, runs_code=True)
    return Metric(
        function.name, function.identity, function, low=function.low, high=function.high, costs=True
    )


def _from_callable(function: Callable[..., Any], options: Mapping[str, Any]) -> Metric:
    own = {k: v for k, v in options.items() if k in ("name", "low", "high", "larger_is_better")}
    passed = {k: v for k, v in options.items() if k not in own}
    name = own.pop("name", None) or getattr(function, "__name__", type(function).__name__)
    # An object whose class defines an async __call__ is a coroutine function in disguise.
    method = getattr(function, "__call__", None)  # noqa: B004
    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(method):
        raise InputError(
            f"metric {name!r}: a plain function is wanted, but got a coroutine function"
        )
    if _takes_responses(function):
        return _from_eval_func(function, name, {**passed, **own})
    _check_options(name, function, passed)
    given = functools.partial(function, **passed) if passed else function
    try:
        inspect.signature(given).bind("answer", "example")
    except TypeError as error:
        raise InputError(
            f"metric {name!r}: it is called as metric(answer, example), which it does not take: {error}"
        ) from None
    except ValueError:  # a builtin without a signature
        pass
    return Metric(name, fingerprint(given), given, **own)


def _takes_responses(function: Callable[..., Any]) -> bool:
    """Tell whether a callable has the shape of EcoOptiGen's `eval_func(responses, **data)`."""
    try:
        names = list(inspect.signature(function).parameters)
    except ValueError:  # a builtin without a signature
        return False
    return names[:1] == ["responses"]


def _from_eval_func(function: Callable[..., Any], name: str, options: Mapping[str, Any]) -> Metric:
    """Make a metric of an `eval_func`: it judges one response at a time.

    Given all n responses, the usual `eval_func` says whether any of them is right. Nobody who
    deploys the model can pick that response, so such a score is no quality. One at a time, n and
    the vote stay free to read off.
    """
    known = ("key", "target", "per_response", "oracle", "low", "high", "larger_is_better")
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise InputError(
            f"the metric {name!r} takes the options {sorted(known)}, but got {unknown}"
        )
    return responses_metric(function, **{"per_response": True, **options})


def _check_options(name: str, function: Callable[..., Any], options: Mapping[str, Any]) -> None:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except ValueError:
        return
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return
    # The first two are the answer and the example; a judge and the like are made of options alone.
    known = sorted(
        {p.name for p in (parameters if function in (Judge, Code) else parameters[2:])}
        - {"provider"}
    )
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise InputError(f"the metric {name!r} takes the options {known}, but got {unknown}")
