"""Callables of users: loaded by their names, blamed for what they raise, and told apart by what they do."""

from __future__ import annotations

import functools
import hashlib
import importlib
import inspect
import re
import textwrap
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

from tune.errors import SpaceError, TuneError


def load(path: str, what: str) -> Any:
    """The object that `"module:attribute"` names.

    Args:
        path: where it is.
        what: what it is for; begins the message.

    Raises:
        SpaceError: the text has another form, or there is no such module or attribute.
    """
    module, colon, attribute = path.partition(":")
    if not (module and colon and attribute):
        raise SpaceError(f"{what}: 'module:attribute' is wanted, but got {path!r}")
    try:
        found: Any = importlib.import_module(module)
        for name in attribute.split("."):
            found = getattr(found, name)
    except (ImportError, AttributeError) as error:
        raise SpaceError(f"{what}: {path!r} cannot be loaded: {error}") from None
    return found


class blame(AbstractContextManager[None]):  # noqa: N801  (read as a word after `with`)
    """Turn whatever a user's callable raises into an error of ours that says where, with the cause chained.

    Args:
        error: the class to raise; errors of ours pass as they are.
        message: what was called, and on what.
    """

    def __init__(self, error: type[TuneError], message: str) -> None:
        self.error, self.message = error, message

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(raised, Exception) and not isinstance(raised, TuneError):
            raise self.error(f"{self.message}: {type(raised).__name__}: {raised}") from raised


def fingerprint(function: Callable[..., Any]) -> str:
    """A name for a callable that changes with its source, its defaults and what it closes over.

    It is the same in every process. What the callable uses beyond its own source (other functions, files) does not
    change it. Where there is no source, it is the name alone.
    """
    if isinstance(function, functools.partial):
        given = [_repr_of(v) for v in function.args]
        given += [f"{k}={_repr_of(v)}" for k, v in sorted(function.keywords.items())]
        return f"{fingerprint(function.func)}({', '.join(given)})"
    inner = inspect.unwrap(function)
    defined = inner if inspect.isroutine(inner) or inspect.isclass(inner) else type(inner)
    try:
        source = textwrap.dedent(inspect.getsource(defined))
    except (OSError, TypeError):
        return name_of(inner)
    owner = getattr(inner, "__self__", inner)
    parts = [source, _repr_of(getattr(inner, "__defaults__", None)), _repr_of(getattr(inner, "__kwdefaults__", None))]
    parts += [_repr_of(_cell(cell)) for cell in getattr(inner, "__closure__", None) or ()]
    if not (inspect.isfunction(owner) or inspect.isclass(owner)):
        parts.append(_repr_of(dict(sorted(getattr(owner, "__dict__", {}).items()))))
    return f"{name_of(inner)}@{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:12]}"


def _cell(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def _repr_of(value: Any) -> str:
    """What a value is, without its address in memory and without an order that the process made up."""
    if callable(value):
        return name_of(value)
    if isinstance(value, set | frozenset):
        return f"{{{', '.join(sorted(_repr_of(v) for v in value))}}}"
    if isinstance(value, list | tuple):
        return f"({', '.join(_repr_of(v) for v in value)})"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_repr_of(k)}: {_repr_of(v)}' for k, v in value.items())}}}"
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))


def name_of(function: Any) -> str:
    """Where a callable, or the class of one that has no name, was defined, as `"module:attribute"`."""
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}:{named.__qualname__}"
