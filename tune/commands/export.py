"""tune export STUDY --to NAME [--out FILE]"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tune.commands import (
    NO_CONFIG,
    print_notice,
    print_result,
    run_command,
)
from tune.commands.parser import Parser
from tune.safety.escape import for_terminal, json_for_terminal

DESCRIPTION = (
    "Write the winner of a study for an agent framework, or its whole search for another tool. "
    "Nothing is sent and nothing is spent. No "
    "exported file holds a key."
)

EPILOG = """\
exports:
  autogen          AutoGen classic and AG2 classic: llm_config, OAI_CONFIG_LIST, a client that votes
  ag2              AG2 1.x
  agentchat        AutoGen agentchat 0.7: a client class, and a component in JSON
  agent-framework  Microsoft Agent Framework
  openai-agents    the OpenAI Agents SDK
  langchain        LangChain's ChatOpenAI
  litellm          LiteLLM
  openai           the openai package: keywords, and functions that call
  promptfoo        a provider and a prompt in YAML

exports of the whole search:
  optuna           an Optuna storage for optuna-dashboard: --out FILE.db (SQLite) or FILE.log
  csv, parquet     a table with every configuration that was read

Each file says what it cannot carry, and how to get that. Exit status: 0 done, 2 bad input, 5 no
configuration keeps the limits of the study.
"""


def build_export_parser() -> argparse.ArgumentParser:
    """Return a parser for every flag of an export."""
    parser = Parser(
        prog="tune export",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "best", metavar="BEST.JSON", help="the best.json of a study, or its folder"
    )
    parser.add_argument(
        "--to", required=True, metavar="NAME", help="The export; see below."
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="Write it there: a file, or a folder. A new name without a suffix is a folder. Files "
        "that belong to it are written beside it. "
        "The default is standard output.",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="Print one JSON object and nothing else.",
    )
    return parser


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit status."""
    given = build_export_parser().parse_args(argv)

    def work() -> int:
        from tune.export import LimitBroken, export_name, make_export
        from tune.followup.search_export import NAMES

        if given.to in NAMES:
            return _export_search(given)
        # A wrong name is told before a wrong file.
        name = export_name(given.to)
        place = _place(given.best)
        try:
            made = make_export(_read(place), name, repr(str(place)))
        except LimitBroken as error:
            print_notice(str(error))
            return NO_CONFIG
        written = [] if given.out is None else made.write(given.out)
        if given.json:
            record = {
                "export": made.name,
                "files": dict(made.files),
                "notes": list(made.notes),
                "written": [str(path) for path in written],
            }
            return print_result(json_for_terminal(record))
        for sentence in made.notes:
            print_notice(sentence)
        if written:
            return print_result(
                for_terminal("\n".join(f"wrote {path}" for path in written))
            )
        others = list(made.files)[1:]
        if others:
            print_notice(f"--out FOLDER also writes {', '.join(others)}")
        return print_result(for_terminal(made.text.rstrip("\n")))

    return run_command(work, resumes=False)


def _export_search(given: argparse.Namespace) -> int:
    from tune.followup.search_export import export_search

    made = export_search(given.best, given.to, given.out)
    for sentence in made.notes:
        print_notice(sentence)
    if given.json:
        written = [] if made.written is None else [str(made.written)]
        record = {"export": made.name, "notes": list(made.notes), "written": written}
        return print_result(json_for_terminal(record))
    if made.written is not None:
        return print_result(for_terminal(f"wrote {made.written}"))
    return print_result(for_terminal(made.text.rstrip("\n")))


def _place(best: str) -> Path:
    place = Path(best)
    return place / "best.json" if place.is_dir() else place


def _read(place: Path) -> Any:
    """Return the content of a best.json.

    Raises:
        InputError: it cannot be read, or is no JSON.
    """
    from tune.errors import InputError
    from tune.safety.untrusted import read_file, read_json

    try:
        return read_json(read_file(place))
    except OSError as error:
        raise InputError(
            f"{str(place)!r} cannot be read: {error.strerror}; give the best.json of a finished "
            "study, or its folder"
        ) from None
    except ValueError as error:
        raise InputError(f"{str(place)!r} is no JSON: {error}") from None
