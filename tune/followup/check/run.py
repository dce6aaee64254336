"""A check of an exported config: does it still hold?

Examples are bought block by block, and no more than the decision takes. There are two ways:

- New examples: their scores are compared with the recorded ones, as two samples, with the
  uncertainty of both (`tune.stats.two_samples`).
- The study's own holdout, asked again: each answer is paired with the score that the example had
  (`tune.study.holdout_file`). That sees smaller changes for less money.

Either way two sentences are tested after every block: "it is worse by more than the margin" and
"it is not". The tests are bets that may be looked at as often as one likes
(`tune.stats.confidence_sequences`). The first sentence that falls decides, and each falls wrongly
with at most the stated probability.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tune.errors import BudgetError, InputError
from tune.followup.check.examples import (
    CheckExamples,
    new_examples,
    own_examples,
    power_notices,
)
from tune.followup.check.exported import check_carries, split_export
from tune.followup.check.overlap import grouping_notices
from tune.followup.check.result import CheckResult
from tune.followup.check.rule import Bounds, CheckRule
from tune.followup.check.target import Target
from tune.followup.place import study_of
from tune.plan.followup_options import CheckOptions
from tune.plan.model_source import read_models
from tune.plan.read_options import stated_options
from tune.pricing.prices import to_dollars, to_picodollars
from tune.providers.capabilities import Capabilities
from tune.providers.entries import Entry
from tune.providers.stack import StackContext
from tune.providers.trusted_hosts import host_lines
from tune.runtime.best_json import DeploymentRecord, read_deployment
from tune.runtime.recorded import default_store
from tune.safety.background import run_apart
from tune.safety.decoration import Decorations
from tune.stats.confidence_sequences import SequentialResult, next_block_size
from tune.store.database import Database
from tune.store.draws import Store
from tune.store.erase import check_name
from tune.store.ledger import Ledger
from tune.store.ledger_table import Balance

BLOCK = 8
"""Examples that are bought side by side at first; later blocks are larger (`next_block_size`)."""


def check(
    best: str | Path, data: Any = None, *, budget: float, **options: Any
) -> CheckResult:
    """Test whether the config of a `best.json` still is as good as it was.

    Every call is new: an answer in a store says nothing about the model of today.

    Args:
        best: a `best.json`, the results folder that it is in, or the `OAI_CONFIG_LIST` beside it
            that carries the same configuration.
        data: new labelled examples, in any form that `tune.tune` takes. A notice says which of
            them the study had already. None asks the study's own holdout again, which tells
            whether the model has changed.
        budget: dollars that are never exceeded.
        options: those of `tune.plan.followup_options.CheckOptions`, and `confirm` and `notice` of
            `check_async`.

    Raises:
        InputError: something given cannot be used; nothing was spent.
        TuneError: a call failed for good; what was bought is kept in the store.
    """
    return run_apart(check_async(best, data, budget=budget, **options))


async def check_async(
    best: str | Path,
    data: Any = None,
    *,
    budget: float,
    confirm: Callable[[str], bool] | None = None,
    notice: Callable[[str], None] = lambda _: None,
    **options: Any,
) -> CheckResult:
    """Do the same as `check` inside an event loop.

    Args:
        best: as for `check`.
        data: as for `check`.
        budget: dollars that are never exceeded.
        confirm: asks the user about a host that `best` names; returns whether the answer is yes.
        notice: called with one sentence for whatever a user should be told.
        options: those of `tune.plan.followup_options.CheckOptions`.
    """
    asked = CheckOptions(**stated_options(CheckOptions, options))
    _check_numbers(asked, budget)
    # A notice that cannot be shown must not end a check that has already spent money.
    notice = Decorations().around("the display of notices", notice)
    export = best
    best, listed = split_export(export)
    deployment = _read_deployment(best, asked, listed, confirm)
    check_carries(listed, deployment, str(export))
    bounds = Bounds.of(
        deployment.metric, margin=asked.margin, alpha=asked.alpha, beta=asked.beta
    )
    examples = _read_examples(Path(best), data, deployment, bounds, asked)
    grouping = grouping_notices(examples.data, deployment.group)
    notices = (
        *examples.notices,
        *grouping,
        *power_notices(examples),
        *deployment.notices,
    )
    for sentence in (*host_lines(deployment.entries.values()), *notices):
        notice(sentence)
    db = Database(asked.store or default_store(Path(best)))
    try:
        # A random part, so that every check asks anew: stored answers say nothing about today.
        name = check_name(study_of(Path(best)) or examples.data.name)
        ledger = Ledger(db, name, to_picodollars(budget))
        context = StackContext(
            Store(db, generation=name, study=name),
            ledger,
            Capabilities(),
            asked.concurrency,
            notice=notice,
        )
        # Scores that the same examples had, if the study's own holdout is asked.
        before = examples.before
        async with Target(
            deployment, examples.data.examples, context, asked.seed, before
        ) as target:
            seen, ended = await _until_decided(target, examples.rule)
        balance, short = ledger.balance, ledger.shortage
    finally:
        db.close()
    # Examples that the money did not reach are not the service's fault, and are not counted.
    lost = target.trial.unanswered.values()
    return _result(
        deployment,
        examples,
        asked,
        seen,
        ended,
        budget=budget,
        balance=balance,
        next_call=0 if short is None else short.needed,
        unanswered=sum(reason.startswith("service") for reason in lost),
        notices=notices,
    )


def _check_numbers(options: CheckOptions, budget: float) -> None:
    margin, alpha, beta = options.margin, options.alpha, options.beta
    if not 0 < margin < 1:
        raise InputError(
            f"the margin is a share of the metric's range, `0 < margin < 1`, but got {margin!r}"
        )
    if not (0 < alpha <= 0.5 and 0 < beta <= 0.5):
        raise InputError(
            f"error rates lie above 0 and up to 0.5, but got alpha={alpha!r}, beta={beta!r}"
        )
    if not 0 < budget < math.inf:
        raise BudgetError(
            f"the budget is a number of dollars above 0, but got {budget!r}"
        )


def _read_deployment(
    best: Path,
    options: CheckOptions,
    listed: Mapping[str, Entry],
    confirm: Callable[[str], bool] | None,
) -> DeploymentRecord:
    return read_deployment(
        best,
        models=read_models(options.models),
        listed=listed,
        metric=options.metric,
        verifier=options.verifier,
        prompt=options.prompt,
        base_url=options.base_url,
        price=options.price,
        allow_code=options.allow_code,
        allow_import=options.allow_import,
        key_env=options.key_env,
        allow_http=options.allow_http,
        allow_host=options.allow_host,
        confirm=confirm,
    )


def _read_examples(
    best: Path,
    data: Any,
    deployment: DeploymentRecord,
    bounds: Bounds,
    options: CheckOptions,
) -> CheckExamples:
    if data is None:
        columns = (*options.input, options.target)
        examples = own_examples(best, deployment, bounds, columns)
    else:
        inputs = options.input or deployment.inputs
        target = deployment.target if options.target is None else options.target
        examples = new_examples(deployment, bounds, data, inputs, target)
    # What can be refused is refused before the first dollar.
    deployment.prompt.check(examples.data)
    deployment.metric.check(examples.data.examples)
    return examples


async def _until_decided(
    target: Target, rule: CheckRule
) -> tuple[SequentialResult, str]:
    """Buy block after block until the scores decide, or nothing is left to buy with or from.

    Returns:
        The last look at the scores, and why they did not decide: "money", "data", "recorded", or
        "" where they did.
    """
    # The order is random, so that any number of examples is a fair sample.
    bought, count = 0, len(target.examples)
    # There is a look also where the money does not pay for one example.
    seen = rule.look([])
    while bought < count:
        block = range(bought, min(count, bought + next_block_size(bought, BLOCK)))
        complete = await target.buy(block)
        bought = block.stop
        seen = rule.look(target.scores)
        if rule.bounds.decide(seen) != "undecided":
            return seen, ""
        if not complete:
            return seen, "money"
        # Further money would be wasted: the recorded scores are the bottleneck.
        if rule.hopeless(seen):
            return seen, "recorded"
    return seen, "data"


def _result(
    deployment: DeploymentRecord,
    examples: CheckExamples,
    options: CheckOptions,
    seen: SequentialResult,
    ended: str,
    *,
    budget: float,
    balance: Balance,
    next_call: int,
    unanswered: int,
    notices: tuple[str, ...],
) -> CheckResult:
    rule = examples.rule
    decision = rule.bounds.decide(seen)
    is_open = decision == "undecided"
    return CheckResult(
        decision=decision,
        reason=ended if is_open else "",
        recorded=deployment.quality,
        on_holdout=deployment.on_holdout,
        margin=rule.bounds.margin,
        threshold=rule.threshold,
        look=seen,
        alpha=options.alpha,
        beta=options.beta,
        data=examples.data.name,
        available=len(examples.data.examples),
        paired=bool(examples.before),
        visible=examples.visible,
        unanswered=unanswered,
        spent=to_dollars(balance.spent),
        uncertain=to_dollars(balance.uncertain),
        budget=budget,
        next_call=to_dollars(next_call),
        more=rule.more(seen) if is_open else 0,
        larger_is_better=deployment.metric.larger_is_better,
        metric=deployment.metric.name,
        config=deployment.config,
        seed=options.seed,
        overlap=examples.overlap,
        notices=notices,
    )
