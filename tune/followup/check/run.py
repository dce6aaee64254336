"""Whether an exported config still holds: bought one block of examples at a time, and no more than
it takes.

New examples: their scores against the recorded ones, two samples, with the uncertainty of both
(`tune.stats.two_samples`). Without any, the study's own holdout is asked again, and each answer is
paired with the score that the example had (`tune.study.holdout_file`): that sees smaller changes for
less money. Either way two sentences are tested after every block, by bets that may be looked at as
often as one likes (`tune.stats.confidence_sequences`): "it is worse by more than the margin" and
"it is not". Whichever falls first is the answer, and each falls wrongly with at most the stated
probability.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tune.errors import BudgetError, InputError
from tune.followup.check.overlap import count_overlap, grouping_notices, overlap_notices
from tune.followup.check.result import CheckResult
from tune.followup.check.rule import POWER, Bounds, CheckRule, NewExamplesRule, SameExamplesRule
from tune.followup.check.target import Target
from tune.plan.options import Options
from tune.pricing.prices import to_dollars, to_picodollars
from tune.providers.capabilities import Capabilities
from tune.providers.stack import StackContext
from tune.providers.trusted_hosts import host_lines
from tune.report import plain_config
from tune.runtime.best_json import DeploymentRecord, read_deployment
from tune.safety.background import run_apart
from tune.safety.decoration import Decorations
from tune.stats.confidence_sequences import Look, next_block
from tune.store.admission import Account
from tune.store.database import Database
from tune.store.draws import Store
from tune.study.holdout_file import read_holdout
from tune.task.example import Data
from tune.task.load import load_data

BLOCK = 8
"""Examples that are bought side by side at first; later there are more (see
`tune.stats.confidence_sequences.next_block`).
"""


_RUN = Options()


def check(best: str | Path, data: Any = None, *, budget: float, **options: Any) -> CheckResult:
    """Test whether the config of a `best.json` still is as good as it was.

    Every call is new: what is in a store says nothing of the model as it is today.

    Args:
        best: a `best.json`, or the results folder that it is in. data: new labelled examples, in
        any form that `tune.tune` takes. Where the study had some of them, that is
            said: the config was chosen by them, or its quality measured on them. None asks the
            study's own holdout again, which tells whether the model has changed.
        budget: dollars that are never exceeded.
        options: those of `check_async`.

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
    margin: float = 0.05,
    alpha: float = 0.05,
    beta: float = 0.05,
    metric: Any = None,
    verifier: Any = None,
    input: Sequence[str] = (),  # noqa: A002 - the name of the flag
    target: str | None = None,
    base_url: str | None = None,
    price: Any = None,
    seed: int = _RUN.seed,
    concurrency: int = _RUN.concurrency,
    store: str | None = None,
    allow_code: bool = False,
    allow_import: bool = False,
    key_env: str | None = None,
    allow_http: bool = False,
    allow_host: Sequence[str] = (),
    confirm: Callable[[str], bool] | None = None,
    notice: Callable[[str], None] = lambda _: None,
) -> CheckResult:
    """As `check`, for use inside an event loop.

    Args:
        best: as there. data: as there. budget: as there. margin: how much worse the quality may be
        and still hold, as a share of the metric's range. alpha: how often "regressed" may be wrong.
        beta: how often "holds" may be wrong. metric: instead of the recorded metric. verifier:
        instead of the recorded verifier. input: columns that fill the templates, instead of the
        recorded ones. target: the column of wanted answers, instead of the recorded one. base_url:
        where the model answers now. price: "IN/OUT" in dollars per million tokens, instead of the
        recorded price. seed: of the order in which examples are bought. concurrency: the most calls
        in flight. store: where draws are kept; default `draws.db` of the study where there is one,
        else beside `best.json`. allow_code: let a metric run what models write. key_env: the
        environment variable with the model's key, instead of the recorded one. allow_http: let a
        key go unencrypted through networks that are not private. allow_host: hosts to which `best`
        may send the examples, and the values of the variables that it names. confirm: asks the user
        about a host that is not among them; returns whether the answer was yes. allow_import:
        import the modules that `best` names for its metric, its verifier and its answer rule.
        notice: called with one sentence for whatever a user should be told.
    """
    notice = Decorations().around("the display of notices", notice)
    if not 0 < margin < 1:
        raise InputError(
            f"the margin is a share of the metric's range, `0 < margin < 1`, but got {margin!r}"
        )
    if not (0 < alpha <= 0.5 and 0 < beta <= 0.5):
        raise InputError(
            f"error rates lie above 0 and up to 0.5, but got alpha={alpha!r}, beta={beta!r}"
        )
    if not 0 < budget < math.inf:
        raise BudgetError(f"the budget is a number of dollars above 0, but got {budget!r}")
    deployment = read_deployment(
        best,
        metric=metric,
        verifier=verifier,
        base_url=base_url,
        price=price,
        allow_code=allow_code,
        allow_import=allow_import,
        key_env=key_env,
        allow_http=allow_http,
        allow_host=allow_host,
        confirm=confirm,
    )
    bounds = Bounds.of(deployment.metric, margin=margin, alpha=alpha, beta=beta)
    asked = (
        _own(Path(best), deployment, bounds, (*input, target))
        if data is None
        else _new(
            deployment,
            bounds,
            data,
            input or deployment.inputs,
            deployment.target if target is None else target,
        )
    )
    deployment.prompt.check(asked.data)
    deployment.metric.check(asked.data.examples)
    together = grouping_notices(asked.data, deployment.group)
    notices = (*asked.notices, *together, *_power_notices(asked), *deployment.notices)
    for sentence in (*host_lines(deployment.entries.values()), *notices):
        notice(sentence)
    place = store or default_store(Path(best))
    db = Database(place)
    try:
        name = f"check-{asked.data.name}-{secrets.token_hex(4)}"
        account = Account(db, name, to_picodollars(budget))
        access = StackContext(
            Store(db, generation=name, study=name),
            account,
            Capabilities(),
            concurrency,
            notice=notice,
        )
        async with Target(deployment, asked.data.examples, access, seed, asked.before) as asking:
            seen, reason = await _until_decided(asking, asked.line)
        balance = account.balance
    finally:
        db.close()
    line, decision = asked.line, bounds.decide(seen)
    return CheckResult(
        decision=decision,
        reason="" if decision != "undecided" else reason,
        recorded=deployment.quality,
        on_holdout=deployment.on_holdout,
        margin=bounds.margin,
        threshold=line.threshold,
        look=seen,
        alpha=alpha,
        beta=beta,
        data=asked.data.name,
        available=len(asked.data.examples),
        paired=bool(asked.before),
        visible=asked.visible,
        missing=sum(lost.startswith("service") for lost in asking.trial.unanswered.values()),
        spent=to_dollars(balance.spent),
        uncertain=to_dollars(balance.uncertain),
        budget=budget,
        more=0 if decision != "undecided" else line.more(seen),
        larger_is_better=deployment.metric.larger_is_better,
        metric=deployment.metric.name,
        config=deployment.config,
        seed=seed,
        overlap=asked.overlap,
        notices=notices,
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a config is asked about.

    Attributes:
        data: the examples. line: by what is decided. before: the scores that they had, one for
        each; empty where they are new. overlap: how many of them the study had, by the part that
        they had in it. notices: what a reader must not miss. visible: the smallest margin that
        these examples show to hold in 80 % of cases, if nothing has changed.
    """

    data: Data
    line: CheckRule
    before: tuple[float, ...]
    overlap: Mapping[str, int]
    notices: tuple[str, ...]
    visible: float


def _new(
    deployment: DeploymentRecord,
    bounds: Bounds,
    given: Any,
    inputs: Sequence[str],
    target: str | None,
) -> _Asked:
    """Return new examples, and the line that the recorded scores draw."""
    line = NewExamplesRule.of(
        bounds, deployment.quality.mean, deployment.quality.n, deployment.scores
    )
    data = load_data(given, inputs=inputs, target=target, fields=deployment.prompt.fields)
    overlap = count_overlap(deployment, data.examples)
    notices = overlap_notices(overlap, len(data.examples))
    return _Asked(data, line, (), overlap, notices, line.visible(len(data.examples)))


def _own(
    best: Path, deployment: DeploymentRecord, bounds: Bounds, columns: Sequence[str | None]
) -> _Asked:
    """Return the study's own holdout, with the scores that it had.

    Raises:
        InputError: it was not kept, or it is that of another config or metric.
    """
    if any(columns):
        raise InputError("--input and --target name columns of --data, which is not given")
    met = read_holdout(best if best.is_dir() else best.parent)
    if dict(met.config) != plain_config(deployment.config):
        raise InputError(
            f"the kept holdout is that of another config ({met.config}): give new examples with --data"
        )
    if met.metric != deployment.metric.identity:
        raise InputError(
            f"the kept holdout was scored by another metric than {deployment.metric.name!r}: give new examples with --data"
        )
    line = SameExamplesRule(bounds)
    data = Data("holdout", met.examples, "", deployment.inputs, deployment.target)
    overlap = {"holdout": len(met.examples)}
    return _Asked(data, line, met.scores, overlap, (), line.visible(len(met.examples)))


def _power_notices(asked: _Asked) -> tuple[str, ...]:
    """Say before anything is spent where the margin is smaller than can be seen."""
    line, margin, count = asked.line, asked.line.bounds.margin, len(asked.data.examples)
    if asked.visible <= margin:
        return ()
    if asked.before:
        return (
            f"{count} holdout examples show that it holds within {asked.visible:.2g} at best, where no answer has "
            f"changed; the margin is {margin:.2g}. Give --margin {asked.visible:.2g}, or new examples with --data.",
        )
    least = line.visible(math.inf)
    if least > margin:
        seen = (
            f"the smallest margin that they show is {least:.2g}"
            if least < math.inf
            else "they show no margin"
        )
        return (
            f"The recorded quality rests on too few examples to show that it holds within {margin:.2g}, whatever is "
            f"bought: {seen}. Only a much larger drop can be found. Give a larger --margin, or leave --data out.",
        )
    return (
        f"These {count} examples show in {POWER:.0%} of cases that it holds within {asked.visible:.2g}, if nothing has "
        f"changed; for the margin of {margin:.2g} there would have to be more.",
    )


async def _until_decided(asking: Target, line: CheckRule) -> tuple[Look, str]:
    """Buy block after block until the scores decide, or nothing is left to buy with or from."""
    bought, seen = 0, line.look([])
    while bought < len(asking.examples):
        block = range(bought, min(len(asking.examples), bought + next_block(bought, BLOCK)))
        complete = await asking.buy(block)
        bought = block.stop
        seen = line.look(asking.scores)
        if line.bounds.decide(seen) != "undecided":
            return seen, ""
        if not complete:
            return seen, "money"
        if line.hopeless(seen):
            return seen, "recorded"
    return seen, "data"


def default_store(best: Path) -> str:
    """The study's store where it is still beside its `best.json`, else one of this folder's own."""
    folder = best if best.is_dir() else best.parent
    above = folder.parent / "draws.db"
    own = folder / "draws.db"
    return str(above if above.exists() and not own.exists() else own)
