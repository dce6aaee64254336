"""Build the report of a run: estimates become intervals. Nothing is bought here."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from tune.errors import QuotaExhausted
from tune.export import Deployment, not_deployable_note, single_answer_note
from tune.plan.answer_forecast import estimate_rows
from tune.plan.long_answers import first_forecasts
from tune.plan.plan import Plan
from tune.pricing.prices import to_dollars
from tune.providers.base_url import public_url
from tune.readout import Reading
from tune.readout.outcomes import Outcomes
from tune.readout.trial import Trial
from tune.report import (
    Money,
    PriceLine,
    PromptText,
    Provenance,
    Report,
    ReportConfig,
    SearchAnswers,
    TrialRow,
    Uncertain,
)
from tune.report.private import without_content
from tune.report.text import dollars
from tune.result.bought_answers import count_bought
from tune.result.error_analysis import find_failing
from tune.result.evidence import Evidence
from tune.result.frontier import FEW_SHARE, frontier
from tune.result.notices import notices
from tune.result.pass_at_k import pass_at_k
from tune.result.repeated_splits import repeated_splits
from tune.result.rows import ReportRows, count_for
from tune.result.savings import costs_of_readings
from tune.runtime.deployment_record import deployment_record
from tune.safety.decoration import Decorations
from tune.space import Config
from tune.stats.alpha_spending import count_analyses
from tune.strategies import Selection
from tune.strategies.stopping import chance_of_change
from tune.study.record import RunRecord
from tune.study.stop_reasons import (
    ENOUGH,
    FINISHED,
    INTERRUPTED,
    LOST,
    PAUSES,
    QUOTA,
    UNREAD,
)
from tune.study.unread import find_unread

STOPPED = {
    FINISHED: "the search was done",
    "money": "the money for the search was used up",
    "time": "the time limit was reached",
    "trials": "the limit of trials was reached",
    UNREAD: "the answers are not read rightly; --keep-going (keep_going=True) goes on all the same",
    INTERRUPTED: "it was interrupted; the same command resumes it",
}
"""Why a run ended, in words."""


def build_report(
    record: RunRecord,
    run_notices: Collection[str] = (),
    decorations: Decorations | None = None,
) -> Report:
    """Build the report of a run, without the texts of examples if the user wants none in it.

    Args:
        record: what the run found.
        run_notices: sentences that the user was run_notices; what `decorations` tells may be added
            meanwhile.
        decorations: keeps faults of what only explains the result from ending it.
    """
    report = _build(record, run_notices, decorations or Decorations())
    return report if record.plan.content else without_content(report)


def _build(
    record: RunRecord, run_notices: Collection[str], decorations: Decorations
) -> Report:
    plan, carried = record.plan, record.single_answer
    # Half a holdout is not looked at: the same command completes it, and a look that is not taken
    # costs nothing.
    met = {} if record.stopped in PAUSES else dict(record.holdout)
    choice = record.selection.tested(met) if record.selection else None
    evidence = Evidence(
        plan, count_analyses(record.events, plan.baseline) if met else 1
    )
    rows = ReportRows(record, evidence, met, decorations)
    winner = rows.winner(choice) if choice else None
    keeps = _keeps_limit(plan, choice.shown, winner) if choice and winner else None
    if keeps is False:
        carried = None
    single = (
        rows.row("one answer", carried)
        if carried and winner and carried.config != winner.config
        else None
    )
    label, share = decorations.attempt(
        "the line of the majority class", lambda: _majority_class(record), ("", None)
    )
    read_cost, readings_cost = decorations.attempt(
        "the price of the readings", lambda: costs_of_readings(record), (None, None)
    )
    return Report(
        money=_money(record),
        provenance=_provenance(record),
        winner=winner,
        baseline=rows.baseline(),
        baseline_given=plan.baseline_given,
        deployable=single,
        deployable_note=_deployable_note(plan, winner, single, carried),
        runners_up=tuple(rows.runners_up(choice) if choice else ()),
        difference=rows.difference(choice.shown) if choice else None,
        detectable=evidence.detectable(choice.shown.config, plan.baseline, met)
        if choice
        else None,
        look=evidence.look,
        confidence=evidence.confidence,
        majority_score=share,
        majority_class=label,
        larger_is_better=plan.metric.larger_is_better,
        max_cost=plan.max_cost,
        max_seconds=plan.max_seconds,
        keeps_limit=keeps,
        min_quality=plan.min_quality,
        margin=plan.margin,
        template=_template(record, choice.shown.config) if choice else None,
        deployment_record=_deployment_record(plan, choice.shown, met) if choice else {},
        answer=_answer(record),
        frontier=tuple(_frontier(record, rows, met, choice)),
        trials=tuple(
            _trial_row(record, trial, evidence, decorations)
            for trial in record.trials.values()
        ),
        draws_bought=sum(model.bought for model in record.models.values()),
        draws_reused=sum(model.reused for model in record.models.values()),
        unread=decorations.attempt(
            "the look at answers that are not read",
            lambda: find_unread(plan, record.reader, record.trials),
            (),
        ),
        unread_stop=record.stopped == UNREAD,
        failing=decorations.attempt(
            "the look at where it fails",
            lambda: find_failing(record, choice, met, evidence),
            None,
        ),
        bought=decorations.attempt(
            "the counts of all answers", lambda: count_bought(record), SearchAnswers()
        ),
        readings=len(record.readings),
        read_cost=read_cost,
        readings_cost=readings_cost,
        prices=tuple(
            PriceLine(name, p.input, p.output, p.source, p.date, p.matched, p.request)
            for name, p in plan.prices.items()
        ),
        estimate=decorations.attempt(
            "the estimate beside what happened",
            lambda: estimate_rows(
                first_forecasts(record.events), record.trials, plan.prices
            ),
            (),
        ),
        unanswerable=dict(Counter(model for model, _ in record.unanswerable)),
        stopped=_why(record, decorations),
        interrupted=record.stopped in PAUSES,
        run_notices=tuple(run_notices),
        pass_at_k=decorations.attempt(
            "pass@k", lambda: pass_at_k(record, choice, evidence), ()
        )
        if choice
        else (),
        repeats=decorations.attempt(
            "the repeated splits", lambda: repeated_splits(record, plan.splits), None
        ),
        notices=_notices(
            replace(record, selection=choice), evidence, run_notices, decorations
        ),  # last: they name what failed
    )


def _notices(
    record: RunRecord,
    evidence: Evidence,
    run_notices: Collection[str],
    decorations: Decorations,
) -> tuple[str, ...]:
    """Return the notices; if they cannot be made, the ones from the run."""
    said = decorations.attempt(
        "the notices", lambda: notices(record, evidence, run_notices, decorations), None
    )
    return tuple(run_notices if said is None else said)


def _keeps_limit(plan: Plan, choice: Reading, row: ReportConfig) -> bool | None:
    """Return True if the selection keeps the limits on cost and seconds; None without limits.

    It keeps them if its means on tuning examples do, and if the holdout does not show the opposite:
    there, the whole interval of the cost would lie above the limit.
    """
    if plan.max_cost is None and plan.max_seconds is None:
        return None
    over_cost = plan.max_cost is not None and (
        choice.cost > plan.max_cost
        or (row.cost is not None and row.cost.low > plan.max_cost)
    )
    over_seconds = (
        plan.max_seconds is not None and choice.mean_seconds > plan.max_seconds
    )
    return not (over_cost or over_seconds)


def _deployable_note(
    plan: Plan,
    winner: ReportConfig | None,
    single: ReportConfig | None,
    carried: Reading | None,
) -> str:
    """Return what agents lose against the winner, or why they can use no configuration.

    It is "" if agents can use the winner.
    """
    if winner is None:
        return ""
    if single is not None:
        return single_answer_note(winner, single)
    if carried is not None:
        return ""
    return not_deployable_note(
        winner.config, raw=plan.prompts[winner.config.prompt].raw
    )


def _deployment_record(
    plan: Plan, choice: Reading, met: Mapping[Config, Reading]
) -> dict[str, Any]:
    """Return the deployment record of the selection, with the scores behind its quality."""
    tested = met.get(choice.config, choice)
    return deployment_record(plan, tested.config, tested.scores)


def deploy(record: RunRecord, report: Report) -> Deployment | None:
    """Return the configuration that agents can use; None if none keeps the limits."""
    if record.single_answer is None or report.keeps_limit is False:
        return None
    config = record.single_answer.config
    entry, prompt = (
        record.plan.entries[config.model],
        record.plan.prompts[config.prompt],
    )
    return Deployment(
        config=config,
        model=entry.model,
        price=record.plan.prices[config.model],
        base_url=public_url(entry.base_url),
        key_env=entry.key_variable or "",
        system_message=prompt.system_message,
        template=prompt.template,
        raw=prompt.raw,
        local=entry.local,
    )


def _why(record: RunRecord, decorations: Decorations) -> str:
    """Return why the run ended; if it kept money, also what more of it would have done."""
    if record.stopped in (QUOTA, LOST):
        return _why_paused(record)
    if record.stopped != ENOUGH:
        return STOPPED[record.stopped]
    points = 100 * record.plan.min_gain
    more, more_said = (
        (1.0, "$1") if record.time is None else (60 * record.time.width, "minute")
    )
    chance = decorations.attempt(
        "the chance of another choice",
        lambda: chance_of_change(record.problem, record.weighed, more),
        None,
    )
    little = (
        f"save less than {points:g} %"
        if record.plan.goal == "cheapest"
        else f"gain less than {points:g} points (of 100)"
    )
    kept = (
        f"the rest of the {'money' if record.time is None else 'time'} was expected to {little}, "
        "so it was kept"
    )
    if chance is None:
        return kept
    shown = "less than 1 %" if chance < 0.01 else f"{100 * chance:.0f} %"
    what = (
        "a choice on the frontier" if record.plan.goal == "frontier" else "the choice"
    )
    return f"{kept}: another {more_said} has a chance of {shown} to change {what}"


def _why_paused(record: RunRecord) -> str:
    """Return the outside fault that ended the run, in the service's words, and when to resume."""
    fault = record.fault
    if isinstance(fault, QuotaExhausted):
        return f"a quota is used up ({fault}): {fault.advice}"
    return f"no model is left that answers ({fault}): the same command goes on when that is mended"


def _majority_class(record: RunRecord) -> tuple[str, float | None]:
    """Return the most frequent target of the holdout, and the score of always answering it.

    It is empty unless the targets are a few labels.
    """
    holdout = record.plan.split.holdout
    counts = Counter(
        str(example.target) for example in holdout if example.target is not None
    )
    if (
        not counts
        or len(counts) > len(holdout) / 2
        or record.plan.metric.costs
        or record.plan.metric.over_responses
    ):
        return "", None
    label = counts.most_common(1)[0][0]
    first = len(record.plan.split.tuning)
    return label, float(
        np.mean(
            [record.reader.scores.of(label, first + i) for i in range(len(holdout))]
        )
    )


def _frontier(
    record: RunRecord,
    rows: ReportRows,
    met: Mapping[Config, Reading],
    choice: Selection | None,
) -> list[ReportConfig]:
    """Return the rows of the frontier, with those on few examples marked."""
    enough = max(1.0, FEW_SHARE * choice.reading.n_examples) if choice else 1.0
    readings = [
        reading
        for standing in record.standings.values()
        for reading in standing.whole()
    ]
    if rows.searched is not None:
        readings = [
            reading for reading in readings if reading.config != record.plan.baseline
        ] + [rows.searched]
    shown = {(reading.trial, reading.config): reading for reading in readings}
    found = frontier(
        list(map(record.weigh, readings)),
        {config: record.weigh(reading) for config, reading in met.items()},
        baseline=record.plan.baseline,
        enough=enough,
        larger_is_better=record.plan.metric.larger_is_better,
    )
    as_shown = [shown[reading.trial, reading.config] for reading in found]
    return [
        rows.frontier_row(reading, few=reading.n_examples < enough)
        for reading in as_shown
    ]


def _money(record: RunRecord) -> Money:
    money, balance = record.money, record.money.balance
    left = balance.budget - balance.spent
    return Money(
        budget=to_dollars(balance.budget),
        spent=to_dollars(balance.spent),
        spent_now=to_dollars(money.spent_now),
        settled=to_dollars(balance.settled),
        uncertain=to_dollars(balance.uncertain),
        left=to_dollars(left),
        left_reason=_why_left(record) if left > 0 else "",
        overshoot=to_dollars(balance.overshoot),
        notional=any(price.notional for price in record.plan.prices.values()),
        seconds=None if record.time is None else record.time.elapsed,
        reasons=tuple(
            Uncertain(reason, calls, to_dollars(cost))
            for reason, calls, cost in money.uncertain
        ),
    )


def _why_left(record: RunRecord) -> str:
    """Why the search did not buy more, although money is left; "" where nothing is to be said."""
    if record.selection is None:
        return "nothing was scored that more money could be spent on"
    if record.stopped == FINISHED:
        return "it was kept for telling finalists apart and for the holdout, which needed less"
    if record.stopped != "money":
        return ""
    money = record.money
    kept = (
        f"{dollars(to_dollars(money.holdout_reserve))} were kept for the holdout, which took "
        f"{dollars(to_dollars(money.holdout_spent))}"
    )
    short = money.shortage
    if short is None:  # an earlier process came to the end of the money
        return f"a call is only sent when the most it can cost fits, and {kept}"
    return (
        f"the next call of the search could cost up to {dollars(to_dollars(short.needed))}, "
        f"{dollars(to_dollars(short.left))} were left for it, and {kept}"
    )


def _provenance(record: RunRecord) -> Provenance:
    plan = record.plan
    goal = "best quality"
    if plan.goal == "frontier":
        goal = f"the best quality at every {'speed' if plan.unbilled else 'cost'}"
    cheapest = "the fastest" if plan.unbilled else "the cheapest"
    if plan.min_quality is not None:
        bound = "at least" if plan.metric.larger_is_better else "at most"
        goal = f"{cheapest} with a score of {bound} {plan.min_quality:g}"
    elif plan.margin is not None:
        goal = f"{cheapest} that is not worse than the baseline by more than {plan.margin:g}"
    if plan.max_cost is not None:
        goal += f" under ${plan.max_cost:g} per request"
    if plan.max_seconds is not None:
        goal += f" within {plan.max_seconds:g} s per request"
    return Provenance(
        date=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        version=version("tune-llm"),
        seed=plan.seed,
        data=plan.data.name,
        fingerprint=plan.data.fingerprint,
        tuning=len(plan.split.tuning),
        holdout=len(plan.split.holdout),
        shots=len(plan.split.shots),
        metric=plan.metric.name,
        goal=goal,
        search=f"{plan.identity['searcher']}, {plan.identity['strategy']}",
        versions={name: found for name in _PACKAGES if (found := _version(name))},
    )


_PACKAGES = ("numpy", "openai", "flaml", "optuna", "openvino-genai", "genai-prices")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _template(record: RunRecord, config: Config) -> PromptText:
    prompt = record.plan.prompts[config.prompt]
    source = prompt.source
    return PromptText(
        name=prompt.name,
        text=prompt.template,
        system_message=prompt.system_message,
        messages=() if isinstance(source, str) else source,
    )


def _answer(record: RunRecord) -> str:
    return str(record.plan.identity["answer"])


def _trial_row(
    record: RunRecord, trial: Trial, evidence: Evidence, decorations: Decorations
) -> TrialRow:
    standing = record.standings[trial.number]
    best = standing.best(record.problem)
    weighed = record.weighed[trial.number] if record.time is not None else None
    return TrialRow(
        number=trial.number,
        point=trial.point,
        state=trial.state,
        reason=trial.reason,
        examples=len(trial.draws),
        draws=trial.bought,
        unanswered=len(trial.unanswered),
        spent=standing.spent_per_draw * trial.bought,
        best=best.config if best else None,
        quality=evidence.quality(best) if best else None,
        cost=best.cost if best else None,
        service=weighed.spent_per_draw * trial.bought if weighed else None,
        service_per_request=record.weigh(best).cost if weighed and best else None,
        outcomes=count_for(record, trial, best.config, decorations)
        if best
        else Outcomes(),
    )
