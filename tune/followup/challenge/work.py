"""The work of a challenge: screen every way of asking the new model, then decide the best ones."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tune.errors import EndpointError, InputError
from tune.followup.challenge.result import (
    ChallengeResult,
    EntryDecision,
    FrontierComparison,
)
from tune.followup.challenge.rivals import Rival, read_rivals
from tune.followup.challenge.rule import (
    EntryRule,
    PairedResult,
    compare_pairs,
    unmet_examples,
)
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
from tune.plan.followup_options import ChallengeRates
from tune.plan.plan import Plan
from tune.plan.token_counts import offline_endpoints
from tune.pricing.amounts import stated_dollars
from tune.pricing.prices import Price, to_dollars, to_picodollars
from tune.providers.capabilities import Capabilities
from tune.providers.entries import Entry
from tune.providers.stack import Service, StackContext, build_stack
from tune.readout import Reading
from tune.readout.trial import Step, Trial
from tune.report import Report
from tune.space import Config
from tune.stats.confidence_sequences import clusters_notice, next_block_size
from tune.stats.intervals import Interval
from tune.store.database import Database
from tune.store.draws import Store
from tune.store.ledger import Ledger
from tune.study.connect import connect_services, make_evaluator
from tune.study.evaluate import Evaluator

SCREENING = 0.5
"""The largest share of the budget for choosing among several ways; the rest is for the verdict."""

_RANK = ("enters", "undecided", "does not enter")


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome for one finalist.

    Attributes:
        finalist: the way of asking the new model.
        answer: "enters", "does not enter" or "undecided".
        reason: why it is undecided: "money", "data" or "".
        looks: the comparison with each rival, the one that decides first.
        flattered: whether tuning examples had a part in it, because rivals are chosen by them.
        cost: dollars per request.
    """

    finalist: ScreenedConfig
    answer: EntryDecision
    reason: str
    looks: tuple[PairedResult, ...]
    flattered: bool
    cost: float


@dataclass
class ChallengeWork:
    """One challenge, with everything that it needs.

    Attributes:
        plan: the study's own plan.
        events: the study's journal.
        report: the study's result.
        entry: where the new model is.
        price: the price of the new model.
        store: where the study's draws are.
        budget: dollars that are never exceeded.
        rates: the margin and the error rates.
        notice: called with one sentence for whatever a user should be told.
    """

    plan: Plan
    events: Sequence[Mapping[str, Any]]
    report: Report
    entry: Entry
    price: Price
    store: str
    budget: float
    rates: ChallengeRates
    notice: Callable[[str], None]

    async def go(self) -> ChallengeResult:
        """Buy what it takes, and return the result."""
        plan, db = self.plan, Database(self.store)
        try:
            # A ledger for this question alone: the study's own budget is not touched.
            name = f"challenge-{secrets.token_hex(4)}"
            self.ledger = Ledger(db, name, to_picodollars(self.budget))
            # Draws count as the study's own, because they answer the study's examples.
            study = str(self.events[0]["id"])
            # A study with --fresh has its own generation of draws, so its rivals are only found
            # there.
            draws = Store(db, generation=study if plan.fresh else "", study=study)
            context = StackContext(
                draws,
                self.ledger,
                Capabilities(),
                plan.concurrency,
                notice=self.notice,
            )
            self.configs = candidate_configs(self.report, self.entry.name)
            self.trials: dict[int, Trial] = {}
            entries, prices = (
                {self.entry.name: self.entry},
                {self.entry.name: self.price},
            )
            async with (
                connect_services(entries, prices, context) as (live, _),
                # The judge stays as it was, even where the new model has its name.
                connect_services({}, plan.prices, context, judge=plan.judge) as (
                    _,
                    judge,
                ),
            ):
                self.evaluator = self._evaluator(live, judge, context)
                return await self._ask()
        finally:
            db.close()

    @property
    def _sign(self) -> float:
        return 1.0 if self.plan.metric.larger_is_better else -1.0

    def _evaluator(
        self, live: Mapping[str, Service], judge: Service | None, context: StackContext
    ) -> Evaluator:
        """Return an evaluator of the new model and of the study's own, which are only read."""
        plan = self.plan
        # Offline endpoints refuse every call. A rival whose draw is missing from the store must not
        # be bought again here.
        old = {name: entry for name, entry in plan.entries.items() if name not in live}
        services = {}
        for name, endpoint in offline_endpoints(old, context.capabilities).items():
            services[name] = build_stack(
                old[name], endpoint, plan.prices[name], context
            )
        most = max(config.max_tokens for config in self.configs)
        # The judge is reserved for the longest answer that can come.
        caps = dict.fromkeys(live, most)
        return make_evaluator(
            plan, {**services, **live}, context.store, judge=judge, caps=caps
        )

    async def _ask(self) -> ChallengeResult:
        rivals = await read_rivals(self.evaluator, self.report, self.events)
        tried = await self._screen(rivals)
        # Without a rival that costs no more, the config is on the frontier by its cost alone.
        cheapest = [each for each in tried if each.against is None]
        if cheapest:
            best = max(cheapest, key=lambda each: self._sign * each.reading.mean)
            verdict = Verdict(best, "enters", "", (), False, best.reading.cost)
            return self._result(verdict, len(tried), 0)
        chosen = finalists(tried)
        verdicts: list[Verdict] = []
        for finalist in chosen:
            verdicts.append(await self._decide(finalist, len(chosen)))
            # One config that enters answers the question. The rest would only cost money.
            if verdicts[-1].answer == "enters":
                break

        def order(verdict: Verdict) -> tuple[int, float]:
            return _RANK.index(verdict.answer), -self._sign * verdict.looks[
                0
            ].pairs.mean

        return self._result(min(verdicts, key=order), len(tried), len(chosen))

    async def _screen(self, rivals: Sequence[Rival]) -> list[ScreenedConfig]:
        """Try every way on the most informative examples."""
        tuning = len(self.plan.split.tuning)
        known = [rival for rival in rivals if not rival.few]
        steps = screening_steps(
            self.configs, self.plan.free, most_informative(known, tuning)
        )
        if len(self.configs) > 1:
            # Screening must not use up the money that the decision needs.
            self.ledger.set_holdout_reserve(int((1 - SCREENING) * self.ledger.budget))
        wave = await self.evaluator.run(list(steps), self.trials)
        self.ledger.set_holdout_reserve(0)
        readings: list[Reading] = []
        for step, group in steps.items():
            readings += self.evaluator.reader.read(self.trials[step.trial], group)
        if not readings:
            if not wave.complete:
                raise InputError(
                    f"a budget of {stated_dollars(self.budget)} does not pay for one answer of "
                    f"{self.entry.name}"
                )
            # The service's own words help more than ours.
            reason = next(iter(wave.failed.values()), "no answer was scored")
            raise EndpointError(f"{self.entry.name} cannot be asked: {reason}")
        enough, closed = self._rule().enough, pool_size(tuning)
        return [
            compare_with_frontier(
                reading, rivals, self._sign, closed=closed, enough=enough
            )
            for reading in readings
        ]

    def _rule(self, *, finalists: int = 1, rivals: int = 1) -> EntryRule:
        rates = self.rates
        return EntryRule.of(
            self.plan.metric,
            margin=rates.margin,
            alpha=rates.alpha,
            beta=rates.beta,
            finalists=finalists,
            rivals=rivals,
        )

    async def _decide(self, finalist: ScreenedConfig, finalists: int) -> Verdict:
        """Buy further examples that the rivals have answered, until the pairs decide.

        Examples of the holdout come first: no rival was chosen by them.
        """
        config, reading = finalist.reading.config, finalist.reading
        assert finalist.against is not None
        rivals = finalist.against.compared
        rule = self._rule(finalists=finalists, rivals=len(rivals))
        tuning, count = len(self.plan.split.tuning), len(self.plan.examples)
        # The holdout's positions follow those of tuning. The pool of the screening block comes last
        # and is left out, because finalists were chosen by it.
        order = (*range(tuning, count), *range(pool_size(tuning), tuning))
        # A new trial for each finalist: its draws are n answers per request, as in production.
        number, complete, bought = len(self.trials), True, list[int]()
        answer, looks = compare_pairs(rule, {}, bought, rivals)
        while complete and answer == "undecided":
            left = unmet_examples(order, bought, looks)
            if not left:
                break
            # Later blocks are larger: one more small look at many pairs would rarely change the
            # decision.
            block = left[: next_block_size(len(bought), BLOCK)]
            complete = await self._buy(number, config, block)
            bought += block
            readings = self.evaluator.reader.read(self.trials[number], [config])
            if readings:
                reading = readings[0]
                scores = dict(
                    zip(reading.examples, map(float, reading.scores), strict=True)
                )
                answer, looks = compare_pairs(rule, scores, bought, rivals)
        reason = ""
        if answer == "undecided":
            reason = "data" if complete else "money"
        # Rivals were selected on tuning examples, so they look better there than they are.
        flattered = any(position < tuning for position in bought)
        return Verdict(finalist, answer, reason, tuple(looks), flattered, reading.cost)

    async def _buy(self, number: int, config: Config, block: Sequence[int]) -> bool:
        """Ask for these examples exactly as the config would be in use.

        Returns:
            True where the money was enough for all of them.
        """
        step = Step(number, config, tuple(block), config.n, config.max_tokens)
        wave = await self.evaluator.run([step], self.trials)
        if wave.failed:
            raise EndpointError(
                f"{self.entry.name} cannot be asked: {wave.failed[number]}"
            )
        return wave.complete

    def _result(self, verdict: Verdict, tried: int, chosen: int) -> ChallengeResult:
        metric, closed = self.plan.metric, pool_size(len(self.plan.split.tuning))
        against = verdict.finalist.against
        left_out = against.left_out if against else ()
        found = ChallengeResult(
            answer=verdict.answer,
            reason=verdict.reason,
            config=verdict.finalist.reading.config,
            cost=verdict.cost,
            left_out=tuple(_comparison(rival, closed) for rival in left_out),
            margin=self.rates.margin * (metric.mean_high - metric.low),
            tried=tried,
            finalists=chosen,
            spent=to_dollars(self.ledger.spent),
            budget=self.budget,
            notices=tuple(self._notices(verdict, tried)),
        )
        if not verdict.looks:
            return found
        first, *others = verdict.looks
        beside = None
        if others:
            beside = _comparison(others[0].rival, closed, others[0].pairs)
        return replace(
            found,
            rival=first.rival.config,
            rival_cost=first.rival.cost,
            difference=first.pairs,
            beside=beside,
        )

    def _notices(self, verdict: Verdict, tried: int) -> list[str]:
        """Return the sentences that a reader must not miss."""
        examples, group = self.plan.examples, self.plan.identity.get("group")
        clusters = self.plan.split.count_clusters(examples)
        notices = [*clusters_notice(len(examples), clusters, group)]
        if verdict.flattered:
            notices.append(
                "Rivals were chosen by their scores on tuning examples, which flatters them where "
                "these are used."
            )
        if tried < len(self.configs):
            notices.append(
                f"Only {tried} of {len(self.configs)} prompts and ways of reading could be tried: "
                f"half of the budget did not pay for more, or the model does not take them."
            )
        return notices


def _comparison(
    rival: Rival, closed: int, pairs: Interval | None = None
) -> FrontierComparison:
    return FrontierComparison(
        rival.config, rival.cost, rival.answers_from(closed), pairs
    )
