"""What a user asks for, checked once at the door: after this, nothing is a bad input any more."""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from tune.aggregate import deployable, parse_aggregate
from tune.data import Data, Example, Split, load_data, split
from tune.defaults import default_space
from tune.errors import BudgetError, InputError, SpaceError
from tune.extract import Extract, parse_extract, parse_extract_name
from tune.metrics import Metric, parse_metric
from tune.pricing import Price, find_price, parse_price
from tune.prompt import Prompt, parse_prompt, prompt_fields, shots_needed
from tune.providers.services import Entry, public_url, read_entries
from tune.racing import STRATEGIES
from tune.search import SEARCHERS
from tune.space import FREE, Config, Space, read_toml

EMBEDDED = Path(__file__).parent / "tasks" / "reviews"
"""The task that a run without --data works on."""

GOALS = ("quality", "cheapest")
"""What is to be chosen."""

LOCAL_MODEL = "local:smollm2"
"""The model of a run that names none: never a hosted one, whatever keys are in the environment."""


class Options(TypedDict, total=False):
    """The keywords of `tune.tune`, and, with dashes, the flags of `tune.py`.

    Attributes:
        input: columns that fill the templates; default: those that the templates name.
        target: the column that holds what is wanted.
        metric: a name of `tune.metrics.METRICS`, "module:attribute", a callable `(answer, example)`, or a `Metric`.
        model: models by name, instead of the space's.
        models: entries that say where models are: `{name: {model, base_url, key_env, price, ...}}` or a list.
        base_url: an OpenAI-compatible endpoint for models without an entry.
        price: "MODEL=IN/OUT" in dollars per million tokens, or a mapping from model to `Price`.
        max_cost_per_request: dollars that a config may cost per request in production.
        max_seconds_per_request: seconds that it may take.
        goal: "quality", the best under the limits, or "cheapest", the cheapest that is good enough.
        min_quality: the score that is good enough for the goal "cheapest", in the metric's own scale.
        margin: or by how much it may be worse than the baseline (a test of non-inferiority), in the same scale.
        baseline: the config used today, as a mapping, JSON, or a path of a JSON file.
        searcher: proposes paid points; a name of `tune.search.SEARCHERS` or "module:attribute". The default,
            "random", deals values like cards, so that every model and prompt comes early.
        strategy: buys; a name of `tune.racing.STRATEGIES` or "module:attribute".
        free: dimensions that are read off draws rather than bought; () buys every value.
        verifier: for the aggregate "best": a callable `(answer, example) -> float`, or "module:attribute".
        holdout: share of the examples that only the frozen choice and the baseline meet.
        group: a column; rows with the same value are kept on one side of the split.
        seed: decides the split, the order of examples and the search.
        concurrency: the most calls in flight per endpoint.
        time_limit: seconds after which no further call is sent.
        min_gain: points (hundredths of the metric's range); the search ends when the rest of the budget is expected
            to gain less. 0.1 unless said; 0 spends the whole budget.
        trials: the most paid points that are tried.
        results: the folder for this study and its store; default `results/<data>-<fingerprint>`.
        store: where draws are kept; default `draws.db` in the results folder.
        fresh: ignore draws that other studies bought.
        allow_code: let a metric run what models write, in a process of its own with limits (`tune.sandbox`).
    """

    input: Sequence[str] | str
    target: str | None
    metric: Any
    model: Sequence[str] | str
    models: Any
    base_url: str | None
    price: Any
    max_cost_per_request: float | None
    max_seconds_per_request: float | None
    goal: str
    min_quality: float | None
    margin: float | None
    baseline: Any
    searcher: str | Callable[..., Any]
    strategy: str | Callable[..., Any]
    free: Sequence[str]
    verifier: Any
    holdout: float
    group: str | None
    seed: int
    concurrency: int
    time_limit: float | None
    min_gain: float
    trials: int | None
    results: str | Path | None
    store: str | None
    fresh: bool
    allow_code: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A checked order. `identity` is everything that makes it another study when it differs."""

    data: Data
    split: Split
    space: Space
    prompts: Mapping[str, Prompt]
    metric: Metric
    metric_spec: Any
    extract: Extract
    verifier: Callable[[str, Example], float] | None
    entries: Mapping[str, Entry]
    judge: Entry | None
    prices: Mapping[str, Price]
    baseline: Config
    baseline_given: bool
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
    trials: int | None
    fresh: bool
    identity: Mapping[str, Any]

    @property
    def examples(self) -> tuple[Example, ...]:
        """Tuning examples, then the holdout: a position means the same example everywhere."""
        return self.split.tuning + self.split.holdout


def make_plan(data: Any, space: Any, budget: float, options: Options) -> Plan:
    """Check everything that can be checked before the first dollar.

    Args:
        data: anything `tune.data.load_data` reads; None is the embedded task.
        space: a `Space`, a mapping or a TOML file with the tables of a space file; None is a default for the data.
        budget: dollars.

    Raises:
        InputError: one sentence that says what, where, and how to mend it.
    """
    _check_numbers(budget, options)
    unknown = sorted(set(options) - set(Options.__annotations__))
    if unknown:
        raise InputError(f"there is no option {unknown[0]!r}: the options are {sorted(Options.__annotations__)}")
    record, base = _space_record(data, space)
    loaded = load_data(
        EMBEDDED / "reviews.csv" if data is None else data,
        inputs=_names(options.get("input")),
        target=options.get("target"),
        fields=_template_fields(record, base),
    )
    record = default_space(loaded) if record is None else record
    searched = space if isinstance(space, Space) else _read_space(record)
    searched = searched.among(_names(options.get("model")))
    metric_spec = options.get("metric") or record.get("metric") or "exact_match"
    metric = parse_metric(metric_spec)
    if metric.runs_code and not options.get("allow_code"):
        raise InputError(
            f"the metric {metric.name!r} runs code that models write: say that it may with --allow-code "
            f"(allow_code=True); it runs in a process of its own, with limits on what it can use and reach"
        )
    metric.check(loaded.examples)
    parts = split(
        loaded,
        holdout=options.get("holdout", 0.4),
        shots=max(shots_needed(spec) for spec in searched.prompts.values()),
        seed=options.get("seed", 0),
        group=options.get("group"),
    )
    prompts = {
        name: parse_prompt(name, spec, shots=parts.shots, base=base, target=loaded.target)
        for name, spec in searched.prompts.items()
    }
    for prompt in prompts.values():
        prompt.check(loaded)
    entries, judge = _entries(searched, metric, record.get("models"), options)
    prices = _prices([*entries.values(), *([judge] if judge else [])], options.get("price"))
    baseline = read_baseline(options.get("baseline"), searched, prompts)
    free = _free(options, metric)
    verifier = _callable(options.get("verifier"), "verifier")
    _check_aggregates(searched, verifier)
    proposing = options.get("searcher") or "random"
    searcher = _named(proposing, SEARCHERS, "searcher")
    strategy = _named(options.get("strategy", "halving"), STRATEGIES, "strategy")
    limits: dict[str, Any] = {
        "max_cost": options.get("max_cost_per_request"),
        "max_seconds": options.get("max_seconds_per_request"),
    }
    goal = _goal(options, metric)
    identity = {
        "data": loaded.fingerprint,
        "space": searched.to_mapping(),
        "prompts": {name: prompt.identity for name, prompt in prompts.items()},
        "models": {
            e.name: {"model": e.model, "base_url": public_url(e.base_url), "alias": e.alias} for e in entries.values()
        },
        "prices": {name: [price.input, price.output] for name, price in prices.items()},
        "metric": metric.identity,
        "answer": parse_extract_name(searched.answer),
        "baseline": dict(baseline),
        "free": list(free),
        "searcher": _name_of(proposing),
        "strategy": _name_of(options.get("strategy", "halving")),
        "holdout": options.get("holdout", 0.4),
        "group": options.get("group"),
        "seed": options.get("seed", 0),
        "trials": options.get("trials"),
        **limits,
        **({name: value for name, value in goal.items() if value is not None} if goal["goal"] != "quality" else {}),
    }
    return Plan(
        data=loaded,
        split=parts,
        space=searched,
        prompts=prompts,
        metric=metric,
        metric_spec=metric_spec,
        extract=parse_extract(searched.answer),
        verifier=verifier,
        entries=entries,
        judge=judge,
        prices=prices,
        baseline=baseline,
        baseline_given=options.get("baseline") is not None,
        free=free,
        budget=float(budget),
        **limits,
        **goal,
        searcher=searcher,
        strategy=strategy,
        seed=options.get("seed", 0),
        concurrency=options.get("concurrency", 64),
        time_limit=options.get("time_limit"),
        min_gain=options.get("min_gain", 0.1) / 100,
        trials=options.get("trials"),
        fresh=options.get("fresh", False),
        identity=json.loads(json.dumps(identity)),
    )


def _check_numbers(budget: float, options: Options) -> None:
    if isinstance(budget, bool) or not isinstance(budget, int | float) or not 0 < budget < math.inf:
        raise BudgetError(f"the budget is a number of dollars above 0, but got {budget!r}")
    least = options.get("min_gain", 0.0)
    if isinstance(least, bool) or not isinstance(least, int | float) or not 0 <= least <= 100:
        raise InputError(f"min_gain is a number of points, 0 to 100, but got {least!r}")
    for name in ("max_cost_per_request", "max_seconds_per_request", "time_limit", "trials", "concurrency"):
        value = options.get(name)
        if value is not None and not (isinstance(value, int | float) and value > 0):
            raise InputError(f"`{name} > 0` must hold, but got {value!r}")


def _goal(options: Options, metric: Metric) -> dict[str, Any]:
    """What is to be chosen: the best, or the cheapest with a stated quality."""
    goal, least, margin = options.get("goal", "quality"), options.get("min_quality"), options.get("margin")
    if goal not in GOALS:
        raise InputError(f"there is no goal {goal!r}: there are {list(GOALS)}")
    if goal == "quality" and (least is not None or margin is not None):
        raise InputError(
            'min_quality and margin say what is good enough for goal="cheapest", but the goal is "quality"'
        )
    if goal == "cheapest" and (least is None) == (margin is None):
        raise InputError(
            'goal="cheapest" needs either min_quality, a score that is good enough, or margin, by how much it may be '
            f"worse than the baseline, but got min_quality={least!r} and margin={margin!r}"
        )
    if least is not None and not metric.low <= least <= metric.high:
        raise InputError(
            f"min_quality is a score of {metric.name}, {metric.low:g} to {metric.high:g}, but got {least!r}"
        )
    if margin is not None and not 0 < margin < metric.high - metric.low:
        raise InputError(
            f"margin is a difference of scores, above 0 and below {metric.high - metric.low:g}, but got {margin!r}"
        )
    return {"goal": goal, "min_quality": least, "margin": margin}


def _space_record(data: Any, space: Any) -> tuple[dict[str, Any] | None, Path]:
    """The tables of the space, and the folder that its files are relative to."""
    if space is None:
        return (read_toml(EMBEDDED / "space.toml"), EMBEDDED) if data is None else (None, Path())
    if isinstance(space, Space):
        return space.to_mapping(), Path()
    if isinstance(space, Mapping):
        return dict(space), Path()
    return read_toml(space), Path(space).parent


def _template_fields(record: Mapping[str, Any] | None, base: Path) -> frozenset[str]:
    """The columns that the templates name."""
    specs = (record or {}).get("space", {}).get("prompt", {})
    specs = specs if isinstance(specs, Mapping) else {"plain": specs}
    return frozenset[str]().union(*(prompt_fields(spec, base, name=name) for name, spec in specs.items()))


def _read_space(record: Mapping[str, Any]) -> Space:
    """The space of a record; one that names no model has the local one, until flags say otherwise."""
    table = record.get("space")
    if isinstance(table, Mapping) and "model" not in table:
        record = {**record, "space": {**table, "model": [LOCAL_MODEL]}}
    return Space.from_mapping(record)


def _names(value: Sequence[str] | str | None) -> tuple[str, ...]:
    return () if value is None else (value,) if isinstance(value, str) else tuple(value)


def _entries(space: Space, metric: Metric, table: Any, options: Options) -> tuple[dict[str, Entry], Entry | None]:
    """An entry for every model of the space, and for the metric's judge: the user's, else one of that very name."""
    stated = read_entries(table or {}) | read_entries(options.get("models") or {})

    def entry(name: str) -> Entry:
        return stated.get(name) or Entry(name, name, base_url=options.get("base_url"))

    return {name: entry(name) for name in space.models}, entry(metric.model) if metric.costs else None


def _prices(entries: Sequence[Entry], given: Any) -> dict[str, Price]:
    """A price for every model: stated for it, else notional where it runs in process, else published."""
    stated = given if isinstance(given, Mapping) else dict(parse_price(text) for text in _names(given))
    found: dict[str, Price] = {}
    for entry in entries:
        if entry.name in stated or entry.model in stated:
            found[entry.name] = stated.get(entry.name) or stated[entry.model]
        elif entry.price is not None:
            found[entry.name] = entry.price
        elif entry.local:
            from tune.providers.local import NOTIONAL_PRICE

            found[entry.name] = NOTIONAL_PRICE
        else:
            found[entry.name] = find_price(entry.model, {}, base_url=entry.base_url)
    return found


def read_baseline(given: Any, space: Space, prompts: Mapping[str, Prompt]) -> Config:
    """The config that a user has today; without one, the first model and the plainest template at its defaults.

    The plainest template is the one with the fewest characters.

    Raises:
        SpaceError: it names a model or a prompt that the space has not, or cannot be read.
    """
    model = space.models[0]
    plainest = min(prompts, key=lambda name: len(prompts[name].template))
    record: dict[str, Any] = {"model": model, "prompt": plainest} | _baseline_record(given)
    for name, known in (("model", space.models), ("prompt", tuple(prompts))):
        if record[name] not in known:
            raise SpaceError(f"the baseline has the {name} {record[name]!r}, but the space has {list(known)}")
    record.setdefault("max_tokens", space.cap(record))
    if isinstance(record.get("stop"), str):
        record["stop"] = (record["stop"],)
    record["stop"] = tuple(record.get("stop") or space.common_stop(record))
    config = Config(record)
    if config.n < 1 or config.max_tokens < 1:
        raise SpaceError(f"the baseline needs n >= 1 and max_tokens >= 1, but has {config.n} and {config.max_tokens}")
    return config


def _baseline_record(given: Any) -> dict[str, Any]:
    if given is None:
        return {}
    if isinstance(given, Mapping):
        return dict(given)
    text = str(given)
    try:
        if not text.lstrip().startswith("{"):
            text = Path(text).read_text(encoding="utf-8")
        record = json.loads(text)
    except OSError as error:
        raise SpaceError(f"the baseline {str(given)!r} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise SpaceError(f"the baseline {str(given)!r} is no JSON: {error}") from None
    if not isinstance(record, dict):
        raise SpaceError(f"the baseline is a JSON object of settings, but got {record!r}")
    return record.get("config", record) if isinstance(record.get("config", record), dict) else record


def _free(options: Options, metric: Metric) -> tuple[str, ...]:
    """The dimensions that are read off, less those that this metric cannot be read off for."""
    free = _names(options.get("free", FREE))
    wrong = sorted(set(free) - set(FREE))
    if wrong:
        raise InputError(f"only {list(FREE)} can be read off draws already bought, but got free={wrong}")
    if metric.over_responses:
        return tuple(name for name in free if name not in ("n", "aggregate"))
    if metric.costs:
        return tuple(name for name in free if name not in ("max_tokens", "stop"))
    return free


def _check_aggregates(space: Space, verifier: object) -> None:
    for model in space.models:
        domain = space.domain("aggregate", model)
        names = [str(name) for name in domain.values] if domain else []
        for name in names:
            parse_aggregate(name)
        if "best" in names and verifier is None:
            raise SpaceError('the aggregate "best" needs a verifier: a callable (answer, example) -> float')
        if not any(deployable(name) for name in names):
            raise SpaceError('the aggregate "any" is the oracle, which knows the target: add one that can be deployed')


def _named(value: Any, table: Mapping[str, Any], what: str) -> Any:
    if isinstance(value, str) and ":" not in value:
        if value not in table:
            raise InputError(f"there is no {what} {value!r}: there are {sorted(table)}, or give module:attribute")
        return table[value]
    return _callable(value, what)


def _callable(value: Any, what: str) -> Any:
    if isinstance(value, str):
        module, _, attribute = value.partition(":")
        try:
            value = getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise InputError(f"the {what} {module}:{attribute} cannot be imported: {error}") from None
    if value is not None and not callable(value):
        raise InputError(f"the {what} is a callable, but got {value!r}")
    return value


def _name_of(value: Any) -> str:
    return value if isinstance(value, str) else f"{value.__module__}:{value.__qualname__}"
