"""Callables of users: loaded by their names, blamed for what they raise, and told apart by what
they do.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import inspect
import os
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Any

from tune.errors import InputError, SpaceError, TuneError
from tune.safety.redact import scrub

_refused: ContextVar[str | None] = ContextVar("refused", default=None)
"""Why nothing is imported now, or None."""


def import_object(path: str, what: str) -> Any:
    """The object that `"module:attribute"` names.

    Args:
        path: where it is.
        what: what it is for; begins the message.

    The module may lie in the working directory, which is searched last, and only while it is
    loaded.

    Raises:
        SpaceError: the text has another form, or there is no such module or attribute.
        InputError: it stands in a file of somebody else (see `imports_refused`).
    """
    module, colon, attribute = path.partition(":")
    if not (module and colon and attribute):
        raise SpaceError(f"{what}: 'module:attribute' is wanted, but got {path!r}")
    if (refused := _refused.get()) is not None:
        raise InputError(f"{what}: {path!r} would be imported: {refused}")
    try:
        with (
            _working_directory(),
            reraise_as(SpaceError, f"{what}: {path!r} cannot be loaded", besides=ImportError),
        ):
            found: Any = importlib.import_module(module)
        for name in attribute.split("."):
            found = getattr(found, name)
    except (ImportError, AttributeError) as error:
        raise SpaceError(f"{what}: {path!r} cannot be loaded: {error}") from None
    return found


@contextmanager
def imports_refused(refused: str | None) -> Iterator[None]:
    """Inside the block `load` imports nothing, and says why; None lets it. For what somebody else
    wrote.
    """
    token = _refused.set(refused)
    try:
        yield
    finally:
        _refused.reset(token)


@contextmanager
def _working_directory() -> Iterator[None]:
    """Find modules that lie in the working directory, behind all others, while the block lasts.

    Outside it none is found there: a file beside the data must not stand in for a package that is
    not installed.
    """
    here = os.getcwd()
    sys.path.append(here)
    try:
        yield
    finally:
        if here in sys.path:  # the module may have changed the path itself
            del sys.path[len(sys.path) - 1 - sys.path[::-1].index(here)]


def leave_working_directory() -> None:
    """Find no module in the working directory any more, where Python itself was told to begin there
    (`python -m`).
    """
    if sys.path[:1] in ([""], [os.getcwd()]):
        del sys.path[0]


class reraise_as(AbstractContextManager[None]):  # noqa: N801  (read as a word after `with`)
    """Turn whatever a user's callable raises into an error of ours that says where, with the cause
    chained.

    Args:
        error: the class to raise; errors of ours pass as they are.
        message: what was called, and on what.
        besides: what the caller handles itself passes, too.
    """

    def __init__(
        self, error: type[TuneError], message: str, *, besides: type[Exception] = TuneError
    ) -> None:
        self.error, self.message, self.passing = error, message, (TuneError, besides)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        raised: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(raised, Exception) and not isinstance(raised, self.passing):
            words = " ".join(f"{self.message}: {type(raised).__name__}: {raised}".split())
            # A cause with a secret in it would be shown by every traceback.
            raise self.error(scrub(words)) from (raised if scrub(words) == words else None)


def fingerprint(function: Callable[..., Any]) -> str:
    """A name for a callable that changes with its source, its defaults and what it closes over.

    It is the same in every process. What the callable uses beyond its own source (other functions,
    files) does not change it. Where there is no source, it is the name alone.
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
        return import_path(inner)
    owner = getattr(inner, "__self__", inner)
    parts = [
        source,
        _repr_of(getattr(inner, "__defaults__", None)),
        _repr_of(getattr(inner, "__kwdefaults__", None)),
    ]
    parts += [_repr_of(_cell(cell)) for cell in getattr(inner, "__closure__", None) or ()]
    if not (inspect.isfunction(owner) or inspect.isclass(owner)):
        parts.append(_repr_of(dict(sorted(getattr(owner, "__dict__", {}).items()))))
    return f"{import_path(inner)}@{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:12]}"


def _cell(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def _repr_of(value: Any) -> str:
    """What a value is, without its address in memory and without an order that the process made up."""
    if callable(value):
        return import_path(value)
    if isinstance(value, set | frozenset):
        return f"{{{', '.join(sorted(_repr_of(v) for v in value))}}}"
    if isinstance(value, list | tuple):
        return f"({', '.join(_repr_of(v) for v in value)})"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_repr_of(k)}: {_repr_of(v)}' for k, v in value.items())}}}"
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))


def import_path(function: Any) -> str:
    """Where a callable, or the class of one that has no name, was defined, as `"module:attribute"`."""
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}:{named.__qualname__}"
