"""Base URLs: read, shown without their secrets, and told apart by the network that they lie in."""

from __future__ import annotations

import ipaddress
import os
from urllib.parse import SplitResult, urlsplit, urlunsplit

from tune.errors import InputError

DEFAULT_BASE_URL = "https://api.openai.com/v1"
"""OpenAI's own."""

_CARRIER = ipaddress.ip_network("100.64.0.0/10")
"""Addresses behind a carrier's gateway, which overlay networks such as Tailscale use."""

_PRIVATE_NAMES = (
    ".local",
    ".internal",
    ".lan",
    ".home",
    ".home.arpa",
    ".intranet",
    ".corp",
    ".private",
)


def resolved_url(base_url: str | None) -> str:
    """Where an entry without a base URL is."""
    return base_url or os.environ.get("OPENAI_BASE_URL") or DEFAULT_BASE_URL


def parse_url(url: str) -> SplitResult:
    """Read a base URL.

    Raises:
        InputError: it cannot be one; the message shows nothing that may be secret.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port or True)
    except ValueError:
        usable = False
    if not usable:
        # Nothing before an @ or after a ? is shown, even of what is no URL.
        visible = url.rpartition("@")[2].partition("?")[0]
        raise InputError(
            f"a base URL reads http://HOST/PATH or https://HOST/PATH, but got {visible!r}"
        )
    return parts


def public_query(parts: SplitResult) -> str:
    """The part of a query that may be shown and kept: the version of an API, without which Azure
    answers nothing.
    """
    return "&".join(
        pair for pair in parts.query.split("&") if pair.partition("=")[0] == "api-version"
    )


def public_url(url: str | None) -> str | None:
    """A base URL without what may be secret in it: user, password, fragment and query, but for an
    API's version.

    Raises:
        InputError: it cannot be a base URL, so nobody knows which parts of it may be shown.
    """
    if url is None:
        return None
    parts = parse_url(url)
    return urlunsplit(
        (parts.scheme, parts.netloc.rpartition("@")[2], parts.path, public_query(parts), "")
    )


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    address = _address(host)
    if address is not None:  # the unspecified address, 0.0.0.0, reaches this machine as well
        return address.is_loopback or address.is_unspecified
    return host == "localhost" or host.endswith(".localhost")


def is_private(host: str) -> bool:
    """Whether a host is this machine or lies in a private network: by its address, or by a name
    that no public register gives out.
    """
    address = _address(host)
    if address is not None:
        return address.is_private or address.is_link_local or address in _CARRIER
    # A number is an address in another spelling, whose network nobody reads off it.
    short = "." not in host and not host[:1].isdigit()
    return is_loopback(host) or short or host.endswith(_PRIVATE_NAMES)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
