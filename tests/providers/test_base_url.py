"""Base URLs: what of them is shown, and which hosts lie in a private network."""

from __future__ import annotations

import pytest

from tune.errors import InputError
from tune.providers.base_url import (
    DEFAULT_BASE_URL,
    is_loopback,
    is_private,
    parse_url,
    public_query,
    public_url,
    resolved_url,
)


@pytest.mark.parametrize(
    ("url", "public"),
    [
        (None, None),
        ("https://api.example.org/v1", "https://api.example.org/v1"),
        (
            "https://me:pass@api.example.org:8443/v1?key=1#x",
            "https://api.example.org:8443/v1",
        ),
    ],
)
def test_a_public_url_has_no_secret_part(url: str | None, public: str | None) -> None:
    assert public_url(url) == public


@pytest.mark.parametrize(
    "url",
    [
        "me:pass@host/v1?key=1",
        "http://me:pass@[::1/v1",
        "ftp://me:pass@host",
        "http://h:x",
    ],
)
def test_what_is_no_base_url_is_refused_rather_than_shown(url: str) -> None:
    with pytest.raises(InputError, match="a base URL reads http://HOST/PATH") as caught:
        public_url(url)
    assert "pass" not in str(caught.value)
    assert "key=1" not in str(caught.value)


def test_a_missing_base_url_is_the_environments_else_openais(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    assert resolved_url(None) == DEFAULT_BASE_URL
    monkeypatch.setenv("OPENAI_BASE_URL", "http://h/v1")
    assert resolved_url(None) == "http://h/v1"
    assert resolved_url("http://other/v1") == "http://other/v1"


def test_of_a_query_only_the_version_of_an_api_is_public() -> None:
    parts = parse_url("https://h/v1?key=1&api-version=2024-06-01&sig=2")
    assert public_query(parts) == "api-version=2024-06-01"


@pytest.mark.parametrize(
    ("host", "loopback", "private"),
    [
        ("localhost", True, True),
        ("x.localhost", True, True),
        ("127.0.0.1", True, True),
        ("0.0.0.0", True, True),
        ("::1", True, True),
        ("::ffff:127.0.0.1", True, True),
        ("10.1.2.3", False, True),
        ("100.64.0.1", False, True),
        ("fe80::1%eth0", False, True),
        ("gpu", False, True),
        ("gpu.lan", False, True),
        ("2130706433", False, False),
        ("8.8.8.8", False, False),
        ("example.org", False, False),
    ],
)
def test_hosts_are_told_apart_by_their_network(
    host: str, loopback: bool, private: bool
) -> None:
    assert (is_loopback(host), is_private(host)) == (loopback, private)
