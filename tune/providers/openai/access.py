"""Access to an OpenAI-compatible service: its address, the secrets that go there, and its hosts."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterable, Mapping
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

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
"""The variable whose key is used where the user names none."""

# Hosts that bill prompts which their content filter or their limits refuse. Microsoft says that
# calls which end in 200 or 400 count towards the billed tokens (learn.microsoft.com/answers,
# question 1632971).
_BILLS_REFUSALS = re.compile(
    r"(?:^|\.)"
    r"(?:openai\.azure\.com|(?:cognitiveservices|services\.ai)\.azure\.com|azure-api\.net|api\.x\.ai)$"
)

# Hosts that take a key in a header of this name. Azure's gateway and its paths do so, too.
_AZURE = re.compile(
    r"(?:^|\.)(?:openai\.azure\.com|(?:cognitiveservices|services\.ai)\.azure\.com|azure-api\.net)$"
)
_AZURE_HEADER = "api-key"

# A token of Entra, which Azure takes as any other service takes a key, is a JSON web token.
_TOKEN = "eyJ"

# The headers by which OpenAI's client tells whose account is billed.
_ACCOUNT_VARIABLES = {
    "OpenAI-Organization": "OPENAI_ORG_ID",
    "OpenAI-Project": "OPENAI_PROJECT_ID",
}

# Headers that hold no secret, in lower case.
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

Headers = Mapping[str, str | Mapping[str, str]]
"""Headers by name: a text, or `{"env": VARIABLE}` for one that is secret."""


class Access:
    """The address of a service, and all that is sent to be let in.

    Attributes:
        url: scheme, host, port and path: all that may be shown.
        place: the same without the scheme.
        key: sent as bearer token; None where no key goes there.
        headers: sent as they are.
        query: sent with every URL.
        is_openai: this is OpenAI's own service.
        bills_refusals: the service may bill prompts that it refuses.
        uses_environment: the environment's settings for OpenAI's client are meant for this host.
        scrubber: hides all secret parts of this in the service's words.
    """

    def __init__(
        self, parts: SplitResult, key: str | None, headers: Mapping[str, str]
    ) -> None:
        hostname = str(parts.hostname)
        host = f"[{hostname}]" if ":" in hostname else hostname
        port = f":{parts.port}" if parts.port else ""
        self.place = f"{host}{port}{parts.path.rstrip('/')}"
        self.url = f"{parts.scheme}://{self.place}"
        self.is_openai = hostname == urlsplit(DEFAULT_BASE_URL).hostname
        # A gateway of another name in front of Azure keeps Azure's paths.
        azure_path = parts.path.startswith("/openai/deployments/")
        self.bills_refusals = azure_path or bool(_BILLS_REFUSALS.search(hostname))
        self._is_azure = azure_path or bool(_AZURE.search(hostname))
        self.uses_environment = receives_openai_key(hostname)
        self.key = key
        self.headers = dict(headers)
        if parts.username or parts.password:
            self.headers.setdefault("Authorization", _basic_auth(parts))
        self.query = dict(parse_qsl(parts.query, keep_blank_values=True))
        secrets = list(_secrets(parts, self))
        remember(secrets)
        self.scrubber = Scrubber(secrets)

    def __repr__(self) -> str:
        return f"Access({self.url!r})"

    @property
    def hint(self) -> str:
        """The end of a sentence for a service that refused us; "" where a secret was sent."""
        if self.key is not None or self.headers:
            return ""
        remedy = "name its environment variable with --key-env (key_env)"
        if self.uses_environment:
            remedy = (
                f"set the environment variable {OPENAI_KEY}, or name another one with "
                "--key-env (key_env)"
            )
        return f"; no key was sent there: {remedy}"

    @property
    def sent_headers(self) -> dict[str, str]:
        """All headers that are sent with each request, as OpenAI's client sends them.

        The headers of the entry replace others of the same name, in upper or lower case.
        """
        # importlib.metadata is slow, so it is imported only here.
        from importlib.metadata import version

        found = {
            "Accept": "application/json",
            "User-Agent": f"tune-llm/{version('tune-llm')}",
        }
        if self.key is not None:
            if self._is_azure and not self.key.startswith(_TOKEN):
                found[_AZURE_HEADER] = self.key
            else:
                found["Authorization"] = f"Bearer {self.key}"
        # What the user's environment adds is meant for the host of the user's key alone.
        if self.uses_environment:
            found = _replaced(found, _environment_headers())
        return _replaced(found, self.headers)


def _replaced(headers: Mapping[str, str], by: Mapping[str, str]) -> dict[str, str]:
    """Return headers with others in the place of those that have the same name."""
    names = {name.lower() for name in by}
    kept = {name: value for name, value in headers.items() if name.lower() not in names}
    return kept | dict(by)


def _environment_headers() -> dict[str, str]:
    """Return the headers that OpenAI's client takes from the environment."""
    found: dict[str, str] = {}
    for header, variable in _ACCOUNT_VARIABLES.items():
        value = os.environ.get(variable)
        if value:
            found[header] = value
    own: dict[str, str] = {}
    for line in _custom_headers():
        name, _, value = line.partition(":")
        own[name.strip()] = value.strip()
    return _replaced(found, own)


def resolve_access(
    base_url: str | None,
    api_key: str | None,
    key_env: str | None,
    headers: Headers,
    query: Headers | None = None,
    *,
    allow_http: bool = False,
) -> Access:
    """Resolve the address, key and headers of a service from the user's words and the environment.

    Args:
        base_url: the address; None is the environment's OPENAI_BASE_URL, else OpenAI's own.
        api_key: the key; None takes that of `key_variable`.
        key_env: the variable that the user named for the key.
        headers: sent with each request.
        query: sent with each address.
        allow_http: whether secrets may go unencrypted through networks that are not private.

    Raises:
        InputError: the base URL is not usable, or there is no usable key.
    """
    parts = parse_url(resolved_url(base_url))
    host = str(parts.hostname)
    # A key in a file often ends with a newline, which no header may have.
    variable = key_variable(base_url, key_env)
    from_environment = os.environ.get(variable) if variable else None
    key = (api_key or from_environment or "").strip()
    if not key and (key_env is not None or host == urlsplit(DEFAULT_BASE_URL).hostname):
        raise InputError(f"there is no API key for {host}: {_remedy(variable)}")
    # Secret headers get their values here, and nowhere else.
    filled = {name: _header(name, value, host) for name, value in headers.items()}
    pairs = {name: _header(name, value, host) for name, value in (query or {}).items()}
    if pairs:
        joined = "&".join(filter(None, (parts.query, urlencode(pairs))))
        parts = parts._replace(query=joined)
    for name, value in {"the API key": key, **filled}.items():
        if not (value.isascii() and value.isprintable()):
            raise InputError(
                f"{name} for {host} has characters that cannot be sent in a header"
            )
    access = Access(parts, key or None, filled)
    if parts.scheme == "http" and _sends_secret(access, parts):
        _check_unencrypted(host, allow_http)
    return access


def _sends_secret(access: Access, parts: SplitResult) -> bool:
    if access.key or parts.password:
        return True
    return any(secret_name(name) for name in (*access.headers, *access.query))


def _check_unencrypted(host: str, allow_http: bool) -> None:
    """Check that a secret may go to a host without encryption."""
    if allow_http or is_private(host):
        return
    raise InputError(
        f"a key would go to {host} unencrypted, and others on the way could read it: "
        f"give an address that begins with https://, or allow it with --allow-http "
        f"(allow_http=True)"
    )


def _remedy(variable: str | None) -> str:
    if variable is None:
        return (
            f"{OPENAI_KEY} belongs to the host of OPENAI_BASE_URL, "
            f"so name another variable with --key-env"
        )
    return f"set the environment variable {variable}"


def _header(name: str, value: str | Mapping[str, str], host: str) -> str:
    if isinstance(value, str):
        return value
    variable = value["env"]
    found = os.environ.get(variable, "").strip()
    if not found:
        raise InputError(
            f"{name!r} for {host} has no value: set the environment variable {variable}"
        )
    return found


def key_variable(base_url: str | None, key_env: str | None) -> str | None:
    """Return the environment variable whose key goes to an address; None where no key goes there.

    It is the variable that the user named for it. Where the user named none, OPENAI_API_KEY goes to
    the host that it is meant for (see `receives_openai_key`) and nowhere else.
    """
    if key_env is not None:
        return key_env
    host = str(parse_url(resolved_url(base_url)).hostname)
    return OPENAI_KEY if receives_openai_key(host) else None


def receives_openai_key(host: str) -> bool:
    """Tell whether OPENAI_API_KEY is meant for a host.

    It is meant for the host of OPENAI_BASE_URL, else OpenAI's, and for this machine.
    """
    return host == parse_url(resolved_url(None)).hostname or is_loopback(host)


def _basic_auth(parts: SplitResult) -> str:
    """Return the Authorization header for the user and password in a URL (RFC 7617)."""
    pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _secrets(parts: SplitResult, access: Access) -> Iterable[str]:
    """Yield every text in an access that must never be shown."""
    if access.key is not None:
        yield access.key
    for name, value in access.headers.items():
        if name.lower() not in _HARMLESS:
            yield value
    yield from _secrets_of_query(parts.query)
    for part in (parts.password, parts.username):
        if part:
            yield from (part, unquote(part))
    # These are sent where the environment's key is.
    for line in _custom_headers():
        yield line.partition(":")[2].strip()


def _secrets_of_query(query: str) -> Iterable[str]:
    """Yield the values and pairs of a query, but for the version of an API.

    A version is a date, and models write dates too: hiding it would spoil their answers.
    """
    for name, value in parse_qsl(query, keep_blank_values=True):
        if "version" not in name:
            yield from (value, f"{name}={value}")
    # The pairs once more as they are written, before decoding: a server may echo either form.
    for pair in query.split("&"):
        if pair and "version" not in pair.partition("=")[0]:
            yield pair


def _custom_headers() -> list[str]:
    lines = os.environ.get("OPENAI_CUSTOM_HEADERS", "").splitlines()
    return [line for line in lines if ":" in line]
