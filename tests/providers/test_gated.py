"""The first call to a model goes alone, and a model that bills more than its cap is reserved at its
largest output.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tune.completion import MANY, Completion, Message, Request
from tune.errors import EndpointError, ProviderError, TransientError, Unreadable
from tune.pricing.prices import PICODOLLARS, Price
from tune.providers.capabilities import Capabilities, Fact
from tune.providers.entries import Entry, read_entries
from tune.providers.retrying import RetryPolicy
from tune.providers.stack import Service, StackContext, build_stack
from tune.report import Money, Uncertain
from tune.report.headline import uncertain_sentence
from tune.space import Space
from tune.store.database import Database
from tune.store.draws import Store
from tune.store.ledger import Ledger
from tune.study.lessons import Lessons

PRICE = Price(1.0, 2.0)
CAP = 64
QUICK = RetryPolicy(first_wait=0.001, longest_wait=0.001)


class Endless:
    """An endpoint that bills hidden tokens on top of its cap from one call on, as xAI's do
    (inspect_ai#5528).
    """

    service, most_n = "s", MANY

    def __init__(
        self,
        hidden: int,
        *,
        since: int = 0,
        fault: Callable[[int], ProviderError | None] | None = None,
    ) -> None:
        self.hidden, self.since, self.fault = hidden, since, fault or (lambda _: None)
        self.calls = self.at_once = self.billed = 0
        self.peaks: list[int] = []

    async def complete(self, request: Request, numbers: range) -> list[Completion]:
        number, self.calls = self.calls, self.calls + 1
        self.at_once += 1
        self.peaks.append(self.at_once)
        # Longer than a busy machine takes to send the calls that may be in flight.
        await asyncio.sleep(0.02)
        self.at_once -= 1
        if error := self.fault(number):
            raise error
        taken = 3 + (self.hidden if number >= self.since else 0)
        self.billed += PRICE.cost(10, taken * len(numbers))
        return [Completion("yes", "stop", 10, taken, model="m") for _ in numbers]

    def most_prompt_tokens(self, request: Request) -> int:
        return 10

    async def preflight(self) -> str:
        return ""

    async def close(self) -> None: ...


class Bench:
    """The whole stack over one endpoint, with its journal."""

    def __init__(
        self, endpoint: Endless, *, budget: float = 1.0, max_output: int | None = None
    ) -> None:
        db = Database(":memory:")
        self.endpoint, self.ledger = (
            endpoint,
            Ledger(db, "s", int(budget * PICODOLLARS)),
        )
        self.known, self.events = Capabilities(), list[tuple[str, dict[str, Any]]]()
        space = Space(model="m", prompt="{text}", max_tokens=CAP)
        Lessons(
            space,
            self.known,
            lambda event, **fields: self.events.append((event, fields)),
        )
        context = StackContext(Store(db), self.ledger, self.known, 64, retry=QUICK)
        entry = Entry("m", "m", max_output=max_output)
        self.service: Service = build_stack(entry, endpoint, PRICE, context)

    async def ask(self, calls: int, n: int = 1) -> list[Any]:
        requests = [
            Request("s", "m", (Message("user", f"{self.endpoint.calls}/{i}"),), CAP)
            for i in range(calls)
        ]
        asked = (
            self.service.provider.complete(request, range(n)) for request in requests
        )
        return await asyncio.gather(*asked, return_exceptions=True)


async def test_the_first_call_to_an_unknown_model_goes_alone_and_asks_for_one_answer() -> (
    None
):
    bench = Bench(Endless(0))
    found = await bench.ask(20, n=3)
    assert all(len(draws) == 3 for draws in found)
    assert bench.endpoint.peaks[:2] == [1, 1]
    assert max(bench.endpoint.peaks) >= 8
    assert bench.endpoint.calls == 21
    kinds = [fields["kind"] for _, fields in bench.events]
    assert set(kinds) == {"answers", "takes"}
    assert kinds.count("answers") == 1
    await bench.ask(8)
    assert bench.endpoint.calls == 29, "it is known from then on"


async def test_a_model_that_is_known_from_the_journal_is_not_tried_again() -> None:
    bench = Bench(Endless(0))
    bench.known.recall(Fact("s", "m", "answers"))
    await bench.ask(8, n=3)
    assert bench.endpoint.calls == 8


@pytest.mark.parametrize("hidden", [400, 30_000])
async def test_a_model_that_does_not_honour_its_cap_exceeds_it_by_one_call(
    hidden: int,
) -> None:
    bench = Bench(Endless(hidden))
    found = await bench.ask(64, n=3)
    assert bench.endpoint.calls == 1
    assert all(isinstance(each, EndpointError) for each in found)
    assert f"billed {hidden + 3:,} tokens for an answer, above its cap" in str(
        found[-1]
    )
    assert "state max_output" in str(found[-1])
    assert bench.ledger.settled == bench.endpoint.billed
    assert (
        "fact",
        {
            "service": "s",
            "model": "m",
            "kind": "beyond",
            "name": "",
            "number": hidden + 3,
        },
    ) in bench.events


@pytest.mark.parametrize("hidden", [400, 30_000])
async def test_from_the_hundredth_call_on_only_those_in_flight_exceed_it(
    hidden: int,
) -> None:
    bench = Bench(Endless(hidden, since=100), budget=10.0)
    await bench.ask(100)
    assert bench.endpoint.calls == 100
    at_cap = bench.ledger.spent
    found = await bench.ask(200)
    assert bench.endpoint.calls <= 164
    assert any(isinstance(each, EndpointError) for each in found)
    assert bench.ledger.settled == bench.endpoint.billed
    assert bench.ledger.spent - at_cap <= 64 * PRICE.cost(10, hidden + 3)


@pytest.mark.parametrize("hidden", [400, 30_000])
@pytest.mark.parametrize("since", [0, 100])
async def test_a_stated_largest_output_is_reserved_once_the_cap_was_exceeded(
    hidden: int, since: int
) -> None:
    bench = Bench(Endless(hidden, since=since), budget=30.0, max_output=40_000)
    if since:
        await bench.ask(100)
    found = await bench.ask(100)
    assert not any(isinstance(each, Exception) for each in found)
    assert bench.ledger.settled == bench.endpoint.billed
    assert bench.service.metered.most_output(CAP) == 40_000
    assert bench.ledger.overshoot == 0 or since


async def test_a_largest_output_that_does_not_fit_sets_the_model_aside_and_the_budget_holds() -> (
    None
):
    bench = Bench(Endless(30_000), budget=0.1, max_output=40_000)
    found = await bench.ask(20)
    refused = [each for each in found if isinstance(each, EndpointError)]
    assert "reserved at its largest output of 40,000 tokens" in str(refused[0])
    assert "does not fit into what is left" in str(refused[0])
    assert bench.ledger.settled == bench.endpoint.billed <= 0.1 * PICODOLLARS


async def test_an_address_that_answers_rubbish_costs_a_few_calls() -> None:
    bench = Bench(
        Endless(
            0, fault=lambda _: Unreadable("returned a web page instead of an answer")
        )
    )
    found = await bench.ask(64, n=3)
    assert bench.endpoint.calls == QUICK.unreadable
    assert all(isinstance(each, EndpointError) for each in found)
    assert "returned a web page" in str(found[0])
    assert bench.ledger.uncertain <= QUICK.unreadable * PRICE.ceiling(10, CAP)


@pytest.mark.parametrize("stated", [0, -5, True, "many", 1.5])
def test_a_largest_output_is_a_number_of_tokens(stated: object) -> None:
    with pytest.raises(
        Exception, match="max_output of model 'm' is a whole number of tokens"
    ):
        read_entries({"m": {"max_output": stated}})
    assert read_entries({"m": {"max_output": 30_000}})["m"].max_output == 30_000


async def test_what_is_uncertain_is_kept_with_its_reason() -> None:
    faults: dict[int, ProviderError] = {
        1: Unreadable("a web page"),
        2: TransientError("m did not answer within 3 s", charged=True),
        3: TransientError("m broke off the connection", charged=True),
        4: TransientError("m answered 500", charged=True),
        5: TransientError("m answered 500", charged=True),
    }
    bench = Bench(Endless(0, fault=faults.get))
    await bench.ask(1)
    await bench.ask(1)
    found = {reason: calls for reason, calls, _ in bench.ledger.uncertain_by_reason()}
    assert found == {
        "the answer could not be read": 1,
        "no answer came in time": 1,
        "the connection broke before the answer was there": 1,
        "the service failed while it answered": 2,
    }
    assert (
        sum(cost for _, _, cost in bench.ledger.uncertain_by_reason())
        == bench.ledger.uncertain
    )
    await bench.ledger.reserve(7)
    again = Ledger(bench.ledger.db, "s", bench.ledger.budget)
    assert (
        "the run was killed while the call was under way",
        1,
        7,
    ) in again.uncertain_by_reason()
    again.reconcile(again.settled)
    assert again.uncertain_by_reason() == []


def test_uncertain_dollars_are_shown_with_their_reason_and_the_way_out() -> None:
    reasons = (Uncertain("no answer came in time", 3, 0.02),)
    money = Money(1.0, 0.5, 0.5, 0.48, 0.02, 0.5, reasons=reasons)
    said = uncertain_sentence(money)
    assert "$0.02 of it is uncertain" in said
    assert "3 calls: no answer came in time" in said
    assert "tune reconcile STUDY --billed USD books the whole bill" in said
    assert uncertain_sentence(Money(1.0, 0.5, 0.5, 0.5, 0.0, 0.5)) == ""
