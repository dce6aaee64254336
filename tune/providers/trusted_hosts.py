"""Where keys and data go: said before the first call, and confirmed once where a file of somebody
else names it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from pathlib import Path

from tune.errors import InputError
from tune.providers.base_url import DEFAULT_BASE_URL, is_loopback, parse_url
from tune.providers.entries import Entry
from tune.providers.openai.access import OPENAI_KEY, receives_openai_key
from tune.safety.untrusted import read_file, read_json

Confirm = Callable[[str], bool]
"""Asks a person a question, and says whether the answer was yes."""


def host_lines(entries: Iterable[Entry]) -> list[str]:
    """One line for each host that receives calls: which variable's value goes there, and for which
    models.
    """
    found: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for entry in entries:
        if not entry.local:
            found.setdefault((entry.host, entry.variables), []).append(entry.name)
    return [_line(host, variables, names) for (host, variables), names in found.items()]


def _line(host: str, variables: tuple[str, ...], names: list[str]) -> str:
    models = ", ".join(dict.fromkeys(names))
    if variables:
        return f"keys: {', '.join(variables)} → {host} ({models})"
    hint = ""
    if os.environ.get(OPENAI_KEY):
        hint = f"; {OPENAI_KEY} is not meant for it: name a variable with --key-env (key_env) where it needs a key"
    return f"keys: none → {host} ({models}){hint}"


def confirm_hosts(
    entries: Iterable[Entry],
    source: str,
    *,
    allowed: Collection[str] = (),
    confirm: Confirm | None = None,
    sent: str = "the examples",
) -> None:
    """See that a person agrees to what a file of somebody else names: the host, and the variables
    sent there.

    Nobody is asked about this machine and the host that OPENAI_API_KEY is meant for, as long as no
    other variable goes there, and about what was agreed to or used before on this machine.

    Args:
        entries: the models that the file names.
        source: the file, for messages.
        allowed: hosts that the user named, with or without the port.
        confirm: asks the user; None where nobody can be asked.
        sent: what goes there besides the values of variables.

    Raises:
        InputError: nobody agrees.
    """
    known = _read()
    for entry in entries:
        if _is_plain(entry) or (entry.host in known and set(entry.variables) <= known[entry.host]):
            continue
        what = f"{sent} and the value of {', '.join(entry.variables)}" if entry.variables else sent
        bare = parse_url(f"http://{entry.host}").hostname
        agreed = entry.host in allowed or bare in allowed
        if not agreed and confirm is not None:
            agreed = confirm(f"{source} sends {what} to {entry.host}. Go on?")
        if not agreed:
            raise InputError(
                f"{source} sends {what} to {entry.host}: say that it may with --allow-host {entry.host} "
                f"(allow_host=[{entry.host!r}]); that is asked once"
            )
        remember_hosts([entry])


def _is_plain(entry: Entry) -> bool:
    """Whether a model is where nobody has to be asked about."""
    if entry.local:
        return True
    host = str(parse_url(f"http://{entry.host}").hostname)
    known = (
        receives_openai_key(host)
        or is_loopback(host)
        or host == parse_url(DEFAULT_BASE_URL).hostname
    )
    return known and set(entry.variables) <= {OPENAI_KEY}


def remember_hosts(entries: Iterable[Entry]) -> None:
    """Note what a person agreed to, or ran as their own; where that cannot be written, it is asked
    again.
    """
    known = _read()
    more = {
        e.host: known.get(e.host, frozenset()) | set(e.variables)
        for e in entries
        if not _is_plain(e)
    }
    if all(known.get(host) == variables for host, variables in more.items()):
        return
    record = {host: sorted(variables) for host, variables in sorted({**known, **more}.items())}
    place = _place()
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        beside = place.with_suffix(f".{os.getpid()}")
        beside.touch(mode=0o600)
        beside.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        beside.replace(place)


def _place() -> Path:
    """The file of hosts that were agreed to; in the user's own settings, as nothing beside the data
    may vouch.
    """
    return (
        Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "tune" / "hosts.json"
    )


def _read() -> dict[str, frozenset[str]]:
    try:
        record = read_json(read_file(_place()))
        return {str(host): frozenset(map(str, variables)) for host, variables in record.items()}
    except (OSError, RuntimeError, ValueError, AttributeError, TypeError):
        return {}  # none, no home, or not as we write it
