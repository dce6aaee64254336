"""The first call to a model goes alone: what an endpoint does with a cap is known before many calls
are in flight.
"""

from __future__ import annotations

import asyncio

from tune.completion import Completion, Provider, Request
from tune.providers.capabilities import Capabilities, Fact


class Gated:
    """Lets one call for one answer through to a model that nothing is known of; the others wait
    until it is answered.

    So an endpoint that does not honour the cap exceeds it by one call at most, and one that answers
    with something unreadable costs a few calls. A model that has answered is known from then on,
    also when a study resumes.

    Args:
        inner: buys.
        service: who answers, as in `Request.service`.
        model: the model's name as the service knows it.
        capabilities: what is known of models; it is told of the first answer.
    """

    def __init__(
        self, inner: Provider, *, service: str, model: str, capabilities: Capabilities
    ) -> None:
        self._inner, self._capabilities = inner, capabilities
        self._fact = Fact(service, model, "answers")
        self._turn = asyncio.Lock()

    async def complete(self, request: Request, numbers: range) -> list[Completion]:
        """Buy the draws with these numbers, in order."""
        first: list[Completion] = []
        if not self._is_known():
            async with self._turn:
                if not self._is_known():
                    first = await self._inner.complete(request, numbers[:1])
                    self._capabilities.learn(self._fact)
        rest = numbers[len(first) :]
        return first + (await self._inner.complete(request, rest) if rest else [])

    def _is_known(self) -> bool:
        return self._fact in self._capabilities
