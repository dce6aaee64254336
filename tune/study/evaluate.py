"""Waves of steps become draws: the part of a run that waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from tune.completion import Completion, Request
from tune.errors import (
    AnswerError,
    BudgetExhausted,
    EndpointError,
    NoRoom,
    ParameterRejected,
    ProviderError,
    QuotaExhausted,
    RequestRefused,
    TransientError,
    TuneError,
)
from tune.providers.capabilities import Capabilities
from tune.providers.stack import Service
from tune.readout.trial import Step, Trial
from tune.readout.truncate import may_be_cut
from tune.space import Space
from tune.store.draws import Store, Use
from tune.study.answer_scoring import AnswerScoring, JudgeLost
from tune.study.collector import rare_collections
from tune.study.failures import Failures, fail_unanswered, mark_unanswered
from tune.study.fault import INPUT, SERVICE, Blame
from tune.study.lessons import Lessons
from tune.study.resume import RecordedWave
from tune.study.scores import Scores
from tune.study.scouts import Refusals, Scouts, known_now
from tune.study.server_queues import Order, ServerQueues
from tune.study.stop_reasons import LOST, QUOTA
from tune.study.trial_reader import TrialReader
from tune.study.wave import Wave
from tune.study.wave_replay import lacking_draws, lacks_draws, replay_orders
from tune.study.wave_requests import WaveRequests
from tune.task.example import Example
from tune.task.extract import Extractor
from tune.task.metrics import Metric
from tune.task.prompt import Prompt


class Evaluator:
    """Buys the draws that steps ask for.

    Args:
        space: the domains that are searched.
        free: the dimensions that are read off, not bought.
        prompts: the templates by name.
        examples: in the study's seeded order: tuning examples first, then the holdout.
        services: the models by name.
        metric: scores the answers.
        extract: takes the answer out of a text.
        store: keeps the draws and the scores.
        verifier: for the aggregate "best": how good an answer looks, without knowing the target.
        judge: the model that a metric asks; its verdicts are paid from money that is held for them.
        seed: of the study.
        bought: called after each purchase, for progress.
        lessons: takes in what is learned of models on the way.

    Attributes:
        reader: reads configurations off what was bought.
        requests: makes what is sent for an example.
        failures: draws the consequences of failures.
        fault: why the run was paused; None where it was not.
    """

    def __init__(
        self,
        *,
        space: Space,
        free: Sequence[str],
        prompts: Mapping[str, Prompt],
        examples: Sequence[Example],
        services: Mapping[str, Service],
        metric: Metric,
        extract: Extractor,
        store: Store,
        verifier: Callable[[str, Example], float] | None = None,
        judge: Service | None = None,
        seed: int = 0,
        bought: Callable[[], None] = lambda: None,
        lessons: Lessons | None = None,
    ) -> None:
        self.prompts = prompts
        self.examples = examples
        self.services = services
        self.metric = metric
        self.store = store
        self.lessons = lessons or Lessons(space)
        self.failures = Failures(self.lessons, pause=self._pause, free=free)
        self.fault: ProviderError | None = None
        self.reader = TrialReader(
            space=space,
            free=free,
            services=services,
            extract=extract,
            scores=Scores(metric, examples, store),
            verifier=verifier,
            seed=seed,
        )
        self._scoring = AnswerScoring(self.reader, store, judge)
        self._queues = ServerQueues(services)
        self._bought = bought
        self._lost: TuneError | None = None
        self._in_order = False
        # What the rounds of scouts of the wave under way rest on.
        self._known = Capabilities()
        self._blame = Blame()
        # Trials that have draws of this wave with a smaller max_tokens than their own.
        self._shorter: set[int] = set()
        self.requests = WaveRequests(
            space=self.lessons.space,
            prompts=prompts,
            examples=examples,
            services=services,
            reader=self.reader,
        )

    async def run(
        self,
        steps: Sequence[Step],
        trials: dict[int, Trial],
        *,
        in_order: bool = False,
        known: Capabilities | None = None,
    ) -> Wave:
        """Bring every step's examples to the draws asked for.

        They are bought side by side, and admitted in the steps' order. An example that the service
        did not answer is tried once more when the others are there. If it is still unanswered, it
        is `unanswered` and has no score. A fault that no retry helps ends the run after the calls
        in flight have settled.

        Args:
            steps: what to buy.
            trials: what was bought so far, by number; the steps add to it.
            in_order: whether no step may get ahead of the steps before it that have settings to
                try. So the same examples are missing in all trials where the money ends.
            known: what was known of models when the wave began in another process, which was
                killed; by default, what is known now.

        Raises:
            TuneError: its class says whose fault it is; what was bought until then is stored.
        """
        wave = Wave()
        self._lost = None
        self._in_order = in_order
        self._known = known or known_now(self.services)
        self._blame = Blame()
        self._shorter = set()
        orders = self._begin(steps, trials, {})
        for step in steps:
            # A wave that was killed knows already which caps its model takes. Its replay does not:
            # the lessons of a wave come after it.
            cap = self.requests.cap(trials[step.trial])
            if cap != step.cap:
                wave.caps[step.trial] = cap
        self.failures.leave_out(trials, wave)
        with rare_collections():
            await self._buy_all(orders, trials, wave)
            # A short outage hits a few calls. A second try when the others are done usually helps.
            again: list[Order] = []
            for step, position in orders:
                if wave.is_unanswered(step.trial, position):
                    again.append((step, position))
            await self._buy_all(again, trials, wave)
        # Where the money ended, missing answers prove nothing about an input or a service.
        if wave.complete:
            self.failures.blame(self._blame, again, trials, wave)
        for number, asked in _asked_examples(steps).items():
            fail_unanswered(trials[number], asked, wave)
        for number, cap in wave.cut.items():
            trials[number].cap = cap
        self._scoring.release_holds()
        self.requests.clear()
        # Scores are written once per wave: one transaction for all of them.
        self.store.flush()
        return wave

    def replay(
        self,
        steps: Sequence[Step],
        trials: dict[int, Trial],
        recorded: RecordedWave,
    ) -> None:
        """Bring trials to where a recorded wave left them.

        Everything comes from the store: nothing is sent.
        """
        orders = self._begin(steps, trials, recorded.caps)
        replay_orders(orders, trials, recorded, self._take_stored)

    def _take_stored(
        self,
        trial: Trial,
        step: Step,
        position: int,
    ) -> None:
        """Take the draws of an example from the store, if all that are wanted are there."""
        service = self.services[str(trial.point["model"])]
        request = self.requests.of(trial, position)
        numbers = lacking_draws(trial, step, position)
        # Not `complete`, which buys what is missing: a replay may not.
        new = service.provider.held(request, numbers)
        if new is not None:
            trial.add(position, new, request.max_tokens)
            self.failures.answered.add(str(trial.point["model"]))

    def _begin(
        self, steps: Sequence[Step], trials: dict[int, Trial], caps: Mapping[int, int]
    ) -> list[Order]:
        """Begin the trials that are new, and return one order for each example of each step.

        Args:
            caps: of trials that were bought with other caps than their steps have.
        """
        orders: list[Order] = []
        uses: list[Use] = []
        self.requests.clear()
        for step in steps:
            cap = caps.get(step.trial) or self.requests.cap_of(step)
            new = Trial(step.trial, step.point, cap)
            trial = trials.setdefault(step.trial, new)
            self.requests.set_cap(trial, cap)
            self.reader.forget(step.trial)
            for position in step.examples:
                orders.append((step, position))
                if trial.state != "failed":
                    uses.append(self.requests.use(trial, step, position))
        # Before the purchase, so that even a killed run leaves no draw without an owner.
        self.store.note_uses(uses)
        return orders

    async def _buy_all(
        self,
        orders: Sequence[Order],
        trials: Mapping[int, Trial],
        wave: Wave,
    ) -> None:
        """Buy all orders, and raise the fault that no retry helps, if there was one."""
        # One queue for each local server, so that its models do not push each other out of memory.
        queues = self._queues.arrange(orders)
        work = [self._buy_in_turn(queue, trials, wave) for queue in queues]
        await asyncio.gather(*work)
        # Only now: the calls in flight are paid for, and their draws are kept.
        if self._lost is not None:
            raise self._lost

    async def _buy_in_turn(
        self,
        queue: Sequence[Sequence[Order]],
        trials: Mapping[int, Trial],
        wave: Wave,
    ) -> None:
        """Buy one group of orders after the other; those of a group go side by side."""
        for group in queue:
            scouts = Scouts(
                self.services, lambda order: self._lacking(order, trials), self._known
            )
            await self._buy_after_scouts(group, scouts, trials, wave)

    async def _buy_after_scouts(
        self,
        group: Sequence[Order],
        scouts: Scouts,
        trials: Mapping[int, Trial],
        wave: Wave,
    ) -> None:
        """Buy a group: one round of scouts after the other, then the rest."""
        chosen = scouts.pick(group, trials)
        if not chosen:
            rest = [o for o in group if (o[0].trial, o[1]) not in scouts.sent]
            await self._buy_side_by_side(rest, trials, wave)
            return
        # These need not wait for the scouts. What is refused of them is taken in last, so that it
        # does not matter which call comes back first.
        beside = [] if self._in_order else scouts.proven(group, trials)
        refusals = Refusals()

        async def scouted() -> None:
            found = Refusals()
            await self._fill_all(chosen, trials, wave, found)
            scouts.settle(chosen, found, trials)
            self._take_in(found, trials, wave)
            await self._buy_after_scouts(group, scouts, trials, wave)

        await asyncio.gather(scouted(), self._fill_all(beside, trials, wave, refusals))
        self._take_in(refusals, trials, wave)

    def _lacking(
        self, order: Order, trials: Mapping[int, Trial]
    ) -> tuple[Request, range]:
        """Return the request of an order, and the numbers of the draws that it lacks."""
        step, position = order
        trial = trials[step.trial]
        return self.requests.of(trial, position), lacking_draws(trial, step, position)

    async def _buy_side_by_side(
        self,
        orders: Sequence[Order],
        trials: Mapping[int, Trial],
        wave: Wave,
    ) -> None:
        """Buy orders side by side, and learn from what was refused when all are back."""
        refusals = Refusals()
        await self._fill_all(orders, trials, wave, refusals)
        self._take_in(refusals, trials, wave)

    async def _fill_all(
        self,
        orders: Sequence[Order],
        trials: Mapping[int, Trial],
        wave: Wave,
        refusals: Refusals,
    ) -> None:
        """Bring the examples of orders to their draws, side by side."""
        calls = [
            self._fill(step, trials, position, wave, refusals)
            for step, position in orders
        ]
        await asyncio.gather(*calls)

    def _take_in(
        self, refusals: Refusals, trials: Mapping[int, Trial], wave: Wave
    ) -> None:
        """Draw the consequences of refusals, trial by trial."""
        for number, positions, error in refusals.settled():
            trial = trials[number]
            if isinstance(error, NoRoom) and trial.draws:
                self._note_no_room(refusals, trial, positions, wave)
                continue
            cap = self.requests.cap(trial)
            taken = number in self._shorter
            again = self.failures.cap_again(trial, cap, error, wave, taken=taken)
            if again:
                self.requests.set_cap(trial, wave.caps[number])
            if again or isinstance(error, NoRoom):
                # The second try of the wave asks with the cap that the model takes.
                for position in positions:
                    mark_unanswered(trial, position, f"{SERVICE}: {error}", wave)
            else:
                self.failures.refused(trial, error, wave, trials)

    def _note_no_room(
        self,
        refusals: Refusals,
        trial: Trial,
        positions: Sequence[int],
        wave: Wave,
    ) -> None:
        """Note that prompts are too long for the max_tokens of a trial, which others fit beside."""
        for position in positions:
            error = refusals.error(trial.number, position)
            if isinstance(error, NoRoom):
                _note_no_answer(trial, position, "context_length", wave)
            else:
                # It was held back, or refused for something else: the second try will show.
                mark_unanswered(trial, position, f"{SERVICE}: {error}", wave)

    async def _fill(
        self,
        step: Step,
        trials: Mapping[int, Trial],
        position: int,
        wave: Wave,
        refusals: Refusals,
    ) -> None:
        """Bring one example of a trial to `step.draws` draws."""
        trial = trials[step.trial]
        if self._lost is not None or not lacks_draws(trial, step, position):
            return
        if refusals.holds_back(trial.number, position):
            return
        wave.unanswered.pop((trial.number, position), None)
        trial.unanswered.pop(position, None)
        model = str(trial.point["model"])
        given_up = self.lessons.unanswerable.get((model, position))
        if given_up is not None:
            mark_unanswered(trial, position, f"{INPUT}: {given_up}", wave)
            return
        try:
            await self._buy(trial, step, position, wave)
        except ParameterRejected as error:
            # A paid max_tokens is part of what is scored.
            if isinstance(error, NoRoom) and "max_tokens" in trial.point:
                _note_no_answer(trial, position, "context_length", wave)
            else:
                refusals.note(trial.number, position, error)
        except TuneError as error:
            self._take_fault(error, trial, position, trials, wave)
        self._bought()

    async def _buy(self, trial: Trial, step: Step, position: int, wave: Wave) -> None:
        """Buy the draws that an example lacks, and have them scored if that takes waiting."""
        model = str(trial.point["model"])
        service = self.services[model]
        if not self.requests.knows(trial, position):
            # Its cap has changed since the wave began.
            self.store.note_uses([self.requests.use(trial, step, position)])
        request = self.requests.of(trial, position)
        numbers = lacking_draws(trial, step, position)
        to_buy = 0
        # Counted before the purchase, which puts them into the store.
        if self._scoring.has_judge:
            to_buy = len(numbers) - len(self.store.draws(request, numbers))
        new = await service.provider.complete(request, numbers)
        self._note_cut(trial, request.max_tokens, new, wave)
        self._blame.answered[model] += 1
        self.failures.answered.add(model)
        if self._scoring.has_judge:
            held = to_buy * service.metered.judge_hold
            await self._scoring.judge(trial, position, new, held)
        trial.add(position, new, request.max_tokens)
        if self.metric.runs_code:
            await self._scoring.run_code(trial, position)

    def _note_cut(
        self, trial: Trial, cap: int, new: Sequence[Completion], wave: Wave
    ) -> None:
        """Note whether new draws can be read at the trial's cap, if theirs is a smaller one."""
        if cap >= trial.cap:
            return
        self._shorter.add(trial.number)
        if any(may_be_cut(draw, cap) for draw in new):
            wave.cut[trial.number] = cap

    def _take_fault(
        self,
        error: TuneError,
        trial: Trial,
        position: int,
        trials: Mapping[int, Trial],
        wave: Wave,
    ) -> None:
        """Draw the consequence of a fault, by whose doing it was; special classes come first."""
        model = str(trial.point["model"])
        match error:
            case AnswerError():
                _note_no_answer(trial, position, error.reason, wave)
            case TransientError() | RequestRefused():
                self._blame.note(model, position, error)
                mark_unanswered(trial, position, f"{SERVICE}: {error}", wave)
            case BudgetExhausted():
                wave.complete = False
                mark_unanswered(trial, position, f"money: {error}", wave)
            case QuotaExhausted():
                self._pause(QUOTA, error, wave)
                mark_unanswered(trial, position, f"{QUOTA}: {error}", wave)
            case JudgeLost():
                self._pause(LOST, error.fault, wave)
                mark_unanswered(trial, position, f"{LOST}: {error}", wave)
            case EndpointError():
                self.failures.set_aside(model, error, trials, wave)
                mark_unanswered(trial, position, f"{LOST}: {error}", wave)
            case _:
                # The calls in flight are paid for, so they settle. Nothing more is sent, not even
                # what waits in line.
                self._lost = self._lost or error
                self.services[model].metered.ledger.close("a fault that nothing mends")

    def _pause(
        self,
        reason: str,
        fault: ProviderError,
        wave: Wave,
    ) -> None:
        """Send nothing more in this run: the same command goes on when the fault is gone."""
        # The first fault is the cause. Later ones often follow from it.
        self.fault = self.fault or fault
        wave.complete = False
        # All services share the study's ledger.
        service = next(iter(self.services.values()))
        service.metered.ledger.close(reason)


def _note_no_answer(trial: Trial, position: int, reason: str, wave: Wave) -> None:
    """Note that a configuration gets no answer to an example, and why."""
    trial.config_failed[position] = reason
    wave.config_failed[trial.number, position] = reason


def _asked_examples(steps: Sequence[Step]) -> dict[int, list[int]]:
    """Return the examples that steps ask for, by trial."""
    asked: dict[int, list[int]] = {}
    # The holdout has thousands of steps for a few trials.
    for step in steps:
        asked.setdefault(step.trial, []).extend(step.examples)
    return asked
