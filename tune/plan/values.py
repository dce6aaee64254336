"""Values of options as users give them: names, callables, and JSON in a file or as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tune.errors import InputError, SpaceError
from tune.safety.untrusted import read_file, read_json
from tune.task.callables import import_object


def as_names(value: Sequence[str] | str | None) -> tuple[str, ...]:
    """Return one name, several or none as a tuple."""
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    return tuple(value)


def look_up(value: Any, table: Mapping[str, Any], what: str) -> Any:
    """Return a thing of a table by its name, or a callable of the user.

    Raises:
        InputError: the table has no such name, or the value is not a callable.
    """
    # A colon marks module:attribute; names of the tables have none.
    if isinstance(value, str) and ":" not in value:
        if value not in table:
            raise InputError(
                f"there is no {what} {value!r}: there are {sorted(table)}, or give module:attribute"
            )
        return table[value]
    return as_callable(value, what)


def as_callable(value: Any, what: str) -> Any:
    """Return a callable, given itself or as "module:attribute"; None stays None.

    Raises:
        InputError: it cannot be imported, or it is not a callable.
    """
    if isinstance(value, str):
        value = import_object(value, what)
    if value is not None and not callable(value):
        raise InputError(f"the {what} is a callable, but got {value!r}")
    return value


def read_json_value(given: Any, what: str) -> Any:
    """Return the value of JSON text or of a JSON file; other values are returned unchanged.

    Args:
        given: text that begins with "{" or "[" is JSON; other text is the path of a file.
        what: names the value at the beginning of a message, as in "the baseline".

    Raises:
        SpaceError: the file cannot be read, or the text is not JSON.
    """
    if not isinstance(given, str | Path):
        return given
    text = str(given)
    try:
        # No sensible path begins with a bracket.
        if not text.lstrip().startswith(("{", "[")):
            text = read_file(text).decode("utf-8")
        return read_json(text)
    except OSError as error:
        raise SpaceError(
            f"{what} {str(given)!r} cannot be read: {error.strerror}"
        ) from None
    except ValueError as error:
        raise SpaceError(f"{what} {str(given)!r} is no JSON: {error}") from None
