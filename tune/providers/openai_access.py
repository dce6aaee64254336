"""How an OpenAI-compatible service is reached, and what of that must never be shown."""

from __future__ import annotations

import base64
import logging
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from tune.errors import InputError

DEFAULT_BASE_URL = "https://api.openai.com/v1"
"""OpenAI's own."""

DUMMY_KEY = "no-key"
"""What is sent to servers that need no key."""

_LOOKS_SECRET = re.compile(r"\b(?:sk|gsk|xai)[-_][\w*.-]{6,}|(?i:\b(?:bearer|basic)\s+[\w+/=.*-]{6,})")
"""Keys as services quote them, in part or masked."""

_BILLS_REFUSALS = re.compile(
    r"(?:^|\.)(?:openai\.azure\.com|(?:cognitiveservices|services\.ai)\.azure\.com|azure-api\.net|api\.x\.ai)$"
)
"""Hosts that bill prompts which their content filter or their limits refuse.

Microsoft says that calls which end in 200 or 400 count towards the billed tokens (learn.microsoft.com/answers,
question 1632971).
"""

_HIDDEN = "[hidden]"


class Access(logging.Filter):
    """Where a service is and how we are let in; as a logging filter it hides the secrets of what others log.

    Attributes:
        url: scheme, host, port and path: all that may be shown.
        place: the same without the scheme.
        key: sent as bearer token.
        headers: sent as they are.
        query: sent with every URL.
        is_openai: whether this is OpenAI's own service.
        bills_refusals: the service may bill prompts that it refuses.
    """

    def __init__(self, parts: SplitResult, key: str, headers: Mapping[str, str]) -> None:
        super().__init__()
        host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else str(parts.hostname)
        port = f":{parts.port}" if parts.port else ""
        self.place = f"{host}{port}{parts.path.rstrip('/')}"
        self.url = f"{parts.scheme}://{self.place}"
        self.is_openai = parts.hostname == urlsplit(DEFAULT_BASE_URL).hostname
        azure_path = parts.path.startswith("/openai/deployments/")
        self.bills_refusals = azure_path or bool(_BILLS_REFUSALS.search(str(parts.hostname)))
        self.key, self.headers = key, dict(headers)
        if parts.username or parts.password:
            pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
            self.headers.setdefault("Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}")
        self.query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self._secrets = _longest_first(_secrets(parts, self))

    def __repr__(self) -> str:
        return f"Access({self.url!r})"

    def scrub(self, text: str) -> str:
        """The text without anything that is secret here, or looks like a key."""
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        return _LOOKS_SECRET.sub(_HIDDEN, text)

    def scrub_all(self, value: Any) -> Any:
        """Decoded JSON with every text in it scrubbed."""
        if isinstance(value, str):
            return self.scrub(value)
        if isinstance(value, list):
            return [self.scrub_all(each) for each in value]
        if isinstance(value, dict):
            return {self.scrub(name): self.scrub_all(each) for name, each in value.items()}
        return value

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, with its arguments scrubbed: the HTTP client logs whole URLs."""
        if isinstance(record.args, tuple):
            record.args = tuple(a if isinstance(a, int | float) else self.scrub(str(a)) for a in record.args)
        return True


def find_access(base_url: str | None, api_key: str | None, key_env: str, headers: Mapping[str, str]) -> Access:
    """Read what the user says of a service; what is missing comes from the environment.

    Raises:
        InputError: the base URL cannot be one, or there is no usable key.
    """
    parts = parse_url(base_url or os.environ.get("OPENAI_BASE_URL") or DEFAULT_BASE_URL)
    key = (api_key or os.environ.get(key_env) or "").strip()
    if not key and (key_env != "OPENAI_API_KEY" or parts.hostname == urlsplit(DEFAULT_BASE_URL).hostname):
        raise InputError(f"there is no API key for {parts.hostname}: set the environment variable {key_env}")
    for name, value in {"the API key": key, **headers}.items():
        if not (value.isascii() and value.isprintable()):
            raise InputError(f"{name} for {parts.hostname} has characters that cannot be sent in a header")
    return Access(parts, key or DUMMY_KEY, headers)


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
        raise InputError(f"a base URL reads http://HOST/PATH or https://HOST/PATH, but got {visible!r}")
    return parts


def _secrets(parts: SplitResult, access: Access) -> Iterable[str]:
    if access.key != DUMMY_KEY:
        yield access.key
    yield from access.headers.values()
    yield from access.query.values()
    yield from (parts.query.split("&") if parts.query else ())
    for part in (parts.password, parts.username):
        if part:
            yield from (part, unquote(part))
    for line in os.environ.get("OPENAI_CUSTOM_HEADERS", "").splitlines():  # the client sends these by itself
        yield line.partition(":")[2].strip()


def _longest_first(secrets: Iterable[str]) -> list[str]:
    """Longest first, so that none is hidden in part; what is too short to be a secret is left out."""
    words = {piece for secret in secrets for piece in (secret, secret.rpartition(" ")[2])}
    return sorted((word for word in words if len(word) >= 5), key=len, reverse=True)
