"""One study, from its plan to its frozen choice on the holdout: the straight line of a run."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias, TypeVar

from tune.export import carriable
from tune.plan.plan import Plan
from tune.pricing.clock import Clock
from tune.pricing.prices import to_dollars
from tune.providers.stack import Service
from tune.readout import Reading
from tune.readout.trial import Step, Trial
from tune.report.unread_text import unread_sentence
from tune.safety.decoration import Decorations
from tune.search.searcher import LimitedSearcher
from tune.space import Config
from tune.store.admission import Account
from tune.store.journal import Journal
from tune.strategies import Outcome, Problem, Selection, Standing, final_comparison
from tune.strategies.measured_truncation import (
    FIRST_NUMBER,
    PHASES,
    measure_caps,
    record_measured_caps,
    select_measured,
)
from tune.strategies.select import select_config
from tune.strategies.stopping import final_comparison_prospect, search_prospect
from tune.study.budget import StudyBudget
from tune.study.evaluate import Evaluator
from tune.study.failures import LOST, QUOTA
from tune.study.progress import Progress
from tune.study.resume import History, check_steps, dump_steps, read_history
from tune.study.standings import Standings
from tune.study.unbilled import Unbilled, in_dollars
from tune.study.unread import find_unread, is_all_unread
from tune.study.wave import Wave, dump_faults

FINISHED = "finished"
INTERRUPTED = "interrupted"
PAUSES = frozenset({INTERRUPTED, QUOTA, LOST})
"""Reasons after which the same command goes on: a user's wish, a quota that is used up, no model
left that answers.
"""

ENOUGH = "gain"
"""The rest of the money was expected to gain too little."""

UNREAD = "unread"
"""The answers of every prompt are not read rightly; see `tune.study.unread`."""

HOLDOUT_BLOCK = 4
"""Holdout examples for which the choice and the baseline are admitted together: a prefix has both."""

T = TypeVar("T")

View: TypeAlias = Callable[[], Mapping[int, Standing]]
"""What a strategy sees of the trials."""


@dataclass(slots=True)
class Findings:
    """What a run found out.

    Attributes:
        trials: every trial of the search, by number. choice: the frozen choice and its runners-up,
        or None where nothing was scored. carried: the best reading of one answer alone, for agents
        that take no more; None where there is none. holdout: readings of the choice, the carried
        one and the baseline on holdout examples, by config. tested: the trials of the holdout, by
        config. stopped: why it ended: "finished", "gain", "money", "time", "trials", "unread",
        "interrupted", "quota" or
            "endpoints".
    """

    trials: dict[int, Trial]
    choice: Selection | None = None
    carried: Reading | None = None
    holdout: Mapping[Config, Reading] | None = None
    tested: Mapping[Config, Trial] = field(default_factory=dict)
    stopped: str = "finished"


class Run:
    """The work of one process on one study.

    Args:
        notices: sentences that users should be told, as they come up.
        observer: called with a `Progress` after every purchase and every wave.
        say: shows a person one sentence now.
        decorations: keeps faults of what only decorates the run from ending it.
    """

    def __init__(
        self,
        plan: Plan,
        journal: Journal,
        services: Mapping[str, Service],
        account: Account,
        evaluator: Evaluator,
        notices: Collection[str],
        observer: Callable[[Progress], None] = lambda _: None,
        decorations: Decorations | None = None,
        say: Callable[[str], None] = lambda _: None,
        look: Callable[[Mapping[int, Trial]], None] = lambda _: None,
    ) -> None:
        self.plan, self.journal, self.services = plan, journal, services
        self.account, self.evaluator, self.observer = account, evaluator, observer
        self.notices = notices
        self.decorations, self.say = decorations or Decorations(), say
        self._told: set[str] = set()
        self.look = look
        self.clock = Clock(plan.time_limit or math.inf, journal.events) if plan.unbilled else None
        self.unbilled = Unbilled(services, self.clock) if self.clock is not None else None
        self.budget = StudyBudget(plan, account, evaluator, self.clock)
        self.trials: dict[int, Trial] = {}
        self.measuring: dict[int, Trial] = {}
        self.lessons = evaluator.lessons
        self.history: History = read_history(journal.events)
        self.phase = "search"
        self.kept = 0
        """Picodollars that the search left to the holdout."""
        self._stopped: str | None = None
        self._began = time.monotonic()
        self._spent_before = to_dollars(account.spent)
        self._standings = Standings(services, evaluator)
        self._kept_for: dict[int, Standing] | None = None

    # --- the line
    # ---------------------------------------------------------------------------------------------

    async def go(self) -> Findings:
        """Search, tell the finalists apart, freeze the choice, and meet the holdout.

        Where the choice is none that an agent can carry, those that it can are told apart too, with
        what is left.
        """
        findings = Findings(self.trials)
        self.recall(self.history.first)
        self.budget.check_budget()
        self._reserve_holdout()
        proposed = LimitedSearcher(
            self.plan.searcher(self.plan.space, self.plan.free, self.plan.seed), self.plan.trials
        )
        problem = self.problem()
        await self._drive("search", lambda left: self.plan.strategy(problem, proposed, left))
        if self._stopped == UNREAD and self.account.closed not in PAUSES:
            findings.stopped = UNREAD
            self.end_trials()
            return findings
        await self._measure(PHASES[0], problem)
        findings.choice = await self._drive(
            "endgame", lambda left: final_comparison(problem, self.contenders(), left)
        )
        if (
            findings.choice
            and not self._carriable(findings.choice.shown.config)
            and self._stopped in (None, ENOUGH)
        ):
            agents = self._agents_standings
            await self._drive(
                "agents", lambda left: final_comparison(problem, agents(), left), agents
            )
            findings.choice = select_config(
                problem, self.contenders()
            )  # more is known of trials that both phases had
        await self._measure(PHASES[1], problem)
        if findings.choice is not None:
            findings.choice = self._in_dollars(select_measured(problem, self.contenders()))
        findings.stopped = self._stopped or ("trials" if proposed.refused else FINISHED)
        findings.carried = self.carried(findings.choice)
        if self.account.closed in PAUSES:
            # Also where the money or the time was up before: the holdout is still to come.
            findings.stopped = self.account.closed
            if findings.choice is None and self.evaluator.fault is not None:
                raise self.evaluator.fault
            return findings
        self.end_trials()
        if findings.choice is None:
            return findings
        self.journal.append(
            "choice", config=dict(findings.choice.shown.config), trial=findings.choice.reading.trial
        )
        findings.holdout, findings.tested = await self._meet_holdout(findings)
        if self.account.closed in PAUSES:
            findings.stopped = self.account.closed
        return findings

    async def _measure(self, phase: str, problem: Problem) -> None:
        """Buy a few draws at the cap that would be chosen, where nobody knows where it cuts."""
        number = FIRST_NUMBER + len(self.measuring)
        await self._drive(phase, lambda left: measure_caps(problem, self.contenders, number, left))

    async def _drive(
        self,
        phase: str,
        begin: Callable[[float], Generator[list[Step], Outcome, T]],
        view: View | None = None,
    ) -> T | None:
        """Feed a strategy its recorded outcomes, then buy what it asks for; its return value, if it
        ended itself.

        Args:
            phase: its name.
            begin: makes the strategy, from the dollars that are left.
            view: what it sees of the trials; all by default.
        """
        self.phase = phase
        if phase not in self.history.start:
            self.history.start[phase] = self.budget.left
            if (
                self.account.closed not in PAUSES
            ):  # else the phase before is not over, and goes on when resumed
                self.journal.append("phase", name=phase, left=self.history.start[phase])
        strategy = begin(self.history.start[phase])
        outcome: Outcome | None = None
        while True:
            try:
                steps = strategy.send(outcome)  # type: ignore[arg-type]
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]
            outcome = await self._wave(phase, steps, view or self.contenders)
            self.look(self.trials)
            self._report()

    async def _wave(self, phase: str, steps: list[Step], view: View) -> Outcome:
        """Buy a wave, or replay it from the store when it was recorded."""
        recorded = self.history.waves.pop(0) if self.history.waves else None
        if recorded is not None:
            check_steps(recorded, phase, steps)
        elif self.account.closed not in PAUSES:
            self.journal.append("wave", phase=phase, steps=dump_steps(steps))
        if recorded is not None and recorded.done:
            await self.evaluator.replay(steps, self.trials_of(phase), recorded)
            self.note_measures()
            self.recall(recorded.lessons)
            if phase not in PHASES:
                self._note_stop(recorded.stopped)
            return Outcome(standings=view(), left=recorded.left, complete=recorded.stopped is None)
        if recorded is not None:
            self.recall(recorded.lessons)  # of a wave in which the process ended
        self._reserve_holdout()  # after a replay it is what it was when the study began
        wave = await self._bought(steps, self.trials_of(phase))
        self.note_measures()
        stopped = None if wave.complete else self.account.closed or "money"
        self._reserve_holdout()
        left = self.budget.left
        if stopped is None and phase not in PHASES and self._is_enough(phase, view(), left):
            stopped = ENOUGH
        if stopped not in PAUSES and phase == "search" and self._is_unread():
            stopped = UNREAD
        self.decorations.attempt(
            "the look at answers that are not read", self._say_what_is_unread, None
        )
        if phase not in PHASES or stopped in PAUSES:
            self._note_stop(stopped)
        if stopped not in PAUSES:
            clock = self.clock.record() if self.clock is not None else {}
            self.journal.append("outcome", stopped=stopped, left=left, **clock, **dump_faults(wave))
        return Outcome(standings=view(), left=left, complete=stopped is None)

    def trials_of(self, phase: str) -> dict[int, Trial]:
        """The trials that a phase buys for."""
        return self.measuring if phase in PHASES else self.trials

    def note_measures(self) -> None:
        """Have trials cut as it was measured, and read again where that is news."""
        for number in record_measured_caps(self.trials, self.measuring):
            self.evaluator.forget(number)

    async def _bought(self, steps: list[Step], trials: dict[int, Trial]) -> Wave:
        """Buy a wave; where nobody is billed, the clock learns from it."""
        if self.unbilled is None:
            return await self.evaluator.run(steps, trials)
        with self.unbilled.timed(lambda: [*self.trials.values(), *self.measuring.values()]):
            return await self.evaluator.run(steps, trials)

    def recall(self, lessons: Sequence[Mapping[str, Any]]) -> None:
        """Take in what was learned when this was live."""
        for lesson in lessons:
            self.lessons.recall(lesson)

    def _reserve_holdout(self) -> None:
        """Keep the holdout's money: for what would be chosen now, and for what else leads."""
        if self.clock is not None:
            return  # the time limit is that of the search: the holdout is not cut short by it
        standings = self.standings()
        if standings != self._kept_for:  # else it was done when they came to be what they are
            self._kept_for = standings
            choice = select_config(self.problem(), standings)
            self.budget.reserve_holdout(self.readings(), choice.extrapolated if choice else None)

    def _is_enough(self, phase: str, standings: Mapping[int, Standing], left: float) -> bool:
        """Whether the rest of the money is expected to gain less than the user cares for."""
        if self.plan.min_gain <= 0:
            return False
        expect = search_prospect if phase == "search" else final_comparison_prospect
        gain = expect(self.problem(), standings, left).gain
        return (
            0 < gain < self.plan.min_gain
        )  # where there is nothing to gain, the strategy ends by itself

    def _is_unread(self) -> bool:
        """Whether more money would be wasted, as no prompt's answers are read rightly."""
        return not self.plan.keep_going and is_all_unread(self.plan, self.evaluator, self.trials)

    def _say_what_is_unread(self) -> None:
        """Tell once of each prompt of which nearly all answers score the worst value."""
        for one in find_unread(self.plan, self.evaluator, self.trials):
            if one.prompt not in self._told:
                self._told.add(one.prompt)
                self.say(unread_sentence(one))

    def _note_stop(self, stopped: str | None) -> None:
        """Keep why the run ends; money that ran out after all was not kept."""
        if self._stopped is None or (self._stopped == ENOUGH and stopped is not None):
            self._stopped = stopped

    # --- what the strategy may know
    # ---------------------------------------------------------------------------

    def problem(self) -> Problem:
        """The study as a strategy sees it."""
        plan = self.plan
        return Problem(
            space=plan.space,
            free=plan.free,
            examples=len(plan.split.tuning),
            seed=plan.seed,
            low=plan.metric.low,
            high=plan.metric.high,
            larger_is_better=plan.metric.larger_is_better,
            max_cost=None if plan.unbilled else plan.max_cost,  # $0 keeps every limit
            max_seconds=plan.max_seconds,
            ceiling=self.budget.ceiling,
            baseline=plan.baseline_point,
            goal=plan.goal,
            min_quality=plan.min_quality,
            margin=plan.margin,
            baseline_config=plan.baseline,
            max_extrapolated_cost=self.budget.max_extrapolated_cost,
        )

    def standings(self) -> dict[int, Standing]:
        """Every trial with its readings, from the draws it has."""
        return self._standings.of(self.trials)

    def contenders(self) -> dict[int, Standing]:
        """Every trial as strategies weigh it: in dollars, or in seconds of service where nobody is
        billed.
        """
        standings = self.standings()
        return (
            standings if self.unbilled is None else self.unbilled.contenders(standings, self.trials)
        )

    def weigh(self, reading: Reading) -> Reading:
        """A reading with the cost by which it is compared: likewise."""
        return reading if self.unbilled is None else self.unbilled.weigh(reading)

    def _in_dollars(self, choice: Selection | None) -> Selection | None:
        """A choice with its costs as they are shown."""
        return choice if choice is None or self.unbilled is None else in_dollars(choice)

    def readings(self) -> list[Reading]:
        """Every reading of every trial."""
        return [reading for standing in self.standings().values() for reading in standing.readings]

    # --- the choice and the holdout
    # ---------------------------------------------------------------------------

    def _oriented(self, score: float) -> float:
        """A score as a share of the metric's range, larger is better."""
        metric = self.plan.metric
        share = (score - metric.low) / (metric.high - metric.low)
        return share if metric.larger_is_better else 1.0 - share

    def carried(self, choice: Selection | None) -> Reading | None:
        """The reading to hand to agents that take one answer of a chat: the choice itself where it
        is one.

        Else what would have been chosen had there been no others.
        """
        if choice is None:
            return None
        if self._carriable(choice.shown.config):
            return choice.reading
        best = self._in_dollars(
            select_measured(
                replace(self.problem(), max_extrapolated_cost=0.0), self._agents_standings()
            )
        )
        return None if best is None or not self._affordable(best.reading) else best.reading

    def _agents_standings(self) -> dict[int, Standing]:
        """Every trial with the readings of it that an agent can carry."""
        return {
            number: replace(
                standing, readings=tuple(r for r in standing.readings if self._carriable(r.config))
            )
            for number, standing in self.contenders().items()
        }

    def end_trials(self) -> None:
        """Say of every trial how it ended, now that nothing more is bought for it."""
        whole = len(self.plan.split.tuning)
        for trial in self.trials.values():
            if trial.state == "running":
                met = len(trial.draws) + len(trial.config_failed)
                trial.state = "complete" if met >= whole else "stopped"
                trial.reason = (
                    ""
                    if met >= whole
                    else f"after {met} of {whole} examples: others were preferred"
                )

    def _carriable(self, config: Config) -> bool:
        return carriable(config, raw=self.plan.prompts[config.prompt].raw)

    def _affordable(self, reading: Reading) -> bool:
        plan = self.plan
        return (plan.max_cost is None or reading.cost <= plan.max_cost) and (
            plan.max_seconds is None or reading.mean_seconds <= plan.max_seconds
        )

    async def _meet_holdout(
        self, findings: Findings
    ) -> tuple[dict[Config, Reading], dict[Config, Trial]]:
        """Buy the frozen choice and the baseline, each with its own n, max_tokens and stop, on
        fresh examples.

        They are admitted block by block together, so that whatever the money reaches is paired.
        """
        assert findings.choice is not None
        self.phase = "holdout"
        self.recall(self.history.last)
        self.account.reopen()
        self.kept = self.account.balance.envelope
        self.account.set_aside(0)
        for service in self.services.values():
            service.metered.purpose = "holdout"
        configs = list(dict.fromkeys([findings.choice.shown.config, self.plan.baseline]))
        if findings.carried is not None and findings.carried.config not in configs:
            configs.append(findings.carried.config)
        trials = {i: Trial(i, config, config.max_tokens) for i, config in enumerate(configs)}
        first, last = len(self.plan.split.tuning), len(self.plan.examples)
        blocks = [
            range(start, min(start + HOLDOUT_BLOCK, last))
            for start in range(first, last, HOLDOUT_BLOCK)
        ]
        steps = [
            Step(trial.number, trial.point, tuple(block), config.n, trial.cap)
            for block in blocks
            for config, trial in zip(configs, trials.values(), strict=True)
        ]
        self.evaluator.failures.needed = frozenset({findings.choice.shown.config.model})
        wave = await self.evaluator.run(steps, trials)
        if self.account.closed not in PAUSES:
            self.journal.append("holdout", steps=dump_steps(steps), **dump_faults(wave))
        self._report()
        found = {
            config: self.evaluator.read(trials[i], [config]) for i, config in enumerate(configs)
        }
        readings = {config: read[0] for config, read in found.items() if read}
        return readings, {config: trials[i] for i, config in enumerate(configs)}

    # --- progress
    # ---------------------------------------------------------------------------------------------

    def _report(self) -> None:
        """Tell the observer where the run stands; whatever goes wrong with that, the run goes on."""
        self.decorations.attempt("the progress display", self._show_progress, None)

    def _show_progress(self) -> None:
        seconds = time.monotonic() - self._began
        spent = to_dollars(self.account.spent)
        rate = (spent - self._spent_before) / seconds if seconds > 1 else 0.0
        self.observer(
            Progress(
                phase=self.phase,
                trials=len(self.trials),
                spent=spent,
                budget=self.plan.budget,
                best=self._leader(),
                seconds=seconds,
                left_seconds=self._seconds_left(spent, rate),
                time_limit=None if self.clock is None else self.clock.limit,
                low=self.plan.metric.low,
                high=self.plan.metric.mean_high,
            )
        )

    def _seconds_left(self, spent: float, rate: float) -> float | None:
        """How long the search may still take: by its clock, else by the dollars that are left."""
        if self.clock is not None:
            return None if self.phase == "holdout" else self.clock.seconds_left
        return (self.plan.budget - spent) / rate if rate > 0 else None

    def _leader(self) -> Reading | None:
        """The best reading so far, of those on at least a block of examples."""
        readings = [
            r
            for s in self._standings.known()
            for r in s.readings
            if r.n_examples >= 8 and self._affordable(r)
        ]
        return max(readings, key=lambda r: (self._oriented(r.mean), -r.cost), default=None)
