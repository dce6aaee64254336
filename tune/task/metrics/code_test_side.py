"""The side of the test: reaches the objects of an answer, which runs in another process, and trusts
none of them.

Data is compared here. What an object of the answer says of itself is never taken for a comparison
with data: one that says that it equals everything equals nothing. See `crossing.py`, which stands
before this file in the program.
"""

from __future__ import annotations

import builtins
import operator
import sys
import types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from tune.task.metrics.code_messages import Channel, packed, unpacked  # noqa: TC004  (it stands before this file)


class TestSide:
    """Asks for what the test does with the answer's objects."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self._given: list[Any] = []
        self._errors: dict[int, type[BaseException]] = {}

    def start(self, task: dict[str, Any]) -> dict[str, Any]:
        """Run the answer; the names that it defines, but for those that Python itself or its
        library has.
        """
        names = self.ask("start", task)
        taken = set(dir(builtins))
        found = {}
        for name, record in names:
            if name in taken:
                continue
            if name in sys.stdlib_module_names:
                found[name] = __import__(name)
            elif (
                isinstance(record, list)
                and record[0] == "kept"
                and record[3].partition(".")[0] in MODULES
            ):
                found[name] = __import__(record[3], fromlist=["*"])
            else:
                found[name] = self.unpack(record)
        return found

    def ask(self, what: str, *rest: Any) -> Any:
        """Ask, and serve the answer meanwhile; the record that comes back.

        Raises:
            BaseException: what the answer raised.
            EOFError: it has ended.
        """
        self.channel.send([what, *rest])
        while True:
            kind, *reply = self.channel.receive()
            if kind == "callback":
                result = self._given[reply[0]](*self.unpack(reply[1]))
                self.channel.send(["value", self.pack(result)])
                continue
            sys.stdout.write(str(reply[-1]))
            if kind == "raised":
                raise self._error(reply)
            return reply[0]

    def pack(self, value: Any) -> Any:
        """Turn a value into a record."""
        return packed(value, self._give)

    def unpack(self, record: Any) -> Any:
        """Turn a record into a value."""
        return unpacked(record, self._remote)

    def _remote(self, record: list[Any]) -> Any:
        _, number, base, _, name = record
        return self._class(number, base, name) if base else Remote(self, int(number))

    def _class(self, number: int, base: str, name: str) -> type[BaseException]:
        """An exception of the answer's own, as one that the test can catch."""
        if number not in self._errors:
            known = getattr(builtins, base, Exception)
            if not (isinstance(known, type) and issubclass(known, Exception)):
                known = Exception
            self._errors[number] = type(str(name), (known,), {})
        return self._errors[number]

    def _error(self, reply: list[Any]) -> BaseException:
        (base,), own, arguments = reply[0], reply[1], reply[2]
        kind = self._by_name(own) if own else getattr(builtins, base, Exception)
        if not (isinstance(kind, type) and issubclass(kind, Exception)):
            return RuntimeError(f"the answer raised {base}")  # one that would end the test
        try:
            return kind(*self.unpack(arguments))
        except TypeError:
            return kind()

    def _by_name(self, record: list[Any]) -> Any:
        """One class for all exceptions of one class: each comes under a number of its own."""
        for known in self._errors.values():
            if known.__name__ == record[4] and record[2] in [
                each.__name__ for each in known.__mro__
            ]:
                return known
        return self._remote(record)

    def _give(self, value: Any) -> list[Any]:
        if isinstance(value, Remote):
            return ["kept", object.__getattribute__(value, "_number")]
        module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", "")
        if isinstance(value, types.MethodDescriptorType):  # str.upper
            module = value.__objclass__.__module__
        if module in sys.stdlib_module_names and name and "<" not in name:
            return ["named", module, name]
        if not isinstance(value, types.FunctionType | types.BuiltinFunctionType | types.MethodType):
            raise TypeError(f"a {type(value).__name__} of the test cannot be handed to the answer")
        self._given.append(value)
        return ["callback", len(self._given) - 1]


class Remote:
    """Stands, with the test, for an object of the answer that is no data.

    What an operator makes of it is held: it stays with the answer even where it is data, and is
    compared with none, as a difference from what the test expects would be nothing whenever the
    answer says so.
    """

    def __init__(self, side: TestSide, number: int) -> None:
        object.__setattr__(self, "_side", side)
        object.__setattr__(self, "_held", False)
        object.__setattr__(self, "_number", number)

    def __getattribute__(self, name: str) -> Any:
        if name == "__class__":
            return Remote
        if name in ("__dict__", "_ask", "_operate", "_plain", "_compare", "_open"):
            return object.__getattribute__(self, name)
        return object.__getattribute__(self, "_ask")("get", [name])

    def __setattr__(self, name: str, value: Any) -> None:
        self._ask("set", [name, value])

    def __delattr__(self, name: str) -> None:
        self._ask("delete", [name])

    def _ask(self, what: str, arguments: list[Any]) -> Any:
        side, number = (
            object.__getattribute__(self, "_side"),
            object.__getattribute__(self, "_number"),
        )
        return side.unpack(side.ask(what, number, [side.pack(each) for each in arguments]))

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Call it; lists and the like that it changes are changed here, too."""
        side, number = (
            object.__getattribute__(self, "_side"),
            object.__getattribute__(self, "_number"),
        )
        result, after, named_after = side.ask(
            "call", number, side.pack(list(arguments)), side.pack(named)
        )
        for given, now in zip(arguments, side.unpack(after), strict=True):
            take_over(given, now)
        for name, now in side.unpack(named_after).items():
            take_over(named[name], now)
        return side.unpack(result)

    def _operate(self, name: str, *arguments: Any, data: bool = False) -> Any:
        side, number = (
            object.__getattribute__(self, "_side"),
            object.__getattribute__(self, "_number"),
        )
        result = side.unpack(
            side.ask("operate", number, name, [side.pack(each) for each in arguments], data)
        )
        if not data:
            if type(result) is not Remote:
                raise TypeError("the answer sent what it was to keep")
            object.__setattr__(result, "_held", True)
        return result

    def _open(self) -> None:
        """See that this is not held."""
        if object.__getattribute__(self, "_held"):
            raise TypeError("what an operator of the answer's own made is compared with no data")

    def _plain(self) -> Any:
        self._open()
        side, number = (
            object.__getattribute__(self, "_side"),
            object.__getattribute__(self, "_number"),
        )
        return side.unpack(side.ask("plain", number))

    def _compare(self, name: str, other: Any) -> bool:
        """Compare: two objects of the answer as the answer says, one with data by the data that it
        holds.
        """
        if type(other) is Remote:
            return self._operate(name, self, other, data=True) is True
        plain = self._plain()
        if plain is None:
            if name in ("eq", "ne"):
                return name == "ne"
            raise TypeError("an object of the answer's own cannot be compared with data")
        return bool(getattr(operator, name)(plain, other))

    def __hash__(self) -> int:
        return hash(object.__getattribute__(self, "_number"))

    def __contains__(self, wanted: Any) -> bool:
        return any(each is wanted or each == wanted for each in self)

    def __iter__(self) -> Iterator[Any]:
        walker = self._operate("iter", self)
        while True:
            try:
                yield walker._operate("next", walker, data=True)
            except StopIteration:
                return

    def __next__(self) -> Any:
        return self._operate("next", self, data=True)

    def __getitem__(self, key: Any) -> Any:
        return self._operate("getitem", self, key, data=True)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._operate("setitem", self, key, value)

    def __delitem__(self, key: Any) -> None:
        self._operate("delitem", self, key)

    def __len__(self) -> int:
        self._open()
        return int(self._operate("len", self, data=True))

    def __bool__(self) -> bool:
        self._open()
        return self._operate("truth", self, data=True) is True

    def __str__(self) -> str:
        return str(self._operate("str", self, data=True))

    def __repr__(self) -> str:
        return str(self._operate("repr", self, data=True))

    def __float__(self) -> float:
        self._open()
        return float(self._operate("float", self, data=True))

    def __int__(self) -> int:
        self._open()
        return int(self._operate("int", self, data=True))

    def __instancecheck__(self, value: Any) -> bool:
        return type(value) is Remote and self._operate("isinstance", value, self, data=True) is True

    def __enter__(self) -> Any:
        return self._ask("get", ["__enter__"])()

    def __exit__(self, *_: object) -> None:
        self._ask("get", ["__exit__"])(None, None, None)


def take_over(given: Any, now: Any) -> None:
    """Make a list, a dictionary or a set what the answer made of it."""
    if type(given) is not type(now) or given is now:
        return
    if isinstance(given, list | bytearray):
        given[:] = now
    elif isinstance(given, dict | set):
        given.clear()
        given.update(now)


def _comparing(name: str) -> Callable[[Remote, Any], bool]:
    return lambda self, other: self._compare(name, other)


def _operating(name: str, *, turned: bool = False) -> Callable[..., Any]:
    # The result stays with the answer even where it is data: it is not what the test itself has
    # worked out.
    if turned:
        return lambda self, other: self._operate(name, other, self)
    return lambda self, *others: self._operate(name, self, *others)


MODULES = frozenset({*sys.stdlib_module_names, "numpy", "pandas", "scipy", "sklearn"})
"""Modules that the test may use under a name that the answer gave them; they are imported anew,
from where they are.
"""

for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(Remote, f"__{_name}__", _comparing(_name))
for _name in (
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "matmul",
    "and_",
    "or_",
    "xor",
):
    setattr(Remote, f"__{_name.rstrip('_')}__", _operating(_name))
    setattr(Remote, f"__r{_name.rstrip('_')}__", _operating(_name, turned=True))
for _name in ("neg", "pos", "abs", "invert"):
    setattr(Remote, f"__{_name}__", _operating(_name))
Remote.__round__ = _operating("round")  # type: ignore[attr-defined]
