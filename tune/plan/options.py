"""The options of a run: what they are called, and how those that name a thing are read."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from tune.errors import BudgetError, InputError
from tune.task.callables import import_object


class Options(TypedDict, total=False):
    """The keywords of `tune.tune`, and, with dashes, the flags of `tune.py`.

    Attributes:
        input: columns that fill the templates; default: those that the templates name. target: the
        column that holds what is wanted. metric: a name of `tune.task.metrics.METRICS`,
        "module:attribute", a callable `(answer, example)`, or a `Metric`. model: models by name,
        instead of the space's. models: entries that say where models are: `{name: {model, base_url,
        key_env, price, ...}}` or a list. base_url: an OpenAI-compatible endpoint for models without
        an entry. key_env: the environment variable that holds the key of those models. By default
        OPENAI_API_KEY, which goes to
            the host of OPENAI_BASE_URL, else to OpenAI's, and to this machine; other hosts are
            called without a key.
        allow_http: let a key go unencrypted through networks that are not private. price:
        "MODEL=IN/OUT" in dollars per million tokens, or a mapping from model to `Price`.
        output_tokens: how long answers are expected to be, for the estimate before a run, as long
        as none like them
            was bought: a number of tokens, or "NAME=N" (or a mapping) for a prompt, a model, or
            "MODEL/PROMPT", which goes before both.
        max_cost_per_request: dollars that a config may cost per request in production.
        max_seconds_per_request: seconds that it may take. goal: "quality", the best under the
        limits, "cheapest", the cheapest that is good enough, or "frontier", the
            best at every cost.
        min_quality: the score that is good enough for the goal "cheapest", in the metric's own
        scale. margin: or by how much it may be worse than the baseline (a test of non-inferiority),
        in the same scale. baseline: the config used today, as a mapping, JSON, or a path of a JSON
        file. searcher: proposes paid points; a name of `tune.search.SEARCHERS` or
        "module:attribute". The default,
            "random", deals values like cards, so that every model and prompt comes early.
        strategy: buys; a name of `tune.strategies.STRATEGIES` or "module:attribute". free:
        dimensions that are read off draws rather than bought; () buys every value. verifier: for
        the aggregate "best": a callable `(answer, example) -> float`, or "module:attribute".
        holdout: share of the examples that only the frozen choice and the baseline meet. split: or
        a column that says it of each row: "train" or "tuning", "test" or "holdout", "shots" for
        those that
            few-shot prompts may show.
        group: a column; rows with the same value are kept on one side of the split, and are one
        observation to every
            interval.
        seed: decides the split, the order of examples and the search. concurrency: the most calls
        in flight per endpoint. time_limit: seconds after which no further call of the search is
        sent. Where every price is 0, it takes the
            place of the budget, and is 900 unless said.
        min_gain: points (hundredths of the metric's range); the search ends when the rest of the
        budget is expected
            to gain less. 0.1 unless said; 0 spends the whole budget. Where the goal is the
            cheapest, per cent of what it costs.
        splits: repeated splits of the tuning examples whose spread the report shows; 0 for none.
        They cost nothing. trials: the most paid points that are tried. results: the folder for this
        study and its store; default `results/<data>-<fingerprint>`. store: where draws are kept;
        default `draws.db` in the results folder. fresh: ignore draws that other studies bought.
        quiet: show no progress on standard error. by: columns whose values the report shows the
        quality by; no part of what makes it another study. no_content: keep the texts of examples
        and answers out of the report and the other files that are for reading. keep_going: search
        on though the answers of every prompt are not read rightly. allow_code: let a metric run
        what models write, in a process of its own with limits (`tune.safety.sandbox`).
    """

    input: Sequence[str] | str
    target: str | None
    metric: Any
    model: Sequence[str] | str
    models: Any
    base_url: str | None
    key_env: str | None
    allow_http: bool
    price: Any
    output_tokens: Any
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
    split: str | None
    group: str | None
    seed: int
    concurrency: int
    time_limit: float | None
    min_gain: float
    splits: int
    trials: int | None
    results: str | Path | None
    store: str | None
    fresh: bool
    keep_going: bool
    no_content: bool
    by: Sequence[str] | str
    quiet: bool
    allow_code: bool


def check_options(budget: float | None, options: Options) -> None:
    """Refuse an unknown option and a number that cannot be.

    Raises:
        BudgetError: the budget is no number of dollars above 0.
        InputError: one of the options cannot be.
    """
    is_number = isinstance(budget, int | float) and not isinstance(budget, bool)
    if budget is not None and not (is_number and 0 < budget < math.inf):
        raise BudgetError(f"the budget is a number of dollars above 0, but got {budget!r}")
    least = options.get("min_gain", 0.0)
    if isinstance(least, bool) or not isinstance(least, int | float) or not 0 <= least <= 100:
        raise InputError(f"min_gain is a number of points, 0 to 100, but got {least!r}")
    splits = options.get("splits", 0)
    if isinstance(splits, bool) or not isinstance(splits, int) or not 0 <= splits <= 1000:
        raise InputError(f"splits is a number of repetitions, 0 to 1000, but got {splits!r}")
    for name in (
        "max_cost_per_request",
        "max_seconds_per_request",
        "time_limit",
        "trials",
        "concurrency",
    ):
        value = options.get(name)
        if value is not None and not (isinstance(value, int | float) and value > 0):
            raise InputError(f"`{name} > 0` must hold, but got {value!r}")
    if options.get("split") and options.get("holdout") is not None:
        raise InputError(
            "the column of `split` says which examples are held back: give no `holdout` beside it"
        )
    unknown = sorted(set(options) - set(Options.__annotations__))
    if unknown:
        raise InputError(
            f"there is no option {unknown[0]!r}: the options are {sorted(Options.__annotations__)}"
        )


def as_names(value: Sequence[str] | str | None) -> tuple[str, ...]:
    """One name, several or none, as a tuple."""
    return () if value is None else (value,) if isinstance(value, str) else tuple(value)


def look_up(value: Any, table: Mapping[str, Any], what: str) -> Any:
    """A thing of a table by its name, or a callable of the user's own.

    Raises:
        InputError: the table has no such name, or it is no callable.
    """
    if isinstance(value, str) and ":" not in value:
        if value not in table:
            raise InputError(
                f"there is no {what} {value!r}: there are {sorted(table)}, or give module:attribute"
            )
        return table[value]
    return as_callable(value, what)


def as_callable(value: Any, what: str) -> Any:
    """A callable, given as it is or as "module:attribute"; None stays None.

    Raises:
        InputError: it cannot be imported, or is no callable.
    """
    if isinstance(value, str):
        value = import_object(value, what)
    if value is not None and not callable(value):
        raise InputError(f"the {what} is a callable, but got {value!r}")
    return value


def identity_name(value: Any) -> str:
    """What a thing that may be given by name or as a callable is called in a study's identity."""
    return value if isinstance(value, str) else f"{value.__module__}:{value.__qualname__}"
