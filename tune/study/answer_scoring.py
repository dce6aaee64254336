"""Scores that must be waited for: a model judges the answers, or the answers are code that is run.

All other metrics score answers when they are read.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace
from weakref import WeakValueDictionary

from tune.completion import Completion, Request
from tune.errors import EndpointError, ParameterRejected, ProviderError, TuneError
from tune.providers.stack import Service
from tune.readout import wanted
from tune.readout.trial import Trial
from tune.store.draws import Store, Use
from tune.study.trial_reader import TrialReader
from tune.task.metrics import Judge


class JudgeLost(TuneError):
    """The judge cannot be asked, so no answer can be scored.

    Attributes:
        fault: the error of the judge's endpoint.
    """

    def __init__(self, fault: ProviderError) -> None:
        super().__init__(str(fault))
        self.fault = fault


class AnswerScoring:
    """Scores new answers as soon as they are bought.

    Args:
        reader: finds the answers that readings will ask for, and keeps their scores.
        store: notes which example asks for which verdict.
        judge: the model that the metric asks; None where it asks none.
    """

    def __init__(
        self,
        reader: TrialReader,
        store: Store,
        judge: Service | None,
    ) -> None:
        self._reader = reader
        self._scores = reader.scores
        self._metric = reader.scores.metric
        self._store = store
        self._judge = judge
        # By the key of a request for a verdict, while it is under way.
        self._turns: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()
        # More threads than cores would only make each other's code time out.
        self._cores = asyncio.Semaphore(os.cpu_count() or 1)

    @property
    def has_judge(self) -> bool:
        """True where a model judges the answers."""
        return self._judge is not None

    def release_holds(self) -> None:
        """Release the money held for verdicts: no call is in flight, so none will come."""
        if self._judge is not None:
            ledger = self._judge.metered.ledger
            ledger.release_hold(ledger.reserved)

    async def judge(
        self,
        trial: Trial,
        position: int,
        new: Sequence[Completion],
        held: int,
    ) -> None:
        """Have the judge score each new answer to an example once.

        Args:
            trial: whose answers they are.
            position: of the example.
            new: the answers.
            held: picodollars that were held for their verdicts.

        Raises:
            JudgeLost: the judge cannot be asked.
        """
        assert self._judge is not None
        assert isinstance(self._metric.function, Judge)
        metered = self._judge.metered
        judge = self._metric.function
        example = self._scores.examples[position]
        key = self._scores.example_key(position)
        unknown: list[tuple[str, Request, int]] = []
        uses: list[Use] = []
        needed = 0
        for answer in self._answers(trial, position, new):
            # Many draws give the same answer, and one verdict does for all of them.
            if self._scores.known(answer, position) is None:
                request = judge.request(answer, example)
                ceiling = 0
                if not self._has_verdict(request):
                    ceiling = metered.ceiling(request, 1)
                unknown.append((answer, request, ceiling))
                uses.append(Use(example.id, key, request, 1))
                needed += ceiling
        # Release first what exceeds the cost of the verdicts: other calls may wait for that money.
        metered.ledger.release_hold(max(0, held - needed))
        self._store.note_uses(uses)
        for answer, request, ceiling in unknown:
            turn = self._turns.setdefault(request.key, asyncio.Lock())
            async with turn:
                # Another trial, or another example, may have paid for the same verdict meanwhile.
                if ceiling and self._has_verdict(request):
                    metered.ledger.release_hold(ceiling)
                try:
                    score = await self._metric.judge(answer, example)
                except (EndpointError, ParameterRejected) as error:
                    raise JudgeLost(error) from None
            self._scores.keep(answer, position, score)

    def _has_verdict(self, request: Request) -> bool:
        """Return True if a verdict need not be bought: the store has it."""
        return bool(self._store.draws(request, range(1)))

    async def run_code(self, trial: Trial, position: int) -> None:
        """Have a metric that runs code score each answer to an example, in threads."""
        example = self._scores.examples[position]
        for answer in self._answers(trial, position, trial.draws[position]):
            async with self._cores:
                if self._scores.known(answer, position) is None:
                    score = await asyncio.to_thread(self._metric.score, answer, example)
                    self._scores.keep(answer, position, score)

    def _answers(
        self,
        trial: Trial,
        position: int,
        draws: Sequence[Completion],
    ) -> list[str]:
        """Return the answers to one example that readings of these draws will ask for."""
        # A trial with nothing but this example, so that nothing else is read.
        alone: dict[int, Sequence[Completion]] = {position: list(draws)}
        view = replace(trial, draws=alone, unanswered={}, config_failed={})
        configs = self._reader.configs(trial)
        pairs = wanted(view, configs, extract=self._reader.extract)
        return [answer for answer, _ in pairs]
