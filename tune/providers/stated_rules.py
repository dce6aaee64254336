"""The field `takes` of a model's entry: what the user says that the model takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tune.errors import InputError

_WAYS = ("yes", "without reasoning", "no")
_REASONING = ("always", "by default", "on request", "never")
_CAPS = ("max_tokens", "max_completion_tokens")
_HIDDEN = ("inside", "beside")


def read_takes(name: str, given: Any) -> dict[str, Any]:
    """Return the fields of `tune.providers.model_rules.ModelRules` that an entry states.

    Args:
        name: of the entry.
        given: a table such as `{n = 4, temperature = [0, 1], seed = false}`.

    Raises:
        InputError: a name or a value is not understood.
    """
    if not isinstance(given, Mapping):
        raise InputError(
            f"takes of model {name!r} is a table such as {{n = 4, seed = false}}, but got {given!r}"
        )
    found: dict[str, Any] = {}
    for key, value in given.items():
        if key not in _READERS:
            raise InputError(
                f"takes of model {name!r} has {key!r}, but it has only {sorted(_READERS)}"
            )
        read, wanted = _READERS[key]
        fields = read(value)
        if fields is None:
            raise InputError(
                f"{key} in takes of model {name!r} is {wanted}, but got {value!r}"
            )
        found |= fields
    return found


_Reader = Callable[[Any], dict[str, Any] | None]


def _span(field: str) -> _Reader:
    """Return the reader of two numbers, the smaller one first."""

    def read(value: Any) -> dict[str, Any] | None:
        if not isinstance(value, list | tuple) or len(value) != 2:
            return None
        if not all(map(_is_number, value)) or value[0] > value[1]:
            return None
        return {field: (float(value[0]), float(value[1]))}

    return read


def _count(field: str, least: int) -> _Reader:
    """Return the reader of a whole number."""

    def read(value: Any) -> dict[str, Any] | None:
        return {field: value} if _is_count(value, least) else None

    return read


def _flag(field: str) -> _Reader:
    """Return the reader of true or false."""
    return lambda value: {field: value} if isinstance(value, bool) else None


def _levels(field: str) -> _Reader:
    """Return the reader of a list of names."""

    def read(value: Any) -> dict[str, Any] | None:
        if not isinstance(value, list | tuple):
            return None
        if not all(isinstance(each, str) for each in value):
            return None
        return {field: tuple(value)}

    return read


def _one_of(field: str, names: tuple[str, ...]) -> _Reader:
    """Return the reader of one name of a few."""
    return lambda value: {field: value} if value in names else None


def _reasoning(value: Any) -> dict[str, Any] | None:
    if value not in _REASONING:
        return None
    return {"reasoning": "" if value == "never" else value}


def _output(value: Any) -> dict[str, Any] | None:
    """Read the largest cap, or the smallest and the largest one."""
    if _is_count(value, 1):
        return {"most_output": value}
    if not isinstance(value, list | tuple) or len(value) != 2:
        return None
    low, high = value
    if not _is_count(low, 1) or not _is_count(high, 1) or low > high:
        return None
    return {"least_output": low, "most_output": high}


def _is_number(value: Any) -> bool:
    # True and False are integers in Python.
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


_SPAN = "the smallest and the largest one, as [0, 1]"
_LIST = "a list of names; an empty one where none is taken"

_READERS: Mapping[str, tuple[_Reader, str]] = {
    "sampling": (_one_of("sampling", _WAYS), f"one of {list(_WAYS)}"),
    "temperature": (_span("temperature"), _SPAN),
    "top_p": (_span("top_p"), _SPAN),
    "both": (_flag("both"), "true or false (temperature and top_p together)"),
    "n": (_count("most_n", 1), "the most answers of one call"),
    "stop": (_count("most_stops", 0), "the most stop strings, or 0"),
    "seed": (_flag("seed"), "true or false"),
    "reasoning_effort": (_levels("efforts"), _LIST),
    "verbosity": (_levels("verbosity"), _LIST),
    "penalties": (_flag("penalties"), "true or false"),
    "logprobs": (_flag("logprobs"), "true or false"),
    "response_format": (_levels("formats"), _LIST),
    "cap": (_one_of("cap", _CAPS), f"one of {list(_CAPS)}"),
    "max_tokens": (_output, "the largest one, or [smallest, largest]"),
    "hidden": (_one_of("hidden", _HIDDEN), f"one of {list(_HIDDEN)}"),
    "reasoning": (_reasoning, f"one of {list(_REASONING)}"),
}
"""What may be said, each with its reader and the words for a value of another kind."""
