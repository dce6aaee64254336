"""What a run found out, as a report: estimates become intervals, and nothing is bought any more."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from tune.completion import Completion
from tune.cutting import cut
from tune.estimate import Forecast, compare
from tune.export import Deployment, addition
from tune.pricing import to_dollars
from tune.providers.services import Service, public_url
from tune.readout import Reading
from tune.recipe import recipe_record
from tune.report import Money, PriceLine, PromptText, Provenance, Report, ReportConfig, TrialRow
from tune.report.saving import load
from tune.run import ENOUGH, FINISHED, INTERRUPTED, Findings, Run
from tune.space import FREE, Config, Point
from tune.stats import Interval, detectable_difference, difference_interval, mean_interval, percentile
from tune.stopping import chance_of_change
from tune.trial import Trial

STOPPED = {
    FINISHED: "the search was done",
    "money": "the money for the search was used up",
    "time": "the time limit was reached",
    "trials": "the limit of trials was reached",
    INTERRUPTED: "it was interrupted; the same command resumes it",
}
"""Why a run ended, in words."""


def conclude(run: Run, findings: Findings) -> Report:
    """Everything that is shown of a study."""
    plan, choice = run.plan, findings.choice
    winner = _row(run, "winner", choice.reading, findings) if choice else None
    baseline_reading = (findings.holdout or {}).get(plan.baseline)
    baseline = _row(run, "baseline", baseline_reading, findings) if baseline_reading else None
    carried = findings.carried
    apart = carried is not None and choice is not None and carried.config != choice.reading.config
    label, share = _commonest(run)
    difference = _difference(run, choice.reading.config if choice else None, findings.holdout)
    readings = [reading for s in run.standings().values() for reading in s.readings]
    read_cost, readings_cost = _costs_of_readings(run, findings.trials)
    single = _row(run, "one answer", carried, findings) if apart and carried else None
    return Report(
        money=_money(run, findings),
        provenance=_provenance(run),
        winner=winner,
        baseline=baseline,
        carriable=single,
        carriable_note=addition(winner, single) if winner and single else "",
        runners_up=tuple(_row(run, "runner-up", r, findings) for r in (choice.runners_up if choice else ())),
        difference=difference,
        detectable=_detectable(run, choice.reading.config if choice else None, findings.holdout),
        commonest=share,
        commonest_label=label,
        larger_is_better=plan.metric.larger_is_better,
        min_quality=plan.min_quality,
        margin=plan.margin,
        template=_template(run, choice.reading.config) if choice else None,
        recipe=recipe_record(plan, choice.reading.config) if choice else {},
        answer=_answer(run),
        frontier=tuple(_row(run, "frontier", r, findings) for r in _frontier(run, readings)),
        trials=tuple(_trial_row(run, trial) for trial in findings.trials.values()),
        draws_bought=sum(service.provider.bought for service in run.services.values()),
        draws_reused=sum(service.provider.reused for service in run.services.values()),
        readings=len(readings),
        read_cost=read_cost,
        readings_cost=readings_cost,
        prices=tuple(
            PriceLine(name, price.input, price.output, price.source, price.date) for name, price in plan.prices.items()
        ),
        estimate=compare(_forecasts(run), findings.trials, plan.prices),
        stopped=_why(run, findings),
        interrupted=findings.stopped == INTERRUPTED,
        notices=tuple(_notices(run, findings)),
    )


def _forecasts(run: Run) -> tuple[Forecast, ...]:
    """What the study was expected to pay when it began."""
    event = next((event for event in run.journal.events if event["event"] == "estimate"), None)
    return () if event is None else tuple(load(Forecast, row) for row in event["rows"])


def deploy(run: Run, findings: Findings) -> Deployment | None:
    """The config that agents can carry, with where its model is."""
    if findings.carried is None:
        return None
    config = findings.carried.config
    entry, prompt = run.plan.entries[config.model], run.plan.prompts[config.prompt]
    return Deployment(
        config=config,
        model=entry.model,
        price=run.plan.prices[config.model],
        base_url=public_url(entry.base_url),
        key_env="" if entry.local else entry.key_env,
        system_message=prompt.system_message,
        template=prompt.template,
        raw=prompt.raw,
        local=entry.local,
    )


def _why(run: Run, findings: Findings) -> str:
    """Why the run ended, in words; where it kept money, what more of it would have done."""
    if findings.stopped != ENOUGH:
        return STOPPED[findings.stopped]
    points, chance = 100 * run.plan.min_gain, chance_of_change(run.problem(), run.standings(), 1.0)
    kept = f"the rest of the money was expected to gain less than {points:g} points (of 100), so it was kept"
    if chance is None:
        return kept
    shown = "less than 1 %" if chance < 0.01 else f"{100 * chance:.0f} %"
    return f"{kept}: another $1 has a chance of {shown} to change the choice"


def _row(run: Run, name: str, reading: Reading, findings: Findings) -> ReportConfig:
    """A reading with its intervals; its numbers on holdout examples where it met them."""
    metric = run.plan.metric
    met = (findings.holdout or {}).get(reading.config)
    tuning = None if reading is met else reading
    shown = met or reading
    answered = bool(np.isfinite(shown.costs).any())  # not where the service refused to answer every example
    return ReportConfig(
        name=name,
        config=reading.config,
        trial=tuning.trial if tuning is not None else None,
        tuning=mean_interval(tuning.scores, low=metric.low, high=metric.high) if tuning is not None else None,
        holdout=mean_interval(met.scores, low=metric.low, high=metric.high) if met is not None else None,
        cost=mean_interval(shown.costs, low=0.0, high=math.inf) if answered else None,
        seconds_median=percentile(shown.seconds, 50) if answered else None,
        seconds_p95=percentile(shown.seconds, 95) if answered else None,
        approximate=shown.approximate,
    )


def _pairs(
    run: Run, config: Config | None, holdout: Mapping[Config, Reading] | None
) -> tuple[np.ndarray, np.ndarray] | None:
    """Scores of the choice and of the baseline on the holdout examples that both answered."""
    if config is None or not holdout or config == run.plan.baseline:
        return None
    ours, theirs = holdout.get(config), holdout.get(run.plan.baseline)
    if ours is None or theirs is None:
        return None
    both = sorted(set(ours.examples) & set(theirs.examples))
    if not both:
        return None
    first, second = (dict(zip(r.examples, r.scores, strict=True)) for r in (ours, theirs))
    return np.array([first[p] for p in both]), np.array([second[p] for p in both])


def _difference(run: Run, config: Config | None, holdout: Mapping[Config, Reading] | None) -> Interval | None:
    pairs = _pairs(run, config, holdout)
    if pairs is None:
        return None
    return difference_interval(*pairs, low=run.plan.metric.low, high=run.plan.metric.high)


def _detectable(run: Run, config: Config | None, holdout: Mapping[Config, Reading] | None) -> float | None:
    pairs = _pairs(run, config, holdout)
    return None if pairs is None or len(pairs[0]) < 2 else detectable_difference(len(pairs[0]), pairs[0] - pairs[1])


def _commonest(run: Run) -> tuple[str, float | None]:
    """The commonest target of the holdout, and the score of always giving it; only where targets are few labels."""
    holdout = run.plan.split.holdout
    counts = Counter(str(example.target) for example in holdout if example.target is not None)
    if not counts or len(counts) > len(holdout) / 2 or run.plan.metric.costs or run.plan.metric.over_responses:
        return "", None
    label = counts.most_common(1)[0][0]
    first = len(run.plan.split.tuning)
    return label, float(np.mean([run.evaluator.score(label, first + i) for i in range(len(holdout))]))


def _frontier(run: Run, readings: list[Reading]) -> list[Reading]:
    """The readings that none beats in both quality and cost, of those on at least half as many examples as any."""
    most = max((reading.n_examples for reading in readings), default=0)
    known = [reading for reading in readings if reading.n_examples >= max(1, most / 2)]
    sign = 1 if run.plan.metric.larger_is_better else -1
    found: list[Reading] = []
    for reading in sorted(known, key=lambda r: (r.cost, -sign * r.mean)):
        if not found or sign * reading.mean > sign * found[-1].mean:
            found.append(reading)
    return found


def _costs_of_readings(run: Run, trials: Mapping[int, Trial]) -> tuple[float, float]:
    """Dollars of the draws that were read, and of the same readings where every max_tokens and stop is paid.

    Both at list price and in as few calls as can be, with as many draws of each example as were read: who pays for
    caps and stops can share draws over n and aggregates too, so that n costs nothing in either.
    """
    read: dict[object, int] = {}
    paid: dict[object, int] = {}
    for number, standing in run.standings().items():
        cuts = dict.fromkeys((r.config.max_tokens, r.config.stop) for r in standing.readings)
        if not cuts:
            continue
        trial, service = trials[number], run.services[str(standing.point["model"])]
        said = Point({name: value for name, value in trial.point.items() if name not in FREE})
        bought = (trial.cap, run.evaluator.bought_stop(trial.point))
        for position, draws in trial.draws.items():
            for cap, stop in cuts:
                cost = _price_of(service, draws, [cut(draw, cap, stop).tokens for draw in draws])
                paid[said, cap, stop, position] = max(paid.get((said, cap, stop, position), 0), cost)
            # Trials that ask the same share draws: they are counted once.
            cost = _price_of(service, draws, [draw.completion_tokens for draw in draws])
            read[said, *bought, position] = max(read.get((said, *bought, position), 0), cost)
    return to_dollars(sum(read.values())), to_dollars(sum(paid.values()))


def _price_of(service: Service, draws: Sequence[Completion], tokens: Sequence[int]) -> int:
    """Picodollars of draws of one request that took so many tokens each, bought together."""
    if service.endpoint.native_n:
        return service.price.cost(max(draw.prompt_tokens for draw in draws), sum(tokens))
    return sum(service.price.cost(draw.prompt_tokens, each) for draw, each in zip(draws, tokens, strict=True))


def _money(run: Run, findings: Findings) -> Money:
    balance = run.account.balance
    left = balance.budget - balance.spent
    reason = ""
    if findings.stopped == "money" and left > 0:
        reason = (
            "a call is only sent when the most it can cost fits; what is left is less than that, "
            "or was set aside for the holdout and not needed"
        )
    elif findings.stopped == FINISHED and left > 0:
        reason = "it was kept for telling finalists apart and for the holdout, which needed less"
    return Money(
        budget=to_dollars(balance.budget),
        spent=to_dollars(balance.spent),
        spent_now=to_dollars(run.account.spent_now),
        settled=to_dollars(balance.settled),
        uncertain=to_dollars(balance.uncertain),
        left=to_dollars(left),
        left_reason=reason,
        overshoot=to_dollars(balance.overshoot),
        notional=any(price.notional for price in run.plan.prices.values()),
    )


def _provenance(run: Run) -> Provenance:
    plan = run.plan
    goal = "best quality"
    if plan.min_quality is not None:
        bound = "at least" if plan.metric.larger_is_better else "at most"
        goal = f"the cheapest with a score of {bound} {plan.min_quality:g}"
    elif plan.margin is not None:
        goal = f"the cheapest that is not worse than the baseline by more than {plan.margin:g}"
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


def _template(run: Run, config: Config) -> PromptText:
    prompt = run.plan.prompts[config.prompt]
    source = prompt.source
    return PromptText(
        name=prompt.name,
        text=prompt.template,
        system_message=prompt.system_message,
        messages=() if isinstance(source, str) else source,
    )


def _answer(run: Run) -> str:
    return str(run.plan.identity["answer"])


def _trial_row(run: Run, trial: Trial) -> TrialRow:
    metric = run.plan.metric
    standing = run.standings()[trial.number]
    best = standing.best(run.problem())
    return TrialRow(
        number=trial.number,
        point=trial.point,
        state=trial.state,
        reason=trial.reason,
        examples=len(trial.draws),
        draws=trial.bought,
        missing=len(trial.missing),
        spent=standing.spent_per_draw * trial.bought,
        best=best.config if best else None,
        quality=mean_interval(best.scores, low=metric.low, high=metric.high) if best else None,
        cost=best.cost if best else None,
    )


def _oracle(run: Run, findings: Findings) -> list[str]:
    """What the draws of the winner hold at most, where the space asks for the oracle."""
    if findings.choice is None:
        return []
    reading = findings.choice.reading
    trial = findings.trials[reading.trial]
    asked = [c for c in run.plan.space.readings(trial.point, run.plan.free) if c.aggregate == "any"]
    oracles = run.evaluator.read(trial, asked)
    if not oracles:
        return []
    most = max(oracles, key=lambda r: r.config.n)
    return [
        f"Someone who knew the targets could pick answers that score {most.mean:.3f} out of {most.config.n} draws of "
        f"the winner's settings (tuning examples): a bound for better ways of choosing, not a config."
    ]


def _notices(run: Run, findings: Findings) -> list[str]:
    """What a reader must not miss."""
    found = [*run.notices, *_oracle(run, findings)]
    if findings.choice is not None and not findings.choice.reached:
        found.append(
            "No configuration was shown to be good enough on tuning examples (one-sided 95 %), so the best one found "
            "is shown instead of the cheapest: more examples or money may show one."
        )
    missing = sum(reason.startswith("service") for t in findings.trials.values() for reason in t.missing.values())
    if missing:
        asked = missing + sum(len(t.draws) for t in findings.trials.values())
        found.append(
            f"The service did not answer {missing} of {asked} examples ({missing / asked:.1%}); they are not scored."
        )
    if findings.holdout:
        met = min(reading.n_examples for reading in findings.holdout.values())
        if met < len(run.plan.split.holdout):
            found.append(
                f"The money reached {met} of {len(run.plan.split.holdout)} holdout examples: a random part of them."
            )
    return found
