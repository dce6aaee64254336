"""The command lines of the benchmarks: their help, and the commit that a result names."""

from __future__ import annotations

import argparse
import subprocess


def make_parser(doc: str | None) -> argparse.ArgumentParser:
    """Make a parser whose help is the docstring of a benchmark.

    Args:
        doc: its first line is the command that runs the benchmark; the rest describes it.
    """
    command, _, description = (doc or "").partition("\n")
    # The name of the module ends the command; options and arguments may follow it.
    words = command.split()
    end = words.index("-m") + 2
    return argparse.ArgumentParser(
        prog=" ".join(words[:end]),
        description=description.strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def commit() -> str:
    """Return the short hash of the commit that is checked out; "unknown" outside a repository."""
    said = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    )
    return said.stdout.strip() or "unknown"
