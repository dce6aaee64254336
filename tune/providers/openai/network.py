"""The network around us, as the environment describes it: proxies, and whom to trust."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tune.errors import InputError
from tune.safety.redact import remember

if TYPE_CHECKING:
    import ssl

_CA_FILE = "SSL_CERT_FILE"
_CA_FOLDER = "SSL_CERT_DIR"


def proxy_for(url: str) -> str | None:
    """Return the proxy that the environment names for an address, or None.

    Raises:
        InputError: it is a proxy of a kind that we do not speak.
    """
    # It loads much of the standard library, so it is imported only here.
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    if proxy_bypass(parts.hostname or ""):
        return None
    named = getproxies()
    proxy = named.get(parts.scheme) or named.get("all")
    if not proxy:
        return None
    if "@" in proxy:
        # The user and password before the @, and the password alone, must never be shown.
        login = proxy.rpartition("@")[0]
        remember([login.rpartition("/")[2], login.rpartition(":")[2]])
    if "://" not in proxy:
        return f"http://{proxy}"
    kind = proxy.partition("://")[0]
    if kind not in ("http", "https"):
        raise InputError(
            f"the environment names a {kind} proxy for {parts.hostname}: "
            f"give one that begins with http:// or https://, or add the host to NO_PROXY"
        )
    return proxy


def tls_context() -> ssl.SSLContext:
    """Return whom to trust: the CA bundle of the environment, else what this machine trusts.

    SSL_CERT_FILE names a file of certificates, SSL_CERT_DIR a folder.

    Raises:
        InputError: the environment names a file or folder that cannot be used.
    """
    import ssl

    file, folder = os.environ.get(_CA_FILE), os.environ.get(_CA_FOLDER)
    if file or folder:
        return _named_context(file or None, folder or None)
    # One file of certificates is read once here, and truststore would read it at each connection.
    # macOS and Windows have a store of their own, with the certificates that a company adds to it.
    own_store = sys.platform in ("darwin", "win32")
    if not own_store and ssl.get_default_verify_paths().cafile:
        return ssl.create_default_context()
    import truststore

    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _named_context(file: str | None, folder: str | None) -> ssl.SSLContext:
    import ssl

    # OpenSSL ignores a folder that is not there, and then trusts nobody.
    if folder is not None and not Path(folder).is_dir():
        raise InputError(f"{_CA_FOLDER} names {folder!r}, which is not a folder")
    try:
        return ssl.create_default_context(cafile=file, capath=folder)
    except (OSError, ssl.SSLError) as error:
        raise InputError(
            f"{_CA_FILE} names {file!r}, which is not a file of certificates: {error}"
        ) from None
