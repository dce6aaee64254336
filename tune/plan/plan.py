"""What a user asks for, checked once at the door: after this, nothing is a bad input any more."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tune.errors import BudgetError, InputError, SpaceError
from tune.plan.baseline import read_baseline
from tune.plan.default_space import (
    default_answer,
    default_metric,
    default_space,
    find_label_lists,
    with_label_weights,
)
from tune.plan.goal import read_goal
from tune.plan.models import find_entries, find_prices, read_lengths
from tune.plan.notes import data_notes
from tune.plan.options import Options, as_callable, as_names, check_options, identity_name, look_up
from tune.plan.search_space import (
    EMBEDDED,
    LOCAL_MODEL,
    check_aggregates,
    free_dimensions,
    read_space,
    space_record,
    template_fields,
)
from tune.pricing.prices import Price
from tune.providers.base_url import public_url
from tune.providers.entries import Entry
from tune.search import SEARCHERS
from tune.space import Config, Point, Space
from tune.strategies import STRATEGIES
from tune.task.callables import reraise_as
from tune.task.example import Data, Example
from tune.task.extract import Extractor, extractor_identity, parse_extractor
from tune.task.load import load_data
from tune.task.metrics import Metric, is_oracle, parse_metric, per_response_metric
from tune.task.prompt import Prompt
from tune.task.prompt_spec import parse_prompt, shots_needed
from tune.task.split import Split, split

LABELLED = ("exact_match", "balanced_accuracy", "same_set", "one_of")
"""Metrics that compare an answer with labels: a label must be taken out of the text first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A checked order. `identity` is everything that makes it another study when it differs."""

    data: Data
    split: Split
    space: Space
    prompts: Mapping[str, Prompt]
    metric: Metric
    metric_spec: Any
    extract: Extractor
    verifier: Callable[[str, Example], float] | None
    entries: Mapping[str, Entry]
    judge: Entry | None
    prices: Mapping[str, Price]
    baseline: Config
    baseline_given: bool
    model_named: bool
    free: tuple[str, ...]
    budget: float
    max_cost: float | None
    max_seconds: float | None
    goal: str
    min_quality: float | None
    margin: float | None
    searcher: Callable[..., Any]
    strategy: Callable[..., Any]
    seed: int
    concurrency: int
    time_limit: float | None
    min_gain: float
    splits: int
    trials: int | None
    fresh: bool
    keep_going: bool
    content: bool
    by: tuple[str, ...]
    output_tokens: Mapping[str, float]
    notes: tuple[str, ...]
    identity: Mapping[str, Any]

    @property
    def unbilled(self) -> bool:
        """Whether every price is 0: then nobody pays, and the search spends seconds instead of
        dollars.
        """
        return _unbilled(self.prices)

    @property
    def examples(self) -> tuple[Example, ...]:
        """Tuning examples, then the holdout: a position means the same example everywhere."""
        return self.split.tuning + self.split.holdout

    @property
    def called_entries(self) -> tuple[Entry, ...]:
        """Every model that is called: those of the space, and the judge of the metric."""
        return (*self.entries.values(), *([self.judge] if self.judge else []))

    @property
    def baseline_point(self) -> Point:
        """The baseline as a paid point, so that the search has it in the race where the space has
        it too.
        """
        return Point(
            {name: value for name, value in self.baseline.items() if name not in self.free}
        )


FREE_SECONDS = 900.0
"""The time limit of a search that nobody is billed for, unless another is said."""


def _unbilled(prices: Mapping[str, Price]) -> bool:
    return all(price.is_zero for price in prices.values())


def _budget(given: float | None, prices: Mapping[str, Price]) -> float:
    """The dollars that may be spent; none are where nobody is billed and none are given.

    Raises:
        BudgetError: none are given, and somebody is billed.
    """
    if given is not None:
        return float(given)
    if not _unbilled(prices):
        raise BudgetError(
            "--budget USD is needed: the dollars that are never exceeded, as in --budget 5 "
            "(models whose prices are all 0 need none)"
        )
    return 0.0


def make_plan(data: Any, space: Any, budget: float | None, options: Options) -> Plan:
    """Check everything that can be checked before the first dollar.

    Args:
        data: anything `tune.task.load.load_data` reads; None is the embedded task. space: a
        `Space`, a mapping or a TOML file with the tables of a space file; None is a default for the
        data. budget: dollars; None only where every price is 0.

    Raises:
        InputError: one sentence that says what, where, and how to mend it.
    """
    # Space files come from others, too: what is of another kind than it should be is one sentence.
    with reraise_as(SpaceError, "the space, or an option that goes with it, cannot be read"):
        return _make_plan(data, space, budget, options)


def _make_plan(data: Any, space: Any, budget: float | None, options: Options) -> Plan:
    check_options(budget, options)
    record, base = space_record(data, space)
    loaded = load_data(
        EMBEDDED / "reviews.csv" if data is None else data,
        inputs=as_names(options.get("input")),
        target=options.get("target"),
        fields=template_fields(record, base),
        split_columns=[column for column in (options.get("group"), options.get("split")) if column],
    )
    is_default_space = record is None
    record = default_space(loaded) if record is None else record
    searched = space if isinstance(space, Space) else read_space(record)
    model_named = bool(as_names(options.get("model"))) or searched.models != (LOCAL_MODEL,)
    searched = searched.with_models(as_names(options.get("model")))
    metric_spec = with_label_weights(
        options.get("metric") or record.get("metric") or default_metric(loaded), loaded
    )
    metric = _metric(metric_spec, loaded, options)
    searched = _with_answer(searched, metric, loaded)
    parts = split(
        loaded,
        holdout=options.get("holdout", 0.4),
        shots=max(shots_needed(spec) for spec in searched.prompts.values()),
        seed=options.get("seed", 0),
        group=options.get("group"),
        column=options.get("split"),
    )
    metric.try_on(parts.tuning[0])
    prompts = {
        name: parse_prompt(name, spec, shots=parts.shots, base=base, target=loaded.target)
        for name, spec in searched.prompts.items()
    }
    for prompt in prompts.values():
        prompt.check(loaded)
    entries, judge = find_entries(searched, metric, record.get("models"), options)
    verifier = as_callable(options.get("verifier"), "verifier")
    if metric.over_responses:
        searched = searched.with_all_answers()
    check_aggregates(searched, metric, verifier)
    prices = find_prices([*entries.values(), *([judge] if judge else [])], options.get("price"))
    plan = Plan(
        data=loaded,
        split=parts,
        space=searched,
        prompts=prompts,
        metric=metric,
        metric_spec=metric_spec,
        extract=parse_extractor(searched.answer),
        verifier=verifier,
        entries=entries,
        judge=judge,
        prices=prices,
        baseline=read_baseline(options.get("baseline"), searched, prompts),
        baseline_given=options.get("baseline") is not None,
        model_named=model_named or data is None,
        free=free_dimensions(options, metric),
        budget=_budget(budget, prices),
        max_cost=options.get("max_cost_per_request"),
        max_seconds=options.get("max_seconds_per_request"),
        **read_goal(options, metric),
        searcher=look_up(options.get("searcher") or "random", SEARCHERS, "searcher"),
        strategy=look_up(_strategy(options), STRATEGIES, "strategy"),
        seed=options.get("seed", 0),
        concurrency=options.get("concurrency", 64),
        time_limit=options.get("time_limit") or (FREE_SECONDS if _unbilled(prices) else None),
        min_gain=options.get("min_gain", 0.1) / 100,
        splits=options.get("splits", 0),
        trials=options.get("trials"),
        fresh=options.get("fresh", False),
        by=_slices(options, loaded),
        keep_going=options.get("keep_going", False),
        content=not options.get("no_content", False),
        output_tokens=read_lengths(options.get("output_tokens"), entries, prompts),
        notes=data_notes(loaded, metric=metric.name, is_default_space=is_default_space),
        identity={},
    )
    return replace(plan, identity=json.loads(json.dumps(_identity(plan, options))))


def _slices(options: Options, data: Data) -> tuple[str, ...]:
    """The columns that quality is shown by.

    Raises:
        DataError: there is no such column.
    """
    columns = as_names(options.get("by"))
    for column in columns:
        data.cells(column)
    return columns


def _with_answer(space: Space, metric: Metric, data: Data) -> Space:
    """The space with the usual answer rule where it has none: a label in a sentence equals no label
    as a whole text.
    """
    if (
        space.answer is not None
        or metric.name not in LABELLED
        or metric.identity.partition("(")[0] != metric.name
    ):
        return space
    found = copy.copy(space)
    found.answer = default_answer(data)
    if metric.identity == "one_of" and found.answer is not None:
        found.answer = {**found.answer, "which": "last"}
    return found


def without_models(plan: Plan, aside: Collection[str]) -> Plan:
    """The plan without models that do not answer: where no baseline was given, it is the first that
    does.
    """
    if plan.baseline_given or plan.baseline.model not in aside:
        return plan
    return replace(plan, baseline=read_baseline(None, plan.space, plan.prompts))


def _metric(spec: Any, data: Data, options: Options) -> Metric:
    metric = parse_metric(spec)
    if metric.identity == "exact_match" and find_label_lists(data):
        raise InputError(
            f"the targets of {data.name!r} are lists of labels, as {data.examples[0].target!r}, which the metric "
            f"exact_match would take for answers of which one is enough: --metric same_set wants all of them, and "
            f"--metric one_of any one"
        )
    if metric.runs_code and not options.get("allow_code"):
        raise InputError(
            f"the metric {metric.name!r} runs code that models write: say that it may with --allow-code "
            f"(allow_code=True); it runs in a process of its own, with limits on what it can use and reach"
        )
    metric.check(data.examples)
    return per_response_metric(metric) if is_oracle(metric, data.examples) else metric


def _strategy(options: Options) -> Any:
    """The strategy that was asked for, else the one that suits the goal."""
    suited = "halving" if options.get("goal") == "cheapest" else "knowledge_gradient"
    return options.get("strategy") or suited


def _rates(price: Price) -> list[float]:
    return [price.input, price.output, *([price.request] if price.request else [])]


def _identity(plan: Plan, options: Options) -> dict[str, Any]:
    """Everything that makes it another study when it differs."""
    goal = {"goal": plan.goal, "min_quality": plan.min_quality, "margin": plan.margin}
    return {
        "data": plan.data.fingerprint,
        "space": plan.space.to_mapping(),
        "prompts": {name: prompt.identity for name, prompt in plan.prompts.items()},
        "models": {
            e.name: {"model": e.model, "base_url": public_url(e.base_url), "alias": e.alias}
            for e in plan.entries.values()
        },
        "prices": {name: _rates(price) for name, price in plan.prices.items()},
        "metric": plan.metric.identity,
        "answer": extractor_identity(plan.space.answer),
        "baseline": dict(plan.baseline),
        "free": list(plan.free),
        "searcher": identity_name(options.get("searcher") or "random"),
        "strategy": identity_name(_strategy(options)),
        "holdout": options.get("split") or options.get("holdout", 0.4),
        "group": options.get("group"),
        "seed": plan.seed,
        "trials": plan.trials,
        "max_cost": plan.max_cost,
        "max_seconds": plan.max_seconds,
        **(
            {name: value for name, value in goal.items() if value is not None}
            if plan.goal != "quality"
            else {}
        ),
    }
