"""The progress of a run, as events for those who watch it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

from tune.errors import StoreError
from tune.plan.plan import Plan
from tune.pricing.clock import Clock
from tune.pricing.prices import to_dollars
from tune.readout import Reading
from tune.readout.trial import Step, Trial
from tune.stats.intervals import mean_interval
from tune.store.ledger import Ledger
from tune.strategies import Selection
from tune.study.events import (
    BestSoFar,
    ChosenStep,
    Event,
    PhaseBegan,
    Progress,
    StudyBegan,
    TrialFailed,
    TrialScored,
    WaveChosen,
    WaveDone,
    WinnerChosen,
    ignore,
)
from tune.study.selector import Selector

TICK = 0.5
"""Seconds between two records of the progress within a wave."""


class ProgressReporter:
    """Tells observers what a run does, and where it stands.

    Args:
        plan: what is asked for.
        ledger: the money of the study.
        clock: the time of the study where nobody is billed, else None.
        trials: of the search, by number; new ones may be added to it.
        selector: knows the best readings so far.
        emit: takes each event; None where nobody watches.
    """

    def __init__(
        self,
        plan: Plan,
        ledger: Ledger,
        clock: Clock | None,
        trials: Mapping[int, Trial],
        selector: Selector,
        emit: Callable[[Event], object] | None,
    ) -> None:
        self._plan = plan
        self._ledger = ledger
        self._clock = clock
        self._selector = selector
        self._emit = emit or ignore
        self._watched = emit is not None
        self._began = time.monotonic()
        self._spent_before = to_dollars(ledger.spent)
        self._phase = "search"
        self._trials = trials
        self._best: tuple[Reading, BestSoFar] | None = None

    @asynccontextmanager
    async def ticking(self) -> AsyncIterator[None]:
        """Tell where the run stands about twice a second, until the block ends."""
        ticker = asyncio.create_task(self._tick())
        try:
            yield
        finally:
            ticker.cancel()
            # Not awaited itself: that would swallow a cancellation of the run.
            await asyncio.wait([ticker])

    async def _tick(self) -> None:
        # A store that fails ends the run where it is used, and needs no second fault here.
        with suppress(StoreError):
            while True:
                await asyncio.sleep(TICK)
                self._emit(self.progress())

    def begin(self, folder: str, *, resumed: bool) -> None:
        """Tell that the study begins.

        Args:
            folder: of its files.
            resumed: an earlier process began it.
        """
        split = self._plan.split
        self._emit(
            StudyBegan(
                folder=folder,
                resumed=resumed,
                budget=self._plan.budget,
                spent=self._spent_before,
                time_limit=None if self._clock is None else self._clock.limit,
                models=tuple(self._plan.space.models),
                tuning=len(split.tuning),
                holdout=len(split.holdout),
            )
        )

    def phase(self, phase: str) -> None:
        """Tell that a phase begins."""
        self._phase = phase
        self._emit(PhaseBegan(phase=phase))

    def chosen(self, steps: Sequence[Step], *, replayed: bool) -> None:
        """Tell that a wave is chosen.

        Args:
            steps: of the wave.
            replayed: an earlier process bought it.
        """
        chosen: list[ChosenStep] = []
        for step in steps:
            chosen.append(
                ChosenStep(step.trial, step.point, len(step.examples), step.draws)
            )
        self._emit(
            WaveChosen(phase=self._phase, steps=tuple(chosen), replayed=replayed)
        )

    def done(self, steps: Sequence[Step], stopped: str | None) -> None:
        """Tell that a wave was bought: its trials, and where the run stands.

        Args:
            steps: of the wave.
            stopped: why the run buys no more; None while it goes on.
        """
        # Intervals take a tenth of the time of a small study.
        if not self._watched:
            return
        for number in sorted({step.trial for step in steps} & set(self._trials)):
            trial = self._trials[number]
            reading = self._selector.best_of(number)
            if trial.state == "failed":
                self._emit(
                    TrialFailed(trial=number, config=trial.point, reason=trial.reason)
                )
            elif reading is not None:
                self._emit(TrialScored(best=self._record(reading)))
        self._best = self._found_best()
        self._emit(
            WaveDone(phase=self._phase, trials=len(self._trials), stopped=stopped)
        )
        self._emit(self.progress())

    def winner(self, selection: Selection) -> None:
        """Tell which configuration is selected."""
        if not self._watched:
            return
        self._emit(
            WinnerChosen(
                best=self._record(selection.shown), keeps_limits=selection.feasible
            )
        )

    def progress(self) -> Progress:
        """Return where the run stands now."""
        seconds = time.monotonic() - self._began
        balance = self._ledger.balance
        spent = to_dollars(balance.spent)
        return Progress(
            phase=self._phase,
            trials=len(self._trials),
            spent=spent,
            reserved=to_dollars(balance.reserved),
            uncertain=to_dollars(balance.uncertain),
            budget=self._plan.budget,
            best=None if self._best is None else self._best[1],
            seconds=seconds,
            left_seconds=self._seconds_left(spent, seconds),
            time_limit=None if self._clock is None else self._clock.limit,
        )

    def _seconds_left(self, spent: float, seconds: float) -> float | None:
        """Return the seconds that are left: by the clock, else by the dollars that are left."""
        if self._clock is not None:
            # The time limit is one of the search: the holdout takes as long as it takes.
            return None if self._phase == "holdout" else self._clock.seconds_left
        rate = 0.0
        # In the first second the rate is that of a few calls: nothing to extrapolate from.
        if seconds > 1:
            rate = (spent - self._spent_before) / seconds
        if rate <= 0:
            return None
        # A service that billed above its cap may have taken more than the budget.
        return max(0.0, self._plan.budget - spent) / rate

    def _found_best(self) -> tuple[Reading, BestSoFar] | None:
        """Return the best reading so far, with its record."""
        leader = self._selector.leader()
        if leader is None:
            return None
        # An interval takes a while, and most waves leave the best reading as it is.
        if self._best is not None and self._best[0] is leader:
            return self._best
        return leader, self._record(leader)

    def _record(self, reading: Reading) -> BestSoFar:
        metric = self._plan.metric
        quality = mean_interval(
            reading.shares,
            low=metric.low,
            high=metric.mean_high,
            weights=reading.weights,
        )
        return BestSoFar(
            trial=reading.trial,
            config=reading.config,
            quality=quality.mean,
            low=quality.low,
            high=quality.high,
            examples=reading.n_examples,
            cost=reading.cost,
            seconds=reading.mean_seconds,
        )
