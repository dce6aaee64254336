"""A new model is out: would it enter the frontier of a finished study? Only the new model is
bought.

It is asked in every way in which a config of the frontier is (prompt, n, cap, stops, aggregate), at
its own default settings. A first block of examples, those on which the frontier's configs differ
most, says what each way costs and how it compares with those of the frontier that cost no more. The
best one or two ways go on to the verdict: on other examples, in the study's random order, those of
the holdout first, paired with stored draws of the rivals (`tune.followup.challenge.rivals`), by
bets that may be looked at after every one (`tune.followup.challenge.rule`). A metric that asks a
model is paid from the same budget.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tune.errors import BudgetError, EndpointError, InputError, StudyError
from tune.followup.challenge.result import ChallengeResult, EntryDecision, FrontierComparison
from tune.followup.challenge.rivals import Rival, read_rivals
from tune.followup.challenge.rule import EntryRule, PairedResult, compare_pairs, unmet_examples
from tune.followup.challenge.screening import (
    BLOCK,
    ScreenedConfig,
    candidate_configs,
    compare_with_frontier,
    finalists,
    most_informative,
    pool_size,
    screening_steps,
)
from tune.plan.make import make_plan
from tune.plan.models import find_prices
from tune.plan.plan import Plan
from tune.plan.read_options import read_options
from tune.plan.token_counts import offline_endpoints
from tune.pricing.prices import CONFIRMED, Price, parse_price, to_dollars, to_picodollars
from tune.providers.capabilities import Capabilities
from tune.providers.entries import Entry, read_entries
from tune.providers.stack import Service, StackContext, build_stack
from tune.providers.trusted_hosts import confirm_hosts, host_lines
from tune.readout.trial import Step, Trial
from tune.report import Report
from tune.safety.background import run_apart
from tune.safety.decoration import Decorations
from tune.space import Config, read_toml
from tune.stats.confidence_sequences import next_block, together_notice
from tune.stats.intervals import Interval
from tune.store.admission import Account
from tune.store.database import Database
from tune.store.draws import Store
from tune.store.journal import read_events
from tune.study.connect import connect_services, make_evaluator
from tune.study.evaluate import Evaluator
from tune.study.resume import check_identity
from tune.study.study import find_store, recorded_study

SCREENING = 0.5
"""The most of the budget that is spent on choosing among several ways; the rest is for the verdict."""

MAY_DIFFER = (
    "prices",
    "max_cost_per_request",
    "max_seconds_per_request",
    "goal",
    "min_quality",
    "margin",
    "trials",
)
"""What the study may be asked for with: it decides nothing about what was drawn."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a finalist.

    Attributes:
        finalist: the way of the new model.
        answer: what the pairs show.
        reason: why that is not more: "money", "data" or "".
        looks: with each whom it was held against, the one that the answer hangs on first.
        flattered: whether tuning examples, by which rivals are chosen, had a part in it.
        cost: dollars per request.
    """

    finalist: ScreenedConfig
    answer: EntryDecision
    reason: str
    looks: tuple[PairedResult, ...]
    flattered: bool
    cost: float


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
    margin: float = 0.05,
    alpha: float = 0.05,
    beta: float = 0.05,
    notice: Callable[[str], None] = lambda _: None,
    **options: Any,
) -> ChallengeResult:
    """Ask whether a new model would enter the frontier of a finished study.

    Args:
        folder: the study's results folder. data: as for the run. space: as for the run. model: the
        new model. budget: dollars for this question, never exceeded. entry: where the new model is;
        by default its `[models.NAME]` in the space file, else its name at `base_url`. base_url: an
        OpenAI-compatible endpoint of the new model. key_env: the environment variable with its key;
        see `tune.plan.options.Options`. allow_http: let a key go unencrypted through networks that are not
        private. allow_host: hosts to which the study's own judge may be sent examples, and the
        values of variables. confirm: asks the user about a host that is not among them; returns
        whether the answer was yes. price: "IN/OUT" or "MODEL=IN/OUT" of the new model, or a
        `Price`. margin: how much better it would have to be to matter, as a share of the metric's
        range. alpha: how often "enters" may be wrong. beta: how often "does not enter" may be
        wrong. notice: called with one sentence for whatever a user should be told. options: as for
        the run (`target`, `metric`, `store`, ...).

    Raises:
        InputError: something given cannot be used; nothing was spent.
        TuneError: a call failed for good; what was bought is kept in the store.
    """
    if not 0 < margin < 1 or not (0 < alpha <= 0.5 and 0 < beta <= 0.5):
        raise InputError(
            f"`0 < margin < 1` and error rates up to 0.5 must hold, but got {margin}, {alpha}, {beta}"
        )
    if not 0 < budget < math.inf:
        raise BudgetError(f"the budget is a number of dollars above 0, but got {budget!r}")
    notice = Decorations().around("the display of notices", notice)
    place = Path(folder)
    events = read_events(place / "study.jsonl")
    report = recorded_study(place, events).record
    if report.winner is None:
        raise StudyError(
            f"the study in {str(place)!r} scored nothing: there is no frontier to enter"
        )
    store = options.pop("store", None) or find_store(place)
    plan = _plan(events[0]["identity"], report, data, space, options, place)
    stated = (
        price
        if isinstance(price, Price) or price is None
        else parse_price(price if "=" in price else f"m={price}")[1]
    )
    asked = entry or _entry(model, base_url, key_env, space)
    asked = replace(asked, allow_http=asked.allow_http or allow_http)
    if plan.judge is not None:  # whoever wrote the folder says where it is
        confirm_hosts([plan.judge], repr(str(place)), allowed=allow_host, confirm=confirm)
    for line in host_lines([asked, *([plan.judge] if plan.judge else [])]):
        notice(line)
    own = find_prices([asked], {} if stated is None else {asked.name: stated})[asked.name]
    work = _Work(plan, events, report, asked, own, store, budget, (margin, alpha, beta), notice)
    return run_apart(work.go())


def _entry(model: str, base_url: str | None, key_env: str | None, space: Any) -> Entry:
    """Where the new model is: as the space file says, else its own name."""
    table = (
        read_toml(space)
        if isinstance(space, str | Path)
        else space
        if isinstance(space, Mapping)
        else {}
    )
    listed = read_entries(table.get("models", {})).get(model, Entry(model, model))
    if base_url is not None:  # the entry's key is meant for the entry's host
        listed = replace(listed, base_url=base_url, alias=None, key_env=None, headers={})
    return listed if key_env is None else replace(listed, key_env=key_env)


def _plan(
    identity: Mapping[str, Any],
    report: Report,
    data: Any,
    space: Any,
    options: dict[str, Any],
    place: Path,
) -> Plan:
    """The study's own plan: where its models and its judge are, and at which prices, it recorded
    itself.
    """
    listed = dict(identity["models"])
    judge = report.deployment_record.get("judge")
    if judge is not None:
        listed[judge["name"]] = {k: v for k, v in judge.items() if k not in ("name", "price")}
    given: Any = {
        **options,
        "data": data,
        "space": space,
        "budget": 1.0,
        "model": list(identity["models"]),
        "models": {
            name: {k: v for k, v in m.items() if v is not None} for name, m in listed.items()
        },
        "price": {name: _recorded(rates) for name, rates in identity["prices"].items()},
    }
    plan = make_plan(read_options(**given))
    check_identity(identity, plan.identity, place, besides=MAY_DIFFER)
    return plan


def _recorded(rates: Sequence[float]) -> Price:
    """A price as a study's identity has it: in, out, and the fee of a request where there is one."""
    return Price(rates[0], rates[1], request=sum(rates[2:]), source=CONFIRMED)


@dataclass
class _Work:
    """One challenge; the fields are the arguments of `challenge`, read. `rates` are margin, alpha
    and beta.
    """

    plan: Plan
    events: Sequence[Mapping[str, Any]]
    report: Report
    entry: Entry
    price: Price
    store: str
    budget: float
    rates: tuple[float, float, float]
    notice: Callable[[str], None]

    async def go(self) -> ChallengeResult:
        plan, db = self.plan, Database(self.store)
        try:
            self.account = Account(
                db, f"challenge-{secrets.token_hex(4)}", to_picodollars(self.budget)
            )
            study = str(
                self.events[0]["id"]
            )  # what is asked here is also what the study's examples were used for
            draws = Store(db, generation=study if plan.fresh else "", study=study)
            access = StackContext(
                draws, self.account, Capabilities(), plan.concurrency, notice=self.notice
            )
            name, self.configs = self.entry.name, candidate_configs(self.report, self.entry.name)
            async with (
                connect_services({name: self.entry}, {name: self.price}, access) as (live, _),
                connect_services({}, plan.prices, access, judge=plan.judge) as (
                    _,
                    judge,
                ),  # even of the same name: as it was
            ):
                self.evaluator = self._evaluator(live, judge, access)
                self.trials: dict[int, Trial] = {}
                return await self._ask()
        finally:
            db.close()

    def _evaluator(
        self, live: Mapping[str, Service], judge: Service | None, access: StackContext
    ) -> Evaluator:
        """Of the new model, that is asked, and the study's own, whose draws are only read."""
        plan = self.plan
        silent = offline_endpoints(
            {k: e for k, e in plan.entries.items() if k not in live}, access.capabilities
        )
        old = {
            k: build_stack(plan.entries[k], end, plan.prices[k], access)
            for k, end in silent.items()
        }
        caps = dict.fromkeys(live, max(config.max_tokens for config in self.configs))
        return make_evaluator(plan, {**old, **live}, access.store, judge=judge, caps=caps)

    async def _ask(self) -> ChallengeResult:
        tried = await self._screen(await read_rivals(self.evaluator, self.report, self.events))
        cheapest = [each for each in tried if each.against is None]
        if cheapest:
            best = max(cheapest, key=lambda each: self._sign * each.reading.mean)
            return self._found(
                Verdict(best, "enters", "", (), False, best.reading.cost), len(tried), 0
            )
        chosen = finalists(tried)
        verdicts: list[Verdict] = []
        for finalist in chosen:
            verdicts.append(await self._decide(finalist, len(chosen)))
            if verdicts[-1].answer == "enters":
                break
        rank = ("enters", "undecided", "does not enter")
        last = min(
            verdicts, key=lambda v: (rank.index(v.answer), -self._sign * v.looks[0].pairs.mean)
        )
        return self._found(last, len(tried), len(chosen))

    @property
    def _sign(self) -> float:
        return 1.0 if self.plan.metric.larger_is_better else -1.0

    async def _screen(self, rivals: Sequence[Rival]) -> list[ScreenedConfig]:
        """Try every way on the examples that tell most."""
        block = most_informative(rivals, len(self.plan.split.tuning))
        steps = screening_steps(self.configs, self.plan.free, block)
        if len(self.configs) > 1:
            self.account.set_aside(int((1 - SCREENING) * self.account.budget))
        wave = await self.evaluator.run(list(steps), self.trials)
        self.account.release()
        readings = [
            r
            for step, group in steps.items()
            for r in self.evaluator.reader.read(self.trials[step.trial], group)
        ]
        if not readings:
            if not wave.complete:
                raise InputError(
                    f"a budget of ${self.budget:g} does not pay for one answer of {self.entry.name}"
                )
            reason = next(iter(wave.failed.values()), "no answer was scored")
            raise EndpointError(f"{self.entry.name} cannot be asked: {reason}")
        margin, alpha, beta = self.rates
        enough = EntryRule.of(self.plan.metric, margin=margin, alpha=alpha, beta=beta).enough
        closed = pool_size(len(self.plan.split.tuning))
        return [
            compare_with_frontier(reading, rivals, self._sign, closed=closed, enough=enough)
            for reading in readings
        ]

    async def _decide(self, finalist: ScreenedConfig, finalists: int) -> Verdict:
        """Buy further examples that the rivals have answered, holdout first, until the pairs
        decide.
        """
        config, reading = finalist.reading.config, finalist.reading
        assert finalist.against is not None
        rivals, (margin, alpha, beta) = finalist.against.compared, self.rates
        rule = EntryRule.of(
            self.plan.metric,
            margin=margin,
            alpha=alpha,
            beta=beta,
            finalists=finalists,
            rivals=len(rivals),
        )
        tuning = len(self.plan.split.tuning)
        order = (*range(tuning, len(self.plan.examples)), *range(pool_size(tuning), tuning))
        number, complete, bought = len(self.trials), True, list[int]()
        answer, looks = compare_pairs(rule, {}, bought, rivals)
        while complete and answer == "undecided" and (left := unmet_examples(order, bought, looks)):
            block = left[: next_block(len(bought), BLOCK)]
            complete = await self._buy(number, config, block)
            bought += block
            readings = self.evaluator.reader.read(self.trials[number], [config])
            if readings:
                reading = readings[0]
                scores = dict(zip(reading.examples, map(float, reading.scores), strict=True))
                answer, looks = compare_pairs(rule, scores, bought, rivals)
        reason = "" if answer != "undecided" else "data" if complete else "money"
        flattered = any(position < tuning for position in bought)
        return Verdict(finalist, answer, reason, tuple(looks), flattered, reading.cost)

    async def _buy(self, number: int, config: Config, block: Sequence[int]) -> bool:
        """Ask for these examples exactly as the config would be in use; whether the money reached."""
        step = Step(number, config, tuple(block), config.n, config.max_tokens)
        wave = await self.evaluator.run([step], self.trials)
        if wave.failed:
            raise EndpointError(f"{self.entry.name} cannot be asked: {wave.failed[number]}")
        return wave.complete

    def _found(self, verdict: Verdict, tried: int, chosen: int) -> ChallengeResult:
        metric, closed = self.plan.metric, pool_size(len(self.plan.split.tuning))
        against = verdict.finalist.against
        found = ChallengeResult(
            answer=verdict.answer,
            reason=verdict.reason,
            config=verdict.finalist.reading.config,
            cost=verdict.cost,
            left_out=tuple(_against(rival, closed) for rival in against.left_out)
            if against
            else (),
            margin=self.rates[0] * (metric.mean_high - metric.low),
            tried=tried,
            finalists=chosen,
            spent=to_dollars(self.account.spent),
            budget=self.budget,
            notices=tuple(self._notices(verdict, tried)),
        )
        if not verdict.looks:
            return found
        first, *others = verdict.looks
        return replace(
            found,
            rival=first.rival.config,
            rival_cost=first.rival.cost,
            difference=first.pairs,
            beside=next((_against(look.rival, closed, look.pairs) for look in others), None),
        )

    def _notices(self, verdict: Verdict, tried: int) -> list[str]:
        """What a reader must not miss."""
        examples = self.plan.examples
        units, group = self.plan.split.count_clusters(examples), self.plan.identity.get("group")
        notices = [*together_notice(len(examples), units, group)]
        if verdict.flattered:
            notices.append(
                "Rivals were chosen by their scores on tuning examples, which flatters them where these are used."
            )
        if tried < len(self.configs):
            notices.append(
                f"Only {tried} of {len(self.configs)} prompts and ways of reading could be tried: "
                f"half of the budget did not pay for more, or the model does not take them."
            )
        return notices


def _against(rival: Rival, closed: int, pairs: Interval | None = None) -> FrontierComparison:
    return FrontierComparison(rival.config, rival.cost, rival.answers_from(closed), pairs)
