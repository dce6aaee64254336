"""Hosts that receive keys and data: shown before the first call, and confirmed once.

A person is asked where a file from somebody else names the host.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from pathlib import Path

from tune.errors import InputError
from tune.providers.base_url import (
    DEFAULT_BASE_URL,
    has_secrets,
    is_loopback,
    parse_url,
)
from tune.providers.entries import Entry
from tune.providers.openai.access import OPENAI_KEY, receives_openai_key
from tune.safety.untrusted import read_file, read_json

CLIENT_KEY = "those of your client"
"""The words in the place of a variable where a client of the user sends its own keys."""

LIST_KEY = "the one in your config list"
"""The words in the place of a variable where a config list holds the key itself."""

ADDRESS_KEY = "what is in the address"
"""The words in the place of a variable where the base URL holds a user, a password or a key."""

Confirm = Callable[[str], bool]
"""Asks a person a question, and returns True where the answer was yes."""


def host_lines(entries: Iterable[Entry]) -> list[str]:
    """Return a line for each host that receives calls: the variables sent there, and the models.

    One more sentence is for addresses with something secret in them.
    """
    entries = list(entries)
    found: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for entry in _places(entries):
        if not entry.local:
            found.setdefault((entry.host, _present(entry)), []).append(entry.name)
    lines = [
        _line(host, variables, names) for (host, variables), names in found.items()
    ]
    return [*lines, *_address_notes(entries)]


def _address_notes(entries: Iterable[Entry]) -> list[str]:
    """Return a sentence on the models whose addresses hold something secret."""
    names: dict[str, None] = {}
    for entry in _places(entries):
        if has_secrets(entry.base_url):
            names[entry.name] = None
    if not names:
        return []
    return [
        f"the address of {', '.join(names)} has a user, a password or a query in it: it is sent, "
        "and kept in no file, but secrets belong into the environment: name a variable with "
        "--key-env (key_env), or in the headers or the query of the model's entry"
    ]


def _places(entries: Iterable[Entry]) -> list[Entry]:
    """Return every place of every model."""
    found: list[Entry] = []
    for entry in entries:
        found += entry.places
    return found


def sent_secrets(entry: Entry) -> tuple[str, ...]:
    """Return words for the secrets that are sent to the place of an entry."""
    own: tuple[str, ...] = ()
    if entry.client is not None:
        own = (CLIENT_KEY,)
    elif entry.api_key is not None:
        own = (LIST_KEY,)
    if has_secrets(entry.base_url):
        own = (*own, ADDRESS_KEY)
    return (*own, *entry.variables)


def _present(entry: Entry) -> tuple[str, ...]:
    """Return words for the secrets of an entry, without a key that is not there."""
    secrets = sent_secrets(entry)
    host = parse_url(f"http://{entry.host}").hostname
    # A run without a variable that the user named, or without OpenAI's own key, is refused. Another
    # server gets OPENAI_API_KEY only if it is set.
    needs_key = (
        entry.key_env is not None or host == parse_url(DEFAULT_BASE_URL).hostname
    )
    if needs_key or _has_openai_key():
        return secrets
    return tuple(secret for secret in secrets if secret != OPENAI_KEY)


def _has_openai_key() -> bool:
    return bool(os.environ.get(OPENAI_KEY, "").strip())


def _line(host: str, variables: tuple[str, ...], names: list[str]) -> str:
    models = ", ".join(dict.fromkeys(names))
    if variables:
        return f"keys: {', '.join(variables)} → {host} ({models})"
    hint = ""
    if _has_openai_key():
        hint = (
            f"; {OPENAI_KEY} is not meant for it: "
            f"name a variable with --key-env (key_env) where it needs a key"
        )
    return f"keys: none → {host} ({models}){hint}"


def confirm_hosts(
    entries: Iterable[Entry],
    source: str,
    *,
    allowed: Collection[str] = (),
    confirm: Confirm | None = None,
    sent: str = "the examples",
) -> None:
    """Check that a person agrees to the hosts in a file, and to the variables sent there.

    Two kinds of host need no question: those that were agreed to or used before on this machine,
    and, as long as no other variable goes there, this machine and the host that OPENAI_API_KEY is
    meant for.

    Args:
        entries: the models that the file names.
        source: the file, for messages.
        allowed: hosts that the user named, with or without the port.
        confirm: asks the user; None where there is no user to ask.
        sent: the data that goes there besides the values of variables.

    Raises:
        InputError: the user does not agree, or cannot be asked.
    """
    # What was agreed to before: the variables sent to each host.
    known = _read()
    for entry in _places(entries):
        if _needs_no_question(entry):
            continue
        if entry.host in known and set(entry.variables) <= known[entry.host]:
            continue
        what = (
            f"{sent} and the value of {', '.join(entry.variables)}"
            if entry.variables
            else sent
        )
        # A user may name a host without its port.
        bare = parse_url(f"http://{entry.host}").hostname
        agreed = entry.host in allowed or bare in allowed
        if not agreed and confirm is not None:
            agreed = confirm(f"{source} sends {what} to {entry.host}. Go on?")
        if not agreed:
            raise InputError(
                f"{source} sends {what} to {entry.host}: say that it may with "
                f"--allow-host {entry.host} (allow_host=[{entry.host!r}]); that is asked once"
            )
        remember_hosts([entry])


def _needs_no_question(entry: Entry) -> bool:
    """Tell whether a model is on this machine or at the host that OPENAI_API_KEY is meant for."""
    if entry.local:
        return True
    host = str(parse_url(f"http://{entry.host}").hostname)
    openai = parse_url(DEFAULT_BASE_URL).hostname
    known = receives_openai_key(host) or is_loopback(host) or host == openai
    return known and set(entry.variables) <= {OPENAI_KEY}


def remember_hosts(entries: Iterable[Entry]) -> None:
    """Note the hosts that a person agreed to, or ran as their own.

    Where they cannot be written down, the person is asked again next time.
    """
    known = _read()
    more: dict[str, frozenset[str]] = {}
    for entry in _places(entries):
        if not _needs_no_question(entry):
            more[entry.host] = known.get(entry.host, frozenset()) | set(entry.variables)
    # Most runs add nothing, and then the file is left alone.
    if all(known.get(host) == variables for host, variables in more.items()):
        return
    merged = sorted({**known, **more}.items())
    record = {host: sorted(variables) for host, variables in merged}
    with suppress(OSError):
        _write(record)


def _write(record: dict[str, list[str]]) -> None:
    """Write the file in one step, so that another process never reads half of it."""
    path = _path()
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(f".{os.getpid()}")
    # The hosts that a user works with concern nobody else on this machine.
    beside.touch(mode=0o600)
    beside.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    beside.replace(path)


def _path() -> Path:
    """Return the file of hosts that were agreed to.

    It is in the user's own settings: a file beside the data might come from the same somebody else.
    """
    settings = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(settings) / "tune" / "hosts.json"


def _read() -> dict[str, frozenset[str]]:
    try:
        record = read_json(read_file(_path()))
        return {
            str(host): frozenset(map(str, variables))
            for host, variables in record.items()
        }
    except (OSError, RuntimeError, ValueError, AttributeError, TypeError):
        # There is no such file, no home folder, or the file is not as we write it.
        return {}
