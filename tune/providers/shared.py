"""Several places of one model behind one face: they share its load, and a failing one rests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tune.completion import Completion, Endpoint, Request
from tune.errors import (
    EndpointError,
    ProviderError,
    QuotaExhausted,
    RateLimited,
    RequestRefused,
    TransientError,
)
from tune.providers.capabilities import Adapted, MovedOn

# Seconds that a place rests: called too often without a word on how long to wait; failed in a way
# that may pass; refuses every call, as with a wrong key.
_BUSY, _TROUBLED, _CLOSED = 10.0, 30.0, 600.0
_LEAST = 1.0


@dataclass(slots=True)
class _Place:
    """One place of the model.

    Attributes:
        endpoint: sends.
        in_flight: its calls under way.
        sent: its calls so far.
        rests_until: the time before which it is not called while another place is awake.
    """

    endpoint: Endpoint
    in_flight: int = 0
    sent: int = 0
    rests_until: float = 0.0


class Shared:
    """Sends each call to the place with the fewest calls under way.

    A place that fails rests for a while. Where the failure cost nothing and another place is awake,
    the call ends with `MovedOn`: the next attempt goes there at once, through every gate again.
    Otherwise the failure is the caller's, as if there were one place.

    Args:
        endpoints: the places, all with the same service, so that they share their draws.
        clock: returns seconds that never go back.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._places = [_Place(endpoint) for endpoint in endpoints]
        self._clock = clock

    @property
    def service(self) -> str:
        """The name of the service, as `Request.service` has it."""
        return self._places[0].endpoint.service

    @property
    def most_n(self) -> int:
        """The most draws of one call that every place takes."""
        return min(place.endpoint.most_n for place in self._places)

    def most_prompt_tokens(self, request: Request) -> int:
        """Return an upper bound of the prompt's tokens, whichever place counts them."""
        return max(place.endpoint.most_prompt_tokens(request) for place in self._places)

    async def preflight(self) -> str:
        """Check the places. One that does not answer rests as long as another one does.

        Returns:
            Sentences on places that do not answer or may not have the model, or "".

        Raises:
            EndpointError: no place answers; in the words of the first.
        """
        checks = [place.endpoint.preflight() for place in self._places]
        results = await asyncio.gather(*checks, return_exceptions=True)
        faults: list[EndpointError] = []
        words: list[str] = []
        for place, result in zip(self._places, results, strict=True):
            if isinstance(result, EndpointError):
                faults.append(result)
                self._rest(place, _CLOSED)
                words.append(f"{result}; the other entries of this model are used")
            elif isinstance(result, BaseException):
                raise result
            elif result:
                words.append(result)
        if len(faults) == len(self._places):
            raise faults[0]
        return " ".join(words)

    async def complete(self, request: Request, numbers: range) -> list[Completion]:
        """Buy the draws with these numbers at one of the places.

        Raises:
            MovedOn: the place failed and cost nothing, and another one can be asked at once.
            ProviderError: as the place raises it.
        """
        place = self._next()
        place.in_flight += 1
        place.sent += 1
        try:
            return await place.endpoint.complete(request, numbers)
        except ProviderError as error:
            seconds = _rest_after(error)
            if seconds is None:
                raise
            self._rest(place, seconds)
            if error.charged or not self._any_awake():
                raise
            raise MovedOn(str(error)) from None
        finally:
            place.in_flight -= 1

    async def close(self) -> None:
        """Close all places."""
        await asyncio.gather(*(place.endpoint.close() for place in self._places))

    def _next(self) -> _Place:
        """Return the awake place with the fewest calls under way; else the next one to wake."""
        now = self._clock()
        awake = [place for place in self._places if place.rests_until <= now]
        if not awake:
            return min(self._places, key=lambda place: place.rests_until)
        return min(awake, key=lambda place: (place.in_flight, place.sent))

    def _rest(self, place: _Place, seconds: float) -> None:
        place.rests_until = max(place.rests_until, self._clock() + seconds)

    def _any_awake(self) -> bool:
        now = self._clock()
        return any(place.rests_until <= now for place in self._places)


def _rest_after(error: ProviderError) -> float | None:
    """Return the seconds that a place rests after a failure; None where it is not at fault."""
    # What was refused or learned is about the request, and every place would say the same.
    if isinstance(error, Adapted | RequestRefused):
        return None
    if isinstance(error, RateLimited):
        # A shorter rest would let places that are all busy be asked in a circle.
        return max(error.retry_after or _BUSY, _LEAST)
    if isinstance(error, QuotaExhausted):
        return error.wait or _CLOSED
    if isinstance(error, TransientError):
        return error.retry_after or _TROUBLED
    return _CLOSED if isinstance(error, EndpointError) else None
