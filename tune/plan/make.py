"""Making the plan of a run: everything that can be checked is checked before the first dollar."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tune.errors import BudgetError, InputError, SpaceError
from tune.plan.baseline import baseline_record, read_baseline
from tune.plan.default_space import (
    default_answer,
    default_metric,
    default_space,
    find_label_lists,
    with_label_weights,
)
from tune.plan.fixed_settings import fix_settings
from tune.plan.goal import read_goal
from tune.plan.identity import study_identity
from tune.plan.known_models import adapt_space, model_notes
from tune.plan.model_source import is_config_list, read_models
from tune.plan.models import (
    check_price_names,
    find_entries,
    find_prices,
    read_lengths,
)
from tune.plan.notes import data_notes
from tune.plan.options import (
    STRATEGY_FOR_GOAL,
    UNBILLED_SECONDS,
    WARM_STRATEGY,
    Options,
)
from tune.plan.plan import Plan, is_unbilled
from tune.plan.search_space import (
    EMBEDDED,
    LOCAL_MODEL,
    check_aggregates,
    free_dimensions,
    read_space,
    space_record,
    template_fields,
)
from tune.plan.values import as_callable, as_names, look_up, read_json_value
from tune.pricing.prices import Price
from tune.providers.base_url import public_url
from tune.providers.entries import Entry
from tune.providers.openai.served_models import (
    is_nearby,
    offer_models,
    served_models,
)
from tune.search import SEARCHERS
from tune.space import Space
from tune.strategies import STRATEGIES
from tune.task.callables import reraise_as
from tune.task.example import Data
from tune.task.extract import parse_extractor
from tune.task.load import load_data
from tune.task.metrics import Metric, is_oracle, parse_metric, per_response_metric
from tune.task.prompt import Prompt
from tune.task.prompt_spec import parse_prompt, shots_needed
from tune.task.split import Split, split

LABELLED = ("exact_match", "balanced_accuracy", "same_set", "one_of")
"""Metrics that compare an answer with labels: the label is taken out of the text first."""


def make_plan(options: Options) -> Plan:
    """Read and check everything that can be checked before the first dollar.

    Raises:
        InputError: one sentence that says what is wrong, where, and how to fix it.
    """
    # Space files come from other people, too: a value of a wrong kind becomes one sentence.
    with reraise_as(
        SpaceError, "the space, or an option that goes with it, cannot be read"
    ):
        return _make_plan(options)


def without_models(plan: Plan, gone: Collection[str]) -> Plan:
    """Return the plan without models that do not answer.

    A baseline that the user named stays. Otherwise it is the first model that does answer.
    """
    if plan.baseline_given or plan.baseline.model not in gone:
        return plan
    baseline = read_baseline(None, plan.space, plan.prompts, plan.entries)
    return replace(plan, baseline=baseline)


def _make_plan(options: Options) -> Plan:
    task = _read_task(options)
    metric, space = task.metric, task.space
    entries, judge = find_entries(space, metric, task.models, options)
    verifier = as_callable(options.verifier, "verifier")
    # Such a metric sees all n answers at once, so "all" is the only aggregate that fits.
    if metric.over_responses:
        space = space.with_all_answers()
    check_aggregates(space, metric, verifier)
    given = space
    space = fix_settings(space, entries)
    space, left_out = adapt_space(space, entries, is_default=options.space is None)
    # A judge costs money too, so it needs a price like every other model.
    called = [*entries.values(), judge] if judge else [*entries.values()]
    check_price_names(called, options.price)
    prices = find_prices(called, options.price)
    time_limit = options.time_limit
    # Without dollars to spend, only time can end the search.
    if time_limit is None and is_unbilled(prices):
        time_limit = UNBILLED_SECONDS
    # The default depends on the goal: each strategy was measured best for its own.
    strategy = options.strategy or STRATEGY_FOR_GOAL.get(options.goal)
    plan = Plan(
        data=task.data,
        split=task.split,
        space=space,
        prompts=task.prompts,
        metric=metric,
        metric_spec=task.metric_spec,
        extract=parse_extractor(space.answer),
        label_rule=default_answer(task.data),
        verifier=verifier,
        entries=entries,
        judge=judge,
        prices=prices,
        baseline=read_baseline(options.baseline, space, task.prompts, entries),
        baseline_given=options.baseline is not None,
        baseline_cap_given="max_tokens" in baseline_record(options.baseline),
        model_named=task.model_named,
        free=free_dimensions(options, metric),
        budget=_budget(options.budget, prices),
        max_cost=options.max_cost_per_request,
        max_seconds=options.max_seconds_per_request,
        **read_goal(options, metric),
        searcher=look_up(options.searcher, SEARCHERS, "searcher"),
        strategy=look_up(strategy, STRATEGIES, "strategy"),
        seed=options.seed,
        concurrency=options.concurrency,
        time_limit=time_limit,
        min_gain=options.min_gain / 100,
        splits=options.splits,
        trials=options.trials,
        warm_start=_warm_start(options.warm_start, strategy),
        fresh=options.fresh,
        by=_slice_columns(options, task.data),
        keep_going=options.keep_going,
        content=not options.no_content,
        output_tokens=read_lengths(options.output_tokens, entries, task.prompts),
        notes=(
            *data_notes(
                task.data, metric=metric.name, is_default_space=task.is_default_space
            ),
            *left_out,
            *model_notes(entries),
        ),
        # The identity is made of the finished plan, so it is filled in last.
        identity={},
    )
    # By the user's own space: what is known of models changes, and a study stays the same study.
    as_given = replace(
        plan,
        space=given,
        baseline=read_baseline(options.baseline, given, task.prompts),
    )
    identity = study_identity(as_given, replace(options, strategy=strategy))
    return replace(plan, identity=identity)


def _warm_start(given: bool, strategy: object) -> bool:
    """Return whether earlier studies guide the search.

    Raises:
        InputError: the strategy cannot learn from them.
    """
    # A strategy of the user is given them too.
    ours = isinstance(strategy, str) and strategy in STRATEGIES
    if given and ours and strategy != WARM_STRATEGY:
        raise InputError(
            f"--warm-start needs the strategy {WARM_STRATEGY}, but got {strategy}"
        )
    return given


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """The part of a plan that needs no model and no price.

    Attributes:
        models: the entries of the space file.
        is_default_space: the space was made from the data.
    """

    data: Data
    split: Split
    space: Space
    prompts: Mapping[str, Prompt]
    metric: Metric
    metric_spec: Any
    models: Mapping[str, Entry]
    model_named: bool
    is_default_space: bool


def _read_task(options: Options) -> _Task:
    record, base = space_record(options.data, options.space)
    # Columns that only split the data must not be shown in prompts.
    split_columns = [column for column in (options.group, options.split) if column]
    data = load_data(
        EMBEDDED / "reviews.csv" if options.data is None else options.data,
        inputs=as_names(options.input),
        target=options.target,
        fields=template_fields(record, base),
        split_columns=split_columns,
        seed=options.seed,
    )
    is_default_space = record is None
    if record is None:
        record = default_space(data)
    # A Space that was made in Python is used as it is: a round trip could lose a callable.
    space = options.space if isinstance(options.space, Space) else read_space(record)
    table = read_models(record.get("models"), base=base, in_space=True)
    models = as_names(options.model) or _listed_models(options, record, base)
    if not models and options.base_url and not _names_model(record, options):
        raise InputError(_offer(options, options.base_url))
    model_named = bool(models) or space.models != (LOCAL_MODEL,)
    space = space.with_models(models)
    metric_spec = _metric_spec(options, record, data)
    metric = _read_metric(metric_spec, data, options)
    space = _with_answer_rule(space, metric, data)
    parts = split(
        data,
        holdout=options.holdout,
        shots=max(map(shots_needed, space.prompts.values())),
        seed=options.seed,
        group=options.group,
        column=options.split,
    )
    # A metric that raises is a mistake in the user's code: better now than after the first dollar.
    metric.try_on(parts.tuning[0])
    prompts = {
        name: parse_prompt(
            name,
            spec,
            shots=parts.shots,
            base=base,
            target=data.target,
            inputs=data.inputs,
        )
        for name, spec in space.prompts.items()
    }
    for prompt in prompts.values():
        prompt.check(data)
    return _Task(
        data=data,
        split=parts,
        space=space,
        prompts=prompts,
        metric=metric,
        metric_spec=metric_spec,
        models=table,
        # The embedded task names its model in its own space: nobody has to be told of it.
        model_named=model_named or options.data is None,
        is_default_space=is_default_space,
    )


def _names_model(record: Mapping[str, Any], options: Options) -> bool:
    """Tell whether the space names a model."""
    table = record.get("space")
    # The embedded task names its model in its own space. That is nobody's choice.
    is_embedded = options.data is None and options.space is None
    return isinstance(table, Mapping) and "model" in table and not is_embedded


def _offer(options: Options, base_url: str) -> str:
    """Return a sentence for a user who named a server and no model: the server's own, if nearby."""
    names: list[str] = []
    # A server nearby bills nobody for its list. Others are asked only for what the user named.
    if is_nearby(base_url):
        names = served_models(base_url, options.key_env, allow_http=options.allow_http)
    return offer_models(public_url(base_url) or base_url, names)


def _listed_models(
    options: Options, record: Mapping[str, Any], base: Path
) -> tuple[str, ...]:
    """Return the models of a config list, where neither the options nor the space name any."""
    if _names_model(record, options):
        return ()
    if options.models is not None:
        if is_config_list(options.models):
            return tuple(read_models(options.models, options.filter_dict))
    elif is_config_list(record.get("models"), base=base):
        return tuple(read_models(record["models"], base=base, in_space=True))
    return ()


def _metric_spec(options: Options, record: Mapping[str, Any], data: Data) -> Any:
    """Return the metric as it was given: by the option, else by the space file, else a default."""
    given = options.metric
    # On the command line a metric with options is JSON.
    if isinstance(given, str) and given.lstrip().startswith("{"):
        given = read_json_value(given, "the metric")
    return with_label_weights(
        given or record.get("metric") or default_metric(data), data
    )


def _read_metric(spec: Any, data: Data, options: Options) -> Metric:
    metric = parse_metric(spec)
    if metric.identity == "exact_match" and find_label_lists(data):
        raise InputError(
            f"the targets of {data.name!r} are lists of labels, as {data.examples[0].target!r}, "
            f"which the metric exact_match would take for answers of which one is enough: "
            f"--metric same_set wants all of them, and --metric one_of any one"
        )
    # Code that a model wrote runs only if the user said so.
    if metric.runs_code and not options.allow_code:
        raise InputError(
            f"the metric {metric.name!r} runs code that models write: say that it may with "
            f"--allow-code (allow_code=True); it runs in a process of its own, with limits on "
            f"what it can use and reach"
        )
    metric.check(data.examples)
    # An oracle cannot be deployed. As a metric of each answer by itself it can.
    return per_response_metric(metric) if is_oracle(metric, data.examples) else metric


def _with_answer_rule(space: Space, metric: Metric, data: Data) -> Space:
    """Return the space with the usual answer rule for labels, where it has none.

    Without one a whole text is compared with a label, and a label in a sentence counts as wrong.
    """
    is_plain = metric.identity.partition("(")[0] == metric.name
    if space.answer is not None or metric.name not in LABELLED or not is_plain:
        return space
    # A copy: the user's own Space object must not change.
    found = copy.copy(space)
    found.answer = default_answer(data)
    if metric.identity == "one_of" and found.answer is not None:
        # A model often names several labels before it decides. The last one is its answer.
        found.answer = {**found.answer, "which": "last"}
    return found


def _slice_columns(options: Options, data: Data) -> tuple[str, ...]:
    """Return the columns whose values the report shows the quality for.

    Raises:
        DataError: a column is missing.
    """
    columns = as_names(options.by)
    for column in columns:
        # Raises if the column does not exist.
        data.cells(column)
    return columns


def _budget(given: float | None, prices: Mapping[str, Price]) -> float:
    """Return the dollars that may be spent: 0 where every price is 0 and no budget is given.

    Raises:
        BudgetError: no budget is given, and a model has a price.
    """
    if given is not None:
        return float(given)
    if not is_unbilled(prices):
        raise BudgetError(
            "--budget USD is needed: the dollars that are never exceeded, as in --budget 5 "
            "(models whose prices are all 0 need none)"
        )
    return 0.0
