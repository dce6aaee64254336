"""Load a tuned configuration so that it answers."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path
from typing import Any, TypeAlias

from tune.errors import BudgetError, InputError, PriceError
from tune.plan.model_source import read_models
from tune.plan.models import published_price
from tune.plan.options import Options
from tune.plan.read_options import stated_options
from tune.pricing.prices import Price
from tune.providers.entries import Entry
from tune.providers.retrying import RetryPolicy
from tune.providers.trusted_hosts import Confirm, confirm_hosts
from tune.runtime.answer import Answer
from tune.runtime.caller import Caller
from tune.runtime.recorded import (
    Given,
    TunedConfig,
    best_path,
    default_store,
    read_config,
)
from tune.runtime.tuned import Keeping, Tuned

REST = 30.0
"""Seconds after which an endpoint that was given up is tried again."""

BEFORE_NEXT = 2
"""Attempts at one call where another entry can be asked instead."""

Paths: TypeAlias = str | Path | Sequence[str | Path]


# A program asks as many calls side by side as a run.
_RUN = Options()


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """Options of `load` that few programs need.

    Attributes:
        verifier: instead of the recorded one: a callable or "module:attribute".
        prompt: the function that makes the prompt, in the same form; not used where the prompt is
            a template.
        base_url: where the model answers now. The recorded key is not sent there.
        key_env: the environment variable with the model's key, instead of the recorded one.
        price: "IN/OUT" in dollars per million tokens, or a `Price`, instead of the recorded one.
        timeout: seconds after which a call is given up.
        attempts: the most attempts at one call; by default 8, and 2 where another entry follows.
        concurrency: the most calls in flight per endpoint.
        store: the file for the daily budget and the cache; by default the study's store where it
            still lies beside the file, else one in its folder.
        allow_import: modules may be imported that the file names.
        allow_http: a key may go unencrypted through networks that are not private.
        allow_host: hosts to which the file may send questions and keys.
        confirm: asks the user about a host that is not among them.
    """

    verifier: Any = None
    prompt: Any = None
    base_url: str | None = None
    key_env: str | None = None
    price: Any = None
    timeout: float | None = None
    attempts: int | None = None
    concurrency: int = _RUN.concurrency
    store: str | Path | None = None
    allow_import: bool = False
    allow_http: bool = False
    allow_host: Collection[str] = ()
    confirm: Confirm | None = None


def load(
    best: Paths,
    config_list: Any = None,
    *,
    accept: Callable[[Answer], bool] | None = None,
    daily_budget: float | None = None,
    cache: bool = False,
    **options: Any,
) -> Tuned:
    """Load the configuration of a `best.json`, ready to answer.

    Nothing is sent yet. Without `daily_budget` and `cache`, nothing is written to the disk.

    Args:
        best: a `best.json`, or the results folder that it is in. Of several, each is tried where
            the one before it fails.
        config_list: where the model is, in place of the recorded endpoint: entries as in AutoGen's
            `config_list`, or the name of a file or an environment variable that holds them; keys in
            it stay in memory. Each is tried where the one before it fails. Those for one model
            share its load.
        accept: takes an answer and tells whether it will do; else the next entry is tried.
        daily_budget: dollars of one day (UTC) that are never exceeded, whatever the number of
            processes that share the store.
        cache: keep draws, and use them again for the same question. Without it each question is
            answered anew.
        options: those of `LoadOptions`.

    Raises:
        InputError: the file cannot be used, there is no key, or an option cannot be.
    """
    given = LoadOptions(**stated_options(LoadOptions, options))
    _check(given, daily_budget, accept)
    paths = _paths(best)
    if not paths:
        raise InputError(
            "there is nothing to load: give a best.json or a results folder"
        )
    tuned: list[TunedConfig] = []
    for path in paths:
        tuned += _configs(path, config_list, given)
    if daily_budget is not None:
        _check_prices(tuned)
    for notice in dict.fromkeys(itertools.chain(*(one.notices for one in tuned))):
        warnings.warn(notice, stacklevel=2)
    callers = []
    for place, one in enumerate(tuned):
        attempts = given.attempts
        if attempts is None and place < len(tuned) - 1:
            attempts = BEFORE_NEXT
        retry = RetryPolicy(rest=REST)
        if attempts is not None:
            retry = replace(retry, attempts=attempts)
        callers.append(Caller(one, concurrency=given.concurrency, retry=retry))
    first = best_path(paths[0]).absolute()
    keeping = Keeping(
        daily_budget=daily_budget,
        cache=cache,
        store=str(given.store or default_store(first)),
        name=f"tuned-{first.parent.name}",
    )
    return Tuned(callers, accept=accept, keeping=keeping)


def _paths(best: Paths) -> list[str | Path]:
    paths = [best] if isinstance(best, str | Path) else best
    is_list = isinstance(paths, Sequence)
    if not is_list or not all(isinstance(path, str | Path) for path in paths):
        raise InputError(
            f"a best.json or a results folder is wanted, or several, but got {best!r}"
        )
    return list(paths)


def _configs(
    path: str | Path, config_list: Any, options: LoadOptions
) -> list[TunedConfig]:
    """Return the configuration of a file, once for each entry of a config list."""
    given = Given(
        verifier=options.verifier,
        prompt=options.prompt,
        base_url=options.base_url,
        price=options.price,
        allow_import=options.allow_import,
        key_env=options.key_env,
        allow_http=options.allow_http,
        allow_host=options.allow_host,
        confirm=options.confirm,
    )
    tuned = read_config(path, given)
    if config_list is None:
        # A host that the user named needs no confirmation.
        if options.base_url is None:
            confirm_hosts(
                [tuned.entry],
                repr(tuned.source),
                allowed=options.allow_host,
                confirm=options.confirm,
                sent="what it is asked",
            )
        return [_with_timeout(tuned, options)]
    found = []
    for entry in read_models(config_list).values():
        price = _price_of(entry, tuned)
        allowed = replace(entry, allow_http=entry.allow_http or options.allow_http)
        one = replace(tuned, entry=allowed, price=price)
        found.append(_with_timeout(one, options))
    if not found:
        raise InputError("config_list has no entry")
    return found


def _price_of(entry: Entry, recorded: TunedConfig) -> Price | None:
    """Return the price of an entry of a config list, or None."""
    if entry.price is not None:
        return entry.price
    was = recorded.entry
    # The recorded model at the place where it was.
    if (entry.model, entry.host) == (was.model, was.host):
        return recorded.price
    try:
        return published_price(entry)
    except PriceError:
        # Only a budget needs one.
        return None


def _with_timeout(tuned: TunedConfig, options: LoadOptions) -> TunedConfig:
    if options.timeout is None:
        return tuned
    return replace(tuned, entry=replace(tuned.entry, timeout=options.timeout))


def _check(options: LoadOptions, daily_budget: Any, accept: Any) -> None:
    numbers = {
        "timeout": options.timeout,
        "attempts": options.attempts,
        "concurrency": options.concurrency,
    }
    for name, value in numbers.items():
        if value is not None and not (_is_number(value) and value > 0):
            raise InputError(f"`{name} > 0` must hold, but got {value!r}")
    if accept is not None and not callable(accept):
        raise InputError(
            f"`accept` is a callable that takes an answer, but got {accept!r}"
        )
    if daily_budget is None:
        return
    # Written so that NaN is refused too.
    if not (_is_number(daily_budget) and 0 < daily_budget < float("inf")):
        raise BudgetError(
            f"the daily budget is a number of dollars above 0, but got {daily_budget!r}"
        )


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _check_prices(tuned: Sequence[TunedConfig]) -> None:
    for one in tuned:
        if one.price is None:
            raise PriceError(
                f"no price of {one.entry.name!r} is known, and a daily budget needs one: "
                'give "price" in its entry'
            )
