"""Several places of one model: who is asked, who rests, and what it costs."""

from __future__ import annotations

from collections import Counter

import pytest

from tune.completion import Completion, Message, Request
from tune.errors import (
    EndpointError,
    ProviderError,
    QuotaExhausted,
    RateLimited,
    RequestRefused,
    TransientError,
)
from tune.providers.capabilities import Adapted, MovedOn
from tune.providers.shared import Shared

ASK = Request("s", "m", (Message("user", "hi"),), 8)


class Place:
    """A place that answers, or fails with the errors of a list first."""

    service = "s"

    def __init__(
        self, *faults: ProviderError, most_n: int = 8, prompt: int = 5
    ) -> None:
        self.faults = list(faults)
        self.most_n = most_n
        self.asked = 0
        self.closed = False
        self.check: ProviderError | None = None
        self._prompt = prompt

    def most_prompt_tokens(self, request: Request) -> int:
        return self._prompt

    async def preflight(self) -> str:
        if self.check is not None:
            raise self.check
        return ""

    async def complete(self, request: Request, numbers: range) -> list[Completion]:
        self.asked += 1
        if self.faults:
            raise self.faults.pop(0)
        return [Completion("ok", "stop", 1, 1) for _ in numbers]

    async def close(self) -> None:
        self.closed = True


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def buy(shared: Shared) -> str:
    (draw,) = await shared.complete(ASK, range(1))
    return draw.text


async def test_the_load_is_shared_evenly_and_bounds_hold_for_every_place() -> None:
    places = [Place(most_n=8), Place(most_n=1, prompt=9)]
    shared = Shared(places)
    for _ in range(6):
        await buy(shared)
    assert [place.asked for place in places] == [3, 3]
    assert (shared.service, shared.most_n) == ("s", 1)
    assert shared.most_prompt_tokens(ASK) == 9
    await shared.close()
    assert all(place.closed for place in places)


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        (RateLimited("slow down", retry_after=7), 7),
        (RateLimited("slow down"), 10),
        (TransientError("refused", charged=False), 30),
        (QuotaExhausted("no credit", wait=60), 60),
        (EndpointError("wrong key"), 600),
    ],
)
async def test_a_failing_place_rests_for_a_while(
    fault: ProviderError, seconds: float
) -> None:
    clock = Clock()
    places = [Place(fault), Place()]
    shared = Shared(places, clock=clock)
    # It cost nothing, so the next attempt goes to the other place at once.
    with pytest.raises(MovedOn):
        await buy(shared)
    for _ in range(4):
        await buy(shared)
    assert [place.asked for place in places] == [1, 4]
    clock.now = seconds + 0.1
    await buy(shared)
    assert places[0].asked == 2


async def test_what_may_have_been_billed_is_the_callers_to_settle() -> None:
    places = [Place(TransientError("lost", charged=True)), Place()]
    shared = Shared(places)
    with pytest.raises(TransientError, match="lost") as caught:
        await buy(shared)
    assert caught.value.charged
    assert not isinstance(caught.value, Adapted)
    await buy(shared)
    await buy(shared)
    assert places[1].asked == 2


async def test_where_all_rest_the_fault_is_told_and_the_first_to_wake_is_asked() -> (
    None
):
    clock = Clock()
    places = [
        Place(RateLimited("a", retry_after=50)),
        Place(RateLimited("b", retry_after=5)),
    ]
    shared = Shared(places, clock=clock)
    with pytest.raises(MovedOn):
        await buy(shared)
    with pytest.raises(RateLimited, match="b"):
        await buy(shared)
    assert await buy(shared) == "ok"
    assert [place.asked for place in places] == [1, 2]


async def test_a_refused_request_is_no_fault_of_its_place() -> None:
    places = [Place(RequestRefused("no")), Place()]
    shared = Shared(places)
    with pytest.raises(RequestRefused):
        await buy(shared)
    counts: Counter[int] = Counter()
    for _ in range(4):
        await buy(shared)
    counts.update(place.asked for place in places)
    assert [place.asked for place in places] == [3, 2]


async def test_one_place_that_lets_us_in_is_enough() -> None:
    places = [Place(), Place()]
    places[0].check = EndpointError("wrong key")
    shared = Shared(places)
    assert "wrong key; the other entries" in await shared.preflight()
    await buy(shared)
    assert [place.asked for place in places] == [0, 1]
    places[1].check = EndpointError("no model")
    with pytest.raises(EndpointError, match="wrong key"):
        await Shared(places).preflight()
