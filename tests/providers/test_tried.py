"""New settings are tried by one call, and refusals without a reason are explained by difference."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tune.completion import Completion, Message, Request
from tune.errors import (
    NoRoom,
    ParameterRejected,
    ProviderError,
    RequestRefused,
    TransientError,
    ValueRejected,
)
from tune.fakes.provider import FakeEndpoint
from tune.providers.capabilities import Capabilities
from tune.providers.taken import Taken
from tune.providers.tried import ENOUGH_REFUSALS, Tried
from tune.store.database import Database
from tune.store.draws import Store, Use

Refuse = Callable[[dict[str, Any], int], bool]
BAD = RequestRefused("answered 400: Bad Request")


class Strict(FakeEndpoint):
    """Refuses calls without a reason where `refuse(settings, n)` says so."""

    def __init__(self, refuse: Refuse, error: ProviderError = BAD) -> None:
        super().__init__("yes", latency=0.001)
        self.refuse, self.error = refuse, error
        self.store = Store(Database(":memory:"), study="s")
        self.refusals = 0

    async def complete(self, request: Request, numbers: range) -> list[Completion]:
        draws = await super().complete(request, numbers)
        asked = {"max_tokens": request.max_tokens, **dict(request.settings)}
        if request.stop:
            asked["stop"] = request.stop  # type: ignore[assignment]
        if self.refuse(asked, len(numbers)):
            self.refusals += 1
            raise self.error
        self.store.put(request, numbers, draws, study="s")
        return draws


def make(
    refuse: Refuse, error: ProviderError = BAD
) -> tuple[Strict, Tried, Capabilities]:
    endpoint, known = Strict(refuse, error), Capabilities()
    return (
        endpoint,
        Tried(
            endpoint,
            store=endpoint.store,
            service="fake",
            model="m",
            capabilities=known,
        ),
        known,
    )


def request(number: int = 0, stop: tuple[str, ...] = (), **settings: Any) -> Request:
    prompt = (Message("user", f"ticket {number}"),)
    return Request("fake", "m", prompt, 8, stop, tuple(sorted(settings.items())))


async def ask(tried: Tried, requests: list[Request], n: int = 1) -> list[Any]:
    calls = [tried.complete(each, range(n)) for each in requests]
    return await asyncio.gather(*calls, return_exceptions=True)


def told(errors: list[Any]) -> list[tuple[Any, ...]]:
    """Return what refusals say: each call has an error of its own."""
    return [(type(error), str(error), vars(error)) for error in errors]


async def test_one_call_finds_out_whether_a_new_setting_is_taken() -> None:
    error = ValueRejected("too hot", "temperature", high=1)
    endpoint, tried, _ = make(lambda asked, _: asked.get("temperature", 0) > 1, error)
    hot = [request(i, temperature=1.5) for i in range(8)]
    assert told(await ask(tried, hot)) == told([error] * 8)
    assert endpoint.calls == endpoint.refusals == 1
    warm = [request(i, temperature=0.5) for i in range(8)]
    assert all(isinstance(found, list) for found in await ask(tried, warm))
    assert endpoint.calls == 9
    assert endpoint.most_active == 7


async def test_what_works_without_a_setting_and_fails_with_it_is_that_setting() -> None:
    endpoint, tried, _ = make(lambda asked, _: "verbosity" in asked)
    calm = [request(i, temperature=0.5) for i in range(4)]
    await ask(tried, calm)
    wordy = [request(i, temperature=0.5, verbosity="high") for i in range(8)]
    found = await ask(tried, wordy)
    assert all(isinstance(error, ValueRejected) for error in found)
    assert {error.parameter for error in found} == {"verbosity"}
    assert "answered 400: Bad Request" in str(found[0])
    assert "without verbosity" in str(found[0])
    # The answers of the calls without it are there already.
    assert (endpoint.calls, endpoint.refusals) == (5, 1)
    found = await ask(tried, [request(0, temperature=0.5, verbosity="low")])
    assert isinstance(found[0], ValueRejected)
    assert (endpoint.calls, endpoint.refusals) == (6, 2)


async def test_a_reason_is_found_once_for_calls_that_are_refused_side_by_side() -> None:
    """A temperature of 0 is not tried first, where the model takes a larger one."""
    endpoint, tried, _ = make(lambda asked, _: asked.get("temperature") == 0)
    await ask(tried, [request(temperature=0.5)])
    found = await ask(tried, [request(i, temperature=0.0) for i in range(1, 9)])
    assert {type(error) for error in found} == {ValueRejected}
    assert endpoint.refusals == 8
    assert endpoint.calls == 1 + 8 + 1, "one of them was answered without it"


async def test_the_other_settings_of_calls_that_are_refused_side_by_side_are_tried_once() -> (
    None
):
    error = ValueRejected("strictly positive", "temperature", low=0.01)
    endpoint, tried, _ = make(lambda asked, _: asked.get("temperature") == 0, error)
    await ask(tried, [request(temperature=0.5, top_p=0.9)])
    await ask(tried, [request(temperature=0.5, top_p=0.1)])
    cold = [request(i, temperature=0.0, top_p=0.5) for i in range(1, 9)]
    assert await ask(tried, cold) == [error] * 8
    assert endpoint.calls == 2 + 8 + 1


async def test_the_first_call_of_all_is_explained_too() -> None:
    endpoint, tried, _ = make(lambda asked, _: "top_p" in asked)
    first = request(temperature=0.5, top_p=0.9, verbosity="low")
    (error,) = await ask(tried, [first])
    assert isinstance(error, ValueRejected)
    assert error.parameter == "top_p"
    assert endpoint.refusals == 2
    kept = endpoint.store.draws(request(temperature=0.5), range(1))
    assert len(kept) == 1, "the answers on the way are bought, so they are kept"


async def test_the_answers_on_the_way_belong_to_the_same_examples() -> None:
    endpoint, tried, _ = make(lambda asked, _: "top_p" in asked)
    first = request(temperature=0.5, top_p=0.9)
    endpoint.store.note_uses([Use("row 7", "key", first, 1)])
    await ask(tried, [first])
    rows = endpoint.store.db.rows(
        "SELECT e.name, r.key FROM uses u JOIN examples e ON e.id = u.example "
        "JOIN requests r ON r.id = u.request"
    )
    asked = {first.key, request().key, request(temperature=0.5).key}
    assert {(name, bytes(key)) for name, key in rows} == {
        ("row 7", key) for key in asked
    }


async def test_only_the_stop_strings_that_were_sent_are_refused() -> None:
    _, tried, _ = make(lambda asked, _: asked.get("stop") == ("\n",))
    (error,) = await ask(tried, [request(stop=("\n",))])
    assert isinstance(error, ValueRejected)
    assert error.parameter == "stop"
    (draws,) = await ask(tried, [request(stop=("END",))])
    assert len(draws) == 1


async def test_several_answers_that_are_refused_without_a_reason_come_one_by_one() -> (
    None
):
    endpoint, tried, known = make(lambda _, n: n > 1)
    inner = tried._inner

    class Splitting:
        async def complete(self, asked: Request, numbers: range) -> list[Completion]:
            if known.refuses("fake", "m", "n"):
                return [
                    (await inner.complete(asked, range(i, i + 1)))[0] for i in numbers
                ]
            return await inner.complete(asked, numbers)

    tried._inner = Splitting()
    await ask(tried, [request()])
    (found,) = await ask(tried, [request(1)], n=3)
    assert len(found) == 3
    assert known.refuses("fake", "m", "n")
    assert endpoint.refusals == 1


async def test_what_stays_unexplained_is_raised_as_it_came_and_not_sent_for_ever() -> (
    None
):
    endpoint, tried, _ = make(lambda *_: True)
    found = await ask(tried, [request(i, temperature=0.5) for i in range(20)])
    assert {str(error) for error in found} == {str(BAD)}
    # Each was asked with and without its setting.
    assert endpoint.refusals == 2 * ENOUGH_REFUSALS


async def test_a_max_tokens_is_to_blame_if_the_call_is_answered_with_another_one() -> (
    None
):
    endpoint, tried, _ = make(lambda *_: False)
    large = replace(request(0), max_tokens=64)
    await ask(tried, [large])
    endpoint.refuse = lambda asked, _: asked["max_tokens"] < 64
    found = await ask(tried, [request(0), request(1)])
    assert all(isinstance(error, ValueRejected) for error in found)
    assert {error.parameter for error in found} == {"max_tokens"}
    assert "answered with another one" in str(found[0])
    assert endpoint.refusals == 1
    # The answer to the larger call was in the store.
    assert endpoint.calls == 2


async def test_a_prompt_that_is_refused_takes_no_setting_with_it() -> None:
    endpoint, tried, _ = make(lambda *_: False)
    await ask(tried, [request(0, temperature=0.5)])
    endpoint.refuse = lambda *_: True
    found = await ask(tried, [request(i, temperature=0.5) for i in range(1, 9)])
    assert all(error is BAD for error in found)
    endpoint.refuse = lambda *_: False
    (draws,) = await ask(tried, [request(9, temperature=0.5)])
    assert len(draws) == 1


async def test_an_outage_lets_the_others_go() -> None:
    lost = TransientError("gone", charged=False)
    endpoint, tried, _ = make(lambda *_: True, lost)
    found = await ask(tried, [request(i) for i in range(8)])
    assert found == [lost] * 8
    assert endpoint.most_active == 7


async def test_settings_that_do_not_go_together_cost_one_refusal_for_each_pair() -> (
    None
):
    error = ValueRejected("not both", "top_p", beside="temperature")
    both = {"temperature", "top_p"}
    endpoint, tried, _ = make(lambda asked, _: both <= asked.keys(), error)
    await ask(tried, [request(temperature=0.5), request(temperature=1.0)])
    await ask(tried, [request(top_p=0.9)])
    first = [request(i, temperature=0.5, top_p=0.9) for i in range(4)]
    assert told(await ask(tried, first)) == told([error] * 4)
    endpoint.refusals = 0
    second = [request(i, temperature=1.0, top_p=0.9) for i in range(8)]
    assert told(await ask(tried, second)) == told([error] * 8)
    assert endpoint.refusals == 1
    alone = [request(i, top_p=0.9) for i in range(4)]
    assert all(isinstance(found, list) for found in await ask(tried, alone))


async def test_all_refused_settings_of_a_call_are_found_out_at_once() -> None:
    errors = {
        "verbosity": ParameterRejected("no verbosity", parameter="verbosity"),
        "top_p": ParameterRejected("no top_p", parameter="top_p"),
    }
    endpoint, tried, _ = make(lambda *_: False)

    def refuse(asked: dict[str, Any], _: int) -> bool:
        found = [name for name in errors if name in asked]
        endpoint.error = errors[found[0]] if found else BAD
        return bool(found)

    endpoint.refuse = refuse
    first = request(temperature=0.5, top_p=0.9, verbosity="low")
    (error,) = await ask(tried, [first])
    assert error is errors["verbosity"]
    assert error.more == [errors["top_p"]]
    assert endpoint.refusals == 2
    assert len(endpoint.store.draws(request(temperature=0.5), range(1))) == 1


async def test_a_number_between_two_that_are_taken_waits_for_no_other_call() -> None:
    endpoint, tried, _ = make(lambda *_: False)
    await ask(tried, [request(0, temperature=0.0), request(0, temperature=1.2)])
    endpoint.most_active = 0
    await ask(tried, [request(i, temperature=0.7) for i in range(1, 9)])
    assert endpoint.most_active == 8
    # Beyond them, one call goes first, and the last one goes with the others.
    endpoint.most_active = 0
    await ask(tried, [request(i, temperature=1.3) for i in range(1, 9)])
    assert endpoint.most_active == 7


async def test_what_else_is_refused_of_a_call_that_is_not_sent_is_found_too() -> None:
    """Which of two calls is sent first must not decide what is learned."""
    error = ValueRejected("too hot", "temperature", high=1)
    hot, other = request(temperature=1.5), request(1, temperature=1.5, top_p=0.9)
    for calls in ([hot, other], [other, hot]):
        endpoint, tried, known = make(
            lambda asked, _: asked.get("temperature", 0) > 1, error
        )
        for call in calls:
            assert told(await ask(tried, [call])) == told([error])
        assert ("top_p", "0.9") in Taken("fake", "m", known)
        assert endpoint.refusals == 1


async def test_a_prompt_without_room_holds_no_other_one_back() -> None:
    endpoint, tried, _ = make(lambda *_: False)
    error = NoRoom("too long", most=4)
    first = [request(0)]
    endpoint.refuse, endpoint.error = (lambda *_: True), error
    assert await ask(tried, first) == [error]
    endpoint.refuse = lambda *_: False
    assert all(isinstance(draws, list) for draws in await ask(tried, [request(1)]))


async def test_what_else_is_refused_is_not_asked_again_where_no_answer_came() -> None:
    """The service is down after the refusal: one call tries, and not one for each that waits."""
    refused = ValueRejected("too hot", "temperature", high=1)
    down = TransientError("502", charged=True)
    asked: list[dict[str, Any]] = []

    class Down(Strict):
        async def complete(self, request: Request, numbers: range) -> list[Completion]:
            asked.append(dict(request.settings))
            raise refused if "temperature" in asked[-1] else down

    endpoint = Down(lambda *_: False)
    tried = Tried(
        endpoint,
        store=endpoint.store,
        service="fake",
        model="m",
        capabilities=Capabilities(),
    )
    await ask(tried, [request(i, temperature=1.5, top_p=0.9) for i in range(30)])
    assert len([each for each in asked if "temperature" not in each]) == 1
