"""The side of the answer: runs it in a process of its own, and does with its objects what the test
asks.

See `crossing.py`, which stands before this file in the program.
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

    from tune.task.metrics.code_messages import Channel, packed, plain_of, unpacked  # noqa: TC004  (it stands before this file)


class Callback:
    """Stands, with the answer, for a function that the test handed over."""

    def __init__(self, side: AnswerSide, number: int) -> None:
        self._side, self._number = side, number

    def __call__(self, *arguments: Any) -> Any:
        """Have the test's side call it."""
        self._side.channel.send(["callback", self._number, self._side.pack(list(arguments))])
        return self._side.follow()


class AnswerSide:
    """Runs the answer, and does with its objects what the test asks."""

    def __init__(
        self, channel: Channel, execute: Callable[[dict[str, Any], dict[str, Any]], None]
    ) -> None:
        self.channel, self._execute = channel, execute
        self._kept: list[Any] = []
        self._out = io.StringIO()

    def run(self) -> None:
        """Do as asked until nobody asks any more."""
        sys.stdout = self._out
        module = types.ModuleType("__main__")
        sys.modules["__main__"] = sys.modules["answer"] = module
        self._names = module.__dict__
        self._names["__name__"] = "answer"
        self.follow()

    def follow(self) -> Any:
        """Do what is asked, until the value of a callback comes."""
        while True:
            what, *rest = self.channel.receive()
            if what == "value":
                return self.unpack(rest[0])
            try:
                reply = ["value", self._do(what, *rest)]
            except BaseException as error:  # noqa: BLE001  (whatever it is, the test is to see it)
                reply = self._raised(error)
            said, self._out = self._out.getvalue(), io.StringIO()
            sys.stdout = self._out
            self.channel.send([*reply, said])

    def pack(self, value: Any) -> Any:
        """Turn a value into a record."""
        return packed(value, self._keep)

    def unpack(self, record: Any) -> Any:
        """Turn a record into a value."""
        return unpacked(record, self._find)

    def _keep(self, value: Any) -> list[Any]:
        own = isinstance(value, type) or type(value).__module__ in ("answer", "__main__")
        plain = None if own else plain_of(value)
        if plain is not None:
            return packed(plain, self._keep)  # type: ignore[no-any-return]
        self._kept.append(value)
        base = ""
        if isinstance(value, type) and issubclass(value, BaseException):
            base = next(
                (each.__name__ for each in value.__mro__ if each.__module__ == "builtins"),
                "Exception",
            )
        module = value.__name__ if isinstance(value, types.ModuleType) else ""
        return [
            "kept",
            len(self._kept) - 1,
            base,
            module,
            str(getattr(value, "__name__", type(value).__name__)),
        ]

    def _find(self, record: list[Any]) -> Any:
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
        mro = [each.__name__ for each in type(error).__mro__ if each.__module__ == "builtins"]
        own = self.pack(type(error)) if type(error).__module__ != "builtins" else None
        try:
            arguments = self.pack(list(error.args))
        except Exception:  # noqa: BLE001  (its arguments are what the answer made them)
            arguments = ["list", []]
        return ["raised", mro[:1] or ["Exception"], own, arguments]

    def _do(self, what: str, *rest: Any) -> Any:
        if what == "start":
            self._execute(rest[0], self._names)
            self._names["__name__"] = "__main__"
            return [
                [name, self.pack(value)]
                for name, value in list(self._names.items())
                if name[:2] != "__"
            ]
        target = self._kept[rest[0]]
        if what == "call":
            arguments, named = self.unpack(rest[1]), self.unpack(rest[2])
            result = target(*arguments, **named)
            return [self.pack(result), self.pack(arguments), self.pack(named)]
        if what == "operate":
            function: Callable[..., Any] = getattr(operator, rest[1], None) or getattr(
                builtins, rest[1]
            )
            result = function(*(self.unpack(each) for each in rest[2]))
            return self.pack(result) if rest[3] else self._hold(result)
        if what == "plain":
            return self.pack(plain_of(target))
        reach: dict[str, Callable[..., Any]] = {"get": getattr, "set": setattr, "delete": delattr}
        return self.pack(reach[what](target, *(self.unpack(each) for each in rest[1])))

    def _hold(self, value: Any) -> list[Any]:
        """Keep a value here, although it may be data."""
        self._kept.append(value)
        return ["kept", len(self._kept) - 1, "", "", type(value).__name__]
