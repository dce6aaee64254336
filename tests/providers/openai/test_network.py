"""Proxies and trusted certificates come from the environment."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from tests.support.raw_http import CERTIFICATE
from tune.errors import InputError
from tune.providers.openai.network import proxy_for, tls_context
from tune.safety.redact import scrub_message


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)


def test_without_a_proxy_in_the_environment_there_is_none() -> None:
    assert proxy_for("https://api.example.org/v1") is None


def test_a_proxy_serves_the_scheme_that_it_is_named_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.local:3128")
    assert proxy_for("https://api.example.org/v1") == "http://proxy.local:3128"
    assert proxy_for("http://api.example.org/v1") is None
    monkeypatch.setenv("ALL_PROXY", "https://other.local:3128")
    assert proxy_for("http://api.example.org/v1") == "https://other.local:3128"


def test_a_proxy_without_a_scheme_is_an_http_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("https_proxy", "proxy.local:3128")
    assert proxy_for("https://api.example.org/v1") == "http://proxy.local:3128"


@pytest.mark.parametrize(
    "named", ["example.org", ".example.org", "*", "api.example.org"]
)
def test_hosts_of_no_proxy_are_called_directly(
    monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.local:3128")
    monkeypatch.setenv("NO_PROXY", f"localhost,{named}" if named != "*" else named)
    assert proxy_for("https://api.example.org/v1") is None


def test_a_proxy_of_a_kind_that_is_not_spoken_is_refused_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://me:planted-password@proxy.local:1080")
    with pytest.raises(
        InputError, match=r"a socks5 proxy for api\.example\.org"
    ) as error:
        proxy_for("https://api.example.org/v1")
    assert "planted" not in str(error.value)


def test_the_password_of_a_proxy_is_hidden_from_then_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:planted-password@proxy.local:1")
    proxy_for("https://api.example.org/v1")
    assert "planted" not in scrub_message("refused: planted-password")


def subjects(context: ssl.SSLContext) -> list[object]:
    return [certificate["subject"] for certificate in context.get_ca_certs()]


def test_a_ca_bundle_of_the_environment_is_trusted_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    context = tls_context()
    assert subjects(context) == [((("commonName", "A certificate for tests"),),)]
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_a_folder_of_certificates_is_accepted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert tls_context().verify_mode is ssl.CERT_REQUIRED
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "absent"))
    with pytest.raises(InputError, match=r"SSL_CERT_DIR names .* not a folder"):
        tls_context()


def test_a_bundle_that_cannot_be_read_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for content in (None, "no certificate"):
        bundle = tmp_path / "bundle.pem"
        if content is not None:
            bundle.write_text(content)
        monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
        with pytest.raises(InputError, match=r"SSL_CERT_FILE names .*bundle\.pem"):
            tls_context()


@pytest.mark.parametrize("platform", ["linux", "darwin"])
@pytest.mark.parametrize("cafile", [None, str(CERTIFICATE)])
def test_without_a_bundle_the_certificates_of_the_machine_are_trusted(
    monkeypatch: pytest.MonkeyPatch, platform: str, cafile: str | None
) -> None:
    paths = ssl.get_default_verify_paths()._replace(cafile=cafile)
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
    monkeypatch.setattr("sys.platform", platform)
    context = tls_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    by_openssl = platform == "linux" and cafile is not None
    assert type(context).__module__.startswith("truststore") != by_openssl
