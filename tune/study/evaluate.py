"""Waves of steps become draws, draws become scores: the part of a run that waits."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from tune.completion import Completion, Request, Setting
from tune.errors import (
    AnswerError,
    BudgetExhausted,
    EndpointError,
    ParameterRejected,
    ProviderError,
    QuotaExhausted,
    RequestRefused,
    TransientError,
    TuneError,
)
from tune.providers.stack import Service
from tune.readout import Reading, read, wanted
from tune.readout.aggregate import blind, deployable
from tune.readout.outcomes import Outcomes, count_outcomes
from tune.readout.trial import Step, Trial
from tune.readout.truncate import Cut
from tune.space import FREE, Config, Space
from tune.store.draws import Store, Use
from tune.study.failures import LOST, QUOTA, Failures, fail_unanswered, mark_unanswered
from tune.study.fault import INPUT, SERVICE, Blame
from tune.study.lessons import Lessons
from tune.study.resume import RecordedWave
from tune.study.wave import Wave
from tune.task.example import Example
from tune.task.extract import Extractor
from tune.task.metrics import Answer, Judge, Metric
from tune.task.prompt import Prompt


class Evaluator:
    """Buys what steps ask for and reads trials off what was bought.

    Args:
        examples: in the study's seeded order: tuning examples first, then the holdout.
        free: the dimensions that are read off, not bought.
        verifier: for the aggregate "best": how good an answer looks, without knowing the target.
        judge: answers for a metric that costs, and takes its money from earmarks.
        bought: called after each purchase, for progress.
        lessons: what is learned of models on the way.

    Attributes:
        fault: why the run was paused; None where it was not. failures: the consequences of
        failures; it knows the models without which nothing is worth buying.
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
        self.space, self.free, self.prompts = space, tuple(free), prompts
        self.examples, self.services, self.metric = examples, services, metric
        self.extract, self.store = extract, store
        self.verifier, self.seed = verifier, seed
        self._judge, self._bought = judge, bought
        self.lessons = lessons or Lessons(space)
        self._scores: dict[tuple[int, Answer], float] = {}
        self._keys: dict[int, str] = {}
        self._verdicts: dict[int, Callable[[str], float]] = {}
        self.fault: ProviderError | None = None
        self.failures = Failures(self.lessons, pause=self._pause)
        self._lost: TuneError | None = None
        self._blame = Blame()
        self._cores = asyncio.Semaphore(os.cpu_count() or 1)
        self._readings: dict[int, tuple[int, list[Reading]]] = {}
        self._loaded: dict[str, str] = {}
        """The model that was asked last, by the address of a server."""

    def request(
        self, point: Mapping[str, object], cap: int, stop: tuple[str, ...], position: int
    ) -> Request:
        """The request that a config sends for one example."""
        service = self.services[str(point["model"])]
        settings: dict[str, Setting] = {
            name: value  # type: ignore[misc]
            for name, value in point.items()
            if name not in ("model", "prompt", *FREE) and value is not None
        }
        return Request(
            service=service.id,
            model=service.entry.model,
            prompt=self.prompts[str(point["prompt"])].render(self.examples[position]),
            max_tokens=cap,
            stop=stop,
            settings=tuple(sorted(settings.items())),
        )

    def bought_stop(self, point: Mapping[str, object]) -> tuple[str, ...]:
        """The stop strings that draws of a paid point are bought with: those that every reading
        would have.
        """
        if "stop" in point:
            return tuple(point["stop"] or ())  # type: ignore[arg-type]
        return self.space.common_stop(point)

    async def run(self, steps: Sequence[Step], trials: dict[int, Trial]) -> Wave:
        """Bring every step's examples to the draws asked for, side by side, admitted in the steps'
        order.

        What the service failed to answer is tried once more when the rest is there; what still
        lacks is `unanswered`, never scored. A fault that no retry mends ends the run after the calls
        in flight have settled.

        Raises:
            TuneError: of whoever's fault it is, by class; what was bought until then is stored.
        """
        wave = Wave()
        self._lost, self._blame = None, Blame()
        orders = self._begin(steps, trials)
        self.failures.leave_out(trials, wave)
        await self._all(orders, trials, wave)
        again = [
            o for o in orders if wave.unanswered.get((o[0].trial, o[1]), "").startswith(SERVICE)
        ]
        await self._all(again, trials, wave)
        if wave.complete:
            self.failures.blame(self._blame, again, trials, wave)
        for step in steps:
            fail_unanswered(trials[step.trial], step, wave)
        if self._judge is not None:
            account = self._judge.metered.account
            account.release_earmark(
                account.reserved
            )  # nothing is in flight, so nobody comes for it any more
        self.store.flush()
        return wave

    async def replay(
        self, steps: Sequence[Step], trials: dict[int, Trial], recorded: RecordedWave
    ) -> None:
        """Bring trials to where a recorded wave left them. Everything comes from the store: nothing
        is sent.
        """
        for step, position in self._begin(steps, trials):
            trial, order = trials[step.trial], (step.trial, position)
            held = len(trial.draws.get(position, ()))
            if trial.state == "failed" or held >= step.draws or position in trial.config_failed:
                continue
            if order in recorded.config_failed:
                trial.config_failed[position] = recorded.config_failed[order]
                continue
            trial.unanswered.pop(position, None)
            request, numbers = self._order(trial, position), range(held, step.draws)
            if order in recorded.unanswered:
                mark_unanswered(trial, position, recorded.unanswered[order])
            elif len(self.store.draws(request, numbers)) == len(numbers):
                new = await self.services[str(trial.point["model"])].provider.complete(
                    request, numbers
                )
                trial.draws.setdefault(position, []).extend(new)
        for number, reason in recorded.failed.items():
            trials[number].state, trials[number].reason = "failed", reason

    def _begin(self, steps: Sequence[Step], trials: dict[int, Trial]) -> list[tuple[Step, int]]:
        """The orders of steps, one for each example; trials that are new are begun."""
        for step in steps:
            trials.setdefault(step.trial, Trial(step.trial, step.point, step.cap))
            self._readings.pop(step.trial, None)
        orders = [(step, position) for step in steps for position in step.examples]
        self.store.note_uses(
            self._use(position, self._order(trials[step.trial], position), step.draws)
            for step, position in orders
            if trials[step.trial].state != "failed"
        )
        return orders

    def _use(self, position: int, request: Request, draws: int) -> Use:
        """The note that an example asks for so many draws of a request."""
        return Use(self.examples[position].id, self._example_key(position), request, draws)

    def _order(self, trial: Trial, position: int) -> Request:
        """The request that draws of a trial are bought with."""
        return self.request(trial.point, trial.cap, self.bought_stop(trial.point), position)

    async def _all(
        self, orders: Sequence[tuple[Step, int]], trials: Mapping[int, Trial], wave: Wave
    ) -> None:
        await asyncio.gather(
            *(self._in_turn(queue, trials, wave) for queue in self._queues(orders))
        )
        if self._lost is not None:
            raise self._lost

    async def _in_turn(
        self, queue: Sequence[Sequence[tuple[Step, int]]], trials: Mapping[int, Trial], wave: Wave
    ) -> None:
        """Fill one group of orders after the other, each side by side."""
        for group in queue:
            await asyncio.gather(
                *(self._fill(step, trials, position, wave) for step, position in group)
            )

    def _queues(self, orders: Sequence[tuple[Step, int]]) -> list[list[list[tuple[Step, int]]]]:
        """Groups of orders that wait for each other, as queues side by side.

        A server of one's own (Ollama, llama.cpp) often holds one model at a time, and a change
        takes longer than many answers. So models at one address whose price is 0 are asked in turn,
        beginning with the one that was last.
        """
        queues: dict[str, dict[str, list[tuple[Step, int]]]] = {}
        for order in orders:
            model = str(order[0].point["model"])
            service = self.services[model]
            address = (
                f"at {service.entry.base_url}"
                if service.price.is_zero and not service.entry.local
                else ""
            )
            queues.setdefault(address, {}).setdefault(model if address else "", []).append(order)
        for address, models in queues.items():
            if self._loaded.get(address) in models:
                last = self._loaded[address]
                queues[address] = {last: models[last], **models}
            self._loaded[address] = list(queues[address])[-1]
        return [list(models.values()) for models in queues.values()]

    async def _fill(
        self, step: Step, trials: Mapping[int, Trial], position: int, wave: Wave
    ) -> None:
        """Bring one example of a trial to `step.draws` draws."""
        trial = trials[step.trial]
        model, held = str(trial.point["model"]), len(trial.draws.get(position, ()))
        if (
            self._lost is not None
            or trial.state == "failed"
            or held >= step.draws
            or position in trial.config_failed
        ):
            return
        order = (trial.number, position)
        request = self._order(trial, position)
        wave.unanswered.pop(order, None)
        trial.unanswered.pop(position, None)
        if (model, position) in self.lessons.unanswerable:
            mark_unanswered(
                trial, position, f"{INPUT}: {self.lessons.unanswerable[model, position]}", wave
            )
            return
        numbers = range(held, step.draws)
        bought = (
            len(numbers) - len(self.store.draws(request, numbers)) if self._judge is not None else 0
        )
        try:
            new = await self.services[model].provider.complete(request, numbers)
            self._blame.answered[model] += 1
            if self._judge is not None:
                await self._have_judged(trial, new, position, bought)
            trial.draws.setdefault(position, []).extend(new)
            if self.metric.runs_code:
                await self._have_run(trial, position)
        except AnswerError as error:
            trial.config_failed[position] = wave.config_failed[order] = error.reason
        except ParameterRejected as error:
            self.failures.refused(trial, error, wave)
        except (TransientError, RequestRefused) as error:
            self._blame.note(model, position, error)
            mark_unanswered(trial, position, f"{SERVICE}: {error}", wave)
        except BudgetExhausted as error:
            wave.complete = False
            mark_unanswered(trial, position, f"money: {error}", wave)
        except QuotaExhausted as error:
            self._pause(QUOTA, error, wave)
            mark_unanswered(trial, position, f"{QUOTA}: {error}", wave)
        except _JudgeLost as error:
            self._pause(LOST, error.fault, wave)
            mark_unanswered(trial, position, f"{LOST}: {error}", wave)
        except EndpointError as error:
            self.failures.set_aside(model, error, trials, wave)
            mark_unanswered(trial, position, f"{LOST}: {error}", wave)
        except TuneError as error:
            # The others in flight are paid for: let them settle, and send nothing more, not even
            # what is in line.
            self._lost = self._lost or error
            self.services[model].metered.account.close("a fault that nothing mends")
        self._bought()

    def _pause(self, reason: str, fault: ProviderError, wave: Wave) -> None:
        """Send nothing more in this run: the same command goes on when the fault is gone."""
        self.fault = self.fault or fault
        wave.complete = False
        next(iter(self.services.values())).metered.account.close(reason)

    async def _have_judged(
        self, trial: Trial, new: Sequence[Completion], position: int, bought: int
    ) -> None:
        """Have a metric that costs score each new answer once, from the money set aside with those
        just bought.

        What that is more than the verdicts can cost is let go first: others may be waiting for it.
        """
        assert self._judge is not None
        assert isinstance(self.metric.function, Judge)
        metered, example = self._judge.metered, self.examples[position]
        view = replace(trial, draws={position: list(new)}, unanswered={}, config_failed={})
        answers = [a for a, _ in wanted(view, self.configs(trial), extract=self.extract)]
        unknown = [answer for answer in answers if self._known(position, answer) is None]
        needed = sum(
            metered.ceiling(self.metric.function.request(answer, example), 1) for answer in unknown
        )
        set_aside = bought * self.services[str(trial.point["model"])].metered.judge_hold
        metered.account.release_earmark(max(0, set_aside - needed))
        self.store.note_uses(
            self._use(position, self.metric.function.request(answer, example), 1)
            for answer in unknown
        )
        for answer in unknown:
            try:
                score = await self.metric.judge(answer, example)
            except (EndpointError, ParameterRejected) as error:
                raise _JudgeLost(error) from None
            self._keep(position, answer, score)

    async def _have_run(self, trial: Trial, position: int) -> None:
        """Have a metric that runs code score each new answer: in threads, as many at a time as
        there are cores.
        """
        view = replace(
            trial, draws={position: trial.draws[position]}, unanswered={}, config_failed={}
        )
        for answer, _ in wanted(view, self.configs(trial), extract=self.extract):
            async with self._cores:
                if self._known(position, answer) is None:
                    score = await asyncio.to_thread(
                        self.metric.score, answer, self.examples[position]
                    )
                    self._keep(position, answer, score)

    def score(self, answer: Answer, position: int) -> float:
        """The metric's score of an answer to one example; each (answer, example) is scored once for
        ever.

        NaN where a judge did not come to score it: not scored, and never bad.

        Raises:
            MetricError: the metric raised or left its bounds.
        """
        known = self._known(position, answer)
        if known is None:
            if self.metric.costs:
                return math.nan
            known = self.metric.score(answer, self.examples[position])
            self._keep(position, answer, known)
        return known

    def _known(self, position: int, answer: Answer) -> float | None:
        key = (position, answer)
        if key not in self._scores:
            stored = self.store.score(
                self.metric.identity, self._example_key(position), _text(answer)
            )
            if stored is None:
                return None
            self._scores[key] = stored
        return self._scores[key]

    def _keep(self, position: int, answer: Answer, score: float) -> None:
        self._scores[position, answer] = score
        if not math.isnan(score):
            self.store.put_score(
                self.metric.identity, self._example_key(position), _text(answer), score
            )

    def _example_key(self, position: int) -> str:
        """What a score depends on besides the answer: everything that the metric can see of the
        example.
        """
        if position not in self._keys:
            example = self.examples[position]
            seen = [example.id, dict(example.inputs), example.target, dict(example.metadata)]
            text = json.dumps(seen, sort_keys=True, ensure_ascii=False, default=repr)
            self._keys[position] = hashlib.sha256(
                text.encode("utf-8", "surrogatepass")
            ).hexdigest()[:32]
        return self._keys[position]

    def configs(self, trial: Trial) -> list[Config]:
        """Every config that can be read off a trial and deployed; the oracle is none of them."""
        configs = self.space.configs_of(trial.point, self.free)
        return [c for c in configs if c.max_tokens <= trial.cap and deployable(c.aggregate)]

    def forget(self, number: int) -> None:
        """Read a trial again when it is asked for next: it is cut in other places now."""
        self._readings.pop(number, None)

    def readings(self, trial: Trial) -> list[Reading]:
        """Every reading of a trial, from the draws it has now."""
        most_n = self.services[
            str(trial.point["model"])
        ].endpoint.most_n  # what answers cost depends on it
        known = self._readings.get(trial.number)
        if known is None or known[0] != most_n:
            known = self._readings[trial.number] = (most_n, self.read(trial, self.configs(trial)))
        return known[1]

    def read(self, trial: Trial, configs: Sequence[Config]) -> list[Reading]:
        """These readings of a trial."""
        if trial.state == "failed":
            return []
        service = self.services[str(trial.point["model"])]
        found = read(
            trial,
            configs,
            extract=self.extract,
            score=self.score,
            worst=self.metric.worst,
            price=service.price,
            most_n=service.endpoint.most_n,
            verifier=self._verify if self.verifier is not None else None,
            weigh=None if self.metric.weigh is None else self._weigh,
            larger_is_better=self.metric.larger_is_better,
            over_responses=self.metric.over_responses,
            seed=self.seed,
        )
        self.store.flush()
        return found

    def outcomes(self, trial: Trial, config: Config) -> Outcomes:
        """Count why answers of a reading are wrong."""

        def answer(said: Cut) -> str | None:
            return self.extract(said.text)

        return count_outcomes(trial, config, answer=answer, is_worst=self.is_worst)

    def is_worst(self, answer: str, position: int) -> bool:
        """Whether one answer has the metric's worst score; False where the metric judges several at
        once.
        """
        return not self.metric.over_responses and self.score(answer, position) == self.metric.worst

    def _weigh(self, position: int) -> float:
        """How much an example counts in the mean."""
        assert self.metric.weigh is not None
        return self.metric.weigh(self.examples[position])

    def _verify(self, answer: str, position: int) -> float:
        """The verifier's view of an answer, which never sees the target."""
        assert self.verifier is not None
        if position not in self._verdicts:
            self._verdicts[position] = blind(self.verifier, self.examples[position])
        return self._verdicts[position](answer)


class _JudgeLost(TuneError):
    """The judge cannot be asked, so no answer can be scored."""

    def __init__(self, fault: ProviderError) -> None:
        super().__init__(str(fault))
        self.fault = fault


def _text(answer: Answer) -> str | None:
    """An answer as the store keys it: several answers as one JSON list."""
    return json.dumps(answer, ensure_ascii=False) if isinstance(answer, tuple) else answer
