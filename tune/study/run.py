"""The run of one study: from its plan to the selected configuration on the holdout."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from tune.plan.plan import Plan
from tune.pricing.clock import Clock
from tune.providers.capabilities import Capabilities
from tune.providers.stack import Service
from tune.readout import Reading
from tune.readout.trial import Step, Trial
from tune.safety.decoration import Decorations
from tune.search.searcher import LimitedSearcher
from tune.space import Config
from tune.store.journal import Journal
from tune.store.ledger import Ledger
from tune.strategies import Outcome, Selection
from tune.strategies.measured_truncation import record_measured_caps
from tune.strategies.prior import PriorTrial
from tune.study.budget import StudyBudget
from tune.study.comparisons import SINGLE_ANSWERS, Comparisons, View
from tune.study.endings import end_trials, is_enough
from tune.study.evaluate import Evaluator
from tune.study.events import Event
from tune.study.explain import record_reasons, wave_orders
from tune.study.holdout import (
    NOT_MET,
    HoldoutReserve,
    HoldoutTest,
    buy_holdout,
    holdout_configs,
    plan_holdout,
    read_holdout_test,
    select_again,
    with_taken_cap,
)
from tune.study.progress import ProgressReporter
from tune.study.record import RunRecord, record_models, record_money, record_time
from tune.study.resume import RecordedWave, check_steps, dump_steps, read_history
from tune.study.scouts import known_now
from tune.study.selector import Selector
from tune.study.side_phases import SIDE_PHASES, SidePhases
from tune.study.standings import Standings
from tune.study.stop_reasons import ENOUGH, FINISHED, PAUSES, UNREAD
from tune.study.unbilled import Unbilled
from tune.study.unread import UnreadWatch
from tune.study.wave import Wave, dump_faults

T = TypeVar("T")


class Run:
    """The work of one process on one study. It drives the strategies, one phase after the other.

    Args:
        plan: the checked order.
        journal: keeps every wave, its outcome and the lessons.
        services: the models, by name.
        ledger: the money of the study.
        evaluator: buys the draws.
        emit: takes each event of the run; None where nobody watches it.
        decorations: keeps faults of decorations from ending the run.
        say: shows a person one sentence now.
        look: called with the trials after every wave.
        explain: shows a person what a wave buys and why, in one line.
        prior: trials of earlier studies that guide the search.

    Attributes:
        phase: "search", "final comparison", "single-answer comparison", "holdout", or one of
            `tune.study.side_phases`.
        trials: of the search, by number.
        side: the phases whose trials are no part of the search.
        standings: the trials with their readings.
        selector: selects among them.
        clock: the time of a study without a bill, else None.
    """

    def __init__(
        self,
        plan: Plan,
        journal: Journal,
        services: Mapping[str, Service],
        ledger: Ledger,
        evaluator: Evaluator,
        *,
        emit: Callable[[Event], None] | None = None,
        decorations: Decorations | None = None,
        say: Callable[[str], None] = lambda _: None,
        look: Callable[[Mapping[int, Trial]], None] = lambda _: None,
        explain: Callable[[str], None] = lambda _: None,
        prior: tuple[PriorTrial, ...] = (),
    ) -> None:
        self.plan = plan
        self.journal = journal
        self.services = services
        self.ledger = ledger
        self.evaluator = evaluator
        self.lessons = evaluator.lessons
        self.decorations = decorations or Decorations()
        self.look = look
        self.explain = explain
        self.prior = prior
        self.phase = "search"
        self.trials: dict[int, Trial] = {}
        self.history = read_history(journal.events)
        self.clock: Clock | None = None
        self.unbilled: Unbilled | None = None
        if plan.unbilled:
            self.clock = Clock(plan.time_limit or math.inf, journal.events)
            self.unbilled = Unbilled(services, self.clock, evaluator.reader.columns)
        self.budget = StudyBudget(plan, ledger, evaluator, self.clock)
        self.standings = Standings(
            self.trials, services, evaluator.reader, self.unbilled
        )
        self.selector = Selector(plan, self.budget, self.standings)
        self.side = SidePhases(self.selector, self.standings)
        self._reserve = HoldoutReserve(self.selector, self.standings, self.budget)
        self._unread = UnreadWatch(plan, evaluator.reader, say)
        self._progress = ProgressReporter(
            plan, ledger, self.clock, self.trials, self.selector, emit
        )
        self._stopped: str | None = None
        self._ending = self.history.ending
        self._holdout_reserve = 0

    async def go(self) -> RunRecord:
        """Search, compare the finalists, select a configuration, and test it on the holdout.

        Raises:
            ProviderError: the run was paused before anything was scored.
        """
        resumed = bool(self.history.start)
        # Lessons change the space, so they come before the searcher sees it.
        self.recall(self.history.first)
        self.budget.check_budget()
        self._reserve.update()
        self._progress.begin(str(self.journal.path.parent), resumed=resumed)
        async with self._progress.ticking():
            return await self._go()

    async def _go(self) -> RunRecord:
        """Go through the phases, as `go` says."""
        searcher = LimitedSearcher(
            self.plan.searcher(self.plan.space, self.plan.free, self.plan.seed),
            self.plan.trials,
        )
        problem = self.selector.problem()
        # Earlier studies guide what is bought, and nothing else.
        guided = replace(problem, prior=self.prior)
        ending = await self._drive(
            "search",
            lambda left: self.plan.strategy(guided, searcher, left),
        )
        # With more money than before, the search may end for another reason.
        self._ending = ending if isinstance(ending, str) else ""
        # Comparing finalists would spend money on answers that cannot be read.
        if self._stopped == UNREAD and not self._is_paused:
            end_trials(self.plan, self.trials)
            return self.record(stopped=UNREAD)
        comparisons = Comparisons(self._drive, self.selector, self.standings, self.side)
        selection = await comparisons.go(
            problem, lambda: self._stopped in (None, ENOUGH)
        )
        stopped = self._stopped or ("trials" if searcher.refused else FINISHED)
        single_answer = self.selector.single_answer(selection)
        if self.ledger.closed in PAUSES:
            # Also where the money or the time was used up before: the holdout is still to come.
            # Nothing was scored, so there is no result that the fault could be part of.
            if selection is None and self.evaluator.fault is not None:
                raise self.evaluator.fault
            return self.record(selection, single_answer, stopped=self.ledger.closed)
        end_trials(self.plan, self.trials)
        if selection is None:
            return self.record(stopped=stopped)
        tested = await self._test(selection, single_answer)
        if self.ledger.closed in PAUSES:
            stopped = self.ledger.closed
        return self.record(*tested, stopped=stopped)

    async def _drive(
        self,
        phase: str,
        begin: Callable[[float], Generator[list[Step], Outcome, T]],
        view: View | None = None,
    ) -> T | None:
        """Feed a strategy its recorded outcomes, then buy what it asks for.

        Args:
            phase: its name.
            begin: makes the strategy, from the dollars that are left.
            view: returns what it sees of the trials; all of them by default.

        Returns:
            The strategy's own return value.
        """
        self.phase = phase
        self._progress.phase(phase)
        if phase not in self.history.start:
            left = self.budget.left
            self.history.start[phase] = left
            # A paused run is still in the phase before; it goes on there when it is resumed.
            if not self._is_paused:
                self.journal.append("phase", name=phase, left=left)
        # From the money of the first start: a resumed study must make the same decisions.
        strategy = begin(self.history.start[phase])
        view = view or self.standings.weighed
        outcome: Outcome | None = None
        while True:
            try:
                # The first send starts the generator, so it has to be None.
                steps = strategy.send(outcome)  # type: ignore[arg-type]
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]
            self._progress.chosen(steps, replayed=self.history.replays)
            outcome = await self._wave(phase, steps, view)
            self.look(self.trials)
            self._progress.done(steps, self.ledger.closed or self._stopped)

    async def _wave(self, phase: str, steps: list[Step], view: View) -> Outcome:
        """Replay a wave that was recorded with its outcome; buy any other."""
        # Recorded waves come first. Then the study is live.
        if not self.history.waves:
            if not self._is_paused:
                self._note_wave(phase, steps)
            return await self._buy_wave(phase, steps, view)
        recorded = self.history.waves.pop(0)
        self.explain(recorded.line)
        # Another version may decide differently. Its waves would not fit the recorded draws.
        check_steps(recorded, phase, steps)
        if recorded.done:
            return await self._replay_wave(recorded, phase, steps, view)
        # The process ended inside this wave: what it learned there holds, the rest is bought.
        known = known_now(self.services)
        self.recall(recorded.lessons)
        return await self._buy_wave(phase, steps, view, known)

    def _note_wave(self, phase: str, steps: list[Step]) -> None:
        """Write a wave and its reasons into the journal, and say them, before it is bought."""
        orders = wave_orders(
            phase, steps, self.trials_of(phase), self.plan.baseline_point
        )
        timed = self.clock is not None
        fields = record_reasons(self.journal.events, orders, timed=timed)
        self.journal.append("wave", phase=phase, steps=dump_steps(steps), **fields)
        self.explain(fields["line"])

    async def _replay_wave(
        self, recorded: RecordedWave, phase: str, steps: list[Step], view: View
    ) -> Outcome:
        """Bring everything to where it was after a recorded wave; nothing is sent."""
        self.evaluator.replay(steps, self.trials_of(phase), recorded)
        self.note_measured_caps()
        self.recall(recorded.lessons)
        self.leave_out_lost(phase)
        self._note_stop(phase, recorded.stopped)
        return Outcome(
            standings=view(), left=recorded.left, complete=recorded.stopped is None
        )

    async def _buy_wave(
        self,
        phase: str,
        steps: list[Step],
        view: View,
        known: Capabilities | None = None,
    ) -> Outcome:
        """Buy a wave, and record its outcome.

        Args:
            phase: its name.
            steps: what to buy.
            view: returns what the strategy sees of the trials.
            known: what was known of models when it began in a process that was killed.
        """
        # After a replay, the reserve is still that of the beginning of the study.
        self._reserve.update()
        wave = await self._bought(steps, self.trials_of(phase), known)
        self.note_measured_caps()
        self.leave_out_lost(phase)
        self._reserve.update()
        left = self.budget.left
        stopped = self._stop_reason(phase, wave, view, left)
        self.decorations.attempt(
            "the look at answers that are not read",
            lambda: self._unread.tell(self.trials),
            None,
        )
        self._note_stop(phase, stopped)
        # A wave that was paused has no outcome yet: it goes on when the study is resumed.
        if stopped not in PAUSES:
            clock = {} if self.clock is None else self.clock.record()
            faults = dump_faults(wave)
            self.journal.append(
                "outcome", stopped=stopped, left=left, **clock, **faults
            )
        return Outcome(standings=view(), left=left, complete=stopped is None)

    def _stop_reason(
        self, phase: str, wave: Wave, view: View, left: float
    ) -> str | None:
        """Return why nothing is bought after a wave; None where the phase may go on."""
        stopped = None
        if not wave.complete:
            stopped = self.ledger.closed or "money"
        elif phase not in SIDE_PHASES and is_enough(
            self.plan, self.selector.problem(), phase, view(), left
        ):
            stopped = ENOUGH
        if phase != "search" or stopped in PAUSES:
            return stopped
        # More money would not help a study whose answers cannot be read.
        return UNREAD if self._unread.is_hopeless(self.trials) else stopped

    async def _bought(
        self, steps: list[Step], trials: dict[int, Trial], known: Capabilities | None
    ) -> Wave:
        """Buy a wave. Without a bill, the clock learns from it."""
        if self.unbilled is None:
            return await self.evaluator.run(steps, trials, known=known)
        with self.unbilled.timed(lambda: [*self.trials.values(), *self.side.trials()]):
            return await self.evaluator.run(steps, trials, known=known)

    def _open_holdout(self) -> None:
        """Begin the phase of the holdout, and give it the money that was kept for it."""
        self.phase = "holdout"
        self._progress.phase(self.phase)
        self.recall(self.history.last)
        # The end of the search closed the ledger. The holdout's reserve is still there.
        self.ledger.reopen()
        self._holdout_reserve = self.ledger.balance.holdout_reserve
        self.ledger.set_holdout_reserve(0)
        for service in self.services.values():
            # Calls with this purpose may use the reserve.
            service.metered.purpose = "holdout"

    async def _test(
        self, selection: Selection, single_answer: Reading | None
    ) -> tuple[Selection, Reading | None, HoldoutTest]:
        """Test the selected configuration and the single answer on the holdout.

        A model may refuse their settings only here: there may have been no money or time to try
        them before. That of the single answer may be lost. Then it is selected again without them.

        Returns:
            The selection and the single answer that were tested, and the result.
        """
        tested: set[tuple[Config, ...]] = set()
        while True:
            self.journal.append(
                "choice",
                config=dict(selection.shown.config),
                trial=selection.reading.trial,
                ending=self._ending,
            )
            self._progress.winner(selection)
            if not tested:
                self._open_holdout()
                self.settle_baseline()
            configs = holdout_configs(self.plan, selection, single_answer)
            tested.add(tuple(configs))
            steps, wave, test = await self._meet_holdout(configs)
            if self._is_paused:
                return selection, single_answer, test
            other, single = select_again(self.selector, selection, single_answer, test)
            if tuple(holdout_configs(self.plan, other, single)) not in tested:
                selection, single_answer = other, single
                continue
            # Only now: each one that is noted counts as an analysis of the holdout.
            self.journal.append("holdout", steps=dump_steps(steps), **dump_faults(wave))
            return selection, single_answer, test

    async def _meet_holdout(
        self, configs: Sequence[Config]
    ) -> tuple[list[Step], Wave, HoldoutTest]:
        """Buy a test on fresh examples.

        Args:
            configs: all different, the selected one first.

        Returns:
            The steps that were ordered, their outcome, and the result.
        """
        steps, trials = plan_holdout(self.plan, configs)
        # Without the selected model the test is worth nothing, so its loss pauses the run.
        self.evaluator.failures.needed = frozenset({configs[0].model})
        self._progress.chosen(steps, replayed=False)
        ordered, wave = await buy_holdout(self.evaluator, steps, trials)
        self.evaluator.failures.leave_out(self.trials, Wave())
        self._progress.done([], self.ledger.closed)
        searched = self.standings.readings()
        test = read_holdout_test(self.evaluator.reader, trials.values(), searched)
        return ordered, wave, test

    def settle_baseline(self) -> None:
        """Give a baseline without a max_tokens of its own one that its model takes."""
        self.plan = with_taken_cap(self.plan, self.lessons.space)

    def recall(self, lessons: Sequence[Mapping[str, Any]]) -> None:
        """Take in what was learned when this part of the study was live."""
        for lesson in lessons:
            self.lessons.recall(lesson)

    def trials_of(self, phase: str) -> dict[int, Trial]:
        """Return the trials that a phase buys for."""
        return self.side.trials_of(phase) if phase in SIDE_PHASES else self.trials

    def note_measured_caps(self) -> None:
        """Cut the draws of trials where the measured ones were cut, and read them again."""
        for number in record_measured_caps(self.trials, self.side.measuring):
            self.evaluator.reader.forget(number)

    def leave_out_lost(self, phase: str) -> None:
        """Fail the trials of the search whose models were lost in a phase beside it."""
        # Other waves do so themselves, and record it.
        if phase in SIDE_PHASES:
            self.evaluator.failures.leave_out(self.trials, Wave())

    def record(
        self,
        selection: Selection | None = None,
        single_answer: Reading | None = None,
        test: HoldoutTest = NOT_MET,
        *,
        stopped: str,
    ) -> RunRecord:
        """Return the record of the run as it stands now.

        Args:
            selection: the selected configuration.
            single_answer: the best reading of one answer alone.
            test: the result of the holdout.
            stopped: why the run ended.
        """
        return RunRecord(
            plan=self.plan,
            problem=self.selector.problem(),
            trials=self.trials,
            standings=self.standings.current(),
            weighed=self.standings.weighed(),
            selection=selection,
            single_answer=single_answer,
            holdout=test.readings,
            holdout_trials=test.trials,
            holdout_shared=test.shared,
            stopped=stopped,
            ending=self._ending,
            fault=self.evaluator.fault,
            models=record_models(self.services, self.evaluator.store, self.ledger),
            unanswerable=dict(self.lessons.unanswerable),
            money=record_money(self.ledger, self._holdout_reserve),
            time=record_time(self.clock),
            events=tuple(self.journal.events),
            reader=self.evaluator.reader,
        )

    @property
    def _is_paused(self) -> bool:
        """True where the same command goes on with the study later."""
        return self.ledger.closed in PAUSES

    def _note_stop(self, phase: str, stopped: str | None) -> None:
        """Keep the reason why the run ends. Used-up money overrides money that was kept."""
        if stopped not in PAUSES and phase in SIDE_PHASES:
            return
        # The final comparison, which may follow, has its own reason.
        if stopped == ENOUGH and phase == SINGLE_ANSWERS:
            return
        if self._stopped is None or (self._stopped == ENOUGH and stopped is not None):
            self._stopped = stopped
