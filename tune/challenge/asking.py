"""A new model is out: would it enter the frontier of a finished study? Only the new model is bought.

It answers the winner's prompt with the winner's n, cap, stops and aggregate, and with its own default settings. A
first block of examples, those on which the frontier's configs differ most, says what it costs; of the configs on the
frontier that cost no more, the best is its rival. The verdict is made on other examples, in the study's random order,
paired with the rival's stored draws, by bets that may be looked at after every one (`tune.sequential`).
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tune.capabilities import Capabilities
from tune.challenge.found import Answer, Challenge
from tune.database import Database
from tune.errors import BudgetError, EndpointError, InputError, StudyError
from tune.estimate import silent_endpoints
from tune.evaluate import Evaluator
from tune.journal import read_events
from tune.ledger import Account
from tune.plan import Plan, make_plan
from tune.pricing import Price, find_price, parse_price, to_dollars, to_picodollars
from tune.providers.services import Access, Entry, Service, build_stack, close_services, open_services, read_entries
from tune.replay import Recorded, check_identity, load_steps, read_faults, read_history
from tune.report import Report
from tune.sequential import paired_look
from tune.space import FREE, Config, read_toml
from tune.stats import Interval
from tune.store import Store
from tune.study import find_store, recorded_study
from tune.trial import Step, Trial

BLOCK = 8
"""Examples of the first block; later blocks are a tenth of what is there, where that is more."""

MAY_DIFFER = ("prices", "max_cost", "max_seconds", "goal", "min_quality", "margin", "trials")
"""What the study may be asked for with: it decides nothing about what was drawn."""


@dataclass(frozen=True, slots=True)
class Rival:
    """A config of the frontier: dollars per request, and its scores by position in the study's order."""

    config: Config
    cost: float
    scores: Mapping[int, float]


def challenge(
    folder: str | Path,
    data: Any = None,
    space: Any = None,
    *,
    model: str,
    budget: float,
    entry: Entry | None = None,
    base_url: str | None = None,
    price: Any = None,
    margin: float = 0.05,
    alpha: float = 0.05,
    beta: float = 0.05,
    notice: Callable[[str], None] = lambda _: None,
    **options: Any,
) -> Challenge:
    """Ask whether a new model would enter the frontier of a finished study.

    Args:
        folder: the study's results folder.
        data: as for the run.
        space: as for the run.
        model: the new model.
        budget: dollars for this question, never exceeded.
        entry: where the new model is; by default its `[models.NAME]` in the space file, else its name at `base_url`.
        base_url: an OpenAI-compatible endpoint of the new model.
        price: "IN/OUT" or "MODEL=IN/OUT" of the new model, or a `Price`.
        margin: how much better it would have to be to matter, as a share of the metric's range.
        alpha: how often "enters" may be wrong.
        beta: how often "does not enter" may be wrong.
        notice: called with one sentence for whatever a user should be told.
        options: as for the run (`target`, `metric`, `store`, ...).

    Raises:
        InputError: something given cannot be used; nothing was spent.
        TuneError: a call failed for good; what was bought is kept in the store.
    """
    if not 0 < margin < 1 or not (0 < alpha <= 0.5 and 0 < beta <= 0.5):
        raise InputError(f"`0 < margin < 1` and error rates up to 0.5 must hold, but got {margin}, {alpha}, {beta}")
    if not 0 < budget < math.inf:
        raise BudgetError(f"the budget is a number of dollars above 0, but got {budget!r}")
    place = Path(folder)
    events = read_events(place / "study.jsonl")
    report = recorded_study(place, events).record
    if report.winner is None:
        raise StudyError(f"the study in {str(place)!r} scored nothing: there is no frontier to enter")
    store = options.pop("store", None) or find_store(place)
    plan = _plan(events[0]["identity"], data, space, options, place)
    stated = (
        price if isinstance(price, Price) or price is None else parse_price(price if "=" in price else f"m={price}")[1]
    )
    asked = entry or _entry(model, base_url, space)
    own = stated or asked.price or find_price(asked.model, {}, base_url=asked.base_url)
    work = _Work(plan, events, report, asked, own, store, budget, margin, alpha, beta, notice)
    with ThreadPoolExecutor(1) as apart:  # an event loop of its own, also inside a running one
        return apart.submit(asyncio.run, work.go()).result()


def _entry(model: str, base_url: str | None, space: Any) -> Entry:
    """Where the new model is: as the space file says, else its own name."""
    table = read_toml(space) if isinstance(space, str | Path) else space if isinstance(space, Mapping) else {}
    listed = read_entries(table.get("models", {})).get(model, Entry(model, model))
    return listed if base_url is None else replace(listed, base_url=base_url, alias=None)


def _plan(identity: Mapping[str, Any], data: Any, space: Any, options: dict[str, Any], place: Path) -> Plan:
    """The study's own plan: where its models are, and at which prices, it recorded itself."""
    given: Any = {
        **options,
        "model": list(identity["models"]),
        "models": {name: {k: v for k, v in m.items() if v is not None} for name, m in identity["models"].items()},
        "price": {name: Price(*pair) for name, pair in identity["prices"].items()},
    }
    plan = make_plan(data, space, 1.0, given)
    check_identity(identity, plan.identity, place, besides=MAY_DIFFER)
    if plan.metric.costs:
        raise InputError(f"the metric {plan.metric.name!r} asks a model: a challenge cannot pay for its verdicts")
    return plan


@dataclass
class _Work:
    """One challenge; the fields are the arguments of `challenge`, read."""

    plan: Plan
    events: Sequence[Mapping[str, Any]]
    report: Report
    entry: Entry
    price: Price
    store: str
    budget: float
    margin: float
    alpha: float
    beta: float
    notice: Callable[[str], None]

    async def go(self) -> Challenge:
        db = Database(self.store)
        try:
            account = Account(db, f"challenge-{secrets.token_hex(4)}", to_picodollars(self.budget))
            generation = str(self.events[0]["id"]) if self.plan.fresh else ""
            access = Access(Store(db, generation=generation), account, Capabilities(), self.plan.concurrency,
                            notice=self.notice)  # fmt: skip
            live = await open_services({self.entry.name: self.entry}, {self.entry.name: self.price}, access)
            try:
                return await self._ask(live, access)
            finally:
                await close_services(live)
        finally:
            db.close()

    async def _ask(self, live: Mapping[str, Service], access: Access) -> Challenge:
        plan = self.plan
        silent = silent_endpoints({k: e for k, e in plan.entries.items() if k not in live}, access.capabilities)
        old = {k: build_stack(plan.entries[k], end, plan.prices[k], access) for k, end in silent.items()}
        self.evaluator = Evaluator(
            space=plan.space, free=plan.free, prompts=plan.prompts, examples=plan.examples, services={**old, **live},
            metric=plan.metric, extract=plan.extract, store=access.store, verifier=plan.verifier, seed=plan.seed,
        )  # fmt: skip
        rivals = await self._rivals()
        assert self.report.winner is not None
        kept = ("prompt", *FREE)
        values = {k: v for k, v in self.report.winner.config.items() if k in kept}
        self.config = Config({**values, "model": self.entry.name})
        self.trial = Trial(-1, self.config, self.config.max_tokens)
        first = self._telling(rivals)
        complete = await self._buy(first)
        reading = self.evaluator.read(self.trial, [self.config])
        if not reading:
            raise InputError(f"a budget of ${self.budget:g} does not pay for one answer of {self.entry.name}")
        cost = reading[0].cost
        within = [rival for rival in rivals if rival.cost <= cost and rival.scores]
        if not within:
            return self._end("enters", "", cost, None, None, access)
        sign = 1.0 if plan.metric.larger_is_better else -1.0
        rival = max(within, key=lambda r: sign * float(np.mean(list(r.scores.values()))))
        answer, reason, gap = await self._verdict(rival, set(first), complete)
        final = self.evaluator.read(self.trial, [self.config])[0].cost
        return self._end(answer, reason, final, rival, gap, access)

    async def _rivals(self) -> list[Rival]:
        """The frontier's configs with their scores, from the draws that the study bought."""
        trials: dict[int, Trial] = {}
        for wave in read_history(self.events).waves:
            if wave.done:
                await self.evaluator.replay(load_steps(wave.steps), trials, wave)
        met: dict[int, Trial] = {}
        event = next((event for event in reversed(self.events) if event["event"] == "holdout"), None)
        if event is not None:
            recorded = Recorded("holdout", event["steps"])
            read_faults(recorded, event)
            await self.evaluator.replay(load_steps(event["steps"]), met, recorded)
        found: dict[Config, Rival] = {}
        for row in (self.report.winner, self.report.baseline, *self.report.frontier):
            if row is None or row.cost is None or row.config in found:
                continue
            own = [trials[row.trial]] if row.trial in trials else []
            sources = own + [trial for trial in met.values() if Config(trial.point) == row.config]
            scores: dict[int, float] = {}
            for trial in sources:
                for reading in self.evaluator.read(trial, [row.config]):
                    scores |= dict(zip(reading.examples, map(float, reading.scores), strict=True))
            found[row.config] = Rival(row.config, row.cost.mean, scores)
        return list(found.values())

    def _telling(self, rivals: Sequence[Rival]) -> list[int]:
        """The tuning examples on which the rivals' scores differ most, a block of them."""

        def spread(position: int) -> float:
            scores = [rival.scores[position] for rival in rivals if position in rival.scores]
            return float(np.var(scores)) if scores else -1.0

        return sorted(range(len(self.plan.split.tuning)), key=lambda p: (-spread(p), p))[:BLOCK]

    async def _buy(self, block: Sequence[int]) -> bool:
        step = Step(-1, self.config, tuple(block), self.config.n, self.config.max_tokens)
        wave = await self.evaluator.run([step], {-1: self.trial})
        if self.trial.state == "failed":
            raise EndpointError(f"{self.entry.name} cannot be asked: {self.trial.reason}")
        return wave.complete

    async def _verdict(self, rival: Rival, screened: set[int], complete: bool) -> tuple[Answer, str, Interval]:
        """Buy further examples that the rival has answered, holdout first, until the pairs decide."""
        begin = len(self.plan.split.tuning)
        order = [p for p in (*range(begin, len(self.plan.examples)), *range(begin)) if p in rival.scores]
        order = [p for p in order if p not in screened]
        bought, (answer, gap) = 0, self._decide(rival, [])
        while bought < len(order) and complete:
            block = order[bought : bought + max(BLOCK, bought // 10)]
            complete = await self._buy(block)
            bought += len(block)
            answer, gap = self._decide(rival, order[:bought])
            if answer != "undecided":
                return answer, "", gap
        return answer, "data" if complete else "money", gap

    def _decide(self, rival: Rival, order: Sequence[int]) -> tuple[Answer, Interval]:
        """What the pairs show: better than the rival, or not better by the margin."""
        metric = self.plan.metric
        readings = self.evaluator.read(self.trial, [self.config])
        mine = dict(zip(readings[0].examples, readings[0].scores, strict=True)) if readings else {}
        pairs = [(float(mine[p]), rival.scores[p]) for p in order if p in mine]
        ours, theirs = ([pair[side] for pair in pairs] for side in (0, 1))
        sign = 1.0 if metric.larger_is_better else -1.0
        step = self.margin * (metric.high - metric.low)
        rates = (self.beta, self.alpha) if sign > 0 else (self.alpha, self.beta)
        sides = {"difference": step, "low": metric.low, "high": metric.high, "alpha": rates[0], "beta": rates[1]}
        seen = paired_look(ours, theirs, null=0.0, **sides)
        far = paired_look(ours, theirs, null=sign * step, **sides)
        if (seen.p_above if sign > 0 else seen.p_below) <= self.alpha:
            return "enters", seen.interval
        short = (far.p_below if sign > 0 else far.p_above) <= self.beta
        return ("does not enter" if short else "undecided"), seen.interval

    def _end(
        self, answer: Answer, reason: str, cost: float, rival: Rival | None, gap: Interval | None, access: Access
    ) -> Challenge:
        notices = []
        if rival is not None and any(p < len(self.plan.split.tuning) for p in rival.scores):
            notices.append(
                "The rival was chosen by its scores on tuning examples, which flatters it where they are used."
            )
        metric = self.plan.metric
        return Challenge(
            answer=answer, reason=reason, config=self.config, cost=cost,
            rival=None if rival is None else rival.config, rival_cost=None if rival is None else rival.cost,
            difference=gap, margin=self.margin * (metric.high - metric.low), spent=to_dollars(access.account.spent),
            budget=self.budget, notices=tuple(notices),
        )  # fmt: skip
