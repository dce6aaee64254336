"""The first call to a model goes alone, to see what its endpoint does with a cap."""

from __future__ import annotations

import asyncio

from tune.completion import Completion, Provider, Request
from tune.errors import EndpointError, RequestRefused
from tune.providers.capabilities import Capabilities, Fact


class Gated:
    """Lets one call for one answer through to an unknown model; the others wait for its answer.

    So an endpoint that does not honour the cap exceeds it by one call at most, and one that answers
    with something unreadable costs a few calls. A model that has answered is known from then on,
    also when a study resumes.

    Args:
        inner: buys.
        service: the service, as in `Request.service`.
        model: the model's name as the service knows it.
        capabilities: what is known of models; the first answer is noted there.
    """

    def __init__(
        self,
        inner: Provider,
        *,
        service: str,
        model: str,
        capabilities: Capabilities,
    ) -> None:
        self._inner = inner
        self._capabilities = capabilities
        self._answers = Fact(service, model, "answers")
        self._turn = asyncio.Lock()
        self._lost = ""

    async def complete(self, request: Request, numbers: range) -> list[Completion]:
        """Buy the draws with these numbers, in order."""
        first: list[Completion] = []
        if not self._is_known():
            async with self._turn:
                # Another call may have been answered while this one waited for its turn.
                if not self._is_known():
                    first = await self._ask_first(request, numbers[:1])
        rest = numbers[len(first) :]
        if not rest:
            return first
        return first + await self._inner.complete(request, rest)

    async def _ask_first(self, request: Request, numbers: range) -> list[Completion]:
        """Buy the first answer of a model."""
        # Those that waited behind a call that no other can better are not sent.
        if self._lost:
            raise EndpointError(self._lost)
        try:
            first = await self._inner.complete(request, numbers)
        except RequestRefused:
            # It may be about this request alone.
            raise
        except EndpointError as error:
            self._lost = str(error)
            raise
        self._capabilities.learn(self._answers)
        return first

    def _is_known(self) -> bool:
        return self._answers in self._capabilities
