"""A new model is out: would it enter the frontier of a finished study?

Only the new model is bought. It is asked in every way in which a config of the frontier is (prompt,
n, cap, stops, aggregate), at its own default settings. A first block holds the examples on which
the frontier's configs differ most. It shows the cost of each way, and how the way compares with
the frontier's configs that cost no more. The best one or two ways go on to the verdict. They meet
other examples, in the study's random order, those of the holdout first. Each answer is paired with
the stored draws of the rivals (`rivals.py`), by bets that may be looked at after every pair
(`rule.py`). A metric that asks a model is paid from the same budget.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tune.errors import BudgetError, InputError, StudyError
from tune.followup.challenge.result import ChallengeResult
from tune.followup.challenge.work import ChallengeWork
from tune.plan.followup_options import ChallengeRates
from tune.plan.make import make_plan
from tune.plan.models import find_prices
from tune.plan.plan import Plan
from tune.plan.read_options import read_options
from tune.pricing.prices import CONFIRMED, Price, parse_price
from tune.providers.entries import Entry, read_entries
from tune.providers.trusted_hosts import confirm_hosts, host_lines
from tune.report import Report
from tune.safety.background import run_apart
from tune.safety.decoration import Decorations
from tune.space import read_toml
from tune.store.journal import read_events
from tune.study.resume import GIVE_THE_SAME, check_identity
from tune.study.study import find_store, recorded_study

MAY_DIFFER = (
    "prices",
    "max_cost_per_request",
    "max_seconds_per_request",
    "goal",
    "min_quality",
    "margin",
    "trials",
)
"""Entries of the study's identity that may be others: they decided nothing about the draws."""

_RATES = ChallengeRates()


def challenge(
    folder: str | Path,
    data: Any = None,
    space: Any = None,
    *,
    model: str,
    budget: float,
    entry: Entry | None = None,
    base_url: str | None = None,
    key_env: str | None = None,
    allow_http: bool = False,
    allow_host: Sequence[str] = (),
    confirm: Callable[[str], bool] | None = None,
    price: Any = None,
    margin: float = _RATES.margin,
    alpha: float = _RATES.alpha,
    beta: float = _RATES.beta,
    notice: Callable[[str], None] = lambda _: None,
    **options: Any,
) -> ChallengeResult:
    """Ask whether a new model would enter the frontier of a finished study.

    Args:
        folder: the study's results folder.
        data: as for the run.
        space: as for the run.
        model: the new model.
        budget: dollars for this question, never exceeded.
        entry: where the new model is; by default its `[models.NAME]` in the space file, else its
            name at `base_url`.
        base_url: an OpenAI-compatible endpoint of the new model.
        key_env: the environment variable with its key, as for the run.
        allow_http: let a key travel unencrypted through networks that are not private.
        allow_host: hosts to which the study's own judge may be sent examples, and the values of
            variables.
        confirm: asks the user about a host that is not among them; returns whether the answer is
            yes.
        price: "IN/OUT" or "MODEL=IN/OUT" of the new model, or a `Price`.
        margin: how much better the model must be to matter, as a share of the metric's range.
        alpha: how often "enters" may be wrong.
        beta: how often "does not enter" may be wrong.
        notice: called with one sentence for whatever a user should be told.
        options: as for the run (`target`, `metric`, `store`, ...).

    Raises:
        InputError: something given cannot be used; nothing was spent.
        TuneError: a call failed for good; what was bought is kept in the store.
    """
    rates = ChallengeRates(margin=margin, alpha=alpha, beta=beta)
    _check_numbers(rates, budget)
    # A notice that cannot be shown must not end a challenge that has already spent money.
    notice = Decorations().around("the display of notices", notice)
    place = Path(folder)
    events = read_events(place / "study.jsonl")
    report = recorded_study(place, events).record
    if report.winner is None:
        raise StudyError(
            f"the study in {str(place)!r} scored nothing: there is no frontier to enter"
        )
    # The store is no option of the plan: the rivals' draws are there already.
    store = options.pop("store", None) or find_store(place)
    plan = _study_plan(events[0]["identity"], report, data, space, options, place)
    asked = entry or _find_entry(model, base_url, key_env, space)
    asked = replace(asked, allow_http=asked.allow_http or allow_http)
    own_price = _find_price(asked, price)
    judges = [plan.judge] if plan.judge else []
    if judges:
        # The folder may come from somebody else, and it says where its judge is.
        confirm_hosts(judges, repr(str(place)), allowed=allow_host, confirm=confirm)
    for line in host_lines([asked, *judges]):
        notice(line)
    work = ChallengeWork(
        plan=plan,
        events=events,
        report=report,
        entry=asked,
        price=own_price,
        store=store,
        budget=budget,
        rates=rates,
        notice=notice,
    )
    return run_apart(work.go())


def _check_numbers(rates: ChallengeRates, budget: float) -> None:
    margin, alpha, beta = rates.margin, rates.alpha, rates.beta
    if not 0 < margin < 1 or not (0 < alpha <= 0.5 and 0 < beta <= 0.5):
        raise InputError(
            f"`0 < margin < 1` and error rates up to 0.5 must hold, but got {margin}, {alpha}, "
            f"{beta}"
        )
    if not 0 < budget < math.inf:
        raise BudgetError(
            f"the budget is a number of dollars above 0, but got {budget!r}"
        )


def _find_price(entry: Entry, given: Any) -> Price:
    """Return the price of the new model: the stated one, else its entry's or the published one."""
    if given is None:
        return find_prices([entry], {})[entry.name]
    stated = given
    if not isinstance(given, Price):
        # The model has one price, so the name before it says nothing.
        _, stated = parse_price(given if "=" in given else f"m={given}")
    return find_prices([entry], {entry.name: stated})[entry.name]


def _find_entry(
    model: str, base_url: str | None, key_env: str | None, space: Any
) -> Entry:
    """Return where the new model is: as the space file says, else by its own name."""
    table: Mapping[str, Any] = {}
    if isinstance(space, str | Path):
        table = read_toml(space)
    elif isinstance(space, Mapping):
        table = space
    entry = read_entries(table.get("models", {})).get(model, Entry(model, model))
    if base_url is not None:
        # A key of the entry is meant for the entry's own host.
        entry = replace(entry, base_url=base_url, alias=None, key_env=None, headers={})
    return entry if key_env is None else replace(entry, key_env=key_env)


def _study_plan(
    identity: Mapping[str, Any],
    report: Report,
    data: Any,
    space: Any,
    options: dict[str, Any],
    place: Path,
) -> Plan:
    """Return the study's own plan, with the models, the judge and the prices that it recorded."""
    listed = dict(identity["models"])
    judge = report.deployment_record.get("judge")
    if judge is not None:
        # The judge is in the deployment record, because it is no model of the space.
        listed[judge["name"]] = _without(judge, "name", "price")
    models = {}
    for name, entry in listed.items():
        models[name] = {key: value for key, value in entry.items() if value is not None}
    prices = {}
    for name, rates in identity["prices"].items():
        prices[name] = _recorded_price(rates)
    given = {
        **options,
        "data": data,
        "space": space,
        # Any budget does: the plan only says how to read the study.
        "budget": 1.0,
        "model": list(identity["models"]),
        "models": models,
        "price": prices,
    }
    plan = make_plan(read_options(**given))
    check_identity(
        identity, plan.identity, place, besides=MAY_DIFFER, remedy=GIVE_THE_SAME
    )
    return plan


def _without(record: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in names}


def _recorded_price(rates: Sequence[float]) -> Price:
    """Return a price of a study's identity: in, out, and the fee of a request where it has one."""
    return Price(rates[0], rates[1], request=sum(rates[2:]), source=CONFIRMED)
