"""The side of the test: uses the objects of an answer in another process without trusting them.

Data is compared here. What an object of the answer says of itself is never taken for a comparison
with data: one that says that it equals everything equals nothing. It is a part of the sandbox's
program; `code_messages.py` stands before it there.
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

    # It stands before this file in the program.
    from tune.task.metrics.code_messages import Channel, packed, unpacked  # noqa: TC004


class TestSide:
    """Asks for what the test does with the answer's objects."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self._given: list[Any] = []
        self._errors: dict[int, type[BaseException]] = {}

    def start(self, task: dict[str, Any]) -> dict[str, Any]:
        """Run the answer, and return the names that it defines.

        Python's own names keep their meaning, whatever the answer made of them.
        """
        names = self.ask("start", task)
        taken = set(dir(builtins))
        found = {}
        for name, record in names:
            if name in taken:
                continue
            if name in sys.stdlib_module_names:
                found[name] = __import__(name)
            elif is_module(record):
                found[name] = __import__(record[3], fromlist=["*"])
            else:
                found[name] = self.unpack(record)
        return found

    def ask(self, what: str, *rest: Any) -> Any:
        """Ask, serve the answer's callbacks meanwhile, and return the record that comes back.

        Raises:
            BaseException: the answer raised it.
            EOFError: the answer has ended.
        """
        self.channel.send([what, *rest])
        while True:
            kind, *reply = self.channel.receive()
            if kind == "callback":
                result = self._given[reply[0]](*self.unpack(reply[1]))
                self.channel.send(["value", self.pack(result)])
                continue
            # Doctests and the like compare what the answer printed.
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
        if base:
            return self._class(number, base, name)
        return Remote(self, int(number))

    def _class(
        self,
        number: int,
        base: str,
        name: str,
    ) -> type[BaseException]:
        """Return an exception of the answer's own, as one that the test can catch."""
        if number not in self._errors:
            known = getattr(builtins, base, Exception)
            # The answer may name anything, SystemExit among it, which would end the test.
            if not (isinstance(known, type) and issubclass(known, Exception)):
                known = Exception
            self._errors[number] = type(str(name), (known,), {})
        return self._errors[number]

    def _error(self, reply: list[Any]) -> BaseException:
        (base,), own, arguments = reply[0], reply[1], reply[2]
        kind = self._by_name(own) if own else getattr(builtins, base, Exception)
        if not (isinstance(kind, type) and issubclass(kind, Exception)):
            return RuntimeError(
                f"the answer raised {base}"
            )  # one that would end the test
        try:
            return kind(*self.unpack(arguments))
        except TypeError:
            return kind()

    def _by_name(self, record: list[Any]) -> Any:
        """Return one class for all exceptions of one class: each comes under another number."""
        for known in self._errors.values():
            bases = [each.__name__ for each in known.__mro__]
            if known.__name__ == record[4] and record[2] in bases:
                return known
        return self._remote(record)

    def _give(self, value: Any) -> list[Any]:
        """Return the record of an object that is not data."""
        if isinstance(value, Remote):
            return ["kept", object.__getattribute__(value, "_number")]
        module = getattr(value, "__module__", None)
        name = getattr(value, "__qualname__", "")
        if isinstance(value, types.MethodDescriptorType):  # str.upper
            module = value.__objclass__.__module__
        if module in sys.stdlib_module_names and name and "<" not in name:
            return ["named", module, name]
        if not isinstance(
            value, types.FunctionType | types.BuiltinFunctionType | types.MethodType
        ):
            raise TypeError(
                f"a {type(value).__name__} of the test cannot be handed to the answer"
            )
        self._given.append(value)
        return ["callback", len(self._given) - 1]


def is_module(record: Any) -> bool:
    """Tell whether a record is that of a module which the test may use itself."""
    if not isinstance(record, list) or record[0] != "kept":
        return False
    return record[3].partition(".")[0] in MODULES


class Remote:
    """Stands, with the test, for an object of the answer that is not data.

    The result of an operator is held: it stays with the answer even where it is data, and is
    compared with none. Else a difference from the expected value would be 0 whenever the answer
    says so.
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
        side, number = place_of(self)
        reply = side.ask(what, number, list(map(side.pack, arguments)))
        return side.unpack(reply)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Call it, and change lists and the like here as the call changed them there."""
        side, number = place_of(self)
        result, after, named_after = side.ask(
            "call", number, side.pack(list(arguments)), side.pack(named)
        )
        for given, now in zip(arguments, side.unpack(after), strict=True):
            take_over(given, now)
        for name, now in side.unpack(named_after).items():
            take_over(named[name], now)
        return side.unpack(result)

    def _operate(self, name: str, *arguments: Any, data: bool = False) -> Any:
        side, number = place_of(self)
        packed_arguments = list(map(side.pack, arguments))
        reply = side.ask("operate", number, name, packed_arguments, data)
        result = side.unpack(reply)
        if not data:
            if type(result) is not Remote:
                raise TypeError("the answer sent what it was to keep")
            object.__setattr__(result, "_held", True)
        return result

    def _open(self) -> None:
        """Check that this is not held."""
        if object.__getattribute__(self, "_held"):
            raise TypeError(
                "what an operator of the answer's own made is compared with no data"
            )

    def _plain(self) -> Any:
        self._open()
        side, number = place_of(self)
        return side.unpack(side.ask("plain", number))

    def _compare(self, name: str, other: Any) -> bool:
        """Compare with an object of the answer as the answer says, with data by the data held."""
        if type(other) is Remote:
            return self._operate(name, self, other, data=True) is True
        data = self._plain()
        if data is not None:
            return bool(getattr(operator, name)(data, other))
        if name in ("eq", "ne"):
            return name == "ne"
        raise TypeError("an object of the answer's own cannot be compared with data")

    def __hash__(self) -> int:
        return hash(object.__getattribute__(self, "_number"))

    def __contains__(self, wanted: Any) -> bool:
        return any(each is wanted or each == wanted for each in self)

    def __iter__(self) -> Iterator[Any]:
        iterator = self._operate("iter", self)
        while True:
            try:
                yield iterator._operate("next", iterator, data=True)
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
        return (
            type(value) is Remote
            and self._operate(
                "isinstance",
                value,
                self,
                data=True,
            )
            is True
        )

    def __enter__(self) -> Any:
        return self._ask("get", ["__enter__"])()

    def __exit__(self, *_: object) -> None:
        self._ask("get", ["__exit__"])(None, None, None)


def place_of(remote: Remote) -> tuple[TestSide, int]:
    """Return the side of the test, and the number of an object."""
    # Not remote._side: attributes of a Remote are those of the answer's object.
    read = object.__getattribute__
    return read(remote, "_side"), read(remote, "_number")


def take_over(given: Any, now: Any) -> None:
    """Change a list, a dictionary or a set into what the answer made of it."""
    # The answer may send anything back in place of an argument.
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
    # The result stays with the answer even where it is data: the test did not compute it.
    if turned:
        return lambda self, other: self._operate(name, other, self)
    return lambda self, *others: self._operate(name, self, *others)


MODULES = frozenset({*sys.stdlib_module_names, "numpy", "pandas", "scipy", "sklearn"})
"""Modules that the test may use under a name that the answer gave them.

They are imported here, where the answer cannot have changed them.
"""

_COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")
_BINARY = (
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
)
_UNARY = ("neg", "pos", "abs", "invert")

# Python looks operators up in the class, so __getattribute__ does not see them.
for _name in _COMPARISONS:
    setattr(Remote, f"__{_name}__", _comparing(_name))
for _name in _BINARY:
    setattr(Remote, f"__{_name.rstrip('_')}__", _operating(_name))
    setattr(Remote, f"__r{_name.rstrip('_')}__", _operating(_name, turned=True))
for _name in _UNARY:
    setattr(Remote, f"__{_name}__", _operating(_name))
Remote.__round__ = _operating("round")  # type: ignore[attr-defined]
