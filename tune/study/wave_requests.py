"""The requests of a wave: what is sent for each example of a trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tune.completion import Request
from tune.providers.stack import Service
from tune.readout.trial import Step, Trial
from tune.runtime.requests import make_request
from tune.space import Choice, Space, Value
from tune.store.draws import Use
from tune.study.trial_reader import TrialReader
from tune.task.example import Example
from tune.task.prompt import Prompt


class WaveRequests:
    """Makes the requests of the wave under way, once each: their keys take a while.

    Args:
        space: the domains that are searched.
        prompts: the templates by name.
        examples: in the study's seeded order.
        services: the models by name.
        reader: knows which stops draws are bought with, and the keys of examples.
    """

    def __init__(
        self,
        *,
        space: Space,
        prompts: Mapping[str, Prompt],
        examples: Sequence[Example],
        services: Mapping[str, Service],
        reader: TrialReader,
    ) -> None:
        self._space = space
        self._prompts = prompts
        self._examples = examples
        self._services = services
        self._reader = reader
        self._made: dict[tuple[int, int], Request] = {}
        self._caps: dict[int, int] = {}

    def make(
        self,
        point: Mapping[str, Value],
        cap: int,
        stop: tuple[str, ...],
        position: int,
    ) -> Request:
        """Return the request that a config sends for one example."""
        service = self._services[str(point["model"])]
        prompt = self._prompts[str(point["prompt"])]
        return make_request(
            point,
            named=self._space.named,
            service=service.id,
            model=service.entry.model,
            prompt=prompt.render(self._examples[position]),
            cap=cap,
            stop=stop,
        )

    def of(self, trial: Trial, position: int) -> Request:
        """Return the request that draws of a trial are bought with."""
        key = (trial.number, position)
        if key not in self._made:
            stop = self._reader.bought_stop(trial.point)
            self._made[key] = self.make(trial.point, self.cap(trial), stop, position)
        return self._made[key]

    def use(
        self,
        trial: Trial,
        step: Step,
        position: int,
    ) -> Use:
        """Return the note that an example asks for so many draws of a request."""
        example = self._examples[position].id
        key = self._reader.scores.example_key(position)
        return Use(example, key, self.of(trial, position), step.draws)

    def cap_of(self, step: Step) -> int:
        """Return the cap of a step, moved to the nearest one that its model is known to take."""
        if "max_tokens" in step.point:
            return step.cap
        model = str(step.point["model"])
        moved = self._space.conditions.within_caps(model, Choice((step.cap,)))
        assert moved is not None
        return int(moved.values[0])  # type: ignore[arg-type]

    def knows(self, trial: Trial, position: int) -> bool:
        """Return whether the request of an example is made."""
        return (trial.number, position) in self._made

    def cap(self, trial: Trial) -> int:
        """Return the max_tokens that a trial's draws are bought with in this wave."""
        return self._caps.get(trial.number, trial.cap)

    def set_cap(self, trial: Trial, cap: int) -> None:
        """Buy a trial's draws with another max_tokens from now on, until the wave is over."""
        self._caps[trial.number] = cap
        for key in [key for key in self._made if key[0] == trial.number]:
            del self._made[key]

    def clear(self) -> None:
        """Forget all requests, as the wave is over."""
        self._made = {}
        self._caps = {}
