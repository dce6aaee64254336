"""Ask for several answers where a program asks for one, and hand back the voted one.

`VotingHttp` and `AsyncVotingHttp` are HTTP clients for the `openai` package. So every framework
that is built on it gets the voted answer as the only one, whatever it does with answers.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

import openai

from tune.completion import read_ending
from tune.readout.aggregate import vote

Body: TypeAlias = dict[str, Any]
Read: TypeAlias = Callable[[str], str | None]
Aggregate: TypeAlias = Callable[[Sequence[str | None]], str | None]

HEADERS_OF_BODY = ("content-length", "content-encoding", "transfer-encoding")
"""Headers of an answer that are no longer true once its body has changed."""


def answer_of(choice: Body, read: Read) -> str | None:
    """Return what a choice votes for: its tool calls, else the answer in its text."""
    message = choice.get("message") or {}
    # A text that was withheld or broke off may still hold words. They are not an answer.
    if read_ending(choice.get("finish_reason")) in ("content_filter", "failed"):
        return None
    calls = []
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        arguments = function.get("arguments") or "{}"
        # Spaces and the order of arguments make no difference.
        with suppress(ValueError):
            arguments = json.dumps(json.loads(arguments), sort_keys=True)
        calls.append([function.get("name"), arguments])
    if calls:
        return json.dumps(["tool calls", calls])
    # The older completions have the text in the choice itself.
    return read(message.get("content") or choice.get("text") or "")


def voted(bodies: Sequence[Body], read: Read, aggregate: Aggregate = vote) -> Body:
    """Return one body of several: the first choice with the voted answer, and the whole usage."""
    choices = [choice for body in bodies for choice in body["choices"]]
    answers = [answer_of(choice, read) for choice in choices]
    chosen = aggregate(answers)
    agreement = answers.count(chosen) / len(answers)
    if chosen is None:
        logging.getLogger("tune").warning(
            "none of %d answers holds what the answer rule looks for, so whole texts vote",
            len(answers),
        )
        answers = [answer_of(choice, str.strip) for choice in choices]
        chosen, agreement = vote(answers), 0.0
    choice = choices[0]
    if chosen in answers:
        choice = choices[answers.index(chosen)]
    elif "message" in choice:
        # An aggregate of the user may make up an answer that no choice has.
        choice = {**choice, "message": {"role": "assistant", "content": chosen}}
    else:
        choice = {**choice, "text": chosen}
    usage: Any = None
    for body in bodies:
        usage = added(usage, body.get("usage"))
    found = {**bodies[0], "choices": [{**choice, "index": 0}]}
    found["tuned"] = {"draws": len(choices), "agreement": agreement}
    if usage is not None:
        found["usage"] = usage
    return found


def added(one: Any, other: Any) -> Any:
    """Return the sum of two usages, part by part."""
    if isinstance(one, dict) and isinstance(other, dict):
        names = dict.fromkeys([*one, *other])
        return {name: added(one.get(name), other.get(name)) for name in names}
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one + other
    return other if one is None else one


def rounds(n: int) -> Generator[list[int], list[Body | None], list[Body]]:
    """Yield how many answers each call of a round asks for, until there are n of them.

    It is sent the body of each call; None where the service refused so many answers at once.
    """
    bodies: list[Body] = []
    missing, at_once = n, n
    while missing > 0:
        calls = [min(at_once, missing)]
        # A service without n is asked once for each answer.
        if at_once == 1:
            calls = [1] * missing
        came = [body for body in (yield calls) if body is not None]
        got = sum(len(body["choices"]) for body in came)
        if got < sum(calls):
            at_once = 1
        bodies += came
        missing -= got
    return bodies


def asked_for(request: Any, settings: Body) -> Body | None:
    """Return the body of a request for an answer, tuned settings in it; None of another request."""
    is_call = request.method == "POST" and request.url.path.endswith("/completions")
    if not is_call:
        return None
    found: Body = json.loads(request.content)
    return {**found, **settings}


def repeated(request: Any, body: Body, n: int) -> Any:
    """Return the request again, for n answers that come in one piece."""
    content = {**body, "n": n}
    for name in ("stream", "stream_options"):
        content.pop(name, None)
    # Some services refuse even n = 1.
    if n == 1:
        content.pop("n")
    return with_body(request, content)


def with_body(request: Any, content: Body) -> Any:
    """Return the request with another body."""
    headers = dict(request.headers)
    headers.pop("content-length", None)
    return type(request)(
        request.method,
        request.url,
        headers=headers,
        json=content,
        extensions=request.extensions,
    )


def came_back(response: Any, n: int) -> Body | None:
    """Return the body of an answer; None where the service refused n answers at once."""
    if response.status_code in (400, 422) and n > 1:
        return None
    found: Body = response.json()
    if not found.get("choices"):
        raise ValueError("an answer without choices came back")
    return found


def answered(response: Any, request: Any, body: Body, *, stream: bool) -> Any:
    """Return an HTTP response like another one, with this body."""
    headers = {}
    for name, value in response.headers.items():
        if name.lower() not in HEADERS_OF_BODY:
            headers[name] = value
    headers["content-type"] = "text/event-stream" if stream else "application/json"
    content = streamed(body) if stream else json.dumps(body)
    return type(response)(
        200, headers=headers, content=content.encode(), request=request
    )


def streamed(body: Body) -> str:
    """Return a body as the events of a stream."""
    choice = body["choices"][0]
    # The stream of the older completions has the text in the choice.
    part = {"text": choice.get("text", "")}
    if "message" in choice:
        delta = dict(choice["message"])
        calls = delta.get("tool_calls") or ()
        if calls:
            delta["tool_calls"] = [
                {"index": place, **call} for place, call in enumerate(calls)
            ]
        part = {"delta": delta}
    kind = body.get("object", "")
    if kind == "chat.completion":
        kind = "chat.completion.chunk"
    shared = {**body, "object": kind, "usage": None}
    reason = choice.get("finish_reason")
    chunks = [
        {**shared, "choices": [{"index": 0, **part, "finish_reason": reason}]},
        {**shared, "choices": [], "usage": body.get("usage")},
    ]
    events = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    return "".join([*events, "data: [DONE]\n\n"])


class VotingHttp(openai.DefaultHttpxClient):  # type: ignore[misc, unused-ignore]
    """An HTTP client for `openai.OpenAI(http_client=...)` that asks n times and votes.

    Args:
        n: answers for each call.
        read: takes the answer out of a text.
        settings: tuned settings that the framework cannot send itself.
        aggregate: makes one answer of n.
    """

    def __init__(
        self,
        n: int,
        read: Read,
        settings: Body | None = None,
        aggregate: Aggregate = vote,
    ) -> None:
        super().__init__()
        self.n, self.read, self.settings = n, read, settings or {}
        self.aggregate = aggregate

    def send(self, request: Any, *, stream: bool = False, **options: Any) -> Any:
        """Send a request; one for an answer is sent for n, and the voted one comes back."""
        body = asked_for(request, self.settings)
        if body is None:
            return super().send(request, stream=stream, **options)
        if self.n == 1:
            one_call = with_body(request, body)
            return super().send(one_call, stream=stream, **options)
        asking = rounds(self.n)
        calls = next(asking)
        while True:
            came: list[Body | None] = []
            for n in calls:
                response = super().send(repeated(request, body, n), **options)
                refuses_n = response.status_code in (400, 422) and n > 1
                # The package raises its own errors, and repeats what may be repeated.
                if response.status_code != 200 and not refuses_n:
                    return response
                came.append(came_back(response, n))
            try:
                calls = asking.send(came)
            except StopIteration as end:
                one = voted(end.value, self.read, self.aggregate)
                is_stream = bool(body.get("stream"))
                return answered(response, request, one, stream=is_stream)


class AsyncVotingHttp(openai.DefaultAsyncHttpxClient):  # type: ignore[misc, unused-ignore]
    """The same as `VotingHttp` for `openai.AsyncOpenAI(http_client=...)`."""

    def __init__(
        self,
        n: int,
        read: Read,
        settings: Body | None = None,
        aggregate: Aggregate = vote,
    ) -> None:
        super().__init__()
        self.n, self.read, self.settings = n, read, settings or {}
        self.aggregate = aggregate

    async def send(self, request: Any, *, stream: bool = False, **options: Any) -> Any:
        """Send a request; one for an answer is sent for n, and the voted one comes back."""
        body = asked_for(request, self.settings)
        if body is None:
            return await super().send(request, stream=stream, **options)
        if self.n == 1:
            one_call = with_body(request, body)
            return await super().send(one_call, stream=stream, **options)
        asking = rounds(self.n)
        calls = next(asking)
        while True:
            sent = []
            for n in calls:
                sent.append(super().send(repeated(request, body, n), **options))
            responses = await asyncio.gather(*sent)
            came: list[Body | None] = []
            for response, n in zip(responses, calls, strict=True):
                refuses_n = response.status_code in (400, 422) and n > 1
                # The package raises its own errors, and repeats what may be repeated.
                if response.status_code != 200 and not refuses_n:
                    return response
                came.append(came_back(response, n))
            try:
                calls = asking.send(came)
            except StopIteration as end:
                one = voted(end.value, self.read, self.aggregate)
                is_stream = bool(body.get("stream"))
                return answered(response, request, one, stream=is_stream)
