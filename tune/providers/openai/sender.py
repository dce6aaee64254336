"""The seam between a request and the wire: what sends it, what comes back, and how it can fail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

Stage: TypeAlias = Literal["impossible", "unsent", "timeout", "unreadable", "lost"]
"""The stage at which a request failed:

- impossible: it can never be sent, whatever the service does;
- unsent: nothing of it left this machine;
- timeout: it may have left, and no answer came in time;
- unreadable: an answer came, and it is too large or packed in a way that cannot be read;
- lost: it may have left, and the connection broke before the whole answer was there.
"""


class SendFault(Exception):
    """A request that brought no reply.

    Args:
        stage: see `Stage`.
        words: the transport's own words, which may quote secrets.
    """

    def __init__(self, stage: Stage, words: str) -> None:
        super().__init__(words)
        self.stage: Stage = stage


class RawReply(NamedTuple):
    """The reply to one request as it came.

    Attributes:
        status: the HTTP status.
        headers: by name; upper and lower case are the same.
        content: the unpacked bytes.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes


class Sender(Protocol):
    """Sends requests to one service, each once."""

    async def send(self, path: str, body: Mapping[str, Any] | None) -> RawReply:
        """Send one request: a POST where there is a body, else a GET.

        Args:
            path: behind the base URL, or an address on the same host.
            body: sent as JSON.

        Raises:
            SendFault: no reply came.
        """
        ...

    async def close(self) -> None:
        """Close the connections; the next request opens new ones."""
        ...
