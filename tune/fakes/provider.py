"""An endpoint with a known truth, for tests: no network, no model, the same answers every time."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

from tune.completion import MANY, Completion, Request
from tune.errors import ProviderError
from tune.pricing.prices import Price

World: TypeAlias = Callable[[Request, random.Random], str | Completion]
"""What the model would say to a request, given the randomness of one draw."""

_TOKEN = re.compile(r"\s*\S+|\s+")


class FakeEndpoint:
    """Answers from a function; a token is a word with the space before it.

    A draw depends on its request and its number alone, so runs at any concurrency get the same
    draws. A text is cut at the first stop string and at the request's cap, as a model's is; a
    `Completion` is returned as it stands, also one that breaks the rules.

    Args:
        world: what the model says; a text for one that always says the same.
        price: what it bills; None bills nothing.
        most_n: the most draws for which one prompt is billed.
        latency: seconds that a call takes.
        failures: the error with which call number 0, 1, 2 ... ends, or None; `{3: error}.get` will
            do. A charged one is billed, and then lost.
        model: the model's name as returned; the one asked for where not given.
        service: what requests to it say as their service.

    Attributes:
        calls: calls that arrived.
        draws: draws that were returned.
        active: calls going on now.
        most_active: the most that ever went on at once.
        billed: picodollars of its own bill, lost answers included.
        requests: every request with the numbers that were asked for, in the order of arrival.
        closed: whether `close` was called.
    """

    def __init__(
        self,
        world: World | str,
        *,
        price: Price | None = None,
        most_n: int = MANY,
        latency: float = 0.0,
        failures: Callable[[int], ProviderError | None] = lambda _: None,
        model: str | None = None,
        service: str = "fake",
    ) -> None:
        self.service = service
        self.most_n = most_n
        self.calls = 0
        self.draws = 0
        self.active = 0
        self.most_active = 0
        self.billed = 0
        self.requests: list[tuple[Request, range]] = []
        self.closed = False
        self._world = world
        self._price = price
        self._latency = latency
        self._failures = failures
        self._model = model

    def most_prompt_tokens(self, request: Request) -> int:
        """The words of the prompt: exact."""
        prompt = request.prompt
        texts = (
            [prompt]
            if isinstance(prompt, str)
            else [message.content for message in prompt]
        )
        return sum(len(_TOKEN.findall(text)) for text in texts)

    async def complete(self, request: Request, numbers: range) -> list[Completion]:
        """Answer, after the latency, or fail as planned."""
        failure = self._failures(self.calls)
        self.calls += 1
        self.requests.append((request, numbers))
        self.active += 1
        self.most_active = max(self.most_active, self.active)
        try:
            await asyncio.sleep(self._latency)
        finally:
            self.active -= 1
        if failure is not None and not failure.charged:
            raise failure
        answers = [self.draw(request, number) for number in numbers]
        self.billed += self._bill(answers)
        if failure is not None:
            raise failure
        self.draws += len(answers)
        return answers

    async def preflight(self) -> str:
        """Be ready."""
        return ""

    async def close(self) -> None:
        """Remember that it was called."""
        self.closed = True

    def draw(self, request: Request, number: int) -> Completion:
        """The draw that a call returns under this number, free of charge."""
        world = self._world
        said = (
            world
            if isinstance(world, str)
            else world(request, random.Random(request.seed(number)))
        )
        if isinstance(said, Completion):
            return said
        text = said[
            : min(
                (said.index(stop) for stop in request.stop if stop in said),
                default=len(said),
            )
        ]
        ends = [match.end() for match in _TOKEN.finditer(text)]
        whole = len(ends) <= request.max_tokens
        ends = ends[: request.max_tokens]
        return Completion(
            text=text if whole else text[: ends[-1]],
            finish_reason="stop" if whole else "length",
            prompt_tokens=self.most_prompt_tokens(request),
            completion_tokens=len(ends),
            seconds=self._latency,
            model=self._model or request.model,
            token_ends=tuple(ends),
        )

    def _bill(self, answers: Sequence[Completion]) -> int:
        if self._price is None or not answers:
            return 0
        calls = [
            answers[start : start + self.most_n]
            for start in range(0, len(answers), self.most_n)
        ]
        return sum(
            self._price.bill(
                call[0].prompt_tokens,
                sum(a.completion_tokens for a in call),
                call[0].cached_tokens,
            )
            for call in calls
        )


def guesser(
    right: Callable[[Request], str],
    wrong: Sequence[str],
    accuracy: float | Callable[[Request], float],
) -> World:
    """A world that knows the right answer to a request, and says it with a known probability.

    Args:
        right: the right answer.
        wrong: what is said otherwise, each as likely as the others.
        accuracy: the probability of the right answer, 0 to 1, for all requests or for each.
    """

    def world(request: Request, rng: random.Random) -> str:
        probability = accuracy(request) if callable(accuracy) else accuracy
        return right(request) if rng.random() < probability else rng.choice(wrong)

    return world
