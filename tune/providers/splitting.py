"""Several draws where one call returns one, or a few: calls side by side."""

from __future__ import annotations

import asyncio

from tune.completion import Completion, Endpoint, Provider, Request
from tune.errors import EndpointError, ParameterRejected, ProviderError, QuotaExhausted


class Splitting:
    """Buys several draws of a request as one call where the endpoint can, else as several calls.

    An endpoint that states a largest n is asked for so many at a time. One that refuses n, or
    returns fewer answers than it was asked for, is asked for the rest one by one. The calls go out
    side by side. If one of them fails the others are waited for, because what they buy is paid and
    stored further in; then the gravest failure is raised, and the same order given again buys only
    what is missing.

    Args:
        inner: what calls go through. endpoint: the endpoint that they end at; asked for its largest
        n before every order, because it may learn
            that it has one.
    """

    def __init__(self, inner: Provider, endpoint: Endpoint) -> None:
        self._inner, self._endpoint = inner, endpoint

    async def complete(self, request: Request, numbers: range) -> list[Completion]:
        """Buy the draws with these numbers, in order."""
        if len(numbers) > self._endpoint.most_n:
            return await self._side_by_side(request, numbers, self._endpoint.most_n)
        try:
            bought = await self._inner.complete(request, numbers)
        except ParameterRejected as error:
            if error.parameter != "n" or len(numbers) == 1:
                raise
            # The refusal may have stated a limit; where it did not, nobody knows more than that one
            # answer comes.
            most = self._endpoint.most_n
            return await self._side_by_side(request, numbers, most if most < len(numbers) else 1)
        return bought + await self._side_by_side(request, numbers[len(bought) :], 1)

    async def _side_by_side(self, request: Request, numbers: range, size: int) -> list[Completion]:
        """Buy draws in calls for so many each."""
        chunks = [numbers[start : start + size] for start in range(0, len(numbers), size)]
        calls = (self.complete(request, chunk) for chunk in chunks)
        # A cancelled gather cancels the calls and ends when the last of them has.
        ended = await asyncio.gather(*calls, return_exceptions=True)
        failures = [outcome for outcome in ended if isinstance(outcome, BaseException)]
        if failures:
            raise min(failures, key=_rank)
        return [
            draw for outcome in ended if not isinstance(outcome, BaseException) for draw in outcome
        ]


def _rank(failure: BaseException) -> int:
    """Return the order in which failures have to be heard: no endpoint's, then the gravest, then
    the first call's.
    """
    if not isinstance(failure, ProviderError):
        return 0
    return 1 if isinstance(failure, EndpointError | QuotaExhausted) else 2
