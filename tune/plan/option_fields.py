"""Fields of options: what the help, the flags and the documentation know of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

GROUPS = ("", "the task", "what is searched", "the run")
"""The groups of flags, in the order of the help; options without a group come first."""

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class About:
    """Facts about an option besides its name, its type and its default.

    Attributes:
        sentence: what the option means, for the help and the documentation.
        group: one of `GROUPS`.
        metavar: the placeholder for the flag's value in the help; "" for a switch without a value.
        parse: turns the text of the flag into a value.
        repeats: the flag may be given several times.
        identity: entries of a study's identity that this option decides; () where another value
            continues the same study.
    """

    sentence: str
    group: str
    metavar: str
    parse: Callable[[str], Any]
    repeats: bool
    identity: tuple[str, ...]

    def help(self, default: Any) -> str:
        """Return the sentence, with its default, and a note where the flag may be repeated."""
        if isinstance(default, tuple):
            default = ", ".join(default)
        notes = ["repeatable"] if self.repeats else []
        if default not in (None, "", False):
            notes.append(f"default: {default}")
        return f"{self.sentence} ({'; '.join(notes)})" if notes else self.sentence


def option(
    default: Value,
    sentence: str,
    *,
    group: str = "",
    metavar: str = "",
    parse: Callable[[str], Any] = str,
    repeats: bool = False,
    identity: tuple[str, ...] = (),
) -> Value:
    """Make a dataclass field for an option; see `About` for the arguments."""
    about = About(sentence, group, metavar, parse, repeats, identity)
    return field(default=default, metadata={"about": about})


def flag_name(name: str) -> str:
    """Return the flag of an option."""
    return f"--{name.replace('_', '-')}"
