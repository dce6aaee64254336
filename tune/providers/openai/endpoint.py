"""Models behind an OpenAI-compatible API: OpenAI's own, and the many that speak as it does."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any, NoReturn

from tune.completion import MANY, Completion, Request
from tune.errors import (
    AnswerError,
    EndpointError,
    ParameterRejected,
    ProviderError,
    RequestRefused,
    Unreadable,
    ValueRejected,
)
from tune.providers.capabilities import REPLACEMENTS, Adapted, Capabilities, Fact
from tune.providers.model_rules import ModelRules
from tune.providers.openai.access import Access, Headers, resolve_access
from tune.providers.openai.bill_lookup import bill_url, name_call, read_bill
from tune.providers.openai.errors import (
    describe_text,
    embedded_error,
    error_of_body,
    error_of_response,
)
from tune.providers.openai.exchange import Exchange, HttpReply
from tune.providers.openai.preflight import check_model
from tune.providers.openai.prompt_bound import prompt_bound
from tune.providers.openai.reasoning_names import named_as_reasoning
from tune.providers.openai.response import ParsedResponse, parse_response
from tune.providers.openai.sender import Sender
from tune.providers.openai.sent_settings import (
    as_refused_value,
    exclude_refused,
    sent_settings,
)
from tune.providers.openai.user_client import ClientSender, client_access

# Texts whose tokens are remembered.
_MOST_ALONE = 10_000

# Seconds after which a question for a bill is given up.
_BILL_LIMIT = 30.0


class OpenAIEndpoint:
    """One model of one OpenAI-compatible service: each `complete` is one call, sent once.

    Chat messages go to chat completions, a plain string to the older completions. Several draws are
    asked for with n. A refusal by the model is learned in `capabilities`, and nothing of it is
    charged:

    - `seed` is left out from then on, and `max_tokens` and `max_completion_tokens` stand in for
      each other. Both end the attempt with `Adapted`, so that the next one goes through every gate
      again, the reservation included.
    - n makes `most_n` 1, or the largest n that the refusal states. It ends the attempt with
      `ParameterRejected`, upon which `Splitting` asks for the draws in smaller calls. Where fewer
      choices come back than were asked for, those that came are returned (a list shorter than
      `numbers`), because they are paid. A service that ignores n, or whose usage counts only the
      first choice, is not asked for several again.
    - Any other refused setting is the caller's to drop: `ParameterRejected`, from then on before
      anything is sent. A refused value of a parameter that the model takes is a `ParameterRejected`
      that teaches nothing.

    Args:
        model: the model's name as the service knows it.
        base_url: where the API begins, usually ending in /v1. User information and a query are sent
            as they are and shown nowhere. None is the environment's OPENAI_BASE_URL, else OpenAI
            itself.
        api_key: None takes the environment variable `key_env`; a server other than OpenAI's may
            need none.
        key_env: the environment variable that holds the key. None is OPENAI_API_KEY for the host
            that it is meant for (see `tune.providers.openai.access.receives_openai_key`), and no
            key for any other.
        timeout: seconds after which a call is given up, however slowly its answer still trickles.
        capabilities: the refusals that models were seen to make; shared, and filled.
        alias: the service's name, for entries that share their draws; None takes host, port and
            path of `base_url`.
        extra_headers: sent with each request, and shown nowhere; `{"env": VARIABLE}` stands for a
            variable's value.
        extra_query: sent with each address, in the same form.
        allow_http: whether secrets may go unencrypted through networks that are not private.
        client: a client of OpenAI's package that the user has configured. It sends the calls, and
            its address and key take the place of those above.
        rules: what is known of the model before the first call: its largest n, whether it takes a
            seed, and the name of its cap.

    Attributes:
        service: the value of `Request.service` for this endpoint.
        model: see above.
        estimated_usage: the number of calls that came back without token counts that can be
            believed; upper bounds were put in their place.

    Raises:
        InputError: the base URL is not usable, or there is no usable key.
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
        extra_query: Headers | None = None,
        allow_http: bool = False,
        client: Any = None,
        rules: ModelRules | None = None,
    ) -> None:
        sender: Sender | None = None
        if client is not None:
            self._access: Access = client_access(client)
            sender = ClientSender(client)
        else:
            self._access = resolve_access(
                base_url,
                api_key,
                key_env,
                extra_headers or {},
                extra_query,
                allow_http=allow_http,
            )
        self.model = model
        self.service = alias or self._access.place
        self.estimated_usage = 0
        self._rules = rules or ModelRules(model)
        self._capabilities = Capabilities() if capabilities is None else capabilities
        self._who = f"model {model!r} at {self._access.url}"
        self._exchange = Exchange(self._access, self._who, timeout, sender)
        self._reasoning_name = named_as_reasoning(model)
        self._reasons = self._reasoning_name
        self._alone: dict[str, int] = {}
        # Calls for several draws under way; and whether there shall be no more of them when these
        # have ended.
        self._several = 0
        self._drops_n = False
        # Whether a seed was seen to be taken; and whether it is left out for a try.
        self._seed_known = False
        self._tries_without_seed = False

    @property
    def most_n(self) -> int:
        """The most draws that one call returns while its prompt is paid once."""
        if self._capabilities.refuses(self.service, self.model, "n"):
            return 1
        learned = self._capabilities.number(self.service, self.model, "most_n")
        return learned or self._rules.most_n or MANY

    def most_prompt_tokens(self, request: Request) -> int:
        """Return the most tokens that the prompt can have; see `prompt_bound`."""
        model = self.model if self._access.is_openai else ""
        return prompt_bound(request, model)

    async def complete(self, request: Request, numbers: range) -> list[Completion]:
        """Buy the draws with these numbers in one call.

        Returns:
            The draws in order: at least one, and fewer than asked for where the service returned
            fewer.

        Raises:
            Adapted: a refusal was understood; try again at once.
            TransientError: the service's fault; `charged` says whether it may have been billed.
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
        """Check, before any money is spent, that the key is let in and the model is there.

        Returns:
            A sentence where the server's list leaves the model out, else "".

        Raises:
            EndpointError: wrong key, unknown model, or no server; the message says where.
        """
        return await check_model(self._exchange, self.model)

    async def bill_of(self, call: str) -> int | None:
        """Ask what was billed for a call.

        Args:
            call: its name, as an error of `complete` has it.

        Returns:
            Picodollars, or None where the service does not say (yet).

        Raises:
            ProviderError: the service does not let us in, or does not answer.
        """
        url = bill_url(self._access.url, call)
        if url is None:
            return None
        reply = await self._exchange.send(
            url, limit=min(self._exchange.timeout, _BILL_LIMIT)
        )
        # OpenRouter knows a call some seconds after it has ended.
        if reply.status == 404:
            return None
        if reply.status >= 300:
            raise error_of_response(
                reply.status, reply.headers, reply.body, who=self._who
            )
        return read_bill(call, reply.body)

    async def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        await self._exchange.close()

    async def _buy(
        self,
        request: Request,
        numbers: range,
        body: Mapping[str, Any],
    ) -> list[Completion]:
        path = (
            "/completions" if isinstance(request.prompt, str) else "/chat/completions"
        )
        began = time.perf_counter()
        reply = await self._exchange.send(path, body)
        seconds = time.perf_counter() - began
        try:
            return self._draws(reply, request, numbers, body, seconds)
        except ProviderError as error:
            # The name lets a user, or `reconcile`, ask for the bill of a call that failed.
            error.call = self._access.scrubber.words(
                name_call(reply.headers, reply.body)
            )
            raise

    def _draws(
        self,
        reply: HttpReply,
        request: Request,
        numbers: range,
        body: Mapping[str, Any],
        seconds: float,
    ) -> list[Completion]:
        """Read the draws out of a reply, and learn from it."""
        fault = as_refused_value(self._fault(reply, body), request)
        if isinstance(fault, AnswerError) and fault.reason == "length":
            return [_cut_answer(seconds)] * len(numbers)
        if fault is not None:
            self._raise(fault, body)
        if isinstance(reply.body, str):
            raise Unreadable(f"{self._who} {describe_text(reply.body)}")
        parsed = parse_response(
            reply.body,
            request,
            len(numbers),
            prompt_bound=self.most_prompt_tokens(request),
            seconds=seconds,
            reasons=self._reasons or request.setting("reasoning_effort") is not None,
            who=self._who,
            alone=self._alone,
        )
        self._learn(parsed, len(numbers))
        self._seed_known = True
        if self._tries_without_seed:
            self._tries_without_seed = False
            self._capabilities.refuse(self.service, self.model, "seed")
        return parsed.draws

    def _fault(self, reply: HttpReply, sent: Mapping[str, Any]) -> ProviderError | None:
        """Return the error that a reply stands for by its status, or holds instead of choices."""
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
        error = embedded_error(reply.body)
        if error is None:
            return None
        # Errors are scrubbed more thoroughly than answers.
        error = self._access.scrubber.error(error)
        return error_of_body(
            error, reply.headers, who=self._who, sent=sent, bills_refusals=bills
        )

    def _learn(self, parsed: ParsedResponse, asked: int) -> None:
        """Learn from an answer how this model counts and whether it takes n."""
        self._remember_alone(parsed)
        self.estimated_usage += parsed.estimated
        if any(draw.reasoning_tokens for draw in parsed.draws):
            self._reasons = True
        if parsed.first_only or len(parsed.draws) == 1 < asked:
            self._drops_n = True

    def _remember_alone(self, parsed: ParsedResponse) -> None:
        """Keep the tokens of a text that came alone.

        They show whether a count for several choices covers them all.
        """
        draw = parsed.draws[0]
        counted = (
            len(parsed.draws) == 1
            and not parsed.estimated
            and not draw.reasoning_tokens
        )
        if counted and len(self._alone) < _MOST_ALONE:
            known = self._alone.get(draw.text, draw.completion_tokens)
            self._alone[draw.text] = min(draw.completion_tokens, known)

    def _body(self, request: Request, numbers: range) -> dict[str, Any]:
        """Return the body that is sent.

        Raises:
            ParameterRejected: the model is known to refuse a setting.
        """
        refused = self._capabilities.refused(self.service, self.model)
        self._check_settings(request, numbers, refused)
        body: dict[str, Any] = {"model": self.model}
        if isinstance(request.prompt, str):
            body["prompt"] = request.prompt
        else:
            body["messages"] = [
                {"role": m.role, "content": m.content} for m in request.prompt
            ]
        body[self._cap_name(request)] = request.max_tokens
        # The seed makes a draw repeatable where the service honours it.
        if (
            "seed" not in refused
            and self._rules.seed is not False
            and not self._tries_without_seed
        ):
            body["seed"] = request.seed(numbers.start)
        if len(numbers) > 1:
            body["n"] = len(numbers)
        if request.stop:
            body["stop"] = list(request.stop)
        body |= sent_settings(request)
        if request.passed:
            # Messages with tools or images among them take the place of the plain ones.
            body |= json.loads(request.passed)
        return body

    def _check_settings(
        self, request: Request, numbers: range, refused: frozenset[str]
    ) -> None:
        """Raise ParameterRejected where the model is known to refuse a setting of a call."""
        names = list(dict(request.settings))
        if request.stop:
            names.append("stop")
        for name in names:
            if name in refused:
                raise ParameterRejected(
                    f"{self._who} does not take {name}", parameter=name
                )
        most = 1 if self._drops_n else self.most_n
        if len(numbers) > most:
            raise ParameterRejected(
                f"{self._who} does not take n = {len(numbers)}", parameter="n"
            )

    def _cap_name(self, request: Request) -> str:
        """Return the name under which the model takes the cap."""
        # OpenAI's reasoning models refuse max_tokens, and the older completions know nothing else.
        newer = self._reasoning_name and not isinstance(request.prompt, str)
        usual = "max_completion_tokens" if newer else "max_tokens"
        if not isinstance(request.prompt, str):
            usual = self._rules.cap or usual
        name = self._capabilities.spelling(self.service, self.model, usual)
        if name is None:
            raise EndpointError(
                f"{self._who} takes neither {' nor '.join(REPLACEMENTS)}: "
                f"no call goes out without a cap"
            )
        return name

    def _raise(self, fault: ProviderError, sent: Mapping[str, Any]) -> NoReturn:
        """Learn from a refusal, and raise the error that the caller needs."""
        if isinstance(fault, RequestRefused):
            # The seed is the one setting that is ours, so it is the first suspect.
            self._tries_without_seed = "seed" in sent and not self._seed_known
            self._seed_known = True
            if self._tries_without_seed:
                raise Adapted(str(fault))
        if isinstance(fault, ValueRejected):
            exclude_refused(fault, sent)
        if (
            isinstance(fault, ValueRejected)
            and fault.parameter == "n"
            and fault.high is not None
        ):
            most = min(int(fault.high), self.most_n)
            self._capabilities.learn(
                Fact(self.service, self.model, "most_n", number=most)
            )
        if isinstance(fault, ParameterRejected):
            name = fault.parameter
            # A seed can be left out whatever its value.
            # A condition says nothing about calls that keep it, and neither does a refused value
            # about other values.
            conditional = fault.beside is not None or fault.while_reasoning
            whole = not isinstance(fault, ValueRejected) and not conditional
            if whole or name == "seed":
                self._capabilities.refuse(self.service, self.model, name)
            if name == "seed" or (whole and name in REPLACEMENTS):
                raise Adapted(str(fault))
        raise fault


def _cut_answer(seconds: float) -> Completion:
    """Return an answer that was cut before any of it could be shown.

    It was refused, so it cost nothing.
    """
    return Completion(
        "", "length", prompt_tokens=0, completion_tokens=0, seconds=seconds
    )
