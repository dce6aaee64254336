"""Send one HTTP request to an OpenAI-compatible service, and return its reply."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

from tune.errors import ProviderError, TransientError
from tune.providers.openai.access import Access
from tune.providers.openai.errors import MOST_ERROR_CHARACTERS, error_of_transport
from tune.providers.openai.sender import RawReply, Sender, SendFault
from tune.providers.openai.transport import Transport
from tune.safety.untrusted import read_json


class HttpReply(NamedTuple):
    """The reply to one request, without the service's secrets.

    Attributes:
        status: the HTTP status.
        headers: by name; upper and lower case are the same.
        body: decoded where it is JSON, else text.
    """

    status: int
    headers: Mapping[str, str]
    body: object


class Exchange:
    """Sends requests to one service, and reads the replies.

    Args:
        access: the address, and all that is sent to be let in.
        who: model and address, as messages name them.
        timeout: seconds after which a request is given up.
        sender: sends; None is our own transport.
    """

    def __init__(
        self, access: Access, who: str, timeout: float, sender: Sender | None = None
    ) -> None:
        self.access = access
        self.who = who
        self.timeout = timeout
        self._sender = sender or Transport(access, timeout)

    async def send(
        self,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        limit: float | None = None,
    ) -> HttpReply:
        """Send one request: a POST where there is a body, else a GET.

        Args:
            path: behind the base URL, or an address on the same host.
            body: sent as JSON.
            limit: seconds after which it is given up; None is the timeout.

        Raises:
            TransientError: no reply came.
            EndpointError: the request cannot be sent.
        """
        limit = limit or self.timeout
        fault: ProviderError
        try:
            # The limit holds for all of it, however slowly an answer still trickles.
            async with asyncio.timeout(limit):
                reply = await self._sender.send(path, body)
            return self._read(reply)
        except SendFault as error:
            words = self.access.scrubber.words(str(error))
            fault = error_of_transport(error.stage, words, who=self.who)
        except TimeoutError:
            fault = TransientError(
                f"{self.who} did not answer within {limit:g} s", charged=True
            )
        # Outside the handlers, so that it carries along no exception which holds headers.
        raise fault

    async def close(self) -> None:
        """Close the connections; the next request opens new ones."""
        await self._sender.close()

    def _read(self, reply: RawReply) -> HttpReply:
        status, headers, content = reply
        try:
            body = read_json(content)
        except ValueError:
            body = content.decode("utf-8", "replace")[:MOST_ERROR_CHARACTERS]
        # A page or an error may quote what was sent to it in any form, so all of it is searched.
        if status >= 300 or isinstance(body, str):
            return HttpReply(status, headers, self.access.scrubber.error(body))
        return HttpReply(status, headers, self.access.scrubber.answer(body, content))
