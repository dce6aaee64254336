"""The HTTP client of an endpoint, with a limit on the bytes of one answer, sent and unpacked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx2
from openai import DEFAULT_CONNECTION_LIMITS

from tune.safety.redact import remember
from tune.safety.untrusted import ANSWER_BYTES, shown_bytes


class AnswerTooLarge(httpx2.ReadError):
    """An answer that is larger than the limit, or packed so that no limit can be held."""


class BoundedTransport(httpx2.AsyncBaseTransport):
    """Passes requests on, without the headers that are left out, and ends an answer at the limit.

    A packed answer is unpacked here, piece by piece: 6 MB of gzip can become gigabytes.
    """

    def __init__(
        self,
        inner: httpx2.AsyncBaseTransport,
        most: int = ANSWER_BYTES,
        left_out: Collection[str] = (),
    ) -> None:
        self._inner, self._most, self._left_out = inner, most, left_out

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request."""
        for name in self._left_out:
            request.headers.pop(name, None)
        response = await self._inner.handle_async_request(request)
        response.request = request
        packed = response.headers.get("content-encoding", "")
        if "," in packed:
            # Packed twice: the inner packing would be unpacked without a limit.
            await response.aclose()
            raise AnswerTooLarge(f"the answer is packed more than once ({packed!r})")
        # These two describe the packed bytes, and we pass the unpacked ones on.
        packing = (b"content-encoding", b"content-length")
        headers = [
            pair for pair in response.headers.raw if pair[0].lower() not in packing
        ]
        return httpx2.Response(
            response.status_code,
            headers=headers,
            stream=_Bounded(response, self._most),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


class _Bounded(httpx2.AsyncByteStream):
    """The unpacked bytes of an answer, up to the limit."""

    def __init__(self, response: httpx2.Response, most: int) -> None:
        self._response, self._most = response, most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        read = 0
        # A piece has one MiB at most, however well it was packed.
        async for piece in self._response.aiter_bytes():
            read += len(piece)
            if max(read, self._response.num_bytes_downloaded) > self._most:
                raise AnswerTooLarge(
                    f"the answer is larger than {shown_bytes(self._most)}, which is the limit"
                )
            yield piece

    async def aclose(self) -> None:
        await self._response.aclose()


def bounded_client(
    base_url: str,
    timeout: httpx2.Timeout,
    *,
    most: int = ANSWER_BYTES,
    left_out: Collection[str] = (),
) -> httpx2.AsyncClient:
    """Return a client for one address, through the proxy that the environment names for it.

    It follows no redirect: that could carry headers to another host.

    Args:
        base_url: the address.
        timeout: of each request.
        most: bytes of an answer, packed or unpacked, above which reading it is given up.
        left_out: headers, in lower case, that are not sent.
    """
    proxy = proxy_for(base_url)
    inner = httpx2.AsyncHTTPTransport(limits=DEFAULT_CONNECTION_LIMITS, proxy=proxy)
    return httpx2.AsyncClient(
        transport=BoundedTransport(inner, most, left_out),
        base_url=base_url,
        timeout=timeout,
        follow_redirects=False,
    )


def proxy_for(url: str) -> str | None:
    """Return the proxy that the environment names for an address, or None."""
    parts = urlsplit(url)
    if proxy_bypass(parts.hostname or ""):
        return None
    named = getproxies()
    proxy = named.get(parts.scheme) or named.get("all")
    if proxy and "@" in proxy:
        # The user and password before the @, and the password alone, must never be shown.
        login = proxy.rpartition("@")[0]
        remember([login.rpartition("/")[2], login.rpartition(":")[2]])
    if not proxy or "://" in proxy:
        return proxy
    return f"http://{proxy}"
