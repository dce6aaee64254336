"""The flags of a run, made from `tune.plan.options.Options`; other commands take them too."""

from __future__ import annotations

import argparse
from collections.abc import Collection
from dataclasses import Field, fields
from typing import Any

from tune.commands.parser import Parser
from tune.plan.option_fields import GROUPS, About, flag_name
from tune.plan.options import Options

PURPOSE = (
    "Find the best model, prompt and settings for a task, for at most so many dollars."
)


def build_run_parser(
    prog: str = "tune", description: str = PURPOSE, epilog: str = ""
) -> argparse.ArgumentParser:
    """Return a parser for every option of a run, with `--version` and `--json`.

    An option that is not given is absent from the result, so its default stays in `Options`.

    Args:
        prog: the name of the command.
        description: the purpose of the command.
        epilog: the end of its help.
    """
    parser = Parser(
        prog=prog,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--version", action="store_true", help="Print the version and exit."
    )
    add_options(parser, Options)
    parser.add_argument(
        "--json", action="store_true", help="Print one JSON object and nothing else."
    )
    return parser


def add_options(
    parser: argparse.ArgumentParser, kind: type, *, besides: Collection[str] = ()
) -> None:
    """Add a flag for each option, group by group.

    Args:
        parser: gets the flags.
        kind: the dataclass of the options.
        besides: options whose flag the parser has already.
    """
    for title in GROUPS:
        group: argparse._ActionsContainer = parser
        # argparse would show the heading of a group without options.
        if title in _groups(kind) - {""}:
            group = parser.add_argument_group(title)
        for option in fields(kind):
            if option.metadata["about"].group == title and option.name not in besides:
                _add_flag(group, option)


def _groups(kind: type) -> set[str]:
    return {option.metadata["about"].group for option in fields(kind)}


def given_options(given: argparse.Namespace, kind: type = Options) -> dict[str, Any]:
    """Return the options among parsed flags: those that were given."""
    names = {option.name for option in fields(kind)}
    return {name: value for name, value in vars(given).items() if name in names}


def _add_flag(group: argparse._ActionsContainer, option: Field[Any]) -> None:
    about: About = option.metadata["about"]
    flag = flag_name(option.name)
    # argparse reads % as the start of a placeholder.
    sentence = about.help(option.default).replace("%", "%%")
    if not about.metavar:
        group.add_argument(
            flag, action="store_true", default=argparse.SUPPRESS, help=sentence
        )
        return
    group.add_argument(
        flag,
        action="append" if about.repeats else "store",
        type=about.parse,
        default=argparse.SUPPRESS,
        metavar=about.metavar,
        help=sentence,
    )
