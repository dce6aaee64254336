"""Base URLs: read, shown without their secrets, and told apart by the network that they lie in."""

from __future__ import annotations

import ipaddress
import os
from urllib.parse import SplitResult, urlsplit, urlunsplit

from tune.errors import InputError

DEFAULT_BASE_URL = "https://api.openai.com/v1"
"""OpenAI's own base URL."""

# Addresses behind a carrier's gateway (RFC 6598); overlay networks such as Tailscale use them.
_CARRIER = ipaddress.ip_network("100.64.0.0/10")

# Endings of names that no public register gives out.
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
    """Return the given base URL, else that in OPENAI_BASE_URL, else OpenAI's own."""
    return base_url or os.environ.get("OPENAI_BASE_URL") or DEFAULT_BASE_URL


def parse_url(url: str) -> SplitResult:
    """Read a base URL.

    Raises:
        InputError: it is not a usable base URL; the message shows nothing that may be secret.
    """
    try:
        parts = urlsplit(url)
        # Reading `port` raises ValueError where the URL holds something else in its place.
        usable = (
            parts.scheme in ("http", "https")
            and parts.hostname
            and (parts.port or True)
        )
    except ValueError:
        usable = False
    if not usable:
        # Before an @ stands a password and after a ? may stand a key: neither is shown.
        visible = url.rpartition("@")[2].partition("?")[0]
        raise InputError(
            f"a base URL reads http://HOST/PATH or https://HOST/PATH, but got {visible!r}"
        )
    return parts


def public_query(parts: SplitResult) -> str:
    """Return the part of a query that may be shown and kept.

    It is the version of an API, without which Azure answers nothing.
    """
    pairs = parts.query.split("&")
    return "&".join(pair for pair in pairs if pair.partition("=")[0] == "api-version")


def public_url(url: str | None) -> str | None:
    """Return a base URL without its user, password and fragment, and without most of its query.

    Of the query, only an API's version stays. None stays None.

    Raises:
        InputError: it is not a usable base URL, so it is not known which parts may be shown.
    """
    if url is None:
        return None
    parts = parse_url(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, public_query(parts), ""))


def has_secrets(url: str | None) -> bool:
    """Tell whether a base URL holds a user, a password or a query that `public_url` leaves out."""
    if url is None:
        return False
    parts = parse_url(url)
    # A fragment is not sent.
    return "@" in parts.netloc or public_query(parts) != parts.query


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine."""
    address = _address(host)
    if address is not None:
        # The unspecified address, 0.0.0.0, reaches this machine as well.
        return address.is_loopback or address.is_unspecified
    return host == "localhost" or host.endswith(".localhost")


def is_private(host: str) -> bool:
    """Tell whether a host is this machine or lies in a private network, by its address or name."""
    address = _address(host)
    if address is not None:
        return address.is_private or address.is_link_local or address in _CARRIER
    # A name without a dot is local, but a number is an address in another spelling (2130706433 is
    # 127.0.0.1), and its network cannot be read from it.
    short = "." not in host and not host[:1].isdigit()
    return is_loopback(host) or short or host.endswith(_PRIVATE_NAMES)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        # After a % stands the zone of an IPv6 address, as in fe80::1%eth0.
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
