"""A config ready to be asked about examples: the run's own stack of wrappers around one model."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any, Self

import numpy as np

from tune.errors import EndpointError
from tune.providers.stack import StackContext
from tune.readout.trial import Step, Trial
from tune.runtime.best_json import DeploymentRecord
from tune.space import Space
from tune.study.connect import attach_judge, connect_services
from tune.study.evaluate import Evaluator
from tune.study.stop_reasons import LOST, QUOTA
from tune.task.example import Example


class Target:
    """The config, ready to be asked about examples in seeded random order; a context that opens and
    closes it.

    Args:
        deployment: the config. examples: what it is asked about. access: to the store, the account and
        the services. seed: of the order. before: the scores that the examples had before, one for
        each; then `scores` are by how much they changed.
    """

    def __init__(
        self,
        deployment: DeploymentRecord,
        examples: Sequence[Example],
        access: StackContext,
        seed: int,
        before: Sequence[float] = (),
    ) -> None:
        self.deployment, self.access, self.seed = deployment, access, seed
        order = list(range(len(examples)))
        random.Random(seed).shuffle(order)
        self.examples = [examples[place] for place in order]
        self._before = np.array([before[place] if before else 0.0 for place in order])
        self.trial = Trial(0, deployment.config, deployment.config.max_tokens)
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        deployment, access, metric = self.deployment, self.access, self.deployment.metric
        model, asked = (
            deployment.config.model,
            deployment.entries[metric.model] if metric.costs else None,
        )
        services, judge = await self._open.enter_async_context(
            connect_services(
                {model: deployment.entries[model]}, deployment.prices, access, judge=asked
            )
        )
        if judge is not None:
            metric = attach_judge(
                metric,
                judge,
                services,
                caps={model: deployment.config.max_tokens},
                examples=self.examples,
            )
        self.evaluator = Evaluator(
            space=_space_of(deployment),
            free=(),
            prompts={deployment.config.prompt: deployment.prompt},
            examples=self.examples,
            services=services,
            metric=metric,
            extract=deployment.extract,
            store=access.store,
            verifier=deployment.verifier,
            judge=judge,
            seed=self.seed,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    async def buy(self, block: range) -> bool:
        """Ask about these examples; whether the money reached.

        Raises:
            EndpointError: the service left too many unanswered, or does not take the config any
            more.
        """
        config = self.deployment.config
        step = Step(0, config, tuple(block), config.n, config.max_tokens)
        wave = await self.evaluator.run([step], {0: self.trial})
        if self.trial.state == "failed":
            raise EndpointError(f"{config.model} cannot be checked: {self.trial.reason}")
        if not self.trial.draws and self.access.account.closed in (LOST, QUOTA):
            words = next(iter(self.trial.unanswered.values()), "it does not answer")
            raise EndpointError(f"{config.model} cannot be checked: {words}")
        return wave.complete

    @property
    def scores(self) -> np.ndarray:
        """Of the examples so far, in the order in which they were asked, less what they had before."""
        readings = self.evaluator.reader.read(self.trial, [self.deployment.config])
        if not readings:
            return np.zeros(0)
        changes: np.ndarray = readings[0].scores - self._before[list(readings[0].examples)]
        return changes


def _space_of(deployment: DeploymentRecord) -> Space:
    """A space that holds the one config."""
    values: dict[str, Any] = {
        name: [value] for name, value in deployment.config.items() if name not in ("prompt", "stop")
    }
    stop = [list(deployment.config.stop)] if deployment.config.stop else None
    return Space(
        **values,
        prompt={deployment.config.prompt: "{text}"},
        stop=stop,
        answer=deployment.extract_spec,
    )
