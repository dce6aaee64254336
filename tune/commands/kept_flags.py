"""The flags of commands that read a study again by its folder alone."""

from __future__ import annotations

import argparse
from typing import Any

OPTIONS = ("data", "space", "store")
"""Options of a study that may be elsewhere now."""


def add_kept_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say where a study's data, space and store are now, and `--json`."""
    parser.add_argument(
        "--data", metavar="FILE", help="the study's data, if the file was moved"
    )
    parser.add_argument(
        "--space", metavar="FILE", help="the study's space, if the file was moved"
    )
    parser.add_argument(
        "--store", metavar="URL", help="the study's store, if it was moved"
    )
    parser.add_argument(
        "--allow-import",
        action="store_true",
        help="import modules that the study's journal names (its metric, say)",
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object and nothing else"
    )


def read_kept_flags(given: argparse.Namespace) -> dict[str, Any]:
    """Return the values of these flags that were given."""
    found: dict[str, Any] = {"allow_import": given.allow_import}
    for name in OPTIONS:
        if getattr(given, name) is not None:
            found[name] = getattr(given, name)
    return found
