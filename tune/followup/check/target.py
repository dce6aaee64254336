"""A config ready to answer examples: the run's own stack of wrappers around one model."""

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
    """A context that opens a config's model, asks it in seeded random order, and closes it.

    Args:
        deployment: the config.
        examples: examples to ask about.
        context: the store, the ledger and what is known of models.
        seed: decides the order.
        before: the score that each example had before; `scores` are then differences to it.
    """

    def __init__(
        self,
        deployment: DeploymentRecord,
        examples: Sequence[Example],
        context: StackContext,
        seed: int,
        before: Sequence[float] = (),
    ) -> None:
        self.deployment, self.context, self.seed = deployment, context, seed
        order = list(range(len(examples)))
        # Files are often sorted, by label or by date. The first examples would not be a fair
        # sample.
        random.Random(seed).shuffle(order)
        self.examples = [examples[position] for position in order]
        self._before = np.zeros(len(order))
        if before:
            self._before = np.array([before[position] for position in order])
        self.trial = Trial(0, deployment.config, deployment.config.max_tokens)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        deployment, config = self.deployment, self.deployment.config
        metric = deployment.metric
        entries = {config.model: deployment.entries[config.model]}
        judging = deployment.entries[metric.model] if metric.costs else None
        services, judge = await self._stack.enter_async_context(
            connect_services(entries, deployment.prices, self.context, judge=judging)
        )
        if judge is not None:
            caps = {config.model: config.max_tokens}
            metric = attach_judge(
                metric, judge, services, caps=caps, examples=self.examples
            )
        self.evaluator = Evaluator(
            space=_space_of(deployment),
            free=(),
            prompts={config.prompt: deployment.prompt},
            examples=self.examples,
            services=services,
            metric=metric,
            extract=deployment.extract,
            store=self.context.store,
            verifier=deployment.verifier,
            judge=judge,
            seed=self.seed,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def buy(self, block: range) -> bool:
        """Ask about the examples at these positions.

        Returns:
            True where the money was enough for all of them.

        Raises:
            EndpointError: the service left too many unanswered, or refuses the config.
        """
        config = self.deployment.config
        step = Step(0, config, tuple(block), config.n, config.max_tokens)
        wave = await self.evaluator.run([step], {0: self.trial})
        # A service that refuses the config refuses it for every example.
        if self.trial.state == "failed":
            raise EndpointError(
                f"{config.model} cannot be checked: {self.trial.reason}"
            )
        # Silence of the service is no verdict on the model.
        if not self.trial.draws and self.context.ledger.closed in (LOST, QUOTA):
            words = next(iter(self.trial.unanswered.values()), "it does not answer")
            raise EndpointError(f"{config.model} cannot be checked: {words}")
        return wave.complete

    @property
    def scores(self) -> np.ndarray:
        """Scores so far, in the order of the examples, less the scores that they had before."""
        readings = self.evaluator.reader.read(self.trial, [self.deployment.config])
        if not readings:
            return np.zeros(0)
        before = self._before[list(readings[0].examples)]
        changes: np.ndarray = readings[0].scores - before
        return changes


def _space_of(deployment: DeploymentRecord) -> Space:
    """Return a space that holds only the one config."""
    config = deployment.config
    values: dict[str, Any] = {
        name: [value]
        for name, value in config.items()
        if name not in ("prompt", "stop")
    }
    for name, value in deployment.values.items():
        values[name] = {str(config[name]): value}
    return Space(
        **values,
        # The evaluator renders the prompt of the deployment; this text is never sent.
        prompt={config.prompt: "{text}"},
        stop=[list(config.stop)] if config.stop else None,
        answer=deployment.extract_spec,
    )
