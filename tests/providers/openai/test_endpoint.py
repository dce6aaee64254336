"""The endpoint over real sockets: what it sends, what it makes of every answer, and what it never
shows.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from tests.support.nobody import nobody_listens
from tune.completion import MANY, Completion, Message, Request
from tune.errors import (
    AnswerError,
    EndpointError,
    InputError,
    ParameterRejected,
    ProviderError,
    QuotaExhausted,
    RateLimited,
    RequestRefused,
    TransientError,
    Unreadable,
)
from tune.fakes.answers import count_prompt_tokens
from tune.fakes.server import Fault, Model, Server, fail_every, fail_first
from tune.fakes.world import tokens
from tune.providers.capabilities import Adapted, Capabilities, Fact
from tune.providers.openai.endpoint import OpenAIEndpoint

CHAT = (Message("system", "Be brief."), Message("user", "Label this: Ticket #7: late"))
Open = Callable[..., Any]


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "OPENAI_CUSTOM_HEADERS",
        "OPENAI_ADMIN_KEY",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def start() -> AsyncIterator[Open]:
    """Starts a server, and an endpoint for it; both are closed in the end."""
    async with AsyncExitStack() as stack:

        async def start(
            model: str = "small",
            *,
            options: dict[str, Any] | None = None,
            **server: Any,
        ) -> Any:
            running = await stack.enter_async_context(
                Server(**({"models": {model: Model()}} | server))
            )
            endpoint = OpenAIEndpoint(
                model, **({"base_url": running.base_url} | (options or {}))
            )
            stack.push_async_callback(endpoint.close)
            return running, endpoint

        yield start


def ask(
    endpoint: OpenAIEndpoint, prompt: Any = CHAT, *, cap: int = 40, **more: Any
) -> Request:
    settings = tuple(sorted(more.pop("settings", {}).items()))
    return Request(
        endpoint.service, endpoint.model, prompt, cap, settings=settings, **more
    )


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something that happens soon, however busy the machine."""
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110  (a server in a thread sets no event)
            await asyncio.sleep(0.01)


async def failure(
    endpoint: OpenAIEndpoint, request: Request | None = None, count: int = 1
) -> Any:
    with pytest.raises(ProviderError) as caught:
        await endpoint.complete(request or ask(endpoint), range(count))
    return caught.value


# What is sent


async def test_a_chat_is_sent_with_its_cap_its_seed_and_its_settings(
    start: Open,
) -> None:
    server, endpoint = await start()
    request = ask(
        endpoint, stop=("\n",), settings={"temperature": 0.5, "reasoning_effort": "low"}
    )
    (draw,) = await endpoint.complete(request, range(4, 5))
    (seen,) = server.requests
    assert seen.path == "/v1/chat/completions"
    assert seen.body == {
        "model": "small",
        "messages": [{"role": m.role, "content": m.content} for m in CHAT],
        "max_tokens": 40,
        "seed": request.seed(4),
        "stop": ["\n"],
        "temperature": 0.5,
        "reasoning_effort": "low",
    }
    assert (draw.model, draw.finish_reason) == ("small", "stop")
    assert draw.seconds > 0


async def test_several_draws_are_one_call_whose_tokens_add_up(start: Open) -> None:
    server, endpoint = await start(world=lambda *key: "word " * (key[-1] + 1))
    draws = await endpoint.complete(ask(endpoint), range(2, 7))
    assert len(server.requests) == 1
    assert (server.requests[0].body["n"], server.requests[0].body["seed"]) == (
        5,
        ask(endpoint).seed(2),
    )
    assert (
        sum(draw.completion_tokens for draw in draws)
        == server.charges[0].completion_tokens
        == 15
    )
    assert {draw.prompt_tokens for draw in draws} == {
        count_prompt_tokens(server.requests[0].body)
    }
    assert endpoint.estimated_usage == 0


async def test_a_plain_prompt_goes_to_the_older_completions(start: Open) -> None:
    server, endpoint = await start(world=lambda *_: " upon a time")
    (draw,) = await endpoint.complete(ask(endpoint, "Once"), range(1))
    assert (server.requests[0].path, server.requests[0].body["prompt"]) == (
        "/v1/completions",
        "Once",
    )
    assert draw.text == " upon a time"


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("o3-mini", "max_completion_tokens"),
        ("gpt-5-nano", "max_completion_tokens"),
        ("openai/o4-mini", "max_completion_tokens"),
        ("gpt-4.1", "max_tokens"),
        ("omni", "max_tokens"),
        ("llama-3", "max_tokens"),
    ],
)
async def test_the_cap_has_the_name_that_the_model_takes(
    start: Open, model: str, name: str
) -> None:
    server, endpoint = await start(model)
    await endpoint.complete(ask(endpoint), range(1))
    assert server.requests[0].body[name] == 40


async def test_headers_and_keys_and_queries_are_sent(start: Open) -> None:
    server, endpoint = await start(
        keys=["right"],
        options={"api_key": "right", "extra_headers": {"X-Team": "tuners"}},
    )
    await endpoint.complete(ask(endpoint), range(1))
    assert "x-team" in server.requests[0].headers
    url = f"http://us:right@127.0.0.1:{server.port}/v1?version=7"
    other = OpenAIEndpoint("small", base_url=url, api_key="wrong")
    await other.complete(ask(other), range(1))
    await other.close()
    assert server.requests[-1].query == "version=7"
    assert other.service == f"127.0.0.1:{server.port}/v1"


async def test_an_alias_names_the_service(start: Open) -> None:
    _, endpoint = await start(options={"alias": "eu-and-us"})
    assert endpoint.service == "eu-and-us"


async def test_a_closed_endpoint_opens_again(start: Open) -> None:
    server, endpoint = await start()
    for _ in range(2):
        await endpoint.complete(ask(endpoint), range(1))
        await endpoint.close()
    await endpoint.close()
    assert len(server.requests) == 2


def test_an_endpoint_serves_one_event_loop_after_another() -> None:
    with Server() as server:
        endpoint = OpenAIEndpoint("small", base_url=server.base_url)

        async def once() -> list[Completion]:
            draws = await endpoint.complete(ask(endpoint), range(1))
            await endpoint.close()
            return draws

        assert asyncio.run(once())[0].text == asyncio.run(once())[0].text


def test_the_prompts_bound_counts_bytes_and_what_a_template_adds() -> None:
    endpoint = OpenAIEndpoint("llama", base_url="http://localhost/v1")
    assert endpoint.most_prompt_tokens(ask(endpoint, "née")) == 4 + 16
    long = tuple(Message("user", "é" * 100) for _ in range(3))
    assert endpoint.most_prompt_tokens(ask(endpoint, long)) == 3 * (16 + 4 + 200) + 128
    assert (
        endpoint.most_prompt_tokens(ask(endpoint))
        > tokens("".join(m.content for m in CHAT)) + 9
    )


# What is refused, and learned


async def test_max_tokens_is_swapped_by_a_new_attempt(start: Open) -> None:
    known = Capabilities()
    models = {"small": Model(refuses=frozenset({"max_tokens"}))}
    server, endpoint = await start(models=models, options={"capabilities": known})
    error = await failure(endpoint)
    assert isinstance(error, Adapted)
    assert not error.charged
    assert server.bill == 0
    await endpoint.complete(ask(endpoint), range(1))
    assert server.requests[-1].body["max_completion_tokens"] == 40
    assert known.refuses(endpoint.service, "small", "max_tokens")


async def test_max_completion_tokens_is_swapped_too(start: Open) -> None:
    server, endpoint = await start(
        "gpt-5", models={"gpt-5": Model(refuses=frozenset({"max_completion_tokens"}))}
    )
    assert isinstance(await failure(endpoint), Adapted)
    await endpoint.complete(ask(endpoint), range(1))
    assert server.requests[-1].body["max_tokens"] == 40


async def test_a_model_without_a_cap_is_not_called(start: Open) -> None:
    models = {
        "small": Model(refuses=frozenset({"max_tokens", "max_completion_tokens"}))
    }
    server, endpoint = await start(models=models)
    assert isinstance(await failure(endpoint), Adapted)
    assert isinstance(await failure(endpoint), Adapted)
    error = await failure(endpoint)
    assert isinstance(error, EndpointError)
    assert "without a cap" in str(error)
    assert len(server.requests) == 2


async def test_a_refused_seed_is_left_out_from_then_on(start: Open) -> None:
    server, endpoint = await start(models={"small": Model(refuses=frozenset({"seed"}))})
    assert isinstance(await failure(endpoint), Adapted)
    await endpoint.complete(ask(endpoint), range(1))
    assert "seed" not in server.requests[-1].body


@pytest.mark.parametrize("name", ["temperature", "top_p", "reasoning_effort", "stop"])
async def test_a_refused_setting_is_the_callers_and_is_not_sent_twice(
    start: Open, name: str
) -> None:
    server, endpoint = await start(models={"small": Model(refuses=frozenset({name}))})
    request = (
        ask(endpoint, stop=("x",))
        if name == "stop"
        else ask(endpoint, settings={name: 0.5})
    )
    for _ in range(3):
        error = await failure(endpoint, request)
        assert isinstance(error, ParameterRejected)
        assert (error.parameter, error.charged) == (name, False)
    assert len(server.requests) == 1
    assert await endpoint.complete(ask(endpoint), range(1))


async def test_a_refused_value_teaches_nothing(start: Open) -> None:
    known = Capabilities()
    fault = Fault(
        "status",
        status=400,
        message="temperature: range: 0..1",
        param="temperature",
        code="invalid_value",
    )
    server, endpoint = await start(
        plan=fail_first(1, fault), options={"capabilities": known}
    )
    request = ask(endpoint, settings={"temperature": 1.5})
    assert isinstance(await failure(endpoint, request), ParameterRejected)
    assert known == Capabilities()
    assert await endpoint.complete(request, range(1))
    assert len(server.requests) == 2


async def test_a_refused_n_is_asked_for_no_more(start: Open) -> None:
    server, endpoint = await start(models={"small": Model(refuses=frozenset({"n"}))})
    assert endpoint.most_n == MANY
    error = await failure(endpoint, count=3)
    assert (type(error), error.parameter) == (ParameterRejected, "n")
    assert endpoint.most_n == 1
    assert len(await endpoint.complete(ask(endpoint), range(1))) == 1
    assert isinstance(await failure(endpoint, count=2), ParameterRejected)
    assert len(server.requests) == 2, "it is not asked for several again"


async def test_a_service_that_ignores_n_keeps_what_was_paid_and_is_not_asked_again(
    start: Open,
) -> None:
    _, endpoint = await start(models={"small": Model(fault=Fault("fewer"))})
    draws = await endpoint.complete(ask(endpoint), range(3))
    assert len(draws) == 1
    await asyncio.sleep(0)
    assert endpoint.most_n == 1


async def test_usage_of_the_first_choice_is_charged_from_above_and_n_is_dropped(
    start: Open,
) -> None:
    fault = Fault("first_usage")
    server, endpoint = await start(
        models={"small": Model(fault=fault)}, world=lambda *_: "one two three"
    )
    draws = await endpoint.complete(ask(endpoint), range(4))
    assert [draw.completion_tokens for draw in draws] == [3, 14, 14, 14]
    assert (
        sum(draw.completion_tokens for draw in draws)
        >= server.charges[0].completion_tokens
    )
    assert endpoint.most_n == MANY, (
        "whoever settles this call must still see that its prompt was paid once"
    )
    await asyncio.sleep(0)
    assert endpoint.most_n == 1
    assert endpoint.estimated_usage == 1


async def test_native_n_stays_until_the_last_call_for_several_is_settled(
    start: Open,
) -> None:
    faults: dict[int, Fault] = {}
    _, endpoint = await start(
        world=lambda *_: "one two three", plan=lambda _, body: faults[body["seed"]]
    )
    faults |= {
        ask(endpoint).seed(0): Fault("first_usage"),
        ask(endpoint).seed(2): Fault("slow", seconds=0.3),
    }
    quick = asyncio.create_task(endpoint.complete(ask(endpoint), range(2)))
    slow = asyncio.create_task(endpoint.complete(ask(endpoint), range(2, 4)))
    await quick
    await asyncio.sleep(0)
    assert not slow.done()
    assert endpoint.most_n == MANY
    assert isinstance(await failure(endpoint, count=2), ParameterRejected), (
        "but no more are begun"
    )
    await slow
    await asyncio.sleep(0)
    assert endpoint.most_n == 1


# What goes wrong


@pytest.mark.parametrize(
    ("status", "kind", "charged"),
    [
        (408, TransientError, True),
        (429, RateLimited, False),
        (500, TransientError, True),
        (502, TransientError, True),
        (503, TransientError, False),
        (504, TransientError, True),
        (529, RateLimited, False),
        (401, EndpointError, False),
        (402, QuotaExhausted, False),
        (403, EndpointError, False),
        (404, EndpointError, False),
    ],
)
async def test_each_status_has_its_meaning(
    start: Open, status: int, kind: type, charged: bool
) -> None:
    message = f"the words of {status}"
    _, endpoint = await start(
        plan=fail_first(1, Fault("status", status=status, message=message))
    )
    error = await failure(endpoint)
    assert (type(error), error.charged) == (kind, charged)
    assert message in str(error)
    assert "'small'" in str(error)


async def test_a_refusal_without_a_reason_is_tried_once_without_the_seed(
    start: Open,
) -> None:
    words = "the words of 400"
    server, endpoint = await start(
        plan=fail_first(2, Fault("status", status=400, message=words))
    )
    assert isinstance(await failure(endpoint), Adapted)
    error = await failure(endpoint)
    assert (type(error), error.charged) == (RequestRefused, False)
    assert words in str(error)
    await endpoint.complete(ask(endpoint), range(1))
    seeds = ["seed" in seen.body for seen in server.posts]
    assert seeds == [True, False, True], "the seed was not to blame"


async def test_a_seed_that_is_refused_without_a_reason_is_left_out_from_then_on(
    start: Open,
) -> None:
    server, endpoint = await start(
        plan=lambda _, body: (
            Fault("status", status=400, message="no") if "seed" in body else None
        )
    )
    assert isinstance(await failure(endpoint), Adapted)
    for _ in range(2):
        await endpoint.complete(ask(endpoint), range(1))
    assert ["seed" in seen.body for seen in server.posts] == [True, False, False]


async def test_a_rate_limit_says_how_long_in_seconds_or_as_a_date(start: Open) -> None:
    then = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    waits = ["2.5", then]
    _, endpoint = await start(
        plan=lambda number, _: Fault("status", status=429, retry_after=waits[number])
    )
    assert (await failure(endpoint)).retry_after == 2.5
    assert 95 < (await failure(endpoint)).retry_after <= 100


async def test_used_up_credit_is_a_quota(start: Open) -> None:
    _, endpoint = await start(
        plan=fail_first(
            1, Fault("status", status=429, message="quota", code="insufficient_quota")
        )
    )
    assert isinstance(await failure(endpoint), QuotaExhausted)


UNREADABLE = [
    (
        "garbage",
        "a web page instead of an answer: is the base URL complete (most end in /v1)? <html>it "
        "works!</html>",
    ),
    ("stream", 'an event stream, which is not asked for: data: {"choices"'),
    ("truncated", "an answer that is not JSON"),
    ("no_choices", "returned no choices"),
]


@pytest.mark.parametrize(("kind", "words"), UNREADABLE)
async def test_an_unreadable_answer_stays_charged_and_is_shown(
    start: Open, kind: Any, words: str
) -> None:
    _, endpoint = await start(plan=fail_first(1, Fault(kind)))
    error = await failure(endpoint)
    assert (type(error), error.charged) == (Unreadable, True)
    assert words in str(error)
    assert await endpoint.complete(ask(endpoint), range(1))


@pytest.mark.parametrize("kind", ["reset", "error_in_200"])
async def test_a_lost_answer_stays_charged(start: Open, kind: Any) -> None:
    _, endpoint = await start(plan=fail_first(1, Fault(kind)))
    error = await failure(endpoint)
    assert (type(error), error.charged) == (TransientError, True)
    assert await endpoint.complete(ask(endpoint), range(1))


async def test_an_error_in_a_200_is_read_as_its_own_status(start: Open) -> None:
    _, endpoint = await start(
        plan=fail_first(
            1, Fault("error_in_200", status=429, message="Too Many Requests")
        )
    )
    error = await failure(endpoint)
    assert (type(error), error.charged) == (RateLimited, False)


async def test_an_answer_that_was_refused_because_it_did_not_fit_is_a_cut_answer_that_cost_nothing(
    start: Open,
) -> None:
    words = "Could not finish the message because max_tokens or model output limit was reached."
    server, endpoint = await start(
        plan=fail_first(1, Fault("status", status=400, message=words))
    )
    draws = await endpoint.complete(ask(endpoint), range(3))
    shown = [
        (d.text, d.finish_reason, d.prompt_tokens, d.completion_tokens) for d in draws
    ]
    assert shown == [("", "length", 0, 0)] * 3
    assert server.bill == 0
    assert endpoint.most_n == MANY


@pytest.mark.parametrize("kind", ["hang", "slow"])
async def test_an_answer_that_does_not_come_in_time_stays_charged(
    start: Open, kind: Any
) -> None:
    _, endpoint = await start(
        plan=fail_first(1, Fault(kind, seconds=3)), options={"timeout": 0.4}
    )
    began = asyncio.get_running_loop().time()
    error = await failure(endpoint)
    assert (type(error), error.charged) == (TransientError, True)
    assert asyncio.get_running_loop().time() - began < 1, (
        "however slowly its bytes still come"
    )


async def test_a_slow_answer_within_the_time_is_taken(start: Open) -> None:
    _, endpoint = await start(plan=fail_first(1, Fault("slow", seconds=0.2)))
    assert (await endpoint.complete(ask(endpoint), range(1)))[0].seconds >= 0.15


async def test_nobody_there_costs_nothing() -> None:
    with nobody_listens() as address:
        endpoint = OpenAIEndpoint("small", base_url=address)
        error = await failure(endpoint)
        await endpoint.close()
    assert (type(error), error.charged) == (TransientError, False)


async def test_a_host_that_is_not_there_costs_nothing() -> None:
    endpoint = OpenAIEndpoint("small", base_url="http://nobody.invalid/v1", timeout=5)
    error = await failure(endpoint)
    assert isinstance(error, TransientError)
    assert not error.charged
    await endpoint.close()


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("too_long", "context_length"), ("refused_content", "content_filter")],
)
async def test_what_is_the_configs_doing_is_an_answer_error(
    start: Open, kind: Any, reason: str
) -> None:
    _, endpoint = await start(plan=fail_first(1, Fault(kind)))
    error = await failure(endpoint)
    assert isinstance(error, AnswerError)
    assert (error.reason, error.charged) == (reason, False)


async def test_a_filtered_choice_is_a_draw_with_that_ending(start: Open) -> None:
    _, endpoint = await start(plan=fail_first(1, Fault("filtered")))
    assert (await endpoint.complete(ask(endpoint), range(1)))[
        0
    ].finish_reason == "content_filter"


async def test_another_models_name_is_passed_on(start: Open) -> None:
    _, endpoint = await start(plan=fail_first(1, Fault("other_model")))
    assert (await endpoint.complete(ask(endpoint), range(1)))[
        0
    ].model == "small-of-another-day"


async def test_a_redirect_is_not_followed(start: Open) -> None:
    server, endpoint = await start(plan=fail_first(1, Fault("redirect")))
    error = await failure(endpoint)
    assert isinstance(error, EndpointError)
    assert "base URL" in str(error)
    assert len(server.requests) == 1


USAGES = [
    {"prompt_tokens": -1, "completion_tokens": -1},
    {"prompt_tokens": 10**30, "completion_tokens": 10**30},
    {"prompt_tokens": "7", "completion_tokens": "8"},
    {"prompt_tokens": None},
    "many",
    None,
]


@pytest.mark.parametrize("usage", USAGES, ids=str)
async def test_absurd_usage_never_settles_below_the_bill(
    start: Open, usage: object
) -> None:
    fault = Fault("usage", usage=usage) if usage is not None else Fault("no_usage")
    server, endpoint = await start(
        plan=fail_first(1, fault), world=lambda *_: "one, two, three!"
    )
    draws = await endpoint.complete(ask(endpoint), range(3))
    charge = server.charges[0]
    assert (
        draws[0].prompt_tokens
        == endpoint.most_prompt_tokens(ask(endpoint))
        >= charge.prompt_tokens
    )
    assert (
        charge.completion_tokens
        <= sum(draw.completion_tokens for draw in draws)
        <= 3 * 40
    )
    assert endpoint.estimated_usage == 1


async def test_a_bill_above_the_cap_is_reported_in_full(start: Open) -> None:
    server, endpoint = await start(plan=fail_first(1, Fault("overbill")))
    (draw,) = await endpoint.complete(ask(endpoint, cap=5), range(1))
    assert draw.completion_tokens == server.charges[0].completion_tokens == 10


async def test_hidden_reasoning_and_cached_tokens_are_counted(start: Open) -> None:
    _, endpoint = await start(
        models={"small": Model(reasoning=7, cached=4)}, world=lambda *_: "a b"
    )
    (draw,) = await endpoint.complete(ask(endpoint), range(1))
    assert (draw.completion_tokens, draw.reasoning_tokens, draw.cached_tokens) == (
        9,
        7,
        4,
    )


async def test_a_model_seen_to_reason_is_charged_its_cap_where_usage_is_missing(
    start: Open,
) -> None:
    _, endpoint = await start(
        models={"small": Model(reasoning=7)}, plan=fail_every(2, Fault("no_usage"))
    )
    await endpoint.complete(ask(endpoint), range(1))
    (draw,) = await endpoint.complete(ask(endpoint), range(1))
    assert draw.completion_tokens == 40


async def test_a_cancelled_call_hangs_up(start: Open) -> None:
    server, endpoint = await start(plan=fail_first(1, Fault("hang")))
    call = asyncio.create_task(endpoint.complete(ask(endpoint), range(1)))
    await until(lambda: server.at_once == 1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await until(lambda: server.at_once == 0)
    assert await endpoint.complete(ask(endpoint), range(1))


async def test_256_calls_go_side_by_side_and_each_gets_its_own_answer(
    start: Open,
) -> None:
    server, endpoint = await start(seconds=0.5, world=lambda *key: f"seed {key[-2]}")
    request = ask(endpoint)
    answers = await asyncio.gather(
        *(endpoint.complete(request, range(i, i + 1)) for i in range(256))
    )
    assert [draw.text for (draw,) in answers] == [
        f"seed {request.seed(i)}" for i in range(256)
    ]
    assert server.peak == 256
    assert sum(draw.completion_tokens for (draw,) in answers) == sum(
        c.completion_tokens for c in server.charges
    )


# Preflight


def test_a_missing_key_is_found_before_anything_else() -> None:
    with pytest.raises(InputError, match="OPENAI_API_KEY"):
        OpenAIEndpoint("gpt-4.1-nano")


# Secrets


PLANTED = {
    "key": "sk-PLANTED-key-0123",
    "user": "PLANTEDuser",
    "pass": "PLANTEDpass",
    "query": "PLANTEDquery",
}


def everything_in(error: BaseException | None) -> str:
    """Every text that an exception, its causes and contexts and their attributes could show."""
    said = ""
    while error is not None:
        said += (
            "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
        )
        error = error.__cause__ or error.__context__
    return said


async def test_no_secret_is_in_any_error_or_log(
    start: Open, caplog: pytest.LogCaptureFixture
) -> None:
    place = f"{PLANTED['user']}:{PLANTED['pass']}@h?code={PLANTED['query']}"
    echo = f"you sent Bearer {PLANTED['key']} to http://{place} with PLANTEDheader"
    statuses = [307, 400, 401, 403, 404, 408, 413, 422, 429, 500, 503, 529]
    faults = [
        Fault("status", status=status, message=echo, code=echo, param="x")
        for status in statuses
    ]
    faults += [
        Fault("error_in_200", message=echo),
        *map(Fault, ("garbage", "truncated", "reset", "hang")),
    ]  # type: ignore[arg-type]
    server, _ = await start(plan=lambda number, _: faults[number])
    endpoint = OpenAIEndpoint(
        "small",
        base_url=f"http://{PLANTED['user']}:{PLANTED['pass']}@127.0.0.1:{server.port}/v1?code={PLANTED['query']}",
        api_key=PLANTED["key"],
        extra_headers={"X-Secret": "PLANTEDheader"},
        timeout=0.5,
    )
    with caplog.at_level(logging.DEBUG):
        for _ in faults:
            error = await failure(endpoint)
            assert "PLANTED" not in everything_in(error), type(error)
    assert len(server.requests) == len(faults)
    assert "PLANTED" not in caplog.text
    assert (
        "PLANTED"
        not in repr(vars(endpoint._access)["url"]) + repr(endpoint) + endpoint.service
    )
    await endpoint.close()


async def test_a_key_that_a_long_answer_repeats_is_not_shown_in_part(
    start: Open,
) -> None:
    message = "x" * 240 + " PLANTED-" + "A" * 60
    _, endpoint = await start(
        plan=fail_first(1, Fault("status", status=400, message=message)),
        options={"api_key": "PLANTED-" + "A" * 60},
    )
    assert "PLANTED" not in str(await failure(endpoint))


async def test_what_was_learned_can_be_written_down(start: Open) -> None:
    known = Capabilities()
    _, endpoint = await start(
        models={"small": Model(refuses=frozenset({"seed"}))},
        options={"capabilities": known},
    )
    await failure(endpoint)
    assert known.facts == {Fact(endpoint.service, "small", "refuses", "seed")}
