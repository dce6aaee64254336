"""An OpenAI-compatible server of our own: answers that are known, a bill that is kept, and
misbehaviour on request.

    with Server(models={"small": Model(0.10, 0.40)}) as server:          # in a thread of its own
        client = openai.OpenAI(base_url=server.base_url, api_key="any")
    async with Server(plan=fail_first(2, Fault("status", status=503))) as server:   # same loop
        ...
    server.bill        # picodollars, exact
    server.bills       # dollars of each billed call by its name, as GET /v1/generation tells them
    server.charges     # what each billed request was charged for
    server.requests    # every body and the names of its headers, in the order of arrival

It answers `POST /v1/chat/completions`, `POST /v1/completions`, `GET /v1/models` and `GET
/v1/models/NAME`. A text is made by `world(model, prompt, settings, seed, index)`: from the body
alone, where it has a seed; else the seed is how often this body was answered *and delivered*
before, so that retries do not change what is said.

A fault is chosen for each POST by `plan(number, body)`; numbers count from 0 in the order of
arrival. Where the plan says None, the model's own fault applies. The `Fault` docstring lists what
can go wrong.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import parse_qsl

from tune.fakes.faults import (
    Answer,
    Body,
    Fault,
    Model,
    Plan,
    Reply,
    count_prompt_tokens,
    error_reply,
    fail_every,
    fail_first,
    fail_sometimes,
    failed,
    prompt_text,
    record_reply,
    refused_parameter,
    spoiled,
    too_long,
)
from tune.fakes.world import LabelledWorld, first_tokens, tokens

__all__ = [
    "Charge",
    "Fault",
    "LabelledWorld",
    "Model",
    "Plan",
    "Seen",
    "Server",
    "fail_every",
    "fail_first",
    "fail_sometimes",
]

World = Callable[[str, str, Mapping[str, Any], int, int], str]


@dataclass(frozen=True)
class Charge:
    """One line of the bill: `prompt_tokens` once, `completion_tokens` over all `n` choices."""

    number: int
    model: str
    prompt_tokens: int
    completion_tokens: int
    n: int
    picodollars: int
    delivered: bool
    """Whether the answer left whole; a lost one is billed all the same."""


@dataclass
class Seen:
    """One request as it arrived: `headers` are names only, in lower case; `number` counts POSTs (a
    GET has -1).
    """

    number: int
    method: str
    path: str
    query: str
    body: Body
    headers: tuple[str, ...]
    status: int | None = None
    """What was answered; None where nothing was."""


PORTS = range(18461, 18481)
"""Where a server listens, the first that is free: a draw's seed follows its service, so that on the
same port the same test sees the same answers every time.
"""


class Server:
    """See the top of this file.

    Args:
        models: by name; others are unknown (404).
        world: makes the texts.
        plan: which request fails, and how.
        seconds: how long each answer takes.
        keys: API keys that are let in (as bearer token, or as the password of basic authorisation);
            None lets all in.
        requests_per_second: more than that get a 429.
        most_at_once: requests above that many side by side get a 429.
        lists_models: False answers 404 to GET /v1/models, as some servers do.
        shows_models: False has no GET /v1/models/NAME, and answers a 404 that names nothing.
    """

    def __init__(
        self,
        models: Mapping[str, Model] | Iterable[str] = ("small",),
        *,
        world: World | None = None,
        plan: Plan | None = None,
        seconds: float = 0.0,
        keys: Iterable[str] | None = None,
        requests_per_second: float | None = None,
        most_at_once: int | None = None,
        lists_models: bool = True,
        shows_models: bool = True,
    ) -> None:
        self.models = (
            dict(models)
            if isinstance(models, Mapping)
            else {name: Model() for name in models}
        )
        self.world = world or LabelledWorld()
        self.plan = plan or (lambda _number, _body: None)
        self.seconds, self.keys, self.lists_models = (
            seconds,
            None if keys is None else set(keys),
            lists_models,
        )
        self.shows_models = shows_models
        self.requests_per_second, self.most_at_once = requests_per_second, most_at_once
        self.requests: list[Seen] = []
        self.charges: list[Charge] = []
        self.bills: dict[str, float] = {}
        self.at_once = self.peak = 0
        self.port = 0
        self._delivered: Counter[str] = Counter()
        self._numbers = itertools.count()
        self._tokens, self._refilled = requests_per_second or 0.0, time.monotonic()
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    @property
    def base_url(self) -> str:
        """For clients."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def bill(self) -> int:
        """Picodollars in all."""
        return sum(charge.picodollars for charge in self.charges)

    @property
    def posts(self) -> list[Seen]:
        """Requests for completions, without those for the list of models."""
        return [seen for seen in self.requests if seen.method == "POST"]

    # Starting and stopping

    async def __aenter__(self) -> Self:
        for port in (self.port,) if self.port else (*PORTS, 0):
            try:
                self._server = await asyncio.start_server(
                    self._connection, "127.0.0.1", port, backlog=1024
                )
                break
            except OSError:
                if port in (self.port, 0):
                    raise
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        tasks = list(self._connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()

    def __enter__(self) -> Self:
        ready = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(ready)), daemon=True
        )
        self._thread.start()
        assert ready.wait(10), "the server did not start"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with self:
            ready.set()
            await self._stop.wait()

    # HTTP

    async def _connection(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = writer
        # The client went away, or the server is closing: either way there is nobody to tell.
        with suppress(
            asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError
        ):
            while await self._exchange(reader, writer):
                pass
        del self._connections[task]
        writer.transport.abort()

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """One request and its answer; whether the connection goes on."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _version = head[0].split(" ")
        headers = {
            n.lower(): v.strip()
            for n, _, v in (line.partition(":") for line in head[1:] if line)
        }
        raw = await reader.readexactly(int(headers.get("content-length", "0")))
        path, _, query = target.partition("?")
        number = next(self._numbers) if method == "POST" else -1
        seen = Seen(
            number, method, path, query, json.loads(raw) if raw else {}, tuple(headers)
        )
        self.requests.append(seen)
        self.at_once += 1
        self.peak = max(self.peak, self.at_once)
        try:
            reply = self._refusal(seen, headers) or self._respond(seen)
            await self._send(reply, seen, reader, writer)
        finally:
            self.at_once -= 1
        return reply.fault is None or reply.fault.kind not in ("reset", "hang")

    async def _send(
        self,
        reply: Reply,
        seen: Seen,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        fault = reply.fault
        headers = {
            **reply.headers,
            **(_named(fault.names, seen.number) if fault else {}),
        }
        if self.seconds:
            await asyncio.sleep(self.seconds)
        if fault and fault.kind == "hang":
            await reader.read()  # until the client hangs up
            return
        if fault and fault.kind == "reset":
            connection: socket.socket = writer.get_extra_info("socket")
            connection.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
            writer.transport.abort()
            return
        seen.status = reply.status
        lines = [
            f"HTTP/1.1 {reply.status} -",
            "content-type: application/json",
            f"content-length: {len(reply.raw)}",
        ]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        if fault and fault.kind == "slow":
            size = -(-len(reply.raw) // 10)
            for i in range(0, len(reply.raw), size):
                await writer.drain()
                await asyncio.sleep(fault.seconds / 10)
                writer.write(reply.raw[i : i + size])
        else:
            writer.write(reply.raw)
        await writer.drain()

    # What is answered

    def _refusal(self, seen: Seen, headers: Mapping[str, str]) -> Reply | None:
        """The answer to a request that is not let in."""
        given = headers.get("authorization", "")
        if self.keys is not None and _secret(given) not in self.keys:
            # Real services quote the key; so it must never be passed on as it stands.
            return error_reply(
                401,
                f"Incorrect API key provided: {_secret(given)}.",
                code="invalid_api_key",
            )
        if seen.method == "GET":
            return self._bill_of(seen) or self._list(seen.path)
        if self.most_at_once is not None and self.at_once > self.most_at_once:
            return error_reply(
                429, "Too many requests side by side", code="rate_limit_exceeded"
            )
        if self.requests_per_second is not None and not self._admit(
            self.requests_per_second
        ):
            wait = {
                "retry-after": f"{(1 - self._tokens) / self.requests_per_second:.3f}"
            }
            return error_reply(
                429,
                "Rate limit reached for requests",
                code="rate_limit_exceeded",
                headers=wait,
            )
        if seen.body.get("model") not in self.models:
            return error_reply(
                404,
                f"The model `{seen.body.get('model')}` does not exist",
                code="model_not_found",
            )
        return None

    def _admit(self, rate: float) -> bool:
        now = time.monotonic()
        self._tokens = min(max(1.0, rate), self._tokens + (now - self._refilled) * rate)
        self._refilled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def _bill_of(self, seen: Seen) -> Reply | None:
        """The bill of one call, as OpenRouter and LiteLLM's proxy tell it."""
        asked = dict(parse_qsl(seen.query))
        if seen.path == "/v1/generation":
            cost = self.bills.get(asked["id"])
            if cost is None:
                return error_reply(404, f"Generation {asked['id']} not found")
            return record_reply(
                {"data": {"id": asked["id"], "total_cost": cost, "is_byok": False}}
            )
        if seen.path == "/spend/logs":
            cost = self.bills.get(asked["request_id"])
            rows = (
                []
                if cost is None
                else [
                    {
                        "request_id": asked["request_id"],
                        "spend": cost,
                        "total_tokens": 40,
                    }
                ]
            )
            return Reply(200, json.dumps(rows).encode())
        return None

    def _list(self, path: str) -> Reply:
        name = path.removeprefix("/v1/models").lstrip("/")
        if not path.startswith("/v1/models") or not self.lists_models:
            return Reply(404, b'{"detail":"Not Found"}')
        if name and not self.shows_models:
            return Reply(404, b"404: Not Found")
        if name and name not in self.models:
            return error_reply(
                404, f"The model '{name}' does not exist", code="model_not_found"
            )
        entries = [{"id": each, "object": "model"} for each in self.models]
        return record_reply(
            {"id": name, "object": "model"}
            if name
            else {"object": "list", "data": entries}
        )

    def _respond(self, seen: Seen) -> Reply:
        """The answer to a request for completions, and its charge."""
        body, model = seen.body, self.models[seen.body["model"]]
        fault = self.plan(seen.number, body) or model.fault
        refused = refused_parameter(body, model) or too_long(body, model)
        if refused is not None and not (fault and fault.kind in ("hang", "reset")):
            return refused
        answer = self._answer(
            body, model, fault, chat=seen.path.endswith("/chat/completions")
        )
        answer.name = next(
            iter(_named(fault.names if fault else "", seen.number).values()),
            answer.name,
        )
        reply = (
            (failed(fault, answer) or spoiled(fault, answer))
            if fault
            else record_reply(answer.record())
        )
        if fault is None or fault.bills:
            lost = fault is not None and fault.kind in (
                "status",
                "hang",
                "reset",
                "garbage",
                "truncated",
                "stream",
            )
            if fault is not None and fault.kind == "refused_content":
                answer.completion_tokens = []
            self._charge(seen, model, answer, delivered=not lost)
        return reply

    def _charge(
        self, seen: Seen, model: Model, answer: Answer, *, delivered: bool
    ) -> None:
        counts = answer.prompt_tokens, sum(answer.completion_tokens)
        line = Charge(
            seen.number,
            seen.body["model"],
            *counts,
            len(answer.completion_tokens),
            model.cost(*counts),
            delivered,
        )
        self.charges.append(line)
        self.bills[answer.name] = line.picodollars / 10**12
        if delivered and "seed" not in seen.body:
            self._delivered[answer.key] += 1

    def _answer(
        self, body: Body, model: Model, fault: Fault | None, *, chat: bool
    ) -> Answer:
        prompt = prompt_text(body)
        key = json.dumps(body, sort_keys=True)
        seed = int(body.get("seed", self._delivered[key]))
        stops = (
            [body["stop"]]
            if isinstance(body.get("stop"), str)
            else body.get("stop") or []
        )
        cap = int(
            body.get("max_completion_tokens")
            or body.get("max_tokens")
            or (model.context if chat else 16)
        )
        n = 1 if fault and fault.kind == "fewer" else int(body.get("n", 1))
        texts, reasons, counts = [], [], []
        for index in range(n):
            text = self.world(body["model"], prompt, body, seed, index)
            if fault and fault.kind == "overbill":
                text = " ".join([text] * (2 * cap))
                cut, most = first_tokens(text, 2 * cap), 2 * cap
            else:
                most = cap if model.uncapped else max(0, cap - model.reasoning)
                cut = first_tokens(text, most)
            cut_at_stop = min(
                (cut.find(stop) for stop in stops if stop in cut), default=-1
            )
            shown = cut if cut_at_stop < 0 else cut[:cut_at_stop]
            reason = "length" if cut_at_stop < 0 and tokens(text) > most else "stop"
            texts.append(shown)
            reasons.append(
                "content_filter" if fault and fault.kind == "filtered" else reason
            )
            hidden = model.reasoning if model.uncapped else min(cap, model.reasoning)
            counts.append(hidden + tokens(shown))
        return Answer(
            key,
            body["model"],
            chat,
            min(count_prompt_tokens(body), model.reads),
            texts,
            reasons,
            counts,
            model,
        )


def _named(whose: str, number: int) -> dict[str, str]:
    """The header that names a call."""
    if whose == "openrouter":
        return {"x-generation-id": f"gen-{number}"}
    return {"x-litellm-call-id": f"chatcmpl-{number}"} if whose == "litellm" else {}


def _secret(authorization: str) -> str:
    kind, _, value = authorization.partition(" ")
    if kind.lower() == "basic":
        return base64.b64decode(value).decode().partition(":")[2]
    return value
