"""How an OpenAI-compatible service is reached, which secrets go there, and what of that must never
be shown.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterable, Mapping
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from tune.errors import InputError
from tune.providers.base_url import (
    DEFAULT_BASE_URL,
    is_loopback,
    is_private,
    parse_url,
    resolved_url,
)
from tune.safety.redact import Scrubber, remember, secret_name

OPENAI_KEY = "OPENAI_API_KEY"
"""The variable whose key is used where none is named."""

DUMMY_KEY = "no-key"
"""Stands for a key in our client where there is none; it is not sent."""

_BILLS_REFUSALS = re.compile(
    r"(?:^|\.)(?:openai\.azure\.com|(?:cognitiveservices|services\.ai)\.azure\.com|azure-api\.net|api\.x\.ai)$"
)
"""Hosts that bill prompts which their content filter or their limits refuse.

Microsoft says that calls which end in 200 or 400 count towards the billed tokens
(learn.microsoft.com/answers, question 1632971).
"""

Headers = Mapping[str, str | Mapping[str, str]]
"""Headers by name: a text, or `{"env": VARIABLE}` for one that is secret."""


class Access:
    """Where a service is and how we are let in.

    Attributes:
        url: scheme, host, port and path: all that may be shown.
        place: the same without the scheme.
        key: sent as bearer token; None where no key goes there.
        headers: sent as they are.
        query: sent with every URL.
        is_openai: whether this is OpenAI's own service.
        bills_refusals: the service may bill prompts that it refuses.
        own: whether it is where the environment's own settings for OpenAI's client belong.
        scrubber: hides in what the service says all of this that is secret.
    """

    def __init__(self, parts: SplitResult, key: str | None, headers: Mapping[str, str]) -> None:
        host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else str(parts.hostname)
        port = f":{parts.port}" if parts.port else ""
        self.place = f"{host}{port}{parts.path.rstrip('/')}"
        self.url = f"{parts.scheme}://{self.place}"
        self.is_openai = parts.hostname == urlsplit(DEFAULT_BASE_URL).hostname
        azure_path = parts.path.startswith("/openai/deployments/")
        self.bills_refusals = azure_path or bool(_BILLS_REFUSALS.search(str(parts.hostname)))
        self.own = receives_openai_key(str(parts.hostname))
        self.key, self.headers = key, dict(headers)
        if parts.username or parts.password:
            pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
            self.headers.setdefault(
                "Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"
            )
        self.query = dict(parse_qsl(parts.query, keep_blank_values=True))
        secrets = list(_secrets(parts, self))
        remember(secrets)
        self.scrubber = Scrubber(secrets)

    def __repr__(self) -> str:
        return f"Access({self.url!r})"

    @property
    def hint(self) -> str:
        """The end of a sentence for a service that lets nobody in who was not given a key; "" where
        one was.
        """
        if self.key is not None or self.headers:
            return ""
        return "; no key was sent there: name its environment variable with --key-env (key_env)"

    @property
    def left_out(self) -> frozenset[str]:
        """Headers, in lower case, that our client would send by itself, and that are not for this
        service.
        """
        found = set[str]()
        if self.key is None:
            found.add("authorization")
        if not self.own:  # these are the environment's for somebody else
            found |= {line.partition(":")[0].strip().lower() for line in _custom_headers()}
            found |= {"openai-organization", "openai-project"}
        return frozenset(found - {name.lower() for name in self.headers})


def resolve_access(
    base_url: str | None,
    api_key: str | None,
    key_env: str | None,
    headers: Headers,
    *,
    allow_http: bool = False,
) -> Access:
    """Read what the user says of a service; what is missing comes from the environment.

    Args:
        base_url: where it is; None is the environment's OPENAI_BASE_URL, else OpenAI's own.
        api_key: its key; None takes that of `key_variable`.
        key_env: the variable that the user named for it.
        headers: sent with each request.
        allow_http: whether secrets may go unencrypted through networks that are not private.

    Raises:
        InputError: the base URL cannot be one, or there is no usable key.
    """
    parts = parse_url(resolved_url(base_url))
    host = str(parts.hostname)
    variable = key_variable(base_url, key_env)
    key = (api_key or (os.environ.get(variable) if variable else None) or "").strip()
    if not key and (key_env is not None or host == urlsplit(DEFAULT_BASE_URL).hostname):
        raise InputError(f"there is no API key for {host}: {_remedy(variable)}")
    filled = {name: _header(name, value, host) for name, value in headers.items()}
    for name, value in {"the API key": key, **filled}.items():
        if not (value.isascii() and value.isprintable()):
            raise InputError(f"{name} for {host} has characters that cannot be sent in a header")
    access = Access(parts, key or None, filled)
    secret = (
        access.key
        or parts.password
        or any(secret_name(name) for name in (*access.headers, *access.query))
    )
    if secret and parts.scheme == "http" and not (allow_http or is_private(host)):
        raise InputError(
            f"a key would go to {host} unencrypted, for everybody on the way to read: give an address that begins "
            f"with https://, or allow it with --allow-http (allow_http=True)"
        )
    return access


def _remedy(variable: str | None) -> str:
    if variable is None:
        return f"{OPENAI_KEY} belongs to the host of OPENAI_BASE_URL, so name another variable with --key-env"
    return f"set the environment variable {variable}"


def _header(name: str, value: str | Mapping[str, str], host: str) -> str:
    if isinstance(value, str):
        return value
    variable = value["env"]
    found = os.environ.get(variable, "").strip()
    if not found:
        raise InputError(
            f"the header {name!r} for {host} has no value: set the environment variable {variable}"
        )
    return found


def key_variable(base_url: str | None, key_env: str | None) -> str | None:
    """The environment variable whose key goes to an address; None where none does.

    It is the variable that the user named for it. Where none is named, OPENAI_API_KEY goes to the
    host that it is meant for (see `is_own`) and nowhere else.
    """
    if key_env is not None:
        return key_env
    return (
        OPENAI_KEY if receives_openai_key(str(parse_url(resolved_url(base_url)).hostname)) else None
    )


def receives_openai_key(host: str) -> bool:
    """Whether OPENAI_API_KEY is meant for a host: that of OPENAI_BASE_URL, else OpenAI's, or this
    machine.
    """
    return host == parse_url(resolved_url(None)).hostname or is_loopback(host)


_HARMLESS = frozenset(
    {
        "http-referer",
        "x-title",
        "user-agent",
        "accept",
        "content-type",
        "openai-beta",
        "api-version",
    }
)
"""Headers that hold no secret; in lower case."""


def _secrets(parts: SplitResult, access: Access) -> Iterable[str]:
    if access.key is not None:
        yield access.key
    yield from (value for name, value in access.headers.items() if name.lower() not in _HARMLESS)
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if "version" not in name:  # a date, as models write dates too
            yield from (value, f"{name}={value}")
    yield from (
        pair for pair in parts.query.split("&") if pair and "version" not in pair.partition("=")[0]
    )
    for part in (parts.password, parts.username):
        if part:
            yield from (part, unquote(part))
    for line in _custom_headers():  # the client sends these by itself
        yield line.partition(":")[2].strip()


def _custom_headers() -> list[str]:
    return [
        line for line in os.environ.get("OPENAI_CUSTOM_HEADERS", "").splitlines() if ":" in line
    ]
