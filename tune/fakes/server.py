"""A fake server with an OpenAI-compatible API: known answers, an exact bill, faults on request.

    with Server(models={"small": Model(0.10, 0.40)}) as server:          # in a thread of its own
        client = openai.OpenAI(base_url=server.base_url, api_key="any")
    async with Server(plan=fail_first(2, Fault("status", status=503))) as server:   # same loop
        ...
    server.bill        # picodollars, exact
    server.bills       # dollars of each billed call by its name, as GET /v1/generation tells them
    server.charges     # the charge of each billed request
    server.requests    # every body and the names of its headers, in the order of arrival

It answers `POST /v1/chat/completions`, `POST /v1/completions`, `GET /v1/models` and `GET
/v1/models/NAME`.

`world(model, prompt, settings, seed, index)` makes a text. The seed is that of the body. A body
without a seed gets the number of times that it was answered *and delivered* before, so that retries
do not change the texts.

`plan(number, body)` chooses a fault for each POST; numbers count from 0 in the order of arrival. If
the plan says None, the model's own fault applies. The `Fault` docstring lists all faults.

The texts of errors are in `replies.py`, those of answers in `answers.py`; `wire.py` speaks HTTP.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qsl

from tune.fakes.answers import FakeAnswer, TextSource, make_answer, request_key
from tune.fakes.faults import (
    LOST_KINDS,
    Body,
    Fault,
    Model,
    Plan,
    fail_every,
    fail_first,
    fail_sometimes,
)
from tune.fakes.replies import Reply, error_reply, make_reply, record_reply, refuse
from tune.fakes.wire import read_request, send_reply
from tune.fakes.world import LabelledWorld

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


@dataclass(frozen=True)
class Charge:
    """One line of the bill.

    Attributes:
        prompt_tokens: counted once.
        completion_tokens: counted over all `n` choices.
        delivered: the answer left whole; a lost one is billed all the same.
    """

    number: int
    model: str
    prompt_tokens: int
    completion_tokens: int
    n: int
    picodollars: int
    delivered: bool


@dataclass
class Seen:
    """One request as it arrived.

    Attributes:
        number: counts the POSTs from 0; a GET has -1.
        headers: names in lower case, without their values.
        status: the status that was sent; None if nothing was sent.
    """

    number: int
    method: str
    path: str
    query: str
    body: Body
    headers: tuple[str, ...]
    status: int | None = None


# A service is named by its port. On the same port, a study that is run again finds its draws.
PORTS = range(18461, 18481)
"""The ports that a server tries, in this order."""


class _RateLimit:
    """A token bucket: requests per second, with bursts of one second."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._tokens = rate
        self._refilled = time.monotonic()

    def admit(self) -> bool:
        """Take a token if there is one."""
        now = time.monotonic()
        refill = (now - self._refilled) * self._rate
        self._tokens = min(max(1.0, self._rate), self._tokens + refill)
        self._refilled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    @property
    def wait(self) -> float:
        """The seconds until the next token."""
        return (1 - self._tokens) / self._rate


class Server:
    """A fake server; the top of this file shows its use.

    Args:
        models: by name; others are unknown (404).
        world: makes the texts.
        plan: chooses the requests that fail, and their faults.
        seconds: the time that each answer takes, or a callable that returns it.
        keys: the API keys that are accepted, as bearer token or as the password of basic
            authorisation; None accepts all.
        requests_per_second: requests above this rate get a 429.
        most_at_once: requests above this number in flight get a 429.
        lists_models: False answers 404 to GET /v1/models, as some servers do.
        shows_models: False has no GET /v1/models/NAME, and answers a 404 that names nothing.
    """

    def __init__(
        self,
        models: Mapping[str, Model] | Iterable[str] = ("small",),
        *,
        world: TextSource | None = None,
        plan: Plan | None = None,
        seconds: float | Callable[[], float] = 0.0,
        keys: Iterable[str] | None = None,
        requests_per_second: float | None = None,
        most_at_once: int | None = None,
        lists_models: bool = True,
        shows_models: bool = True,
    ) -> None:
        if not isinstance(models, Mapping):
            models = {name: Model() for name in models}
        self.models = dict(models)
        self.world = world or LabelledWorld()
        self.plan = plan or (lambda _number, _body: None)
        self.seconds = seconds
        self.keys = None if keys is None else set(keys)
        self.most_at_once = most_at_once
        self.lists_models = lists_models
        self.shows_models = shows_models
        self.requests: list[Seen] = []
        self.charges: list[Charge] = []
        self.bills: dict[str, float] = {}
        self.at_once = self.peak = 0
        self.port = 0
        self._limit: _RateLimit | None = None
        if requests_per_second is not None:
            self._limit = _RateLimit(requests_per_second)
        self._delivered: Counter[str] = Counter()
        self._numbers = itertools.count()
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    @property
    def base_url(self) -> str:
        """The base URL for clients."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def bill(self) -> int:
        """The whole bill in picodollars."""
        return sum(charge.picodollars for charge in self.charges)

    @property
    def posts(self) -> list[Seen]:
        """Requests for completions, without those for the list of models."""
        return [seen for seen in self.requests if seen.method == "POST"]

    # --- start and stop

    async def __aenter__(self) -> Self:
        # A server that is started again keeps its port, so that clients find it. Port 0 lets the
        # system choose one.
        ports = (self.port,) if self.port else (*PORTS, 0)
        for port in ports:
            try:
                self._server = await asyncio.start_server(
                    # The default backlog of 100 refuses connections when hundreds come together.
                    self._connection,
                    "127.0.0.1",
                    port,
                    backlog=1024,
                )
                break
            except OSError:
                if port in (self.port, 0):
                    raise
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        # Connections that a client keeps alive would wait for its next request.
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

    # --- connections

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
        """Answer one request; tell whether the connection stays open."""
        got = await read_request(reader)
        number = next(self._numbers) if got.method == "POST" else -1
        seen = Seen(
            number, got.method, got.path, got.query, got.body, tuple(got.headers)
        )
        # Before the answer: a request that is never answered counts as seen, too.
        self.requests.append(seen)
        self.at_once += 1
        self.peak = max(self.peak, self.at_once)
        try:
            reply = self._refusal(seen, got.headers) or self._respond(seen)
            headers = dict(reply.headers)
            if reply.fault:
                headers |= _call_name(reply.fault.names, number)
            seconds = self.seconds() if callable(self.seconds) else self.seconds
            if seconds:
                await asyncio.sleep(seconds)
            # Set before the bytes leave: a client may look at it as soon as it has the answer.
            if reply.fault is None or reply.fault.kind not in ("hang", "reset"):
                seen.status = reply.status
            return await send_reply(reply, headers, reader, writer)
        finally:
            self.at_once -= 1

    # --- refusals and lists

    def _refusal(self, seen: Seen, headers: Mapping[str, str]) -> Reply | None:
        """Return the reply to a request that is not for a completion, or is not let in."""
        key = _secret(headers.get("authorization", ""))
        if self.keys is not None and key not in self.keys:
            # Real services quote the key, so a client must never pass this text on as it stands.
            return error_reply(
                401, f"Incorrect API key provided: {key}.", code="invalid_api_key"
            )
        if seen.method == "GET":
            return self._bill_of(seen) or self._list(seen.path)
        # This request is counted already.
        if self.most_at_once is not None and self.at_once > self.most_at_once:
            return error_reply(
                429, "Too many requests side by side", code="rate_limit_exceeded"
            )
        if self._limit is not None and not self._limit.admit():
            return error_reply(
                429,
                "Rate limit reached for requests",
                code="rate_limit_exceeded",
                headers={"retry-after": f"{self._limit.wait:.3f}"},
            )
        name = seen.body.get("model")
        if name not in self.models:
            return error_reply(
                404, f"The model `{name}` does not exist", code="model_not_found"
            )
        return None

    def _bill_of(self, seen: Seen) -> Reply | None:
        """Tell the bill of one call, as OpenRouter and LiteLLM's proxy do."""
        asked = dict(parse_qsl(seen.query))
        if seen.path == "/v1/generation":
            return self._openrouter_bill(asked["id"])
        if seen.path == "/spend/logs":
            return self._litellm_bill(asked["request_id"])
        return None

    def _openrouter_bill(self, name: str) -> Reply:
        cost = self.bills.get(name)
        if cost is None:
            return error_reply(404, f"Generation {name} not found")
        return record_reply(
            {"data": {"id": name, "total_cost": cost, "is_byok": False}}
        )

    def _litellm_bill(self, name: str) -> Reply:
        # LiteLLM's proxy answers an unknown call with an empty list, and 200.
        rows = []
        if name in self.bills:
            spend = self.bills[name]
            rows = [{"request_id": name, "spend": spend, "total_tokens": 40}]
        return Reply(200, json.dumps(rows).encode())

    def _list(self, path: str) -> Reply:
        """List the models, or show one."""
        name = path.removeprefix("/v1/models").lstrip("/")
        if not path.startswith("/v1/models") or not self.lists_models:
            return Reply(404, b'{"detail":"Not Found"}')
        if not name:
            entries = [{"id": each, "object": "model"} for each in self.models]
            return record_reply({"object": "list", "data": entries})
        if not self.shows_models:
            return Reply(404, b"404: Not Found")
        if name not in self.models:
            return error_reply(
                404, f"The model '{name}' does not exist", code="model_not_found"
            )
        return record_reply({"id": name, "object": "model"})

    # --- completions

    def _respond(self, seen: Seen) -> Reply:
        """Answer a request for completions, and charge it."""
        body, model = seen.body, self.models[seen.body["model"]]
        fault = self.plan(seen.number, body) or model.fault
        refused = refuse(body, model)
        # A connection that hangs or breaks never shows a refusal.
        if refused is not None and not (fault and fault.kind in ("hang", "reset")):
            return refused
        key = request_key(body)
        answer = make_answer(
            self.world,
            body,
            model,
            fault,
            chat=seen.path.endswith("/chat/completions"),
            seed=int(body.get("seed", self._delivered[key])),
            key=key,
        )
        for name in _call_name(fault.names if fault else "", seen.number).values():
            answer.name = name
        reply = make_reply(answer, fault)
        if fault is None or fault.bills:
            self._charge(seen, model, answer, fault)
        return reply

    def _charge(
        self, seen: Seen, model: Model, answer: FakeAnswer, fault: Fault | None
    ) -> None:
        """Write one line of the bill."""
        delivered = fault is None or fault.kind not in LOST_KINDS
        if fault is not None and fault.kind == "refused_content":
            # A content filter that stops the prompt bills the prompt alone.
            answer.completion_tokens = []
        completion_tokens = sum(answer.completion_tokens)
        # A charge is the truth, whatever the usage in the answer says.
        line = Charge(
            seen.number,
            seen.body["model"],
            answer.prompt_tokens,
            completion_tokens,
            len(answer.completion_tokens),
            model.cost(answer.prompt_tokens, completion_tokens),
            delivered,
        )
        self.charges.append(line)
        self.bills[answer.name] = line.picodollars / 10**12
        if delivered and "seed" not in seen.body:
            self._delivered[answer.key] += 1


def _call_name(service: str, number: int) -> dict[str, str]:
    """Return the header with which a service names a call."""
    if service == "openrouter":
        return {"x-generation-id": f"gen-{number}"}
    if service == "litellm":
        return {"x-litellm-call-id": f"chatcmpl-{number}"}
    return {}


def _secret(authorization: str) -> str:
    """Return the key of an authorisation header."""
    kind, _, value = authorization.partition(" ")
    if kind.lower() == "basic":
        return base64.b64decode(value).decode().partition(":")[2]
    return value
