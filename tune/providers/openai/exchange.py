"""Send one HTTP request to an OpenAI-compatible service, and return its reply."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from tune.errors import ProviderError, TransientError
from tune.providers.openai.access import DUMMY_KEY, Access
from tune.providers.openai.errors import MOST_ERROR_CHARACTERS, error_of_transport
from tune.safety.redact import watch_logs
from tune.safety.untrusted import read_json

if TYPE_CHECKING:
    from openai import AsyncOpenAI

# Seconds to wait for a connection.
_CONNECT = 10.0


class HttpReply(NamedTuple):
    """The reply to one request, without the service's secrets.

    Attributes:
        status: the HTTP status.
        headers: by lowercase name.
        body: decoded where it is JSON, else text.
    """

    status: int
    headers: dict[str, str]
    body: object


class Exchange:
    """Sends requests to one service, through OpenAI's client.

    Args:
        access: the address, and all that is sent to be let in.
        who: model and address, as messages name them.
        timeout: seconds after which a request is given up.
    """

    def __init__(self, access: Access, who: str, timeout: float) -> None:
        self.access = access
        self.who = who
        self.timeout = timeout
        self._client: AsyncOpenAI | None = None

    async def send(
        self,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        limit: float | None = None,
    ) -> HttpReply:
        """Send one request: a POST where there is a body, else a GET.

        Args:
            path: behind the base URL.
            body: sent as JSON.
            limit: seconds after which it is given up; None is the timeout.

        Raises:
            TransientError: no reply came.
            EndpointError: the request cannot be sent.
        """
        import openai

        limit = limit or self.timeout
        # Errors are raised outside the handlers, so that they carry along no exception which holds
        # headers.
        fault: ProviderError | None = None
        response: Any = None
        try:
            async with asyncio.timeout(limit):
                response = await self._request(path, body)
        except openai.APIStatusError as error:
            # A status of 400 or more is a reply as well: what it means is read from its body.
            response = error.response
        except openai.APIConnectionError as error:
            words = self.access.scrubber.words(str(error.__cause__ or ""))
            fault = error_of_transport(
                type(error.__cause__).__name__, words, who=self.who
            )
        except TimeoutError:
            fault = TransientError(
                f"{self.who} did not answer within {limit:g} s", charged=True
            )
        if fault is not None:
            raise fault
        return self._read(response)

    async def close(self) -> None:
        """Close the connections; the next request opens new ones."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()

    async def _request(self, path: str, body: Mapping[str, Any] | None) -> Any:
        import httpx2

        client = self._open()
        # A redirect could carry headers to another host.
        options: Any = {"follow_redirects": False}
        if body is None:
            return await client.get(path, cast_to=httpx2.Response, options=options)
        return await client.post(
            path, cast_to=httpx2.Response, body=body, options=options
        )

    def _read(self, response: Any) -> HttpReply:
        headers = {name.lower(): value for name, value in response.headers.items()}
        status = response.status_code
        try:
            body = read_json(response.content)
        except ValueError:
            body = response.text[:MOST_ERROR_CHARACTERS]
        # A page or an error may quote what was sent to it in any form, so all of it is searched.
        if status >= 300 or isinstance(body, str):
            return HttpReply(status, headers, self.access.scrubber.error(body))
        return HttpReply(status, headers, self.access.scrubber.answer(body))

    def _open(self) -> AsyncOpenAI:
        """Return the client; it is made at the first request, in the event loop that it serves."""
        if self._client is None:
            import httpx2
            import openai

            from tune.providers.openai.http_client import bounded_client

            access = self.access
            watch_logs()
            timeout = httpx2.Timeout(self.timeout, connect=min(self.timeout, _CONNECT))
            self._client = openai.AsyncOpenAI(
                api_key=access.key or DUMMY_KEY,
                base_url=access.url,
                # Retries go through every gate of the stack, the reservation included.
                max_retries=0,
                http_client=bounded_client(
                    access.url, timeout, left_out=access.left_out
                ),
                default_headers=access.headers or None,
                default_query=access.query or None,
            )
        return self._client
