"""The options of a run as people read them: the table of the documentation, and Python's help."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from tune.plan.option_fields import About, flag_name
from tune.plan.options import Options

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class OptionRow:
    """One option as the documentation shows it.

    Attributes:
        name: the keyword of `tune.tune`.
        flag: the flag of `tune` with its placeholder, as in "--seed N".
        type: the type as Python writes it.
        default: the default as Python writes it.
        sentence: its meaning.
        group: the group of its flag.
        repeats: the flag may be given several times.
        is_identity: another value makes another study.
    """

    name: str
    flag: str
    type: str
    default: str
    sentence: str
    group: str
    repeats: bool
    is_identity: bool


def option_table() -> list[OptionRow]:
    """Return one row for each option, in the order of the help.

    `docs/options.md` is made from these rows: name, flag, type, default and sentence.
    """
    rows = []
    for one in fields(Options):
        facts: About = one.metadata["about"]
        rows.append(
            OptionRow(
                name=one.name,
                flag=f"{flag_name(one.name)} {facts.metavar}".rstrip(),
                # Annotations are text here, as the file imports `annotations` from the future.
                type=str(one.type),
                default=repr(one.default),
                sentence=facts.sentence,
                group=facts.group,
                repeats=facts.repeats,
                is_identity=bool(facts.identity),
            )
        )
    return rows


def takes_options(function: Function) -> Function:
    """Decorate a function that takes the options as keywords: its help lists all of them.

    Editors know the keywords from `tune.plan.keywords.OptionKeywords`, which a type checker reads;
    a running Python (help, notebooks) knows them from the signature and the text that are set here.
    """
    signature = inspect.signature(function)
    parameters = [
        inspect.Parameter(
            one.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=one.default,
            annotation=one.type,
        )
        for one in fields(Options)
        if one.name not in signature.parameters
    ]
    # The options take the place of **options.
    own = [
        one for one in signature.parameters.values() if one.kind is not one.VAR_KEYWORD
    ]
    function.__signature__ = signature.replace(parameters=[*own, *parameters])  # type: ignore[attr-defined]
    # The docstring is cleaned first: later lines of it are indented in the source.
    lines = [f"    {row.name}: {row.sentence}" for row in option_table()]
    function.__doc__ = "\n".join(
        [inspect.cleandoc(function.__doc__ or ""), "", "Options:", *lines]
    )
    return function
