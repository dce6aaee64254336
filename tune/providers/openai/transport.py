"""The one place that sends: HTTP to one service, over connections that are kept open."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from tune.providers.openai.access import Access
from tune.providers.openai.network import proxy_for, tls_context
from tune.providers.openai.sender import RawReply, SendFault
from tune.providers.openai.unpack import ACCEPTED, Unpacker, UnreadableAnswer
from tune.safety.redact import watch_logs
from tune.safety.untrusted import ANSWER_BYTES

if TYPE_CHECKING:
    import aiohttp

# Seconds to wait for a connection.
_CONNECT = 10.0

# Seconds that an idle connection is kept. Many servers close theirs after 5 seconds. A request that
# is sent at that very moment is lost, and nobody knows whether it was read.
_IDLE = 4.0

# Bytes of one header and of the first line of a reply. Gateways add long policies and cookies.
_HEADER_BYTES = 2**16

# aiohttp warns of larger bodies that are not files.
_LARGE_BODY = 2**20

_JSON = "application/json"

# As OpenAI's client writes JSON.
_encode = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), allow_nan=False
).encode


class Transport:
    """Sends requests to one service, each once, and reads the answers up to a limit.

    It follows no redirect: that could carry the key to another host. It keeps no cookies, and it
    reads no passwords from a netrc file. The proxy and the trusted certificates are those of the
    environment.

    Args:
        access: the address, and all that is sent to be let in.
        timeout: seconds that a request may take; waiting for a connection takes less.
        most: bytes of an answer, packed or unpacked, above which reading it is given up.
    """

    def __init__(
        self, access: Access, timeout: float, *, most: int = ANSWER_BYTES
    ) -> None:
        self._access = access
        self._timeout = timeout
        self._most = most
        self._session: aiohttp.ClientSession | None = None
        self._proxy: str | None = None
        self._headers: dict[str, str] = {}
        self._query = urlencode(access.query)

    async def send(self, path: str, body: Mapping[str, Any] | None) -> RawReply:
        """Send one request: a POST where there is a body, else a GET.

        Raises:
            SendFault: no reply came.
            InputError: a proxy or a certificate of the environment cannot be used.
        """
        import aiohttp

        session = self._open()
        fault: SendFault
        try:
            request = session.request(
                "GET" if body is None else "POST",
                self._url(path),
                data=None if body is None else _payload(body),
                headers=self._headers,
                proxy=self._proxy,
                allow_redirects=False,
            )
            async with request as reply:
                content = await self._read(reply)
                return RawReply(reply.status, reply.headers, content)
        except UnreadableAnswer as error:
            fault = SendFault("unreadable", str(error))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            fault = _fault(error)
        # Outside the handlers, so that it carries along no exception which holds headers.
        raise fault

    async def close(self) -> None:
        """Close the connections; the next request opens new ones."""
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    async def _read(self, reply: aiohttp.ClientResponse) -> bytes:
        """Read a whole answer, up to the limit."""
        answer = Unpacker(reply.headers.get("Content-Encoding", ""), self._most)
        async for piece in reply.content.iter_any():
            answer.feed(piece)
        return answer.content()

    def _url(self, path: str) -> str:
        url = path if "://" in path else f"{self._access.url}{path}"
        if not self._query:
            return url
        joint = "&" if "?" in url else "?"
        return f"{url}{joint}{self._query}"

    def _open(self) -> aiohttp.ClientSession:
        """Return the session; it is made at the first request, in the event loop that it serves."""
        if self._session is None:
            import aiohttp

            watch_logs()
            self._proxy = proxy_for(self._access.url)
            # They go with each request: aiohttp sends the headers of a session to a proxy as well,
            # and the key among them.
            self._headers = {**self._access.sent_headers, "Accept-Encoding": ACCEPTED}
            encrypts = any(
                url.startswith("https:")
                for url in (self._access.url, self._proxy or "")
            )
            connect = min(self._timeout, _CONNECT)
            self._session = aiohttp.ClientSession(
                # The number of calls in flight is limited elsewhere.
                connector=aiohttp.TCPConnector(
                    limit=0,
                    keepalive_timeout=_IDLE,
                    ssl=tls_context() if encrypts else True,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(connect=connect, sock_connect=connect),
                # Unpacked by us, because aiohttp has no limit for all of an answer.
                auto_decompress=False,
                max_line_size=_HEADER_BYTES,
                max_field_size=_HEADER_BYTES,
            )
        return self._session


def _payload(body: Mapping[str, Any]) -> aiohttp.Payload:
    """Return a body as the JSON that OpenAI's client sends."""
    import aiohttp

    try:
        content = _encode(body).encode()
    except UnicodeEncodeError:
        # Half a surrogate pair has no form in UTF-8, but one in JSON.
        content = json.dumps(body, separators=(",", ":")).encode()
    if len(content) < _LARGE_BODY:
        return aiohttp.BytesPayload(content, content_type=_JSON)
    return aiohttp.BytesIOPayload(io.BytesIO(content), content_type=_JSON)


def _fault(error: Exception) -> SendFault:
    """Return the fault that a failure of aiohttp stands for."""
    import aiohttp

    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return SendFault(
            "unsent",
            f"{error.certificate_error}; if this certificate is your company's, name its CA "
            f"bundle in SSL_CERT_FILE",
        )
    if isinstance(error, aiohttp.ClientConnectorError):
        return SendFault("unsent", str(error.os_error))
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return SendFault("unsent", "no connection in time")
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return SendFault("unsent", f"the proxy answered {error.status}")
    if isinstance(error, aiohttp.NonHttpUrlClientError | ValueError):
        return SendFault("impossible", type(error).__name__)
    if isinstance(error, TimeoutError):
        return SendFault("timeout", type(error).__name__)
    if isinstance(error, aiohttp.ClientResponseError):
        # Its text quotes the whole address.
        return SendFault("lost", error.message)
    return SendFault("lost", str(error) or type(error).__name__)
