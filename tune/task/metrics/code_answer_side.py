"""The side of the answer: runs it in its own process, and uses its objects as the test asks.

It is a part of the sandbox's program; `code_messages.py` stands before it there.
"""

from __future__ import annotations

import builtins
import io
import operator
import sys
import types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    # It stands before this file in the program.
    from tune.task.metrics.code_messages import (  # noqa: TC004
        Channel,
        builtin_data,
        packed,
        unpacked,
    )


class Callback:
    """Stands, with the answer, for a function that the test handed over."""

    def __init__(self, side: AnswerSide, number: int) -> None:
        self._side, self._number = side, number

    def __call__(self, *arguments: Any) -> Any:
        """Let the test's side call it."""
        packed_arguments = self._side.pack(list(arguments))
        self._side.channel.send(["callback", self._number, packed_arguments])
        return self._side.follow()


class AnswerSide:
    """Runs the answer, and uses its objects as the test asks."""

    def __init__(
        self,
        channel: Channel,
        execute: Callable[[dict[str, Any], dict[str, Any]], None],
    ) -> None:
        self.channel, self._execute = channel, execute
        self._kept: list[Any] = []
        self._out = io.StringIO()

    def run(self) -> None:
        """Follow requests until the test's process ends."""
        sys.stdout = self._out
        module = types.ModuleType("__main__")
        sys.modules["__main__"] = sys.modules["answer"] = module
        self._names = module.__dict__
        # Not "__main__" while the answer is read: a script's last lines are not what is asked.
        self._names["__name__"] = "answer"
        self.follow()

    def follow(self) -> Any:
        """Follow requests until the value of a callback comes; return that."""
        while True:
            what, *rest = self.channel.receive()
            if what == "value":
                return self.unpack(rest[0])
            try:
                reply = ["value", self._do(what, *rest)]
            except BaseException as error:  # noqa: BLE001  (whatever it is, the test is to see it)
                reply = self._raised(error)
            printed, self._out = self._out.getvalue(), io.StringIO()
            sys.stdout = self._out
            self.channel.send([*reply, printed])

    def pack(self, value: Any) -> Any:
        """Turn a value into a record."""
        return packed(value, self._keep)

    def unpack(self, record: Any) -> Any:
        """Turn a record into a value."""
        return unpacked(record, self._find)

    def _keep(self, value: Any) -> list[Any]:
        """Keep an object that is not data, and return the record of its number."""
        own = isinstance(value, type) or type(value).__module__ in (
            "answer",
            "__main__",
        )
        data = None if own else builtin_data(value)
        if data is not None:
            return packed(data, self._keep)  # type: ignore[no-any-return]
        self._kept.append(value)
        base = ""
        if isinstance(value, type) and issubclass(value, BaseException):
            base = builtin_base(value)
        module = value.__name__ if isinstance(value, types.ModuleType) else ""
        name = str(getattr(value, "__name__", type(value).__name__))
        return ["kept", len(self._kept) - 1, base, module, name]

    def _find(self, record: list[Any]) -> Any:
        """Return the object that a record of the test names."""
        kind, *rest = record
        if kind == "kept":
            return self._kept[rest[0]]
        if kind == "callback":
            return Callback(self, rest[0])
        found: Any = __import__(rest[0])  # "named": something of Python's own
        for name in rest[1].split("."):
            found = getattr(found, name)
        return found

    def _raised(self, error: BaseException) -> list[Any]:
        """Return the record of an exception."""
        names = [
            each.__name__
            for each in type(error).__mro__
            if each.__module__ == "builtins"
        ]
        own = self.pack(type(error)) if type(error).__module__ != "builtins" else None
        try:
            arguments = self.pack(list(error.args))
        except Exception:  # noqa: BLE001  (its arguments are what the answer made them)
            arguments = ["list", []]
        return ["raised", names[:1] or ["Exception"], own, arguments]

    def _do(self, what: str, *rest: Any) -> Any:
        """Do one thing that the test asks, and return the record of its result."""
        if what == "start":
            return self._start(rest[0])
        target = self._kept[rest[0]]
        if what == "call":
            return self._call(target, *rest[1:])
        if what == "operate":
            return self._operate(*rest[1:])
        if what == "plain":
            return self.pack(builtin_data(target))
        reach: dict[str, Callable[..., Any]] = {
            "get": getattr,
            "set": setattr,
            "delete": delattr,
        }
        return self.pack(reach[what](target, *map(self.unpack, rest[1])))

    def _start(self, task: dict[str, Any]) -> Any:
        """Run the answer, and return the names that it defines."""
        self._execute(task, self._names)
        # Functions of the answer may ask for it when they are called.
        self._names["__name__"] = "__main__"
        found = []
        for name, value in list(self._names.items()):
            if name[:2] != "__":
                found.append([name, self.pack(value)])
        return found

    def _call(self, target: Any, packed_arguments: Any, packed_named: Any) -> Any:
        """Call an object; return its result, and the arguments as the call left them."""
        arguments, named = self.unpack(packed_arguments), self.unpack(packed_named)
        result = target(*arguments, **named)
        return [self.pack(result), self.pack(arguments), self.pack(named)]

    def _operate(
        self,
        name: str,
        packed_arguments: list[Any],
        as_data: bool,
    ) -> Any:
        """Apply an operator, or a builtin function, to objects."""
        function: Callable[..., Any] = getattr(
            operator,
            name,
            None,
        ) or getattr(builtins, name)
        result = function(*map(self.unpack, packed_arguments))
        return self.pack(result) if as_data else self._hold(result)

    def _hold(self, value: Any) -> list[Any]:
        """Keep a value here, although it may be data."""
        self._kept.append(value)
        return ["kept", len(self._kept) - 1, "", "", type(value).__name__]


def builtin_base(error: type[BaseException]) -> str:
    """Return the name of the builtin exception that a class of the answer extends."""
    for each in error.__mro__:
        if each.__module__ == "builtins":
            return each.__name__
    return "Exception"
