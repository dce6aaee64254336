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
"""The answer of the model to a request, given the randomness of one draw."""

_TOKEN = re.compile(r"\s*\S+|\s+")


class FakeEndpoint:
    """An endpoint that answers from a function. A token is a word with the space before it.

    A draw depends on its request and its number alone. So runs at any concurrency get the same
    draws. A text is cut at the first stop string and at the cap of the request, as a model's text
    is. A `Completion` is returned unchanged, even if it breaks the rules.

    Args:
        world: the answers of the model; a text is the answer to every request.
        price: the price list; None bills nothing.
        most_n: the largest number of draws for which a prompt is billed once.
        latency: the seconds that a call takes.
        failures: the error of call number 0, 1, 2 ... or None; `{3: error}.get` is enough. A
            charged error is billed, and its answer is lost.
        model: the model's name as returned; by default the name that the request has.
        service: the service that requests to this endpoint have.

    Attributes:
        calls: calls that arrived.
        draws: draws that were returned.
        active: calls under way.
        most_active: the largest number of calls that were under way together.
        billed: picodollars of the endpoint's own bill, lost answers included.
        requests: every request with its draw numbers, in the order of arrival.
        closed: `close` was called.
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
        """Count the tokens of the prompt; the count is exact."""
        if isinstance(request.prompt, str):
            return _count_tokens(request.prompt)
        return sum(_count_tokens(message.content) for message in request.prompt)

    async def complete(self, request: Request, numbers: range) -> list[Completion]:
        """Answer after the latency, or fail as planned."""
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
        # A charged failure is billed like an answer: the caller paid and got nothing.
        self.billed += self._bill(answers)
        if failure is not None:
            raise failure
        self.draws += len(answers)
        return answers

    async def preflight(self) -> str:
        """Report nothing: a fake is always ready."""
        return ""

    async def close(self) -> None:
        """Note that it was called."""
        self.closed = True

    def draw(self, request: Request, number: int) -> Completion:
        """Return the draw that a call returns under this number, free of charge."""
        if isinstance(self._world, str):
            said: str | Completion = self._world
        else:
            said = self._world(request, random.Random(request.seed(number)))
        if isinstance(said, Completion):
            return said
        stops = [said.index(stop) for stop in request.stop if stop in said]
        text = said[: min(stops, default=len(said))]
        ends = [match.end() for match in _TOKEN.finditer(text)]
        finish_reason = "stop"
        if len(ends) > request.max_tokens:
            finish_reason = "length"
            ends = ends[: request.max_tokens]
            text = text[: ends[-1]]
        return Completion(
            text=text,
            finish_reason=finish_reason,
            prompt_tokens=self.most_prompt_tokens(request),
            completion_tokens=len(ends),
            seconds=self._latency,
            model=self._model or request.model,
            token_ends=tuple(ends),
        )

    def _bill(self, answers: Sequence[Completion]) -> int:
        if self._price is None or not answers:
            return 0
        bill = 0
        for start in range(0, len(answers), self.most_n):
            call = answers[start : start + self.most_n]
            completion_tokens = sum(answer.completion_tokens for answer in call)
            # The prompt is billed once for all answers of a call.
            bill += self._price.bill(
                call[0].prompt_tokens, completion_tokens, call[0].cached_tokens
            )
        return bill


def _count_tokens(text: str) -> int:
    return len(_TOKEN.findall(text))


def guesser(
    right: Callable[[Request], str],
    wrong: Sequence[str],
    accuracy: float | Callable[[Request], float],
) -> World:
    """Make a world that gives the right answer to a request with a known probability.

    Args:
        right: the right answer to a request.
        wrong: the other answers; each is equally likely.
        accuracy: the probability of the right answer, 0 to 1, for all requests or for each.
    """

    def world(request: Request, rng: random.Random) -> str:
        probability = accuracy(request) if callable(accuracy) else accuracy
        if rng.random() < probability:
            return right(request)
        return rng.choice(wrong)

    return world
