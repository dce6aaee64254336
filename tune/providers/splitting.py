"""Buy several draws from an endpoint that returns few for each call: calls side by side."""

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
        inner: the provider that calls go through.
        endpoint: the endpoint that they end at. It is asked for its largest n before every order,
            because it may learn that it has one.
    """

    def __init__(self, inner: Provider, endpoint: Endpoint) -> None:
        self._inner = inner
        self._endpoint = endpoint

    async def complete(self, request: Request, numbers: range) -> list[Completion]:
        """Buy the draws with these numbers, in order."""
        if len(numbers) > self._endpoint.most_n:
            return await self._side_by_side(request, numbers, self._endpoint.most_n)
        try:
            bought = await self._inner.complete(request, numbers)
        except ParameterRejected as error:
            if error.parameter != "n" or len(numbers) == 1:
                raise
            # The refusal may have stated a limit, which the endpoint has learned. Where it did not,
            # only calls for one answer are sure to be taken.
            most = self._endpoint.most_n
            size = most if most < len(numbers) else 1
            return await self._side_by_side(request, numbers, size)
        rest = numbers[len(bought) :]
        return bought + await self._side_by_side(request, rest, 1)

    async def _side_by_side(
        self, request: Request, numbers: range, size: int
    ) -> list[Completion]:
        """Buy draws in calls for at most `size` of them."""
        chunks = [
            numbers[start : start + size] for start in range(0, len(numbers), size)
        ]
        calls = (self.complete(request, chunk) for chunk in chunks)
        # A cancelled gather cancels the calls and ends when the last of them has.
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        draws: list[Completion] = []
        failures: list[BaseException] = []
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                failures.append(outcome)
            else:
                draws += outcome
        if failures:
            raise min(failures, key=_severity)
        return draws


def _severity(failure: BaseException) -> int:
    """Return the order in which failures are raised; of equal ones the first call's wins.

    First come those that are not a provider's (a cancellation, a budget that is used up), then
    those that end all calls to the endpoint.
    """
    if not isinstance(failure, ProviderError):
        return 0
    return 1 if isinstance(failure, EndpointError | QuotaExhausted) else 2
