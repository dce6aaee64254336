"""The one scrubber: what is secret is hidden in all that comes in and in all that goes out.

Every secret that is read from the environment or from an address is remembered here, by `remember`,
before anything is sent. What comes in passes the `Scrubber` of its service; what goes out (files,
terminals, logs, errors) passes `scrub`.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

HIDDEN = "[hidden]"

DUMMIES = frozenset(
    {
        "no-key",
        "ollama",
        "empty",
        "dummy",
        "none",
        "null",
        "local",
        "lm-studio",
        "test",
        "fake",
        "anything",
        "unused",
        "sk-no-key-required",
        "not-needed",
        "no-key-required",
        "never-sent",
    }
)
"""Keys for servers that need none, in lower case. These everyday words are never hidden."""

_SURE = 8
"""Shorter words are hidden only in what a service says of an error: elsewhere they may be words
like any other.
"""

_QUOTED = re.compile(
    r"\b(?:sk|gsk|xai)[-_][\w*.-]{6,}|(?i:\b(?:bearer|basic)\s+[\w+/=.*-]{6,})"
)
"""Keys as services quote them in errors, in part or masked."""

_FORM = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:sk|pk|rk|gsk|csk|xai|pplx|nvapi|hf|gh[pousr]|r8|fw|tgp|glpat|key|ya29|dop|vck)[-_.](?=[\w-]*\d)"
    r"[\w-]{12,}|sk-[A-Za-z]{20,}|github_pat_\w{20,}|AIza[\w-]{20,}|A[KS]IA[0-9A-Z]{12,}|eyJ[\w-]{8,}\.[\w.-]{4,})"
)
"""Keys by how their issuers write them: a prefix, then at least 12 characters with a digit among
them.
"""

_RANDOM = re.compile(
    r"(?<![A-Za-z0-9])(?=[A-Za-z0-9]*[a-z])(?=[A-Za-z0-9]*[A-Z])(?=(?:[A-Za-z]*\d){2})[A-Za-z0-9]{24,}"
)
_HEX = re.compile(
    r"(?<![A-Za-z0-9])(?=[0-9a-f]*[a-f])(?=[0-9a-f]*\d)[0-9a-f]{32,}(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_IN_URL = re.compile(r"(?<=://)[^/\s@'\"]+@")
_SECRET_NAME = re.compile(
    r"key|token|secret|passw|credential|auth|cookie|signature", re.IGNORECASE
)

_known: dict[str, None] = {}
"""Secrets of this process in every spelling, the longest first."""


def looks_like_key(text: str, *, named: bool = False) -> bool:
    """Return whether a text holds something that looks like a key.

    Args:
        text: the value of a field that is shown.
        named: the field is a name that the user made up. There a long random word counts as a key
            too. The path of an address may hold an account's number, and a model's name a
            fingerprint, so those words are allowed in other fields.
    """
    if _FORM.search(text) or re.search(
        r"(?i:\b(?:bearer|basic)\s+[\w+/=.-]{12,})", text
    ):
        return True
    if named and (_RANDOM.search(text) or _HEX.search(text)):
        return True
    return any(
        value in text
        for name, value in os.environ.items()
        if _is_secret_variable(name, value)
    )


def _is_secret_variable(name: str, value: str) -> bool:
    """Return whether an environment variable holds a secret, by its name."""
    return (
        len(value) >= _SURE
        and value.lower() not in DUMMIES
        and re.search(r"(?:KEY|TOKEN|SECRET|PASSWORD)$", name, re.IGNORECASE)
        is not None
    )


def secret_name(name: str) -> bool:
    """Return whether a header or a parameter holds secrets, by its name."""
    return _SECRET_NAME.search(name) is not None


def spellings(secrets: Iterable[str]) -> list[str]:
    """Return secrets in every form in which they may come back, the longest first.

    The longest comes first so that no secret is hidden only in part. A header such as `Bearer KEY`
    is one secret with its first word, and one without.
    """
    found = set[str]()
    for secret in secrets:
        # Services echo a header with or without its first word.
        for word in (secret, secret.rpartition(" ")[2]):
            # Hiding shorter words would hide parts of ordinary words.
            if len(word) >= 5 and word.lower() not in DUMMIES:
                coded = (
                    base64.b64encode(word.encode()).decode().rstrip("=")
                    if len(word) >= _SURE
                    else word
                )
                found |= {
                    word,
                    json.dumps(word)[1:-1],
                    json.dumps(word, ensure_ascii=False)[1:-1],
                    quote(word),
                    coded,
                }
    return sorted(found, key=lambda word: (-len(word), word))


def remember(secrets: Iterable[str]) -> None:
    """Hide these from now on in all that goes out of this process."""
    sure = [
        word for word in spellings(secrets) if len(word) >= _SURE and word not in _known
    ]
    if sure:
        every = sorted(
            {**_known, **dict.fromkeys(sure)}, key=lambda word: (-len(word), word)
        )
        # Rebuilt in order of length, because `scrub` replaces in this order.
        _known.clear()
        _known.update(dict.fromkeys(every))


def scrub(text: str) -> str:
    """Return a text as it may go out, into a file or to a person."""
    # A copy: another thread may remember a secret meanwhile.
    for secret in tuple(_known):
        if secret in text:
            text = text.replace(secret, HIDDEN)
    return text


def scrubbed_json(value: Any, **options: Any) -> str:
    """Return a value as JSON that may go out.

    Only texts are scrubbed, so the result stays JSON whatever a secret looks like.

    Args:
        value: anything that `json.dumps` takes.
        options: of `json.dumps`.
    """
    text = json.dumps(value, ensure_ascii=False, default=_as_dict, **options)
    # Hardly any value holds a secret, and to search its JSON takes a tenth of the time that a walk
    # through its texts takes. JSON may write a character of a secret in another way.
    for secret in tuple(_known):
        if json.dumps(secret, ensure_ascii=False)[1:-1] in text:
            return json.dumps(_each(value, scrub), ensure_ascii=False, **options)
    return text


def _as_dict(value: Any) -> Any:
    """Return a mapping of another kind as JSON takes it."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def scrub_message(text: str) -> str:
    """Return a message for a person, without anything that has the form of a key or a user in a
    URL.
    """
    return _IN_URL.sub(f"{HIDDEN}@", _FORM.sub(HIDDEN, scrub(text)))


class Scrubber:
    """Hides the secrets of one service in what it says.

    Args:
        secrets: its key, its headers, the secret parts of its address.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = spellings(secrets)
        self._sure = [secret for secret in self._secrets if len(secret) >= _SURE]
        self._bytes = [secret.encode("utf-8", "surrogatepass") for secret in self._sure]
        # JSON writes such characters with a backslash before them.
        self._is_escaped = not {'"', "\\"}.isdisjoint("".join(self._sure))

    def words(self, text: str) -> str:
        """Return an error's words or a name without secrets, and without what services quote as
        keys.
        """
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return _QUOTED.sub(HIDDEN, text)

    def error(self, value: Any) -> Any:
        """Return a decoded error with every text in it scrubbed by `words`."""
        return _each(value, self.words)

    def answer(self, value: Any, content: bytes) -> Any:
        """Return a decoded answer without secrets. Its texts otherwise stay as the model wrote
        them.

        Args:
            value: the decoded answer.
            content: the JSON that it was decoded from.
        """
        if self._may_hold_secrets(content):
            value = _each(value, self._without)
        if isinstance(value, dict):
            named = {
                name: self.words(part)
                for name, part in value.items()
                if isinstance(part, str)
            }
            return {**value, **named}
        return value

    def _may_hold_secrets(self, content: bytes) -> bool:
        """Tell whether a text of some JSON may hold a secret; to search the bytes is quick."""
        # These are the ways to write a plain character in JSON as something else than itself. NUL
        # stands in UTF-16 alone.
        if any(mark in content for mark in (b"\\u", b"\\/", b"\0")):
            return True
        return self._is_escaped or any(secret in content for secret in self._bytes)

    def _without(self, text: str) -> str:
        for secret in self._sure:
            if secret in text:
                text = text.replace(secret, HIDDEN)
        return text


def _each(value: Any, change: Any) -> Any:
    """Change every text in a JSON value.

    The value is not nested deeper than `tune.safety.untrusted` allows.
    """
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list | tuple):
        return [_each(inner, change) for inner in value]
    if isinstance(value, Mapping):
        return {
            _each(name, change): _each(inner, change) for name, inner in value.items()
        }
    return value


class _Filter(logging.Filter):
    """A log filter that removes secrets from every record.

    HTTP clients log whole URLs, and headers when they are traced.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Scrub one record."""
        text = record.getMessage()
        clean = scrub_message(text)
        if clean != text:
            # Without arguments: they would be put into the cleaned text again.
            record.msg, record.args = clean, None
        return True


LOG_FILTER = _Filter()

LOGGERS = (
    "aiohttp.client",
    "aiohttp.internal",
    "httpx",
    "httpx2",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore2.connection",
    "httpcore2.http11",
    "httpcore2.http2",
    "httpcore2.proxy",
    "httpcore2.socks",
    "openai",
    "openai._base_client",
    "openai._response",
    "openai._legacy_response",
)
"""Those that log what is sent; a filter holds only for the very logger that it is put on."""


def watch_logs() -> None:
    """Scrub what the HTTP client logs, from now on."""
    for name in LOGGERS:
        logger = logging.getLogger(name)
        if LOG_FILTER not in logger.filters:
            logger.addFilter(LOG_FILTER)
