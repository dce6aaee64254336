"""Users' callables: loading them by name, reporting what they raise, and telling them apart."""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
import inspect
import os
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import TracebackType
from typing import Any

from tune.errors import InputError, SpaceError, TuneError
from tune.safety.redact import scrub

_refused: ContextVar[str | None] = ContextVar("refused", default=None)
"""The reason why nothing may be imported now, or None."""


def is_async(function: object) -> bool:
    """Return whether a callable returns a coroutine, which somebody would have to await."""
    # An object whose class defines an async __call__ is a coroutine function in disguise.
    method = getattr(function, "__call__", None)  # noqa: B004
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(method)


def import_object(path: str, what: str) -> Any:
    """Import the object that `"module:attribute"` names.

    Args:
        path: the module and the attribute.
        what: the purpose of the object; begins the message.

    The module may lie in the working directory, which is searched last, and only while the module
    is loaded.

    Raises:
        SpaceError: the text has another form, or the module or attribute is missing.
        InputError: it stands in a file of somebody else (see `imports_refused`).
    """
    module, colon, attribute = path.partition(":")
    if not (module and colon and attribute):
        raise SpaceError(f"{what}: 'module:attribute' is wanted, but got {path!r}")
    # A name in somebody else's file would run code of this machine.
    refused = _refused.get()
    if refused is not None:
        raise InputError(f"{what}: {path!r} would be imported: {refused}")
    failed = f"{what}: {path!r} cannot be loaded"
    try:
        # A module may raise anything while it is imported.
        with _working_directory(), reraise_as(SpaceError, failed, besides=ImportError):
            found: Any = _running_script(module) or importlib.import_module(module)
        for name in attribute.split("."):
            found = getattr(found, name)
    except (ImportError, AttributeError) as error:
        raise SpaceError(f"{failed}: {error}") from None
    return found


def _running_script(module: str) -> Any:
    """Return the script that runs now if the module is its file, else None.

    Importing it would run it a second time, with the search that it starts.
    """
    script = sys.modules.get("__main__")
    file = getattr(script, "__file__", None)
    # Only a script's own name is looked up: finding "a.b" would import "a".
    if not file or Path(file).stem != module or module in sys.modules:
        return None
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return None
    return script if Path(spec.origin).resolve() == Path(file).resolve() else None


@contextmanager
def imports_refused(reason: str | None) -> Iterator[None]:
    """Inside the block, let `import_object` refuse with a reason; None allows it.

    It is for files that somebody else wrote.
    """
    token = _refused.set(reason)
    try:
        yield
    finally:
        _refused.reset(token)


@contextmanager
def _working_directory() -> Iterator[None]:
    """Find modules in the working directory, after all others, while the block lasts.

    Outside the block none is found there: a file beside the data must not stand in for a package
    that is not installed.
    """
    # At the end, so that json.py beside the data does not replace Python's own.
    here = os.getcwd()
    sys.path.append(here)
    try:
        yield
    finally:
        # The last entry is ours, unless the module has changed the path itself.
        if here in sys.path:
            from_behind = sys.path[::-1].index(here)
            del sys.path[len(sys.path) - 1 - from_behind]


def leave_working_directory() -> None:
    """Find no more modules in the working directory, where `python -m` begins its search."""
    if sys.path[:1] in ([""], [os.getcwd()]):
        del sys.path[0]


class reraise_as(AbstractContextManager[None]):  # noqa: N801  (read as a word after `with`)
    """Turn whatever a user's callable raises into an error of ours that says where.

    The cause is chained, unless a secret stands in its message.

    Args:
        error: the class to raise. Errors of ours pass unchanged.
        message: what was called, and on what.
        besides: exceptions that the caller handles itself; they pass unchanged, too.
    """

    def __init__(
        self,
        error: type[TuneError],
        message: str,
        *,
        besides: type[Exception] = TuneError,
    ) -> None:
        self.error = error
        self.message = message
        self.passing = (TuneError, besides)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        raised: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Ctrl-C and SystemExit are not the callable's fault.
        if not isinstance(raised, Exception) or isinstance(raised, self.passing):
            return
        # Messages are one sentence, also where the exception's text has several lines.
        one_line = " ".join(
            f"{self.message}: {type(raised).__name__}: {raised}".split()
        )
        scrubbed = scrub(one_line)
        # A cause with a secret in it would be shown by every traceback.
        cause = raised if scrubbed == one_line else None
        raise self.error(scrubbed) from cause


def fingerprint(function: Callable[..., Any]) -> str:
    """Return a name for a callable that changes with its source, defaults and closure.

    It is the same in every process. Other functions and files that the callable uses do not change
    it. Without a source, it is the name alone.
    """
    if isinstance(function, functools.partial):
        given = list(map(_repr_of, function.args))
        for name, value in sorted(function.keywords.items()):
            given.append(f"{name}={_repr_of(value)}")
        return f"{fingerprint(function.func)}({', '.join(given)})"
    # A decorator's wrapper would be the same for every function that it decorates.
    inner = inspect.unwrap(function)
    source = _source(inner)
    if source is None:
        return import_path(inner)
    parts = [
        source,
        _repr_of(getattr(inner, "__defaults__", None)),
        _repr_of(getattr(inner, "__kwdefaults__", None)),
    ]
    for cell in getattr(inner, "__closure__", None) or ():
        parts.append(_repr_of(_contents(cell)))
    # An object with __call__, or the object of a bound method, is told by its attributes, too.
    owner = getattr(inner, "__self__", inner)
    if not (inspect.isfunction(owner) or inspect.isclass(owner)):
        attributes = getattr(owner, "__dict__", {})
        parts.append(_repr_of(dict(sorted(attributes.items()))))
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    return f"{import_path(inner)}@{digest[:12]}"


def _source(function: Any) -> str | None:
    """Return the source of a callable or of its class; None where Python has none."""
    defined = function
    if not (inspect.isroutine(function) or inspect.isclass(function)):
        defined = type(function)
    try:
        return textwrap.dedent(inspect.getsource(defined))
    except (OSError, TypeError):
        return None


def _contents(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def _repr_of(value: Any) -> str:
    """Return a text for a value without its address in memory, and without an accidental order."""
    if callable(value):
        return import_path(value)
    if isinstance(value, set | frozenset):
        return f"{{{', '.join(sorted(map(_repr_of, value)))}}}"
    if isinstance(value, list | tuple):
        return f"({', '.join(map(_repr_of, value))})"
    if isinstance(value, Mapping):
        items = [f"{_repr_of(key)}: {_repr_of(each)}" for key, each in value.items()]
        return f"{{{', '.join(items)}}}"
    # The default repr has the address, which differs in every process.
    text = re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))
    return text.replace("<__main__.", f"<{_main_name()}.")


def found_again(function: Any) -> str | None:
    """Return `"module:attribute"` of a callable, or None where another process does not find it."""
    module = getattr(function, "__module__", None)
    name = getattr(function, "__qualname__", "")
    # "__main__" is another module in each process.
    if module in (None, "__main__") or not callable(function):
        return None
    found = inspect.getmodule(function)
    # A method or a function inside another one has a dotted name, which getattr does not find.
    if found is None or getattr(found, name, None) is not function:
        return None
    return f"{module}:{name}"


def import_path(function: Any) -> str:
    """Return `"module:attribute"` of a callable, or of the class of one that has no name.

    A callable of the running script has the name by which other processes import it.
    """
    named = function if hasattr(function, "__qualname__") else type(function)
    module = named.__module__
    if module == "__main__":
        module = _main_name()
    return f"{module}:{named.__qualname__}"


def _main_name() -> str:
    """Return the module name of the script that runs; "__main__" where it has no file."""
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    return Path(file).stem if file else "__main__"
