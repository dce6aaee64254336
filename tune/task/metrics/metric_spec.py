"""Metrics as users give them: by name, as a callable, in EcoOptiGen's shape, or as a table."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any

from tune.errors import InputError, MetricError
from tune.task.callables import fingerprint, import_object, is_async
from tune.task.example import Example
from tune.task.metrics import text_metrics
from tune.task.metrics.code import Code
from tune.task.metrics.judge import Judge
from tune.task.metrics.metric import Metric, metric_of
from tune.task.metrics.score import Answer

METRICS: dict[str, Callable[..., Any]] = {
    "exact_match": text_metrics.exact_match,
    "balanced_accuracy": text_metrics.balanced_accuracy,
    "one_of": text_metrics.exact_match,
    "same_set": text_metrics.same_set,
    "contains": text_metrics.contains,
    "regex": text_metrics.regex,
    "numeric": text_metrics.numeric,
    "json": text_metrics.json_fields,
    "f1": text_metrics.token_f1,
    "rouge_l": text_metrics.rouge_l,
    "judge": Judge,
    "code": Code,
}
"""The built-in metrics by name. Scores are kept under that name: a rule that changes takes a new
one.
"""

_METRIC_OPTIONS = ("name", "low", "high", "larger_is_better")
"""Options of a callable that belong to the metric, and are not passed on."""

_RESPONSES_OPTIONS = (
    "key",
    "target",
    "per_response",
    "oracle",
    "low",
    "high",
    "larger_is_better",
)


def parse_metric(spec: Any, **options: Any) -> Metric:
    """Read a metric as users give it.

    Args:
        spec: a name of `METRICS`, a callable `(answer, example)` to a bool, a number or a `Score`,
            its name as `"module:attribute"`, a `Judge`, a `Code`, a `Metric`, or a table with the
            `name` and the options.
        options: the metric's keywords; for a callable also `name`, `low`, `high` and
            `larger_is_better`, which belong to the metric and are not passed on.

    Raises:
        InputError: the metric is unknown, or does not take an option.
    """
    if isinstance(spec, Mapping):
        merged = {**spec, **options}
        merged.pop("name", None)
        return parse_metric(spec.get("name"), **merged)
    if isinstance(spec, str) and ":" in spec:
        return parse_metric(import_object(spec, "metric"), **options)
    if isinstance(spec, str):
        return _built_in(spec, options)
    if isinstance(spec, Metric | Judge | Code):
        if options:
            raise InputError(
                f"a metric that is made already takes no options, but got {sorted(options)}"
            )
        return spec if isinstance(spec, Metric) else metric_of(spec)
    if not callable(spec):
        raise InputError(
            f"a metric is one of {sorted(METRICS)}, 'module:attribute' "
            f"or a callable (answer, example), but got {spec!r}"
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
    """Return a metric of EcoOptiGen's shape, `eval_func(responses, **data) -> dict`.

    Args:
        function: gets the n responses as a list, and every column of the example by keyword.
        key: the entry of its result that is the score.
        per_response: True where it judges each response by itself: then one is passed at a time,
            and n stays free to read off. Otherwise it needs all n at once, and n has to be bought.
        oracle: True where the score knows the target and picks by it, as `success` does, which is 1
            when any response is right. Nobody can deploy that, so each response is judged by itself
            then, and the oracle is only shown. Unless it is said, the function is tried on a few
            examples.
        target: the name by which the function takes the target; by default that of its column.
        low: the least value it can give.
        high: the largest.
        larger_is_better: False for errors, distances and the like.
    """

    def judge(answer: Answer, example: Example) -> Any:
        if isinstance(answer, str):
            responses = [answer]
        else:
            responses = [response or "" for response in answer or ()]
        # EcoOptiGen passes every column by its name, the target among them.
        name = target or example.target_name or "target"
        found = function(responses, **{**example.columns, name: example.target})
        if not isinstance(found, Mapping):
            raise MetricError(
                f"the metric {function.__name__!r} gave {found!r} for example {example.id!r}: "
                "a function that takes `responses` returns a dict, "
                f"as in {{{key!r}: True}}"
            )
        if key not in found:
            raise MetricError(
                f"the metric {function.__name__!r} gave {sorted(found)} "
                f"for example {example.id!r}, but no {key!r}: "
                "name the entry that is the score with `key`"
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
        _check_complete(name, function, options)
        return metric_of(function(**options))
    if name == "balanced_accuracy" and not options.get("weights"):
        raise InputError(
            "balanced_accuracy needs the weights of the labels: a run finds them in its data"
        )
    if name == "rouge_l":
        # A missing package is told now, not after the first dollar.
        text_metrics.rouge_scorer()
    identity = name
    given = function
    if options:
        identity += f"({json.dumps(options, sort_keys=True)})"
        given = functools.partial(function, **options)
    if name != "balanced_accuracy":
        return Metric(name, identity, given)
    return Metric(
        name=name,
        identity=identity,
        function=given,
        # A right answer of a rare label scores its weight, which may be above 1.
        high=max(1.0, *options["weights"].values()),
        weigh=functools.partial(text_metrics.label_weight, **options),
    )


def _from_callable(function: Callable[..., Any], options: Mapping[str, Any]) -> Metric:
    own: dict[str, Any] = {}
    passed: dict[str, Any] = {}
    for option, value in options.items():
        table = own if option in _METRIC_OPTIONS else passed
        table[option] = value
    default_name = getattr(function, "__name__", type(function).__name__)
    name = own.pop("name", None) or default_name
    if is_async(function):
        raise InputError(
            f"metric {name!r}: a plain function is wanted, but got a coroutine function"
        )
    if _takes_responses(function):
        return _from_eval_func(function, name, {**passed, **own})
    _check_options(name, function, passed)
    given = functools.partial(function, **passed) if passed else function
    try:
        # Before the first row, so that the message is about the call and not about the row.
        inspect.signature(given).bind("answer", "example")
    except TypeError as error:
        raise InputError(
            f"metric {name!r}: it is called as metric(answer, example), "
            f"which it does not take: {error}"
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


def _from_eval_func(
    function: Callable[..., Any],
    name: str,
    options: Mapping[str, Any],
) -> Metric:
    """Return a metric of an `eval_func`: it judges one response at a time.

    Given all n responses, the usual `eval_func` says whether any of them is right. Nobody who
    deploys the model can pick that response, so that score is not a quality. One at a time, n and
    the vote stay free to read off.
    """
    unknown = sorted(set(options) - set(_RESPONSES_OPTIONS))
    if unknown:
        raise InputError(
            f"the metric {name!r} takes the options {sorted(_RESPONSES_OPTIONS)}, but got {unknown}"
        )
    # The user's own options go before the default.
    return responses_metric(function, **{"per_response": True, **options})


def _check_complete(
    name: str, function: Callable[..., Any], options: Mapping[str, Any]
) -> None:
    """Check that the options without a default are there."""
    for parameter in inspect.signature(function).parameters.values():
        needed = parameter.default is parameter.empty
        if needed and parameter.name not in options:
            raise InputError(
                f"the metric {name!r} needs a {parameter.name!r}, as in "
                f'{{"name": "{name}", "{parameter.name}": "..."}}'
            )


def _check_options(
    name: str,
    function: Callable[..., Any],
    options: Mapping[str, Any],
) -> None:
    """Check that a callable takes the options."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except ValueError:  # a builtin without a signature
        return
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return
    # The first two are the answer and the example; a judge and the like are made of options alone.
    if function not in (Judge, Code):
        parameters = parameters[2:]
    # The study hands the provider over; it cannot be written in a file.
    known = {parameter.name for parameter in parameters} - {"provider"}
    unknown = sorted(set(options) - known)
    if unknown:
        raise InputError(
            f"the metric {name!r} takes the options {sorted(known)}, but got {unknown}"
        )
