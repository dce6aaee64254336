"""The fake server: its answers, its bill, and its faults exactly as planned."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from tune.fakes.answers import count_prompt_tokens
from tune.fakes.server import Fault, Model, Server, fail_first
from tune.pricing.prices import Price

HELLO = {
    "model": "small",
    "messages": [{"role": "user", "content": "Label this: Ticket #7: late"}],
}


def fetch(
    server: Server,
    body: dict[str, Any] | None,
    path: str = "/chat/completions",
    *,
    key: str = "k",
    timeout: float = 5,
) -> tuple[int, Any, dict[str, str]]:
    """Status, decoded body and headers of one plain request; POST where there is a body."""
    request = urllib.request.Request(
        server.base_url + path,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return response.status, json.loads(response.read()), dict(response.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read() or b"null"), dict(error.headers)


def text(record: dict[str, Any], index: int = 0) -> str:
    return record["choices"][index]["message"]["content"]


# Answers and the bill


def test_a_seeded_request_is_answered_alike_each_time_and_an_unseeded_one_moves_on() -> (
    None
):
    with Server(world=lambda *key: f"{key[-2]}/{key[-1]}") as server:
        assert [text(fetch(server, HELLO | {"seed": 5})[1]) for _ in range(2)] == [
            "5/0",
            "5/0",
        ]
        assert [text(fetch(server, HELLO)[1]) for _ in range(3)] == [
            "0/0",
            "1/0",
            "2/0",
        ]


def test_an_unseeded_answer_that_was_lost_is_said_again() -> None:
    with Server(
        world=lambda *key: str(key[-2]),
        plan=fail_first(2, Fault("status", billed=True)),
    ) as server:
        assert [fetch(server, HELLO)[0] for _ in range(2)] == [500, 500]
        assert text(fetch(server, HELLO)[1]) == "0"
        assert [charge.delivered for charge in server.charges] == [False, False, True]


def test_the_bill_is_exact_and_charges_the_prompt_once_for_n() -> None:
    with Server(
        {"small": Model(0.1, 0.4)}, world=lambda *_: "one two three."
    ) as server:
        _, record, _ = fetch(server, HELLO | {"n": 3})
        usage = record["usage"]
        assert usage["prompt_tokens"] == count_prompt_tokens(HELLO) == 8 + 6
        assert usage["completion_tokens"] == 3 * 4
        assert server.bill == 14 * 100_000 + 12 * 400_000
        assert server.bill == Price(0.1, 0.4).cost(14, 12)
        assert server.charges[0].n == 3


def test_the_cap_the_stops_and_hidden_reasoning_are_honoured() -> None:
    models = {"small": Model(), "deep": Model(reasoning=3)}
    with Server(models, world=lambda *_: "one two three four five") as server:
        _, record, _ = fetch(server, HELLO | {"max_tokens": 2})
        assert (text(record), record["choices"][0]["finish_reason"]) == (
            "one two",
            "length",
        )
        _, record, _ = fetch(server, HELLO | {"stop": [" three"]})
        assert (text(record), record["choices"][0]["finish_reason"]) == (
            "one two",
            "stop",
        )
        _, record, _ = fetch(
            server, HELLO | {"model": "deep", "max_completion_tokens": 4}
        )
        assert (text(record), record["usage"]["completion_tokens"]) == ("one", 4)
        assert record["usage"]["completion_tokens_details"] == {"reasoning_tokens": 3}
        _, record, _ = fetch(
            server, HELLO | {"model": "deep", "max_completion_tokens": 2}
        )
        assert (text(record), record["usage"]["completion_tokens"]) == ("", 2)


def test_plain_prompts_are_continued() -> None:
    with Server(world=lambda *_: "and so on") as server:
        _, record, _ = fetch(
            server, {"model": "small", "prompt": "Once"}, "/completions"
        )
        assert record["choices"][0]["text"] == "and so on"
        assert record["usage"]["prompt_tokens"] == 1


def test_requests_are_logged_with_names_of_headers_only() -> None:
    with Server() as server:
        fetch(server, HELLO, key="very-secret")
        (seen,) = server.requests
        assert (seen.method, seen.path, seen.body, seen.status) == (
            "POST",
            "/v1/chat/completions",
            HELLO,
            200,
        )
        assert "authorization" in seen.headers
        assert "very-secret" not in repr(server.requests)


def test_models_are_listed_unless_the_server_has_no_list() -> None:
    with Server(["a", "b"]) as server:
        assert [m["id"] for m in fetch(server, None, "/models")[1]["data"]] == [
            "a",
            "b",
        ]
        assert fetch(server, None, "/models/b")[0] == 200
        assert fetch(server, None, "/models/c")[1]["error"]["code"] == "model_not_found"
    with Server(lists_models=False) as server:
        assert fetch(server, None, "/models")[0] == 404


# Refusals


@pytest.mark.parametrize("name", ["temperature", "n", "stop", "seed", "max_tokens"])
def test_a_refused_parameter_is_named_and_costs_nothing(name: str) -> None:
    with Server({"small": Model(refuses=frozenset({name}))}) as server:
        status, record, _ = fetch(server, HELLO | {name: 2})
        assert (status, record["error"]["param"]) == (400, name)
        assert fetch(server, HELLO)[0] == 200
        assert len(server.charges) == 1


def test_wrong_keys_unknown_models_and_long_prompts_are_refused() -> None:
    with Server({"small": Model(context=20)}, keys=["right"]) as server:
        assert fetch(server, HELLO, key="wrong")[0] == 401
        assert fetch(server, HELLO | {"model": "none"}, key="right")[0] == 404
        status, record, _ = fetch(server, HELLO | {"max_tokens": 7}, key="right")
        assert (status, record["error"]["code"]) == (400, "context_length_exceeded")
        assert fetch(server, HELLO | {"max_tokens": 6}, key="right")[0] == 200


def test_a_rate_limit_says_how_long_to_wait() -> None:
    with Server(requests_per_second=2) as server:
        replies = [fetch(server, HELLO) for _ in range(4)]
        assert [status for status, _, _ in replies] == [200, 200, 429, 429]
        assert 0 < float(replies[2][2]["retry-after"]) <= 1


async def test_more_side_by_side_than_allowed_is_refused() -> None:
    async with Server(seconds=0.2, most_at_once=3) as server:
        replies = await asyncio.gather(
            *(asyncio.to_thread(fetch, server, HELLO) for _ in range(5))
        )
        assert sorted(status for status, _, _ in replies) == [200, 200, 200, 429, 429]


# Faults


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 529])
def test_a_status_is_answered_as_planned(status: int) -> None:
    fault = Fault(
        "status", status=status, retry_after="7", message="m", code="c", param="p"
    )
    with Server(plan=fail_first(1, fault)) as server:
        got, record, headers = fetch(server, HELLO)
        assert (got, headers["retry-after"]) == (status, "7")
        assert (
            record["error"] | {"message": "m", "code": "c", "param": "p"}
            == record["error"]
        )
        assert server.bill == 0
        assert fetch(server, HELLO)[0] == 200


@pytest.mark.parametrize("billed", [False, True])
def test_a_reset_comes_before_or_after_the_bill(billed: bool) -> None:
    with Server(plan=fail_first(1, Fault("reset", billed=billed))) as server:
        with pytest.raises(OSError, match=r"reset|closed|without response"):
            fetch(server, HELLO)
        assert len(server.charges) == billed


async def test_a_hanging_request_is_never_answered_and_leaves_when_the_client_does() -> (
    None
):
    async with Server(plan=fail_first(1, Fault("hang"))) as server:
        raw = json.dumps(HELLO).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(
            f"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: {len(raw)}\r\n\r\n".encode()
            + raw
        )
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.2)
        assert server.at_once == 1
        writer.close()
        await writer.wait_closed()
        await asyncio.sleep(0.1)
        assert (server.at_once, server.bill) == (0, 0)


@pytest.mark.parametrize("kind", ["garbage", "truncated"])
def test_an_unreadable_answer_is_billed(kind: str) -> None:
    with Server(plan=fail_first(1, Fault(kind))) as server:  # type: ignore[arg-type]
        with pytest.raises(json.JSONDecodeError):
            fetch(server, HELLO)
        assert (len(server.charges), server.charges[0].delivered) == (1, False)


def test_usage_is_left_out_or_replaced_while_the_bill_stays_right() -> None:
    faults = [
        Fault("no_usage"),
        Fault("usage", usage={"prompt_tokens": -1}),
        Fault("first_usage"),
    ]
    with Server(
        plan=lambda number, _: faults[number],
        world=lambda *key: "word " * (key[-1] + 1),
    ) as server:
        bodies = [fetch(server, HELLO | {"n": 2, "seed": 1})[1] for _ in range(3)]
        assert "usage" not in bodies[0]
        assert bodies[1]["usage"] == {"prompt_tokens": -1}
        assert bodies[2]["usage"]["completion_tokens"] == 1
        assert [charge.completion_tokens for charge in server.charges] == [3, 3, 3]


def test_choices_are_left_out_filtered_or_of_another_model() -> None:
    faults = [
        Fault("no_choices"),
        Fault("fewer"),
        Fault("filtered"),
        Fault("other_model"),
    ]
    with Server(plan=lambda number, _: faults[number]) as server:
        bodies = [fetch(server, HELLO | {"n": 3})[1] for _ in range(4)]
        assert [len(body["choices"]) for body in bodies] == [0, 1, 3, 3]
        assert bodies[2]["choices"][0]["finish_reason"] == "content_filter"
        assert bodies[3]["model"] == "small-of-another-day"


def test_errors_of_the_request_itself_can_be_planned() -> None:
    faults = [
        Fault("refused_content"),
        Fault("too_long"),
        Fault("error_in_200", status=502),
    ]
    with Server(plan=lambda number, _: faults[number]) as server:
        replies = [fetch(server, HELLO) for _ in range(3)]
        assert [status for status, _, _ in replies] == [400, 400, 200]
        assert [body["error"]["code"] for _, body, _ in replies] == [
            "content_filter",
            "context_length_exceeded",
            502,
        ]
        assert server.bill == 0


def test_a_slow_answer_arrives_whole() -> None:
    with Server(plan=fail_first(1, Fault("slow", seconds=0.1))) as server:
        assert fetch(server, HELLO)[1]["choices"]


def test_overbilling_goes_beyond_the_cap() -> None:
    with Server(plan=fail_first(1, Fault("overbill"))) as server:
        assert (
            fetch(server, HELLO | {"max_tokens": 4})[1]["usage"]["completion_tokens"]
            == 8
        )
        assert server.charges[0].completion_tokens == 8


def test_a_model_can_have_a_fault_of_its_own() -> None:
    models = {"small": Model(), "broken": Model(fault=Fault("status", status=503))}
    with Server(models) as server:
        assert [
            fetch(server, HELLO | {"model": m})[0] for m in ("small", "broken", "small")
        ] == [
            200,
            503,
            200,
        ]


async def test_hundreds_of_connections_are_kept_alive_side_by_side() -> None:
    async with Server(seconds=0.3) as server:
        raw = json.dumps(HELLO).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(raw)}\r\n\r\n".encode()

        async def twice() -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            for _ in range(2):
                writer.write(head + raw)
                answer = await reader.readuntil(b"\r\n\r\n")
                length = int(answer.partition(b"content-length: ")[2].split(b"\r\n")[0])
                assert json.loads(await reader.readexactly(length))["choices"]
            writer.close()
            await writer.wait_closed()

        await asyncio.gather(*(twice() for _ in range(256)))
        assert server.peak == 256
        assert len(server.charges) == 512
